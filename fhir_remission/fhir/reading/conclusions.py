"""What a report or the value of a result concludes: a lesion, a relapse or another leukaemia seen.

It is no diagnosis on the list of problems, so it proves nothing; what it names is not ruled out
either, and what a report says of remission or relapse is a claim like any other. Its words are not
read for what they say: that they tell of a marrow, or name a sign of disease, is an unknown of that
time, unless a result says what it was. So it is with the words of a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from fhir_remission.domain.nouns.inputs import (
    Claim,
    Event,
    Finding,
    Result,
    Skipped,
    Source,
    Unreadable,
)
from fhir_remission.domain.nouns.intervals import ZERO, point
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.holders import DEAD
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept, Valued
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time, weeks_before
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry
from fhir_remission.fhir.reading.attributes import concept_of
from fhir_remission.fhir.reading.coding import Match, match_codes
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
    happened,
    report_time,
    words_of,
)
from fhir_remission.fhir.reading.reported import read_value, understanding_of

# As what a sign is kept that nobody can read: a lesion is there until it is said to be gone, other
# signs are of a marrow without a value.
LESION, BLASTS, SMEAR = "extramedullary-disease", "blasts-marrow", "blasts-blood"
_ANSWER = CodeRow("", "", LESION, "", "", "", (), (), "")
"""A row of no code, whose value is there or not."""
_SMEARED = structs.replace(_ANSWER, analyte=SMEAR)
# Some leukaemia, without saying which, is the one that everybody knows of.
_FOUND = ADVERSE - {"unspecified-leukaemia"}
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
    lost = [one for one in events if when is None and one.kind == "extramedullary"]
    return EventsRead(
        events=tuple(one for one in events if one not in lost),
        claims=tuple(claims),
        unplaced=(Skipped(current.entry.ref, NO_TIME),) if lost else (),
        worded=_worded_in(report, current, context),
    )


def told_in_words(report: DiagnosticReport, mappings: Mappings) -> tuple[bool, frozenset[str]]:
    """Whether a report is of a marrow that may have been counted; which signs it concludes."""
    hints, called = mappings.codes.hints, _named(report.code, mappings)
    marrow = hints.among("tissue", called)
    signs = hints.signs(report.conclusion or "", marrow=marrow)
    return marrow and not any(hints.among(what, called) for what in _OTHERWISE), signs


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


def _named(code: CodeableConcept | None, mappings: Mappings) -> tuple[str, ...]:
    """What a code is called, by whoever sent it and by the table."""
    alike = (mappings.codes.lookalikes.get(pair) for pair in codings_of(code, mappings.systems))
    return (*words_of(code), *(one.display for one in alike if one))


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


def _says(result: Result, worded: Worded) -> bool:
    if worded.placed is None or result.standing != "usable" or result.analyte not in worded.by:
        return False
    told = worded.placed.when
    return result.when.first_day <= told.last_day and told.first_day <= result.when.last_day


def _rows(concept: CodeableConcept, context: Context) -> Rows:
    pairs = codings_of(concept, context.mappings.systems)
    found = meanings(pairs, "Condition", context)
    if found or not pairs:
        return found
    # That it is the leukaemia which everybody knows of is the usual conclusion.
    return [one for one in unread_leukaemia(concept, pairs, context)[0] if one[1].detail != "aml"]


def match_value(valued: Valued, mappings: Mappings) -> Match:
    """What its code means; where that is no input, its value may still be a sign of disease."""
    match = match_codes(valued.code, mappings.codes)
    if match.rows:
        return match
    if match.unread:
        # What a damaged code of LOINC was goes with its other results, and no word says so.
        known = mappings.systems.known
        damaged = any(code.rpartition("|")[0] in known for code in match.codes)
        return match if damaged else _called(match, valued, mappings)
    analyte, why = _sign(valued, mappings)
    if not analyte:
        return match
    system, _, code = (match.codes or ("",))[0].rpartition("|")
    row = structs.replace(_ANSWER, system=system, code=code, analyte=analyte)
    return structs.replace(match, rows=(row,), lookalike="", unread=f"{why}: it cannot be read")


UNKNOWN = ((BLASTS, "marrow"), (SMEAR, "blood"))
"""What may be any result: it may be of blasts, in either tissue."""
# What a result is that is known by its words alone, in the order in which they are asked.
_CALLED = (
    ("lesion", ((LESION, ""),)),
    ("mrd", (("mrd", ""),)),
    ("input", UNKNOWN),
    ("neutrophils", (("anc", "blood"),)),
    ("platelet-count", (("platelets", "blood"),)),
    ("leukocytes", (("wbc", "blood"),)),
    ("tissue", ((BLASTS, "marrow"),)),
)


def _called(match: Match, valued: Valued, mappings: Mappings) -> Match:
    """With the rows of what its words name: one unknown at its time, not anything at any time."""
    hints, words = mappings.codes.hints, words_of(valued.code)
    named = (rows for kind, rows in _CALLED if hints.among(kind, words))
    rows = tuple(
        structs.replace(_ANSWER, code=match.code, analyte=analyte, specimen=specimen)
        for analyte, specimen in next(named, ())
    )
    if not rows:
        return match
    if _says_none(valued, mappings):
        none = f"{match.unread}; it is called {words[0]} and says that there is none"
        return structs.replace(match, unread="", lookalike=none)
    marrow = hints.among("tissue", words)
    held = tuple(row for row in rows if row.specimen != "blood" or not marrow) or rows
    why = f"{match.unread}, and is called {words[0]}: what it says supports nothing"
    return structs.replace(match, rows=held, unread="", called=why)


def _says_none(valued: Valued, mappings: Mappings) -> bool:
    """Whether its value is a word for none, or a 0 in words."""
    asked = (understanding_of(row, mappings, decimal_comma=False) for row in (_ANSWER, _SMEARED))
    found = [read_value(valued, one) for one in asked]
    word = found[0].original.strip(" %")
    none = any(one.value in (Finding("negative"), point(ZERO)) for one in found)
    return none or word.strip("0.,") == "" != word


def _sign(valued: Valued, mappings: Mappings) -> tuple[str, str]:
    """What the sign of disease is kept as that a value is or affirms, if it is not a relative's."""
    hints, found = mappings.codes.hints, concept_of(valued)
    if hints.among("family", words_of(valued.code)):
        return "", ""
    coded = _coded(found, mappings)
    if coded:
        return coded, "its value is the code of a lesion, a relapse or another leukaemia"
    worded = _worded(words_of(found), mappings, _named(valued.code, mappings))
    if worded:
        return worded, "its value names a sign of disease"
    return _affirmed(valued, mappings), "its code names a sign of disease"


def _coded(concept: CodeableConcept | None, mappings: Mappings) -> str:
    """By the code of a lesion, a relapse or a leukaemia that is not AML."""
    events = mappings.events
    for pair in codings_of(concept, mappings.systems):
        near = events.within(*pair, "Condition")
        for row in events.of(*pair, "Condition") or ((near,) if near else ()):
            if row.kind == "extramedullary":
                return LESION
            if row.kind in _FOUND or row.claim == "relapse":
                return BLASTS
    return ""


def _worded(texts: Iterable[str], mappings: Mappings, code: tuple[str, ...]) -> str:
    """By words that nothing denies; `code`: those of the code that they are the value of."""
    hints = mappings.codes.hints
    marrow = hints.among("tissue", code)
    said = {kind for text in texts for kind in hints.signs(text, marrow=marrow)}
    return LESION if "lesion" in said else BLASTS if said else ""


def _affirmed(valued: Valued, mappings: Mappings) -> str:
    """By a code that names it, and an answer that does not deny it."""
    coded = _coded(valued.code, mappings)
    kept = coded or _worded(_named(valued.code, mappings), mappings, ())
    # Hardly any code names one, and the value is read of those alone.
    if not kept or valued.data_absent_reason is not None:
        return ""
    value = read_value(valued, understanding_of(_ANSWER, mappings, decimal_comma=False)).value
    if value == Finding("negative"):
        return ""
    return kept if value == Finding("positive") else coded
