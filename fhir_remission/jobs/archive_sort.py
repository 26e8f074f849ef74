"""Where each resource of an archive goes: to its patient, to what all may point to, or nowhere."""

from __future__ import annotations

import re

import msgspec

from fhir_remission.effects.spool import LONGEST, TakesRows, partition_of
from fhir_remission.errors import InputError
from fhir_remission.fhir.bundle import Damaged, Page, as_bundle, damaged, read_bundle
from fhir_remission.fhir.documents import damage_of_page, read_documents
from fhir_remission.fhir.queries import EVIDENCE
from fhir_remission.fhir.references import named, parse_literal
from fhir_remission.fhir.routing import Glance, address_key, reference_key, subject_key
from fhir_remission.fhir.wire import (
    READ_TYPES,
    UNREADABLE,
    Device,
    Entry,
    Header,
    Medication,
    Patient,
    Specimen,
    decode_resource,
)
from fhir_remission.jobs.archive_parts import (
    FLAW,
    IDENTITIES,
    LISTED,
    NAMED,
    PEOPLE,
    RESOURCE,
    SHARED,
    SPECIAL,
    Flaw,
    Split,
)

_TYPE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_SHARED = frozenset({"Medication", "Device", "Specimen"})
_HEADER = msgspec.json.Decoder(Header)
# Subjects repeat; forgetting them all now and then keeps memory flat.
_REMEMBERED = 15_000


class Sorter:
    """Sends the resources of one part on, and keeps account of what could not be read."""

    def __init__(self, part: int, file: str, spool: TakesRows, partitions: int) -> None:
        self._part = part
        self._file = file
        self._spool = spool
        self._partitions = partitions
        self._places: dict[bytes, tuple[bytes, int]] = {}
        self._named: set[str] = set()
        self._flaws: list[Flaw] = []
        self._more = 0
        self._kept = 0
        self._unassigned = 0

    def result(self, name: str) -> Split:
        """Write what is held and give account."""
        return Split(
            index=self._part,
            spool=name,
            lengths=self._spool.finish(),
            kept=self._kept,
            flaws=tuple(self._flaws),
            more_flaws=self._more,
            named=bool(self._named),
            unassigned=self._unassigned,
        )

    def keep(
        self, number: int, line: bytes, offset: int, glance: Glance, kind: int = RESOURCE
    ) -> None:
        """Send one line on: most are an ordinary resource of a patient that was seen before."""
        subject = bytes(glance.subject)
        found = self._places.get(subject)
        if found is None or kind or glance.resource_type in _SHARED:
            self._keep_other(number, line, offset, glance, kind)
            return
        self._kept += 1
        name = (glance.id or "").encode()
        self._spool.put(found[1], found[0], name, line, (self._part, number, offset))

    def _keep_other(self, number: int, line: bytes, offset: int, glance: Glance, kind: int) -> None:
        """A subject seen for the first time, a Patient, or something that patients share."""
        subject = bytes(glance.subject)
        try:
            key = subject_key(subject)
        except UNREADABLE as error:
            self.unreadable(number, line, offset, error)
            return
        ordinary = glance.resource_type not in _SHARED and glance.resource_type != "Patient"
        if ordinary and key.startswith("Patient/") and len(key) < LONGEST:
            at = (self._part, number, offset)
            self._keep_new(subject, key, (glance.id or "").encode(), line, at, kind)
            return
        try:
            resource = decode_resource(line)
        except UNREADABLE as error:
            self.unreadable(number, line, offset, error)
            return
        if not isinstance(resource, str):
            self.entry(Entry(resource=resource), number, line, offset, kind)

    def _keep_new(
        self,
        subject: bytes,
        key: str,
        name: bytes,
        line: bytes,
        at: tuple[int, int, int],
        kind: int,
    ) -> None:
        if len(self._places) > _REMEMBERED:
            self._places.clear()
        encoded = key.encode()
        place = encoded, partition_of(encoded, self._partitions)
        self._places[subject] = place
        self._kept += 1
        if not kind:
            self._spool.put(place[1], encoded, name, line, at)
            return
        self._spool.add(
            place[1], encoded, line, task=at[0], number=at[1], offset=at[2], kind=kind, id=name
        )

    def entry(
        self, entry: Entry, number: int, body: bytes, offset: int, kind: int = RESOURCE
    ) -> None:
        """Send one decoded resource on."""
        resource = entry.resource
        key = self._key(entry, f"{self._part}:{number}")
        if isinstance(resource, Patient):
            self._person(entry, key, number)
        if isinstance(resource, Medication | Device | Specimen):
            self._share(entry, number, body)
            if not isinstance(resource, Specimen):
                return
        if not key:
            self._unassigned += 1
            return
        if not key.startswith("Patient/"):
            self._use(key, number)
        self._add(key, entry, (number, offset), body, kind)

    def _add(self, key: str, entry: Entry, at: tuple[int, int], body: bytes, kind: int) -> None:
        encoded = key.encode()[:LONGEST]
        self._kept += 1
        self._spool.add(
            partition_of(encoded, self._partitions),
            encoded,
            body,
            task=self._part,
            number=at[0],
            offset=at[1],
            kind=kind,
            id=(entry.resource.id or "").encode()[:LONGEST],
            address=entry.full_url.encode()[:LONGEST],
            place=entry.place.encode()[:LONGEST],
        )

    def _key(self, entry: Entry, place: str) -> str:
        resource = entry.resource
        if isinstance(resource, Patient):
            return entry.ref if resource.id or entry.full_url else f"Patient at {place}"
        if isinstance(resource, Medication | Device) or resource.subject is None:
            return ""
        return reference_key(resource.subject)

    def _person(self, entry: Entry, key: str, number: int) -> None:
        """Note which other names the same person may have."""
        resource = entry.resource
        assert isinstance(resource, Patient)  # noqa: S101 - the caller looked
        names = [address_key(entry.full_url)] if entry.full_url else []
        for link in resource.link or []:
            if link.type == "replaced-by" and link.other is not None:
                names.append(reference_key(link.other))
        encoded = key.encode()[:LONGEST]
        for name in names:
            if name and name != key:
                self._special(PEOPLE, encoded, name, number)
        for identifier in resource.identifier or []:
            if named(identifier):
                self._special(IDENTITIES, encoded, named(identifier), number)

    def _use(self, key: str, number: int) -> None:
        if key not in self._named:
            if len(self._named) > _REMEMBERED:
                self._named = {""}
            self._named.add(key)
            self._special(NAMED, key.encode()[:LONGEST], "", number)

    def _share(self, entry: Entry, number: int, body: bytes) -> None:
        names = {entry.full_url} | ({entry.ref} if entry.resource.id else set())
        for name in names - {""}:
            self._spool.add(
                self._partitions + SHARED,
                name.encode()[:LONGEST],
                body,
                task=self._part,
                number=number,
                address=entry.full_url.encode()[:LONGEST],
                place=entry.place.encode()[:LONGEST],
            )

    def _special(self, which: int, key: bytes, text: str, number: int) -> None:
        self._spool.add(
            self._partitions + which, key, text.encode(), task=self._part, number=number
        )

    def bundle(self, number: int, line: bytes, offset: int) -> None:
        """Send on what a Bundle in one line holds."""
        try:
            bundle = as_bundle(line)
        except UNREADABLE as error:
            self.unreadable(number, line, offset, error)
            return
        if bundle is not None:
            page = read_bundle(bundle, name="")
            self._page(page, number, offset)

    def _page(self, page: Page, number: int, offset: int) -> None:
        for item in page.entries:
            self.entry(item, number, msgspec.json.encode(item.resource), offset)
        for damage in (*page.damage, *damage_of_page(page, name="")):
            self._damage(damage, number, offset)

    def document(self, body: bytes) -> None:
        """Send on what a file holds that is one document."""
        try:
            kind = _HEADER.decode(body).resource_type or ""
        except UNREADABLE:
            kind = ""
        ignored = kind and kind != "Bundle" and kind not in READ_TYPES
        if ignored or not body.strip():
            return
        try:
            for number, item in enumerate(read_documents([body], name="")):
                if isinstance(item, Damaged):
                    self._damage(item, number, 0)
                else:
                    self.entry(item, number, msgspec.json.encode(item.resource), 0)
        except InputError as error:
            self.flaw(0, str(error).removeprefix(": "))

    def unreadable(self, number: int, line: bytes, offset: int, error: Exception | None) -> None:
        """Account for a line that could not be decoded: to its patient, if it can be told."""
        if error is None:
            try:
                decode_resource(line)
                return
            except UNREADABLE as found:
                error = found
        self._damage(damaged(line, "", error), number, offset)

    def _damage(self, item: Damaged, number: int, offset: int) -> None:
        literal = parse_literal(item.subject)
        patient = literal.relative if literal is not None and literal.type == "Patient" else ""
        harmless = item.resource_type not in ("", *EVIDENCE)
        self.flaw(offset, item.reason, patient=patient, harmless=harmless)
        if patient and not harmless:
            key = patient.encode()[:LONGEST]
            self._spool.add(
                partition_of(key, self._partitions),
                key,
                msgspec.json.encode(item),
                task=self._part,
                number=number,
                offset=offset,
                kind=FLAW,
                place=item.place.encode()[:LONGEST],
            )

    def flaw(self, offset: int, reason: str, *, patient: str = "", harmless: bool = False) -> None:
        """Name damage; the first ones of a part in full, and always one that hides anybody's."""
        hides = not patient and not harmless
        if len(self._flaws) < LISTED or (hides and not any(_hides(one) for one in self._flaws)):
            self._flaws.append(Flaw(self._file, offset, reason, patient, harmless))
        else:
            self._more += 1


def _hides(flaw: Flaw) -> bool:
    return not flaw.patient and not flaw.harmless


def type_of_long_line(line: bytes) -> str:
    """The type of a resource whose line is too long to read, from how it begins."""
    found = _TYPE.match(line)
    return found[1].decode() if found else ""


def files_of(partitions: int) -> int:
    """How many files a spool has."""
    return partitions + SPECIAL
