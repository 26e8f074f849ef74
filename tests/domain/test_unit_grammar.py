"""The grammar of units of counts: every known spelling, nothing wrongly, and no damage upwards."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.tables.unit_grammar import (
    Power,
    Refused,
    merge_unit_words,
    normalised,
    read_unit_words,
    without_annotations,
)
from fhir_remission.domain.tables.units import Converted, UnitSent, factor_of
from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.errors import TableError
from tests import facts

MAPPINGS = load_mappings()
WORDS = MAPPINGS.units.words
FIXTURES = Path(__file__).parents[2] / "fixtures"
ANALYTES = {"count": "platelets", "fraction": "blasts-marrow"}
# A value that the conditions of a row allow, so that the factor can be seen.
BELIEVED = {"value>=1000000": "150000000000", "value<=1": "0.04"}


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of the fixtures."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader([one for one in lines if not one.startswith("# ")], delimiter="\t"))


SPELLINGS = rows(FIXTURES / "unit_spellings.tsv")
BESIDE = {row["unit"]: row for row in rows(FIXTURES / "units_beside_the_grammar.tsv")}


def converted(unit: UnitSent, dimension: str, value: str) -> Converted | Refused:
    """A value in that unit, for an analyte of that dimension."""
    amount = Decimal(value)
    analyte = MAPPINGS.analytes[ANALYTES[dimension]]
    return MAPPINGS.units.convert(Interval(amount, amount), unit, analyte, code_system="")


def grammar(unit: str) -> Power | Refused | None:
    """What the grammar alone says."""
    return WORDS.read(without_annotations(unit))


def test_every_known_spelling_is_read_exactly_or_refused_as_code_and_as_text() -> None:
    """The factor of the list, to the digit, wherever the unit stands."""
    for row in SPELLINGS:
        value = BELIEVED.get(row["condition"], "1")
        for sent in (UnitSent(code=row["unit"]), UnitSent(text=row["unit"])):
            told = converted(sent, row["dimension"], value)
            if row["refused"]:
                assert isinstance(told, Refused), row
            else:
                assert isinstance(told, Converted), (row, told)
                assert told.value.low == Decimal(value) * Decimal(row["factor"]), row


def test_the_grammar_and_the_list_differ_on_the_named_spellings_only() -> None:
    """Each with what the grammar says of it; a row that is not needed is one too many."""
    differ = {}
    for row in (one for one in SPELLINGS if one["dimension"] == "count"):
        said = grammar(row["unit"])
        if row["refused"]:
            agrees = isinstance(said, Refused)
        else:
            agrees = isinstance(said, Power) and factor_of(said) == Decimal(row["factor"])
        if not agrees:
            assert not isinstance(said, Power), row
            differ[row["unit"]] = "nothing" if said is None else "refusal"
    assert differ == {unit: row["grammar"] for unit, row in BESIDE.items()}
    assert all(row["why"] for row in BESIDE.values())


def test_every_published_spelling_is_in_the_list() -> None:
    """The fact sheet beside the checkout holds nothing that the list does not."""
    known = {(row["unit"], row["dimension"]) for row in SPELLINGS}
    for row in rows(facts.beside("clinical/tables/units.tsv")):
        assert (row["unit"], row["dimension"]) in known, row


def test_damage_never_makes_a_unit_larger() -> None:
    """A character that is lost makes a unit smaller or unreadable: no count rises by it."""
    seen = 0
    for row in SPELLINGS:
        unit = row["unit"]
        if row["dimension"] != "count" or row["refused"]:
            continue
        for at in range(len(unit)):
            said = grammar(unit[:at] + unit[at + 1 :])
            if isinstance(said, Power):
                seen += 1
                assert factor_of(said) <= Decimal(row["factor"]), (unit, at)
    assert seen > 200


@pytest.mark.parametrize("unit", ["10/uL", "x", "/", "10^3/m", "k", "1", "10*3", "K/", "mm3"])
def test_what_is_cut_off_contradicts_nothing(unit: str) -> None:
    """It is refused alone, and beside a good code it says too little."""
    assert isinstance(converted(UnitSent(text=unit), "count", "5"), Refused)
    if unit not in ("1", "x", "/"):
        told = converted(UnitSent(code="10*9/L", text=unit), "count", "5")
        assert isinstance(told, Converted), told


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        ("10*6/uL", "a unit of red cells"),
        ("Mio./µl", "million: a unit of red cells"),
        ("mil/mm3", "thousand in Spanish and Portuguese, million in English lists"),
        ("g/l", "gram, by its case"),
        ("thous/cmm", "cmm is read in two ways"),
        ("103/uL", "a lost superscript, or the number itself"),
        ("10*3/L", "so few cells in this volume"),
        ("K/L", "so few cells in this volume"),
        ("mrd/ul", "mrd is written before a litre only"),
        ("e9/ul", "e9 is written before a litre only"),
        ("kul", "nothing is counted per volume"),
    ],
)
def test_what_may_mean_two_things_is_refused_with_the_reason(unit: str, reason: str) -> None:
    """So that a site can settle it with a row of its own."""
    told = converted(UnitSent(text=unit), "count", "5")
    assert isinstance(told, Refused)
    assert told.reason.startswith(f"unit {unit} is refused: {reason}")


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("10^9.L-1", "1"), ("×10⁹·L⁻¹", "1"), ("x10^3 cells/µL", "1"), ("тыс/мкл", "1"),
        ("х10⁹/л", "1"), ("cells x 10^9/L", "1"), ("１０＾３／μＬ", "1"), ("1x10^9/L", "1"),
        ("K/CU MM", "1"), ("10³ / ㎕", "1"), ("LAKHS PER CUMM", "100"), ("10^3/mmc", "1"),
    ],
)  # fmt: skip
def test_spellings_that_no_list_holds_follow_from_the_words(unit: str, factor: str) -> None:
    """The grammar is closed over its words, not over the spellings that were seen."""
    told = converted(UnitSent(text=unit), "count", "1")
    assert isinstance(told, Converted), told
    assert told.value.low == Decimal(factor)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("10*3/uL", "10*6/uL"), ("10*9/L", "/uL"), ("10*9/L", "mg/dL"), ("10*9/L", "g/l"),
        ("mg/dL", "x10^9/L"), ("10*9/L", "mill/mm3"), ("%", "10*9/L"),
    ],
)  # fmt: skip
def test_code_and_text_that_disagree_are_both_refused(code: str, text: str) -> None:
    """Neither is chosen."""
    assert isinstance(converted(UnitSent(code=code, text=text), "count", "5"), Refused)


def test_a_code_of_another_system_counts_where_it_can_be_read() -> None:
    """A local id says nothing against the text; a spelling that says another unit does."""
    local = UnitSent(code="17", text="10*9/L", ucum=False)
    assert isinstance(converted(local, "count", "5"), Converted)
    other = UnitSent(code="/uL", text="10*9/L", ucum=False)
    assert isinstance(converted(other, "count", "5"), Refused)
    alone = UnitSent(code="10*9/L", ucum=False)
    assert isinstance(converted(alone, "count", "5"), Converted)


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("% of cells", "4", "4"), ("% of WBC", "4", "4"), ("/100 WBCs", "4", "4"),
        ("%{WBC}", "4", "4"), ("PERCENT", "4", "4"), ("％", "4", "4"), ("10⁻⁴", "4", "0.04"),
        ("% of nucleated cells", "4", "4"), ("‰", "4", "0.4"), ("/10^5", "4", "0.004"),
    ],
)  # fmt: skip
def test_a_share_may_say_what_it_is_of(unit: str, value: str, expected: str) -> None:
    """Of cells, leukocytes, nucleated cells: the words that the table has."""
    told = converted(UnitSent(text=unit), "fraction", value)
    assert isinstance(told, Converted), told
    assert told.value.low == Decimal(expected)


@pytest.mark.parametrize(
    "unit",
    ["% ABL1", "%{ABL1}", "% IS", "NPM1mut/ABL1 (%)", "VAF", "copies/10^4 ABL", "log reduction",
     "vol%", "% of CD45+", "%{lymphocytes}", "10*9/L", "K/uL"],
)  # fmt: skip
def test_a_share_of_something_else_is_refused(unit: str) -> None:
    """A ratio of transcripts or reads has thresholds of its own."""
    assert isinstance(converted(UnitSent(text=unit), "fraction", "4"), Refused)
    told = converted(UnitSent(code="%", text=unit), "fraction", "4")
    assert isinstance(told, Refused) == ("of CD45" not in unit and "lymph" not in unit)


def test_one_spelling_for_letters_that_have_several() -> None:
    """Micro signs, times signs, superscripts, blanks and case; a lone capital G is giga."""
    assert normalised("10⁹/L") == normalised("10^9/l") == normalised("10**9 / L") == "10*9/l"
    assert normalised("\N{MICRO SIGN}L") == normalised("\N{GREEK SMALL LETTER MU}L") == "ul"
    assert normalised("x10 3/uL") == normalised("×10\\S\\3/μL") == "x10*3/ul"
    assert (normalised("G/L"), normalised("g/L"), normalised("GPT/L")) == (
        "giga/l", "g/l", "gpt/l",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("suffix\tx\t3\t\t\ten\tus", "suffix is no part of a unit; use one of"),
        ("volume\t\t3\t\t\ten\tus", "a row without a word"),
        ("volume\tx\tmany\t\t\ten\tus", "a word that is read needs an exponent of ten"),
        ("volume\tx\t\t\t\ten\tus", "a word that is read needs an exponent of ten"),
        ("volume\tul\t7\t\t\ten\tus", "ul is listed twice; keep one"),
    ],
)
def test_a_bad_word_of_a_unit_is_refused_with_its_line(row: str, said: str) -> None:
    """Whatever a site adds is checked as the shipped words are."""
    shipped = (default_dir() / "unit_words.tsv").read_text(encoding="utf-8")
    text = f"{shipped}{row}\n"
    with pytest.raises(TableError) as caught:
        merge_unit_words(read_unit_words(text, file="site.tsv"))
    assert f"site.tsv:{text.count(chr(10))}: {said}" in str(caught.value)
