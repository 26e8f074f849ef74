"""What a report concludes and tells of: a lesion, a relapse, another leukaemia, a marrow.

It is no diagnosis on the list of problems, so it proves nothing; what it names is not ruled out
either, and what it says of remission or relapse is a claim like any other. Its words are not read
for what they say: that they tell of a marrow, or name a sign of disease, is an unknown of that
time, unless a result says what it was.
"""

from __future__ import annotations

from fhir_remission.domain.nouns.inputs import Claim, Event, Skipped
from fhir_remission.fhir.incoming.holders import DEAD
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept
from fhir_remission.fhir.r4.free_text import SHOWN, free_text
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time, weeks_before
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import DiagnosticReport
from fhir_remission.fhir.reading.coding import Rows, meanings, unread_leukaemia
from fhir_remission.fhir.reading.conclusions import (
    concluded,
    concluded_words,
    told_in_words,
)
from fhir_remission.fhir.reading.condition import (
    ADVERSE,
    EventsRead,
    said_of_course,
    source_of,
)
from fhir_remission.fhir.reading.context import (
    Context,
    Worded,
    codings_of,
    happened,
    report_time,
    words_of,
)
from fhir_remission.fhir.reading.specimen import read_specimen
from fhir_remission.fhir.reading.worded import NO_TIME, Told, poor, worded


def read_conclusions(current: Current, context: Context) -> EventsRead:
    """Read what one DiagnosticReport concludes, under the element of whichever release."""
    report = current.entry.resource
    assert isinstance(report, DiagnosticReport)  # noqa: S101 - the caller sorts by type
    if report.status in DEAD:
        told = report.status == "unknown" and _worded_in(report, current, context)
        unknown = (Skipped(current.entry.ref, "status is unknown"),) if told else ()
        return EventsRead(skipped=unknown)
    placed = report_time(report, context.reading.zone)
    when = placed.when if isinstance(placed, Placed) else None
    events: list[Event] = []
    claims: list[Claim] = []
    for concept in concluded(report):
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
            Claim(source_of(current, pair), text, says, when)
            for pair, text, says in said_of_course(rows, words_of(concept), context)
        ]
    said = report.conclusion or ""
    if "apl" in context.mappings.codes.hints.signs(said):
        source = source_of(current, ("", ""))
        events.append(Event("apl-diagnosis", when, source, "unconfirmed", original=said[:SHOWN]))
    lost = [one for one in events if when is None and one.kind == "extramedullary"]
    return EventsRead(
        events=tuple(one for one in events if one not in lost),
        claims=tuple(claims),
        unplaced=(Skipped(current.entry.ref, NO_TIME),) if lost else (),
        worded=_worded_in(report, current, context),
    )


def _rows(concept: CodeableConcept, context: Context) -> Rows:
    pairs = codings_of(concept, context.mappings.systems)
    found = meanings(pairs, "Condition", context)
    if found or not pairs:
        return found
    # That it is the leukaemia which everybody knows of is the usual conclusion.
    return [one for one in unread_leukaemia(concept, pairs, context)[0] if one[1].detail != "aml"]


def _worded_in(report: DiagnosticReport, current: Current, context: Context) -> tuple[Worded, ...]:
    if report.status == "registered" and not _says_anything(report):
        return ()
    sampled = _is_of_marrow(report, context)
    marrow, signs = told_in_words(report, context.mappings, sampled=sampled)
    placed = _examined(report, context)
    when = placed if isinstance(placed, Placed) else None
    said, beside = "; ".join(concluded_words(report, context.mappings)), free_text(report)
    # A letter that holds no result is of no sample, and may be long.
    of_sample = (said, *beside) if marrow or report.result else (said,)
    fault = poor(concluded(report), "\n".join(of_sample), context)
    by = "what it says" if beside else "its conclusion"
    told = Told(marrow, signs, said, fault, by=by, beside=beside)
    return worded(current, told, when, context)


def _says_anything(report: DiagnosticReport) -> bool:
    return bool(report.conclusion or concluded(report) or report.presented_form or report.result)


def _is_of_marrow(report: DiagnosticReport, context: Context) -> bool:
    """Whether a Specimen of it is a marrow, whatever the report is called."""
    inside, hints = contained(report.contained), context.mappings.codes.hints
    samples = [read_specimen(one, inside, context) for one in report.specimen or []]
    return any(
        not one.void and (one.kind == "marrow" or hints.names("tissue", one.named))
        for one in samples
    )


def _examined(report: DiagnosticReport, context: Context) -> Placed | Unplaced | None:
    """When it was true; of one that says only when it was issued, in the weeks before."""
    zone = context.reading.zone
    placed = report_time(report, zone)
    if placed is None and report.issued:
        issued = read_time(report.issued, zone)
        placed = weeks_before(issued) if isinstance(issued, Placed) else issued
    return placed and happened(placed, context.reading)
