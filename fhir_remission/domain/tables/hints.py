"""Words by which what no table can read may still be evidence; nothing is ever read by them."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import read_rows

COLUMNS = ("means", "word", "source")
MEANS = ("input", "leukaemia", "aml", "not-aml", "drug", "transfusion", "gcsf", "other")


class Hints(Struct, frozen=True):
    """The tables as text; their pattern is made when something unread first needs it."""

    tables: tuple[tuple[str, str], ...] = ()
    """File and text of each."""

    def names(self, what: str, text: str) -> bool:
        """Whether a text names something of this kind."""
        return bool(self.tables) and what in _meanings(self, text.casefold())


NO_HINTS = Hints()


@lru_cache(maxsize=1 << 10)
def _meanings(hints: Hints, text: str) -> frozenset[str]:
    pattern, means = _compiled(hints)
    found = {what for one in pattern.finditer(text) for what in means[(one.lastindex or 1) - 1]}
    return frozenset(found | {"leukaemia"} if "aml" in found else found)


@lru_cache(maxsize=4)
def _compiled(hints: Hints) -> tuple[re.Pattern[str], tuple[tuple[str, ...], ...]]:
    """One pattern of all words, the longest first, and what each of them means."""
    words: dict[str, tuple[str, ...]] = {}
    rows = (
        row for file, text in hints.tables for row in read_rows(text, file=file, columns=COLUMNS)
    )
    for row in rows:
        if row["means"] not in MEANS or not row["word"]:
            raise row.refuse(f"a row gives a word and what it means: {', '.join(MEANS)}")
        word = row["word"].casefold()
        words[word] = (*words.get(word, ()), row["means"])
    ordered = sorted(words, key=lambda word: (-len(word), word))
    pattern = "|".join(f"({_as_pattern(word)})" for word in ordered)
    return re.compile(pattern), tuple(words[word] for word in ordered)


def _as_pattern(word: str) -> str:
    stem = word.removesuffix("*")
    return rf"(?<!\w){re.escape(stem)}" + ("" if word.endswith("*") else r"(?!\w)")
