"""What came in to answers and an account: the middle of every job that reads files or pipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence

from msgspec import Struct, field

from fhir_remission.domain.answer.accounting import Account, Place
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.effects.files.mapping_files import load_issue_codes
from fhir_remission.fhir.incoming.damage import UNREAD, Damaged, Deleted
from fhir_remission.fhir.incoming.documents import Item, read_documents
from fhir_remission.fhir.incoming.grouping import KEPT, Groups, group_by_patient
from fhir_remission.fhir.incoming.holders import all_taken_back
from fhir_remission.fhir.incoming.pages import PageEnds, lacking
from fhir_remission.fhir.incoming.retractions import Doubted, doubt
from fhir_remission.fhir.incoming.versions import restored
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, WITHIN, holds_evidence
from fhir_remission.fhir.r4.wire import Entry, Patient, Specimen
from fhir_remission.fhir.reading.relevance import may_matter, no_patient
from fhir_remission.jobs.judging.judging import LINKED, Judge

# An assumption of everybody, where damage that somebody accepts may have hidden evidence.
UNATTRIBUTED = "archive-complete"
# Where an entry goes with several patients, the first of these that any of them found.
_ORDER: tuple[Place, ...] = ("used", "skipped", "superseded", "duplicate", "irrelevant", "deleted")


class Judged(Struct, frozen=True):
    """One patient's assessments by every set, oldest first, or why there are none."""

    patient: str
    assessments: tuple[tuple[Assessment, ...], ...] = ()
    incomplete: str = ""
    record: PatientRecord | None = None
    """What was judged; None where it is incomplete."""


class Incoming(Struct):
    """What came in, before anybody is judged."""

    entries: list[Entry] = []
    damage: list[Damaged] = []
    pages: list[PageEnds] = []
    deleted: set[str] | frozenset[str] = set()
    since: MutableMapping[str, str] = {}
    """When it was deleted, by name (`versions.rank_text`)."""
    broken: frozenset[str] = frozenset()
    """What some version of cannot be read, wherever that version was found."""
    doubted: MutableMapping[str, str] = {}
    """What something else takes back, by name, and why."""
    elsewhere: Mapping[str, str] = {}
    """What holders take back, by name, and why, where the entries are a part of all."""
    nobodys: frozenset[str] = frozenset()
    """Identifiers that tell nobody apart among all of whom this is a part."""
    account: Account = field(default_factory=Account)

    def take(self, item: Item) -> None:
        """Take in one thing that was read."""
        if isinstance(item, Entry):
            self.entries.append(item)
        elif isinstance(item, Deleted):
            self.account.end("deleted")
            if not item.undone:
                self.deleted |= {item.ref}
                self.since[item.ref] = max(item.rank, self.since.get(item.ref, ""))
        elif isinstance(item, Doubted):
            self.doubted.setdefault(item.ref, item.reason)
        elif isinstance(item, PageEnds):
            self.pages.append(item)
        else:
            self.account.end("damaged", item.kind != "incomplete")
            self.damage.append(item)


class Answers(Struct, frozen=True):
    """Everybody judged, what is wrong with the input, and where all of it ended."""

    judged: tuple[Judged, ...]
    damage: tuple[Damaged, ...]
    account: Account

    @property
    def complaints(self) -> tuple[str, ...]:
        """What a person should know, a line each."""
        lines = [f"{item.place}: {item.reason}" for item in self.damage]
        return (*lines, str(self.account)) if lines or self.account.lost else ()

    @property
    def exit_code(self) -> int:
        """3 where something is wrong with the input, or where we lost some of it."""
        return 3 if self.damage or self.account.lost else 0


def read_incoming(chunks: Iterable[bytes], name: str) -> Incoming:
    """Everything a text holds."""
    given = Incoming()
    harmless = load_issue_codes()
    for item in read_documents(chunks, name=name, harmless=harmless, account=given.account):
        given.take(item)
    return given


def judge_incoming(
    given: Incoming,
    judge: Judge,
    *,
    beside: Sequence[Entry] = (),
    withheld: str = "",
    doubts: tuple[str, ...] = (),
) -> Answers:
    """Everybody of these entries, sorted; `beside` holds what they may only point to.

    Damage that nobody can attribute may be anybody's evidence: nobody is judged (`withheld`),
    unless somebody accepts it as one of the `doubts` of every answer.
    """
    judge = judge.where_specimens(
        come=judge.reading.specimens or _specimens_came((*given.entries, *beside), given)
    )
    doubt((*given.entries, *beside), given.doubted)
    groups = group_by_patient(given.entries, beside=beside, nobodys=given.nobodys)
    damage = [*given.damage, *lacking(given.pages), *_end_lost(groups, given.account, judge)]
    touched = _touched(damage, groups, given.broken)
    if not doubts and not withheld:
        withheld = next((_told(one) for one in damage if _concerns_somebody(one)), "")
    elsewhere = given.elsewhere or all_taken_back(given.entries)
    gone, back = frozenset(given.deleted), restored(given.entries, given.since)
    reading = _Reading(judge, gone - back if back else gone, doubts, elsewhere)
    found = []
    for patient in sorted({*groups.patients, *touched}):
        one = reading.judged(patient, groups, touched, withheld)
        found += [one] if one is not None else []
    ended = {id(entry) for entry in (*groups.lost, *groups.others)}
    reading.end([one for one in given.entries if id(one) not in ended], given.account)
    return Answers(tuple(found), tuple(damage), given.account)


def _specimens_came(entries: Iterable[Entry], given: Incoming) -> bool:
    """Whether Specimens come at all: then one that a result names and that does not is a gap."""
    gone = any(ref.startswith("Specimen/") for ref in given.deleted)
    lost = any(one.resource_type == "Specimen" or _is_nameless(one) for one in given.damage)
    return gone or lost or any(isinstance(entry.resource, Specimen) for entry in entries)


def _is_nameless(item: Damaged) -> bool:
    """Whether it is a resource of nobody knows which type."""
    return item.kind != "incomplete" and item.resource_type not in TYPE_NAMES


def _end_lost(groups: Groups, account: Account, judge: Judge) -> list[Damaged]:
    """Account for what belongs to no patient; what of it may be somebody's evidence."""
    lost = []
    for entry in groups.lost:
        if may_matter(entry.resource, judge.mappings):
            account.end("unassigned")
            place, kind = entry.place or entry.ref, entry.resource.type_name
            reason = no_patient(entry.resource)
            lost.append(Damaged(place=place, reason=reason, resource_type=kind))
        else:
            account.end("irrelevant")
    for entry in groups.others:
        if holds_evidence(entry.resource.contained):
            lost.append(Damaged(place=entry.place or entry.ref, reason=WITHIN, kind="incomplete"))
        account.end("used" if isinstance(entry.resource, KEPT) else "irrelevant")
    return lost


class _Reading:
    """Judges one patient after the other, and remembers where each entry ended."""

    def __init__(
        self,
        judge: Judge,
        deleted: frozenset[str],
        doubts: tuple[str, ...],
        elsewhere: Mapping[str, str],
    ) -> None:
        self._judge, self._deleted, self._doubts = judge, deleted, doubts
        self._elsewhere = elsewhere
        self._places: dict[int, Place] = {}

    def judged(
        self, patient: str, groups: Groups, touched: Mapping[str, str], withheld: str
    ) -> Judged | None:
        """One patient; None where nothing in the input concerns the criteria."""
        entries = groups.patients.get(patient, [])
        record, places = self._judge.read(
            patient,
            entries,
            doubts=(*self._doubts, *([LINKED] if patient in groups.linked else [])),
            deleted=self._deleted,
            one_sided=patient in groups.one_sided,
            elsewhere=self._elsewhere,
        )
        for entry, place in zip(entries, places, strict=True):
            known = self._places.get(id(entry), place)
            self._places[id(entry)] = min(place, known, key=_ORDER.index)
        # A record that was merged into this one counts as this one.
        names = {patient, *(e.ref for e in entries if isinstance(e.resource, Patient))}
        why = next((touched[name] for name in sorted(names) if name in touched), "")
        if why:
            return Judged(patient, incomplete=why)
        if not _concerns(record) and not any(isinstance(e.resource, Patient) for e in entries):
            return None
        if withheld:
            return Judged(patient, incomplete=f"evidence may be missing: {withheld}")
        found = tuple(assessments for _, assessments in self._judge.assess(record))
        return Judged(patient, found, record=record)

    def end(self, entries: Iterable[Entry], account: Account) -> None:
        """Account for what went with some patient, once though it may be with several."""
        for entry in entries:
            place = self._places.get(id(entry))
            if place is not None:
                account.end(place)


def _concerns(record: PatientRecord) -> bool:
    found = (record.results, record.events, record.claims, record.skipped, record.resembling)
    return any(found)


def _touched(damage: Iterable[Damaged], groups: Groups, broken: Iterable[str]) -> dict[str, str]:
    """Patients of whom evidence is known to be missing, and why: nothing is said of them.

    A version that cannot be read may have moved its result from somebody, or changed it.
    """
    hiding = [item for item in damage if item.hides_evidence]
    touched = {item.patient: _told(item) for item in hiding if item.patient}
    newer = {ref: f"another version of {ref} cannot be read" for ref in broken}
    newer |= {item.ref: _told(item) for item in hiding if item.ref}
    for patient, entries in groups.patients.items() if newer else ():
        names = (name for one in entries for name in (one.ref, f"{UNREAD}/{one.resource.id}"))
        why = next((newer[name] for name in names if name in newer), "")
        if why:
            touched.setdefault(patient, why)
    return touched


def _told(item: Damaged) -> str:
    return f"{item.place}: {item.reason}"


def _concerns_somebody(item: Damaged) -> bool:
    """Whether it may be evidence of somebody, and nobody knows of whom: a doubt about all."""
    return item.hides_evidence and not item.patient
