"""What a report or a result tells of a marrow in words, and what the counts of its day make of it.

A count of that day says what it was. Three things no count takes back: a share of blasts from the
line of disease on, that the disease is back where nothing else is said, and that the sample cannot
be judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Finding, Result, Skipped, Source, Unreadable
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept, is_there, texts_in
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time
from fhir_remission.fhir.r4.wire import Observation, Procedure
from fhir_remission.fhir.reading.attributes import concept_of, poor_words, sample_says
from fhir_remission.fhir.reading.coding import named_by
from fhir_remission.fhir.reading.conclusions import BLASTS, LESION, SMEAR, coded_sign, is_told
from fhir_remission.fhir.reading.context import (
    Context,
    Worded,
    codings_of,
    concepts_in,
    period_of,
    words_of,
)
from fhir_remission.fhir.reading.holding import held
from fhir_remission.fhir.reading.observation_status import is_empty
from fhir_remission.fhir.reading.part import Part, Whole
from fhir_remission.fhir.reading.relevance import remarks_of

NO_RESULT = "no result of that time says what it was"
NO_TIME = "nobody says when what it concludes was found"
SAID = "it names a sign of disease in words, and a count of that day says what it was"
AGAINST = "it states a share of blasts, or a relapse, that the count of that day does not"
ADEQUACY, CLUMPS = "marrow-adequacy", "platelet-clumps"


class Told(Struct, frozen=True):
    """What somebody tells in words."""

    marrow: bool
    """Whether it is of a marrow that may have been counted."""
    signs: frozenset[str]
    text: str = ""
    poor: str = ""
    """What the sample is called that cannot be judged."""
    none: bool = False
    """Whether it says that there are no blasts, or few."""
    by: str = "its conclusion"
    """What of it says so."""
    denied: str = ""
    """The analyte of a result that it stands beside and that says otherwise."""


def worded(
    current: Current, told: Told, when: Placed | None, context: Context
) -> tuple[Worded, ...]:
    """As it is kept until all results are known."""
    if not (told.marrow or told.signs or told.poor):
        return ()
    hints = context.mappings.codes.hints
    sign = "clumps of platelets" if told.denied == CLUMPS else "a sign of disease"
    why = f"{told.by} names {sign}" if told.signs else "it is of a marrow"
    lesion = told.signs == {"lesion"}
    counted = (BLASTS, ADEQUACY) if told.marrow else (BLASTS, SMEAR)
    kept = told.denied or (LESION if lesion else BLASTS)
    lost = when is None and bool(told.poor)
    tells = bool(told.signs) or (told.marrow and (lost or not told.none))
    return (
        Worded(
            source=Source(current.entry.ref, current.version, "", ""),
            reason=f"{why}, and {NO_RESULT if when else NO_TIME}" if tells else "",
            placed=when,
            analyte=kept,
            by=(kept,) if told.denied or lesion else counted,
            named=bool(told.signs),
            held=frozenset({current.entry.ref, *held(current.entry, context.index)}),
            against=bool(told.signs)
            and (bool(told.denied) or hints.is_above(told.text) or hints.is_back(told.text)),
            poor=told.poor,
        ),
    )


def told_by_result(parts: Sequence[Part], whole: Whole, context: Context) -> tuple[Worded, ...]:
    """What a result tells in words: as a report, of its sample, and beside its value."""
    return (
        *_as_report(whole.current, whole.placed, context),
        *_of_sample(parts, whole, context),
        *told_beside(parts, whole.current, whole.placed, context),
    )


def _as_report(current: Current, placed: Placed | Unplaced, context: Context) -> tuple[Worded, ...]:
    """What an Observation tells whose code is that of a report: its value is the report."""
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    nothing = is_empty(observation) and not is_there(observation.component)
    if not is_told(observation, context.mappings) or (
        observation.status == "registered" and nothing
    ):
        return ()
    concept = concept_of(observation)
    text = "; ".join(words_of(concept))
    hints = context.mappings.codes.hints
    signs = hints.signs(text, marrow=True)
    none = hints.names("sign", text) and not signs
    said = poor([concept] if concept is not None else [], text, context)
    told = Told(marrow=True, signs=signs, text=text, poor=said, none=none)
    return worded(current, told, placed if isinstance(placed, Placed) else None, context)


def _of_sample(parts: Sequence[Part], whole: Whole, context: Context) -> tuple[Worded, ...]:
    """What a result says of the sample of a marrow that cannot be judged.

    Without a code of a table it says so by its name and value; a count of blasts, in its notes.
    """
    if whole.specimen.kind not in ("", "marrow"):
        return ()
    when = whole.placed if isinstance(whole.placed, Placed) else None
    said = [sample_says(one.valued, context.mappings)[0] for one in parts]
    if any(row.analyte == BLASTS for part in parts for row in part.match.rows):
        observation = whole.current.entry.resource
        assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
        said += [poor([], text, context) for text in remarks_of(observation)]
    told = (Told(marrow=True, signs=frozenset(), poor=text, none=True) for text in said if text)
    return tuple(one for each in told for one in worded(whole.current, each, when, context))


def told_beside(
    parts: Sequence[Part], current: Current, at: Placed | Unplaced, context: Context
) -> tuple[Worded, ...]:
    """Disease that the notes of a result tell of, or the words of its interpretation.

    Beside a smear or a lesion that is denied, or a number of platelets, it stands against those.
    """
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    analytes = [row.analyte for part in parts for row in part.match.rows]
    hints, marrow = context.mappings.codes.hints, BLASTS in analytes
    called = [one.valued.interpretation for one in parts if is_there(one.valued.interpretation)]
    remarks = remarks_of(observation)
    said = [(text, _signs(hints, text, marrow=marrow)) for text in remarks]
    said += [one for raw in called for one in _called(bytes(raw), hints, marrow)]
    when = at if isinstance(at, Placed) else None
    smear = next((one for one in analytes if one.startswith(SMEAR)), "")
    found: list[Worded] = []
    for text, signs in said:
        own = LESION if LESION in analytes and "lesion" in signs else smear
        told = Told(marrow=False, signs=signs, text=text, by=_BESIDE, denied=own)
        found += worded(current, told, when, context)
    clumped = [one for one in remarks if "platelets" in analytes and hints.stands("clumps", one)]
    for text in clumped:
        told = Told(False, frozenset({"clumps"}), text, by=_BESIDE, denied=CLUMPS)  # noqa: FBT003
        found += worded(current, told, when, context)
    return tuple(found)


_BESIDE = "what stands beside it"


# A laboratory sends the same few words again and again.
@lru_cache(maxsize=1 << 10)
def _called(sent: bytes, hints: Hints, marrow: bool) -> list[tuple[str, frozenset[str]]]:  # noqa: FBT001
    texts = [text for one in concepts_in(sent) or () for text in words_of(one)]
    return [(one, signs) for one in texts if (signs := _signs(hints, one, marrow=marrow))]


def _signs(hints: Hints, text: str, *, marrow: bool) -> frozenset[str]:
    """What a remark says is there, not what it asks or merely names: `blasts counted by hand`."""
    signs = hints.signs(hints.stated(hints.findings(text)), marrow=marrow)
    there = _NUMBER.search(text) or any(hints.names(kind, text) for kind in _THERE)
    return signs if there else signs - _FOUND


def told_by_procedure(
    procedure: Procedure, current: Current, context: Context
) -> tuple[Worded, ...]:
    """Disease that a procedure found, or a marrow taken in it that cannot be judged.

    Why a marrow was taken is a question, unless it says that the disease is back. Beside any other
    procedure a word on a relapse says why it was done: only a lesion or blasts are what it found.
    """
    hints = context.mappings.codes.hints
    marrow = hints.among("tissue", named_by(procedure.code, context.mappings))
    beside = (procedure.complication, procedure.note, procedure.notes)
    texts = [text for raw in beside if is_there(raw) for text in texts_in(raw)]
    found = "; ".join((*words_of(procedure.outcome), *(texts if marrow else ())))
    asked = concepts_in(procedure.reason_code) or [] if marrow else []
    reasons = [hints.stated(text) for one in asked for text in words_of(one)]
    signs = hints.signs("; ".join((found, *reasons)), marrow=marrow)
    if not marrow:
        signs |= hints.signs("; ".join(texts)) & _FOUND
    if coded_sign(procedure.outcome, context.mappings):
        signs |= {"sign"}
    coded = [procedure.outcome] if procedure.outcome else []
    said = poor(coded, found, context) if marrow else ""
    by = "what it says that it found"
    told = Told(marrow=marrow, signs=signs, text=found, poor=said, none=True, by=by)
    return worded(current, told, _taken(procedure, context), context) if signs or said else ()


_FOUND = frozenset({"sign", "lesion"})
_THERE = ("affirmed", "found", "there")
_NUMBER = re.compile(r"[1-9][\d.,]*\s*(?:%|blast)", re.IGNORECASE)


def _taken(procedure: Procedure, context: Context) -> Placed | None:
    """When it was done, from the start to the end of its period."""
    text = procedure.performed_date_time or procedure.occurrence_date_time
    period, zone = procedure.performed_period or procedure.occurrence_period, context.reading.zone
    placed = read_time(text, zone) if text else period_of(period, zone) if period else None
    return placed if isinstance(placed, Placed) else None


def poor(concepts: Iterable[CodeableConcept], text: str | None, context: Context) -> str:
    """What is said of a sample that cannot be judged, by a code or by a part of a sentence."""
    values, systems = context.mappings.values, context.mappings.systems
    quality = context.mappings.analytes[ADEQUACY]
    for one in concepts:
        for system, code in codings_of(one, systems):
            if values.coded_answer(system, code, quality) == "negative":
                return next(iter(words_of(one)), code)
    return poor_words(text or "", context)


def settled(
    told: Iterable[Worded], results: Sequence[Result]
) -> tuple[list[Result], list[Skipped], list[Skipped]]:
    """What no result says, as unknowns of its time; all that is told; what has no time."""
    unknown: list[Result] = []
    gaps: list[Skipped] = []
    nowhere: list[Skipped] = []
    refs = {one.source.ref for one in results}
    for one in told:
        counts = [result for result in results if _says(result, one)]
        for count in _unjudged(one, counts, results):
            unknown.append(_inadequate(one, count))
            gaps.append(Skipped(one.source.ref, f"its sample is called {one.poor}"))
        if not one.reason or (not one.named and (counts or one.held & refs)):
            continue
        if counts and not one.against:
            gaps.append(Skipped(one.source.ref, SAID))
            continue
        gap = Skipped(one.source.ref, AGAINST if counts else one.reason)
        gaps.append(gap)
        if one.placed is None:
            nowhere.append(gap)
        else:
            unknown.append(_unread(one, one.placed))
    return unknown, gaps, nowhere


def _says(result: Result, told: Worded) -> bool:
    if told.placed is None or result.standing != "usable" or result.analyte not in told.by:
        return False
    when = told.placed.when
    return result.when.first_day <= when.last_day and when.first_day <= result.when.last_day


def _unjudged(told: Worded, counts: Sequence[Result], results: Sequence[Result]) -> list[Result]:
    """The counts of blasts of a sample that is said not to be one that can be judged."""
    if not told.poor:
        return []
    of_marrow = counts if ADEQUACY in told.by else []
    inside = [one for one in results if one.source.ref in told.held]
    return [one for one in of_marrow or inside if one.analyte == BLASTS]


def _inadequate(told: Worded, count: Result) -> Result:
    return Result(
        analyte=ADEQUACY,
        value=Finding("negative"),
        when=count.when,
        source=told.source,
        original=told.poor,
        specimen="marrow",
        draw_keys=count.draw_keys,
        flags=count.flags,
    )


def _unread(told: Worded, placed: Placed) -> Result:
    """What words tell of, as a result of its time that supports nothing and may block."""
    return Result(
        analyte=told.analyte,
        value=Unreadable(raw="", reason=told.reason),
        when=placed.when,
        source=told.source,
        original="in words",
        standing="preliminary",
        flags=placed.flags,
    )
