"""The words of a page, line by line: what each label, note and piece of evidence says."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.answer.page import explain
from fhir_remission.domain.answer.page_parts import Page, Words
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.inputs import Event, When
from fhir_remission.domain.record.facts import read_facts
from fhir_remission.domain.tables.categories import Categories
from fhir_remission.effects.files.mapping_files import load_categories, load_vocabularies
from tests.domain.builder import LATER, Course, at, criteria, induction, judge, remission
from tests.domain.sights import event, result
from tests.domain.test_coarse_times import month


def page_of(course: Course) -> Page:
    """What the page of a course is made of."""
    facts = read_facts(course.record(), criteria(), LATER)
    words = Words(load_categories(), load_vocabularies())
    return Page(facts, judge(course), words, "fhir-remission V")


def lines_of(course: Course) -> list[str]:
    """The lines of a page, each with single blanks."""
    return [" ".join(line.split()) for line in explain(page_of(course))]


def with_last(course: Course, **changes: Any) -> Course:
    """The same with the last result told otherwise."""
    course.results[-1] = replace(course.results[-1], **changes)
    return course


def proved_by(*lines: tuple[str, tuple[Event, ...]]) -> list[str]:
    """The evidence of a page whose criteria rest on these events."""
    page = page_of(remission())
    told = tuple(
        CriterionResult(name, Verdict.MET, "rule", "source", items) for name, items in lines
    )
    found = explain(replace(page, history=(replace(page.now, criteria_results=told),)))
    start = next(at for at, line in enumerate(found) if line.startswith("EVIDENCE"))
    return [line[7:] for line in found[start:] if line.startswith("  e")]


def test_an_id_is_said_in_the_words_of_its_vocabulary() -> None:
    """What stands behind a colon is kept; an id of no vocabulary is read as words."""
    words = Words(Categories({}), {"flags": {"read-failed": "A type could not be read."}})

    assert words.sentence("flags", "read-failed") == "A type could not be read."
    assert words.sentence("flags", "read-failed:Condition") == (
        "A type could not be read. (read-failed:Condition)"
    )
    assert words.sentence("flags", "new-kind-of-flag") == "new kind of flag"
    assert words.sentence("reasons", "read-failed") == "read failed"


def test_each_flag_is_a_note_in_words() -> None:
    """Beside the answer, under a label of its own."""
    lines = lines_of(remission().event("transplant", 60))

    assert "Note A transplant is on record." in lines


def test_what_was_given_over_days_says_until_when() -> None:
    """A period of transfusions, on the line of its first day."""
    lines = lines_of(remission().event("rbc-transfusion", 40, ended=at(52)))
    assert "2026-02-09 rbc transfusion, until 2026-02-21 [Procedure/e3]" in lines


@pytest.mark.parametrize(
    ("graft", "told"),
    [
        (at(60), "Therapy latest marrow on day 30 after the transplant"),
        (month("2026-03"), ""),
        (month("2025-12"), "Therapy latest marrow on day 90 of cycle 1"),
    ],
)
def test_no_day_is_counted_from_a_graft_of_a_month(graft: When, told: str) -> None:
    """Nor past one that may have come since the cycle."""
    course = remission().event("transplant", 1, when=graft).marrow(90, 2).blood(90, 1500, 150_000)
    assert [one for one in lines_of(course) if one.startswith("Therapy")] == [told] * bool(told)


@pytest.mark.parametrize(
    ("course", "line"),
    [
        (remission().marrow(100, "?"), "May be CR or RELAPSE"),
        (induction().marrow(30, 2).blood(30), "May be CR or CRh or CRi"),
        (remission(), ""),
    ],
    ids=["undecided", "not complete", "decided"],
)
def test_what_an_answer_may_still_be(course: Course, line: str) -> None:
    """The candidates of an undecided answer, or what would be better than a decided one."""
    assert [one for one in lines_of(course) if one.startswith("May be")] == [line][: len(line)]


def test_a_patient_of_whom_nothing_happened_has_no_course() -> None:
    """No heading above an empty table."""
    assert "COURSE" not in lines_of(Course(diagnosed=None))
    assert "COURSE" in lines_of(remission())


def test_a_state_without_a_beginning_has_no_since() -> None:
    """What is not known to be leukaemia has no course to date it by."""
    lines = lines_of(Course(diagnosed=None).marrow(-4, 10))

    assert "=> IND, no diagnosis of AML on record; state not known" in lines


def test_a_draw_that_lends_a_count_is_said_to_be_joined() -> None:
    """It is neither the chosen one nor merely passed over."""
    course = induction().marrow(30, 2).blood(30, 1500).blood(30.5, None, 150_000, smear=None)
    text = " ".join(lines_of(course))

    assert (
        "joined for the marrow of 2026-01-30: gives CR; completes the draw of "
        "2026-01-30T09:00:00+00:00 with its platelets"
    ) in text
    assert "not chosen" not in text


def test_evidence_without_a_day_says_so() -> None:
    """A diagnosis counts although nobody wrote down when it was made."""
    course = Course(diagnosed=None).event("aml-diagnosis", None).marrow(-4, 60).chemo(1)
    lines = lines_of(course.marrow(30, 2).blood(30, 1500, 150_000).marrow(100, 40))

    assert "e1 no date: aml diagnosis" in lines


def test_evidence_without_a_code_is_named_without_one() -> None:
    """A row of a list has a place and no code."""
    lines = lines_of(remission().marrow(100, 40, cells=None, emd=None, code="", ref="list:7"))

    assert "[list:7 version 1]" in lines


def test_evidence_sent_without_words_says_what_was_read() -> None:
    """Nothing to quote; the value stands all the same."""
    course = remission().marrow(100, 40, cells=None, emd=None)
    lines = lines_of(with_last(course, original=""))

    assert any(one.endswith("marrow blasts nothing = 40 %") for one in lines)


def test_what_proves_the_same_alike_is_one_line_of_evidence() -> None:
    """Doses of one drug that the same criteria rest on; another drug is another line."""
    doses = tuple(event("therapy-start", day, original="cytarabine") for day in (1, 2, 3))
    other = event("therapy-start", 4, original="venetoclax")
    found = proved_by(("response-evaluation", (*doses, other)))

    assert found == [
        "2026-01-01T09:00:00+00:00 therapy start, cytarabine, 3 times to 2026-01-03T09:00:00+00:00",
        "2026-01-04T09:00:00+00:00 therapy start, venetoclax",
    ]


def test_what_proves_different_things_stands_apart() -> None:
    """Each criterion can point at its own evidence."""
    first, second = (event("rbc-transfusion", day) for day in (1, 2))
    found = proved_by(("one", (first,)), ("two", (second,)))

    assert found == [
        "2026-01-01T09:00:00+00:00 rbc transfusion",
        "2026-01-02T09:00:00+00:00 rbc transfusion",
    ]


def test_results_that_say_the_same_are_two_results() -> None:
    """Only events are summed up: every value a verdict rests on has its line."""
    page = page_of(remission())
    values = tuple(result("anc", "1.5", day) for day in (30, 31))
    told = CriterionResult("anc-recovered", Verdict.MET, "rule", "source", values)
    found = explain(replace(page, history=(replace(page.now, criteria_results=(told,)),)))

    assert [line.split()[0] for line in found if line.startswith("  e")] == ["e1", "e2"]
