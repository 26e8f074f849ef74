"""Values as laboratories send them become intervals, answers, or a reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.domain.nouns.inputs import Finding, Unreadable
from fhir_remission.domain.nouns.numbers import number
from fhir_remission.effects.files.mapping_files import load_mappings
from tests.fhir.reading import LOINC, NCIT, SNOMED, concept, observation, only, quantity, shown

WORDS = load_mappings().values.words
PERCENT = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (quantity(4.5, "%"), "[4.5, 4.5]"),
        (quantity(5, "%", comparator="<"), "[0, 5)"),
        (quantity(5, "%", comparator="<="), "[0, 5]"),
        (quantity(95, "%", comparator=">"), "(95, 100]"),
        (quantity(95, "%", comparator=">="), "[95, 100]"),
        (quantity("4.50", "%"), "[4.5, 4.5]"),
        (quantity(0, "%"), "[0, 0]"),
        ({"valueString": "<5"}, "[0, 5)"),
        ({"valueString": "<5 %"}, "[0, 5)"),
        ({"valueString": " < 5% "}, "[0, 5)"),
        ({"valueString": "≤5 %"}, "[0, 5]"),
        ({"valueString": "4-6"}, "[4, 6]"),
        ({"valueString": "4 – 6 %"}, "[4, 6]"),
        ({"valueString": ">95 %"}, "(95, 100]"),
        ({"valueString": "0.5 %"}, "[0.5, 0.5]"),
        ({"valueString": "5 to 10 %"}, "[5, 10]"),
        ({"valueString": "~5 %"}, "(4, 6)"),
        ({"valueString": "LT 5"}, "[0, 5)"),
        ({"valueString": "5,5 %"}, "[5.5, 5.5]"),
        ({"valueString": "BM blasts: 5 %"}, "[5, 5]"),
        (quantity("0150e-2", "%"), "[1.5, 1.5]"),
        (quantity("1.5" + "0" * 60, "%"), "[1.5, 1.5]"),
        ({"valueString": "rare"}, "(0, 100]"),
        ({"valueString": "Occasional."}, "(0, 100]"),
        ({"valueString": "few"}, "(0, 100]"),
        ({"valueInteger": 4}, "[4, 4]"),
        (
            {"valueRange": {"low": {"value": 4, **PERCENT}, "high": {"value": 6, **PERCENT}}},
            "[4, 6]",
        ),
        ({"valueRange": {"low": {"value": 20, **PERCENT}}}, "[20, 100]"),
        ({"valueRange": {"high": {"value": 6, **PERCENT}}}, "[0, 6]"),
        (
            {"valueRatio": {"numerator": {"value": 4}, "denominator": {"value": 200}}},
            "[2, 2]",
        ),
        ({"valueCodeableConcept": {"text": "rare"}}, "(0, 100]"),
    ],
)
def test_a_marrow_blast_value_is_read(value: dict[str, Any], expected: str) -> None:
    """Comparators, ranges, ratios, integers and the words of the table."""
    assert shown(only(observation("11150-0", **value))) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"valueString": "5 or 10 %"}, "unit or 10 % is in no row of units.tsv"),
        ({"valueString": "~<5 %"}, "text that states no number"),
        ({"valueString": "<4-6 %"}, "text that states no number"),
        ({"valueString": "6-4 %"}, "a range in which nothing lies"),
        ({"valueString": "5,500 %"}, "not a decimal number"),
        ({"valueString": "<5 % of CD34+ cells"}, "unit % of CD34+ cells is in no row"),
        ({"valueString": "dry marrow"}, "text that states no number"),
        ({"valueString": ""}, "text that states no number"),
        ({"valueString": "-5 %"}, "text that states no number"),
        ({"valueString": "5-"}, "text that states no number"),
        ({"valueBoolean": True}, "true is no answer for blasts-marrow"),
        ({"valueDateTime": "2026"}, "valueDateTime cannot be used for blasts-marrow"),
        ({"valueRange": {}}, "a range without ends"),
        (
            {"valueRange": {"low": {"value": 4, **PERCENT}, "high": {"value": 6}}},
            "a range whose ends have different units",
        ),
        (
            {"valueRatio": {"numerator": {"value": 4}, "denominator": {"value": 0}}},
            "a ratio with a comparator or of nothing",
        ),
        (quantity(5, "%", comparator="ad"), "comparator ad with 5"),
        (quantity(True, "%"), "not a decimal number"),
        (quantity(None, "%"), "a quantity without a number"),
        ({"valueCodeableConcept": concept(SNOMED, "10828004")}, "an answer that is in no row"),
    ],
)
def test_a_marrow_blast_value_that_cannot_be_read_says_why(
    value: dict[str, Any], reason: str
) -> None:
    """Never zero, never a part of the text, never a guess."""
    read = only(observation("11150-0", **value))

    assert isinstance(read.value, Unreadable)
    assert read.value.reason.startswith(reason)


@pytest.mark.parametrize("value", [{"valueBoolean": False}, {"valueString": "negative"}])
def test_a_denial_of_blasts_is_no_word_on_the_sample(value: Any) -> None:
    """`false` and `negative` are said of the blasts, by whatever is no number."""
    read = only(observation("11150-0", **value))
    assert (read.analyte, isinstance(read.value, Unreadable)) == ("blasts-marrow", True)


@pytest.mark.parametrize("text", ["dry tap", "hemodilute, inadequate", "Aspirate: not evaluable"])
def test_a_word_on_the_sample_in_the_place_of_its_count_is_that_word(text: str) -> None:
    """The sample cannot be judged; no count went missing."""
    read = only(observation("11150-0", valueString=text))

    assert (read.analyte, read.value) == ("marrow-adequacy", Finding("negative"))


def test_a_third_is_enclosed_and_never_rounded_to_one_side() -> None:
    """A ratio without an end becomes an interval that holds it."""
    ratio = {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 3}}}
    read = only(observation("11150-0", **ratio))

    assert shown(read).startswith("[33.3333333333")
    assert "33.3333333333333333333333333334]" in shown(read)


@pytest.mark.parametrize("value", [quantity("5,5", "%"), {"valueString": "5,5 %"}])
def test_a_decimal_comma_is_read_where_the_site_says_so(value: dict[str, Any]) -> None:
    """Only then, and a thousands separator never is."""
    assert shown(only(observation("11150-0", **value), decimal_comma=True)) == "[5.5, 5.5]"
    text = observation("777-3", valueString="1.200,5 10*9/L")
    assert shown(only(text, decimal_comma=True)) == "not a decimal number"


@pytest.mark.parametrize("unit", ["/µl", "/uL", "/mm3", " cells/µL"])
def test_a_point_that_may_part_thousands_is_no_number(unit: str) -> None:
    """150.000 per microlitre is no count below one."""
    said = observation("777-3", valueString=f"150.000{unit}")
    assert shown(only(said)) == "a point that may part thousands"
    assert shown(only(observation("777-3", valueString=f"150000{unit}"))) == "[150, 150]"
    assert shown(only(observation("777-3", valueString="1.500 10*9/L"))) == "[1.5, 1.5]"


@pytest.mark.parametrize(
    ("code", "value", "answer"),
    [
        ("C172578", {"valueCodeableConcept": concept(SNOMED, "260385009")}, "negative"),
        ("C172578", {"valueCodeableConcept": concept(NCIT, "C124431")}, "low-level"),
        ("C172578", {"valueCodeableConcept": concept(SNOMED, "419984006")}, "indeterminate"),
        ("C172578", {"valueCodeableConcept": {"text": "Not detected"}}, "negative"),
        ("C172578", {"valueString": "NOT DETECTED"}, "negative"),
        ("C172578", {"valueBoolean": True}, "positive"),
        ("C172578", quantity("0.01", "%"), "[0.01, 0.01]"),
        ("C172578", quantity("0.0001", "{ratio}"), "[0.0001, 0.0001]"),
        ("C172578", {"valueString": "<0.01 %"}, "[0, 0.01)"),
    ],
)
def test_residual_disease_is_an_answer_or_an_amount(
    code: str, value: dict[str, Any], answer: str
) -> None:
    """Both kinds are read; what an amount means is for the criteria."""
    assert shown(only(observation(concept(NCIT, code), **value))) == answer


def test_a_reference_range_flag_is_no_answer() -> None:
    """N is Normal, not Negative."""
    flag = concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "N")
    read = only(observation(concept(NCIT, "C172578"), valueCodeableConcept=flag))

    assert shown(read) == "an answer that is in no row of values.tsv: N"


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("709-6", {"valueCodeableConcept": concept(SNOMED, "2667000")}, "[0, 0]"),
        ("709-6", {"valueCodeableConcept": concept(SNOMED, "52101004")}, "(0, 100]"),
        ("709-6", {"valueString": "none seen"}, "[0, 0]"),
        ("709-6", {"valueString": "0"}, "[0, 0]"),
        ("11281-3", {"valueString": "absent"}, "negative"),
        ("34923-3", quantity(3, "%"), "[3, 100]"),
        ("34923-3", quantity(3, "%", comparator="<"), "[0, 100]"),
        ("35029-8", quantity(3), "[3, None]"),
    ],
)
def test_blasts_in_the_blood_are_read_by_number_and_by_word(
    code: str, value: dict[str, Any], expected: str
) -> None:
    """Absence is none at all, presence an unknown amount, a subset a lower end."""
    assert shown(only(observation(code, **value))) == expected


def test_a_subset_of_blasts_that_is_zero_says_nothing_of_the_others() -> None:
    """No monoblasts are not no blasts."""
    from tests.fhir.reading import record

    read = record(observation("34923-3", **quantity(0, "%")))

    assert not read.results
    assert [skip.reason for skip in read.skipped] == [
        "none of a subset of blasts says nothing of the others"
    ]


def test_the_original_is_kept_as_it_was_written() -> None:
    """A person reads what the laboratory wrote, the criteria the canonical value."""
    read = only(observation("751-8", **quantity("1.20", "10*3/uL", comparator="<")))

    assert (read.original, read.unit, shown(read)) == ("<1.20 10*3/uL", "10*9/L", "[0, 1.2)")
    assert read.flags == ("quoted-number",)


@given(st.text(max_size=50))
def test_no_text_breaks_the_grammar(text: str) -> None:
    """Whatever is written is read as a whole or is unreadable."""
    for comma in (False, True):
        read = WORDS.in_words(text, decimal_comma=comma)
        if not isinstance(read, Unreadable):
            assert read.value.high is None or read.value.low <= read.value.high


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False))
def test_every_plain_number_is_read_exactly(value: Any) -> None:
    """No digit is lost."""
    text = f"{value:f}"
    if len(text) <= 40:
        assert number(text, decimal_comma=False) == value


@pytest.mark.parametrize("text", ["", "1e16", "1e-16", "+1", "1.", "1_0", " 1", "0x1"])
def test_what_nobody_would_call_a_number_is_none(text: str) -> None:
    """Digits and one point, and an exponent within fifteen."""
    assert isinstance(number(text, decimal_comma=False), Unreadable)


def test_a_code_of_another_system_is_no_unit_code() -> None:
    """Only UCUM codes are codes; anything else is read as text."""
    local = quantity(120) | {}
    local["valueQuantity"] |= {"system": "urn:local", "code": "10*9/L", "unit": None}

    assert shown(only(observation("777-3", **local))) == "[120, 120]"
    assert only(observation("777-3", **local)).source.system == LOINC
