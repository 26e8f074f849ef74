"""The table of a course: what stands in a cell, what in a note, and on which day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.answer.timeline import Column, Row, columns_of, timeline
from fhir_remission.domain.answer.timetable import ROOM, drawn
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.record.facts import read_facts
from tests.domain.builder import LATER, Course, at, criteria, induction, on, remission
from tests.domain.sights import amount

CALM = ("", "2.5 ✓✓", "180 ✓✓", "none ✓", "")
NOTED = (*CALM[:4], "negative ✓")
APRIL = date(2026, 4, 1)


def asking(*names: str) -> CriteriaSet:
    """The ELN set with one remission that asks for these criteria."""
    whole = criteria()
    return replace(whole, category=(replace(whole.category[0], requires=names),))


def rows_on(course: Course, day: int | None, chosen: CriteriaSet | None = None) -> list[Row]:
    """The rows of one day."""
    facts = read_facts(course.record(), chosen or criteria(), LATER)
    wanted = None if day is None else on(day)
    return [row for row in timeline(facts, {}) if row.day == wanted]


def smear_on(course: Course, day: int, chosen: CriteriaSet | None = None) -> str:
    """The cell for blood blasts."""
    return next(row.cells[3] for row in rows_on(course, day, chosen) if row.cells)


def notes_on(course: Course, day: int | None) -> list[str]:
    """All notes of one day."""
    return [note for row in rows_on(course, day) for note in row.notes]


def sent(course: Course, **changes: Any) -> Course:
    """The same with the last result sent otherwise."""
    course.results[-1] = replace(course.results[-1], **changes)
    return course


def test_a_value_no_remission_asks_about_stands_alone() -> None:
    """Without marks, and without a blank where they would be."""
    assert Column("g/dL").cell(amount("hemoglobin", 9)) == "9"


def test_a_threshold_inside_another_criterion_is_a_threshold_of_its_column() -> None:
    """CRi asks only that one of two counts is below the level of CR."""
    shown = columns_of(asking("marrow-blasts-below-5", "counts-below-cr"))

    assert (shown.anc.rule, shown.anc.unit) == (">=1.0", "10*9/L")
    assert (shown.platelets.rule, shown.platelets.unit) == (">=100", "10*9/L")


def test_what_no_remission_asks_has_no_threshold_above_it() -> None:
    """Neither counts nor a clear smear: unit and rule stay empty."""
    chosen = asking("marrow-blasts-below-5", "no-extramedullary-disease")
    shown = columns_of(chosen)

    assert (shown.platelets.rule, shown.platelets.unit, shown.no_blasts) == ("", "", False)
    assert columns_of(asking("no-blood-blasts")).no_blasts
    assert drawn([], chosen)[2:4] == [f"{'':12}{'%':46}%", f"{'':12}<5"]


@pytest.mark.parametrize(
    ("reports", "cell"),
    [
        ([("blasts-blood", 2, "manual")], "2 ✗"),
        ([("blasts-blood", 2, "manual"), ("blasts-blood", 3, "manual")], "2 3 ✗"),
        ([("blasts-blood-presence", "positive", "manual")], "seen ✗"),
        ([("blasts-blood", 0, "manual")], "none ✓"),
        ([("blasts-blood", 0, "automated")], "none, by machine ?"),
        ([("blasts-blood", "<1", "manual"), ("blasts-blood", "<2", "manual")], "<1 <2 ?"),
        ([("blasts-blood", "?", "manual")], "unread ?"),
        ([("blasts-blood-presence", "indeterminate", "manual")], "unread ?"),
        ([], ""),
    ],
)
def test_a_smear_says_what_was_seen_and_how(reports: list[tuple[str, Any, str]], cell: str) -> None:
    """Every number that was sent; a word where there was none; nothing where nobody looked."""
    course = remission().blood(100, 1500, 150_000, smear=None)
    for place, (analyte, raw, method) in enumerate(reports):
        course.result(analyte, 100, raw, method=method, ref=f"Observation/s{place}")

    assert smear_on(course, 100) == cell


def test_a_smear_nobody_asks_for_has_no_mark() -> None:
    """The set has no opinion on it."""
    assert smear_on(remission(), 30, asking("marrow-blasts-below-5")) == "none"


@pytest.mark.parametrize(
    ("answer", "cell"),
    [("negative", "negative ✓"), ("positive", "positive ✗"), ("low-level", "low-level ~"),
     ("indeterminate", "unknown ?")],
)  # fmt: skip
def test_mrd_has_a_mark_of_its_own(answer: str, cell: str) -> None:
    """Low level stands between clear and not."""
    [row] = [row for row in rows_on(remission().mrd(30, answer), 30) if row.cells]

    assert row.cells[4] == cell


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({}, "MRD negative, by flow in marrow; sensitivity 0.01 %"),
        ({"marker": "NPM1", "method": "qpcr"},
         "MRD negative, by NPM1 qpcr in marrow; sensitivity 0.01 %"),
        ({"specimen": "", "sensitivity": ""}, "MRD negative, by flow; sensitivity not said"),
        ({"method": "", "specimen": "", "sensitivity": ""},
         "MRD negative, by assay and tissue not said; sensitivity not said"),
    ],
)  # fmt: skip
def test_mrd_says_its_assay_as_far_as_it_is_known(said: dict[str, str], note: str) -> None:
    """Marker, method, tissue and sensitivity; each may be missing."""
    assert note in notes_on(remission().mrd(30, "negative", **said), 30)


def test_a_marrow_stated_inadequate_says_so() -> None:
    """Its number stands in the table; the reader must know what it is worth."""
    course = induction().marrow(30, 2).result("marrow-adequacy", 30, "negative")

    assert "marrow stated inadequate" in notes_on(course, 30)
    assert "marrow stated inadequate" not in notes_on(remission(), 30)


def test_an_event_is_told_with_what_is_known_of_it() -> None:
    """Its detail and its own words where it has any; in brackets where it comes from."""
    course = Course().event("transplant", 60, "allogeneic").event("transplant", 90, original="HSCT")

    assert notes_on(course, -6) == ["aml diagnosis [Procedure/e1]"]
    assert notes_on(course, 60) == ["transplant, allogeneic [Procedure/e2]"]
    assert notes_on(course, 90) == ["transplant: HSCT [Procedure/e3]"]


def test_an_event_without_a_day_is_told_first() -> None:
    """It belongs to no day, and to no cycle."""
    course = Course().event("therapy-start", None, "intensive")

    assert notes_on(course, None) == ["no date: therapy start, intensive [Procedure/e2]"]


def test_what_is_given_daily_is_one_line() -> None:
    """A gap of a day begins another."""
    course = Course(diagnosed=None)
    for day in (10, 11, 12, 14):
        course.event("gcsf", day)

    assert notes_on(course, 10) == ["gcsf, 3 times to 2026-01-12 [Procedure/e1]"]
    assert notes_on(course, 11) == notes_on(course, 12) == []
    assert notes_on(course, 14) == ["gcsf [Procedure/e4]"]


def test_only_of_a_lesion_the_end_is_told() -> None:
    """A diagnosis that was closed has not ended the disease."""
    course = Course(diagnosed=None).event("aml-diagnosis", -6, ended=at(40))
    course.event("extramedullary", -5, ended=at(40)).event("extramedullary", 3)

    assert notes_on(course, -6) == ["aml diagnosis [Procedure/e1]"]
    assert notes_on(course, -5) == ["extramedullary, ended 2026-02-09 [Procedure/e2]"]
    assert notes_on(course, 3) == ["extramedullary [Procedure/e3]"]


@pytest.mark.parametrize(
    ("original", "note"),
    [
        ("Present", "extramedullary disease: present [Observation/x]"),
        ("", "extramedullary disease: present [Observation/x]"),
        ("Chloroma", "extramedullary disease: present (Chloroma) [Observation/x]"),
    ],
)
def test_a_lesion_is_told_with_the_words_that_were_sent(original: str, note: str) -> None:
    """Unless they say the same."""
    course = Course().result("extramedullary-disease", 30, "positive", ref="Observation/x")

    assert notes_on(sent(course, original=original), 30) == [note]


def calm(days: int, first: date = APRIL) -> list[Row]:
    """Counts on which no answer rests, one row a day."""
    return [Row(first + timedelta(days=one), CALM) for one in range(days)]


def days_of(lines: list[str]) -> list[str]:
    """The beginning of the lines that begin with a day."""
    return [line[:10] for line in lines if line[:2] == "20"]


def test_a_course_that_fits_a_page_is_told_in_full() -> None:
    """Forty rows fit."""
    lines = drawn(calm(ROOM), criteria())

    assert days_of(lines) == [str(row.day) for row in calm(ROOM)]


def test_a_calm_stretch_of_a_longer_one_is_one_row() -> None:
    """With its first day, its last day and how many draws it stands for."""
    lines = drawn(calm(ROOM + 1), criteria())

    assert [line for line in lines if line[:2] == "20"] == ["2026-04-01  to 2026-05-11: 41 draws"]


def test_three_calm_draws_are_not_summed_up() -> None:
    """One line saves nothing there; a draw that somebody remarked on ends a stretch."""
    marked = [Row(date(2026, 3, 1), NOTED), Row(date(2026, 3, 9), NOTED)]
    rows = [marked[0], *calm(3, date(2026, 3, 2)), marked[1], *calm(ROOM)]

    assert days_of(drawn(rows, criteria())) == [
        "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-09", "2026-04-01",
    ]  # fmt: skip


@pytest.mark.parametrize("cells", [CALM, ()])
def test_a_long_note_goes_on_below_itself(cells: tuple[str, ...]) -> None:
    """Indented a little more than where a note begins."""
    notes = ("a transplant", "word " * 30) if not cells else ("word " * 30,)
    lines = drawn([Row(APRIL, cells, notes)], criteria())
    place = next(at for at, line in enumerate(lines) if line.startswith(" " * 12 + "word"))

    assert lines[place + 1].startswith(" " * 14 + "word")


@pytest.mark.parametrize(
    ("anc", "derived", "raised"),
    [("0.9 ✗✓", False, False), ("0.9d ✗✓", True, False), ("0.9* ✗✓", False, True),
     ("0.9d* ✗✓", True, True)],
)  # fmt: skip
def test_the_legend_explains_the_signs_that_were_used(
    anc: str, derived: bool, raised: bool
) -> None:
    """And no others."""
    text = "\n".join(drawn([Row(APRIL, ("", anc, *CALM[2:]))], criteria()))

    assert ("d derived from leukocytes and their differential" in text) is derived
    assert ("* a transfusion or growth factor may have raised the count" in text) is raised
