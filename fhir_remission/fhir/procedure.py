"""Procedures and given medications to events: what was done counts, what was ordered does not."""

from __future__ import annotations

from fhir_remission.domain.inputs import Event, Skipped, When
from fhir_remission.fhir.condition import EventsRead, meanings, not_an_event, source_of
from fhir_remission.fhir.context import Context, codings_of, term_of
from fhir_remission.fhir.elements import CodeableConcept, Period, is_there
from fhir_remission.fhir.times import Placed, read_time
from fhir_remission.fhir.versions import Current
from fhir_remission.fhir.wire import Medication, MedicationAdministration, Procedure, contained

# `stopped` counts: a start of therapy has begun, blood has run.
_DONE = frozenset({"completed", "in-progress", "stopped"})


def read_procedure(current: Current, context: Context) -> EventsRead:
    """Read one Procedure, the latest version of it."""
    procedure = current.entry.resource
    assert isinstance(procedure, Procedure)  # noqa: S101 - the caller sorts by type
    return _read(
        current,
        [procedure.code] if procedure.code else [],
        _times(procedure.performed_date_time, procedure.performed_period, context),
        context,
        spinal=False,
    )


def read_administration(current: Current, context: Context) -> EventsRead:
    """Read one MedicationAdministration, the latest version of it."""
    given = current.entry.resource
    assert isinstance(given, MedicationAdministration)  # noqa: S101 - the caller sorts by type
    route = given.dosage.route if given.dosage else None
    return _read(
        current,
        _substances(given, context),
        _times(given.effective_date_time, given.effective_period, context),
        context,
        spinal=term_of("route", route, context.mappings) == "intrathecal",
    )


def _substances(given: MedicationAdministration, context: Context) -> list[CodeableConcept]:
    concepts = [given.medication_codeable_concept]
    inside = contained(given.contained)
    medication = context.index.resource(given.medication_reference, inside)
    if isinstance(medication, Medication):
        concepts.append(medication.code)
        concepts.extend(part.item_codeable_concept for part in medication.ingredient or [])
    return [concept for concept in concepts if concept is not None]


def _times(
    text: str | None, period: Period | None, context: Context
) -> tuple[When | None, When | None, str]:
    """Start and end, and why a time that was given could not be read."""
    first = text or (period.start if period else None) or (period.end if period else None)
    if not first:
        return None, None, ""
    start = read_time(first, context.reading.zone)
    if not isinstance(start, Placed):
        return None, None, start.reason
    end = read_time((period.end if period else None) or "", context.reading.zone)
    return start.when, end.when if isinstance(end, Placed) else None, ""


def _read(
    current: Current,
    concepts: list[CodeableConcept],
    times: tuple[When | None, When | None, str],
    context: Context,
    *,
    spinal: bool,
) -> EventsRead:
    resource = current.entry.resource
    assert isinstance(resource, Procedure | MedicationAdministration)  # noqa: S101
    pairs = [pair for concept in concepts for pair in codings_of(concept)]
    rows = meanings(pairs, resource.type_name, context)
    if not rows:
        return not_an_event(current, pairs, context)
    when, ended, problem = times
    reason = _never_counts(resource, current)
    if not reason and spinal:
        rows = [(pair, row) for pair, row in rows if row.kind != "therapy-start"]
        reason = "" if rows else "given into the spinal canal, which starts no cycle"
    if reason:
        return EventsRead(skipped=(Skipped(source=current.entry.ref, reason=reason),))
    words = next((concept.text for concept in concepts if concept.text), "")
    return EventsRead(
        events=tuple(
            Event(
                kind=row.kind,
                when=when,
                source=source_of(current, pair),
                certainty=row.certainty,
                detail=row.detail,
                ended=ended,
                original=words or row.display,
            )
            for pair, row in rows
        ),
        skipped=(Skipped(source=current.entry.ref, reason=problem),) if problem else (),
    )


def _never_counts(resource: Procedure | MedicationAdministration, current: Current) -> str:
    if resource.status not in _DONE:
        return f"status is {resource.status or 'missing'}"
    if is_there(resource.modifier_extension):
        return "it carries a modifierExtension that is not understood"
    if current.disputed:
        return "two different contents claim to be its latest version"
    return ""
