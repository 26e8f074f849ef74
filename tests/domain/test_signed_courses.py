"""Courses as a haematologist has to sign them: the sentence holds for this patient and no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_remission.domain.nouns.inputs import PatientRecord, When
from tests.domain.builder import Course, anchored, induction, judge, now, on, remission

NPM1 = {"method": "qpcr", "marker": "NPM1"}


def months(first: int, last: int) -> When:
    """A time that is known by its weeks alone."""
    start, end = (datetime.combine(on(day), datetime.min.time(), UTC) for day in (first, last + 1))
    return When(start, end, on(first), on(last), f"{on(first)} to {on(last)}")


def unplaced(course: Course, kind: str = "therapy-start") -> PatientRecord:
    """A start of therapy that nobody dated."""
    course.event(kind, None)
    return course.record(events=tuple(course.events[:-1]), floating=(course.events[-1],))


def test_a_second_sample_is_counted_from_the_first_one_that_still_counts() -> None:
    """A clear marrow took the sample of day 100 out of the rule: day 112 would be no relapse."""
    course = remission().blood(100, smear=1).marrow(103, 2).blood(110, smear=1)
    found = now(course)
    assert found.category == "RELAPSE_SUSPECTED"
    assert f"from {on(117)} to {on(166)} is relapse, counted from the sample of {on(110)}" in (
        found.next_better
    )
    assert now(course.blood(112, smear=1)).category == "RELAPSE_SUSPECTED"
    assert now(course.blood(117, smear=1)).category == "RELAPSE"


@pytest.mark.parametrize("lesion", [False, True])
@pytest.mark.parametrize(("day", "category"), [(113, "PR"), (115, "PR"), (116, "IND")])
def test_a_relapse_without_a_marrow_is_measured_from_the_first_days_of_therapy(
    day: int, category: str, *, lesion: bool
) -> None:
    """By blood or by a lesion: the first marrow may come after an emergency start (3.3)."""
    course = remission()
    if lesion:
        course.event("extramedullary", 110)
    else:
        course.blood(100, smear=1).blood(110, smear=1)
    course.chemo(112).marrow(day, 50).marrow(145, 20).blood(145, 1500, 150_000)
    found = now(course)
    assert (found.category, "baseline-after-start" in found.flags) == (category, category == "PR")


def test_a_marrow_of_the_relapse_is_the_baseline_and_none_of_after_the_start() -> None:
    """Also where blood had proved the relapse before."""
    course = remission().blood(100, smear=1).blood(110, smear=1).marrow(111, 30)
    course.chemo(112).marrow(114, 60).marrow(145, 20).blood(145, 1500, 150_000)
    assert (now(course).category, now(course).flags) == ("NR", ())


@pytest.mark.parametrize(
    ("course", "day", "reason", "missing"),
    [
        (lambda: remission().blood(100, smear=1).marrow(103, 12, standing="preliminary").blood(
            110, smear=1), 110, "marrow-undecided", ("marrow-blasts",)),
        (lambda: remission().blood(100, smear="0-1").blood(107, smear=1), 107,
         "blood-blasts-undecided", ("blood-blasts",)),
    ],
)  # fmt: skip
def test_whether_a_known_remission_has_ended_is_no_doubt_of_that_remission(
    course: object, day: int, reason: str, missing: tuple[str, ...]
) -> None:
    """What could not be told at the sample before is what is asked for."""
    assert callable(course)
    found = anchored(judge(course()), day)
    assert found.candidates == ("RELAPSE", "RELAPSE_SUSPECTED")
    assert (found.reason, found.missing) == (reason, missing)
    assert "remission before" not in found.summary
    assert found.next_better


@pytest.mark.parametrize("first", ["flow", "qpcr"])
def test_of_the_mrd_of_one_day_the_positive_decides_whatever_its_name(first: str) -> None:
    """Two reports of one aspirate: neither comes after the other (5.3)."""
    course = remission().mrd(30, "0", **NPM1)
    if first == "flow":
        course.mrd(100, "negative").mrd(100, "5", **NPM1)
    else:
        course.mrd(100, "5", **NPM1).mrd(100, "negative")
    of_day = [one for one in judge(course) if one.anchor.effective.startswith(str(on(100)))]
    assert len(of_day) == 2
    for found in of_day:
        assert (found.mrd, found.mrd_event) == ("positive", "relapse-suspected")
        assert found.code == "MRD_RELAPSE_SUSPECTED"


@pytest.mark.parametrize("order", [("0.5", "0"), ("0", "0.5")])
def test_a_negative_of_the_same_day_takes_no_finding_back(order: tuple[str, str]) -> None:
    """No code of a negative, whichever of the two was named first."""
    course = remission().mrd(30, "0", **NPM1)
    for level in order:
        course.mrd(100, level, **NPM1)
    assert (now(course).mrd, now(course).code) == ("low-level", "CR")


def test_what_another_assay_found_is_flagged_at_each_report_of_the_day() -> None:
    """The second report of the day adds nothing, and drops nothing."""
    course = remission().mrd(30, "0", **NPM1).mrd(100, "positive").mrd(100, "0", **NPM1)
    of_day = [one for one in judge(course) if one.anchor.effective.startswith(str(on(100)))]
    assert ["mrd-other-assay" in one.flags for one in of_day] == [True, True]


@pytest.mark.parametrize(
    "course",
    [
        lambda: Course(diagnosed=-60).marrow(10, 2),
        lambda: remission().event("extramedullary", 100).marrow(105, 2),
    ],
)
def test_nobody_awaits_a_response_to_therapy_that_nobody_told_of(course: object) -> None:
    """The day of the marrow is no start of therapy."""
    assert callable(course)
    found = now(course())
    assert found.state == "awaiting-response"
    words = f"Awaiting response since {found.state_since}, no start of therapy known"
    assert found.summary.startswith(words)


def test_a_response_is_awaited_to_the_therapy_that_is_known() -> None:
    """A start, or donor lymphocytes after a relapse."""
    assert now(induction()).summary.startswith(f"Awaiting response to therapy since {on(1)}")
    grafted = remission().event("transplant", 60).marrow(100, 40).event("donor-lymphocytes", 110)
    assert now(grafted.marrow(130, 2)).summary.startswith(
        f"Awaiting response to therapy since {on(110)}"
    )


@pytest.mark.parametrize(
    ("record", "advice"),
    [
        (lambda: unplaced(remission()), "From which day on therapy was given decides."),
        (
            lambda: induction().marrow(30, 2).event("therapy-start", 40, certainty="unconfirmed")
            .blood(42, 1500, 150_000).record(),
            "Whether therapy was given, and from which day on, decides.",
        ),
    ],
    ids=["undated", "perhaps none"],
)  # fmt: skip
def test_a_start_that_leaves_a_remission_open_is_asked_for(record: object, advice: str) -> None:
    """The counts that came are not said to be missing."""
    assert callable(record)
    found = now(record())
    assert (found.category, found.state, found.missing) == ("MLFS", "unknown", ("therapy-start",))
    assert found.next_better == advice


@pytest.mark.parametrize(
    ("course", "advice"),
    [
        (lambda: induction().marrow(28, 30).chemo(29).marrow(60, 3).result(
            "marrow-adequacy", 60, "negative"), "An answer needs an adequate marrow."),
        (lambda: induction().marrow(28, 30).chemo(29).marrow(45, 30),
         "An answer needs a later marrow: this one looked for hypoplasia, not response."),
    ],
)  # fmt: skip
def test_after_new_therapy_a_marrow_that_says_nothing_asks_for_the_next(
    course: object, advice: str
) -> None:
    """The answer of before stands, and what would change it is named."""
    assert callable(course)
    found = now(course())
    assert (found.category, found.state) == ("NR", "awaiting-response")
    assert found.next_better == advice


@pytest.mark.parametrize(
    ("analyte", "value", "words"),
    [
        ("blasts-blood", 2, "the day of the blood sample is not known"),
        ("extramedullary-disease", "positive",
         "the day of what is told of extramedullary disease is not known"),
    ],
)  # fmt: skip
def test_what_has_no_day_is_not_said_to_be_unreadable(
    analyte: str, value: object, words: str
) -> None:
    """Two percent can be read; they are too many for each of their days to be tried."""
    course = remission()
    for more in range(3):
        course.result(analyte, 100, value, method="manual", when=months(100 + more, 460 + more))
    found = now(course)
    assert (found.category, found.state) == ("IND", "unknown")
    assert words in found.summary
    assert found.next_better == "An answer needs the day of what may lie before or after a marrow."


def test_what_is_preliminary_is_not_said_to_be_unreadable() -> None:
    """A preliminary smear can be read: it is not certain."""
    found = now(remission().result("blasts-blood", 100, 3, method="manual", standing="preliminary"))
    assert "whether there are blasts in the blood is not certain" in found.summary


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (lambda: induction().event("gcsf", 33).marrow(28, 2).blood(28, 300, 20_000).blood(
            36, 1500, 150_000),
         f"CRi, perhaps CR: ANC <=1.5 10*9/L on {on(36)} (treatment may have raised it),"
         " CR needs >= 1.0 10*9/L."),
        (lambda: induction().marrow(28, 2).blood(28, 300, 20_000).blood(36, "?", 150_000),
         f"CRi, perhaps CR: ANC not readable on {on(36)}, CR needs >= 1.0 10*9/L."),
        (lambda: induction().marrow(30, 2).blood(30, 1500).marrow(60, 1).blood(60, 300, 20_000),
         f"CRi, perhaps CR by the marrow of {on(30)}: platelets not reported from {on(27)} to"
         f" {on(44)}, CR needs >= 100 10*9/L."),
    ],
)  # fmt: skip
def test_the_draw_that_may_prove_more_is_named(course: object, words: str) -> None:
    """Another draw of the only marrow is no earlier marrow."""
    assert callable(course)
    assert now(course()).next_better == words


def test_a_remission_marrow_that_only_lacks_counts_is_said_to() -> None:
    """MLFS by itself is no lesser response; counts that are low are none of these words."""
    assert "(MLFS by itself, without counts)" in now(remission().marrow(200, 1)).summary
    low = now(remission().marrow(200, 1).blood(200, 100, 10_000))
    assert "(CRi by itself)" in low.summary


def test_a_suspicion_is_compared_with_no_response() -> None:
    """Nobody asks why a suspected relapse is no CR: a repeat decides."""
    found = now(remission().marrow(200, 1).blood(200, 1500, 150_000, smear=2))
    assert (found.category, found.next_better) == (
        "RELAPSE_SUSPECTED", "A repeat marrow or smear decides."
    )  # fmt: skip


def test_a_remission_of_which_only_a_word_tells_is_no_less_than_mlfs() -> None:
    """A marrow of too few cells after one of MLFS: whether there was more nobody proved (twin)."""
    course = induction().claim("remission", None).marrow(13, 4).blood(13, 500, 100_001)
    course.marrow(22, 2, cells=100)
    # What the word told of may have been any, and low counts do not end it.
    for found in (now(course), now(course.blood(22, 100, 10_000))):
        assert (found.category, found.state, found.candidates) == ("MLFS", "unknown", ())
        assert found.possible_higher == ("CR", "CRh", "CRi")
