"""Before any criterion: is it AML, does the marrow show a response, and what was the first sign?"""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from fhir_remission.domain.course.scope import Gate, diagnosis_gate, evaluation_gate, read_signs
from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.inputs import Skipped, When
from fhir_remission.domain.record.facts import Facts, read_facts
from tests.domain.builder import LATER, Course, all_day, criteria, judge, on
from tests.domain.sights import cited

NEVER, TODAY = date.max, on(30)


def facts(course: Course, **changes: Any) -> Facts:
    """A course, sorted and indexed."""
    return read_facts(course.record(**changes), criteria(), LATER)


def bare() -> Course:
    """A patient of whom nothing is known."""
    return Course(diagnosed=None)


def diagnosis(course: Course, day: date = TODAY, **changes: Any) -> Gate:
    """What is known of the lineage on a day."""
    found = facts(course, **changes)
    return diagnosis_gate(found, read_signs(found), day)


def told(gate: Gate) -> tuple[str, str, list[str]]:
    """State, reason and what it rests on."""
    return gate.state, gate.reason, cited(gate.proof)


# -------------------------------------------------------------------------------- is it AML?

AML, ALL = ("aml-diagnosis", "confirmed"), ("other-leukaemia", "confirmed")
MAYBE_AML, MAYBE_ALL = ("aml-diagnosis", "unconfirmed"), ("other-leukaemia", "unconfirmed")
NO_AML, APL = ("aml-refuted", "confirmed"), ("apl-diagnosis", "unconfirmed")
UNREAD, VAGUE = ("unread-leukaemia", "confirmed"), ("unspecified-leukaemia", "confirmed")


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        ([AML], "open", ""),
        ([AML, MAYBE_AML], "open", ""),
        ([AML, MAYBE_ALL], "open", ""),
        ([AML, NO_AML], "open", ""),
        ([ALL], "closed", "other-leukaemia"),
        ([ALL, MAYBE_AML], "closed", "other-leukaemia"),
        ([AML, ALL], "doubt", "two-leukaemias"),
        ([MAYBE_ALL], "doubt", "diagnosis-unconfirmed"),
        ([MAYBE_AML], "doubt", "diagnosis-unconfirmed"),
        ([MAYBE_AML, NO_AML], "doubt", "diagnosis-unconfirmed"),
        ([NO_AML], "doubt", "diagnosis-refuted"),
        ([UNREAD], "doubt", "diagnosis-unread"),
        ([UNREAD, AML], "doubt", "diagnosis-unread"),
        ([UNREAD, ALL], "closed", "other-leukaemia"),
        ([UNREAD, MAYBE_AML], "doubt", "diagnosis-unread"),
        ([VAGUE], "doubt", "diagnosis-unread"),
        ([VAGUE, MAYBE_AML], "doubt", "diagnosis-unread"),
        ([VAGUE, AML], "open", ""),
        ([APL], "closed", "apl-out-of-scope"),
        ([APL, AML], "closed", "apl-out-of-scope"),
        ([], "doubt", "diagnosis-unknown"),
    ],
)
def test_what_the_diagnoses_come_to(said: list[Any], state: str, reason: str) -> None:
    """Model 3.1: only a confirmed AML proves AML, any code of APL ends it."""
    course = bare()
    for kind, certainty in said:
        course.event(kind, -6, certainty=certainty)
    gate = diagnosis(course)
    assert (gate.state, gate.reason) == (state, reason)
    assert gate.assumptions == ()
    if said:
        assert gate.proof


def test_the_proof_is_what_decided() -> None:
    """The confirmed codes, not the others of their kind."""
    course = bare().event("aml-diagnosis", -6).event("aml-diagnosis", -9, certainty="unconfirmed")
    assert cited(diagnosis(course).proof) == ["aml-diagnosis -6"]
    both = course.event("other-leukaemia", -5).event("other-leukaemia", -8, certainty="unconfirmed")
    assert cited(diagnosis(both).proof) == ["aml-diagnosis -6", "other-leukaemia -5"]
    other = (
        bare().event("other-leukaemia", -5).event("other-leukaemia", -8, certainty="unconfirmed")
    )
    assert cited(diagnosis(other).proof) == ["other-leukaemia -5"]
    unsure = bare().event("other-leukaemia", -8, certainty="unconfirmed")
    assert cited(diagnosis(unsure).proof) == ["other-leukaemia -8"]
    maybe = bare().event("aml-diagnosis", -9, certainty="unconfirmed")
    assert cited(diagnosis(maybe).proof) == ["aml-diagnosis -9"]
    assert cited(diagnosis(bare().event("aml-refuted", -3)).proof) == ["aml-refuted -3"]
    assert cited(diagnosis(bare().event("apl-diagnosis", -3)).proof) == ["apl-diagnosis -3"]


def test_a_code_that_no_row_maps_is_cited_unless_it_is_one_of_aml() -> None:
    """Beside a confirmed AML a further code of AML changes nothing; alone it is no proof of it."""
    course = bare().event("aml-diagnosis", -6).event("unread-leukaemia", -5)
    assert cited(diagnosis(course).proof) == ["aml-diagnosis -6", "unread-leukaemia -5"]
    course = bare().event("unread-leukaemia", -5, "aml").event("unspecified-leukaemia", -4)
    assert told(diagnosis(course)) == (
        "doubt", "diagnosis-unread", ["unread-leukaemia -5", "unspecified-leukaemia -4"],
    )  # fmt: skip
    course.event("aml-diagnosis", -6)
    assert told(diagnosis(course)) == ("open", "", ["aml-diagnosis -6"])


def test_aml_by_words_alone_is_believed_as_far_as_none_at_all() -> None:
    """Telling more gives no less: what a full marrow lets assume, it does beside such words."""
    course = bare().marrow(0, 60).event("unread-leukaemia", -5, "aml")
    gate = diagnosis(course)
    assert gate.state == "open"
    assert [one.id for one in gate.assumptions] == ["aml-lineage"]
    assert "unread-leukaemia -5" in cited(gate.proof)
    alone = bare().event("unread-leukaemia", -5, "aml")
    assert told(diagnosis(alone)) == ("doubt", "diagnosis-unread", ["unread-leukaemia -5"])
    unsure = bare().marrow(0, 60).event("unread-leukaemia", -5, "aml", certainty="unconfirmed")
    assert told(diagnosis(unsure))[:2] == ("doubt", "diagnosis-unread")


def test_no_lineage_is_assumed_where_nobody_may_read_conditions() -> None:
    """What nobody asked for may be another leukaemia; another resource says nothing of it."""
    full = bare().marrow(20, 60)
    gate = diagnosis(full, without=frozenset({"Condition"}))
    assert told(gate)[:2] == ("doubt", "diagnosis-unknown")
    assert "blasts-marrow 20" in cited(gate.proof)
    assert diagnosis(full, without=frozenset({"Encounter"})).state == "open"


def test_a_full_marrow_stands_in_for_a_diagnosis_that_was_never_reported() -> None:
    """From its day on, by a material assumption; 19.9 % is not full, a bad sample shows nothing."""
    course = bare().marrow(20, 20)
    gate = diagnosis(course)
    assert told(gate)[:2] == ("open", "")
    assert gate.assumptions == (Assumption("aml-lineage", "material"),)
    assert "blasts-marrow 20" in cited(gate.proof)
    assert diagnosis(course, on(20)).state == "open"
    assert told(diagnosis(course, on(19)))[:2] == ("doubt", "diagnosis-unknown")
    assert diagnosis(bare().marrow(20, "19.9")).state == "doubt"
    assert diagnosis(bare().marrow(20, "<=20")).state == "doubt"
    bad = bare().marrow(20, 90).result("marrow-adequacy", 20, "negative")
    assert diagnosis(bad).state == "doubt"


def test_what_may_be_a_full_marrow_is_cited_where_no_diagnosis_is_known() -> None:
    """Of several values, or of a bad sample, up to the day; one that is not full says nothing."""
    course = bare().marrow(10, 3).marrow(20, "<=20").marrow(30, 2)
    assert "blasts-marrow 20" in cited(diagnosis(course, on(20)).proof)
    assert "blasts-marrow 10" not in cited(diagnosis(course, on(20)).proof)
    assert cited(diagnosis(course, on(19)).proof) == []
    bad = bare().marrow(20, 90).result("marrow-adequacy", 20, "negative")
    assert "blasts-marrow 20" in cited(diagnosis(bad).proof)


def test_what_cannot_be_placed_leaves_everything_in_doubt() -> None:
    """It may be a marrow full of blasts of yesterday."""
    lost = (Skipped(source="Observation/lost", reason="it has no time"),)
    gate = diagnosis(bare().event("aml-diagnosis", -6), unplaced=lost)
    assert told(gate) == ("doubt", "evidence-unplaced", [])


@pytest.mark.parametrize(
    ("analyte", "value", "state"),
    [
        ("platelets", 5, "doubt"), ("platelets", 99, "doubt"), ("platelets", 100, "open"),
        ("platelets", "?", "doubt"), ("anc", "0.9", "doubt"), ("anc", "1.0", "open"),
        ("anc", "1.2", "open"), ("wbc", "0.9", "doubt"), ("wbc", "?", "doubt"),
        ("wbc", "1.4", "doubt"), ("wbc", "1.5", "open"), ("wbc", ">1.4", "doubt"),
    ],
)  # fmt: skip
def test_a_low_count_without_a_day_may_be_of_any_day(analyte: str, value: Any, state: str) -> None:
    """One that is at every threshold can hide nothing.

    Leukocytes below the neutrophils of a draw that has none of its own may be of that draw; such
    a part above its whole was never one.
    """
    course = bare().event("aml-diagnosis", -6).blood(20, 1500).blood(21, "?")
    course.blood(22, 4000).result("wbc", 22, 5)
    (lost,) = bare().result(analyte, 3, value).results
    gate = diagnosis(course, undated=(lost,))
    assert gate.state == state
    if state == "doubt":
        assert told(gate) == ("doubt", "evidence-unplaced", [f"{analyte} 3"])


def test_what_lies_before_or_after_a_marrow_and_nobody_knows_which_is_cited() -> None:
    """Blasts of a month in which a marrow was taken."""
    first, last = all_day(1), all_day(31)
    month = When(first.start, last.end, first.first_day, last.last_day, "2026-01")
    course = bare().event("aml-diagnosis", -6).marrow(30, 2)
    course.result("blasts-blood", 1, 3, when=month)
    assert told(diagnosis(course)) == ("doubt", "evidence-unplaced", ["blasts-blood 1"])


@pytest.mark.parametrize(
    ("day", "state"), [(10, "open"), (11, "doubt"), (30, "doubt"), (44, "doubt"), (45, "open")]
)
def test_what_may_be_a_start_matters_where_it_may_cut_a_window_or_make_a_marrow_early(
    day: int, state: str
) -> None:
    """From 14 days after the marrow of day 30 back to 19 before it: that one is of day 20."""
    course = bare().event("aml-diagnosis", -6)
    course.event("therapy-start", day, certainty="unconfirmed")
    gate = diagnosis(course)
    assert gate.state == state
    if state == "doubt":
        assert told(gate) == ("doubt", "therapy-possible", [f"therapy-start {day}"])


def test_a_read_that_failed_leaves_everything_in_doubt() -> None:
    """Whatever was read: what was not may be an APL."""
    gate = diagnosis(bare().event("aml-diagnosis", -6), failed=frozenset({"Condition"}))
    assert told(gate) == ("doubt", "read-failed", [])


@pytest.mark.parametrize(
    ("answer", "standing", "state", "reason"),
    [
        ("positive", "usable", "closed", "apl-out-of-scope"),
        ("low-level", "usable", "closed", "apl-out-of-scope"),
        ("0.1", "usable", "closed", "apl-out-of-scope"),
        ("rare", "usable", "closed", "apl-out-of-scope"),
        ("positive", "preliminary", "doubt", "apl-not-excluded"),
        ("?", "usable", "doubt", "apl-not-excluded"),
        ("indeterminate", "usable", "doubt", "apl-not-excluded"),
        ("<1", "usable", "doubt", "apl-not-excluded"),
        ("0-5", "usable", "doubt", "apl-not-excluded"),
        ("negative", "usable", "open", ""),
        (0, "usable", "open", ""),
    ],
)
def test_the_marker_of_apl(answer: Any, standing: Any, state: str, reason: str) -> None:
    """Found in any amount ends it; not excluded leaves a doubt; absent is how APL is excluded."""
    course = bare().event("aml-diagnosis", -6)
    course.mrd(-4, answer, marker="PML::RARA", method="qpcr", standing=standing)
    course.mrd(-4, "positive", marker="NPM1", method="qpcr")
    gate = diagnosis(course)
    assert (gate.state, gate.reason) == (state, reason)
    assert cited(gate.proof) == (["aml-diagnosis -6"] if state == "open" else ["mrd -4"])


def test_a_clear_marker_beside_a_found_one_does_not_hide_it() -> None:
    """Only what was found is cited, and only what is in doubt where none was."""
    course = bare().event("aml-diagnosis", -6)
    course.mrd(-4, "negative", marker="PML::RARA").mrd(-3, "positive", marker="PML::RARA")
    assert told(diagnosis(course)) == ("closed", "apl-out-of-scope", ["mrd -3"])
    doubt = bare().mrd(-4, "negative", marker="PML::RARA").mrd(-3, "?", marker="PML::RARA")
    assert told(diagnosis(doubt)) == ("doubt", "apl-not-excluded", ["mrd -3"])


# ------------------------------------------------------------------------ is it a response?


def response(course: Course) -> Gate:
    """Whether the last marrow of the course can be a response."""
    found = facts(course)
    return evaluation_gate(found, read_signs(found), found.marrows[-1])


def test_a_marrow_after_a_start_of_therapy_is_a_response() -> None:
    """After the day of the start; the latest start before it is cited."""
    course = bare().chemo(1).chemo(25).marrow(30, 2)
    assert told(response(course)) == ("open", "", ["therapy-start 25"])
    same = bare().chemo(30).marrow(30, 2)
    assert response(same).state == "closed"
    assert response(bare().chemo(29).marrow(30, 2)).state == "open"


@pytest.mark.parametrize(
    ("course", "proof"),
    [
        (bare().marrow(20, 5, cells=None, emd=None), ["blasts-marrow 20"]),
        (bare().blood(22, smear=1), ["blasts-blood 22"]),
        (bare().event("extramedullary", 24), ["extramedullary 24"]),
        (
            bare().event("extramedullary", 24).blood(22, smear=1).marrow(23, 9, None, None),
            ["blasts-blood 22"],
        ),
        (bare().marrow(10, 2).marrow(20, 40, None, None), ["blasts-marrow 20"]),
        (bare().blood(22, smear=1).marrow(22, 9, None, None), ["blasts-marrow 22"]),
        (
            bare().event("extramedullary", 21, certainty="unconfirmed").event("extramedullary", 25),
            ["extramedullary 25"],
        ),
    ],
    ids=["marrow", "blood", "lesion", "earliest", "diseased", "same-day", "confirmed"],
)
def test_a_marrow_after_a_sign_of_leukaemia_is_a_response(course: Course, proof: list[str]) -> None:
    """The earliest sign that is certain is cited."""
    assert told(response(deepcopy(course).marrow(30, 2))) == ("open", "", proof)


def test_a_sign_of_the_same_day_is_not_before_the_marrow() -> None:
    """Nor is a marrow its own sign."""
    assert response(bare().blood(30, smear=1).marrow(30, 2)).state == "closed"
    assert response(bare().marrow(30, 60)).state == "closed"


@pytest.mark.parametrize(
    ("course", "perhaps"),
    [
        (bare(), False),
        (bare().marrow(20, "<=5"), True),
        (bare().blood(20, smear="?"), True),
        (bare().blood(30, smear="?"), False),
        (bare().event("extramedullary", 20, certainty="unconfirmed"), True),
        (bare().marrow(20, 2).blood(20, smear=0), False),
        (bare().blood(20, smear=None, anc=1), False),
    ],
)
def test_a_sign_that_cannot_be_read_opens_nothing_and_is_remembered(
    course: Course, perhaps: bool
) -> None:
    """Closed, but perhaps only because what stood before could not be read."""
    gate = response(deepcopy(course).marrow(30, 2))
    assert (gate.state, gate.reason) == ("closed", "no-disease-or-therapy-before-marrow")
    assert gate.perhaps is perhaps
    assert gate.assumptions == ()


def test_an_inadequate_marrow_full_of_blasts_is_no_certain_sign() -> None:
    """Somebody stated that it cannot be judged."""
    course = bare().marrow(20, 60).result("marrow-adequacy", 20, "negative").marrow(30, 2)
    assert response(course).state == "closed"


def test_an_undated_lesion_is_before_nothing() -> None:
    """It is known that, not when."""
    gate = response(bare().event("extramedullary", None).marrow(30, 2))
    assert (gate.state, gate.perhaps) == ("closed", False)


@pytest.mark.parametrize(
    ("day", "certainty", "state"),
    [
        (9, "confirmed", "open"), (10, "confirmed", "closed"), (9, "unconfirmed", "closed"),
        (None, "confirmed", "closed"),
    ],
)  # fmt: skip
def test_an_old_diagnosis_alone_lets_treatment_be_assumed(
    day: int | None, certainty: Any, state: str
) -> None:
    """Model 3.2: 21 days, materially."""
    course = bare().event("aml-diagnosis", day, certainty=certainty).marrow(30, 2)
    gate = response(course)
    assert gate.state == state
    assumed = (Assumption("treated-before-marrow", "material"),) if state == "open" else ()
    assert gate.assumptions == assumed
    if certainty == "confirmed":
        assert cited(gate.proof) == ["aml-diagnosis" + (f" {day}" if day else "")]
    two = course.event("aml-diagnosis", 20)
    if state == "open":
        assert cited(response(two).proof) == ["aml-diagnosis 9"]


# --------------------------------------------------------------------------- the first signs


def test_the_first_signs_of_a_record() -> None:
    """The first full marrow, the first certain sign, and the first that is not excluded."""
    course = bare().marrow(5, 2).blood(8, smear="?").marrow(10, 6).marrow(20, 60).marrow(25, 90)
    signs = read_signs(facts(course))
    assert signs.full is not None
    assert (signs.full.day, signs.first_day, signs.possible_day) == (on(20), on(10), on(8))
    assert "blasts-marrow 10" in cited(signs.proof)


def test_blood_is_a_sign_of_its_own_day() -> None:
    """Certain and possible alike."""
    signs = read_signs(facts(bare().blood(8, smear=2).blood(9, smear="?")))
    assert (signs.full, signs.first_day, signs.possible_day) == (None, on(8), on(8))


def test_a_record_without_signs() -> None:
    """Far in the future, so that nothing comes after it."""
    signs = read_signs(facts(bare().marrow(5, 2).blood(8, 1500, smear=0)))
    assert (signs.full, signs.first_day, signs.proof) == (None, NEVER, ())
    assert signs.possible_day == NEVER


def test_an_undated_lesion_has_no_day_to_be_first() -> None:
    """A confirmed one of day 12 does, and an unclear one of day 9 may be."""
    course = bare().event("extramedullary", None).event("extramedullary", 12)
    course.event("extramedullary", 9, certainty="unconfirmed")
    signs = read_signs(facts(course))
    assert (signs.first_day, signs.possible_day) == (on(12), on(9))


# ------------------------------------------------------------------- what a doubt leaves to say


def test_where_evidence_cannot_be_placed_nothing_is_named_and_nothing_asked_for() -> None:
    """No answer is likelier than another, and no result would settle it."""
    lost = (Skipped(source="Observation/lost", reason="it has no time"),)
    course = Course().marrow(-4, 60).chemo(1).marrow(30, 2).blood(30, 1500, 150_000)
    for found in judge(course.record(unplaced=lost)):
        assert (found.category, found.reason) == ("IND", "evidence-unplaced")
        assert (found.candidates, found.missing) == ((), ())
