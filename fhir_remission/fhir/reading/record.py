"""All resources of one patient to one record, the same whatever their order and repetition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from msgspec import structs

from fhir_remission.domain.answer.accounting import Place
from fhir_remission.domain.nouns.inputs import (
    Claim,
    Event,
    PatientRecord,
    Result,
    Skipped,
)
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.grouping import KEPT
from fhir_remission.fhir.incoming.holders import LIVE
from fhir_remission.fhir.incoming.subjects import subject_of
from fhir_remission.fhir.incoming.versions import Current, latest
from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.references import Index, index_of, named
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import (
    Condition,
    DiagnosticReport,
    Entry,
    MedicationAdministration,
    Observation,
    Patient,
    Procedure,
    Specimen,
)
from fhir_remission.fhir.reading.condition import EventsRead, read_condition
from fhir_remission.fhir.reading.context import Context, Reading, is_our_device, is_ours
from fhir_remission.fhir.reading.endings import (
    End,
    Ending,
    Read,
    ending_of,
    hidden_part,
    is_deleted,
    is_invented,
    places_of,
    told_deleted,
)
from fhir_remission.fhir.reading.holding import disowned, held
from fhir_remission.fhir.reading.members import missing_in, place_gaps
from fhir_remission.fhir.reading.observation import ObservationRead, read_observation
from fhir_remission.fhir.reading.person import Person, cohort_events, person_of
from fhir_remission.fhir.reading.procedure import read_administration, read_procedure
from fhir_remission.fhir.reading.reports import read_conclusions
from fhir_remission.fhir.reading.settled import settled

__all__ = ["Reading", "read_record"]

_READERS: dict[str, Callable[[Current, Context], Read]] = {
    Observation.type_name: read_observation,
    Condition.type_name: read_condition,
    Procedure.type_name: read_procedure,
    MedicationAdministration.type_name: read_administration,
    DiagnosticReport.type_name: read_conclusions,
}
# What a report holds is read as such: it supports others whatever it concludes.
_EVIDENCE = _READERS.keys() - {DiagnosticReport.type_name}


_EVENTS = (Condition, Procedure, MedicationAdministration)


def read_record(
    patient: str, entries: Sequence[Entry], mappings: Mappings, reading: Reading
) -> PatientRecord:
    """Read everything known of one patient; `entries` are this patient's (see `grouping`)."""
    return read_entries(patient, entries, mappings, reading)[0]


def read_entries(
    patient: str,
    entries: Sequence[Entry],
    mappings: Mappings,
    reading: Reading,
    *,
    deleted: frozenset[str] = frozenset(),
) -> tuple[PatientRecord, list[Place]]:
    """The record, and where each of the entries ended; `deleted` are references and addresses."""
    gone = [entry for entry in entries if deleted and is_deleted(entry, deleted)]
    kept = [entry for entry in entries if not (deleted and is_deleted(entry, deleted))]
    current = latest([*kept, *_contained_results(kept)])
    person = person_of(patient, current)
    reading = structs.replace(reading, born=person.born)
    context = _context(patient, current, mappings, reading)
    ends: dict[str, End] = {}
    read: list[Read] = []
    for version in current:
        found, place = _read(version, context)
        ends[version.entry.ref] = End(version, place)
        if found is not None:
            read.append(found)
    read.append(EventsRead(skipped=told_deleted(gone, mappings)))
    record = _record(person, current, read, context)
    return record, places_of(entries, ends, deleted, mappings)


def _read(version: Current, context: Context) -> tuple[Read | None, Ending]:
    """What one resource gives, and where it ends."""
    entry = version.entry
    reader = _READERS.get(entry.resource.type_name)
    if reader is not None and is_ours(entry.resource, context):
        return None, "ours"
    read = reader(version, context) if reader is not None else EventsRead()
    place = ending_of(read, is_evidence=entry.resource.type_name in _EVIDENCE)
    hidden = hidden_part(entry.resource, invented=context.invented)
    if hidden and place != "irrelevant":
        return structs.replace(read, unplaced=(*read.unplaced, Skipped(entry.ref, hidden))), place
    return read, place


def _contained_results(entries: Iterable[Entry]) -> list[Entry]:
    """What lies inside of another resource and may be evidence, without a reference of its own."""
    return [
        Entry(resource=inner, place=entry.place, name=f"{entry.ref}{key}")
        for entry in entries
        for key, inner in contained(entry.resource.contained).items()
        if isinstance(inner, (Observation, DiagnosticReport, Composition, *_EVENTS))
    ]


def _context(
    patient: str, current: Sequence[Current], mappings: Mappings, reading: Reading
) -> Context:
    entries = [version.entry for version in current]
    index = index_of(entries)
    return Context(
        patient=patient,
        aliases=_aliases(patient, entries),
        mappings=mappings,
        reading=reading,
        index=index,
        reports=_reports(entries, index),
        our_devices=frozenset(
            entry.ref for entry in entries if is_our_device(entry, reading.namespace)
        ),
        specimens=reading.specimens or any(isinstance(e.resource, Specimen) for e in entries),
        disowned=disowned(entries, index, reading, mappings),
        invented=is_invented(entries),
    )


def _aliases(patient: str, entries: Iterable[Entry]) -> frozenset[str]:
    """Every name of the patient, also of a merged record that is not here (see `grouping`)."""
    names = {patient}
    for entry in entries:
        subject = None if isinstance(entry.resource, KEPT) else subject_of(entry.resource)
        if subject is not None:
            names.add(subject.address)
        if isinstance(entry.resource, Patient):
            names |= {entry.ref, entry.full_url}
            names |= {named(identifier) for identifier in entry.resource.identifier or []}
    return frozenset(names - {""})


def _reports(entries: Iterable[Entry], index: Index) -> Mapping[str, tuple[Entry, ...]]:
    reports: dict[str, tuple[Entry, ...]] = {}
    for entry in entries:
        report = entry.resource
        if not isinstance(report, DiagnosticReport) or report.status not in LIVE:
            continue
        for ref in held(entry, index):
            reports[ref] = (*reports.get(ref, ()), entry)
    return reports


def _record(
    person: Person, current: Sequence[Current], read: Sequence[Read], context: Context
) -> PatientRecord:
    reading = context.reading
    results = [result for one in read if isinstance(one, ObservationRead) for result in one.results]
    undated = [one for each in read if isinstance(each, ObservationRead) for one in each.undated]
    told = [one for one in read if isinstance(one, EventsRead)]
    events = [event for one in read for event in one.events]
    for row in reading.cohort_rows:
        events += cohort_events(row, reading.zone or UTC)
    claims = [claim for one in told for claim in one.claims]
    skipped = {skip for one in read for skip in one.skipped}
    unplaced = {skip for one in read for skip in one.unplaced}
    unknown, gaps, nowhere = _untold(read, current, results, context)
    results += unknown
    skipped |= set(gaps)
    unplaced |= set(nowhere)
    unmapped = Counter(code for one in read for code in one.unmapped)
    resembling = Counter(
        code for one in read if isinstance(one, ObservationRead) for code in one.resembling
    )
    return PatientRecord(
        patient=context.patient,
        results=tuple(sorted(_in_draws(results, context), key=_result_order)),
        events=tuple(sorted(events, key=_event_order)),
        claims=tuple(sorted(claims, key=_claim_order)),
        skipped=_sorted(skipped | unplaced),
        unplaced=_sorted(unplaced),
        floating=tuple(sorted((e for one in told for e in one.floating), key=_event_order)),
        undated=tuple(sorted(undated, key=_result_order)),
        complete=reading.complete,
        failed=reading.failed,
        without=reading.without,
        attested=reading.attested,
        doubts=_doubts(read, reading),
        born=person.born,
        died=person.died,
        died_on=person.died_on,
        flags=person.flags,
        unmapped=tuple(sorted(unmapped.items())),
        resembling=tuple(sorted(resembling.items())),
    )


def _untold(
    read: Sequence[Read], current: Sequence[Current], results: Sequence[Result], context: Context
) -> tuple[list[Result], list[Skipped], list[Skipped]]:
    """What is named or told of and no result says: as unknowns of its time; all; what has none."""
    gaps = missing_in([version.entry for version in current], context)
    unknown, nowhere = place_gaps(gaps, current, context)
    worded = (one for each in read for one in each.worded)
    told, said, timeless = settled(worded, results)
    return [*unknown, *told], [*gaps, *said], [*nowhere, *timeless]


def _doubts(read: Iterable[Read], reading: Reading) -> tuple[str, ...]:
    """What is assumed of samples that nobody describes, unless the site attests it."""
    assumed = any(isinstance(one, ObservationRead) and one.specimen_assumed for one in read)
    return ("specimen-acceptable",) if assumed and not reading.rejected_are_cancelled else ()


def _sorted(skipped: Iterable[Skipped]) -> tuple[Skipped, ...]:
    return tuple(sorted(skipped, key=lambda skip: (skip.source, skip.reason)))


def _in_draws(results: Sequence[Result], context: Context) -> list[Result]:
    """Add the report to the draw keys of its results, where all of them are of one day.

    A cumulative report holds the counts of many days, and must not make one draw of them.
    """
    if not context.reports:
        return list(results)
    days: dict[str, set[date]] = {}
    for result in results:
        for report in context.reports.get(result.source.ref, ()):
            days.setdefault(report.ref, set()).update((result.when.first_day, result.when.last_day))
    joined = []
    for result in results:
        reports = context.reports.get(result.source.ref, ())
        keys = tuple(report.ref for report in reports if len(days[report.ref]) == 1)[:1]
        joined.append(structs.replace(result, draw_keys=(*result.draw_keys, *keys)))
    return joined


def _result_order(result: Result) -> tuple[datetime, str, str, str]:
    return result.when.start, result.source.ref, result.analyte, result.source.code


def _event_order(event: Event) -> tuple[bool, datetime, str, str]:
    known = event.when is not None
    start = event.when.start if event.when else datetime.min.replace(tzinfo=UTC)
    return known, start, event.source.ref, event.kind


def _claim_order(claim: Claim) -> tuple[str, str]:
    return claim.source.ref, claim.text
