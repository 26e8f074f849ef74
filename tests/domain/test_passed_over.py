"""Marrows that cannot be judged before any remission: what they say, and what still stands."""

from __future__ import annotations

from copy import deepcopy

import pytest
from msgspec.structs import replace

from tests.domain.builder import Course, anchored, criteria, induction, judge, now, on
from tests.domain.sights import cited
from tests.domain.stories import guards, line, proof, story
from tests.domain.test_histories import BASELINE, bad_sample, good

USABLE = "marrow-usable"
QUALITY = "non-evaluable: technically suboptimal sample"
DAY_60 = on(60).isoformat()


def few_cells(course: Course, day: int) -> Course:
    """Eighty cells, and counts that have not recovered."""
    return course.marrow(day, 2, cells=80).blood(day, 100, 10_000)


def test_few_cells_may_still_hide_a_remission() -> None:
    """By ELN 2017 but for PD: the blasts of that day may be gone with the good counts later on."""
    base = criteria("eln-2017")
    without = replace(base, category=tuple(one for one in base.category if one.id != "PD"))
    course = induction().marrow(30, 2, cells=80).blood(30, 1500, 150_000, smear=2)
    course.blood(35, 1500, 150_000, smear=None)
    assert line(now(course, without)) == (
        "marrow 30: NE, awaiting-response since 1, too-few-cells, perhaps CR, ask blood-blasts"
    )


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (
            induction().marrow(28, 30).chemo(30),
            "marrow 60: NR, awaiting-response since 30",
        ),
        (
            good(induction(), 25, "<=5").chemo(30),
            "marrow 60: IND, unknown since 25, earlier-remission-unknown, may be CR/PR,"
            " perhaps CR/PR, ask earlier-response",
        ),
    ],
)
def test_after_new_therapy_too_few_cells_show_what_was_looked_at(course: Course, said: str) -> None:
    """The answer before it stands beside the therapy; the cells that were counted are cited."""
    found = now(few_cells(deepcopy(course), 60))
    assert line(found) == said
    cells = [o for one in found.criteria_results for o in cited(one.evidence)]
    assert "marrow-cells-counted 60" in cells


def test_a_start_on_the_day_of_the_marrow_takes_no_answer_away() -> None:
    """It is drawn before the infusion; the start asks for the next marrow."""
    course = bad_sample(induction().marrow(28, 30).marrow(60, 12), 60).chemo(60)
    assert story(course) == [
        BASELINE, "marrow 28: NR, active-disease since 28",
        "marrow 60: NR, awaiting-response since 60",
    ]  # fmt: skip


def test_what_the_standing_answer_assumed_is_still_assumed() -> None:
    """No therapy is known, and nobody asked for disease outside the marrow."""
    course = bad_sample(Course().marrow(-4, 60).marrow(60, 30).marrow(80, 12), 80)
    assert line(now(course)) == "marrow 80: NR, active-disease since 60"
    assert [one.id for one in now(course).assumptions] == ["therapy-before-marrow"]
    partial = Course().marrow(-4, 60, emd=None).chemo(1).marrow(30, 12, emd=None)
    partial.blood(30, 1500, 150_000).marrow(60, 12, emd=None)
    found = now(bad_sample(partial, 60))
    assert (found.category, [one.id for one in found.assumptions]) == (
        "PR", ["extramedullary-disease-absent"],
    )  # fmt: skip


def test_a_marrow_stated_inadequate_is_told_so_once() -> None:
    """Its number of cells is no second reason."""
    found = now(bad_sample(induction().marrow(28, 30).marrow(40, 12), 40))
    told = [(one.rule, one.source) for one in found.criteria_results if one.criterion == USABLE]
    assert told == [("nobody states that the sample cannot be judged", QUALITY)]


def test_too_few_cells_are_told_with_their_source() -> None:
    """Beside the answer that stands, as a clinician reads it."""
    found = now(few_cells(induction().marrow(28, 30), 45))
    told = [(one.rule, one.source) for one in found.criteria_results if one.criterion == USABLE]
    assert ("enough cells were counted, or cellularity makes up for it", QUALITY) in told


@pytest.mark.parametrize("sign", ["smear", "unread", "lesion"])
def test_a_response_that_blood_or_a_lesion_may_have_ended_is_not_carried(sign: str) -> None:
    """MLFS, a sign of leukaemia, too few cells: nothing is said, where NR would still be."""
    for blasts, carried in ((2, "MLFS"), (30, "NR")):
        calm = induction().marrow(30, blasts).blood(30, None, None)
        assert now(few_cells(deepcopy(calm), 60)).category == carried
        if sign == "lesion":
            calm.result("extramedullary-disease", 45, "positive")
        else:
            calm.blood(45, None, None, smear=1 if sign == "smear" else "?")
        told = now(few_cells(calm, 60))
        assert told.category in (("IND", "NE") if carried == "MLFS" else ("NR",))


def test_a_marrow_that_leaves_the_answer_to_the_one_before_shows_what_was_seen() -> None:
    """All of its day, as far as it bears on the answer."""
    carried = now(few_cells(induction().marrow(28, 30).marrow(45, 2), 60))
    (line,) = [one for one in carried.criteria_results if one.criterion == "marrow-decides"]
    assert (line.rule, line.source) == (
        "the latest marrow gives an answer of its own",
        "order of evaluation",
    )
    assert (line.verdict.value, "blasts-marrow 60" in cited(line.evidence)) == ("not-met", True)


def test_the_sign_that_may_have_ended_a_response_is_told() -> None:
    """In words, and as a line of its own."""
    calm = induction().marrow(30, 12).blood(30, 1500, 150_000).blood(45, None, None, smear=1)
    found = now(few_cells(calm, 60))
    assert found.category == "NE"
    (line,) = [one for one in found.criteria_results if one.criterion == "no-relapse-in-blood"]
    assert line.rule == "nothing after the response may have ended it"
    assert (line.verdict.value, cited(line.evidence)) == ("unknown", ["blasts-blood 45"])


def test_a_remission_stands_at_a_poor_marrow_whatever_the_next_one_may_be() -> None:
    """Too few cells, and four days later a marrow that cannot be read, with blasts in the blood."""
    course = good(induction(), 30, 2).marrow(60, 3, cells=80).blood(60, 1500, 150_000)
    assert [one.category for one in judge(course)][-1] == "CR"
    denied = deepcopy(course).marrow(64, "?").blood(64, 500, 12_000, smear=3)
    assert {one.anchor.effective[:10]: one.category for one in judge(denied)}[DAY_60] == "CR"


def test_nor_is_a_response_carried_over_such_a_marrow() -> None:
    """MLFS stands at a bad sample, but not where the next marrow cannot be read."""
    course = few_cells(induction().marrow(30, 2).blood(30, None, None), 60)
    assert now(course).category == "MLFS"
    found = next(
        one for one in judge(course.marrow(64, "?")) if one.anchor.effective[:10] == DAY_60
    )
    assert (found.category, found.candidates) == ("IND", ("CR", "CRh", "CRi", "MLFS", "NE"))
    seen = proof(found, "course-known")
    assert {"blasts-marrow 60", "blasts-marrow 64"} <= set(seen[1])


def test_signs_count_from_the_day_after_the_response_to_the_bad_sample() -> None:
    """Blood that was clear again before the marrow is none; a lesion of either end is one."""
    clear = induction().marrow(30, 2).blood(29, None, None, smear=1).blood(30, None, None)
    assert now(few_cells(clear, 60)).category == "MLFS"
    for day in (31, 60):
        course = induction().marrow(30, 2).blood(30, None, None)
        course.result("extramedullary-disease", day, "positive").marrow(60, 2, emd=None)
        assert now(bad_sample(course, 60)).category == "IND"


def partial() -> Course:
    """A partial response of day 30."""
    return good(induction(), 30, 12)


@pytest.mark.parametrize(
    ("course", "day", "said", "shown"),
    [
        (bad_sample(partial().blood(31, smear=2), 50), 50, "inadequate-marrow",
         ["blasts-blood 31"]),
        (bad_sample(partial().blood(45, smear=2).blood(48, smear=3), 50), 50, "inadequate-marrow",
         ["blasts-blood 45", "blasts-blood 48"]),
        (bad_sample(partial().event("extramedullary", 31).event("extramedullary", 50), 50), 50,
         "inadequate-marrow", ["extramedullary 31", "extramedullary 50"]),
        (few_cells(partial().blood(45, smear=2), 50).marrow(58, 40), 50, "too-few-cells",
         ["blasts-blood 45", "blasts-blood 50", "blasts-marrow 50", "blasts-marrow 58"]),
    ],
    ids=["the day after", "two smears", "two lesions", "blood and the next marrow"],
)  # fmt: skip
def test_all_that_may_have_ended_a_response_is_shown(
    course: Course, day: int, said: str, shown: list[str]
) -> None:
    """Each sign since the response, and the next marrow where it lies on the other side."""
    found = anchored(judge(course), day)
    assert line(found) == f"marrow {day}: NE, active-disease since 30, {said}"
    quality = ("marrow-cells-counted", "extramedullary-disease")
    cited_there = guards(found)["no-relapse-in-blood"][1]
    assert [one for one in cited_there if not one.startswith(quality)] == shown


@pytest.mark.parametrize(
    ("first", "second", "category", "shown"),
    [(2, 15, "NE", True), (2, 16, "MLFS", False), (3, 16, "NE", True)],
)
def test_a_diseased_marrow_soon_after_a_clear_one_takes_it_back_though_it_is_early(
    first: int, second: int, category: str, shown: bool
) -> None:
    """Model 2.6: less than 14 days apart the later decides, too early as both are."""
    course = induction().marrow(first, 2).blood(first, 300, 20_000).marrow(second, 40)
    found = now(course)
    assert (found.category, found.state) == (category, "awaiting-response")
    assert found.flags == ("early-marrow",)
    told = guards(found)
    assert ("no-relapse-in-blood" in told) is shown
    if shown:
        assert f"blasts-marrow {second}" in told["no-relapse-in-blood"][1]


def test_what_stands_at_a_bad_sample_is_told_beside_what_it_says_itself() -> None:
    """Not evaluable: too few cells, or stated inadequate; an early one is flagged as early."""
    for course, flag in (
        (bad_sample(partial(), 50), "inadequate-marrow"), (few_cells(partial(), 50),
         "inadequate-marrow"),
    ):  # fmt: skip
        found = now(course)
        assert (found.category, found.flags) == ("PR", (flag,))
        assert found.latest is not None
        assert (found.latest.category, found.latest.flags) == ("NE", (flag,))


def test_blood_with_blasts_beside_a_clear_marrow_that_can_prove_no_remission() -> None:
    """Too early it is not evaluable; contradicted by the next one, which decides, neither (2.6)."""
    early = now(induction().marrow(15, 2).blood(15, 300, 20_000, smear=3))
    assert line(early) == "marrow 15: NE, awaiting-response since 1, early-marrow"
    assert proof(early, "no-blood-blasts") == ("not-met", ["blasts-blood 15"])
    course = induction().marrow(30, 2).blood(30, 1500, 150_000, smear=3).marrow(38, 40)
    found = anchored(judge(course), 30)
    assert line(found) == "marrow 30: NE, unknown since 30, contradicted-by-next-marrow"
    assert found.flags == ("contradicted-by-next-marrow",)
    assert proof(found, "no-blood-blasts") == ("not-met", ["blasts-blood 30"])
    assert proof(found, "aml-diagnosis") == ("met", ["aml-diagnosis -6"])
    assert found.cycle is not None
    assert (found.cycle.number, found.cycle.day) == (1, 30)


@pytest.mark.parametrize("policy", ["last-marrow", "not-evaluable"])
def test_a_wait_that_a_start_opened_is_not_ended_by_a_marrow_that_says_nothing(policy: str) -> None:
    """Model 3.4: PR, a new start, a marrow too early: a response is still awaited."""
    course = few_cells(partial().chemo(35), 38)
    before, found = judge(course, policies={"answer_after_new_start": policy})[1:3]
    assert line(before) == "marrow 30: PR, awaiting-response since 35, responded 30"
    assert (found.state, found.state_since) == ("awaiting-response", on(35))
