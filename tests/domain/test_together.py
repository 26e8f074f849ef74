"""What several courses of one patient say together, where nobody can place something."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from fhir_remission.domain.answer.together import Walked, together
from fhir_remission.domain.course.draft import Draft, Residual
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.evaluation.reached import Reached
from fhir_remission.domain.nouns.assessment import Assumption, CriterionResult, Verdict
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.record.facts import Facts, read_facts
from tests.domain.builder import LATER, Course, at, criteria, induction, now, on, remission
from tests.domain.search_courses import month_of


def facts(course: Course) -> Facts:
    """A course, sorted and indexed."""
    return read_facts(course.record(), criteria(), LATER)


FACTS, TREATED = facts(remission()), facts(remission().chemo(28))
START = Draft(kind="none", day=date.min, effective="", refs=(), category="NE", state="untreated")
LOST = Course(diagnosed=None).result("blasts-marrow", 60, 40, ref="Observation/p").results[0]
SPARE = Course(diagnosed=None).result("blasts-marrow", 60, 40, ref="Observation/q").results[0]
P, M = ("Observation/p",), ("Observation/m",)


def draft(category: str = "CR", at: int = 30, **more: Any) -> Draft:
    """What one course says at a marrow."""
    given = {"kind": "marrow", "day": on(at), "effective": str(on(at)), "refs": M}
    return Draft(**{**given, "category": category, "state": "in-remission", **more})


def said(
    *courses: Sequence[Draft], sent: Result | Event = LOST, walked: Sequence[Facts] = ()
) -> list[Draft]:
    """What they say together."""
    every = [
        Walked(known, START, list(one))
        for known, one in zip(walked or [FACTS] * len(courses), courses, strict=True)
    ]
    return list(together(Ground(FACTS, strict=False), every, {sent: sent}))


def judged(last: int = 44) -> Any:
    """How a marrow was read, with the last day of its window."""
    return SimpleNamespace(window=SimpleNamespace(last=on(last)))


def one_of(*drafts: Draft, **more: Any) -> Draft:
    """What is said where each course has one answer, at one anchor."""
    (found,) = said(*([one] for one in drafts), **more)
    return found


# ----------------------------------------------------------------------------------- one anchor


@pytest.mark.parametrize(
    ("name", "value", "other", "apart"),
    [
        ("state", "in-remission", "relapsed", "unknown"),
        *((name, on(20), on(21), None) for name in (
            "since", "began", "opened", "refractory", "response_date", "first_sign"
        )),
        ("number", 1, 2, None),
        ("remitted", True, False, False), ("inferred", True, False, False),
        ("doubted", False, True, True),
        ("reached", Reached((("PR", on(9)), ("CR", on(20)))), Reached((("CRi", on(21)),)),
         Reached(*[(("CRi", on(21)),)] * 2)),
    ],
)  # fmt: skip
def test_what_all_share_is_said(name: str, value: Any, other: Any, apart: Any) -> None:
    """What differs is not."""
    alike, unlike = draft(**{name: value}), draft(**{name: other})
    assert getattr(one_of(alike, alike), name) == value
    assert getattr(one_of(alike, unlike), name) == apart


def test_of_states_that_differ_there_is_no_day() -> None:
    """Though it is the same one in each."""
    found = one_of(draft(since=on(20)), draft(since=on(20), state="relapsed"))
    assert (found.state, found.since) == ("unknown", None)


def test_an_open_answer_tells_nothing_of_one_of_them() -> None:
    """Neither its dates, nor what it lacks or assumes, nor its code."""
    more = {
        "response_date": on(20), "first_sign": on(20), "missing": ("anc",),
        "assumptions": (Assumption("specimen-acceptable", "material"),),
    }  # fmt: skip
    codes = [Residual(status="negative", code=code) for code in ("CR_MRDneg", "RELAPSE")]
    found = one_of(draft(mrd=codes[0], **more), draft("RELAPSE", mrd=codes[1], **more))
    assert (found.category, found.candidates) == ("IND", ("CR", "RELAPSE"))
    assert (found.response_date, found.first_sign, found.missing) == (None, None, ())
    assert (found.assumptions, found.reason) == ((), "evidence-unplaced")
    assert (found.mrd.status, found.mrd.code) == ("negative", "")


def test_an_open_answer_is_read_in_each_way() -> None:
    """Each marrow with its window once; None of one that asked no criteria."""
    first, second, third = judged(), judged(), judged()
    read = [draft(evaluation=one) for one in (first, second, second, third)]
    found = one_of(*read, draft("RELAPSE"))
    assert (found.evaluation, found.others) == (first, (second, third, None))


@pytest.mark.parametrize(
    ("day", "certainty", "reason"),
    [
        (20, "unconfirmed", "therapy-possible"), (20, "confirmed", "evidence-unplaced"),
        (None, "unconfirmed", "evidence-unplaced"),
    ],
)  # fmt: skip
def test_why_nothing_is_said(day: int | None, certainty: Any, reason: str) -> None:
    """What has a day may have been no start at all; of all else nobody knows where it lies."""
    start = Course(diagnosed=None).event("therapy-start", day, certainty=certainty).events[0]
    assert one_of(draft(), draft("RELAPSE"), sent=start).reason == reason


def test_the_lowest_answer_is_told_by_a_course_that_gives_it() -> None:
    """Its flags, doubts, dates and assumptions; of those, by one that asked criteria."""
    rests = (Assumption("z", "routine"), Assumption("a", "material"))
    low: dict[str, Any] = {"flags": ("counts-derived", "early-marrow"), "response_date": on(30)}
    few: dict[str, Any] = {**low, "flags": ("few-cells",)}
    high = draft(
        flags=("deceased",), doubted=True, response_date=on(29), evaluation=judged(),
        assumptions=(Assumption("b", "routine"),),
    )  # fmt: skip
    own, others = judged(), [FACTS, FACTS, TREATED]
    found = one_of(
        high, draft("MLFS", assumptions=rests, **few), draft("MLFS", evaluation=own, **low),
        walked=others,
    )  # fmt: skip
    assert (found.category, found.possible_higher) == ("MLFS", ("CR",))
    # How soon the marrow came is said where it came so soon on every day.
    assert (found.flags, found.doubted) == (("few-cells", "counts-derived"), False)
    early = draft("MLFS", **low)
    assert one_of(early, early).flags == low["flags"]
    assert (found.response_date, found.evaluation) == (on(30), own)
    assert [one.id for one in found.assumptions] == ["a", "z"]
    assert found.placed is not None
    assert found.placed.facts is TREATED


@pytest.mark.parametrize(("other", "closes"), [(44, True), (40, False)])
def test_a_window_closes_where_all_have_it_end_on_one_day(other: int, closes: bool) -> None:
    """What nobody can place may cut it; and of one answer the other readings stand behind it."""
    first, second = judged(), judged(other)
    found = one_of(draft(evaluation=first), draft(evaluation=second), draft(evaluation=first))
    assert (found.closes, found.evaluation, found.unlike) == (closes, first, False)
    assert [one is second for one in found.others] == [True]


def test_a_cycle_is_named_where_all_count_the_same() -> None:
    """It is counted from the day on which the course opened."""
    same = draft(opened=on(-6))
    assert one_of(same, same, walked=[TREATED, TREATED]).opened == on(-6)
    assert one_of(same, same, walked=[FACTS, TREATED]).opened is None


@pytest.mark.parametrize(
    ("other", "status", "event", "code"),
    [
        (Residual("negative", "none", "CR_MRDneg"), "negative", "none", "CR_MRDneg"),
        (Residual("positive", "none", "CR_MRDneg"), "unknown", "none", "CR"),
        (Residual("negative", "relapse", "CR_MRDneg"), "negative", "none", "CR"),
        (Residual("negative", "none", "CR"), "negative", "none", "CR"),
    ],
)
def test_mrd_is_said_as_all_have_it(other: Residual, status: str, event: str, code: str) -> None:
    """Where it differs it is no part of the code, and the samples of all are cited."""
    first = Residual("negative", "none", "CR_MRDneg", used=(LOST,))
    second = Residual(other.status, other.event, other.code, used=(LOST, SPARE))
    found = one_of(draft(mrd=first), draft(mrd=second)).mrd
    assert (found.status, found.event, found.code) == (status, event, code)
    assert found.used == ((LOST,) if code == "CR_MRDneg" else (LOST, SPARE))


def test_a_relapse_of_mrd_that_all_share_is_one_whatever_they_call_it() -> None:
    """The word of the code differs, the event does not."""
    codes = [Residual("positive", "relapse", code) for code in ("MRD_RELAPSE", "CR")]
    found = one_of(*(draft(mrd=one) for one in codes)).mrd
    assert (found.status, found.event) == ("positive", "relapse")


@pytest.mark.parametrize("state", ["in-remission", "relapsed"])
def test_what_was_placed_is_cited_where_it_makes_a_difference(state: str) -> None:
    """Beside it what another course does not break is open."""
    rules = [
        CriterionResult(name, Verdict.NOT_MET, "", "") for name in ("no-relapse-in-blood", "x")
    ]
    known = CriterionResult("course-known", Verdict.NOT_MET, "", "")
    found = one_of(draft(lines=lambda: (known, *rules)), draft(state=state)).lines()
    told = [(one.criterion, one.verdict.value, one.evidence) for one in found]
    if state == "in-remission":
        assert found == (known, *rules)
    else:
        assert told == [
            ("no-relapse-in-blood", "unknown", ()), ("x", "not-met", ()),
            ("course-known", "unknown", (LOST,)),
        ]  # fmt: skip


# ---------------------------------------------------------------------------------- the anchors


def placed(at: int, category: str = "RELAPSE", **more: Any) -> Draft:
    """What is said at the marrow that was placed, on one of its days."""
    return draft(category, at, **{"refs": P, **more})


def shown(*courses: Sequence[Draft]) -> list[tuple[Any, ...]]:
    """Kind, day and references of each anchor, with what is said or may be."""
    return [
        (one.kind, (one.day - on(0)).days, one.refs, one.candidates or one.category)
        for one in said(*courses)
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_what_was_placed_is_one_anchor_on_the_last_of_its_days(turned: bool) -> None:
    """With what stands on that day in the courses in which it came earlier."""
    courses = [
        [placed(60, kind="blood"), draft(at=65)],
        [draft(at=65), placed(70, kind="blood", effective="2026-03")],
    ]
    every = courses[::-1] if turned else courses
    assert shown(*every) == [
        ("marrow", 65, M, "CR"), ("blood", 70, P, ("CR", "RELAPSE")),
    ]  # fmt: skip
    assert said(*every)[-1].effective == "2026-03"


@pytest.mark.parametrize("turned", [False, True])
def test_an_anchor_is_the_same_with_and_without_what_was_placed_on_its_day(turned: bool) -> None:
    """It is named by what lies there in every course."""
    courses = [[draft("RELAPSE", 60, refs=(*M, *P))], [draft(at=60), placed(70)]]
    every = courses[::-1] if turned else courses
    assert shown(*every) == [
        ("marrow", 60, M, ("CR", "RELAPSE")), ("marrow", 70, P, "RELAPSE"),
    ]  # fmt: skip


def test_where_a_course_has_no_such_anchor_what_stood_before_stands() -> None:
    """Or where it began."""
    assert shown([], [draft(at=30)]) == [("marrow", 30, M, ("CR", "NE"))]
    assert shown([draft(at=70)], [placed(70, "CR"), draft(at=70)]) == [
        ("marrow", 70, M, "CR"), ("marrow", 70, P, "CR"),
    ]  # fmt: skip


def test_two_draws_of_one_day_stay_two() -> None:
    """Each with its own answer; and a wait without references has a day."""
    day = [
        draft("RELAPSE_SUSPECTED", 50, kind="blood", refs=("Observation/a",)),
        draft("CR", 50, kind="blood", refs=("Observation/b",)),
    ]
    assert [one[-1] for one in shown(day, day)] == ["RELAPSE_SUSPECTED", "CR"]
    waits = [[draft("NE", at, kind="none", refs=())] for at in (40, 50)]
    assert [one[:2] for one in shown(*waits)] == [("none", 40), ("none", 50)]


def test_what_a_draw_lacks_is_looked_up_in_the_record_as_it_was_placed() -> None:
    """A smear of a month stands before the draws of the window, or beside one of them."""
    course = induction().marrow(20, 1, cells=None).blood(20, 100, 15_000, smear=None)
    course.result("blasts-blood", 20, 0, when=month_of(at(20)), method="manual")
    found = now(course.marrow(58, 2).blood(65, None, 100_000))
    assert found.next_better == (
        "CRi, perhaps CR: ANC not reported from 2026-02-24 to 2026-03-13, CR needs >= 1.0 10*9/L."
    )
