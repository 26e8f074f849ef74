"""The package and its SQL twin must give one answer; and the twin must be right by itself."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.twin.compare import Answer, by_sql, compare, table
from tests.twin.course import (
    ANC,
    CHEMOTHERAPY,
    EXTRAMEDULLARY,
    ICD,
    PLATELETS,
    SMEAR,
    SNOMED,
    Course,
    Instant,
    line,
    percent,
    quantity,
)
from tests.twin.generate import marrow, write

START = date(2026, 1, 10)
Event = tuple[str | int, ...]


class NoChance(random.Random):
    """A generator whose rolls never choose the rare branch."""

    def random(self) -> float:
        """The roll that no condition of the generator accepts."""
        return 0.999


def course(events: list[Event], *, diagnosis: bool = True) -> Course:
    """A course with baseline 60 % and therapy on day 0, then the events, all at nine o'clock."""
    made = Course("p", NoChance(), START)
    if diagnosis:
        made.add("Condition", (ICD, "C92.00"), onsetDateTime=made.on(-3))
    events = [("marrow", -2, "60", "500"), ("cycle", 0), *events]
    for name, day, *rest in events:
        _happens(made, str(name), Instant(int(day), 540, 0), [str(one) for one in rest])
    return made


def _happens(made: Course, name: str, when: Instant, rest: list[str]) -> None:
    if name == "marrow":
        marrow(made, when, *rest)
    if name == "cycle":
        made.add("Procedure", CHEMOTHERAPY, status="completed", performedDateTime=made.on(when.day))
    if name == "counts":
        made.observe(ANC, when, quantity(rest[0], "/uL"))
        made.observe(PLATELETS, when, quantity(rest[1], "/uL"))
    if name == "smear":
        made.observe(SMEAR, when, percent(rest[0])[0])
    if name == "extramedullary":
        concept = {"coding": [{"system": SNOMED, "code": rest[0]}]}
        made.observe(EXTRAMEDULLARY, when, {"valueCodeableConcept": concept})


def answer(made: Course, folder: Path) -> Answer:
    """What the twin says of that course."""
    file = folder / "course.ndjson"
    file.write_text("\n".join(map(line, made.resources)), encoding="utf-8")
    return by_sql(file)["Patient/p"]


COURSES: dict[str, tuple[list[Event], str, int | None]] = {
    "counts before the nadir are no remission, and the marrow is early": (
        [("counts", 1, 1500, 120000), ("marrow", 13, "2", "300"), ("counts", 13, 50, 12000)],
        "MLFS",
        13,
    ),
    "a hypoplastic marrow whose repeat shows blasts": (
        [
            ("marrow", 17, "2", "300"),
            ("counts", 17, 100, 20000),
            ("marrow", 27, "8", "300"),
            ("counts", 29, 1200, 110000),
        ],
        "PR",
        29,
    ),
    "blasts on a smear between two automated counts": (
        [
            ("marrow", 28, "2", "300"),
            ("counts", 28, 700, 60000),
            ("smear", 32, "3"),
            ("counts", 38, 1500, 150000),
        ],
        "NR",
        None,
    ),
    "a later smear without blasts ends the block": (
        [
            ("marrow", 28, "2", "300"),
            ("counts", 28, 700, 60000),
            ("smear", 32, "3"),
            ("counts", 38, 1500, 150000),
            ("smear", 38, "0"),
        ],
        "CR",
        38,
    ),
    "counts from before the nadir do not stand": (
        [
            ("counts", 22, 1100, 105000),
            ("marrow", 24, "3", "300"),
            ("counts", 24, 200, 30000),
            ("counts", 37, 600, 55000),
        ],
        "CRh",
        37,
    ),
    "a start of therapy does not end a remission": (
        [("marrow", 30, "2", "300"), ("counts", 30, 1500, 150000), ("cycle", 40)],
        "CR",
        30,
    ),
    "before a remission it leaves what the last marrow said": (
        [("marrow", 30, "30", "300"), ("counts", 30, 1500, 150000), ("cycle", 40)],
        "NR",
        None,
    ),
    "extramedullary disease long silent is neither present nor absent": (
        [
            ("extramedullary", -3, "52101004"),
            ("marrow", 30, "2", "300"),
            ("counts", 30, 1500, 150000),
        ],
        "IND",
        None,
    ),
    "a digit beyond a double still counts": (
        [("marrow", 30, "4.99999999999999999999", "300"), ("counts", 30, 1000, 100000)],
        "CR",
        30,
    ),
    "counts the day after the window": (
        [("marrow", 30, "2", "300"), ("counts", 45, 1500, 150000)],
        "MLFS",
        30,
    ),
    "counts on its last day": (
        [("marrow", 30, "2", "300"), ("counts", 44, 1500, 150000)],
        "CR",
        44,
    ),
    "the twentieth day of a cycle is early": (
        [("marrow", 19, "2", "300"), ("counts", 19, 1500, 150000)],
        "MLFS",
        19,
    ),
    "the twenty-first is not": (
        [("marrow", 20, "2", "300"), ("counts", 20, 1500, 150000)],
        "CR",
        20,
    ),
    "one count that can be read proves the least of the remissions": (
        [("marrow", 30, "2", "300"), ("counts", 30, 1500, -1)],
        "CRi",
        30,
    ),
    "a nadir marrow under consolidation lowers no remission": (
        [
            ("marrow", 30, "2", "300"),
            ("counts", 30, 1500, 150000),
            ("cycle", 40),
            ("marrow", 61, "1", "300"),
            ("counts", 61, 100, 10000),
        ],
        "CR",
        30,
    ),
    "a report of no blasts stands against blasts of later days": (
        [
            ("marrow", 30, "2", "300"),
            ("counts", 30, 1500, 150000),
            ("smear", 30, "0"),
            ("smear", 38, "2"),
        ],
        "RELAPSE_SUSPECTED",
        None,
    ),
    "a marrow of few cells without counts may have been a remission": (
        [
            ("marrow", 30, "2", "80"),
            ("marrow", 90, "12", "300"),
            ("counts", 90, 1500, 150000),
            ("smear", 90, "0"),
        ],
        "IND",
        None,
    ),
    "relapse in the marrow": (
        [("marrow", 30, "2", "300"), ("counts", 30, 1500, 150000), ("marrow", 90, "5.0", "300")],
        "RELAPSE",
        90,
    ),
    "too few cells, counts recovered": (
        [("marrow", 30, "2", "80"), ("counts", 30, 1500, 150000)],
        "CR",
        30,
    ),
    "too few cells, counts low": (
        [("marrow", 30, "0", "80"), ("counts", 30, 50, 12000)],
        "NE",
        None,
    ),
}


@pytest.mark.parametrize("name", COURSES)
def test_the_twin_knows_the_course(name: str, tmp_path: Path) -> None:
    """Courses that fool simpler rules come out of the SQL as the criteria have them."""
    events, category, day = COURSES[name]
    expected = None if day is None else (START + timedelta(days=day)).isoformat()

    assert answer(course(events), tmp_path) == Answer(category, expected)


def test_blasts_alone_may_stand_for_the_diagnosis(tmp_path: Path) -> None:
    """Without a Condition a baseline of 20 % or more opens the course."""
    made = course([("marrow", 30, "2", "300"), ("counts", 30, 1500, 150000)], diagnosis=False)

    assert answer(made, tmp_path).category == "CR"


def test_courses_are_the_same_each_time(tmp_path: Path) -> None:
    """One seed, one file, byte for byte."""
    write(tmp_path / "one", 50, 7)
    write(tmp_path / "two", 50, 7)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_category_occurs(tmp_path: Path) -> None:
    """Agreement would mean little if a category hardly ever came up."""
    write(tmp_path / "courses", 1000, 2022)

    said = [one.category for one in by_sql(tmp_path / "courses").values()]

    for category in ("CR", "CRh", "CRi", "MLFS", "PR", "NR", "NE", "IND", "RELAPSE"):
        assert said.count(category) >= 20, category


def test_package_and_twin_agree(tmp_path: Path) -> None:
    """Three hundred courses, one answer each."""
    twin, found = compare(300, 2022, tmp_path)

    assert not found, table(twin, found)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_package_and_twin_agree_on_many(tmp_path: Path) -> None:
    """Twenty thousand courses, one answer each."""
    twin, found = compare(20000, 2023, tmp_path)

    assert not found, table(twin, found)
