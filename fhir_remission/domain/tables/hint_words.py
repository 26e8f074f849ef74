"""The words of the tables of hints: which there are, and one pattern for all of a kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from fhir_remission.domain.nouns.spelling import NEVER, by_first_letter
from fhir_remission.domain.nouns.tsv import read_rows

# From 5 of a hundred on: `no response with 45 % blasts` denies no blasts.
_WITH_SHARE = re.compile(
    r"(?:mit|bei|with|avec|con|met|com)\s+(?:\w+\s+)?"
    r"(?:[5-9]|\d\d+)(?:[.,]\d+)?\s?%(?P<between>\s*\w*\s*)$"
)
SENTENCE = re.compile(
    r"(?<!\bca)[.;!?](?:\s|$)|\n|\b(?:aber|jedoch|sondern|but|however|mais|pero|ma)\b"
)
# A list of what is denied goes on behind a comma.
_LISTED = re.compile(r"\b(?:oder|noch|or|nor|ou|ni|né|of)\b")
WITHOUT = re.compile(r"\b(?=(?:ohne|without|sans|senza|sin|zonder|sem|utan|uten)\b)|[()]")
Tables = tuple[tuple[str, str], ...]
"""File and text of each."""
COLUMNS = ("means", "word", "source")
MEANS = (
    "input",
    "mrd",
    "tissue",
    "not-blasts",
    "picture",
    "neutrophils",
    "platelet-count",
    "clumps",
    "leukocytes",
    "panel",
    "leukaemia",
    "apl",
    "apl-marker",
    "aml",
    "not-aml",
    "course",
    "remission",
    "unsure",
    "plain",
    "drug",
    "graft",
    "donor-cells",
    "platelets",
    "red-cells",
    "transfusion",
    "gcsf",
    "sign",
    "relapse",
    "lesion",
    "returns",
    "active",
    "where",
    "which",
    "known",
    "giving",
    "few",
    "denied",
    "absent",
    "family",
    "relative",
    "kin",
    "asked",
    "asks",
    "answered",
    "found",
    *("response", "worse", "core"),
    *("spoiled", "particles", "sample", "fit", "bad", "lacking", "slight", "of-sample"),
    *("over", "void", "unfit", "former", "there", "donor-sample", "transfused", "stimulated"),
    *("not-then", "pending", "partial"),
    *("cannot", "surely", "undone", "despite", "affirmed", "impossible", "of-relapse"),
    "other",
)
BACK = ("relapse", "returns", "active")
"""Words for a disease that is back or still there."""
NONE = ("denied", "absent", "lacking")
"""Words that something is not there, before it, behind it, and of what a sample lacks."""
_RELAPSE = (*BACK, "where", "which", "plain", "aml", "of-relapse")
# An AML is a leukaemia, a lesion is one of it, and a sign of disease is an input.
_ALSO = {
    "leukaemia": ("leukaemia", "aml", "lesion"),
    "input": ("input", "mrd", "apl-marker", "sign", "relapse", "lesion"),
    "count": ("neutrophils", "platelet-count", "leukocytes"),
    "course": ("course", "relapse", "lesion"),
    "not-blasts": ("not-blasts", "picture"),
    "unsure": ("unsure", "denied", "family", "relative"),
    "family": ("family", "relative"),
    "none": ("denied", "absent", "answered"),
    "none-found": ("denied", "absent", "answered", "found"),
    "evident": ("sign", "relapse", "lesion"),
    "evident-or-denied": ("sign", "relapse", "lesion", "denied"),
    "of-relative": ("relative", "kin", "leukaemia", "aml", "plain", "relapse"),
    "plain": ("plain", "remission"),
    "relapse-alone": _RELAPSE,
    "relapse-of-graft": (*_RELAPSE, "relative", "kin", "graft"),
    "response-alone": ("response", "remission", "plain"),
    "worse-alone": ("worse", "relapse", "plain"),
    "worse-leukaemia": ("worse", "aml", "leukaemia", "plain"),
    "no-response": (*NONE, "response"),
    "untrue": (*NONE, "answered", "plain"),
    "alone": ("aml", "leukaemia", "plain"),
    "no-remission": ("remission", "response", "surely", *NONE),
    "no-sample": (*NONE, "of-sample"),
    "sample-alone": (
        *("sample", "fit", "bad", "particles", "spoiled", "tissue"),
        *(*NONE, "of-sample"),
    ),
    "elsewhere": ("where", "which", "plain", "aml"),
}
_NO = ("denied", "absent", "none", "few")
_BESIDE = ("sign", "relapse", "lesion", "active")
_DENIALS = ("few", "denied", "absent", "family", "none", "none-found")


def parts_of(text: str) -> list[str]:
    """What of a text is denied or not as one: its sentences, and what commas part in them."""
    return [
        part
        for sentence in SENTENCE.split(text)
        for part in ([sentence] if _LISTED.search(sentence) else re.split(r",\s", sentence))
    ]


@lru_cache(maxsize=64)
def compiled(tables: Tables, what: str) -> re.Pattern[str]:
    """One pattern of all words of a kind, the longest first; words of `other` come before them.

    Words of another kind are not in it: `chlorom*` must not take `chlorom` away from it.
    """
    words = _words(tables, _ALSO.get(what, (what,)))
    others = set[str]() if what in _DENIALS else _words(tables, ("other",))
    return re.compile(f"(?P<other>{_any_of(others)})|{_any_of(words)}")


@lru_cache(maxsize=4)
def undone(tables: Tables) -> re.Pattern[str]:
    """A denial that is denied in its turn: `no doubt`, `cannot be safely excluded`."""
    denial, fill, end, no = (
        _any_of(_words(tables, kinds))
        for kinds in (("denied", "cannot"), ("surely",), ("undone",), ("answered", "absent"))
    )
    return re.compile(rf"(?:{denial})(?:[\s']+(?:{fill}))*[\s']+(?:{end})|(?:{end})\s*:\s*(?:{no})")


@lru_cache(maxsize=16)
def despite(tables: Tables, kind: str) -> re.Pattern[str]:
    """What stands before the thing that a denial of something else does not deny."""
    if kind == "sign":
        return _WITH_SHARE
    return re.compile(rf"(?:{_any_of(_words(tables, ('despite',)))})\W+(?P<between>\w+\W+)?$")


def found_in(tables: Tables, what: str, text: str) -> Iterator[re.Match[str]]:
    """Where a text names something of a kind; no doubt and what is not excluded deny nothing."""
    if what in _NO:
        text = undone(tables).sub(lambda one: " " * len(one[0]), text)
    return (one for one in compiled(tables, what).finditer(text) if one["other"] is None)


def denies(tables: Tables, kind: str, before: str, rest: str) -> bool:
    """Whether what stands before something denies it, and nothing behind takes that back."""
    if kind in _BESIDE and _is_beside(tables, kind, before):
        return False
    return _names(tables, "denied", before) and not refuted(tables, before, rest)


def refuted(tables: Tables, before: str, rest: str) -> bool:
    """Whether a denial is said to be none: its exclusion is `not possible`."""
    return _names(tables, "impossible", rest) and _names(tables, "denied", before)


def unsaid(tables: Tables, text: str) -> str:
    """A text without the denials in it that deny nothing."""
    text = undone(tables).sub(" ", text)
    if refuted(tables, text, text):
        for what in ("impossible", "denied"):
            text = compiled(tables, what).sub(" ", text)
    return text


def _is_beside(tables: Tables, kind: str, before: str) -> bool:
    """Whether a denial is of something else: no infection `in spite of` a relapse, say."""
    link = despite(tables, kind).search(before)
    if link is None or _names(tables, "denied", link["between"] or ""):
        return False
    denial = [one.end() for one in found_in(tables, "denied", before[: link.start()])]
    return bool(denial) and re.search(r"\w", before[denial[-1] : link.start()]) is not None


def _names(tables: Tables, what: str, text: str) -> bool:
    return next(found_in(tables, what, text), None) is not None


def _any_of(words: set[str]) -> str:
    """The longest first. What asks for the beginning of a word stands before a run of them.

    Alternatives that begin with a letter are passed over by it; behind an assertion each is tried.
    """
    ordered = sorted(words, key=lambda word: (-len(word), word))
    runs = groupby(ordered, lambda word: "" if word.startswith("*") else r"(?<!\w)")
    return "|".join(f"{begins}(?:{by_first_letter(run, _behind)})" for begins, run in runs) or NEVER


def _behind(word: str) -> str:
    return re.escape(word.strip("*")[1:]) + ("" if word.endswith("*") else r"(?!\w)")


def _words(tables: Tables, kinds: tuple[str, ...]) -> set[str]:
    return {word for kind, word in _rows(tables) if kind in kinds}


@lru_cache(maxsize=4)
def _rows(tables: Tables) -> tuple[tuple[str, str], ...]:
    """Every row as its kind and word."""
    rows = [row for file, text in tables for row in read_rows(text, file=file, columns=COLUMNS)]
    for row in rows:
        if row["means"] not in MEANS or not row["word"]:
            raise row.refuse(f"a row gives a word and what it means: {', '.join(MEANS)}")
    return tuple((row["means"], row["word"].casefold()) for row in rows)


def told_in(tables: Tables, kind: str, part: str) -> re.Match[str] | None:
    """Where a part of a sentence first names something that nothing before it denies."""
    found = next(found_in(tables, kind, part), None)
    before = "" if found is None else part[: found.start()]
    return None if denies(tables, kind, before, part[len(before) :]) else found


def is_partial(tables: Tables, text: str) -> bool:
    """Whether a text tells of a partial remission, and of none that is more."""
    rest = compiled(tables, "partial").sub(lambda one: one["other"] or " ", text)
    more = any(told_in(tables, "remission", one) for one in parts_of(rest))
    return not more and any(told_in(tables, "partial", one) for one in parts_of(text))
