"""Pains of other clients, by number, each with the test that says it does not happen here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.tsv import Row, read_rows

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).parent / "pains.tsv"
ROWS = list(
    read_rows(TABLE.read_text(), file=TABLE.name, columns=("number", "pain", "file", "test"))
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['number']}-{row['test']}")
def test_each_pain_has_its_test(row: Row) -> None:
    """It exists under the name that the table gives."""
    tree = ast.parse((ROOT / row["file"]).read_text())
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert row["number"].isdecimal()
    assert row["pain"]
    assert row["test"] in names
