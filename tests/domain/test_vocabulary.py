"""Closed vocabularies: every id an assessment can carry has its sentence."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

import pytest

from fhir_remission.domain.answer.wording import ADVICE, STATES, WHY
from tests.domain.builder import CRITERIA, criteria, judge
from tests.domain.generated import course_of

HOME = Path(__file__).parents[2] / "mappings" / "vocabulary"
SETS = sorted(path.stem for path in CRITERIA.glob("*.toml"))


def ids(name: str) -> set[str]:
    """The ids of one vocabulary."""
    with (HOME / f"{name}.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert all(row["sentence"].endswith(".") and row["source"] for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"] for row in rows}


@pytest.mark.parametrize("name", SETS)
def test_criteria_and_missing(name: str) -> None:
    """Every criterion of a shipped set, and what it asks for."""
    found = criteria(name)
    assert {one.id for one in found.criterion} <= ids("criteria")
    assert {one.missing for one in found.criterion} - {""} <= ids("missing")


def test_words_in_sentences_are_words_of_the_vocabulary() -> None:
    """The sentences explain no reason and no state that the tables do not know."""
    assert set(STATES) == ids("states")
    assert set(WHY) <= ids("reasons")
    assert set(ADVICE) <= ids("reasons") | ids("missing")


@pytest.mark.parametrize("name", SETS)
def test_random_courses_stay_inside_the_vocabularies(name: str) -> None:
    """Whatever is answered, its ids are listed."""
    for seed in range(60):
        for one in judge(course_of(Random(seed)), name):
            assert one.state in ids("states")
            assert {line.criterion for line in one.criteria_results} <= ids("criteria")
            assert {flag.partition(":")[0] for flag in one.flags} <= ids("flags")
            assert {each.id for each in one.assumptions} <= ids("assumptions")
            assert set(one.missing) <= ids("missing")
            assert one.reason in ids("reasons") | {""}
