"""A part is never larger than its whole: where one draw says so, neither number can be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import Numbers
from fhir_remission.domain.nouns.inputs import Interval, Result, Unreadable
from fhir_remission.domain.nouns.intervals import is_zero
from fhir_remission.domain.nouns.verdicts import Proof

WHOLE = "wbc"
PARTS = ("anc", "neutrophils-segmented", "neutrophils-band", "blasts-blood-count")
# Classes of one differential that do not overlap: one row of neutrophils or its two parts, blasts.
_SHARES = (
    ("neutrophils-pct", "blasts-blood"),
    ("neutrophils-segmented-pct", "neutrophils-band-pct", "blasts-blood"),
)
_SHARED = frozenset(name for names in _SHARES for name in names)
FLAG = "part-above-whole"
_EXCLUDED = "it and its whole exclude each other"
_UNREAD = "the leukocytes of the draw cannot be read"
_FEWER = "the leukocytes of the draw may be fewer"
# What a refused value is refused beside.
_BESIDE = {
    WHOLE: PARTS, **dict.fromkeys(PARTS, (WHOLE,)), **dict.fromkeys(_SHARED, sorted(_SHARED)),
}  # fmt: skip


def checked(draw: Sequence[Result], numbers: Numbers) -> Sequence[Result]:
    """The results of one draw; parts and wholes that exclude each other are unreadable.

    A whole that came and cannot be read leaves its parts open; one that never came does not.
    """
    every = [one for one in draw if one.analyte == WHOLE]
    shares = [one for one in draw if one.analyte in _SHARED and isinstance(one.value, Interval)]
    doubtful = set(_too_many(shares, numbers)) if shares else set()
    if not every and not doubtful:
        return draw
    stands = [one for one in every if one.standing == "usable"]
    # A whole that does not stand supports nothing, and beside none that does it may deny a part.
    wholes = stands or [one for one in every if isinstance(one.value, Interval)]
    for part in (one for one in draw if one.analyte in PARTS):
        above = [whole for whole in wholes if _exceeds(part, whole)]
        doubtful |= {part, *above} if above else set()
    unread = {part: why for part in draw if (why := _why_open(part, wholes))}
    if not doubtful and not unread:
        return draw
    return [
        _refused(one, _EXCLUDED, FLAG)
        if one in doubtful
        else _refused(one, unread[one], "")
        if one in unread
        else one
        for one in draw
    ]


def with_those_beside(proof: Proof, results: Mapping[str, tuple[Result, ...]]) -> Proof:
    """The evidence, and what some of it is refused beside: without that it would be read."""
    refused = {
        one.analyte for one in proof
        if isinstance(one, Result) and isinstance(one.value, Unreadable)
        and one.value.reason in (_EXCLUDED, _UNREAD, _FEWER)
    }  # fmt: skip
    beside = {name for one in refused for name in _BESIDE[one]}
    return tuple(dict.fromkeys((*proof, *(p for n in sorted(beside) for p in results.get(n, ())))))


def _why_open(part: Result, wholes: Sequence[Result]) -> str:
    """Why nobody can tell that a whole is no less than this part of it; empty where it is none."""
    value = part.value
    if part.analyte not in PARTS or not isinstance(value, Interval) or is_zero(value):
        return ""
    if any(not isinstance(one.value, Interval) for one in wholes):
        return _UNREAD
    fewer = any(_may_be_less(one, part) for one in wholes)
    return _FEWER if fewer else ""


def _may_be_less(whole: Result, part: Result) -> bool:
    """Whether a whole that is told as an interval reaches below its part."""
    if not isinstance(whole.value, Interval) or whole.value.low == whole.value.high:
        return False
    return _low(part) - part.step / 2 > whole.value.low + whole.step / 2


def _exceeds(part: Result, whole: Result) -> bool:
    """Whether the part lies above the whole, however both were rounded as sent."""
    if not isinstance(part.value, Interval) or not isinstance(whole.value, Interval):
        return False
    high = whole.value.high
    if high is None:
        return False
    return part.value.low - part.step / 2 > high + whole.step / 2


def _too_many(every: Sequence[Result], numbers: Numbers) -> Iterable[Result]:
    """The shares of a differential that add up to more than there can be."""
    limit = numbers.whole_at_most
    if limit is None or sum(map(_low, every)) <= limit.value:
        return
    for names in _SHARES:
        shares = [one for one in every if one.analyte in names]
        least = {
            name: min(_low(one) for one in shares if one.analyte == name)
            for name in {one.analyte for one in shares}
        }
        if sum(least.values()) > limit.value:
            yield from shares


def _low(result: Result) -> Decimal:
    assert isinstance(result.value, Interval)  # noqa: S101 - the caller sorts by type
    return result.value.low


def _refused(result: Result, reason: str, flag: str) -> Result:
    flags = (*result.flags, flag) if flag else result.flags
    return replace(result, value=Unreadable(result.original, reason), flags=flags)
