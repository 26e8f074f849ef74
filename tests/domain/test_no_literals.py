"""No category and no threshold in the code: both are data in `mappings/criteria`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.builder import CRITERIA, criteria

DOMAIN = Path(__file__).parents[2] / "fhir_remission" / "domain"
MODULES = sorted(DOMAIN.glob("*.py"))
READERS = {
    "analytes", "categories", "check_digits", "codes", "displays", "events", "explain", "layout",
    "mappings", "rows", "terms", "timeline", "timetable", "units", "values",
}  # fmt: skip
"""Modules that read other tables or lay out text: no clinical threshold passes through them."""
ALLOWED = {0, 1, 2, -1}


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Every literal that is no docstring."""
    skipped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in skipped:
            yield node


def categories() -> set[str]:
    """Every category and code that a shipped set can answer."""
    found: set[str] = set()
    for path in CRITERIA.glob("*.toml"):
        one = criteria(path.stem)
        found |= {row.id for row in one.category}
        found |= {code for row in one.category for code in row.mrd.values()}
        outcomes = one.outcomes
        names = ("not_evaluable", "undecided", "no_response", "refractory", "relapse")
        found |= {getattr(outcomes, name) for name in (*names, "relapse_suspected")}
        found |= {one.mrd.suspected, one.mrd.relapse}
    return found - {""}


def test_there_are_categories_to_look_for() -> None:
    """The list is not empty by mistake."""
    assert {"CR", "CRh", "NE", "IND", "RELAPSE", "CR_MRDneg", "MRD_RELAPSE"} <= categories()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_category_in_the_code(path: Path) -> None:
    """No string literal equals a category or a code."""
    names = categories()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [(node.lineno, node.value) for node in literals(tree) if node.value in names]
    assert not found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_number_in_the_code(path: Path) -> None:
    """No numeric literal but zero, one and two."""
    if path.stem in READERS:
        pytest.skip("reads other tables")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        (node.lineno, node.value)
        for node in literals(tree)
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        and node.value not in ALLOWED
    ]  # fmt: skip
    assert not found
