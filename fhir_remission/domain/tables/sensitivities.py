"""How little an assay finds, as it is written: `10^-4`, `1:10000`, `LOD 0,01 %`; else not read.

A text is read whole or not at all, and as the worst that it can mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from fhir_remission.domain.nouns.numbers import number
from fhir_remission.domain.tables.value_grammar import ValueWords, plain_words

# A sentence is no limit.
_LONGEST = 100
_HUNDRED = Decimal(100)
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))
_NUMBER = r"(?<![\w.,])\.?\d[\d.,]*(?:e[+-]?\d+)?"
_POWER = re.compile(
    r"(?<![\w.,])(?:(\d[\d.,]*)\s*[x×*·]?\s*)??10\s*(?:\^|\*\*?)?\s*\(?-\s*(\d)\)?(?![\w.])"
)
_ONE_IN = re.compile(
    r"(?<![\w.,])1\s*(?::|/|in|of|per|zu|auf|sur|en|su|op)\s*(?:10\s*\^\s*(\d)|(\d[\d., ']*))"
)
_SHARE = re.compile(rf"({_NUMBER})\s*(%|percent|prozent)?")
_GROUPED = re.compile(r"\d{1,3}(?:[., ']\d{3})*|\d+")
# A quantity without a unit of its own.
_UNITY = re.compile(r"\s(?:1|\{[^{}]*\})$")
_WORD = re.compile(r"[^\W\d_][\w+]*|[<=≤≦~≈]+|[^\s\w()\[\]:;,.-]")


def read_limit(text: str, words: ValueWords, *, decimal_comma: bool) -> Decimal | None:
    """The least share of cells that is found, in %; none where nobody can tell."""
    rest = _UNITY.sub("", plain_words(text).translate(_DASHES))
    if len(rest) > _LONGEST:
        return None
    shares: list[Decimal | None] = []
    for pattern, meaning in ((_POWER, _of_power), (_ONE_IN, _of_one_in)):
        shares += [meaning(found, decimal_comma=decimal_comma) for found in pattern.finditer(rest)]
        rest = pattern.sub(" ", rest)
    shares += _of_shares(rest, decimal_comma=decimal_comma)
    rest = _SHARE.sub(" ", rest)
    if not all(word in words.limits for word in _WORD.findall(rest)):
        return None
    known = [one for one in shares if one is not None]
    return max(known) if known and len(known) == len(shares) else None


def _of_power(found: re.Match[str], *, decimal_comma: bool) -> Decimal | None:
    times = number(found[1] or "1", decimal_comma=decimal_comma)
    return times.scaleb(2 - int(found[2])) if isinstance(times, Decimal) else None


def _of_one_in(found: re.Match[str], *, decimal_comma: bool) -> Decimal | None:
    del decimal_comma
    if found[1]:
        return Decimal(1).scaleb(2 - int(found[1]))
    written = found[2].strip(" .,'")
    if not _GROUPED.fullmatch(written):
        return None
    whole = Decimal(re.sub(r"\D", "", written))
    return _HUNDRED / whole if whole else None


def _of_shares(text: str, *, decimal_comma: bool) -> Iterator[Decimal | None]:
    """Numbers in %; where no unit stands with any of them, the worse of share and %: a share."""
    found = list(_SHARE.finditer(text))
    percent = any(one[2] for one in found)
    for one in found:
        value = number(one[1], decimal_comma=decimal_comma)
        if not isinstance(value, Decimal):
            yield None
        else:
            yield value if percent and "e" not in one[1] else value * _HUNDRED
