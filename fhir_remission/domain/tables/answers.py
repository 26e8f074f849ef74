"""Answers by code and by words, and what a text reports by them and the grammar of values."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, cast

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import Finding, Interval, Unreadable
from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.value_grammar import InWords, ValueWords, plain, plain_words

COLUMNS = ("system", "code", "text", "analyte", "answer", "display", "source")
Answer = Literal["negative", "low-level", "positive", "indeterminate", "zero", "some"]
FINDINGS = ("negative", "low-level", "positive", "indeterminate")
# `zero` is none at all; `some` is present, amount unknown. Both only for a named analyte.
AMOUNTS = ("zero", "some")

# Whether it is there by this answer, or whether the answer leaves that open.
PRESENT: dict[Answer, bool | None] = {
    **dict.fromkeys(("negative", "zero"), False),
    **dict.fromkeys(("low-level", "positive", "some"), True),
    "indeterminate": None,
}

# What a word for any finding says of a number of cells that some row answers by `zero`.
_AMOUNTS: dict[Answer, Answer] = {"negative": "zero", "positive": "some"}
_ZERO = Decimal(0)
_WORD = re.compile(r"[^\W\d_]+")
_APART = re.compile(r"\s*(?:[,;/()]|\b(?:and|due to|because of|und|wegen|et)\b)\s*", re.IGNORECASE)
_NOTHING = Interval(low=_ZERO, high=_ZERO)


class Said(Struct, frozen=True):
    """An answer in words, and the limit or the amount that stood beside it."""

    answer: Answer
    limit: str = ""
    amount: InWords | None = None


class ValueMap(Struct, frozen=True):
    """Answers by code and by text, for one analyte or for all."""

    coded: dict[tuple[str, str, str], Answer]
    texts: dict[tuple[str, str], Answer]
    words: ValueWords

    def coded_answer(self, system: str, code: str, analyte: Analyte) -> Answer | None:
        """What a coded answer says of this analyte; the row made for the analyte comes first."""
        own = self.coded.get((system, code, analyte.id))
        if own is not None or analyte.kind == "quantity":
            return own
        return self.coded.get((system, code, ""))

    def text_answer(self, text: str, analyte: Analyte, *, own: bool = False) -> Answer | None:
        """What a text says of this analyte: the whole text, or all but what it is said of.

        `own`: by a word that is said of this analyte alone, so that it must be meant.
        """
        for reading in self.words.readings(plain(text), analyte.id):
            words = plain_words(reading)
            found = self.texts.get((words, analyte.id))
            if found is None and analyte.kind != "quantity" and not own:
                found = self.texts.get((words, ""))
            if found is not None:
                return found
        return self._together(text, analyte, own=own)

    def _together(self, text: str, analyte: Analyte, *, own: bool) -> Answer | None:
        """What a list of answers says, such as `hemodilute, inadequate`: what each of them says."""
        parts = [one for one in _APART.split(text) if one]
        if len(parts) < 2 or analyte.kind == "quantity":
            return None
        said = {self.text_answer(one, analyte, own=own) for one in parts}
        return said.pop() if len(said) == 1 else None

    def affirms(self, text: str, analyte: Analyte) -> bool:
        """Whether a text that is not read has words that are answers, each that it is there."""
        words = (plain_words(word) for word in _WORD.findall(text))
        answers = (self.texts.get((one, analyte.id)) or self.texts.get((one, "")) for one in words)
        return {PRESENT[answer] for answer in answers if answer} == {True}

    def read(
        self, text: str, analyte: Analyte, *, decimal_comma: bool
    ) -> Said | InWords | Unreadable:
        """What a text reports: an answer, a number with its unit, or why it is neither."""
        reason = self.words.refusal(text, analyte.id)
        if reason:
            return Unreadable(raw=text, reason=reason)
        answer = self.text_answer(text, analyte)
        if answer is not None:
            return Said(answer)
        if analyte.kind == "finding":
            return Unreadable(raw=text, reason="an answer that is in no row of values.tsv")
        *_, bare = self.words.readings(plain(text), analyte.id)
        parts = self.words.parted(bare)
        if parts and self.words.is_vague(parts.word, analyte.id):
            return self.words.in_words(parts.number, decimal_comma=decimal_comma)
        answer = self.text_answer(parts.word, analyte) if parts else None
        if parts is None or answer is None:
            return self.words.in_words(bare, decimal_comma=decimal_comma)
        beside = self.words.in_words(parts.number, decimal_comma=decimal_comma)
        return _agreed(answer, parts.number, beside, text)


def _agreed(
    answer: Answer, written: str, beside: InWords | Unreadable, text: str
) -> Said | InWords | Unreadable:
    """An answer and a number of one text: both where they agree, else no answer at all."""
    if isinstance(beside, Unreadable):
        return Unreadable(raw=text, reason=beside.reason)
    amount = beside.value
    present, denied = amount.low > 0 or amount.low_open, amount == _NOTHING
    if answer == "zero" and denied:
        return Said(answer)
    if answer == "some" and not denied:
        return InWords(
            structs.replace(amount, low_open=amount.low_open or not amount.low), beside.unit
        )
    if answer in AMOUNTS:
        return Unreadable(raw=text, reason="its word and its number contradict each other")
    if answer == "indeterminate" or present == (answer == "negative"):
        return Said("indeterminate")
    if answer == "positive":
        return Said(answer, amount=beside)
    return Said(answer, limit="" if present else written)


def answered(answer: Answer, analyte: Analyte) -> Finding | Interval:
    """The value an answer stands for."""
    if answer == "zero":
        return _NOTHING
    if answer == "some":
        return Interval(low=_ZERO, high=analyte.high, low_open=True)
    return Finding(answer=answer)


def read_values(text: str, *, file: str, analytes: dict[str, Analyte]) -> list[Row]:
    """Read the rows of an answers table, each checked by itself."""
    rows = list(read_rows(text, file=file, columns=COLUMNS))
    for row in rows:
        _check(row, analytes)
    return rows


def merge_values(values: list[Row], words: ValueWords) -> ValueMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    coded: dict[tuple[str, str, str], Answer] = {}
    texts: dict[tuple[str, str], Answer] = {}
    for row in values:
        answer, code = cast(Answer, row["answer"]), row["code"]
        text = plain_words(row["text"])
        for analyte in row.listed("analyte") or ("",):
            if code:
                held = coded.setdefault((row["system"], code, analyte), answer)
            else:
                held = texts.setdefault((text, analyte), answer)
            if held != answer:
                raise row.refuse(f"{code or text} is {answer} here and {held} elsewhere; keep one")
    counted = {analyte for (_, analyte), answer in texts.items() if answer == "zero"}
    for analyte in counted:
        for (system, code, of), answer in list(coded.items()):
            if not of and answer in _AMOUNTS:
                coded.setdefault((system, code, analyte), _AMOUNTS[answer])
        for (text, of), answer in list(texts.items()):
            if not of and answer in _AMOUNTS:
                texts.setdefault((text, analyte), _AMOUNTS[answer])
    return ValueMap(coded=coded, texts=texts, words=words)


def _check(row: Row, analytes: dict[str, Analyte]) -> None:
    row.check([row["answer"]], FINDINGS + AMOUNTS, "no answer")
    if bool(row["text"]) == bool(row["system"] and row["code"]):
        raise row.refuse("a row has either a system and a code, or a text")
    row.check(row.listed("analyte"), analytes, "no row of analytes.tsv")
    if row["answer"] in AMOUNTS and not row["analyte"]:
        raise row.refuse(f"{row['answer']} needs the analytes it is said of")
