"""Numbers as they are sent, exactly, and the intervals that comparators make of them."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_remission.domain.nouns.inputs import Interval, Unreadable

# A double written out exactly has up to 1 075 digits; longer ones are no measurement.
MAX_DIGITS = 1100
MAX_EXPONENT = 15
_SHOWN = 40

_ZERO = Decimal(0)
# ASCII digits, no sign; zeros in front and a point in front change no number.
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?", re.ASCII)
# A comma parts decimals where it cannot part thousands: not three digits after it, or 0 before it.
_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}|0+,[0-9]+", re.ASCII)
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9][0-9]{0,2}\.[0-9]{3}(?![\d.,])", re.ASCII)
_SITES_COMMA = re.compile(r"[0-9]+,[0-9]+", re.ASCII)
COMPARATORS = {
    "": "=",
    "=": "=",
    "<": "<",
    "<=": "<=",
    "=<": "<=",
    "≤": "<=",
    "≦": "<=",
    ">": ">",
    ">=": ">=",
    "=>": ">=",
    "≥": ">=",
    "≧": ">=",
}


def number(text: str, *, decimal_comma: bool) -> Decimal | Unreadable:
    """The one reader of numbers: not negative, exact to its last digit, exponent within 15.

    With `decimal_comma` a comma parts decimals wherever it stands: the site says so.
    """
    if len(text) > MAX_DIGITS:
        return Unreadable(raw=text[:_SHOWN], reason=f"a number of {len(text)} characters")
    if (_SITES_COMMA if decimal_comma else _COMMA).fullmatch(text):
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


def is_ambiguous(text: str, sent: Interval, read: Interval) -> bool:
    """Whether a point may part thousands: 150.000 /µl, where cells are counted one by one."""
    return read.low < sent.low and _THOUSANDS.search(text) is not None


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


def approximately(value: Decimal) -> Interval | None:
    """An approximate number: one step of its last digit that is not 0, or a tenth of it if that is
    more, to either side, ends out.

    `about 5` is above 4 and below 6: it decides nothing at 5, nor does `about 4.9`, whatever digits
    were written. About nothing is no number.
    """
    if value == 0:
        return None
    sign, digits, exponent = value.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    last = Decimal((sign, (1,), int(exponent) + zeros))
    step = max(last, Decimal((sign, digits, int(exponent) - 1)))
    low = max(value - step, _ZERO)
    return Interval(low=low, high=value + step, low_open=True, high_open=True)
