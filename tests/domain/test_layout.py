"""Plain text for people: what a sender writes, laid out on a page."""

from __future__ import annotations

import pytest

from fhir_remission.domain.answer.layout import LONGEST, columns, fitted, printable, wrapped


def test_a_control_character_is_one_blank() -> None:
    """Nothing is glued together, and nothing stands in its place."""
    assert printable("see\x07comment\n of the day") == "see comment of the day"


def test_a_document_in_the_wrong_place_is_cut() -> None:
    """A text as long as is shown at all is shown whole; of a longer one the beginning."""
    assert printable("x" * LONGEST) == "x" * LONGEST
    assert printable("x" * (LONGEST + 1)) == "x" * LONGEST + " ..."


def test_an_id_is_never_broken_at_its_hyphens() -> None:
    """A reader copies ids: each stands whole on its line or in its cell."""
    assert wrapped("ask for anc-recovered", width=15) == ["ask for", "anc-recovered"]
    assert columns(("no anc-recovered", "x"), (14, 1)) == [
        f"{'no':14}  x",
        "anc-recovered",
    ]


def test_lines_begin_at_the_margin_unless_told_otherwise() -> None:
    """Later lines stand below the text of the first, or where the caller wants them."""
    assert wrapped("one two", width=4) == ["one", "two"]
    assert wrapped("one two", first="- ", width=5) == ["- one", "  two"]
    assert wrapped("one two", first="- ", rest="", width=5) == ["- one", "two"]
    assert fitted([("a", "b")]) == [("b", ["a  b"])]
    assert fitted([("a", "b")], indent=2) == [("b", ["  a  b"])]


def test_a_row_that_does_not_fit_its_table_is_refused() -> None:
    """A cell too many would vanish from the page without a trace."""
    with pytest.raises(ValueError, match="zip"):
        columns(("2026-03-01", "CR"), (10,))
