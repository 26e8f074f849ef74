"""Answers and numbers as laboratories write them in words: closed tables and one strict grammar."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, cast

from msgspec import Struct

from fhir_remission.domain.analytes import Analyte
from fhir_remission.domain.inputs import Finding, Interval, Unreadable
from fhir_remission.domain.namespace import spelled_out
from fhir_remission.domain.rows import Row, read_rows

COLUMNS = ("system", "code", "text", "analyte", "answer", "display", "source")
Answer = Literal["negative", "low-level", "positive", "indeterminate", "zero", "some"]
FINDINGS = ("negative", "low-level", "positive", "indeterminate")
# `zero` is none at all; `some` is present, amount unknown. Both only for a named analyte.
AMOUNTS = ("zero", "some")
MAX_DIGITS = 40
MAX_EXPONENT = 15

_ZERO = Decimal(0)
# No sign, no leading zeros, ASCII digits: what a JSON number may be, less the minus.
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:,[0-9]+)?", re.ASCII)
_TEXT = re.compile(
    r"(?:(?P<comparator><=|>=|=<|=>|<|>|≤|≥|=)\s*)?(?P<low>[0-9][0-9.,]*)"
    r"(?:\s*[-–]\s*(?P<high>[0-9][0-9.,]*))?(?:\s*(?P<unit>[^\s0-9<>=~.,–-].*)|\s+(?P<spaced>\S.*))?",
    re.ASCII,
)
COMPARATORS = {
    "": "=",
    "=": "=",
    "<": "<",
    "<=": "<=",
    "=<": "<=",
    "≤": "<=",
    ">": ">",
    ">=": ">=",
    "=>": ">=",
    "≥": ">=",
}


class InWords(Struct, frozen=True):
    """A number or a range found in text, with the unit that stood behind it."""

    value: Interval
    unit: str


class ValueMap(Struct, frozen=True):
    """Answers by code and by text, for one analyte or for all."""

    coded: dict[tuple[str, str, str], Answer]
    texts: dict[tuple[str, str], Answer]

    def coded_answer(self, system: str, code: str, analyte: Analyte) -> Answer | None:
        """What a coded answer says of this analyte; the row made for the analyte comes first."""
        own = self.coded.get((system, code, analyte.id))
        if own is not None or analyte.kind == "quantity":
            return own
        return self.coded.get((system, code, ""))

    def text_answer(self, text: str, analyte: Analyte) -> Answer | None:
        """What a text says of this analyte: the whole text, never a part of it."""
        words = plain_words(text)
        own = self.texts.get((words, analyte.id))
        if own is not None or analyte.kind == "quantity":
            return own
        return self.texts.get((words, ""))


def plain_words(text: str) -> str:
    """Text without the differences of case, spaces and a final full stop."""
    return " ".join(text.casefold().split()).rstrip(".")


def answered(answer: Answer, analyte: Analyte) -> Finding | Interval:
    """The value an answer stands for."""
    if answer == "zero":
        return Interval(low=_ZERO, high=_ZERO)
    if answer == "some":
        return Interval(low=_ZERO, high=analyte.high, low_open=True)
    return Finding(answer=answer)


def number(text: str, *, decimal_comma: bool) -> Decimal | Unreadable:
    """The one reader of numbers: not negative, at most 40 characters, exponent within 15."""
    if len(text) > MAX_DIGITS:
        return Unreadable(raw=text[:MAX_DIGITS], reason=f"a number of {len(text)} characters")
    if decimal_comma and _COMMA_NUMBER.fullmatch(text):
        return Decimal(text.replace(",", "."))
    if text.startswith("-"):
        zero = number(text[1:], decimal_comma=decimal_comma)
        if isinstance(zero, Decimal) and zero == 0:
            return _ZERO
        return Unreadable(raw=text, reason="a negative number")
    if not _NUMBER.fullmatch(text):
        return Unreadable(raw=text, reason="not a decimal number")
    exponent = text.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        return Unreadable(raw=text, reason=f"an exponent beyond {MAX_EXPONENT}")
    return Decimal(text)


def compared(comparator: str, value: Decimal) -> Interval | None:
    """The interval a comparator and a number stand for; none where nothing can be so."""
    sign = COMPARATORS.get(comparator)
    if sign == "=":
        return Interval(low=value, high=value)
    if sign == "<" and value > 0:
        return Interval(low=_ZERO, high=value, high_open=True)
    if sign == "<=":
        return Interval(low=_ZERO, high=value)
    if sign in (">", ">="):
        return Interval(low=value, high=None, low_open=sign == ">")
    return None


def between(low: Decimal, high: Decimal) -> Interval | None:
    """The closed range of two numbers; none where they are the wrong way round."""
    return Interval(low=low, high=high) if low <= high else None


def in_words(text: str, *, decimal_comma: bool) -> InWords | Unreadable:
    """Read `<5`, `<5 %`, `4-6`, `>95 %`; anything else is unreadable, never part of it read."""
    found = _TEXT.fullmatch(text.strip())
    if found is None or (found["comparator"] and found["high"]):
        return Unreadable(raw=text, reason="text that states no number")
    low = number(found["low"], decimal_comma=decimal_comma)
    high = number(found["high"], decimal_comma=decimal_comma) if found["high"] else low
    if isinstance(low, Unreadable):
        return Unreadable(raw=text, reason=low.reason)
    if isinstance(high, Unreadable):
        return Unreadable(raw=text, reason=high.reason)
    value = between(low, high) if found["high"] else compared(found["comparator"] or "", low)
    if value is None:
        return Unreadable(raw=text, reason="a range in which nothing lies")
    return InWords(value=value, unit=(found["unit"] or found["spaced"] or "").strip())


def read_values(
    text: str, *, file: str, analytes: dict[str, Analyte], namespace: str
) -> list[tuple[Row, str, str, str]]:
    """Read the rows of an answers table, each checked by itself: row, system, code, text."""
    read = []
    for row in read_rows(text, file=file, columns=COLUMNS):
        _check(row, analytes)
        read.append(
            (row, spelled_out(row["system"], namespace), row["code"], plain_words(row["text"]))
        )
    return read


def merge_values(values: list[tuple[Row, str, str, str]]) -> ValueMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    coded: dict[tuple[str, str, str], Answer] = {}
    texts: dict[tuple[str, str], Answer] = {}
    for row, system, code, text in values:
        answer = cast(Answer, row["answer"])
        for analyte in row.listed("analyte") or ("",):
            if code:
                held = coded.setdefault((system, code, analyte), answer)
            else:
                held = texts.setdefault((text, analyte), answer)
            if held != answer:
                raise row.refuse(f"{code or text} is {answer} here and {held} elsewhere; keep one")
    return ValueMap(coded=coded, texts=texts)


def _check(row: Row, analytes: dict[str, Analyte]) -> None:
    if row["answer"] not in FINDINGS + AMOUNTS:
        raise row.refuse(
            f"{row['answer']} is no answer; use one of {', '.join(FINDINGS + AMOUNTS)}"
        )
    if bool(row["text"]) == bool(row["system"] and row["code"]):
        raise row.refuse("a row has either a system and a code, or a text")
    unknown = [name for name in row.listed("analyte") if name not in analytes]
    if unknown:
        raise row.refuse(f"{unknown[0]} is no row of analytes.tsv")
    if row["answer"] in AMOUNTS and not row["analyte"]:
        raise row.refuse(f"{row['answer']} needs the analytes it is said of")
