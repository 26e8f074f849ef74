"""Where each resource of an archive goes: to its patient, to what all may point to, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.mapping_files import load_issue_codes
from fhir_remission.effects.files.spool import Row, TakesRows, partition_of, short
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.damage import Damaged, Deleted, damaged
from fhir_remission.fhir.incoming.documents import (
    BESIDE,
    IRRELEVANT,
    Item,
    Told,
    kind_of,
    one_line,
    read_documents,
)
from fhir_remission.fhir.incoming.holders import taken_back
from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.fhir.incoming.retractions import Doubted
from fhir_remission.fhir.incoming.subjects import (
    NOBODY,
    UNKNOWN,
    address_key,
    reference_key,
)
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.references import named
from fhir_remission.fhir.r4.type_names import WITHIN, evidence_within, holds_evidence
from fhir_remission.fhir.r4.wire import (
    UNREADABLE,
    Device,
    Entry,
    Medication,
    Patient,
    Specimen,
    is_withdrawn,
)
from fhir_remission.fhir.reading.relevance import may_matter, no_patient
from fhir_remission.jobs.archive.parts import (
    BROKEN,
    DELETED,
    DOUBTED,
    FLAW,
    HELD,
    IDENTITIES,
    LISTED,
    NAMED,
    PEOPLE,
    RESOURCE,
    SHARED,
    WITHDRAWN,
    Flaw,
    Split,
)
from fhir_remission.jobs.archive.routing import (
    Glance,
    is_later_version,
    plain_key,
    subject_key,
    takes_back,
)
from fhir_remission.jobs.archive.subjects import key_of

_SHARED = frozenset({"Medication", "Substance", "Device", "Specimen"})
# Whose these are is told by more than a subject, or by one that some release writes otherwise.
_READ_WHOLE = _SHARED | {"Patient", "Composition"}
# Names repeat; forgetting them all now and then keeps memory flat.
_REMEMBERED = 15_000


class Sorter:
    """Sends the resources of some parts on, and keeps account of what could not be read."""

    def __init__(self, spool: TakesRows, partitions: int, mappings: Mappings) -> None:
        self._parts: list[int] = []
        self._part, self._file = -1, ""
        self._spool, self._partitions, self._mappings = spool, partitions, mappings
        self._named: set[str] = set()
        self._flaws: list[Flaw] = []
        self._pages: list[PageEnds] = []
        self._more = self._kept = 0
        self.account = Account()
        self._told = Told("", load_issue_codes(), self.account)

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
            pages=tuple(self._pages),
            named=bool(self._named),
            account=self.account,
        )

    def keep(
        self, number: int, line: bytes, offset: int, glance: Glance, kind: int = RESOURCE
    ) -> None:
        """Send one line on: most are an ordinary resource that names its patient plainly."""
        self._held(takes_back(glance, line), number)
        key = None if glance.resource_type in _SHARED else plain_key(glance.subject)
        if key is None:
            self._keep_other(number, line, offset, glance, kind)
            return
        if not kind and is_later_version(glance) and self.unreadable(number, line, offset, None):
            return  # whoever has an older one of it must know, whosoever that is
        self._kept += 1
        name = (glance.id or "").encode()
        at = self._part, number, offset, kind
        self._spool.put(partition_of(key[1], self._partitions), key[1], name, line, at)

    def _keep_other(self, number: int, line: bytes, offset: int, glance: Glance, kind: int) -> None:
        """A Patient, something that patients share, or a subject that is written otherwise."""
        try:
            key = "" if glance.resource_type in _READ_WHOLE else subject_key(bytes(glance.subject))
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
        self._held(taken_back(entry), number)
        key = key_of(entry, f"{self._part}:{number}", self._mappings)
        if isinstance(resource, Patient):
            self._person(entry, key, number)
        if isinstance(resource, Medication | Device | Specimen):
            self._share(entry, number, body)
        if isinstance(resource, Medication | Device) or key in (UNKNOWN, NOBODY):
            self._end_without_patient(entry, key, offset)
            return
        if not key.startswith("Patient/"):
            self._use(key, number, WITHDRAWN if is_withdrawn(resource) else "")
        name = entry.resource.id or ""
        self._add(key, number, body, offset, kind, name, entry.full_url, entry.place)

    def _held(self, names: Iterable[Doubted], number: int) -> None:
        for one in names:
            self._special(DELETED, f"{HELD}{one.ref}\t{one.reason}", "", number)

    def _end_without_patient(self, entry: Entry, key: str, offset: int) -> None:
        """Account for what is kept for others, is about no patient, or names none."""
        resource = entry.resource
        kept = isinstance(resource, Medication | Device | Specimen)
        if (kept or key == NOBODY) and holds_evidence(resource.contained):
            self.flaw(offset, WITHIN)
        if kept:
            self.account.end("used")
        elif is_withdrawn(resource):
            # Some servers show nothing but id and status of it (US Core, general guidance).
            self._special(DELETED, entry.ref, "", 0)
            self.account.end("irrelevant")
        elif key == NOBODY or not may_matter(resource, self._mappings):
            self.account.end("irrelevant")
        else:
            self.account.end("unassigned")
            self.flaw(offset, no_patient(resource))

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

    def _person(self, entry: Entry, key: str, number: int) -> None:
        """Note which other names the same person may have."""
        resource = entry.resource
        assert isinstance(resource, Patient)  # noqa: S101 - the caller looked
        names = [address_key(entry.full_url)] if entry.full_url else []
        names += [reference_key(one.other) for one in resource.link or [] if one.other is not None]
        for name in sorted({*names} - {"", key}):
            self._special(PEOPLE, key, name, number)
        # Whoever names a patient by an identifier or a strange address may mean this one, too.
        for name in {named(one) for one in resource.identifier or []} or {""}:
            self._special(IDENTITIES, key, name, number)

    def _use(self, key: str, number: int, mark: str) -> None:
        if key not in self._named:
            if len(self._named) > _REMEMBERED:
                self._named = {""}
            self._named.add(key)
            self._special(NAMED, key, mark, number)

    def _share(self, entry: Entry, number: int, body: bytes) -> None:
        names = {entry.full_url} | ({entry.ref} if entry.resource.id else set())
        for name in names - {""}:
            row = Row(self._part, number, name, body, address=entry.full_url, place=entry.place)
            self._spool.add(self._partitions + SHARED, row)

    def _special(self, which: int, key: str, text: str, number: int) -> None:
        self._spool.add(self._partitions + which, Row(self._part, number, key, text.encode()))

    def other(self, number: int, line: bytes, offset: int, kind: str) -> None:
        """A line that holds others, or is of no interest, an outcome, or damage."""
        if kind in IRRELEVANT and not evidence_within(line):
            self.account.add(Account(read=1, irrelevant=1))
            return
        try:
            items = list(one_line(line, self._told))
        except UNREADABLE as error:
            self.account.read += 1
            self.unreadable(number, line, offset, error)
            return
        for item in items:
            self._take(item, number, offset)

    def document(self, body: bytes) -> None:
        """Send on what a file holds that is one document."""
        if not body.strip():
            return
        if (kind := kind_of(body)) in BESIDE:
            self.other(0, body, 0, kind)
            return
        try:
            account = self.account
            items = read_documents([body], name="", harmless=self._told.harmless, account=account)
            for number, item in enumerate(items):
                self._take(item, number, 0)
        except InputError as error:
            self.account.add(Account(read=1, damaged=1))
            self.flaw(0, re.sub(r"^(?::\d+)?: ", "", str(error)))  # the file is told

    def _take(self, item: Item, number: int, offset: int) -> None:
        """One thing of a Bundle or a document, which is counted already."""
        if isinstance(item, Entry):
            self.entry(item, number, msgspec.json.encode(item.resource), offset)
        elif isinstance(item, Deleted):
            self.account.end("deleted")
            for name in item.names:
                self._special(DELETED, name, "", number)
        elif isinstance(item, Doubted):
            self._special(DELETED, f"{DOUBTED}{item.ref}\t{item.reason}", "", number)
        elif isinstance(item, PageEnds):
            self._pages.append(item.at(self._file, offset))
        else:
            self._damage(item, number, offset)

    def unreadable(self, number: int, line: bytes, offset: int, error: Exception | None) -> bool:
        """Account for a line that cannot be decoded: to its patient, if it can be told."""
        if error is None:
            try:
                decode_resource(line)
                return False
            except UNREADABLE as found:
                error = found
        self._damage(damaged(line, "", error), number, offset)
        return True

    def _damage(self, item: Damaged, number: int, offset: int) -> None:
        self.account.end("damaged", item.kind != "incomplete")
        patient, harmless = item.patient, not item.hides_evidence
        self.flaw(offset, item.reason, patient=patient, harmless=harmless)
        if patient and not harmless:
            body = msgspec.json.encode(item)
            row = Row(self._part, number, patient, body, offset, FLAW, place=item.place)
            self._spool.add(partition_of(short(patient), self._partitions), row)
            if item.ref:
                # Its older versions may be another patient's.
                self._special(DELETED, BROKEN + item.ref, "", number)

    def flaw(self, offset: int, reason: str, *, patient: str = "", harmless: bool = False) -> None:
        """Name damage; the first ones of a part in full, and always one that hides anybody's."""
        known = patient or harmless
        if len(self._flaws) < LISTED or not (known or any(o.hides_anybodys for o in self._flaws)):
            self._flaws.append(Flaw(self._file, offset, reason, patient, harmless))
        else:
            self._more += 1
