"""Files as laboratories and exports send them, from a folder beside the checkout, whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_remission import classify
from tests import facts

READING = {
    "09-athena-text-LT-5": "CR", "11-double-as-bigdecimal": "CR", "12b-leading-zeros-string": "CR",
    "13b-lfh-unit-text-upper": "CR", "32-utf16": "RELAPSE", "34-gzip-misnamed": "RELAPSE",
    "36-concatenated-pretty": "RELAPSE", "63-ottehr-quantity-local-unit": "CR",
}  # fmt: skip
COURSES = {"H04-unit-00": "CR", "H04-unit-05": "CR", "H04-unit-12": "CR", "H04-unit-16": "MLFS"}


@pytest.mark.parametrize("name", READING)
def test_what_a_laboratory_wrote_is_read_to_the_answer(name: str) -> None:
    """Comparators in letters, long decimals, encodings, units without a code."""
    folder = facts.beside(f"cases/reading/{name}")
    [found] = classify(_input(folder), as_of="2026-10-01T00:00:00Z", complete=["Procedure"])
    assert found.category == READING[name]


@pytest.mark.parametrize("name", COURSES)
def test_a_course_in_the_units_of_a_laboratory_has_its_answer(name: str) -> None:
    """`mm3` alone is no unit of a count, and stays refused."""
    folder = facts.beside(f"cases/clinical/{name}")
    as_of = json.loads((folder / "expected.json").read_text())["as_of"]
    [found] = classify(_input(folder), as_of=as_of, complete=["Procedure", "Condition"])
    assert found.category == COURSES[name]


def _input(folder: Path) -> Path:
    (path,) = (one for one in folder.iterdir() if one.name != "expected.json")
    return path
