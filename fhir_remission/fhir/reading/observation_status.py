"""Whether an Observation counts at all, and when it was true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec import structs

from fhir_remission.domain.nouns.inputs import Finding, Standing
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.holders import DEAD
from fhir_remission.fhir.r4.elements import Valued, is_there, must_be_understood
from fhir_remission.fhir.r4.free_text import SHOWN
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.r4.times import (
    SIGNED_OUT,
    Placed,
    Unplaced,
    read_time,
    spanning,
)
from fhir_remission.fhir.r4.type_names import TYPE_NAMES
from fhir_remission.fhir.r4.wire import DiagnosticReport, Observation, Resource
from fhir_remission.fhir.reading.attributes import part_that_says
from fhir_remission.fhir.reading.coding import Match, match_codes
from fhir_remission.fhir.reading.conclusions import LESION
from fhir_remission.fhir.reading.context import (
    PEOPLE,
    Context,
    happened,
    period_of,
    report_time,
)
from fhir_remission.fhir.reading.relevance import UNDONE, has_meaning, interpretation_of, remarks_of
from fhir_remission.fhir.reading.reported import has_value, read_value, understanding_of
from fhir_remission.fhir.reading.specimen import SpecimenSays

STANDING: dict[str, Standing] = {
    "final": "usable",
    "amended": "usable",
    "corrected": "usable",
    "preliminary": "preliminary",
    "registered": "preliminary",
}
NO_STATUS = "status is missing"
_DAY = timedelta(days=1)


def never_counts(
    observation: Observation,
    specimen: SpecimenSays,
    inside: Mapping[str, Resource],
    context: Context,
) -> str:
    """Why nothing of this Observation counts: its status, or that it is another person's."""
    if observation.status in DEAD:
        return f"status is {observation.status}"
    for focus in observation.focus or []:
        found = context.index.resource(focus, inside)
        literal = parse_literal(focus.address)
        kind = found.type_name if found else literal.type if literal else focus.type
        if kind == "Patient" and context.is_patient(focus):
            continue
        if kind in PEOPLE:
            return "its focus is another person"
    return specimen.void


def standing_of(observation: Observation, hints: Hints) -> Standing:
    """Whether it counts, supports nothing yet, or was withdrawn: by its status, else its notes."""
    standing = STANDING.get(observation.status or "", "usable")
    pending = standing == "usable" and part_that_says("pending", _told_of(observation), hints)
    return "preliminary" if pending else standing


def doubt_of(
    observation: Observation, ref: str, inside: Mapping[str, Resource], context: Context
) -> str:
    """Why nobody can say whether it counts: its status, its focus, or what holds it."""
    if observation.status not in STANDING:
        return f"status is {observation.status}" if observation.status else NO_STATUS
    if observation.focus == []:
        return "its focus cannot be read"
    for focus in observation.focus or []:
        known = focus.type or context.index.resource(focus, inside) is not None
        literal = parse_literal(focus.address)
        if not known and (literal is None or literal.type not in TYPE_NAMES):
            return "its focus cannot be read"
    return (
        context.disowned.get(ref, "")
        or _of_withdrawn(observation, inside, context)
        or _taken_back(observation, context)
    )


def _taken_back(observation: Observation, context: Context) -> str:
    codes, told = context.mappings.codes, _told_of(observation)
    rows = match_codes(observation.code, codes).rows if told else ()
    kinds = ("void", "unfit") if any(row.specimen == "blood" for row in rows) else ("void",)
    said = next((text for one in kinds if (text := part_that_says(one, told, codes.hints))), "")
    return f"a note beside it says: {said[:SHOWN]}" if said else ""


def _told_of(observation: Observation) -> list[str]:
    """What is written beside a result, and the words of its interpretation."""
    return [*remarks_of(observation), *interpretation_of(observation)]


def contradicted(parts: Sequence[tuple[Valued, Match]], mappings: Mappings) -> str:
    """Why a word on lesions cannot be used: one of its components says that there is one."""
    (_, match), *inner = parts
    row = next((one for one in match.rows if one.analyte == LESION), None)
    if row is None:
        return ""
    asked = understanding_of(row, mappings, decimal_comma=False)
    found = any(read_value(one, asked).value == Finding("positive") for one, _ in inner)
    return "one of its components says that it is there" if found else ""


def is_empty(valued: Valued) -> bool:
    """Whether it holds nothing that may be a result: a number, a word, a reason for none."""
    held = is_there(valued.interpretation) or must_be_understood(valued) or has_value(valued)
    return not held


def _of_withdrawn(
    observation: Observation, inside: Mapping[str, Resource], context: Context
) -> str:
    """Why a result does not stand that was made of another, or in the course of a procedure."""
    for source in (*(observation.derived_from or []), *(observation.part_of or [])):
        found = context.index.resource(source, inside)
        status = getattr(found, "status", None)
        if found is not None and status in UNDONE and has_meaning(found, context.mappings):
            return f"{found.type_name} that it comes from has the status {status}"
    return ""


_NO_SPECIMEN = SpecimenSays()


def found_at(
    observation: Observation, ref: str, context: Context, specimen: SpecimenSays = _NO_SPECIMEN
) -> Placed | Unplaced:
    """When it was found; what is only registered may be planned."""
    placed = effective_time(observation, ref, specimen, context)
    if observation.status == "registered":
        return placed
    return happened(placed, context.reading, observation.issued or "")


def effective_time(
    observation: Observation, ref: str, specimen: SpecimenSays, context: Context
) -> Placed | Unplaced:
    """When the result was true: its own time, else that of its report or specimen.

    Before its sample was taken there was none; a day of grace is for zones and slips of clocks.
    Long after it was taken is when it was resulted: it was true then, or on any day between.
    """
    placed, taken = _said_time(observation, ref, specimen, context), specimen.taken
    there = taken or specimen.received
    if not (isinstance(placed, Placed) and isinstance(there, Placed)):
        return placed
    if placed.when.start - there.when.end > SIGNED_OUT:
        return spanning(there, placed)
    if taken and there.when.start - placed.when.end > _DAY:
        said = f"time {placed.when.text} is before its specimen was taken"
        return Unplaced(f"{said}, {there.when.text}")
    return placed


def _said_time(
    observation: Observation, ref: str, specimen: SpecimenSays, context: Context
) -> Placed | Unplaced:
    zone = context.reading.zone
    timing, period = observation.effective_timing, observation.effective_period
    texts = [observation.effective_date_time, observation.effective_instant]
    given = [text for text in texts if text]
    if len(given) + (timing is not None) + (period is not None) > 1:
        return Unplaced("several effective times")
    if given:
        return read_time(given[0], zone)
    if period is not None:
        return period_of(period, zone, until=observation.issued or "")
    if timing is not None:
        events = timing.event or []
        if len(events) != 1 or is_there(timing.repeat):
            return Unplaced("effectiveTiming with more than a single event")
        return read_time(events[0], zone)
    return _borrowed(ref, specimen, context)


def _borrowed(ref: str, specimen: SpecimenSays, context: Context) -> Placed | Unplaced:
    """The time of the report that holds it, else of its specimen; when it was issued is no time."""
    for report in context.reports.get(ref, ()):
        if isinstance(report.resource, DiagnosticReport):
            placed = report_time(report.resource, context.reading.zone)
            if isinstance(placed, Placed):
                return _flagged(placed, "time-from-report")
    if isinstance(specimen.taken, Placed):
        return _flagged(specimen.taken, "time-from-specimen")
    return specimen.taken or Unplaced("no effective time")


def _flagged(placed: Placed, flag: str) -> Placed:
    return structs.replace(placed, flags=(*placed.flags, flag))
