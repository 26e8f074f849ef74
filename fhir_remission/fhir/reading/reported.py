"""What an Observation or component reports: a value in canonical units, or why it has none."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct, structs

from fhir_remission.domain.nouns.inputs import Interval, Unreadable, Value, Word
from fhir_remission.domain.nouns.intervals import ZERO, above, is_zero
from fhir_remission.domain.nouns.numbers import is_ambiguous
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.answers import PRESENT, Answer, Said, answered
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.unit_grammar import Refused
from fhir_remission.domain.tables.units import UnitSent
from fhir_remission.domain.tables.value_grammar import InWords
from fhir_remission.fhir.r4.amounts import (
    Sent,
    name_systems,
    read_quantity,
    read_range,
    read_ratio,
)
from fhir_remission.fhir.r4.elements import (
    NOTHING,
    CodeableConcept,
    Quantity,
    Range,
    Ratio,
    Valued,
    is_there,
)
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.reading.context import words_of

_QUANTITY = msgspec.json.Decoder(Quantity)
_RANGE = msgspec.json.Decoder(Range)
_RATIO = msgspec.json.Decoder(Ratio)
_CONCEPT = msgspec.json.Decoder(CodeableConcept)
_TEXT = msgspec.json.Decoder(str)
_TRUTH = msgspec.json.Decoder(bool)


class Reported(Struct, frozen=True):
    """A value as it is judged, and as it was sent."""

    value: Value
    original: str = ""
    unit: str = ""
    flags: tuple[str, ...] = ()
    limit: str = ""
    """The limit of the assay that stood beside a worded answer, as written."""
    step: Decimal = Decimal(0)
    """One step of the last place of a number as sent, in its unit; 0: of no number."""
    word: Word = ""
    """The answer that stood beside an amount."""

    @property
    def problem(self) -> str:
        """Why it cannot be used; empty where it can."""
        return self.value.reason if isinstance(self.value, Unreadable) else ""


class Understanding(Struct, frozen=True, eq=False):
    """What is needed to understand a value: its code's row, its analyte, all tables."""

    row: CodeRow
    analyte: Analyte
    mappings: Mappings
    decimal_comma: bool = False


@lru_cache(maxsize=1 << 10)
def understanding_of(row: CodeRow, mappings: Mappings, *, decimal_comma: bool) -> Understanding:
    """The one understanding of a code, so that what it read is found again."""
    return Understanding(row, mappings.analytes[row.analyte], mappings, decimal_comma)


def read_value(valued: Valued, understanding: Understanding) -> Reported:
    """Judge what was reported: exactly one value[x] of a type that can be used, in a known unit."""
    sent = sent_values(valued)
    if valued.data_absent_reason is not None:
        reason = valued.data_absent_reason.words
        also = ", although a value is there" if sent else ""
        return _nothing(reason, f"no value: data absent, {reason or 'no reason given'}{also}")
    if not sent:
        return _nothing("", "no value")
    if len(sent) > 1:
        return _nothing("", f"several values: {' and '.join(sorted(name for name, _ in sent))}")
    name, body = sent[0]
    read = _remembered if len(body) <= _SHORT else _understood
    return read(name, body, understanding)


def has_value(valued: Valued) -> bool:
    """Whether anything was sent in the place of a value."""
    return valued.data_absent_reason is not None or bool(sent_values(valued))


def sent_values(valued: Valued) -> list[tuple[str, bytes]]:
    """What was sent in the place of a value: normally one, by the name of its element."""
    return [
        (name, bytes(raw))
        for name, raw in zip(_ELEMENTS, _values(valued), strict=True)
        if raw is not NOTHING and is_there(raw)
    ]


_ELEMENTS = (
    "valueQuantity",
    "valueCodeableConcept",
    "valueString",
    "valueInteger",
    "valueRange",
    "valueRatio",
    "valueBoolean",
    "valueSampledData",
    "valueTime",
    "valueDateTime",
    "valuePeriod",
    "valueAttachment",
    "valueReference",
)


def _values(valued: Valued) -> tuple[Raw, ...]:
    """What stands in each of `_ELEMENTS`, in that order."""
    return (
        valued.value_quantity,
        valued.value_codeable_concept,
        valued.value_string,
        valued.value_integer,
        valued.value_range,
        valued.value_ratio,
        valued.value_boolean,
        valued.value_sampled_data,
        valued.value_time,
        valued.value_date_time,
        valued.value_period,
        valued.value_attachment,
        valued.value_reference,
    )


def _understood(name: str, body: bytes, understanding: Understanding) -> Reported:
    try:
        return _read(name, body, understanding)
    except UNREADABLE:
        return _nothing("", f"{name} is not of its type")


# Counts come in few spellings: a value that was read is not read again, wherever it comes from.
_remembered = lru_cache(maxsize=1 << 12)(_understood)
_SHORT = 200


def _read(name: str, raw: bytes, understanding: Understanding) -> Reported:
    match name:
        case "valueCodeableConcept":
            return _coded(_CONCEPT.decode(raw), understanding)
        case "valueBoolean":
            return _truth(str(_TRUTH.decode(raw)).lower(), understanding)
        case "valueString":
            return _text(_TEXT.decode(raw), understanding)
        case _:
            return _number(_amount(name, raw, understanding), understanding)


def _amount(name: str, raw: bytes, understanding: Understanding) -> Sent | Unreadable:
    comma, dimensions = understanding.decimal_comma, understanding.analyte.dimensions
    systems = understanding.mappings.systems
    match name:
        case "valueQuantity":
            quantity = _QUANTITY.decode(raw)
            name_systems(systems, quantity)
            return read_quantity(quantity, decimal_comma=comma)
        case "valueInteger":
            return read_quantity(Quantity(value=Raw(raw)), decimal_comma=comma)
        case "valueRange":
            sent = _RANGE.decode(raw)
            name_systems(systems, sent.low, sent.high)
            return read_range(sent, decimal_comma=comma)
        case "valueRatio" if "fraction" in dimensions:
            share = "ratio" not in dimensions
            ratio = _RATIO.decode(raw)
            name_systems(systems, ratio.numerator, ratio.denominator)
            return read_ratio(ratio, share=share, decimal_comma=comma)
    return Unreadable(raw="", reason=f"{name} cannot be used for {understanding.analyte.id}")


def _coded(concept: CodeableConcept, understanding: Understanding) -> Reported:
    values, analyte = understanding.mappings.values, understanding.analyte
    systems = understanding.mappings.systems
    pairs = (systems.coding(one.system, one.code or "") for one in concept.coding or [])
    coded = (values.coded_answer(*pair, analyte) for pair in pairs)
    said = {answer for answer in coded if answer is not None}
    words = concept.words
    if len(said) > 1:
        return _nothing(words, f"codes that contradict each other: {' and '.join(sorted(said))}")
    if not said and concept.text:
        return _text(concept.text, understanding)
    if not said:
        return _nothing(words, f"an answer that is in no row of values.tsv: {words}")
    (answer,) = said
    if any(_denied(answer, text, understanding) for text in words_of(concept)):
        return _nothing(words, f"its code and its words contradict each other: {words}")
    return _answer(answer, words, analyte)


def _denied(answer: Answer, text: str, understanding: Understanding) -> bool:
    """Whether words say otherwise than the code beside them; what nobody can read says nothing.

    Beside a code for none, a sign or a single word does that nothing in the text denies.
    """
    values, analyte = understanding.mappings.values, understanding.analyte
    said = values.read(text, analyte, decimal_comma=understanding.decimal_comma)
    there = PRESENT[answer]
    if isinstance(said, Said):
        return PRESENT[said.answer] is not there
    if isinstance(said, InWords):
        return is_zero(said.value) if there else there is False and above(said.value, ZERO) is True
    if there is not False:
        return False
    hints = understanding.mappings.codes.hints
    # A negative MRD may well name the blasts of which there are fewer.
    named = analyte.id != "mrd" and bool(hints.signs(text))
    return named or (values.affirms(text, analyte) and not hints.names("denied", text))


def _text(text: str, understanding: Understanding) -> Reported:
    analyte, values = understanding.analyte, understanding.mappings.values
    said = values.read(text, analyte, decimal_comma=understanding.decimal_comma)
    if isinstance(said, Unreadable):
        return Reported(value=said, original=text)
    if isinstance(said, InWords):
        return _in_words(said, text, understanding)
    worded = structs.replace(_answer(said.answer, text, analyte), limit=said.limit)
    read = _in_words(said.amount, text, understanding) if said.amount else None
    return worded if read is None or read.problem else structs.replace(read, word="positive")


def _in_words(said: InWords, text: str, understanding: Understanding) -> Reported:
    read = _number(Sent(said.value, UnitSent(text=said.unit), text), understanding)
    if isinstance(read.value, Interval) and is_ambiguous(text, said.value, read.value):
        return Reported(value=Unreadable(text, "a point that may part thousands"), original=text)
    return read


def _truth(said: str, understanding: Understanding) -> Reported:
    """True or false, where a row says what it means: of a number of cells none does."""
    read = _text(f"({said})", understanding)
    if read.problem:
        return _nothing(said, f"{said} is no answer for {understanding.analyte.id}")
    return structs.replace(read, original=said)


def _answer(answer: Answer, original: str, analyte: Analyte) -> Reported:
    value = answered(answer, analyte)
    unit = analyte.unit if isinstance(value, Interval) else ""
    return Reported(value=value, original=original, unit=unit)


def _number(sent: Sent | Unreadable, understanding: Understanding) -> Reported:
    analyte, row = understanding.analyte, understanding.row
    if isinstance(sent, Unreadable):
        return Reported(value=sent, original=sent.raw)
    if analyte.kind == "finding":
        return _nothing(sent.original, "a number in the place of an answer")
    if "unit=concentration" in row.conditions and not (sent.unit.code or sent.unit.text):
        return _nothing(sent.original, "this code counts only with a unit of concentration")
    converted = understanding.mappings.units.convert(
        sent.value, sent.unit, analyte, code_system=row.system
    )
    if isinstance(converted, Refused):
        return Reported(
            value=Unreadable(raw=sent.original, reason=converted.reason),
            original=sent.original,
            flags=("unit-refused",),
        )
    if not analyte.believes(converted.value):
        return Reported(
            value=Unreadable(
                raw=sent.original,
                reason=f"not plausible: outside {analyte.low} to {analyte.high} {analyte.unit}",
            ),
            original=sent.original,
            flags=("implausible-value",),
        )
    return Reported(
        value=analyte.whole(converted.value),
        original=sent.original, unit=converted.unit, flags=sent.flags, step=converted.step,
    )  # fmt: skip


def _nothing(raw: str, reason: str) -> Reported:
    return Reported(value=Unreadable(raw=raw, reason=reason), original=raw)
