"""What a report concludes and tells of: a lesion, a relapse, another leukaemia, a marrow.

It is no diagnosis on the list of problems, so it proves nothing; what it names is not ruled out
either, and what it says of remission or relapse is a claim like any other. Its words are not read
for what they say: that they tell of a marrow, or name a sign of disease, is an unknown of that
time, unless a result says what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fhir_remission.domain.nouns.inputs import (
    Claim,
    Event,
    Result,
    Skipped,
    Source,
    Unreadable,
)
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.holders import DEAD
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept, is_there
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time, weeks_before
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry
from fhir_remission.fhir.reading.conclusions import BLASTS, LESION, SMEAR, named_by
from fhir_remission.fhir.reading.condition import (
    ADVERSE,
    EventsRead,
    Rows,
    Worded,
    meanings,
    source_of,
    unread_leukaemia,
)
from fhir_remission.fhir.reading.context import (
    Context,
    codings_of,
    concepts_in,
    happened,
    report_time,
    words_of,
)

_SHOWN = 80
_LESION_ALONE = frozenset({"lesion"})
# A report of a marrow that is of its genes, of residual disease or of a graft counts no blasts.
_OTHERWISE = ("mrd", "not-blasts", "graft")
NO_RESULT = "no result of that time says what it was"
NO_TIME = "nobody says when what it concludes was found"


def read_conclusions(current: Current, context: Context) -> EventsRead:
    """Read what one DiagnosticReport concludes, under the element of whichever release."""
    report = current.entry.resource
    assert isinstance(report, DiagnosticReport)  # noqa: S101 - the caller sorts by type
    concepts = [*(report.conclusion_code or []), *(report.coded_diagnosis or [])]
    if report.status in DEAD:
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
    said = report.conclusion or ""
    if "apl" in context.mappings.codes.hints.signs(said):
        source = source_of(current, ("", ""))
        events.append(Event("apl-diagnosis", when, source, "unconfirmed", original=said[:_SHOWN]))
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


def told_in_words(report: DiagnosticReport, mappings: Mappings) -> tuple[bool, frozenset[str]]:
    """Whether a report is of a marrow that may have been counted; which signs it concludes.

    Who describes a picture says what the patient has: a relapse is none of what was found there.
    """
    hints, called = mappings.codes.hints, named_by(report.code, mappings)
    marrow = hints.among("tissue", called)
    signs = hints.signs(report.conclusion or "", marrow=marrow)
    kinds = concepts_in(report.category) if is_there(report.category) else None
    sorts = [text for one in kinds or () for text in (*words_of(one), *_codes(one))]
    picture = hints.among("picture", [*called, *sorts])
    otherwise = picture or any(hints.among(what, called) for what in _OTHERWISE)
    return marrow and not otherwise, signs & _LESION_ALONE if picture else signs


def _codes(concept: CodeableConcept) -> Iterable[str]:
    return (coding.code for coding in concept.coding or () if coding.code)


def _worded_in(report: DiagnosticReport, current: Current, context: Context) -> tuple[Worded, ...]:
    marrow, signs = told_in_words(report, context.mappings)
    if not (marrow or signs):
        return ()
    why = "its conclusion names a sign of disease" if signs else "it is of a marrow"
    placed = _examined(report, context)
    when = placed if isinstance(placed, Placed) else None
    lesion = signs == _LESION_ALONE
    counted = (BLASTS, "marrow-adequacy") if marrow else (BLASTS, SMEAR)
    return (
        Worded(
            source=Source(current.entry.ref, current.version, "", ""),
            reason=f"{why}, and {NO_RESULT if when else NO_TIME}",
            placed=when,
            analyte=LESION if lesion else BLASTS,
            by=(LESION,) if lesion else counted,
            named=bool(signs),
        ),
    )


def _examined(report: DiagnosticReport, context: Context) -> Placed | Unplaced | None:
    """When it was true; of one that says only when it was issued, in the weeks before."""
    zone = context.reading.zone
    placed = report_time(report, zone)
    if placed is None and report.issued:
        issued = read_time(report.issued, zone)
        placed = weeks_before(issued) if isinstance(issued, Placed) else issued
    return placed and happened(placed, context.reading)


def unless_counted(
    worded: Iterable[Worded], results: Sequence[Result], reports: Mapping[str, tuple[Entry, ...]]
) -> list[Worded]:
    """What words tell of and no result says."""
    holding = {one.ref for result in results for one in reports.get(result.source.ref, ())}
    return [
        one
        for one in worded
        if not any(_says(result, one) for result in results)
        and (one.named or one.source.ref not in holding)
    ]


def _says(result: Result, worded: Worded) -> bool:
    if worded.placed is None or result.standing != "usable" or result.analyte not in worded.by:
        return False
    told = worded.placed.when
    return result.when.first_day <= told.last_day and told.first_day <= result.when.last_day


def unread(worded: Worded, placed: Placed) -> Result:
    """What words tell of, as a result of its time that supports nothing and may block."""
    return Result(
        analyte=worded.analyte,
        value=Unreadable(raw="", reason=worded.reason),
        when=placed.when,
        source=worded.source,
        original="in words",
        standing="preliminary",
        flags=placed.flags,
    )
