"""What a report, a result or a procedure tells in words: a marrow, a sign of disease, a sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Claim, Event, Source
from fhir_remission.domain.tables.hints import YEAR, Hints
from fhir_remission.domain.tables.unmapped import NAMED
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept, is_there
from fhir_remission.fhir.r4.free_text import SHOWN, free_text, texts_in
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time
from fhir_remission.fhir.r4.wire import MedicationAdministration, Observation, Procedure
from fhir_remission.fhir.reading.attributes import concept_of, poor_words, sample_says, text_of
from fhir_remission.fhir.reading.coding import meanings, named_by, names_of, support_named
from fhir_remission.fhir.reading.conclusions import (
    BLASTS,
    LESION,
    SMEAR,
    coded_sign,
    is_told,
    says_none,
)
from fhir_remission.fhir.reading.condition import said_of_course, source_of
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
from fhir_remission.fhir.reading.relevance import interpretation_of, remarks_of

NO_RESULT = "no result of that time says what it was"
NO_TIME = "nobody says when what it concludes was found"
ADEQUACY, CLUMPS = "marrow-adequacy", "platelet-clumps"
_BESIDE, _CLUMPED = "what stands beside it", frozenset({"clumps"})
_FOUND = frozenset({"sign", "lesion"})
_THERE = ("affirmed", "found", "there")
_ZERO = re.compile(r"0+(?:[.,]0+)?(?![\d.,])")
_NUMBER = re.compile(r"[1-9][\d.,]*\s*(?:%|blast)", re.IGNORECASE)


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
    beside: tuple[str, ...] = ()
    """What else is written in the same resource."""
    denied: str = ""
    """The analyte of a result that it stands beside and that says otherwise."""


def worded(
    current: Current, told: Told, when: Placed | None, context: Context
) -> tuple[Worded, ...]:
    """As it is kept until all results are known."""
    if not (told.marrow or told.signs or told.poor):
        return ()
    hints, texts = context.mappings.codes.hints, (told.text, *told.beside)
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
            and (bool(told.denied) or any(hints.is_above(t) or hints.is_back(t) for t in texts)),
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
    """Disease that is told of beside a value: written, interpreted, or why there is none.

    Beside a smear or a lesion that is denied, or a number of platelets, it stands against those.
    """
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    analytes = [row.analyte for part in parts for row in part.match.rows]
    hints, marrow = context.mappings.codes.hints, BLASTS in analytes
    remarks = remarks_of(observation)
    said = [(one, _signs(hints, _as_of(one, at), marrow)) for one in remarks]
    said += [(one, _coded_signs(hints, one, marrow)) for part in parts for one in _coded(part)]
    if "platelets" in analytes:
        said += [(one, _CLUMPED) for one in remarks if hints.stands("clumps", one)]
    smear = next((one for one in analytes if one.startswith(SMEAR)), "")
    when = at if isinstance(at, Placed) else None
    found: list[Worded] = []
    for text, signs in said:
        own = LESION if LESION in analytes and "lesion" in signs else smear
        denied = CLUMPS if "clumps" in signs else own
        told = Told(marrow=False, signs=signs, text=text, by=_BESIDE, denied=denied)
        found += worded(current, told, when, context)
    return tuple(found)


# What a count may be said to follow, and what is taken for that.
_RAISED_BY = {
    "platelets": (("transfused", "transfusion"), NAMED["transfusion"].kind),
    "anc": (("stimulated", "gcsf"), NAMED["gcsf"].kind),
    "neutrophils-segmented": (("stimulated", "gcsf"), NAMED["gcsf"].kind),
}


def support_told(parts: Sequence[Part], whole: Whole, context: Context) -> tuple[Event, ...]:
    """A transfusion or growth factor that a count is said to follow, or that was charted as given.

    It was given by that day, and nobody confirms it.
    """
    when = whole.placed.when if isinstance(whole.placed, Placed) else None
    source = Source(whole.current.entry.ref, whole.current.version, "", "")
    told = (*_beside(parts, whole, context), *_charted(parts, context))
    return tuple(
        Event(kind, when, source, "unconfirmed", original=text[:SHOWN]) for kind, text in told
    )


def _charted(parts: Sequence[Part], context: Context) -> Iterator[tuple[str, str]]:
    """By the name of a result that comes under no code of a table, and that nothing denies."""
    mappings = context.mappings
    for part in (one for one in parts if one.match.called or not one.match.measures):
        names, said = names_of(part.valued.code, mappings.systems), part.valued
        none = said.data_absent_reason is not None or _ZERO.match(text_of(said))
        given = "" if none else support_named(names, mappings.codes.hints)
        if given and not says_none(said, mappings, denied=False):
            yield NAMED[given].kind, names[0]


def _beside(parts: Sequence[Part], whole: Whole, context: Context) -> Iterator[tuple[str, str]]:
    observation = whole.current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    rows = [row for part in parts for row in part.match.rows if row.analyte in _RAISED_BY]
    raised = [_RAISED_BY[row.analyte] for row in rows[:1]]
    hints = context.mappings.codes.hints
    for names, kind in raised:
        for text in (*remarks_of(observation), *words_of(observation.code)):
            stands = any(hints.stands(one, text) for one in names)
            if stands and not hints.names("not-then", text):
                yield kind, text


def _as_of(text: str, at: Placed | Unplaced) -> str:
    """A remark without what it says of years before its result: `CR2 after a relapse in 2019`."""
    if not isinstance(at, Placed) or not YEAR.search(text):
        return text
    year = at.when.first_day.year
    parts = re.split(r"(?<=[.;,\n])\s", text)
    return " ".join(p for p in parts if all(int(one) >= year for one in YEAR.findall(p)))


def _coded(part: Part) -> Iterator[str]:
    """The words of an interpretation, and of why there is no value."""
    yield from interpretation_of(part.valued)
    yield from words_of(part.valued.data_absent_reason)


def _signs(hints: Hints, text: str, marrow: bool) -> frozenset[str]:  # noqa: FBT001 - cached
    """What a remark says is there, not what it asks or merely names: `blasts counted by hand`."""
    signs = hints.signs(hints.stated(hints.findings(text)), marrow=marrow)
    there = _NUMBER.search(text) or any(hints.names(kind, text) for kind in _THERE)
    return signs if there else signs - _FOUND


# A laboratory sends the same few words again and again.
_coded_signs = lru_cache(maxsize=1 << 10)(_signs)


def told_by_procedure(
    procedure: Procedure, current: Current, context: Context
) -> tuple[Worded, ...]:
    """Disease that a procedure found, or a marrow taken in it that cannot be judged.

    Why a marrow was taken is a question, unless it says that the disease is back. Beside any other
    procedure a word on a relapse says why it was done: only a lesion or blasts are what it found.
    """
    hints = context.mappings.codes.hints
    marrow = hints.among("tissue", named_by(procedure.code, context.mappings))
    suffered = texts_in(procedure.complication) if is_there(procedure.complication) else ()
    texts = [*suffered, *free_text(procedure)]
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


def why_given(
    given: Procedure | MedicationAdministration, current: Current, context: Context
) -> Iterator[Claim]:
    """What the reason of a therapy says of the course: why it was given is no finding of a day."""
    for reason in concepts_in(given.reason_code) or [] if is_there(given.reason_code) else []:
        rows = meanings(codings_of(reason, context.mappings.systems), "Condition", context)
        said = said_of_course(rows or [(("", ""), NAMED["leukaemia"])], words_of(reason), context)
        yield from (Claim(source_of(current, pair), text, says) for pair, text, says in said)


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
