"""What is left open: an undecided answer names all that the ways give, and no sign is passed by."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import FIRST, Course, induction, judge, now, on, remission
from tests.domain.generated import course_of
from tests.domain.test_properties import SETS

SEEDS = range(7000, 7040)
SAID = (
    "category", "state", "state_since", "candidates", "possible_higher", "missing", "responses",
    "best_response", "reason", "provisional", "assumptions", "response_date", "remission_number",
    "first_sign",
)  # fmt: skip


def left(found: Assessment) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """What is said, and what is open."""
    return found.category, found.state, found.candidates, found.possible_higher


@pytest.mark.parametrize("name", SETS)
def test_0_an_undecided_answer_names_every_answer_and_a_decided_one_none(name: str) -> None:
    """What may be better is among them; where all ways give one, it is said.

    Of a diagnosis in doubt the model says IND, though nothing may be evaluable (3.1).
    """
    for seed in SEEDS:
        for one in judge(course_of(Random(seed)), name):
            if one.category != "IND":
                assert not one.candidates, seed
            elif one.candidates or not one.reason.startswith("diagnosis-"):
                assert len(one.candidates) > 1, (seed, one.reason)
            if one.category == "IND":
                assert {*one.possible_higher} <= {*one.candidates}, (seed, one.reason)


FEW = induction().marrow(40, 2, cells=100)
OPEN: dict[str, tuple[Course, str, tuple[Any, ...]]] = {
    "a lesion ends what was offered with the remission that counts hold back": (
        induction().marrow(51, 4).event("extramedullary", 80), "eln-2022",
        ("IND", "unknown", ("MLFS", "RELAPSE"), ("MLFS",)),
    ),
    "blasts do, and a clear smear leaves what may have been one": (
        FEW.blood(96, 300, 50_000, smear=2).blood(101, 1500, 150_000), "eln-2022",
        ("IND", "unknown", ("CR", "CRh", "CRi", "NE"), ("CR", "CRh", "CRi")),
    ),
    "a claimed remission may be any": (
        induction().claim("remission", 10).marrow(15, 2, cells=100), "eln-2022",
        ("IND", "unknown", ("CR", "CRh", "CRi", "NE"), ("CR", "CRh", "CRi")),
    ),
    "where counts hold a remission back, its lesion is told in a set without relapse": (
        induction().marrow(30, 2).event("extramedullary", 40), "healthtree-2024",
        ("NE", "active-disease", (), ()),
    ),
    "so it is after a remission that was taken back": (
        remission().marrow(100, 40).chemo(103).marrow(135, 2).event("extramedullary", 136),
        "healthtree-2024", ("NE", "active-disease", (), ()),
    ),
    "and so are blasts": (
        remission().marrow(100, 40).chemo(103).marrow(135, 2).blood(160, smear=3),
        "healthtree-2024", ("NE", "active-disease", (), ()),
    ),
    "in a set with relapse it may be one": (
        induction().marrow(30, 2).event("extramedullary", 40), "cibmtr-aml",
        ("IND", "unknown", ("RELAPSE", "NE"), ()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN.values(), ids=OPEN)
def test_what_is_open(case: tuple[Course, str, tuple[Any, ...]]) -> None:
    """Its answer, its candidates and what is better."""
    course, name, want = case
    assert left(now(course, name)) == want


def test_3_8_disease_after_a_remission_taken_back_is_dated_and_cited() -> None:
    """By the lesion, which is an anchor of its own."""
    course = remission().marrow(100, 40).chemo(103).marrow(135, 2).event("extramedullary", 136)
    found = now(course, "healthtree-2024")
    assert (found.anchor.kind, found.reason) == ("extramedullary", "disease-without-marrow")
    assert found.state_since == on(136)
    cited = {one.criterion: one.evidence for one in found.criteria_results}
    assert "remission-kept" in cited


def test_2_6_a_contradicted_marrow_is_not_evaluable_without_a_lower_claim() -> None:
    """That one decides; no answer is left open."""
    found = judge(induction().marrow(30, 2).blood(30, 1500, 150_000).marrow(38, 40), "cibmtr-aml")
    assert [(one.category, one.reason) for one in found[1:]] == [
        ("NE", "contradicted-by-next-marrow"), ("NR", "")
    ]  # fmt: skip


def said(one: Assessment) -> tuple[Any, ...]:
    """All that MRD does not move."""
    own = one.latest and (one.latest.category, one.latest.anchor, one.latest.flags)
    return (*(getattr(one, name) for name in SAID), own)


@pytest.mark.parametrize("name", SETS)
def test_5_4_mrd_moves_nothing_but_mrd(name: str) -> None:
    """Samples anywhere in a course: what was told last is still told, and told at the sample."""
    for seed in SEEDS:
        dice, course = Random(~seed), course_of(Random(seed))
        course.results = [one for one in course.results if one.analyte != "mrd"]
        bare = iter(judge(course, name))
        more = deepcopy(course)
        days = sorted({(one.when.start - FIRST).days + 1 for one in course.results if one.when})
        for _ in range(5 if days else 0):
            day = dice.choice(days) + dice.choice([0, 1, 3, 8, 20])
            more.mrd(day, dice.choice(["negative", "positive", "?"]))
        told: Assessment | None = None
        for one in judge(more, name):
            if one.anchor.kind != "mrd" or told is None:
                told = next(bare)
            assert said(one) == said(told), (seed, one.anchor)


def test_5_4_what_may_be_better_and_the_latest_marrow_stand_at_a_sample() -> None:
    """CRi, then a marrow without counts, which may be CR: so it is at the MRD of a later day."""
    course = induction().marrow(30, 2).blood(30, 300, 30_000).marrow(100, 2)
    before, found = now(course, "cibmtr-aml"), now(course.mrd(118, "positive"), "cibmtr-aml")
    assert (before.possible_higher, found.anchor.kind) == (("CR",), "mrd")
    assert said(before) == said(found)


ADVERSE: dict[str, Any] = {
    "lesion": lambda course, day: course.event("extramedullary", day),
    "smear": lambda course, day: course.blood(day, smear=3),
    "marrow": lambda course, day: course.marrow(day, 40),
}
PHASES: dict[str, Any] = {
    "a first remission": remission,
    "one suspected to have ended": lambda: remission().blood(50, smear=2),
    "the second course": lambda: (
        remission().marrow(60, 40).chemo(62).marrow(90, 2).blood(90, 1500, 150_000)
    ),
    "one without counts": lambda: induction().marrow(30, 2),
    "one without counts, after one taken back": lambda: (
        remission().marrow(60, 40).chemo(62).marrow(90, 2)
    ),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("sign", ADVERSE)
@pytest.mark.parametrize("phase", PHASES)
def test_no_sign_of_disease_is_passed_by(phase: str, sign: str, name: str) -> None:
    """Told on any later day, no claim of a remission stands as it was, and none is still offered.

    MLFS is no remission: the response that the latest marrow shows stands until the next (6.1).
    """
    remissions = {"CR", "CRh", "CRi"}
    for day in range(91, 125):
        found = now(ADVERSE[sign](PHASES[phase](), day), name)
        assert found.state != "in-remission", (day, found.category)
        assert found.category not in remissions, day
        assert not remissions & {*found.possible_higher, *found.candidates}, (day, left(found))
