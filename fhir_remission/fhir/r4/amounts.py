"""Quantities, ranges and ratios as sent: an interval in the unit of the sender, or why not."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.intervals import EXACT
from fhir_remission.domain.nouns.numbers import between, compared, number
from fhir_remission.domain.tables.systems import Systems
from fhir_remission.domain.tables.units import UCUM, UnitSent
from fhir_remission.fhir.r4.elements import Quantity, Range, Ratio, is_denied, is_there

_HUNDRED = Decimal(100)
_PERCENT = UnitSent(code="%", text="%")
_RATIO = UnitSent(code="{ratio}", text="{ratio}")
# Enclosing a quotient that has no end: far finer than any assay, and never on the wrong side.
_BELOW = Context(prec=30, rounding=ROUND_FLOOR)
_ABOVE = Context(prec=30, rounding=ROUND_CEILING)
_TEXT = msgspec.json.Decoder(str)


class Sent(Struct, frozen=True):
    """A number as sent, before its unit is looked at."""

    value: Interval
    unit: UnitSent
    original: str
    flags: tuple[str, ...] = ()


def read_quantity(quantity: Quantity, *, decimal_comma: bool) -> Sent | Unreadable:
    """The interval of a quantity with its comparator."""
    text, quoted = as_written(quantity.value)
    unit = unit_of(quantity)
    original = f"{quantity.comparator or ''}{text} {unit}".strip()
    if not text:
        return Unreadable(raw=original, reason="a quantity without a number")
    amount = number(text, decimal_comma=quoted and decimal_comma)
    if isinstance(amount, Unreadable):
        return Unreadable(raw=original, reason=amount.reason)
    if quantity.comparator == "" or (not quantity.comparator and is_there(quantity._comparator)):
        return Unreadable(raw=original, reason="a comparator that cannot be read")
    if b"uncertainty" in bytes(quantity.extension) + bytes(quantity._value):
        # http://hl7.org/fhir/StructureDefinition/iso21090-uncertainty: 4.9 of which 0.5 is open.
        return Unreadable(raw=original, reason="a number that is said to be uncertain")
    if is_denied(quantity._value):
        return Unreadable(raw=original, reason="a number that is said to be absent")
    if (quantity.unit and is_denied(quantity._unit)) or (
        quantity.code and is_denied(quantity._code)
    ):
        return Unreadable(raw=original, reason="a unit that is said to be absent")
    if quantity.comparator and is_denied(quantity._comparator):
        return Unreadable(raw=original, reason="a comparator that is said to be absent")
    value = compared(quantity.comparator or "", amount)
    if value is None:
        return Unreadable(raw=original, reason=f"comparator {quantity.comparator} with {text}")
    flags = ("quoted-number",) if quoted else ()
    return Sent(value=value, unit=unit, original=original, flags=flags)


def read_range(sent: Range, *, decimal_comma: bool) -> Sent | Unreadable:
    """The interval of a range; an open end is 0 below and nothing above."""
    low = read_quantity(sent.low, decimal_comma=decimal_comma) if sent.low else None
    high = read_quantity(sent.high, decimal_comma=decimal_comma) if sent.high else None
    for end in (low, high):
        if isinstance(end, Unreadable):
            return end
    if low is None and high is None:
        return Unreadable(raw="", reason="a range without ends")
    ends = [end for end in (low, high) if isinstance(end, Sent)]
    original = "-".join(end.original for end in ends)
    if len({end.unit for end in ends}) > 1:
        return Unreadable(raw=original, reason="a range whose ends have different units")
    if any(end.value.low != end.value.high for end in ends):
        return Unreadable(raw=original, reason="a range whose ends have comparators")
    bottom = low.value.low if isinstance(low, Sent) else Decimal(0)
    if not isinstance(high, Sent):
        value: Interval | None = Interval(low=bottom, high=None)
    else:
        value = between(bottom, high.value.low)
    if value is None:
        return Unreadable(raw=original, reason="a range whose low end is above its high end")
    return Sent(value=value, unit=ends[0].unit, original=original, flags=ends[0].flags)


def read_ratio(sent: Ratio, *, share: bool, decimal_comma: bool) -> Sent | Unreadable:
    """A part of a whole in one unit: as a share in %, or as the bare ratio."""
    if sent.numerator is None or sent.denominator is None:
        return Unreadable(raw="", reason="a ratio without numerator or denominator")
    upper = read_quantity(sent.numerator, decimal_comma=decimal_comma)
    lower = read_quantity(sent.denominator, decimal_comma=decimal_comma)
    if isinstance(upper, Unreadable):
        return upper
    if isinstance(lower, Unreadable):
        return lower
    original = f"{upper.original} : {lower.original}"
    if upper.unit != lower.unit:
        return Unreadable(raw=original, reason="a ratio of different things")
    above, below = upper.value, lower.value
    if above.low != above.high or below.low != below.high or below.low == 0:
        return Unreadable(raw=original, reason="a ratio with a comparator or of nothing")
    amount = EXACT.multiply(above.low, _HUNDRED) if share else above.low
    value = Interval(low=_BELOW.divide(amount, below.low), high=_ABOVE.divide(amount, below.low))
    return Sent(value=value, unit=_PERCENT if share else _RATIO, original=original)


def name_systems(systems: Systems, *quantities: Quantity | None) -> None:
    """Give the system of each unit its one name."""
    for quantity in quantities:
        if quantity is not None and quantity.system:
            quantity.system = systems.canonical(quantity.system)


def as_written(raw: Raw) -> tuple[str, bool]:
    """The number as it was written, and whether it stood in quotes."""
    if not is_there(raw):
        return "", False
    text = bytes(raw).decode("utf-8", "replace")
    if text.startswith('"'):
        return _TEXT.decode(raw), True
    return text, False


def unit_of(quantity: Quantity) -> UnitSent:
    """The unit as code and as text, and whether the code claims to be UCUM's."""
    ucum = quantity.system in (None, "", UCUM)
    return UnitSent(code=quantity.code or "", text=quantity.unit or "", ucum=ucum)
