"""A record that asks for too much work is said to be unknown, and keeps nobody waiting."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy

import pytest

from fhir_remission.domain.course import budget, ways
from fhir_remission.domain.course.step import Step
from fhir_remission.domain.course.trials import TooManyWays, Trial, trials
from fhir_remission.domain.course.world import Move, Said, World
from fhir_remission.domain.record.facts import read_facts
from tests.domain.builder import LATER, Course, criteria, induction, judge, on, remission
from tests.domain.long_courses import AS_OF, COURSES
from tests.domain.stories import story

MANY = 1800


def marrows(count: int) -> Course:
    """Marrows of 2 to 8 % every 20 hours, which nobody can tell clear from diseased."""
    course = induction()
    for number in range(count):
        course.marrow(30 + number * 20 / 24, "2-8", cells=None, emd=None)
    return course


def test_a_record_beyond_the_budget_is_undecided_and_its_state_unknown() -> None:
    """Every claim is possible and none is made; the answer is that of the last marrow."""
    record = marrows(MANY).record()

    (found,) = judge(record, as_of=LATER)

    assert (found.category, found.state, found.reason) == ("IND", "unknown", "too-many-unknowns")
    assert found.state_since is None
    assert found.candidates[:3] == ("CR", "CRh", "CRi")
    assert (found.best_response, found.mrd, found.response_date) == (None, "unknown", None)
    assert found.anchor.kind == "marrow"
    assert found.anchor.observations
    assert "too large" in found.summary


def test_draws_without_end_are_beyond_it_too() -> None:
    """Each is tried with each marrow in whose window it lies."""
    course = induction()
    for number in range(12_000):
        course.blood(30 + number / 12_000, 1500, 150_000)
    for number in range(9):
        course.marrow(30 + number, 2)

    assert judge(course.record(), as_of=LATER)[-1].reason == "too-many-unknowns"


@pytest.mark.parametrize("kind", COURSES)
def test_no_course_that_a_hospital_has_comes_near_it(kind: str) -> None:
    """A thousand results of any kind."""
    facts = read_facts(COURSES[kind](1000), criteria(), AS_OF)

    assert budget.steps_of(facts) < budget.MOST_STEPS / 2


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (induction(), "IND, unknown, too-many-unknowns, may be CR/CRh/CRi/MLFS/PR"),
        (induction(diagnosed=None), "IND, unknown, too-many-unknowns, may be CR/CRh/CRi/MLFS/PR"),
        (induction(diagnosed=None).event("other-leukaemia", -6), "NE, unknown, other-leukaemia"),
    ],
)
def test_beyond_the_budget_the_last_marrow_has_the_one_answer(
    course: Course, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another leukaemia is known without any work."""
    course.marrow(20, 12).marrow(30, 2)
    steps = budget.steps_of(read_facts(course.record(), criteria(), LATER))
    monkeypatch.setattr(budget, "MOST_STEPS", steps)
    assert [one.split(":")[0] for one in story(course)] == ["marrow -4", "marrow 20", "marrow 30"]

    monkeypatch.setattr(budget, "MOST_STEPS", steps - 1)
    assert story(course) == [f"marrow 30: {said}"]


@pytest.mark.parametrize("kind", COURSES)
def test_beyond_the_budget_no_claim_is_made_whatever_the_record_holds(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a better answer than the one that more work would find."""
    monkeypatch.setattr(budget, "MOST_STEPS", 0)

    for found in judge(COURSES[kind](60), as_of=AS_OF):
        assert found.category in ("IND", "NE")
        assert found.state in ("unknown", "untreated", "awaiting-response", "active-disease")
        if found.reason == "too-many-unknowns":
            assert (found.state, found.provisional) == ("unknown", True)


def test_marrows_that_nobody_can_tell_apart_cost_no_more_the_more_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is told of marrows to come is bounded: each step is tried in as many ways as before."""
    tried: list[int] = []
    judged = ways.at_marrow

    def counted(step: Step, world: World, kept: Said, place: int) -> Move:
        tried.append(place)
        return judged(step, world, kept, place)

    monkeypatch.setattr(ways, "at_marrow", counted)
    costs = []
    for count in (60, 120):
        tried.clear()
        judge(marrows(count), as_of=AS_OF, current_only=True)
        costs.append(len(tried) / count)

    assert costs[1] <= 1.2 * costs[0] < 200, costs


@pytest.mark.parametrize(("ways_of_it", "too_many"), [(512, False), (513, True)])
def test_a_step_is_tried_in_so_many_ways_and_no_more(ways_of_it: int, *, too_many: bool) -> None:
    """The last of them is tried before anybody says that there are too many."""
    world = World(on(1), "before")
    said = Said(category="NE", state="unknown")
    tried: list[int] = []

    def step(trial: Trial) -> Move:
        tried.append(trial.pick(tuple(range(ways_of_it))))
        return world, said, None

    with pytest.raises(TooManyWays) if too_many else nullcontext():
        list(trials(world, step))

    assert len(set(tried)) == budget.MOST_TRIALS == len(tried)


def test_each_thing_of_a_record_counts_as_work() -> None:
    """A draw in the window of a marrow thirtyfold, one outside it and MRD once."""
    few = induction().marrow(28, 2).marrow(60, 2)
    more = deepcopy(few).blood(30, 1500), deepcopy(few).blood(90, 1500), deepcopy(few).mrd(28, 3)
    costs = [budget.steps_of(read_facts(one.record(), criteria(), AS_OF)) for one in (few, *more)]
    assert costs == [4, 35, 5, 5]


BEYOND = "IND, unknown, too-many-unknowns, may be CR/CRh/CRi/MLFS/PR/RELAPSE/REFRACTORY/NR"
HIGHER = "perhaps CR/CRh/CRi/MLFS/PR"


@pytest.mark.parametrize("bound", ["MOST_MOVES", "MOST_WORLDS"])
def test_more_ways_than_are_worth_trying_are_never_cut_short(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a step with too many of them nothing is said, from there on; with just so many all is."""
    course = induction().marrow(30, "4-6").blood(30, 1500, 150_000)
    course.blood(50, smear=0).marrow(60, 2).blood(60, 1500, 150_000)
    whole = story(course)
    assert whole[1].startswith("marrow 30: IND, unknown since 30, undecided, may be CR/PR")

    monkeypatch.setattr(ways, bound, 2)
    assert story(course) == whole

    monkeypatch.setattr(ways, bound, 1)
    beyond = [f"marrow {day}: {BEYOND}, {HIGHER}" for day in (30, 60)]
    assert story(course) == [whole[0], *beyond]
    for found, first in zip(judge(course)[1:], (4, 11), strict=True):
        assert (found.state, found.remission_number, found.provisional) == ("unknown", None, True)
        assert found.anchor.observations[0] == f"Observation/o{first}"
    lay = story(course, "healthtree-2024")[1]
    assert lay.startswith("marrow 30: IND, unknown, too-many-unknowns, may be CR/CRi/PR/NR, ")


@pytest.mark.parametrize("bound", ["MOST_MOVES", "MOST_WORLDS"])
def test_where_blood_has_too_many_ways_the_next_marrow_says_so(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hangs on the blood itself."""
    monkeypatch.setattr(ways, bound, 1)

    course = remission().blood(100, smear="?").blood(120, smear=0).marrow(200, 2)

    assert story(course)[2:] == [f"marrow 200: {BEYOND}, {HIGHER}"]
    assert judge(course)[2].best_response == "CR", "what was reached before stays reached"


def test_that_it_is_another_leukaemia_is_known_whatever_else_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Marrows that nobody can read are still none of AML."""
    course = induction(diagnosed=None).event("other-leukaemia", -6).blood(20, smear=0)
    course.marrow(30, "?").blood(35, smear=1).marrow(40, "?").marrow(60, 2)
    whole = [f"marrow {day}: NE, unknown, other-leukaemia" for day in (-4, 30, 40, 60)]
    assert story(course) == whole

    monkeypatch.setattr(ways, "MOST_MOVES", 1)

    assert story(course) == whole
    assert [one.provisional for one in judge(course)] == [False] * 4


def test_before_the_diagnosis_is_sure_every_marrow_has_an_answer() -> None:
    """Blood between them says nothing, and ends nothing."""
    course = induction(diagnosed=None).event("aml-diagnosis", -6, certainty="unconfirmed")
    course.blood(20, smear=0).mrd(21, "negative").marrow(30, 2).blood(40, smear=1).marrow(60, 2)
    found = [one.split(", ")[0] for one in story(course)]
    assert found == ["marrow -4: IND", "marrow 30: IND", "marrow 60: IND"]
