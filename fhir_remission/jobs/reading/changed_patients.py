"""Who must be read again: patients that are new, changed, due, or cite evidence that is gone.

A delta only ever finds patients. What is judged is always read whole, because a search by time has
false negatives everywhere, and because corrections and merges need everything. Watermarks are made
of the server's clock and move together with the dirty set, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from fhir_remission.effects.process.clock import timestamp
from fhir_remission.effects.server.client import FhirClient, Found
from fhir_remission.effects.server.parallel_reads import Chains
from fhir_remission.effects.state.watermarks import Citation
from fhir_remission.errors import BrokeOff
from fhir_remission.fhir.incoming.screening import patient_of
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.server.queries import Code, Query, by_ids, chunked, delta_queries
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.reading.watermarks import (
    KINDS,
    READ,
    believed,
    parse_read_mark,
    read_mark,
    row_of,
    utc,
    version_of,
    with_overlap,
)

RECHECK = "recheck"


class Looking(Struct, frozen=True):
    """What a look for changes depends on."""

    now: datetime
    """The server's clock before the first question."""
    codes: Sequence[Code]
    rules: str
    """Tables and criteria in one word; another one makes everybody due."""
    reread: timedelta
    recheck: timedelta
    whole_server: bool = False


class Due(Struct, frozen=True):
    """Who must be read, why, and how far the source has then been read."""

    patients: dict[str, str]
    marks: dict[str, str]
    foreign: int = 0
    """Rows of patients outside the cohort in a server-wide answer: dropped and counted."""


def find_due(
    chains: Chains,
    patients: Sequence[str],
    marks: Mapping[str, str],
    cited: Iterable[Citation],
    looking: Looking,
) -> Due:
    """Look for changes since the last run, for bare patient ids."""
    marks = believed(marks, looking.now)
    due = {p: why for p in patients if (why := _why_due(f"Patient/{p}", marks, looking))}
    kinds = _kinds(chains.first.profile)
    rest = [patient for patient in patients if patient not in due]
    if any(kind not in marks for kind in kinds):
        due |= dict.fromkeys(rest, "never looked for changes")
        rest = []
    owners = _owners(rest, marks)
    look = _Look(chains, looking, marks, kinds, owners)
    look.through(_chunks(chains.first.profile, sorted(owners), looking))
    moved = dict(look.moved())
    if _is_older(marks.get(RECHECK, ""), looking.recheck, looking):
        asked = [one for one in (*cited, *_samples(marks)) if one.patient[8:] in owners]
        gone = _changed_citations(chains, asked, look.known)
        look.dirty |= {patient[8:]: why for patient, why in gone.items()}
        moved[RECHECK] = timestamp(looking.now)
    found = {owner: why for p, why in look.dirty.items() for owner in owners.get(p, ())}
    dirty = found | due
    return Due({f"Patient/{p}": why for p, why in dirty.items()}, moved, look.foreign)


def _samples(marks: Mapping[str, str]) -> Iterator[Citation]:
    """The Specimens of what was read of each patient."""
    for name, value in marks.items():
        kind, _, patient = name.partition("|")
        for sample, version in parse_read_mark(value).samples if kind == READ else ():
            yield Citation(f"Specimen/{sample}", version, patient)


def _owners(patients: Iterable[str], marks: Mapping[str, str]) -> dict[str, list[str]]:
    """The records to look at, each with the patients of whom a change there would tell."""
    owners: dict[str, list[str]] = {}
    for patient in patients:
        mark = parse_read_mark(marks.get(read_mark(f"Patient/{patient}"), ""))
        for name in (patient, *sorted(mark.others)):
            owners.setdefault(name, []).append(patient)
    return owners


def _why_due(patient: str, marks: Mapping[str, str], looking: Looking) -> str:
    mark = parse_read_mark(marks.get(read_mark(patient), ""))
    if not mark.at:
        return "new"
    if mark.rules != looking.rules:
        return "tables or criteria changed"
    return "scheduled" if _is_older(mark.at, looking.reread, looking) else ""


def _is_older(mark: str, than: timedelta, looking: Looking) -> bool:
    return mark <= timestamp(looking.now - than)


def _kinds(profile: Profile) -> tuple[str, ...]:
    """The query groups, each with a watermark of its own."""
    if profile.delta == "issued":
        return ("Observation",)
    return tuple(kind for kind in KINDS if kind == "Observation" or profile.can_search(kind))


def _chunks(profile: Profile, patients: Sequence[str], looking: Looking) -> list[tuple[str, ...]]:
    if looking.whole_server or profile.delta == "history":
        return [()] if patients else []
    return chunked(patients, max(1, profile.max_patients))


class _Look:
    """One look through all query groups, chunk by chunk."""

    def __init__(
        self,
        chains: Chains,
        looking: Looking,
        marks: Mapping[str, str],
        kinds: Sequence[str],
        owners: Mapping[str, Sequence[str]],
    ) -> None:
        self._owners = owners
        self._chains, self._looking, self._marks = chains, looking, marks
        self._profile = chains.first.profile
        self._newest = dict.fromkeys(kinds, "")
        self._broken: set[str] = set()
        self.dirty: dict[str, str] = {}
        self.foreign = 0

    def through(self, chunks: Sequence[Sequence[str]]) -> None:
        """Ask what changed of the chunks of patients, or, in an empty one, of the whole server."""
        if self._profile.delta == "history":
            return self._through_history() if chunks else None
        queries = [
            q for chunk in chunks for kind in self._newest for q in self._queries(kind, chunk)
        ]
        found = self._chains.in_order(_asked, queries)
        for query, answer in zip(queries, found, strict=True):
            self._take(query, answer)
        return None

    def moved(self) -> Iterable[tuple[str, str]]:
        """The new watermarks: never ahead of what was seen, never ahead of the server's clock."""
        now = timestamp(self._looking.now)
        for kind, newest in self._newest.items():
            if kind not in self._marks:
                yield kind, now
            elif newest and kind not in self._broken:
                yield kind, max(self._marks[kind], min(now, newest))

    def _queries(self, kind: str, chunk: Sequence[str]) -> list[Query]:
        since = with_overlap(self._marks[kind])
        until = timestamp(self._looking.now)
        listed = delta_queries(chunk, self._looking.codes, since, self._profile, until=until)
        return [query for query in listed if query.resource_type == kind]

    def _take(self, query: Query, found: Found) -> None:
        kind = query.resource_type
        if not found.complete:
            # Who changed is unknown, so everybody asked about may have.
            self._broken.add(kind)
            asked = sorted(query.patients or self._owners)
            self.dirty |= dict.fromkeys(asked, f"changes of {kind} could not be read")
        self._newest[kind] = max(self._newest[kind], utc(found.newest))
        for entry in found.entries:
            patient = patient_of(entry.resource) or ""
            if patient not in self._owners:
                self.foreign += 1
            elif any(row_of(entry) not in self.known(owner) for owner in self._owners[patient]):
                self.dirty.setdefault(patient, f"changed {kind}")

    def known(self, patient: str) -> frozenset[str]:
        """The rows that the last reading of the patient has seen already."""
        return parse_read_mark(self._marks.get(read_mark(f"Patient/{patient}"), "")).fresh

    def _through_history(self) -> None:
        for kind in self._newest:
            changes = self._chains.first.history(kind, with_overlap(self._marks[kind]))
            if changes.incomplete:
                self._broken.add(kind)
                self.dirty |= dict.fromkeys(self._owners, f"changes of {kind} could not be read")
            self._newest[kind] = timestamp(self._looking.now)
            for name, about in changes.changed.items():
                patient = (about or name).removeprefix("Patient/")
                if patient in self._owners:
                    self.dirty.setdefault(patient, f"changed {kind}")
                else:
                    self.foreign += 1


def _asked(client: FhirClient, query: Query) -> Found:
    try:
        return client.search(query)
    except BrokeOff as error:
        # Whoever was asked about is read whole instead.
        return Found(incomplete=(str(error),))


def _changed_citations(
    chains: Chains, cited: Sequence[Citation], known: Callable[[str], frozenset[str]]
) -> dict[str, str]:
    """Whose results rest on something that is gone, or that stands in another version now.

    Where the server counts no versions, the content tells: `known` are the rows that were read.
    """
    by_kind: dict[str, dict[str, list[Citation]]] = {}
    for citation in cited:
        # What lies inside of a report goes with it; lines of a cohort list are no resources.
        found = parse_literal(citation.ref.partition("#")[0])
        if found is not None:
            by_kind.setdefault(found.type, {}).setdefault(found.id, []).append(citation)
    dirty: dict[str, str] = {}
    for kind, ids in by_kind.items():
        queries = by_ids(kind, list(ids), chains.first.profile)
        answers = chains.in_order(FhirClient.search, queries)
        stands = {entry.ref: entry for answer in answers for entry in answer.entries}
        for citation in (one for listed in ids.values() for one in listed):
            entry = stands.get(citation.ref.partition("#")[0])
            version = version_of(entry) if entry else ""
            same = version or (entry and row_of(entry) in known(citation.patient[8:]))
            if not same or version != citation.version:
                dirty[citation.patient] = f"cited {kind} changed or gone"
    return dirty
