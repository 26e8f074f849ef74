"""Results in words: every known one, the whole text or nothing, and no wrong side of a number."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.intervals import point
from fhir_remission.domain.tables.answers import Said
from fhir_remission.domain.tables.units import Converted, UnitSent
from fhir_remission.domain.tables.value_grammar import InWords, merge_value_words, read_value_words
from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.errors import TableError
from tests import facts

MAPPINGS = load_mappings()
FIXTURES = Path(__file__).parents[2] / "fixtures"


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader([one for one in lines if not one.startswith("# ")], delimiter="\t"))


WORDED = rows(FIXTURES / "answers_in_words.tsv")


def read(text: str, analyte: str) -> Said | InWords | Unreadable:
    """What a text reports of an analyte, its unit included."""
    found = MAPPINGS.values.read(text, MAPPINGS.analytes[analyte], decimal_comma=False)
    if isinstance(found, InWords) and found.unit:
        told = MAPPINGS.units.convert(
            found.value, UnitSent(text=found.unit), MAPPINGS.analytes[analyte], code_system=""
        )
        return found if isinstance(told, Converted) else Unreadable(text, told.reason)
    return found


def shown(found: Said | InWords | Unreadable) -> str:
    """As the list writes it."""
    if isinstance(found, Said):
        return found.answer
    if isinstance(found, Unreadable):
        return "no result"
    assert (found.value.low, found.value.high_open) == (0, True)
    return f"below {found.value.high}"


def test_every_known_text_is_read_as_listed() -> None:
    """The answer, the interval of a comparator, or no result: for each row."""
    for row in WORDED:
        assert shown(read(row["text"], row["analyte"])) == row["answer"], row


def test_every_published_text_is_in_the_list() -> None:
    """The fact sheets beside the checkout hold nothing that the list does not."""
    known = {row["text"] for row in WORDED}
    for name in ("mrd_words", "smear_words"):
        for row in rows(facts.beside(f"clinical/tables/{name}.tsv")):
            assert row["text"] in known, row


# What stands in front of a result and takes it back, doubts it or speaks of another time.
TAKEN_BACK = (
    "not",
    "no longer",
    "previously",
    "nicht",
    "kein",
    "non",
    "pas",
    "no es",
    "if",
    "rule out",
)


@pytest.mark.parametrize("before", TAKEN_BACK)
def test_a_word_that_takes_a_result_back_makes_it_unreadable_or_its_opposite(before: str) -> None:
    """Nothing is searched inside a text: what is not understood whole is not read."""
    for row in WORDED:
        if row["answer"] == "no result":
            continue
        found = read(f"{before} {row['text']}", row["analyte"])
        if not isinstance(found, Unreadable):  # `not detected`, `not less than` are words too
            assert isinstance(found, Said) or found.value.high is None, (before, row)
            assert found != read(row["text"], row["analyte"]), (before, row)


@pytest.mark.parametrize(
    "after", ["?", "in 2024", "not", "and 8 %", "or 8 %", "(see comment)", "×"]
)
def test_what_stands_behind_a_result_is_never_left_out(after: str) -> None:
    """A question mark, a date, a second value: the whole text or nothing."""
    for row in WORDED:
        if row["answer"] != "no result":
            found = read(f"{row['text']} {after}", row["analyte"])
            assert isinstance(found, Unreadable), (after, row)


@pytest.mark.parametrize(
    ("text", "analyte", "low", "high", "opened"),
    [
        ("LT 5", "blasts-marrow", "0", "5", "high"),
        ("less than 5%", "blasts-marrow", "0", "5", "high"),
        ("weniger als 5 %", "blasts-marrow", "0", "5", "high"),
        ("5%以下", "blasts-marrow", "0", "5", ""),
        ("5%未満", "blasts-marrow", "0", "5", "high"),
        ("小于5%", "blasts-marrow", "0", "5", "high"),
        ("at least 20 %", "blasts-marrow", "20", None, ""),
        ("more than 95%", "blasts-marrow", "95", None, "low"),
        ("blasts: 3 %", "blasts-marrow", "3", "3", ""),
        ("BM blasts 3%", "blasts-marrow", "3", "3", ""),
        ("3 % blasts", "blasts-marrow", "3", "3", ""),
        ("5 to 10 %", "blasts-marrow", "5", "10", ""),
        ("4%-6%", "blasts-marrow", "4", "6", ""),
        ("12 % (H)", "blasts-marrow", "12", "12", ""),
        ("2 [N]", "blasts-marrow", "2", "2", ""),
        ("3 % *", "blasts-marrow", "3", "3", ""),
        ("4 bis 6 %", "blasts-marrow", "4", "6", ""),
        ("ca. 3 %", "blasts-marrow", "2", "4", "both"),
        ("約3%", "blasts-marrow", "2", "4", "both"),
        ("rare (<1%)", "blasts-blood", "0", "1", "both"),
        ("0,01 %", "mrd", "0.01", "0.01", ""),
        ("<.01%", "mrd", "0", "0.01", "high"),
        ("１２％", "blasts-marrow", "12", "12", ""),
    ],
)
def test_a_number_among_words_is_read(
    text: str, analyte: str, low: str, high: str | None, opened: str
) -> None:
    """Comparators in words, before or behind; a subject; a range; about."""
    found = read(text, analyte)
    assert isinstance(found, InWords), found
    assert found.value == Interval(
        Decimal(low),
        None if high is None else Decimal(high),
        low_open=opened in ("low", "both"),
        high_open=opened in ("high", "both"),
    )


@pytest.mark.parametrize(
    ("text", "answer", "limit"),
    [
        ("Negative (<0.01%)", "negative", "<0.01%"),
        ("MRD negative, < 0,01 %", "negative", "< 0,01 %"),
        ("<0.01% (negative)", "negative", "<0.01%"),
        ("Negative (<10^-4)", "negative", "<10^-4"),
        ("Negative (0 %)", "negative", "0 %"),
        ("Negative (0.5%)", "indeterminate", ""),
        ("Negative (>0.1%)", "indeterminate", ""),
        ("Positive (<0.01%)", "indeterminate", ""),
        ("equivocal (0.05%)", "indeterminate", ""),
    ],
)
def test_a_word_and_its_number_must_agree(text: str, answer: str, limit: str) -> None:
    """The number of a negative is its limit; what contradicts itself is indeterminate."""
    assert read(text, "mrd") == Said(answer, limit=limit)  # type: ignore[arg-type]
    found = read("Positive (0.35%)", "mrd")
    assert isinstance(found, Said)
    assert found.answer == "positive"
    assert found.amount is not None
    assert (found.amount.value, found.amount.unit) == (point(Decimal("0.35")), "%")


@pytest.mark.parametrize(
    ("text", "analyte"),
    [
        ("none (1%)", "blasts-blood"), ("rare (0%)", "blasts-blood"),
        ("PB blasts 3%", "blasts-marrow"), ("BM blasts 3%", "blasts-blood"),
        ("MRD 3%", "blasts-marrow"), ("no blasts", "blasts-marrow"),
        (">=3-log reduction", "mrd"), ("3 log reduction", "mrd"), ("1,500 %", "mrd"),
        ("<4-6 %", "blasts-marrow"), ("about <5 %", "blasts-marrow"), ("", "mrd"),
        ("未未检出", "mrd"), ("niet aantoonbaar", "mrd"), ("blasts", "blasts-marrow"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_is_of_something_else_is_no_result(
    text: str, analyte: str
) -> None:
    """Never the better reading of two."""
    assert isinstance(read(text, analyte), Unreadable)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("prefix\tx\t\t\ten\tus", "prefix is no part of a value; use one of"),
        ("to\t.\t\t\ten\tus", "a row without a word"),
        ("after\tx\tless\t\ten\tus", "less is no comparator; use one of <, <=, >, >="),
        ("refused\tx\t\t\ten\tus", "a refused text needs the reason"),
        ("subject\tx\t\t\ten\tus", "a subject word needs the analytes it is said of"),
        ("comparator\tless than\t>\t\ten\tus", "less than has another meaning in another row"),
    ],
)
def test_a_bad_word_of_a_value_is_refused_with_its_line(row: str, said: str) -> None:
    """Whatever a site adds is checked as the shipped words are."""
    shipped = (default_dir() / "value_words.tsv").read_text(encoding="utf-8")
    text = f"{shipped}{row}\n"
    with pytest.raises(TableError) as caught:
        merge_value_words(read_value_words(text, file="site.tsv"))
    assert f"site.tsv:{text.count(chr(10))}: {said}" in str(caught.value)
