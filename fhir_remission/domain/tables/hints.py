"""Words by which what no table can read may still be evidence; nothing is ever read by them."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import read_rows

COLUMNS = ("means", "word", "source")
MEANS = (
    "input",
    "tissue",
    "count",
    "panel",
    "leukaemia",
    "aml",
    "not-aml",
    "drug",
    "graft",
    "donor-cells",
    "platelets",
    "red-cells",
    "transfusion",
    "gcsf",
    "other",
)


class Hints(Struct, frozen=True):
    """The tables as text; their pattern is made when something unread first needs it."""

    tables: tuple[tuple[str, str], ...] = ()
    """File and text of each."""

    def names(self, what: str, text: str) -> bool:
        """Whether a text names something of this kind."""
        return bool(self.tables) and _names(self, what, text.casefold())


NO_HINTS = Hints()
# An AML is a leukaemia.
_ALSO = {"leukaemia": ("leukaemia", "aml")}


@lru_cache(maxsize=1 << 12)
def _names(hints: Hints, what: str, text: str) -> bool:
    return any(one["other"] is None for one in _compiled(hints, what).finditer(text))


@lru_cache(maxsize=32)
def _compiled(hints: Hints, what: str) -> re.Pattern[str]:
    """One pattern of all words of a kind, the longest first; words of `other` come before them.

    Words of another kind are not in it: `chlorom*` must not take `chlorom` away from it.
    """
    words, others = _words(hints, _ALSO.get(what, (what,))), _words(hints, ("other",))
    return re.compile(f"(?P<other>{_any_of(others)})|{_any_of(words)}")


def _any_of(words: set[str]) -> str:
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return "|".join(map(_as_pattern, ordered)) or "(?!)"


def _words(hints: Hints, kinds: tuple[str, ...]) -> set[str]:
    return {word for kind, word in _rows(hints) if kind in kinds}


@lru_cache(maxsize=4)
def _rows(hints: Hints) -> tuple[tuple[str, str], ...]:
    """Every row as its kind and word."""
    rows = [
        row for file, text in hints.tables for row in read_rows(text, file=file, columns=COLUMNS)
    ]
    for row in rows:
        if row["means"] not in MEANS or not row["word"]:
            raise row.refuse(f"a row gives a word and what it means: {', '.join(MEANS)}")
    return tuple((row["means"], row["word"].casefold()) for row in rows)


def _as_pattern(word: str) -> str:
    begins = "" if word.startswith("*") else r"(?<!\w)"
    ends = "" if word.endswith("*") else r"(?!\w)"
    return f"{begins}{re.escape(word.strip('*'))}{ends}"
