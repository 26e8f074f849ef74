"""Numbers and units as laboratories send them: read exactly, or refused with what was sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.intervals import point
from fhir_remission.domain.nouns.numbers import approximately, between, compared, number
from fhir_remission.domain.tables.unit_grammar import Refused
from fhir_remission.domain.tables.units import Converted, UnitSent
from fhir_remission.domain.tables.value_grammar import InWords, plain_words
from fhir_remission.effects.files.mapping_files import load_mappings
from tests.domain.builder import value

MAPPINGS = load_mappings()
LOINC = "http://loinc.org"
in_words = MAPPINGS.values.words.in_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("1.20", "1.20"), ("-0", 0), ("-0.0", 0), ("1e3", 1000), ("1E+15", 10**15),
        ("1e-15", "1e-15"), ("9" * 1100, "9" * 1100),
        ("0150", 150), (".5", "0.5"), ("00.50", "0.50"), ("1,5", "1.5"), ("0,001", "0.001"),
        (str(Decimal.from_float(0.1)), Decimal.from_float(0.1)),
    ],
)  # fmt: skip
def test_a_number_is_read_exactly(text: str, expected: Any) -> None:
    """As long as a double may be, an exponent of fifteen; zeros and points in front are nothing."""
    assert number(text, decimal_comma=False) == Decimal(expected)
    assert str(number("1.20", decimal_comma=False)) == "1.20"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9" * 1101, "a number of 1101 characters"),
        ("-1", "a negative number"),
        ("-x", "a negative number"),
        ("1,500", "not a decimal number"),
        ("1.5.2", "not a decimal number"),
        ("5.", "not a decimal number"),
        ("１", "not a decimal number"),
        ("1e16", "an exponent beyond 15"),
        ("1e-16", "an exponent beyond 15"),
        ("", "not a decimal number"),
    ],
)
def test_what_is_no_number_says_why_and_what_was_sent(text: str, reason: str) -> None:
    """Never zero, and the sender's own text for a person to read."""
    assert number(text, decimal_comma=False) == Unreadable(text[:40], reason)


def test_a_decimal_comma_is_the_sites_to_allow() -> None:
    """1,500 is one and a half only where the site says so; 1,5 can be nothing else."""
    assert number("1,500", decimal_comma=True) == Decimal("1.5")
    assert number("1,5", decimal_comma=True) == Decimal("1.5")
    assert number("1.5", decimal_comma=True) == Decimal("1.5")
    assert number("-0,0", decimal_comma=True) == 0
    assert in_words("4,5-6,5 %", decimal_comma=True) == InWords(
        Interval(Decimal("4.5"), Decimal("6.5")), "%"
    )
    assert in_words("4,5-6,5 %", decimal_comma=False).value.high == Decimal("6.5")  # type: ignore[union-attr]
    assert isinstance(in_words("4,500-6,500 %", decimal_comma=False), Unreadable)


@pytest.mark.parametrize(
    ("comparator", "expected"),
    [("<", "<5"), ("<=", "<=5"), (">", ">5"), (">=", Interval(Decimal(5), None)), ("", "5")],
)
def test_a_comparator_makes_an_interval(comparator: str, expected: Any) -> None:
    """Strict where it is strict."""
    assert compared(comparator, Decimal(5)) == value(expected)


def test_nothing_is_below_nothing() -> None:
    """`<0` is no value; `<=0` is nothing; a comparator nobody knows compares nothing."""
    assert compared("<", Decimal(0)) is None
    assert compared("<=", Decimal(0)) == point(Decimal(0))
    assert compared("~", Decimal(5)) is None


def test_a_range_may_be_a_single_number_and_never_runs_backwards() -> None:
    """4-4 is 4."""
    assert between(Decimal(4), Decimal(4)) == point(Decimal(4))
    assert between(Decimal(6), Decimal(4)) is None


@pytest.mark.parametrize(
    ("text", "expected", "unit"),
    [
        ("5", "5", ""), (" <5 % ", "<5", "%"), ("4-6", "4-6", ""), (">95 %", ">95", "%"),
        ("4 - 6 %", "4-6", "%"), ("1.5 10*9/L", "1.5", "10*9/L"),
    ],
)  # fmt: skip
def test_a_value_in_words(text: str, expected: str, unit: str) -> None:
    """With its unit, whole."""
    assert in_words(text, decimal_comma=False) == InWords(value(expected), unit)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("about", "text that states no number"),
        ("about <5", "text that states no number"),
        ("<5 未満", "text that states no number"),
        ("about 0", "a range in which nothing lies"),
        ("<4-6", "text that states no number"),
        ("6-4", "a range in which nothing lies"),
        ("<0", "a range in which nothing lies"),
        (f"{'9' * 1101}", "a number of 1101 characters"),
        (f"4-{'9' * 1101}", "a number of 1101 characters"),
    ],
)
def test_words_that_are_no_value_are_kept_as_sent(text: str, reason: str) -> None:
    """The whole text, with the reason."""
    assert in_words(text, decimal_comma=False) == Unreadable(text, reason)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [("5", "4", "6"), ("50", "40", "60"), ("0.05", "0.04", "0.06"), ("1", "0", "2"),
     ("2.50", "2.25", "2.75"), ("4.9", "4.41", "5.39")],
)  # fmt: skip
def test_an_approximate_number_decides_nothing_at_itself(value: str, low: str, high: str) -> None:
    """One step of its last digit to either side, or a tenth of it; and never nothing."""
    found = approximately(Decimal(value))
    assert found == Interval(Decimal(low), Decimal(high), low_open=True, high_open=True)


def test_words_without_case_spaces_and_full_stop() -> None:
    """`None  seen.` is `none seen`."""
    assert plain_words(" None \t Seen. ") == "none seen"
    assert plain_words("X seen") == "x seen"


# ------------------------------------------------------------------------------------- units


def convert(
    raw: Any, text: str, analyte: str, *, code: str = "", system: str = LOINC
) -> Converted | Refused:
    """A value with a unit as text, as code, or as both."""
    sent = UnitSent(code=code, text=text)
    return MAPPINGS.units.convert(value(raw), sent, MAPPINGS.analytes[analyte], code_system=system)


@pytest.mark.parametrize(
    ("raw", "text", "code", "analyte", "expected"),
    [
        ("1200", "/uL", "", "anc", "1.2"),
        ("1.2", "10*9/L", "10*9/L", "anc", "1.2"),
        ("1.2", "K/uL", "10*3/uL", "anc", "1.2"),
        ("<1200", "/uL", "", "anc", "<1.2"),
        ("1200", "cells/µL", "", "anc", "1.2"),
        ("1.2", "10⁹/L", "", "anc", "1.2"),
        ("1.2", "x10³/µL", "", "anc", "1.2"),
        ("0.02", "1", "1", "blasts-marrow", "2"),
        ("1", "1", "1", "blasts-marrow", "100"),
        ("1200000000", "/L", "", "anc", "1.2"),
        ("1000000", "/L", "", "anc", "0.001"),
        ("0", "/L", "", "anc", None),
    ],
)
def test_a_unit_is_converted_exactly(
    raw: str, text: str, code: str, analyte: str, expected: str | None
) -> None:
    """Whatever letters, superscripts and spellings it comes in."""
    found = convert(raw, text, analyte, code=code)
    if expected is None:
        assert isinstance(found, Refused)
    else:
        assert isinstance(found, Converted), found
        assert found.value == value(expected)


@pytest.mark.parametrize(
    ("raw", "text", "code", "analyte", "reason"),
    [
        ("120", "", "", "platelets", "no unit was sent, and the code does not fix one"),
        ("120", "furlong", "", "platelets", "unit furlong is in no row of units.tsv"),
        ("120", "/uL", "10*9/L", "platelets", "unit text /uL contradicts unit code 10*9/L"),
        ("4", "1", "1", "blasts-marrow", "a fraction of 1 cannot be above 1"),
        ("999999", "/L", "", "anc", "cells per litre below 1000000 are more often a lost prefix"),
        ("0.5", "", "", "blasts-marrow", "no unit was sent: percent and fraction are both"),
        ("<1", "", "", "blasts-marrow", "no unit was sent: percent and fraction are both"),
    ],
)
def test_a_unit_that_may_mean_two_things_is_refused(
    raw: str, text: str, code: str, analyte: str, reason: str
) -> None:
    """With the reason, never scaled by a guess."""
    found = convert(raw, text, analyte, code=code)
    assert isinstance(found, Refused)
    assert found.reason.startswith(reason)


def test_a_percentage_without_a_unit_is_read_where_it_can_be_no_fraction() -> None:
    """Above 1, or exactly nothing, and only by a code that fixes percent."""
    for raw in ("4", "0", "1.5", "<5"):
        found = convert(raw, "", "blasts-marrow")
        assert isinstance(found, Converted), raw
        assert found.value == value(raw)
    assert isinstance(convert("0-0.5", "", "blasts-marrow"), Refused)
    assert isinstance(convert("4", "", "blasts-marrow", system="urn:local"), Refused)


def test_a_unit_of_another_thing_denies_the_one_beside_it() -> None:
    """A volume or a mass is no count: foreign, so that it contradicts a good code."""
    found = convert("120", "g/dL", "platelets")
    assert isinstance(found, Refused)
    assert (found.foreign, found.reason) == (True, "unit g/dL does not belong to platelets")
    assert isinstance(convert("120", "g/dL", "platelets", code="10*9/L"), Refused)
