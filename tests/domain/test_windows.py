"""The window of a marrow: its days, what cuts it, and the draws of it that do not count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.evaluation.windows import (
    BloodBlasts,
    Window,
    read_blood_blasts,
    window_of,
)
from fhir_remission.domain.nouns.inputs import When
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts, read_facts
from fhir_remission.domain.record.signs import SignReading
from tests.domain.builder import LATER, Course, all_day, at, criteria, now, on, remission, value
from tests.domain.sights import cited, sign


def facts(course: Course) -> Facts:
    """A course, sorted and indexed."""
    return read_facts(course.record(), criteria(), LATER)


def window(course: Course, place: int = 0) -> Window:
    """The window of a marrow; the first unless said otherwise."""
    return window_of(facts(course), place)


def bare() -> Course:
    """A marrow of day 30 and nothing else."""
    return Course(diagnosed=None).marrow(30, 2, cells=None, emd=None)


def days(found: Window) -> tuple[int, int]:
    """First and last day."""
    return (found.first - on(0)).days, (found.last - on(0)).days


# ---------------------------------------------------------------------------------- its days


def test_three_days_before_to_fourteen_after() -> None:
    """Nothing cut it, and nothing is cited for that."""
    found = window(bare())
    assert days(found) == (27, 44)
    assert (found.cut_by, found.cut_proof) == ("", ())


@pytest.mark.parametrize(
    ("course", "last", "cause", "proof"),
    [
        (bare().marrow(40, 3, None, None), 39, "the next marrow", ["blasts-marrow 40"]),
        (bare().marrow(44, 3, None, None), 43, "the next marrow", ["blasts-marrow 44"]),
        (bare().marrow(45, 3, None, None), 44, "", []),
        (bare().chemo(40), 40, "the next cycle", ["therapy-start 40"]),
        (bare().chemo(30), 30, "the next cycle", ["therapy-start 30"]),
        (bare().chemo(44), 44, "", []),
        (bare().chemo(29), 44, "", []),
        (
            bare().event("extramedullary", 40), 39, "new extramedullary disease",
            ["extramedullary 40"],
        ),
        (bare().event("extramedullary", 44), 43, "new extramedullary disease",
         ["extramedullary 44"]),
        (bare().event("extramedullary", 45), 44, "", []),
        (bare().event("extramedullary", 30), 44, "", []),
        (bare().chemo(38).marrow(41, 3, None, None), 38, "the next cycle", ["therapy-start 38"]),
        (bare().chemo(40).marrow(38, 3, None, None), 37, "the next marrow", ["blasts-marrow 38"]),
        (
            bare().marrow(41, 3, None, None).chemo(40), 40, "the next cycle", ["therapy-start 40"],
        ),
        (
            bare().result("marrow-adequacy", 38, "?").marrow(41, 3, None, None), 40,
            "the next marrow", ["blasts-marrow 41"],
        ),
        (
            bare().result("marrow-adequacy", 38, "negative").marrow(41, 3, None, None), 37,
            "the next marrow", ["marrow-adequacy 38"],
        ),
        (
            bare().event("extramedullary", 36, certainty="unconfirmed").event("extramedullary", 40),
            39, "new extramedullary disease", ["extramedullary 40"],
        ),
    ],
)  # fmt: skip
def test_what_cuts_a_window(course: Course, last: int, cause: str, proof: list[str]) -> None:
    """The next marrow, the next cycle (whose own day is still of this one), a new lesion."""
    found = window(course)
    assert (days(found)[1], found.cut_by, cited(found.cut_proof)) == (last, cause, proof)


# ------------------------------------------------------------------------- draws that do not count


@pytest.mark.parametrize(
    ("draws", "refused"),
    [
        ([(28, 1500, 150)], []),
        ([(28, 1500, 150), (30, 1500, 150)], []),
        ([(28, 1500, 150), (30, 1499, 150)], [28]),
        ([(28, 1500, 150), (30, 1500, 149)], [28]),
        ([(28, 1500, 150), (29, 900, 150), (30, 2000, 150)], [28]),
        ([(27, 1500, 150), (28, 1400, 150), (29, 1300, 150)], [27, 28]),
        ([(28, 1500, 150), (31, 100, 10)], []),
        ([(28, 1500, 150), (30, None, 150)], []),
        ([(28, 1500, None), (30, 100, 150)], [28]),
        ([(28, None, 150), (30, 100, 150)], []),
        ([(28, 1500, 150), (30, "?", 150)], [28]),
        ([(28, "?", 150), (30, 1500, 150)], [28]),
        ([(28, ">1.0", 150), (30, 1500, 150)], [28]),
        ([(28, "1.0-1.4", 150), (30, "1.4", 150)], []),
        ([(28, "1.0-1.5", 150), (30, "1.4", 150)], [28]),
        ([(28, 1500, 150), (29, "?", 150), (30, 1500, 150)], [28, 29]),
        ([(28, 1500, 150), (29, 1600, 150), (30, 1550, 150)], [29]),
        ([(28, 1500, 150), (29, 2000, 150), (30, 100, 150)], [28, 29]),
    ],
)
def test_a_draw_before_the_marrow_with_a_later_fall_is_from_before_the_nadir(
    draws: list[tuple[int, Any, Any]], refused: list[int]
) -> None:
    """Model 2.3: lower in either count up to the marrow's day; what cannot be read may be lower."""
    course = bare()
    for day, anc, platelets in draws:
        course.blood(day, anc, None if platelets is None else platelets * 1000, smear=None)
    known = facts(course)
    found = window_of(known, 0)
    out = sorted({*found.refused, *found.unsure})
    assert [(known.draws[one].day - on(0)).days for one in out] == refused
    for reason in found.refused.values():
        assert reason.startswith("a later draw up to the marrow is lower in ")


def test_the_reason_names_the_count() -> None:
    """Neutrophils or platelets."""
    anc = window(bare().blood(28, 1500, 150_000).blood(30, 100, 150_000))
    assert list(anc.refused.values()) == ["a later draw up to the marrow is lower in anc"]
    platelets = window(bare().blood(28, 1500, 150_000).blood(30, 1500, 20_000))
    assert [one.split()[-1] for one in platelets.refused.values()] == ["platelets"]


def test_a_count_lent_from_before_is_told_by_its_own_draw() -> None:
    """A smear of the marrow's day without counts is not lower than the draw that lends to it."""
    lent = bare().blood(29.5, ">1", 150_000, smear=None).blood(30, smear=0)
    assert (window(lent).refused, window(lent).unsure) == ({}, {})
    later = (
        bare().blood(28, 1500, 150_000).blood(30, 1500).blood(30.6, platelets=20_000, smear=None)
    )
    assert [one.split()[-1] for one in window(later).refused.values()] == ["platelets"]


def test_a_wide_count_that_was_not_undercut_lay_no_higher_than_the_later_one() -> None:
    """1.0 to 1.5 before 1.4: where the draw counts it was 1.0 to 1.4, and both say so."""
    (draw,) = window(bare().blood(28, "1.0-1.5", 150_000).blood(30, 1400, 150_000)).unsure.values()
    assert draw.counts["anc"].reading == value("1.0-1.4")
    assert cited(draw.counts["anc"].proof) == ["anc 28", "anc 30"]
    assert cited(draw.counts["platelets"].proof) == ["platelets 28"]


# ---------------------------------------------------------------------------------- the blasts


def blasts(*states: str) -> BloodBlasts:
    """The blood of a window whose draws say so, one a day."""
    smears = tuple(sign("blood-blasts", state, day) for day, state in enumerate(states, 1))
    return read_blood_blasts(smears, range(len(smears)), drawn(*range(1, len(smears) + 1)))


def drawn(*days: float) -> list[Draw]:
    """Draws of some days that hold nothing else."""
    times = [at(day) for day in days]
    return [Draw(one.first_day, one.start, one.end, one.text, {}, {}) for one in times]


def told(found: SignReading) -> tuple[str, list[str], bool]:
    """State, what it rests on, and whether a clean sample could still clear it."""
    return found.state, [one.split()[1] for one in cited(found.proof)], found.open


def test_without_blasts_each_draw_speaks_for_itself() -> None:
    """And without a draw nothing is said."""
    found = blasts("absent", "automated", "silent")
    assert [told(found.at(place))[0] for place in range(3)] == ["absent", "automated", "silent"]
    assert told(found.at(None)) == ("silent", [], False)
    assert (found.last, found.seen, found.feared, found.cleared) == (None, None, None, None)


def test_blasts_stand_until_a_later_draw_reports_none() -> None:
    """Before it they are open; at it and after it a draw is clear by its own report alone."""
    found = blasts("absent", "present", "silent", "absent", "automated", "absent", "silent")
    assert (found.last, found.seen, found.cleared, found.worst.state) == (1, 1, 3, "present")
    assert told(found.at(0)) == ("present", ["2"], False)
    assert told(found.at(1)) == ("present", ["2"], False)
    assert told(found.at(2)) == ("present", ["2"], True)
    assert told(found.at(3)) == ("absent", ["4"], False)
    assert told(found.at(4)) == ("unknown", ["2", "5"], False)
    assert told(found.at(5)) == ("absent", ["6"], False)
    assert told(found.at(6)) == ("unknown", ["2"], False)
    assert told(found.at(None)) == ("present", ["2"], False)


def test_what_cannot_be_read_is_feared() -> None:
    """Unknown until cleared; beside blasts it may have been the clear report."""
    feared = blasts("absent", "unknown", "silent", "absent")
    assert (feared.seen, feared.feared, feared.last, feared.cleared) == (None, 1, 1, 3)
    assert told(feared.at(0)) == ("unknown", ["2"], False)
    assert told(feared.at(2)) == ("unknown", ["2"], False)
    assert told(feared.at(3)) == ("absent", ["4"], False)
    both = blasts("present", "unknown", "silent")
    assert (both.seen, both.feared, both.last, both.cleared) == (0, 1, 1, None)
    assert told(both.at(0)) == ("present", ["1", "2"], False)
    assert told(both.at(2)) == ("unknown", ["1", "2"], False)
    before = blasts("unknown", "present", "silent")
    assert (before.seen, before.feared) == (1, None)
    assert told(before.at(2)) == ("present", ["1", "2"], True)


def test_only_the_draws_of_the_window_are_looked_at() -> None:
    """Blasts of another window do not count, nor does a report that clears after it."""
    smears = tuple(
        sign("blood-blasts", one, 1) for one in ("present", "absent", "unknown", "absent")
    )
    draws = drawn(1, 2, 3, 4)
    assert read_blood_blasts(smears, range(1, 2), draws).last is None
    found = read_blood_blasts(smears, range(1, 3), draws)
    assert (found.last, found.cleared) == (2, None)


def test_blasts_of_a_day_are_cleared_by_no_hour_of_it() -> None:
    """Which came first nobody can say; the next day's report is later."""
    smears = tuple(sign("blood-blasts", one, 1) for one in ("present", "absent", "absent"))
    whole = replace(drawn(1)[0], start=all_day(1).start, end=all_day(1).end)
    assert read_blood_blasts(smears, range(3), [whole, *drawn(1, 2)]).cleared == 2
    assert read_blood_blasts(smears, range(3), drawn(1, 1.5, 2)).cleared == 1
    next_day = replace(drawn(2)[0], start=whole.end)
    assert read_blood_blasts(smears, range(2), [whole, next_day]).cleared == 1
    assert read_blood_blasts(smears[1::-1], range(2), drawn(1, 1)).cleared is None
    course = remission().result("blasts-blood", 60, 2, method="manual", when=all_day(60))
    assert now(course.blood(60, smear=0)).state == "relapse-suspected"
    assert now(course.blood(61, smear=0)).state == "in-remission"
    nine = at(60).start
    hour = When(nine - timedelta(hours=1), nine, on(60), on(60), nine.isoformat())
    course = remission().result("blasts-blood", 60, 2, method="manual", when=hour)
    assert now(course.blood(60, smear=0)).state == "in-remission"


@pytest.mark.parametrize(
    ("states", "since", "standing"),
    [
        (("absent", "absent", "present"), 1, [0, 1]), (("absent", "absent", "present"), 2, [1]),
        (("present", "absent", "present"), 1, []), (("present", "absent", "present"), 2, [1]),
        (("absent", "unknown", "absent"), 1, [0]), (("absent", "present", "absent"), 3, [2]),
    ],
)  # fmt: skip
def test_a_report_stands_from_the_marrows_day_to_the_first_blasts_since(
    states: tuple[str, ...], since: int, standing: list[int]
) -> None:
    """Model 2.5: what was clear before any blasts since the marrow was clear."""
    smears = tuple(sign("blood-blasts", one, day) for day, one in enumerate(states, 1))
    found = read_blood_blasts(smears, range(3), drawn(1, 2, 3), on(since))
    assert list(found.standing) == standing
    assert found.lasts is (not standing)
