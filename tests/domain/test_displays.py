"""Words of a display against its code: which words count, and what is said of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.displays import (
    SUBJECT,
    Lexicon,
    Words,
    contradiction,
    lexicon_of,
    of_display,
    of_measurement,
)
from fhir_remission.errors import TableError

WORDS = """\
axis\tmeaning\tword\tsource
subject\tblast\tblast*\tours
subject\tneutrophil\tneutrophil*\tours
subject\tplatelet\tplatelet*\tours
subject\tred-cell\tred cell*\tours
specimen\tblood\tblood\tours
specimen\tblood-product\tblood product\tours
specimen\tmarrow\tmarrow\tours
specimen\turine\turin\tours
measure\tshare\t%\tours
measure\tcount\tabsolute\tours
"""


def lexicon() -> Lexicon:
    """A few words of each kind."""
    return lexicon_of(Words((("words.tsv", WORDS),)))


def row(display: str, specimen: str = "") -> CodeRow:
    """A row of the table of codes."""
    return CodeRow("urn:test", "1", "x", specimen, "", "", (), (), display)


def analyte(name: str, *dimensions: str) -> Analyte:
    """A row of the table of analytes."""
    return Analyte(name, "quantity", dimensions, "", None, None, "")


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("Platelets in Blood product", {"subject": ("platelet",), "specimen": ("blood-product",)}),
        ("Platelets in Blood", {"subject": ("platelet",), "specimen": ("blood",)}),
        ("Neuroblastoma", {}),
        ("Urinalysis", {}),
        ("Urin", {"specimen": ("urine",)}),
        ("Blasts %calc", {"subject": ("blast",), "measure": ("share",)}),
        ("Blasts%", {"subject": ("blast",), "measure": ("share",)}),
    ],
)
def test_only_whole_words_count_and_the_longest_first(
    text: str, meanings: dict[str, tuple[str, ...]]
) -> None:
    """A word inside another is none; an asterisk lets any ending follow; a sign is no word."""
    assert lexicon().meanings(text) == meanings


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("colour\tred\tred\tours",
         "words.tsv:2: colour is no axis; use one of subject, specimen, measure, way, disease, "
         "pace, course, answer"),
        ("subject\t\tred\tours", "words.tsv:2: a row needs a word and its meaning"),
        ("subject\tblast\t\tours", "words.tsv:2: a row needs a word and its meaning"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_in_words_that_help(line: str, reason: str) -> None:
    """File, line, what is wrong and what would be right."""
    with pytest.raises(TableError) as refused:
        lexicon_of(Words((("words.tsv", f"axis\tmeaning\tword\tsource\n{line}\n"),)))
    assert str(refused.value) == reason


def test_a_measurement_may_be_called_by_its_row_or_by_its_analyte() -> None:
    """Of each the first thing it names; the id of an analyte is read as words."""
    called = replace(row("Platelets beside blasts"), analyte="red-cell-blasts")
    found = of_measurement(called, analyte("red-cell-blasts"), lexicon())

    assert found[SUBJECT] == ("platelet", "red-cell")


def test_what_the_tables_leave_open_no_display_can_contradict() -> None:
    """A code of any specimen; an analyte that is a share or a ratio."""
    either = analyte("platelets", "fraction", "ratio")
    meant = of_measurement(row("Platelets"), either, lexicon())

    assert (meant["specimen"], meant["measure"]) == ((), ())
    assert contradiction("Platelets % in marrow", meant, lexicon()) == ""


def test_what_the_tables_state_a_display_can_contradict() -> None:
    """The specimen of the row, and the measure of the analyte."""
    meant = of_measurement(row("Platelets", "blood"), analyte("platelets", "count"), lexicon())

    assert (meant["specimen"], meant["measure"]) == (("blood",), ("count",))
    assert contradiction("Platelets in marrow", meant, lexicon()) == (
        "specimen is blood, display says marrow"
    )


def test_a_display_is_about_the_first_thing_it_names() -> None:
    """Platelets beside neutrophils are platelets."""
    found = of_display("Platelets and neutrophils in marrow", lexicon())

    assert found == {"subject": ("platelet",), "specimen": ("marrow",)}


def test_a_contradiction_names_everything_that_was_meant_and_said() -> None:
    """Alternatives once each, in the order of the tables."""
    meant = {"subject": ("platelet", "red-cell", "platelet")}

    assert contradiction("Neutrophils and blasts", meant, lexicon()) == (
        "subject is platelet or red-cell, display says neutrophil, blast"
    )
    assert contradiction("Neutrophils and platelets", meant, lexicon()) == ""
