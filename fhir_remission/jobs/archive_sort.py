"""Where each resource of an archive goes: to its patient, to what all may point to, or nowhere."""

from __future__ import annotations

import re

import msgspec

from fhir_remission.effects.spool import Row, TakesRows, partition_of, short
from fhir_remission.errors import InputError
from fhir_remission.fhir.bundle import Damaged, Page, as_bundle, damaged, read_bundle
from fhir_remission.fhir.documents import damage_of_page, read_documents
from fhir_remission.fhir.merges import KINDS as MERGED
from fhir_remission.fhir.queries import EVIDENCE
from fhir_remission.fhir.references import named, parse_literal
from fhir_remission.fhir.routing import (
    Glance,
    address_key,
    plain_key,
    reference_key,
    subject_key,
)
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
# Names repeat; forgetting them all now and then keeps memory flat.
_REMEMBERED = 15_000


class Sorter:
    """Sends the resources of some parts on, and keeps account of what could not be read."""

    def __init__(self, spool: TakesRows, partitions: int) -> None:
        self._parts: list[int] = []
        self._part = -1
        self._file = ""
        self._spool = spool
        self._partitions = partitions
        self._named: set[str] = set()
        self._flaws: list[Flaw] = []
        self._more = 0
        self._kept = 0
        self._unassigned = 0

    def begin(self, part: int, file: str) -> None:
        """What comes now is of this part."""
        self._parts.append(part)
        self._part, self._file = part, file

    def result(self, name: str) -> Split:
        """Write what is held and give account."""
        return Split(
            parts=tuple(self._parts),
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
        """Send one line on: most are an ordinary resource that names its patient plainly."""
        key = None if kind or glance.resource_type in _SHARED else plain_key(glance.subject)
        if key is None:
            self._keep_other(number, line, offset, glance, kind)
            return
        self._kept += 1
        name = (glance.id or "").encode()
        at = self._part, number, offset
        self._spool.put(partition_of(key[1], self._partitions), key[1], name, line, at)

    def _keep_other(self, number: int, line: bytes, offset: int, glance: Glance, kind: int) -> None:
        """A Patient, something that patients share, or a subject that is written otherwise."""
        shared = glance.resource_type in _SHARED or glance.resource_type == "Patient"
        try:
            key = "" if shared else subject_key(bytes(glance.subject))
            if key.startswith("Patient/"):
                self._add(key, number, line, offset, kind, glance.id or "")
                return
            resource = decode_resource(line)
        except UNREADABLE as error:
            self.unreadable(number, line, offset, error)
            return
        if not isinstance(resource, str):
            self.entry(Entry(resource=resource), number, line, offset, kind)

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
        name = entry.resource.id or ""
        self._add(key, number, body, offset, kind, name, entry.full_url, entry.place)

    def _add(
        self,
        key: str,
        number: int,
        body: bytes,
        offset: int,
        kind: int,
        name: str,
        address: str = "",
        place: str = "",
    ) -> None:
        self._kept += 1
        row = Row(self._part, number, key, body, offset, kind, name, address, place)
        self._spool.add(partition_of(short(key), self._partitions), row)

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
            if link.type in MERGED and link.other is not None:
                names.append(reference_key(link.other))
        for name in names:
            if name and name != key:
                self._special(PEOPLE, key, name, number)
        for identifier in resource.identifier or []:
            if named(identifier):
                self._special(IDENTITIES, key, named(identifier), number)

    def _use(self, key: str, number: int) -> None:
        if key not in self._named:
            if len(self._named) > _REMEMBERED:
                self._named = {""}
            self._named.add(key)
            self._special(NAMED, key, "", number)

    def _share(self, entry: Entry, number: int, body: bytes) -> None:
        names = {entry.full_url} | ({entry.ref} if entry.resource.id else set())
        for name in names - {""}:
            row = Row(self._part, number, name, body, address=entry.full_url, place=entry.place)
            self._spool.add(self._partitions + SHARED, row)

    def _special(self, which: int, key: str, text: str, number: int) -> None:
        self._spool.add(self._partitions + which, Row(self._part, number, key, text.encode()))

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
            body = msgspec.json.encode(item)
            row = Row(self._part, number, patient, body, offset, FLAW, place=item.place)
            self._spool.add(partition_of(short(patient), self._partitions), row)

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
