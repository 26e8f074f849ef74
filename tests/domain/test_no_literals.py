"""No category and no threshold in the code: both are data in `mappings/criteria`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.builder import CRITERIA, criteria

DOMAIN = Path(__file__).parents[2] / "fhir_remission" / "domain"
MODULES = sorted(DOMAIN.glob("*/*.py"))
READERS = {
    "accounting", "analytes", "answers", "budget", "categories", "check_digits", "codes",
    "displays", "events", "hint_words", "hints", "layout", "mappings", "numbers", "page",
    "page_head", "plain_text",
    "sensitivities", "systems", "terms", "timeline", "timetable", "tsv", "unit_grammar", "units",
    "value_grammar",
}  # fmt: skip
"""Modules that read other tables, count entries or steps, or lay out text: no clinical threshold
passes through them."""
ALLOWED = {0, 1, 2, -1}
NUMBER = re.compile(r"(?<![\w*^.])\d+(\.\d+)?(e\d+)?(?![\w*^.])")
"""A number that is no part of a word or a unit such as `10*9/L`."""


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
    """Neither list is empty by mistake."""
    assert len(MODULES) > 50
    assert {"CR", "CRh", "NE", "IND", "RELAPSE", "CR_MRDneg", "MRD_RELAPSE"} <= categories()


def named(source: str) -> list[tuple[int, str]]:
    """Categories and codes that stand in a string, whole or as a word of it, with their lines."""
    names = categories()
    return [
        (node.lineno, node.value)
        for node in literals(ast.parse(source))
        if isinstance(node.value, str) and names & set(re.split(r"[^A-Za-z_]+", node.value))
    ]


def numbers(source: str) -> list[tuple[int, object]]:
    """Numbers but zero, one and two, as numbers or as strings that read as one."""
    return [
        (node.lineno, node.value)
        for node in literals(ast.parse(source))
        if not isinstance(node.value, bool)
        and (
            (isinstance(node.value, (int, float, complex)) and node.value not in ALLOWED)
            or (isinstance(node.value, str) and NUMBER.search(node.value))
        )
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_category_in_the_code(path: Path) -> None:
    """No string literal names a category or a code."""
    assert not named(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_number_in_the_code(path: Path) -> None:
    """No numeric literal but zero, one and two."""
    if path.stem in READERS:
        pytest.skip("reads other tables")
    assert not numbers(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "if blasts < 5: pass",
        "low = Decimal(5)",
        'low = Decimal("0.5")',
        'low = Decimal("1e3")',
        "days = 60 * 60",
        'rule = "below 5 %"',
        'rule = f"below {x} of 1000"',
        "def within(days=14): pass",
        "LIMITS = {'anc': 1.0, 'platelets': 100}",
        "match blasts:\n    case 25: pass",
        "half = -0.5",
    ],
)
def test_a_threshold_in_the_code_is_found(line: str) -> None:
    """In whatever dress it comes."""
    assert numbers(line)


@pytest.mark.parametrize(
    "line",
    [
        'if category == "CR": pass',
        'names = {"CRi", "PR"}',
        'code = f"{name}_MRDneg" if x else "CR_MRDneg"',
        'text = "no CR before"',
        'match category:\n    case "NE": pass',
        'def answer(category="RELAPSE"): pass',
    ],
)
def test_a_category_in_the_code_is_found(line: str) -> None:
    """Compared, listed, composed, matched or as a default."""
    assert named(line)


def test_what_is_no_threshold_is_left_alone() -> None:
    """Zero, one and two, names with a digit in them, docstrings and truth."""
    assert not numbers('"""Below 5 %."""\nx = 2 if True else -1\ny = "utf8"\nz = "10*9/L"[0]')
    assert not named('"""CR."""\nx = "CRITERIA"\ny = "crossing"')
