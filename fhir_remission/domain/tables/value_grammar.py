"""One closed grammar for results written in words: an answer, a number, or both, and a subject.

`MRD negative (<0.01 %)`, `blasts: less than 5 %`, `約3 %`, `0.01%未満`. The words stand in
`mappings/value_words.tsv`. A text is read whole or not at all; nothing is searched inside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.numbers import (
    COMPARATORS,
    approximately,
    between,
    compared,
    number,
)
from fhir_remission.domain.nouns.tsv import Row, read_rows

COLUMNS = ("part", "word", "meaning", "analyte", "language", "source")
PARTS = ("subject", "comparator", "after", "about", "to", "refused", "vague", "limit")


class InWords(Struct, frozen=True):
    """A number or a range found in text, with the unit that stood behind it."""

    value: Interval
    unit: str


class WordAndNumber(Struct, frozen=True):
    """A text that holds an answer and a number: `negative (<0.01 %)`."""

    word: str
    number: str


class ValueWords(Struct, frozen=True, eq=False):
    """The words by what they do, and the patterns that they make."""

    subjects: dict[str, tuple[re.Pattern[str], re.Pattern[str]]]
    """By analyte: a subject in front, and one at the end."""
    comparators: dict[str, str]
    refused: dict[tuple[str, str], str]
    """By text and analyte, for all where the analyte is empty: why it is no result."""
    amount: re.Pattern[str]
    vague: frozenset[tuple[str, str]] = frozenset()
    """By text and analyte: refused alone; beside a number the number counts."""
    limits: frozenset[str] = frozenset()
    """Words that may stand beside the limit of an assay and change nothing."""

    def readings(self, text: str, analyte: str) -> Iterator[str]:
        """The text as it is, then without what it only says it is of."""
        yield text
        for pattern in self.subjects.get(analyte, ()):
            less = pattern.sub("", text).strip()
            if less and less != text:
                text = less
                yield text

    def refusal(self, text: str, analyte: str) -> str:
        """Why a text is no result by its own words; empty where it may be one."""
        for reading in self.readings(plain(text), analyte):
            words = plain_words(reading)
            reason = self.refused.get((words, analyte)) or self.refused.get((words, ""))
            if reason:
                return reason
        return ""

    def is_vague(self, text: str, analyte: str) -> bool:
        """Whether words say no amount by themselves and deny none that stands beside them."""
        said = self.readings(plain(text), analyte)
        return any((plain_words(reading), analyte) in self.vague for reading in said)

    def parted(self, text: str) -> WordAndNumber | None:
        """An answer with a number behind or before it; the number is not read yet."""
        found = _WORD_THEN_NUMBER.fullmatch(text) or _NUMBER_THEN_WORD.fullmatch(text)
        return WordAndNumber(found["word"], found["number"].strip()) if found else None

    def in_words(self, text: str, *, decimal_comma: bool) -> InWords | Unreadable:
        """Read `<5`, `less than 5 %`, `4-6`, `about 3 %`; anything else is unreadable, whole."""
        found = self.amount.fullmatch(_MARKED.sub("", plain(text)))
        value = self._value(found, text, decimal_comma=decimal_comma) if found else None
        if found is None:
            return Unreadable(raw=text, reason="text that states no number")
        if value is None:
            return Unreadable(raw=text, reason="a range in which nothing lies")
        if isinstance(value, Unreadable):
            return value
        return InWords(value=value, unit=(found["unit"] or found["spaced"] or "").strip())

    def _value(
        self, found: re.Match[str], text: str, *, decimal_comma: bool
    ) -> Interval | Unreadable | None:
        comparator = self.sign(found["comparator"]) or self.sign(found["after"])
        marks = [one for one in ("about", "comparator", "after", "high") if found[one]]
        if len(marks) > 1:
            return Unreadable(raw=text, reason="text that states no number")
        ends = [
            number(end, decimal_comma=decimal_comma) for end in (found["low"], found["high"]) if end
        ]
        for end in ends:
            if isinstance(end, Unreadable):
                return Unreadable(raw=text, reason=end.reason)
        low, *high = (end for end in ends if not isinstance(end, Unreadable))
        if found["about"]:
            return approximately(low)
        return between(low, *high) if high else compared(comparator, low)

    def sign(self, word: str | None) -> str:
        """The comparator that a word or a sign stands for."""
        words = plain_words(word or "")
        return self.comparators.get(words, word or "")


# ------------------------------------------------------------------------------ normal form

# How an interface marks a number that it also tells to be high or low: `150 K/uL (L)`, `1.5 *`.
_MARKED = re.compile(r"(?<=[^\s(])\s*(?:[(\[](?:HH?|LL?|N|A)[)\]]|\s\*)$")
# Full-width forms as plain ones, before a unit is looked at: NFKC would lose its superscripts.
_WIDE = str.maketrans(
    {"\u3000": " ", "\u00a0": " ", **{chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)}}
)


# A report, and no answer, however it begins.
LONGEST = 2000


def _within(text: str) -> str:
    """The text, or the beginning of one that is too long, marked so that it is no answer."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ¶"


def plain(text: str) -> str:
    """Text with plain letters for full-width ones, without blanks around it and a last stop."""
    return _within(text).translate(_WIDE).strip().removesuffix(".")


def plain_words(text: str) -> str:
    """Text without the differences of case, width, blanks, hyphens and a final full stop."""
    folded = unicodedata.normalize("NFKC", _within(text)).casefold()
    return " ".join(_HYPHEN.sub(" ", folded).split()).rstrip(".").rstrip()


_HYPHEN = re.compile("(?<=[^\\W\\d])[-\u2010\u2011](?=[^\\W\\d])")
_NUMERIC = r"(?:[<>=≤≥≦≧]+\s*)?\.?\d[^()]*"
_WORD_THEN_NUMBER = re.compile(
    rf"(?P<word>[^\d<>=≤≥≦≧()]*[^\W\d_])\s*(?:[,;:]\s*|\(\s*|\s)(?P<number>{_NUMERIC})\)?"
)
_NUMBER_THEN_WORD = re.compile(
    rf"(?P<number>{_NUMERIC}?)\s*(?:[,;]\s*|\(\s*)(?P<word>[^\W\d_][^\d<>=≤≥≦≧()]*)\)?"
)

# ------------------------------------------------------------------------------------ table


def read_value_words(text: str, *, file: str) -> list[Row]:
    """Read the rows of a table of words around values, each checked by itself."""
    rows = list(read_rows(text, file=file, columns=COLUMNS))
    for row in rows:
        row.check([row["part"]], PARTS, "no part of a value")
        if not plain_words(row["word"]):
            raise row.refuse("a row without a word")
        if row["part"] in ("comparator", "after") and row["meaning"] not in COMPARATORS:
            raise row.refuse(f"{row['meaning']} is no comparator; use one of <, <=, >, >=")
        if row["part"] in ("refused", "vague") and not row["meaning"]:
            raise row.refuse("a refused text needs the reason")
        if row["part"] in ("subject", "vague") and not row["analyte"]:
            raise row.refuse(f"a {row['part']} word needs the analytes it is said of")
    return rows


def merge_value_words(rows: Iterable[Row]) -> ValueWords:
    """Make one grammar; a word that contradicts another stops the run and names its line."""
    meanings: dict[tuple[str, str, str], str] = {}
    for row in rows:
        for analyte in row.listed("analyte") or ("",):
            key = (row["part"], plain_words(row["word"]), analyte)
            if meanings.setdefault(key, row["meaning"]) != row["meaning"]:
                raise row.refuse(f"{row['word']} has another meaning in another row; keep one")
    words = {part: {w: m for (p, w, _), m in meanings.items() if p == part} for part in PARTS}
    analytes = {analyte for part, _, analyte in meanings if part == "subject"}
    return ValueWords(
        subjects={
            analyte: _subjects(w for p, w, a in meanings if p == "subject" and a == analyte)
            for analyte in analytes
        },
        comparators={**words["comparator"], **words["after"]},
        refused={(w, a): m for (p, w, a), m in meanings.items() if p in ("refused", "vague")},
        amount=_amount(words),
        vague=frozenset((w, a) for p, w, a in meanings if p == "vague"),
        limits=frozenset(words["limit"]),
    )


def _subjects(words: Iterable[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """In front, before a blank, a colon or another script; at the end, after a blank."""
    any_of = _any_of(words)
    return (
        re.compile(
            rf"^(?:{any_of})(?:\s*[:=]\s*|[\s-]+(?:is |are )?|(?=[^\W_a-z]))", re.IGNORECASE
        ),
        re.compile(rf"[\s-]+(?:{any_of})$", re.IGNORECASE),
    )


def _amount(words: dict[str, dict[str, str]]) -> re.Pattern[str]:
    """The shape of a number in words."""
    digits = r"\.?[0-9][0-9.,]*"
    return re.compile(
        rf"(?:(?P<about>{_any_of(words['about'])})\.?\s*)?"
        rf"(?:(?P<comparator><=|>=|=<|=>|[<>≤≥≦≧=]|{_any_of(words['comparator'])})\s*)?"
        rf"(?P<low>{digits})(?:\s*%?\s*(?:{_any_of(words['to'])})\s*(?P<high>{digits}))?"
        rf"(?:\s*(?P<unit>[^\s0-9<>=~.,–-].*?)|\s+(?P<spaced>\S.*?))??"
        rf"\s*(?P<after>{_any_of(words['after'])})?",
        re.IGNORECASE,
    )


def _any_of(words: Iterable[str]) -> str:
    """An alternative of all words, the longest first; a blank stands for any blanks or a hyphen."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in ordered)
