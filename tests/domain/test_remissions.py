"""A remission proved again, and the MRD that goes with it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fhir_remission.domain.criteria.loading import CriteriaSet
from tests.domain.builder import Course, criteria, induction, judge, now, on, remission
from tests.domain.stories import anchored_on, line, story
from tests.domain.test_histories import CR, NPM1, UNREAD, good

# ------------------------------------------------- what a newly proved remission leaves behind


def test_a_newly_proved_remission_ends_the_doubt_before_it() -> None:
    """From then on MRD is judged again, and a relapse is a relapse."""
    course = good(remission().marrow(100, "?"), 130).mrd(150, "positive")
    assert story(course)[1:] == [
        CR, UNREAD, "marrow 130: CR, in-remission, responded 130",
        "mrd 150: CR, in-remission, responded 130",
    ]  # fmt: skip
    relapse = good(course.marrow(200, 40).chemo(210), 240, 12)
    assert line(now(relapse)) == "marrow 240: PR, active-disease since 240, responded 240"


def test_a_remission_proved_again_leaves_nothing_for_a_smear_to_clear() -> None:
    """The marrow settled what the unread smear had left open; a clear smear adds no answer."""
    course = good(remission().blood(100, smear="?"), 110).blood(120, smear=0)
    assert [anchored_on(one) for one in judge(course)[2:]] == ["blood 100", "marrow 110"]


def without_lesion_rule() -> CriteriaSet:
    """IWG 2003 as a site might write it: no rule of relapse outside the marrow."""
    base = criteria("iwg-2003")
    return replace(base, relapse=replace(base.relapse, extramedullary=None))


def test_a_new_remission_does_not_answer_the_repeat_of_the_last_one() -> None:
    """A lesion took the first remission back; the next low marrow is asked for a repeat anew."""
    course = remission().chemo(60).marrow(90, 8).event("extramedullary", 95).chemo(110)
    course = good(good(course, 140), 160, 8)
    found = now(course, without_lesion_rule())
    assert (found.category, found.first_sign) == ("RELAPSE_SUSPECTED", on(160))


def test_a_remission_after_refractory_disease_says_so() -> None:
    """Two intensive cycles had failed (model 3.5); the flag is told with the remission alone."""
    course = induction().chemo(1, "intensive").marrow(25, 30).chemo(27, "intensive").marrow(60, 40)
    found = judge(good(course, 100))
    assert [(one.category, one.flags) for one in found[2:]] == [
        ("REFRACTORY", ()), ("CR", ("after-refractory",)),
    ]  # fmt: skip


def test_counts_are_measured_against_the_latest_category() -> None:
    """CRi asks for no counts; the CR that followed it does."""
    incomplete = induction().marrow(28, 2).blood(28, 400, 20_000)
    low = "counts-below-criteria"
    assert low not in now(incomplete.blood(70, 400, 20_000)).flags
    complete = good(induction().marrow(28, 2).blood(28, 400, 20_000), 50)
    assert low in now(complete.blood(70, 400, 20_000)).flags


# ---------------------------------------------------------------------------- the code with MRD


def test_each_marrow_of_a_remission_has_the_code_of_its_own_mrd() -> None:
    """Negative at both, then a marrow without MRD: the code is the category."""
    course = good(good(remission().mrd(30, "negative"), 90).mrd(90, "negative"), 150)
    assert [one.code for one in judge(course)] == ["NE", "CR_MRDneg", "CR_MRDneg", "CR_MRDneg"]


@pytest.mark.parametrize(
    ("later", "code", "mrd"),
    [
        ({"answer": "negative"}, "CR_MRDneg", "negative"),
        ({"answer": "?"}, "CR", "unknown"),
        ({"answer": "positive", "method": "qpcr", "marker": "NPM1"}, "CR", "positive"),
        ({"answer": "positive", "method": "qpcr", "marker": "NPM1", "specimen": "blood"}, "CR",
         "positive"),
        ({"answer": "negative", "specimen": "blood"}, "CR_MRDneg", "negative"),
        ({"answer": "negative", "method": "ngs"}, "CR_MRDneg", "negative"),
    ],
)  # fmt: skip
def test_the_code_of_the_latest_marrow_stands_while_no_later_sample_disagrees(
    later: dict[str, str], code: str, mrd: str
) -> None:
    """A code that says negative beside MRD that says positive would be two answers in one line."""
    found = now(remission().mrd(30, "negative").mrd(150, **later))
    assert (found.code, found.mrd, found.mrd_event) == (code, mrd, "none")


def test_no_sample_far_from_a_marrow_gives_a_code() -> None:
    """Nor does one beside it against the others of that marrow."""
    assert now(remission().mrd(200, "negative")).code == "CR"
    beside = now(remission().mrd(30, "positive", **NPM1).mrd(32, "negative"))
    assert (beside.code, beside.mrd) == ("CR", "positive")


def test_a_negative_waits_for_the_second_also_at_a_sample_without_a_marrow() -> None:
    """Twenty-eight days after the first one it is confirmed, not twenty-seven."""
    assert "mrd-unconfirmed" in now(remission().mrd(30, "negative").mrd(57, "negative")).flags
    assert "mrd-unconfirmed" not in now(remission().mrd(30, "negative").mrd(58, "negative")).flags


def test_only_a_negative_waits_for_confirmation() -> None:
    """ELN 2022 asks for a second negative; of a low level nothing is asked."""
    assert now(remission().mrd(30, "negative")).flags == ("mrd-unconfirmed",)
    low = now(remission().mrd(30, "0.5", **NPM1))
    assert (low.code, low.flags) == ("CR_MRDLL", ())
    assert now(remission().mrd(30, "negative"), "eln-2017").flags == ()


# ------------------------------------------------------------------------- MRD before the marrow


@pytest.mark.parametrize("name", ["eln-2022", "eln-2017"])
def test_mrd_negative_days_before_the_marrow_is_where_the_remission_began(name: str) -> None:
    """A positive later is a return."""
    course = induction().mrd(28, "negative").marrow(30, 2).blood(30, 1500, 150_000)
    assert now(course, name).code == "CR_MRDneg"
    assert line(now(course.mrd(60, "positive"), name)) == (
        "mrd 60: CR as MRD_RELAPSE_SUSPECTED, in-remission since 30, responded 30"
    )


def test_a_return_within_the_days_before_the_marrow_is_counted_once() -> None:
    """Negative on day 28, positive with the marrow: suspected, and not confirmed by itself."""
    course = induction().mrd(28, "negative").marrow(30, 2).blood(30, 1500, 150_000)
    found = now(course.mrd(30, "positive"))
    assert (found.code, found.mrd_event) == ("MRD_RELAPSE_SUSPECTED", "relapse-suspected")
    assert now(course.mrd(60, "positive")).mrd_event == "relapse"


def test_a_low_level_that_rises_before_the_marrow_is_a_rise() -> None:
    """Thirty-fold in eight days, both below the line: suspected with the remission itself."""
    course = induction().mrd(20, "0.05", **NPM1).mrd(28, "1.5", **NPM1)
    found = now(good(course, 30))
    assert (found.category, found.mrd, found.mrd_event) == ("CR", "low-level", "relapse-suspected")
    falling = induction().mrd(20, "1.5", **NPM1).mrd(28, "0.05", **NPM1)
    assert (now(good(falling, 30)).code, now(good(falling, 30)).mrd_event) == ("CR_MRDLL", "none")


def test_mrd_before_a_cycle_is_not_of_the_marrow_after_it() -> None:
    """Where a set calls no marrow early, not even one of the day after the start."""
    base = criteria()
    early = replace(base.numbers.early_marrow, value=Decimal(1))
    soon = replace(base, numbers=replace(base.numbers, early_marrow=early))
    course = good(remission().mrd(68, "negative"), 70)
    assert now(course, soon).code == "CR_MRDneg"
    treated = now(course.chemo(69), soon)
    assert (treated.anchor.kind, treated.category, treated.code) == ("marrow", "CR", "CR")
    assert treated.mrd == "negative"


@pytest.mark.parametrize(
    ("answer", "code"), [("negative", "CR_MRDneg"), ("positive", "CR")]
)  # fmt: skip
def test_a_cycle_that_starts_on_the_day_of_the_marrow_hides_no_mrd(answer: str, code: str) -> None:
    """The marrow is drawn before the infusion: the start is not before it."""
    course = induction().mrd(28, answer).marrow(30, 2).blood(30, 1500, 150_000)
    for one in (now(course), now(course.chemo(30))):
        assert (one.mrd, one.code) == (answer, code)


# ------------------------------------------------------ signs of a relapse that are none, or short


def test_blasts_of_a_marrow_that_the_next_contradicts_are_a_sample_of_the_rule() -> None:
    """The repeat takes back what the marrow showed, not what its blood did (2.6, 3.7)."""
    course = remission().marrow(100, 8).blood(100, smear=1).blood(108, smear=2).marrow(112, 2)
    assert story(course)[3] == (
        "blood 108: RELAPSE, relapsed since 108, responded 108, first sign 100"
    )


def test_a_relapse_is_suspected_since_the_day_by_which_every_way_suspects_it() -> None:
    """A marrow of unknown quality may have ended what blood raised on day 60."""
    course = remission().blood(60, smear=1).marrow(70, 2, cells="?")
    course.blood(130, smear=1).blood(133, smear=1)
    assert line(now(course)) == (
        "blood 133: RELAPSE_SUSPECTED, relapse-suspected since 130, first sign 130, ask"
        " repeat-blood"
    )


def test_what_limits_a_marrow_after_blasts_is_told_of_it_alone() -> None:
    """It is taken early in a cycle, and is clear though its blood was not."""
    found = now(remission().chemo(60).blood(68, smear=1).marrow(70, 2))
    assert found.latest is not None
    assert (found.category, found.latest.flags) == ("CR", ("early-marrow",))


def asks_two_samples() -> CriteriaSet:
    """CIBMTR as a site might write it: a relapse by blood needs two samples."""
    base = criteria("cibmtr-aml")
    return replace(base, relapse=replace(base.relapse, blood=criteria().relapse.blood))


def test_what_the_latest_marrow_leaves_open_stands_again_after_a_suspicion() -> None:
    """CRi, a marrow without counts that may be CR, and blasts that a clear smear ends."""
    course = induction().marrow(30, 2).blood(30, 1500, 40_000).marrow(60, 2)
    found = now(course.blood(90, smear=1).blood(97, smear=0), asks_two_samples())
    assert line(found) == (
        "blood 97: CRi, in-remission since 30, responded 30, perhaps CR, ask anc platelets"
    )
    assert found.latest is not None
    assert found.latest.category == "IND"


def test_of_relapse_suspicion_and_remission_the_unread_marrow_decides() -> None:
    """Each lies on one side of the line, and no answer of the set is left out."""
    course = induction().marrow(30, 2).blood(30, 1500, "90-120").chemo(60).marrow(90, "?")
    assert line(now(course.marrow(95, "?", cells=80), "cibmtr-aml")) == (
        "marrow 95: IND, unknown since 90, marrow-undecided, may be"
        " CR/CRi/RELAPSE/RELAPSE_SUSPECTED, perhaps CR/CRi, ask marrow-blasts platelets"
    )


# ------------------------------------------- what may have been a remission, for want of counts


def test_no_better_remission_may_have_been_than_the_marrow_allows() -> None:
    """Red cells were given the day before: without counts it may be CRi, and never CR."""
    course = induction().event("rbc-transfusion", 29).marrow(30, 2).marrow(80, 8).chemo(75)
    assert line(now(course.marrow(84, 2), "cibmtr-aml")) == (
        "marrow 84: IND, unknown, earlier-remission-unknown, may be CRi/NE, perhaps CRi, ask"
        " earlier-response"
    )


def test_what_was_no_remission_after_all_says_why_it_is_none() -> None:
    """Blood beside a bad sample takes back what the marrow before may have been."""
    course = induction().marrow(30, 2).marrow(60, 2).result("marrow-adequacy", 60, "negative")
    found = now(course.blood(60, smear=1).blood(90, smear=1), "healthtree-2024")
    assert (found.category, found.reason) == ("NE", "signs-of-disease")


# -------------------------------------------------------------------------- sets of other sites


def test_a_set_may_say_that_mrd_returns_after_any_complete_remission() -> None:
    """ELN 2017 asks for CR without MRD; a site may name CR beside it."""
    base = criteria("eln-2017")
    any_cr = replace(base, mrd=replace(base.mrd, only_after=("CR", "CR_MRDneg")))
    course = remission().mrd(60, "negative").mrd(90, "positive")
    assert (now(course, base).mrd_event, now(course, any_cr).mrd_event) == (
        "none", "relapse-suspected",
    )  # fmt: skip


def test_a_set_may_ask_for_therapy_before_its_remission() -> None:
    """None is known: it is assumed, and named."""
    base = criteria()
    rows = tuple(replace(one, needs_therapy=one.remission) for one in base.category)
    course: Course = good(Course().marrow(-4, 60), 60)
    assert now(course).assumptions == ()
    asked = now(course, replace(base, category=rows))
    assert (asked.category, [one.id for one in asked.assumptions]) == (
        "CR", ["therapy-before-marrow"],
    )  # fmt: skip


def test_a_remission_that_nobody_dated_has_mrd_too() -> None:
    """Somebody's word of a remission before the first marrow: its samples are the first ones."""
    course = induction().claim("remission", -200).marrow(30, 2).blood(30, 1500, 150_000)
    found = now(course.mrd(30, "negative"))
    assert (found.code, found.flags) == ("CR_MRDneg", ("mrd-unconfirmed",))
