"""Procedures and given medications to events: what was done counts, what was ordered does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from fhir_remission.domain.nouns.inputs import Event, Skipped, When
from fhir_remission.domain.tables.events import STARTS, EventRow
from fhir_remission.domain.tables.unmapped import HINTS, Suspected, suspicion
from fhir_remission.fhir.incoming.versions import DISPUTED, Current
from fhir_remission.fhir.r4.elements import (
    CodeableConcept,
    Period,
    Reference,
    is_there,
    must_be_understood,
)
from fhir_remission.fhir.r4.free_text import texts_in
from fhir_remission.fhir.r4.times import Placed, read_time
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import Medication, MedicationAdministration, Procedure, Resource
from fhir_remission.fhir.reading.coding import Rows, is_lookalike, meanings
from fhir_remission.fhir.reading.condition import EventsRead, not_an_event, source_of
from fhir_remission.fhir.reading.context import (
    Context,
    codings_of,
    concepts_in,
    happened,
    term_of,
    words_of,
)
from fhir_remission.fhir.reading.worded import told_by_procedure, why_given

# `stopped`, and `aborted` before R4, counts: a start of therapy has begun, blood has run. What is
# on hold, or of a status nobody knows, may have begun: it is neither here nor there.
_DONE = frozenset({"completed", "in-progress", "stopped", "aborted"})
_NOT_DONE = frozenset({"preparation", "not-done", "entered-in-error"})
Times = tuple[When | None, When | None, str]


def read_procedure(current: Current, context: Context) -> EventsRead:
    """Read one Procedure, the latest version of it."""
    procedure = current.entry.resource
    assert isinstance(procedure, Procedure)  # noqa: S101 - the caller sorts by type
    text = _one(procedure.performed_date_time, procedure.occurrence_date_time)
    period = procedure.performed_period or procedure.occurrence_period
    times = _times(text, period, context)
    concepts = [procedure.code] if procedure.code else []
    used = _named(_used(procedure, context), context)
    read = _read(current, [*concepts, *used], times, context, spinal=False)
    return structs.replace(
        read, worded=() if _not_done(procedure) else told_by_procedure(procedure, current, context)
    )


def _used(procedure: Procedure, context: Context) -> list[CodeableConcept]:
    """What was given in it, by all that stands beside a code that says only that something was.

    What is said of another procedure is why it was done, or what it was done before.
    """
    words = words_of(procedure.code)
    route = term_of("route", procedure.code, context.mappings)
    if route == "intrathecal" or not context.mappings.codes.hints.among("giving", words):
        return []
    said = (procedure.category, procedure.reason_code, procedure.used_code)
    inside = contained(procedure.contained)
    taken = (_in_it(one, inside, context) for one in procedure.used_reference or [] if one)
    held = (concepts_in(one) or [] for one in said if is_there(one))
    return [one for each in (*held, *taken) for one in each]


def _named(concepts: list[CodeableConcept], context: Context) -> list[CodeableConcept]:
    """Those that a table or a hint knows: no other says that something is not given."""
    events, hints = context.mappings.events, context.mappings.codes.hints
    kind = MedicationAdministration.type_name
    return [
        one
        for one in concepts
        if any(events.of(*pair, kind) for pair in codings_of(one, context.mappings.systems))
        or any(hints.among(what, words_of(one)) for what in HINTS)
    ]


def read_administration(current: Current, context: Context) -> EventsRead:
    """Read one MedicationAdministration, the latest version of it."""
    given = current.entry.resource
    assert isinstance(given, MedicationAdministration)  # noqa: S101 - the caller sorts by type
    route = given.dosage.route if given.dosage else None
    times = _times(
        _one(given.effective_date_time, given.occurence_date_time, given.effective_time_date_time),
        given.effective_period or given.occurence_period or given.effective_time_period,
        context,
    )
    spinal = term_of("route", route, context.mappings) == "intrathecal"
    beside = [CodeableConcept(text=given.dosage.text)] if given.dosage else []
    concepts = [*_substances(given, context), *_named(beside, context)]
    return _read(current, concepts, times, context, spinal=spinal)


def _substances(given: MedicationAdministration, context: Context) -> list[CodeableConcept]:
    concepts = [given.medication_codeable_concept]
    references = [given.medication_reference]
    if given.medication is not None:
        concepts.append(given.medication.concept)
        references.append(given.medication.reference)
    inside = contained(given.contained)
    concepts += (part for one in references if one for part in _in_it(one, inside, context))
    return [concept for concept in concepts if concept is not None]


def _in_it(
    reference: Reference,
    inside: Mapping[str, Resource],
    context: Context,
    around: tuple[Medication, ...] = (),
) -> list[CodeableConcept]:
    """What a Medication and all that is in it are called, in the elements of every release.

    `around`: what it is in; whatever would be in itself is looked at once.
    """
    called, medication = _called(reference), context.index.resource(reference, inside)
    if not isinstance(medication, Medication) or any(one is medication for one in around):
        return [called] if called else []
    # What is inside of a resource may refer to all that is inside of the outermost.
    concepts, own = [medication.code], {**inside, **contained(medication.contained)}
    for part in medication.ingredient or []:
        concepts += part.concepts
        for one in part.references:
            concepts += [_called(one), *_in_it(one, own, context, (*around, medication))]
    older = (medication.product, medication.package, medication.contained)
    named = (CodeableConcept(text=text) for raw in older if is_there(raw) for text in texts_in(raw))
    return [*(one for one in concepts if one is not None), *_named(list(named), context)]


def _called(reference: Reference | None) -> CodeableConcept | None:
    """What a Medication that is not at hand is called where it is named."""
    return CodeableConcept(text=reference.display) if reference and reference.display else None


def _one(*sent: str | None) -> str | None:
    """The time that elements of several releases tell; none of them where they differ."""
    return " or ".join(dict.fromkeys(text for text in sent if text)) or None


def _times(text: str | None, period: Period | None, context: Context) -> Times:
    """Start and end, and why a time that was given could not be read.

    Without a start it may have begun at any time before its end.
    """
    end, problem = _end(period, context)
    first = text or (period.start if period else None)
    if not first:
        return None, end, problem
    start = happened(read_time(first, context.reading.zone), context.reading)
    if not isinstance(start, Placed):
        return None, end, start.reason
    if end is not None and end.end < start.when.start:
        return None, None, f"period {start.when.text} to {end.text} ends before it starts"
    # Without an end it may have ended at once, or go on: nobody knows until which day it was given.
    return start.when, end or (_open_end(start.when, context) if period else None), problem


def _end(period: Period | None, context: Context) -> tuple[When | None, str]:
    """The end of a period, and why one that was given could not be read."""
    if period is None or not period.end:
        return None, ""
    end = read_time(period.end, context.reading.zone)
    return (end.when, "") if isinstance(end, Placed) else (None, end.reason)


def _open_end(start: When, context: Context) -> When | None:
    """Any time from the start until now."""
    latest = context.reading.latest
    placed = read_time(latest.isoformat(), context.reading.zone) if latest else None
    if not isinstance(placed, Placed):
        return None
    return structs.replace(placed.when, start=start.start, first_day=start.first_day)


def _read(
    current: Current,
    concepts: list[CodeableConcept],
    times: Times,
    context: Context,
    *,
    spinal: bool,
) -> EventsRead:
    resource = current.entry.resource
    assert isinstance(resource, Procedure | MedicationAdministration)  # noqa: S101
    pairs = [pair for one in concepts for pair in codings_of(one, context.mappings.systems)]
    rows = meanings(pairs, resource.type_name, context)
    told = ""
    if not rows and not is_lookalike(pairs, context):
        rows, told = _suspected(resource, concepts, pairs, context)
    if not rows:
        return not_an_event(current, pairs, context)
    reason = _not_done(resource)
    if not reason and spinal:
        rows = [(pair, row) for pair, row in rows if row.kind != "therapy-start"]
        reason = "" if rows else "given into the spinal canal, which starts no cycle"
    if reason:
        return EventsRead(skipped=(Skipped(source=current.entry.ref, reason=reason),))
    unsaid = "" if resource.status in _DONE else f"status is {resource.status or 'missing'}"
    doubt = _doubt(resource, current, context)
    if doubt and any(_starts(row) for _, row in rows):
        return EventsRead(unplaced=(Skipped(source=current.entry.ref, reason=doubt),))
    # Whether blood was given cannot be told: then it may have been, and a count is a bound.
    words = _Words(_words(concepts), unsaid or doubt or told, unsaid)
    read = _events(current, rows, times, words)
    dated = (structs.replace(one, when=times[0]) for one in why_given(resource, current, context))
    return structs.replace(read, claims=tuple(dated) if any(_starts(r) for _, r in rows) else ())


def _suspected(
    resource: Procedure | MedicationAdministration,
    concepts: list[CodeableConcept],
    pairs: Sequence[tuple[str, str]],
    context: Context,
) -> tuple[Rows, str]:
    """The start of therapy that a code no row names may be."""
    words = tuple(text for one in concepts for text in words_of(one))
    row, why = suspicion(pairs, words, Suspected(resource.type_name, HINTS), context.mappings)
    if row is None:
        return [], ""
    pair = pairs[0] if pairs else ("", "")
    if row.kind != "therapy-start":
        return [(pair, row)], why
    sure = next((one for one in pairs if context.mappings.events.starts(*one)), None)
    if sure is not None:
        return [(sure, row)], ""
    maybe = structs.replace(row, certainty="unconfirmed")
    return [(pair, maybe)], f"{why}: it may be a start of therapy"


class _Words(NamedTuple):
    """What was written, and why it is told beside being used."""

    original: str
    told: str
    unsaid: str
    """Why nobody knows whether it was done."""


def _events(current: Current, rows: Rows, times: Times, words: _Words) -> EventsRead:
    when, ended, problem = times
    maybe = bool(words.unsaid)
    events = [
        Event(
            kind=row.kind,
            when=when,
            source=source_of(current, pair),
            certainty=row.certainty,
            detail=row.detail,
            ended=ended,
            original=words.original or row.display,
        )
        for pair, row in rows
    ]
    starts = [one for one in events if one.kind in STARTS]
    undated = when is None and ended is None and bool(starts)
    lost = problem or ("nobody says when this therapy began" if undated else "")
    skipped = tuple(Skipped(current.entry.ref, one) for one in (words.told, lost) if one)
    if not (undated or maybe):
        return EventsRead(events=tuple(events), skipped=skipped)
    # That there was a graft is told, though nobody says when; not where it may not have been.
    loose = STARTS if maybe else {"therapy-start"}
    floating = [structs.replace(one, certainty="unconfirmed") if maybe else one for one in starts]
    return EventsRead(
        events=tuple(one for one in events if one.kind not in loose),
        skipped=skipped,
        floating=tuple(floating),
    )


def _starts(row: EventRow) -> bool:
    return row.kind in STARTS


def _words(concepts: list[CodeableConcept]) -> str:
    return next((concept.text for concept in concepts if concept.text), "")


def _not_done(resource: Procedure | MedicationAdministration) -> str:
    if resource.status in _NOT_DONE:
        return f"status is {resource.status}"
    if isinstance(resource, Procedure):
        said = (resource.not_done, resource.not_performed)
    else:
        said = (resource.not_given, resource.was_not_given)
    return "it says that it was not done" if any(said) else ""


def _doubt(
    resource: Procedure | MedicationAdministration, current: Current, context: Context
) -> str:
    why = must_be_understood(resource) or context.disowned.get(current.entry.ref, "")
    return why or (DISPUTED if current.disputed else "")
