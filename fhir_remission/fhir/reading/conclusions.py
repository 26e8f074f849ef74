"""What a report concludes in codes: a lesion or another leukaemia seen by whoever signed it.

It is no diagnosis on the list of problems, so it proves nothing; what it names is not ruled out
either, and what it says of remission or relapse is a claim like any other. Its words are not read.
"""

from __future__ import annotations

from fhir_remission.domain.nouns.inputs import Claim, Event, Skipped
from fhir_remission.fhir.incoming.holders import LIVE
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept
from fhir_remission.fhir.r4.times import Placed
from fhir_remission.fhir.r4.wire import DiagnosticReport
from fhir_remission.fhir.reading.condition import (
    ADVERSE,
    EventsRead,
    Rows,
    meanings,
    source_of,
    unread_leukaemia,
)
from fhir_remission.fhir.reading.context import Context, codings_of, report_time

NO_TIME = "nobody says when what it concludes was found"


def read_conclusions(current: Current, context: Context) -> EventsRead:
    """Read what one DiagnosticReport concludes, under the element of whichever release."""
    report = current.entry.resource
    assert isinstance(report, DiagnosticReport)  # noqa: S101 - the caller sorts by type
    concepts = [*(report.conclusion_code or []), *(report.coded_diagnosis or [])]
    if not concepts or report.status not in LIVE:
        return EventsRead()
    placed = report_time(report, context.reading.zone)
    when = placed.when if isinstance(placed, Placed) else None
    events: list[Event] = []
    claims: list[Claim] = []
    for concept in concepts:
        rows = _rows(concept, context)
        events += [
            Event(
                kind=row.kind,
                when=when,
                source=source_of(current, pair),
                certainty="unconfirmed",
                detail=row.detail,
                original=concept.text or row.display,
            )
            for pair, row in rows
            if row.kind in ADVERSE
        ]
        claims += [
            Claim(source_of(current, pair), row.display or pair[1], row.claim, when)
            for pair, row in rows
            if row.claim
        ]
    lost = [one for one in events if when is None and one.kind == "extramedullary"]
    return EventsRead(
        events=tuple(one for one in events if one not in lost),
        claims=tuple(claims),
        unplaced=(Skipped(current.entry.ref, NO_TIME),) if lost else (),
    )


def _rows(concept: CodeableConcept, context: Context) -> Rows:
    pairs = codings_of(concept, context.mappings.systems)
    found = meanings(pairs, "Condition", context)
    if found or not pairs:
        return found
    # That it is the leukaemia which everybody knows of is the usual conclusion.
    return [one for one in unread_leukaemia(concept, pairs, context)[0] if one[1].detail != "aml"]
