"""Criteria that compare a marrow with the one the course began with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fhir_remission.domain.criteria.kinds import (
    Band,
    ByBaseline,
    PercentDecrease,
    PercentIncrease,
)
from fhir_remission.domain.nouns.intervals import Op
from fhir_remission.fhir.criteria_export.spelling import TESTS, decimal_text


def since_baseline(one: PercentDecrease | PercentIncrease | ByBaseline) -> str:
    """The body of a criterion that compares `value` with `baseline`."""
    if isinstance(one, PercentDecrease):
        return _fallen("baseline.low", "baseline.high", one.fraction, one.op)
    if isinstance(one, PercentIncrease):
        return _risen(one)
    return _by_bands(one.bands)


def _risen(one: PercentIncrease) -> str:
    """Whether a value has risen over every baseline: below a line by so many points as well."""
    times, line = decimal_text(1 + one.fraction), decimal_text(one.points_below)
    points = decimal_text(one.points)
    least, most = "Coalesce(baseline.low, 0.0)", f"Min({{ baseline.high, {line} }})"

    def low(base: str) -> str:
        return f'"Above"(value, {base} * {times}) and not "Below"(value, {base} + {points})'

    def high(base: str) -> str:
        return f'"Above"(value, {base} * {times})'

    above = f"Max({{ baseline.low, {line} }})"
    return (
        f"case\n    when baseline.low >= {line} then (\n"
        f"      if {high('baseline.high')} is true then true\n"
        f"      else if {high('baseline.low')} is false then false else null as Boolean)\n"
        f"    when baseline.high < {line} then (\n"
        f"      if ({low('baseline.high')}) is true then true\n"
        f"      else if ({low('baseline.low')}) is false then false else null as Boolean)\n"
        f"    when ({low(most)}) is true and {high('baseline.high')} is true then true\n"
        f"    when ({low(least)}) is false and {high(above)} is false then false\n"
        "    else null as Boolean\n  end"
    )


def _fallen(low: str, high: str, fraction: Decimal, op: Op = "<=") -> str:
    """Whether a value has fallen by the fraction from every baseline between two ends."""
    left = decimal_text(1 - fraction)
    return (
        f"if ({TESTS[op].format(f'{low} * {left}')}) is true then true\n"
        f"  else if ({TESTS[op].format(f'{high} * {left}')}) is false then false\n"
        "  else null as Boolean"
    )


def _by_bands(bands: Sequence[Band]) -> str:
    """What each band asks in which the baseline may lie, where all of them say the same."""
    told = [(f"({_lies_in(one)})", f"({_asked_in(one)})") for one in bands]
    met = " and ".join(f"({lies} is false or {asked} is true)" for lies, asked in told)
    failed = " and ".join(f"({lies} is false or {asked} is false)" for lies, asked in told)
    covered = " or ".join((_in_any(bands), *(f"{lies} is true" for lies, _ in told)))
    return (
        f"case\n    when {met or 'false'} and ({covered}) then true\n"
        f"    when {failed or 'true'} then false\n    else null as Boolean\n  end"
    )


def _in_any(bands: Sequence[Band]) -> str:
    """Whether the baseline is high enough to lie in some band, as they follow each other."""
    reached: Decimal | None = None
    for band in sorted(bands, key=lambda one: one.baseline_from, reverse=True):
        if band.baseline_below == reached:
            reached = band.baseline_from
    return "false" if reached is None else f"baseline.low >= {decimal_text(reached)}"


def _lies_in(band: Band) -> str:
    """Whether the baseline lies in the band."""
    asked = [f'not "Below"(baseline, {decimal_text(band.baseline_from)})']
    if band.baseline_below is not None:
        asked.append(f'"Below"(baseline, {decimal_text(band.baseline_below)})')
    return " and ".join(asked)


def _asked_in(band: Band) -> str:
    """Whether the value lies in the range asked for in the band."""
    start, below = decimal_text(band.baseline_from), band.baseline_below
    high = "baseline.high"
    if below is not None:
        high = f"Min({{ {high}, {decimal_text(below)} }})"
    least = decimal_text(band.low)
    asked = [f'"Above"(value, {least})' if band.low_open else f'not "Below"(value, {least})']
    if band.high is not None:
        asked.append(f'not "Above"(value, {decimal_text(band.high)})')
    if band.fraction:
        asked.append(f"({_fallen(f'Max({{ baseline.low, {start} }})', high, band.fraction)})")
    return "\n    and ".join(asked)
