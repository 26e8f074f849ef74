"""Measurable residual disease: what one sample says, what goes with a marrow, and its return."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import Mrd
from fhir_remission.domain.record.mrd import (
    MrdSample,
    combined,
    is_confirmed,
    read_mrd,
    suffix_status,
)
from fhir_remission.domain.record.mrd_history import MrdHistory
from tests.domain.builder import Course, criteria, induction, judge, on, remission
from tests.domain.sights import in_order

ELN = criteria("eln-2022").mrd
OLD = criteria("eln-2017").mrd
ASSAY = ("NPM1", "qpcr")
KEY = ("marrow", *ASSAY)


def sample(answer: Any, day: float = 30, name: str = "eln-2022", **more: Any) -> MrdSample:
    """One sample: NPM1 by qPCR in the marrow unless said otherwise."""
    given = {"method": "qpcr", "marker": "NPM1", **more}
    course = Course(diagnosed=None).mrd(day, answer, **given)
    (found,) = read_mrd(in_order(course.results), criteria(name))
    return found


@pytest.mark.parametrize(
    ("answer", "method", "eln_2022", "eln_2017"),
    [
        ("negative", "flow", "negative", "negative"),
        ("positive", "flow", "positive", "positive"),
        ("low-level", "qpcr", "low-level", "positive"),
        ("indeterminate", "flow", "unknown", "unknown"),
        ("?", "flow", "unknown", "unknown"),
        (0, "flow", "negative", "negative"),
        (0, "qpcr", "negative", "negative"),
        (0, "dpcr", "negative", "negative"),
        ("0.1", "flow", "positive", "positive"),
        ("0.09", "flow", "negative", "negative"),
        ("<0.1", "flow", "negative", "negative"),
        ("<=0.1", "flow", "unknown", "unknown"),
        ("0.05-0.2", "flow", "unknown", "unknown"),
        (">0.1", "flow", "positive", "positive"),
        ("0.1", "ngs", "positive", "positive"),
        ("0.05", "ngs", "negative", "negative"),
        (2, "qpcr", "positive", "positive"),
        ("1.99", "qpcr", "low-level", "positive"),
        ("<2", "qpcr", "unknown", "unknown"),
        ("0.01-1", "qpcr", "low-level", "positive"),
        ("1-3", "qpcr", "unknown", "positive"),
        ("0.001", "dpcr", "positive", "positive"),
        ("<0.001", "dpcr", "unknown", "unknown"),
    ],
)
def test_what_a_sample_says(answer: Any, method: str, eln_2022: str, eln_2017: str) -> None:
    """By the cut-off of its assay; without one whatever is detectable is positive."""
    given = {"method": method, "unit": "%"}
    assert sample(answer, **given).status == eln_2022
    assert sample(answer, name="eln-2017", **given).status == eln_2017


def test_a_cutoff_belongs_to_a_unit() -> None:
    """A ratio is not a percent of leukocytes: the cut-off of 0.1 % does not apply to it."""
    assert sample("0.05", method="flow", unit="%").status == "negative"
    assert sample("0.05", method="flow", unit="{ratio}").status == "positive"


def test_a_cutoff_of_nothing_leaves_nothing_that_may_be_nothing() -> None:
    """Where detectable is positive, a value that may be 0 is not known to be."""
    assert sample("0-5", name="eln-2017", unit="%").status == "unknown"
    assert sample("rare", name="eln-2017", unit="%").status == "positive"


def test_what_is_preliminary_says_nothing() -> None:
    """Neither negative nor positive: it waits for the final report."""
    for answer in ("negative", "positive", "0.5"):
        assert sample(answer, standing="preliminary", unit="%").status == "unknown"


@pytest.mark.parametrize(
    ("missing", "status", "flags"),
    [
        ({"method": ""}, "unknown", ("mrd-assay-or-tissue-unknown",)),
        ({"specimen": ""}, "unknown", ("mrd-assay-or-tissue-unknown",)),
        ({"sensitivity": ""}, "negative", ("mrd-sensitivity-unknown",)),
        ({"sensitivity": "poor", "limit": None}, "unknown", ("mrd-sensitivity-unread",)),
        ({"sensitivity": "5 %", "limit": Decimal(5)}, "unknown", ("mrd-not-sensitive",)),
        ({"sensitivity": "0.1 %", "limit": Decimal("0.1")}, "negative", ()),
        ({"marker": "unread"}, "unknown", ("mrd-assay-or-tissue-unknown",)),
        ({}, "negative", ()),
    ],
)
def test_a_negative_needs_assay_and_tissue(
    missing: dict[str, Any], status: str, flags: tuple[str, ...]
) -> None:
    """Model 5.2: a missing sensitivity is only a flag, one that is told and too poor or that
    nobody can read is not; a positive needs none of them.
    """
    found = sample("negative", **missing)
    assert (found.status, found.flags) == (status, flags)
    assert (sample("positive", **missing).status, sample("positive", **missing).flags) == (
        "positive",
        (),
    )


@pytest.mark.parametrize(
    ("adequacy", "day", "specimen", "status"),
    [
        ("negative", 30, "marrow", "unknown"),
        ("?", 30, "marrow", "unknown"),
        ("positive", 30, "marrow", "negative"),
        ("negative", 31, "marrow", "negative"),
        ("negative", 30, "blood", "negative"),
    ],
)
def test_an_inadequate_marrow_voids_its_sample(
    adequacy: str, day: int, specimen: str, status: str
) -> None:
    """Of the same day, and only what was taken from the marrow."""
    course = Course(diagnosed=None).mrd(30, "negative", specimen=specimen)
    course.result("marrow-adequacy", day, adequacy)
    (found,) = read_mrd(in_order(course.results), criteria())
    assert (found.status, found.day) == (status, on(30))


def test_samples_stand_in_order_of_time() -> None:
    """Whatever the order in which they were sent, and nothing else is a sample."""
    course = Course(diagnosed=None).mrd(60, "positive").blood(40, 1500).mrd(30, "negative")
    found = read_mrd(in_order(course.results), criteria())
    assert [(one.day, one.status) for one in found] == [(on(30), "negative"), (on(60), "positive")]


@pytest.mark.parametrize(
    ("answers", "together"),
    [
        ([], "unknown"),
        (["negative", "negative"], "negative"),
        (["negative", "low-level"], "low-level"),
        (["negative", "?"], "unknown"),
        (["low-level", "?"], "unknown"),
        (["?", "positive", "negative"], "positive"),
    ],
)
def test_several_samples_together(answers: list[str], together: str) -> None:
    """Any positive makes positive; a negative needs all of them."""
    assert combined([sample(one) for one in answers]) == together


def suffix(*samples: MrdSample, since: int = 1, rules: Mrd = ELN) -> tuple[str, list[int]]:
    """What goes with the marrow of day 30 after the cycle of day 1, and the days it rests on."""
    days = [one.day for one in samples]
    status, used = suffix_status(samples, days, on(30), on(since), rules)
    return status, [(one.day - on(0)).days for one in used]


def test_samples_within_fourteen_days_go_with_the_marrow() -> None:
    """Both ends included, and none from before the latest cycle."""
    days = (15, 16, 30, 44, 45)
    samples = [sample("negative", day) for day in days]
    assert suffix(*samples) == ("negative", [16, 30, 44])
    assert suffix(*samples, since=20) == ("negative", [30, 44])
    assert suffix(*samples, since=16) == ("negative", [16, 30, 44])
    assert suffix() == ("unknown", [])


def test_blood_counts_for_the_suffix_only_where_the_set_says_so() -> None:
    """A sample of unsaid tissue is kept: it may be of the marrow, and only doubts."""
    blood = sample("positive", specimen="blood", marker="")
    unsaid = sample("negative", specimen="")
    assert suffix(sample("positive", specimen="blood")) == ("positive", [30])
    assert suffix(sample("positive", specimen="blood", marker="WT1")) == ("unknown", [])
    assert suffix(sample("positive", specimen="blood", method="flow")) == ("unknown", [])
    assert suffix(blood, rules=replace(ELN, tissues=("marrow", "blood"))) == ("positive", [30])
    assert suffix(unsaid) == ("unknown", [30])


@pytest.mark.parametrize("unknown", [{"marker": ""}, {"method": ""}, {"method": "unread"}])
def test_blood_that_may_count_leaves_it_open(unknown: dict[str, str]) -> None:
    """A positive of blood whose marker or assay nobody knows takes a negative away.

    So does one of which nobody can read what it says.
    """
    marrow = sample("negative")
    for said in ("positive", "?"):
        blood = sample(said, specimen="blood", **unknown)
        assert suffix(blood, marrow) == ("unknown", [30, 30])
        assert suffix(blood, marrow, rules=OLD) == ("negative", [30])


def test_an_assay_in_words_nobody_knows_is_no_assay() -> None:
    """A negative by it proves nothing, as by none at all."""
    assert sample("negative", method="unread").status == "unknown"


def test_sequencing_alone_is_no_mrd_negative() -> None:
    """ELN names flow cytometry and qPCR; what sequencing finds still counts."""
    negative, flow = sample("negative", method="ngs"), sample("negative", method="flow")
    assert negative.status == "negative"
    assert suffix(negative) == ("unknown", [])
    assert suffix(negative, flow) == ("negative", [30])
    assert suffix(sample("positive", method="ngs"), flow) == ("positive", [30, 30])
    assert suffix(sample("?", method="ngs"), flow) == ("unknown", [30, 30])
    assert suffix(negative, rules=replace(ELN, suffix_by=())) == ("negative", [30])
    assert suffix(negative, rules=OLD) == ("unknown", [])
    assert suffix(sample("low-level", method="ngs")) == ("unknown", [])
    assert suffix(sample("low-level", method="qpcr")) == ("low-level", [30])
    back = history(negative, sample("positive", 60, method="ngs"))
    assert back.event == "relapse-suspected"


@pytest.mark.parametrize(
    ("second", "day", "specimen", "confirmed"),
    [
        ("negative", 58, "marrow", True),
        ("negative", 57, "marrow", False),
        ("negative", 58, "blood", False),
        ("positive", 58, "marrow", False),
        ("negative", 200, "marrow", True),
    ],
)
def test_a_negative_is_confirmed_by_a_second_four_weeks_later(
    second: str, day: int, specimen: str, confirmed: bool
) -> None:
    """28 days after the first, in the same tissue."""
    samples = [
        sample("negative", 30),
        sample("negative", 35),
        sample(second, day, specimen=specimen),
    ]
    assert is_confirmed(samples, ELN, on(30), on(35)) is confirmed


@pytest.mark.parametrize(
    ("found", "day", "confirmed"),
    [(90, 30, True), (90, 60, True), (90, 95, False), (90, 120, True), (45, 30, False),
     (45, 60, True)],
)  # fmt: skip
def test_a_positive_between_negatives_leaves_them_unconfirmed(
    found: int, day: int, confirmed: bool
) -> None:
    """The negative after it waits for a second one of its own; so does the one before."""
    days = [30, 60, 95, 123]
    samples = [*(sample("negative", one) for one in days), sample("low-level", found)]
    samples.sort(key=lambda one: one.day)
    assert is_confirmed(samples[: 4 if day == 95 else 5], ELN, on(30), on(day)) is confirmed


def test_sequencing_confirms_no_negative() -> None:
    """The second one is asked of an assay of the set too."""
    for method, confirmed in (("flow", True), ("qpcr", True), ("ngs", False)):
        samples = [sample("negative", 30), sample("negative", 60, method=method)]
        assert is_confirmed(samples, ELN, on(30), on(60)) is confirmed


def history(*samples: MrdSample, rules: Mrd = ELN) -> MrdHistory:
    """What the samples come to, one after the other."""
    found = MrdHistory()
    for one in samples:
        found = found.after(one, rules)
    return found


def test_negative_then_positive_is_suspected_and_a_second_one_confirms_it() -> None:
    """Of one marker by one assay; the day is that of the sample that completes it."""
    first = history(sample("negative", 30), sample("positive", 60))
    assert (first.event, first.event_day, first.returns[0][0]) == ("relapse-suspected", on(60), KEY)
    second = first.after(sample("positive", 88), ELN)
    assert (second.event, second.event_day) == ("relapse", on(88))
    third = second.after(sample("positive", 99), ELN)
    assert (third.event, third.event_day) == ("relapse", on(88))
    after = third.after(sample("negative", 120), ELN)
    assert (after.event, after.event_day) == ("relapse", on(88))


def test_a_negative_in_the_same_tissue_clears_the_suspicion() -> None:
    """And leaves the others waiting: blood does not clear the marrow."""
    suspected = history(sample("negative", 30), sample("positive", 60))
    cleared = suspected.after(sample("negative", 90), ELN)
    assert (cleared.event, cleared.event_day, cleared.returns) == ("none", None, ())
    blood = suspected.after(sample("negative", 90, specimen="blood"), ELN)
    assert blood.returns == suspected.returns
    again = cleared.after(sample("positive", 120), ELN)
    assert (again.event, again.event_day) == ("relapse-suspected", on(120))


def test_two_tissues_do_not_confirm_each_other() -> None:
    """Blood, then marrow: two suspicions; the second of either confirms."""
    both = history(
        sample("negative", 30), sample("positive", 60, specimen="blood"), sample("positive", 70)
    )
    assert (both.event, both.event_day) == ("relapse-suspected", on(60)), "the first of them"
    assert [one for one, _ in both.returns] == [("blood", *ASSAY), KEY]
    third = both.after(sample("positive", 80, specimen="blood"), ELN)
    assert (third.event, third.event_day) == ("relapse", on(80))


BLOOD: dict[str, Any] = {"specimen": "blood"}
FLOW: dict[str, Any] = {"method": "flow", "marker": ""}
RETURNED = (sample("negative", 30), sample("positive", 60), sample("positive", 75))


@pytest.mark.parametrize(
    ("between", "event"),
    [
        ((), "none"),
        # Of another tissue or assay it says nothing of this one.
        ((sample("negative", 115, **BLOOD),), "none"),
        ((sample("negative", 115, **FLOW),), "none"),
        ((sample("positive", 115, **FLOW),), "none"),
        ((sample("?", 115),), "none"),
        # Found in between, in whatever tissue, it was not clear for so long.
        ((sample("positive", 115),), "relapse"),
        ((sample("low-level", 115),), "relapse"),
        ((sample("positive", 115, **BLOOD),), "relapse"),
    ],
)
def test_a_relapse_of_mrd_ends_with_two_negatives_of_its_own(
    between: tuple[MrdSample, ...], event: str
) -> None:
    """Four weeks apart; what is clear elsewhere neither ends it nor begins the wait anew (5.4)."""
    found = history(*RETURNED, sample("negative", 100), *between, sample("negative", 128))
    assert found.event == event
    assert found.past == (((on(75), on(128)),) if event == "none" else ())
    assert history(*RETURNED, sample("negative", 100), sample("negative", 127)).event == "relapse"


def test_each_relapse_of_mrd_ends_for_itself() -> None:
    """One that is cleared leaves the other, and one that waits a suspicion."""
    flow = [sample(answer, day, **FLOW) for answer, day in (("negative", 30), ("positive", 62))]
    clear = (sample("negative", 100), sample("negative", 130))
    waiting = history(*flow, *RETURNED, *clear)
    assert (waiting.event, waiting.event_day) == ("relapse-suspected", on(62))
    both = history(*flow, sample("positive", 70, **FLOW), *RETURNED, *clear)
    assert (both.event, both.event_day) == ("relapse", on(70))
    assert both.past == ((on(75), on(130)),)


def test_another_marker_or_assay_is_no_return() -> None:
    """Positive, flagged; without any negative before it there is nothing to be other than."""
    other = history(sample("negative", 30), sample("positive", 60, marker="FLT3-ITD"))
    assert (other.event, other.flags) == ("none", ("mrd-other-assay",))
    flow = history(sample("negative", 30), sample("positive", 60, method="flow"))
    assert (flow.event, flow.flags) == ("none", ("mrd-other-assay",))
    assert history(sample("positive", 60)).flags == ()
    same = history(sample("negative", 30), sample("positive", 60))
    assert same.flags == ()


def test_low_level_after_negative_is_no_return() -> None:
    """It is detectable and below the threshold; ELN 2022 asks negative to positive."""
    found = history(sample("negative", 30), sample("low-level", 60))
    assert (found.event, found.flags) == ("none", ())


def test_a_set_may_know_no_return_from_negative() -> None:
    """The rule is the file's."""
    rules = replace(ELN, negative_to_positive=False)
    assert history(sample("negative", 30), sample("positive", 60), rules=rules).event == "none"


def test_what_cannot_be_read_changes_nothing_but_the_flags() -> None:
    """An unreadable sample neither clears nor confirms."""
    suspected = history(sample("negative", 30), sample("positive", 60))
    found = suspected.after(sample("?", 70), ELN)
    assert found == suspected
    other = history(sample("negative", 30), sample("positive", 60, method="flow"))
    assert other.after(sample("?", 70), ELN) == replace(other, flags=())


@pytest.mark.parametrize(
    ("levels", "event"),
    [
        (["0.1", "1"], "relapse-suspected"),
        (["0.1", "0.99"], "none"),
        (["0.1", "1", "1"], "relapse"),
        (["1", "0.1", "0.5", "1"], "relapse-suspected"),
        (["1", "5"], "none"),
        (["0.01-0.1", "1"], "relapse-suspected"),
        (["0.01-0.1", "0.9"], "none"),
        ([">0.01", "1.5"], "none"),
        (["0.1", "0.5-3"], "none"),
        (["0.1", "positive"], "none"),
        (["positive", "1.5"], "none"),
        (["0.1", "negative", "1"], "relapse-suspected"),
        (["negative", "0.01", "0.5", "0.9"], "relapse"),
        (["3", "1", "15", "20"], "relapse"),
        (["2", "40"], "none"),
    ],
)
def test_a_rise_by_one_log10(levels: list[str], event: str) -> None:
    """Ten-fold above the lowest, by qPCR, after any sample with low-level MRD (criteria 4)."""
    samples = [sample(one, 30 + 10 * place, unit="%") for place, one in enumerate(levels)]
    assert history(*samples).event == event


def test_a_rise_is_compared_within_one_tissue_marker_and_assay() -> None:
    """A percent of one is not a percent of another."""
    low = sample("0.1", 30, unit="%")
    for other in ({"specimen": "blood"}, {"marker": "RUNX1::RUNX1T1"}):
        high = sample("1.5", 60, unit="%", **other)
        found = history(low, high)
        assert found.event == "none"
        assert len(found.lowest) == 2
    flow = [sample("0.2", 30, method="flow"), sample(3, 60, method="flow")]
    assert history(*flow).event == "none"
    rules = replace(ELN, rise_factor=None)
    assert history(low, sample("1.5", 60, unit="%"), rules=rules).event == "none"


def test_the_lowest_level_is_remembered() -> None:
    """Whatever came between, and by its lower end."""
    found = history(
        *(sample(one, day, unit="%") for one, day in (("1", 30), ("0.2", 40), ("0.9", 50)))
    )
    assert [(key, value.low) for key, value in found.lowest] == [(KEY, Decimal("0.2"))]
    assert found.negatives == ()
    negative = history(sample("negative", 30), sample("negative", 40, method="flow"))
    assert [one for one, _ in negative.negatives] == [("NPM1", "flow"), ("NPM1", "qpcr")]
    assert negative.lowest == ()
    later = found.after(sample("negative", 60), ELN)
    assert later.lowest == found.lowest


def test_the_window_of_a_set_is_its_own() -> None:
    """Seven days where the file says seven."""
    rules = replace(ELN, window_days=7)
    near, far = sample("negative", 37), sample("positive", 38)
    assert suffix(near, far, rules=rules) == ("negative", [37])
    assert near.day - on(30) == timedelta(days=7)
    assert OLD.window_days == ELN.window_days


@pytest.mark.parametrize("word", ["positive", "unclear"])
def test_a_negative_that_the_laboratory_calls_otherwise_proves_nothing(word: str) -> None:
    """Be it a number or an answer; a positive stays one."""
    for said in ("negative", 0):
        denied = sample(said, word=word)
        assert (denied.status, denied.flags) == ("unknown", ("mrd-interpretation-disagrees",))
    assert sample("positive", word="negative").status == "positive"


def told(course: Course, name: str = "eln-2022") -> list[tuple[str, str, str]]:
    """Code, status and event at each anchor after the baseline."""
    return [(one.code, one.mrd, one.mrd_event) for one in judge(course, name)[1:]]


NPM1: dict[str, Any] = {"marker": "NPM1", "method": "qpcr"}
PLAIN = ("CR", "negative", "none")


@pytest.mark.parametrize("second", [60, 60.04, 60.3])
def test_two_results_of_a_day_are_one_sample(second: float) -> None:
    """A level and a word for it confirm nothing (1.3, 5.4)."""
    course = remission().mrd(30, "negative", **NPM1).mrd(60, "5", unit="%", **NPM1)
    assert told(course.mrd(second, "positive", **NPM1))[-1][2] == "relapse-suspected"
    assert told(course.mrd(61, "positive", **NPM1))[-1][2] == "relapse"


@pytest.mark.parametrize("levels", [("0.05", "0.5"), ("0.5", "0.05")])
@pytest.mark.parametrize("days", [(30, 30), (90, 90)])
def test_levels_of_a_day_have_no_order(levels: tuple[str, str], days: tuple[int, int]) -> None:
    """A tenfold rise within one sample is none; from another day the lowest of it counts."""
    course = remission().mrd(30, "0.4", unit="%", **NPM1)
    for day, level in zip(days, levels, strict=True):
        course.mrd(day, level, unit="%", **NPM1)
    assert told(course)[-1] == ("CR_MRDLL", "low-level", "none")


@pytest.mark.parametrize(("first", "then"), [("1", "negative"), ("negative", "1")])
def test_the_code_never_says_more_than_the_status(first: str, then: str) -> None:
    """A sample that does not agree takes the code away until one does: also past a suspicion."""
    course = remission().mrd(30, first, unit="%", **NPM1).mrd(60, then, unit="%", **NPM1)
    status = "negative" if then == "negative" else "low-level"
    course.blood(70, 1500, 150_000, smear=2).blood(75, 1500, 150_000)
    assert [one for one in told(course) if one[0] != "RELAPSE_SUSPECTED"][1:] == [
        ("CR", status, "none"), ("CR", status, "none"),
    ]  # fmt: skip


@pytest.mark.parametrize("day", range(45, 66))
def test_a_sample_near_no_marrow_gives_no_code_later(day: int) -> None:
    """At the next marrow it is as far away as it was (5.3)."""
    course = remission().mrd(day, "negative", **NPM1).chemo(50).marrow(80, 2)
    assert set(told(course.blood(80, 1500, 150_000))[1:]) == {PLAIN}


def test_blood_by_flow_gives_no_code() -> None:
    """Whatever marrow comes after it."""
    course = remission().mrd(60, "negative", specimen="blood").marrow(80, 2)
    assert set(told(course.blood(80, 1500, 150_000))[1:]) == {PLAIN}


@pytest.mark.parametrize("day", range(76, 86))
@pytest.mark.parametrize("beside", [True, False])
def test_a_positive_of_blood_is_one_on_the_day_of_a_marrow_too(day: int, *, beside: bool) -> None:
    """It does not go with the marrow, and takes its code away."""
    course = remission().mrd(30, "negative").marrow(80, 2).blood(80, 1500, 150_000)
    if beside:
        course.mrd(80, "negative")
    found = told(course.mrd(day, "positive", specimen="blood"))[-1]
    assert (found[0], found[2]) == ("MRD_RELAPSE_SUSPECTED", "relapse-suspected")
    assert found[1] == ("negative" if beside and day < 80 else "positive")


def test_a_positive_of_another_assay_in_blood_takes_the_code_away() -> None:
    """It is no return of what was negative, and the marrow's code stands no more."""
    course = remission().mrd(30, "negative")
    course.mrd(30, "positive", specimen="blood", marker="KMT2A", method="qpcr")
    assert told(course) == [("CR", "positive", "none")]


@pytest.mark.parametrize("later", [(50,), (60, 80)])
def test_a_negative_before_the_counts_that_prove_the_remission_is_one_of_it(
    later: tuple[int, ...],
) -> None:
    """It goes with the marrow of day 30, and MRD returns after it (5.4)."""
    course = induction().marrow(30, 2).blood(40, 1500, 150_000).mrd(36, "negative")
    for marrow in later[:-1]:
        course.marrow(marrow, 2)
    found = told(course.mrd(later[-1], "positive"), "eln-2017")[-1]
    assert found == ("MRD_RELAPSE_SUSPECTED", "positive", "relapse-suspected")


# ------------------------------------------- something given that may have been therapy (3.4, 5.4)

WITHHELD = {"policies": {"answer_after_new_start": "not-evaluable"}}


def perhaps_treated() -> Course:
    """A remission without MRD, and on day 60 what may have been a start."""
    course = remission().mrd(30, "negative")
    return course.event("therapy-start", 60, certainty="unconfirmed")


def test_after_a_doubt_about_therapy_a_sample_speaks_of_the_remission_again() -> None:
    """The doubt is of the marrow near the start, and not of a sample a month later."""
    found = judge(perhaps_treated().marrow(65, 2).mrd(90, "negative"), **WITHHELD)[-2:]
    assert [(one.mrd, one.reason) for one in found] == [
        ("unknown", "therapy-possible"), ("negative", "signs-undecided"),
    ]  # fmt: skip


def test_clear_blood_near_what_may_be_therapy_leaves_the_remission_to_a_later_sample() -> None:
    """Nothing is said of it, and nothing changes."""
    found = judge(perhaps_treated().blood(65, smear=0).mrd(90, "negative"), **WITHHELD)[-1]
    assert (found.anchor.kind, found.code) == ("mrd", "CR_MRDneg")


def test_an_early_marrow_after_a_doubt_about_therapy_says_nothing_of_mrd() -> None:
    """What went with the marrow of before the doubt is not known to go with this one."""
    course = perhaps_treated().marrow(65, 2).chemo(90).marrow(95, 2)
    found = judge(course, **WITHHELD)[-1]
    assert (found.category, found.code, found.mrd) == ("CR", "CR", "unknown")
    assert found.flags == ("early-marrow",)
    base = criteria()
    complete, *others = base.category
    coded = replace(complete, mrd={**complete.mrd, "unknown": "CR_MRDunknown"})
    found = judge(course, replace(base, category=(coded, *others)), **WITHHELD)[-1]
    assert found.code == "CR_MRDunknown"


def test_a_line_of_the_proof_does_not_speak_of_a_marrow_that_is_far() -> None:
    """A sample alone is cited as what it is."""
    course = remission().mrd(70, "negative", **NPM1)
    (line,) = [one for one in judge(course)[-1].criteria_results if one.criterion == "mrd-negative"]
    assert line.rule.endswith("of no marrow: it gives no code")


def test_a_sample_that_goes_with_a_marrow_cites_it_and_the_others_of_it() -> None:
    """Without the marrow it would speak by itself (P2, seed 1300019155)."""
    course = remission().mrd(80, "positive", method="qpcr").marrow(80, 2).mrd(83, "negative")
    last = judge(course)[-1]
    (line,) = [one for one in last.criteria_results if one.criterion == "mrd-negative"]
    cited = {one.analyte for one in line.evidence}
    assert (last.anchor.kind, last.mrd) == ("mrd", "positive")
    assert {"mrd", "blasts-marrow"} <= cited
    assert len(line.evidence) > len(cited)
