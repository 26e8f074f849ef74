"""Words by which what no table can read may still be evidence; they support nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import _lru_cache_wrapper, lru_cache, partial
from typing import TypeVar

from msgspec import Struct

from fhir_remission.domain.nouns.spelling import seen, spellings
from fhir_remission.domain.tables.hint_words import (
    BACK,
    NONE,
    SENTENCE,
    WITHOUT,
    Tables,
    compiled,
    found_in,
    is_partial,
    parts_of,
    refuted,
    told_in,
    unsaid,
)

T = TypeVar("T")


class Hints(Struct, frozen=True):
    """The tables as text; their pattern is made when something unread first needs it."""

    tables: Tables = ()

    def names(self, what: str, text: str) -> bool:
        """Whether a text names something of this kind."""
        return bool(self.tables) and read_often(_names, text)(self, what, text)

    def among(self, what: str, texts: Iterable[str]) -> bool:
        """Whether any of the texts names something of this kind."""
        return any(self.names(what, text) for text in texts)

    def only(self, what: str, text: str) -> bool:
        """Whether a text says nothing but words of this kind."""
        return bool(self.tables) and read_often(_only, text)(self, what, seen(text).casefold())

    def is_relapse(self, text: str) -> bool:
        """Whether a text names nothing but a relapse, and where: it is of the disease on record."""
        return bool(self.tables) and any(_is_relapse(self, one) for one in spellings(text))

    def is_back(self, text: str) -> bool:
        """Whether it says no more than that the disease is back, no remission or a partial one."""
        told = spellings(text) if self.tables else ()
        if any(_is_without_remission(self, one) or is_partial(self.tables, one) for one in told):
            return True
        parts = (part for one in told for part in parts_of(one))
        remitted = any(told_in(self.tables, "remission", one) for one in parts)
        return self.is_relapse(text) and not remitted

    def is_of_relative(self, text: str) -> bool:
        """Whether a text says that a relative had a leukaemia, or of one first that it is back."""
        first = "," not in text and all(_is_of_another(self, one) for one in spellings(text))
        theirs = first or not self.names("relapse", text)
        return theirs and self.names("relative", text) and self.consists("of-relative", text)

    def is_none(self, text: str) -> bool:
        """Whether a text says nothing but that there is none."""
        return self.names("none", text) and self.only("none-found", text)

    def findings(self, text: str) -> str:
        """A text without what is asked in a sentence that begins as a question does."""
        return " ".join(
            self.stated(one) if _begins(self, "asked", one) else one for one in _PIECES.split(text)
        )

    def denies(self, text: str) -> bool:
        """Whether each part of a text says that there is none, or no sign that it names."""
        parts = [part for part in parts_of(text.casefold()) if _WORD.search(part)]
        return bool(parts) and all(self.is_none(one) or _denies(self, one) for one in parts)

    def stated(self, text: str) -> str:
        """What of a question is no question: a relapse that is asked for is not there."""
        parts = (part.strip() for part in _ASKED.split(text))
        return " ".join(p for p in parts if self.names("affirmed", p) or not self._asks(p))

    def _asks(self, part: str) -> bool:
        """Whether it is a question, or what somebody looks for: without any share of blasts."""
        return part.strip("?") != part or (self.names("asks", part) and not _PERCENT.search(part))

    def is_elsewhere(self, text: str) -> bool:
        """Whether a text names a place outside of the marrow, and a leukaemia in it or none."""
        return self.names("where", text) and self.consists("elsewhere", text)

    def consists(self, what: str, text: str) -> bool:
        """Whether it says nothing but words of this kind, which may have an ending."""
        return bool(self.tables) and any(_consists(self, what, one) for one in spellings(text))

    def around(self, what: str, text: str) -> tuple[str, str]:
        """What stands before and behind the first word of this kind."""
        texts = ((one, next(found_in(self.tables, what, one), None)) for one in spellings(text))
        found = ((one[: at.start()], one[at.end() :]) for one, at in texts if at is not None)
        return next(found, ("", ""))

    def stands(self, what: str, text: str) -> bool:
        """Whether a sentence, or a part of one, names something that nothing denies."""
        stands = _is_back if what == "returns" else partial(_stands, kind=what, none=())
        told = [_own(self, one) for one in spellings(text)] if self.tables else []
        parts = (part for one in told for part in (*parts_of(one), *SENTENCE.split(one)))
        return any(stands(self, part=one) for one in parts)

    def signs(self, text: str, *, marrow: bool = False) -> frozenset[str]:
        """Which signs of disease a text names, of the patient and not denied; `marrow`: of one."""
        if not self.tables:
            return frozenset()
        told = (read_often(_signs, one)(self, one, marrow) for one in spellings(text))
        return frozenset().union(*told)

    def is_above(self, text: str) -> bool:
        """Whether a text states shares of blasts, as of now, and none below the line of disease."""
        return bool(self.tables) and any(
            read_often(_is_above, one)(self, one) for one in spellings(text)
        )


NO_HINTS = Hints()
_SIGNS = ("sign", "relapse", "lesion", "apl", "active", "partial")
_ZERO, _NO_ONE = re.compile(r"\W*0(?:[.,]0+)?\W*"), re.compile(r"(?<![\d.,])0 $")
# Of a question each part is asked by itself.
_ASKED = re.compile(r"(?<=[.;,!?])(?<!^\?)\s|\n")
_PIECES = re.compile(r"(?<=[.;!?])\s|\n")
_ASIDE = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"\w")
_DATE = re.compile(r"(?<!\w)\d[\d./-]*")
# What of a word a stem leaves over.
_ENDS = re.compile(r"^\w+|\w+$")
_ENDING = re.compile(r"\0\w*")
_LINE = 5
"""From so many blasts of a hundred cells on, a marrow is one of disease by every set."""
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,9}(?:[.,]\d{1,9})?)\s?%")
_LONGEST = 500
"""What is longer is hardly sent twice, and too much to keep."""


def read_often(remembered: _lru_cache_wrapper[T], text: str) -> Callable[..., T]:
    """A function that remembers its answers, or the same without that for a long text."""
    return remembered if len(text) <= _LONGEST else remembered.__wrapped__


@lru_cache(maxsize=1 << 12)
def _names(hints: Hints, what: str, text: str) -> bool:
    return any(_is_named(hints, what, one) for one in spellings(text))


def _is_named(hints: Hints, what: str, text: str) -> bool:
    return next(found_in(hints.tables, what, text), None) is not None


@lru_cache(maxsize=1 << 12)
def _signs(hints: Hints, text: str, marrow: bool) -> frozenset[str]:  # noqa: FBT001 - cached
    named = [kind for kind in _SIGNS if _is_named(hints, kind, text)]
    back, remitted = (_is_named(hints, kind, text) for kind in ("returns", "remission"))
    own = _own(hints, text) if named or back or remitted else ""
    if not own:
        return frozenset()
    parts = parts_of(own)
    # A marrow has blasts: so few are none, where no other share stands there.
    of_marrow = marrow or _is_named(hints, "tissue", text)
    few = of_marrow and len(_PERCENT.findall(text)) == 1
    none = ("few",) if few else ()
    line = _LINE if of_marrow else 0
    told = {kind for kind in named if any(_stands(hints, kind, p, none, line) for p in parts)}
    if back and any(_is_back(hints, p) for p in parts):
        told.add("relapse")
    if remitted and any(_is_without_remission(hints, p) for p in parts):
        told.add("active")
    return frozenset(told)


def _is_relapse(hints: Hints, text: str) -> bool:
    """Whether a part of it does, beside others that deny something or are of somebody else."""
    told = (unsaid(hints.tables, one) for one in parts_of(_DATE.sub(" ", text)))
    parts = [part for one in told for part in WITHOUT.split(one) if _WORD.search(part)]
    whose = {True: "relapse-of-graft", False: "relapse-alone"}
    alone = [one for one in parts if _consists(hints, whose[bool(_own(hints, one))], one)]
    named = any(_is_named(hints, kind, one) for kind in BACK for one in alone)
    beside = ("denied", "absent", "family")
    return named and all(
        one in alone or any(_is_named(hints, kind, one) for kind in beside) for one in parts
    )


def _is_without_remission(hints: Hints, part: str) -> bool:
    """Whether a part of a sentence says no more than that there is no remission."""
    denied = any(_is_named(hints, kind, part) for kind in NONE)
    return denied and _is_named(hints, "remission", part) and _consists(hints, "no-remission", part)


def _begins(hints: Hints, kind: str, text: str) -> bool:
    found = next(found_in(hints.tables, kind, text.casefold()), None)
    return found is not None and _WORD.search(text[: found.start()]) is None


def _denies(hints: Hints, part: str) -> bool:
    """Whether a part begins with a sign or with what denies it, and none of it stands."""
    begins = next(found_in(hints.tables, "evident-or-denied", part), None)
    rest = "" if begins is None else part[: begins.start()]
    named = begins is not None and _is_named(hints, "evident", part)
    other = _is_named(hints, "family", part) or _is_named(hints, "few", part)
    return named and _consists(hints, "alone", rest) and not other and not hints.signs(part)


def _own(hints: Hints, text: str) -> str:
    """What of a text is of the patient: no sentence that begins with a relative or a donor."""
    if not _is_named(hints, "family", text):
        return text
    return "\n".join(one for one in SENTENCE.split(text) if not _is_of_another(hints, one))


def _is_of_another(hints: Hints, sentence: str) -> bool:
    """Whether somebody else is named before any sign of disease."""
    other = next(found_in(hints.tables, "family", sentence), None)
    signs = (next(found_in(hints.tables, kind, sentence), None) for kind in (*_SIGNS, "returns"))
    return other is not None and all(one is None or other.start() < one.start() for one in signs)


def _is_back(hints: Hints, part: str) -> bool:
    """Whether a part of a sentence says of a leukaemia that it is back, and of nothing else."""
    back = told_in(hints.tables, "returns", part)
    if back is None or _is_named(hints, "absent", _without_asides(hints, part[back.end() :])):
        return False
    named = (sorted((back.span(), one.span())) for one in found_in(hints.tables, "leukaemia", part))
    between = (_ENDS.sub("", part[first[1] : second[0]]) for first, second in named)
    return any(_only(hints, "plain", one) for one in between)


@lru_cache(maxsize=1 << 10)
def _is_above(hints: Hints, text: str) -> bool:
    parts = parts_of(_own(hints, text))
    if any(told_in(hints.tables, "remission", one) for one in parts):
        return False
    now = [one for one in parts if not (YEAR.search(one) or _is_named(hints, "not-blasts", one))]
    shares = [float(one.replace(",", ".")) for part in now for one in _PERCENT.findall(part)]
    # A share of a biopsy goes on with what was said before it.
    pairs = zip(["", *now], now, strict=False)
    now = [f"{before} {one}" if _goes_on(hints, before, one) else one for before, one in pairs]
    stated = (one for one in now if _PERCENT.search(one) and _is_named(hints, "sign", one))
    return all(one >= _LINE for one in shares) and any(
        _stands(hints, "sign", one, ("few",)) for one in stated
    )


def _goes_on(hints: Hints, before: str, part: str) -> bool:
    """Whether a part says no more than a share of a biopsy."""
    bare = _consists(hints, "core", _PERCENT.sub("", part)) and _is_named(hints, "core", part)
    return bare and not _is_named(hints, "absent", before)


@lru_cache(maxsize=1 << 10)
def _only(hints: Hints, what: str, text: str) -> bool:
    rest = compiled(hints.tables, what).sub(lambda one: one["other"] or "", text)
    return _WORD.search(rest) is None


def _consists(hints: Hints, what: str, text: str) -> bool:
    """The same of words that may have an ending."""
    rest = compiled(hints.tables, what).sub(lambda one: one["other"] or "\0", text)
    return _WORD.search(_ENDING.sub("", rest)) is None


def _stands(hints: Hints, kind: str, part: str, none: tuple[str, ...], line: int = 0) -> bool:
    """Whether a part of a sentence names a sign; `no` before it denies it, `none` behind it.

    `line`: how many blasts are one.
    """
    sign = told_in(hints.tables, kind, part)
    if sign is None:
        return False
    rest = part[sign.end() :]
    if refuted(hints.tables, part[: sign.start()], rest):
        return True
    shares = [one.replace(",", ".") for one in _PERCENT.findall(part)] if kind == "sign" else []
    if shares:
        least = 0 if _is_named(hints, "over", part) else line
        return any(float(one) >= least and float(one) for one in shares) and not any(
            _is_named(hints, k, part) for k in none
        )
    zero = _ZERO.fullmatch(rest) or _NO_ONE.search(part[: sign.start()])
    denied = _is_named(hints, "absent", _without_asides(hints, rest))
    return not (denied or (kind == "sign" and zero))


def _without_asides(hints: Hints, text: str) -> str:
    """Without what stands in brackets, unless that is a mere answer: `(no infection)`, `(no)`."""
    return _ASIDE.sub(lambda one: one[0] if _only(hints, "none-found", one[0]) else " ", text)
