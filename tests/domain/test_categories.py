"""The table of what we say: every row has its source, no code is invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_remission.domain.tables.categories import COLUMNS, SYSTEMS, read_categories
from fhir_remission.errors import TableError
from tests.domain.builder import CRITERIA, criteria

TABLE = Path(__file__).parents[2] / "mappings" / "categories.tsv"
TEXT = TABLE.read_text(encoding="utf-8")
SETS = [criteria(one.stem) for one in sorted(CRITERIA.glob("*.toml"))]
OUTCOMES = (
    *("not_evaluable", "undecided", "no_response", "refractory"),
    *("relapse", "relapse_suspected"),
)
CATEGORIES = {row.id for one in SETS for row in one.category} | {
    getattr(one.outcomes, name) for one in SETS for name in OUTCOMES if getattr(one.outcomes, name)
}
STATES = (
    *("untreated", "awaiting-response", "active-disease", "in-remission", "relapse-suspected"),
    *("relapsed", "unknown"),
)
# Look-alikes of other diseases, and codes outside what this project computes.
FORBIDDEN = ("C123591", "C123575", "C123614", "C35571", "C18213", "C48226", "399409002")
FORBIDDEN_US = ("550991000124107", "551001000124108")


def test_everything_we_can_say_has_a_code_of_ours() -> None:
    """Every answer of every shipped set, states, MRD, events, confidence, changes."""
    read = read_categories(TEXT, file=TABLE.name)
    wanted = {
        "category": CATEGORIES,
        "state": STATES,
        "mrd": ("negative", "low-level", "positive", "unknown"),
        "mrd-event": ("relapse-suspected", "relapse"),
        "confidence": ("proved", "routine", "material"),
        "change": (
            *("evidence-changed", "category-changed", "reinstated"),
            *("evidence-withdrawn", "anchor-moved", "duplicate", "run-withdrawn"),
            *("sibling-parked", "subject-moved"),
        ),
    }
    for concept, names in wanted.items():
        assert read.codes(concept) == frozenset(names)
        assert all(read.of(concept, name)[0].system == "" for name in names)


@pytest.mark.parametrize("code", FORBIDDEN + FORBIDDEN_US)
def test_codes_of_other_things_are_not_written(code: str) -> None:
    """A look-alike code is worse than none."""
    read = read_categories(TEXT, file=TABLE.name)
    assert not any(label.code == code for labels in read.labels.values() for label in labels)


def test_no_two_meanings_share_a_code() -> None:
    """A reader must be able to go back from code to meaning; only a trend is of several."""
    read = read_categories(TEXT, file=TABLE.name)
    for concept in {held for held, _ in read.labels} - {"trend"}:
        codes = [
            (label.system, label.code)
            for (held, _), labels in read.labels.items()
            if held == concept
            for label in labels
        ]
        assert len(codes) == len(set(codes))


def test_an_unknown_meaning_has_no_codes_and_its_own_name() -> None:
    """A site's own category is written as its name."""
    read = read_categories(TEXT, file=TABLE.name)
    assert read.of("category", "XYZ") == ()
    assert read.display("category", "XYZ") == "XYZ"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("category\tCR\tours\tCR\tagain\tsource", "two codes"),
        ("category\tX\tICD\tX\tx\tsource", "system ICD"),
        ("category\tX\tours\t\tx\tsource", "code must not be empty"),
        ("category\tX\tours\tX\tx\t", "source"),
        ("category\tX\tours\tX\tx\tsource\tmore", "7 cells"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(bad: str, words: str) -> None:
    """So that its editor finds it."""
    line = len(TEXT.splitlines()) + 1
    with pytest.raises(TableError, match=words) as caught:
        read_categories(TEXT + bad + "\n", file="categories.tsv")
    assert str(caught.value).startswith(f"categories.tsv:{line}: ")


def test_a_table_without_the_question_is_refused() -> None:
    """Without it no Observation could be written."""
    rows = [line for line in TEXT.splitlines() if not line.startswith("question\tcategory")]
    with pytest.raises(TableError, match="question category"):
        read_categories("\n".join(rows), file="categories.tsv")


def test_the_header_is_the_contract() -> None:
    """Columns and systems as documented."""
    header = next(line for line in TEXT.splitlines() if not line.startswith("#"))
    assert tuple(header.split("\t")) == COLUMNS
    assert set(SYSTEMS) == {"ours", "NCIt", "SNOMED", "LOINC"}
