"""What an answer leaves open, what limits it and what came before it, in single sentences."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from fhir_remission.domain.answer.wording import ADVICE, UNORDERED
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Skipped, Unreadable, When
from fhir_remission.domain.nouns.verdicts import order_of
from fhir_remission.domain.record.coarse_times import is_precise
from fhir_remission.domain.record.facts import Facts, read_facts
from fhir_remission.domain.record.therapy import read_therapy
from tests.domain.builder import (
    FIRST,
    Course,
    all_day,
    anchored,
    at,
    criteria,
    induction,
    judge,
    now,
    on,
    remission,
    value,
)
from tests.domain.sights import in_order
from tests.domain.stories import proof

CONTRADICTED = "contradicted-by-next-marrow"
BLASTS = {"marrow-blasts-below-5", "marrow-blasts-at-least-5"}


def contradicted(course: Course) -> Assessment:
    """The answer of the marrow of day 30, which a later one may contradict."""
    return anchored(judge(course), 30)


def of_year() -> When:
    """Some day of the year of the course."""
    return When(FIRST, FIRST + timedelta(days=365), on(1), on(365), "2026")


# ----------------------------------------------------------------------------- what is still open


def test_one_draw_leaves_open_only_what_is_better_than_what_another_proves() -> None:
    """Platelets missing on day 30; CRi proved on day 33: CR and CRh may still be the answer."""
    course = induction().marrow(30, 2).blood(30, 1500, None).blood(33, 400, 60_000)
    found = now(course)
    assert (found.category, found.possible_higher) == ("CRi", ("CR", "CRh"))


def test_stable_disease_may_be_progress() -> None:
    """50 to 95 % from 60 %: more than half again or not, without counts from before therapy."""
    course = induction().marrow(110, "50-95").blood(110, 100, 10_000)
    found = now(course, "eln-2017")
    assert (found.category, found.candidates, found.state) == (
        "IND",
        ("PD", "SD"),
        "active-disease",
    )


@pytest.mark.parametrize(
    ("course", "open_ones", "shared"),
    [
        (induction().marrow(30, "4-6").blood(30, 1500, 150_000), BLASTS, "no-blood-blasts"),
        (induction().marrow(30, "?").blood(30, 1500, 150_000), BLASTS, "anc-recovered"),
        (induction().marrow(30, 2).blood(30, 1500, 150_000, smear="?"), {"no-blood-blasts"},
         "marrow-blasts-below-5"),
        (induction().marrow(30, 2, emd="?").blood(30, 1500, 150_000),
         {"no-extramedullary-disease"}, "marrow-blasts-below-5"),
        (remission().marrow(100, "4-6").blood(100, 1500, 150_000), BLASTS, "anc-recovered"),
        (remission().marrow(100, "?"), BLASTS | {"anc-recovered"}, "marrow-adequate"),
    ],
)  # fmt: skip
def test_a_criterion_is_met_only_where_all_ways_say_so(
    course: Course, open_ones: set[str], shared: str
) -> None:
    """What leaves the answer open is open in its proof too, and cites this marrow (model 0)."""
    found = now(course)
    verdicts = {one.criterion: one.verdict.value for one in found.criteria_results}
    assert found.category == "IND"
    assert {verdicts[one] for one in open_ones} == {"unknown"}
    assert verdicts[shared] == "met"


def test_what_strict_does_not_assume_cites_nothing_that_may_have_spoken_for_it() -> None:
    """Nobody spoke of the adequacy of day 100, which the marrow of day 108 may contradict."""
    course = Course().marrow(30, 2, cells="?", emd=None).marrow(100, 1, cells=None, emd="?")
    course.marrow(108, 90, cells=None, emd=None)
    found = anchored(judge(course, "iwg-2003", strict=True), 100)
    assert proof(found, "marrow-adequate") == ("unknown", [])


def test_an_answer_of_all_ways_is_told_by_the_draw_that_can_be_read() -> None:
    """CR by the smear of day 33, whatever that of day 30 would have said."""
    course = induction().marrow(30, 2).blood(30, 1500, 150_000, smear="?")
    found = now(course.blood(33, 1500, 150_000))
    assert (found.category, found.response_date) == ("CR", on(33))
    assert proof(found, "no-blood-blasts") == ("met", ["blasts-blood 33"])


@pytest.mark.parametrize(
    ("course", "missing"),
    [
        (induction().marrow(30, "?").blood(30, 1500, 150_000), ("marrow-blasts",)),
        (induction(baseline="?").marrow(30, 12).blood(30, 1500, 150_000), ("baseline-marrow",)),
        (induction(baseline=">20").marrow(30, 15).blood(30, 1500, 150_000), ("baseline-marrow",)),
        # The draw of day 33 proves no response, whatever its platelets were.
        (induction().marrow(30, 12).blood(30, "?", 150_000).blood(33, 100, "?"), ("anc",)),
        # The repeat that was asked for on day 101 is there.
        (remission().blood(100, smear="?").blood(101, smear=1).blood(107, smear=1), ()),
    ],
)
def test_what_is_missing_is_what_cannot_be_read_and_decides(
    course: Course, missing: tuple[str, ...]
) -> None:
    """Not the one of before therapy, where that one is known."""
    assert now(course).missing == missing


@pytest.mark.parametrize(
    ("course", "advice"),
    [
        (induction().marrow(30, "?"), "marrow-blasts"),
        (induction().marrow(30, 2).blood(30, "?", 150_000, smear="?"), "blood-blasts"),
        (induction().claim("remission", -20).marrow(30, "?"), "earlier-response"),
    ],
)
def test_where_the_ways_differ_no_draw_of_one_of_them_says_what_is_missing(
    course: Course, advice: str
) -> None:
    """Counts that are lacking too decide less than what gives other answers."""
    assert now(course).next_better == ADVICE[advice]


def test_what_takes_a_remission_back_in_one_way_is_unknown() -> None:
    """In the lay set, an unread marrow after a remission."""
    found = now(remission().marrow(100, "?"), "healthtree-2024")
    assert (found.category, proof(found, "remission-kept")[0]) == ("IND", "unknown")


def test_an_unread_marrow_after_a_remission_takes_no_draw_of_the_one_before() -> None:
    """The counts of day 30 proved the remission of day 30."""
    found = now(remission().marrow(100, "?"))
    assert (found.draws, found.flags) == ((), ())


def test_a_relapse_that_is_treated_says_when_it_was() -> None:
    """Awaiting the response to what was given since (3.4)."""
    found = now(remission().marrow(100, 40).chemo(110))
    assert "(RELAPSE of 2026-04-10)" in found.summary
    assert "therapy-since" in found.flags


def test_what_was_not_read_is_no_doubt_of_the_diagnosis() -> None:
    """The leukaemia is confirmed; the line names what is in doubt, and the advice what helps."""
    lost = (Skipped(source="Observation/lost", reason="it has no time"),)
    record = remission().record(unplaced=lost, skipped=lost)
    left, year = now(record), now(remission().result("blasts-blood", 60, 2, when=of_year()))
    for found, name in ((left, "record-read"), (year, "course-known")):
        told = {one.criterion: one.verdict.value for one in found.criteria_results}
        assert (found.reason, told[name]) == ("evidence-unplaced", "unknown")
        assert told.get("aml-diagnosis") != "unknown"
    assert left.next_better == ADVICE["evidence-unplaced"]
    assert year.next_better == UNORDERED


def test_a_rule_without_a_word_for_what_it_misses_asks_for_nothing() -> None:
    """Never for an empty word."""
    chosen = criteria()
    silent = tuple(
        replace(one, missing="") if one.missing == "platelets" else one for one in chosen.criterion
    )
    found = now(induction().marrow(30, 2).blood(30, 1500, None), replace(chosen, criterion=silent))
    assert found.category == "CRi"
    assert found.missing == ()


def test_a_draw_names_the_marrow_that_kept_it_from_more_and_nothing_that_did_not() -> None:
    """40 % of 60 %: both marrows stand against a response, the cells counted do not."""
    course = induction().marrow(30, 40).blood(30, 1500, 150_000)
    (draw,) = now(course).draws
    baseline, blasts, cells, lesions = (f"Observation/o{place}" for place in (1, 4, 5, 6))
    assert set(draw.sources) >= {baseline, blasts}
    assert not set(draw.sources) & {cells, lesions}


def test_a_wide_count_is_one_number_in_every_way_it_could_turn_out() -> None:
    """3 to 20 % is CR or PR and never neither, by a set that puts no ceiling on PR."""
    chosen = criteria()
    ceiling = "marrow-blasts-at-most-25"
    site = replace(
        chosen,
        criterion=tuple(one for one in chosen.criterion if one.id != ceiling),
        category=tuple(
            replace(row, requires=tuple(one for one in row.requires if one != ceiling))
            for row in chosen.category
        ),
    )
    found = now(induction().marrow(30, "3-20").blood(30, 1500, 150_000), site)
    assert (found.category, found.candidates) == ("IND", ("CR", "PR"))


def test_the_evidence_of_a_line_is_told_in_order_of_time() -> None:
    """The baseline before the marrow that is measured against it."""
    found = now(induction().marrow(30, 40).blood(30, 1500, 150_000))
    (row,) = [one for one in found.criteria_results if one.criterion == "blasts-halved"]
    assert [one.source.ref for one in row.evidence] == ["Observation/o1", "Observation/o4"]


def test_of_two_low_lineages_none_has_recovered_in_any_way_it_could_turn_out() -> None:
    """A sarcoma nobody mentions again; a set that asks CRi for one recovered lineage."""
    course = Course().marrow(-4, 60, emd=None).event("extramedullary", -3).chemo(1)
    course.marrow(30, 2, emd=None).blood(30, 400, 30_000)
    found = now(course, policies={"cri_requires_one_recovered_lineage": "yes"})
    assert (found.category, found.candidates) == ("IND", ("MLFS", "NR"))
    assert now(course).candidates == ("CRi", "NR")


def test_only_the_current_answer_where_no_other_is_asked_for() -> None:
    """It is the last of the whole history."""
    course = remission().marrow(90, 40)
    assert judge(course, current_only=True) == judge(course)[-1:]


def test_the_proof_says_whether_mrd_is_negative() -> None:
    """Met, not met, or not known; and nothing where nobody looked."""
    for answer, verdict in (("negative", "met"), ("positive", "not-met"), ("?", "unknown")):
        assert proof(now(remission().mrd(30, answer)), "mrd-negative") == (verdict, ["mrd 30"])
    assert "mrd-negative" not in {row.criterion for row in now(remission()).criteria_results}


def test_what_a_site_accepts_it_does_not_accept_where_nothing_may_be_assumed() -> None:
    """A lineage assumed of a full marrow, by a set that calls this routine."""
    chosen = criteria()
    routine = replace(chosen.assume.aml_lineage, level="routine")
    site = replace(chosen, assume=replace(chosen.assume, aml_lineage=routine))
    course = remission(diagnosed=None)
    accepted = frozenset({"aml-lineage"})
    assert not now(course, site, accept_routine=accepted).provisional
    assert now(course, site, accept_routine=accepted, strict=True).provisional


# ------------------------------------------------------------------------------- what limits it


def test_a_lineage_that_is_assumed_is_not_called_proved() -> None:
    """A marrow of 90 % stands in for a diagnosis nobody wrote down."""
    course = Course(diagnosed=None).marrow(-4, 90).chemo(1).marrow(30, 2).blood(30, 1500, 150_000)
    assert proof(now(course), "aml-diagnosis")[0] == "assumed"
    assert proof(now(remission()), "aml-diagnosis")[0] == "met"


def test_a_marrow_of_the_day_after_the_start_is_early() -> None:
    """It shows what was there before the drugs could act."""
    found = now(induction().marrow(2, 2).blood(2, 1500, 150_000))
    assert found.category == "MLFS"
    assert "early-marrow" in found.flags


def test_a_repeat_that_cannot_be_judged_does_not_hide_the_next_one() -> None:
    """Day 34 is inadequate; day 38 shows 20 %: day 30 was no remission."""
    course = remission().marrow(34, 2).result("marrow-adequacy", 34, "negative").marrow(38, 20)
    found = contradicted(course)
    assert CONTRADICTED in found.flags
    verdict, cited = proof(found, "marrow-not-contradicted")
    assert verdict == "not-met"
    assert "blasts-marrow 38" in cited
    assert not any(one.endswith(" 34") for one in cited)


def test_a_repeat_on_the_day_of_a_start_was_taken_before_it() -> None:
    """As a baseline is; a start the day before explains what the repeat shows."""
    assert CONTRADICTED in contradicted(remission().chemo(38).marrow(38, 20)).flags
    assert CONTRADICTED not in contradicted(remission().chemo(37).marrow(38, 20)).flags


def test_a_clear_repeat_contradicts_no_marrow_that_cannot_be_read() -> None:
    """A diseased one would."""
    unread = induction().marrow(30, "?").blood(30, 1500, 150_000)
    assert CONTRADICTED not in contradicted(unread.marrow(36, 2)).flags
    unread = induction().marrow(30, "?").blood(30, 1500, 150_000)
    assert "CR" not in contradicted(unread.marrow(36, 20)).candidates


def test_that_a_marrow_can_be_judged_is_said_with_its_source() -> None:
    """Cells counted speak for it, a word of inadequacy against it."""
    good = remission()
    bad = remission().result("marrow-adequacy", 30, "negative")
    for course, verdict in ((good, "met"), (bad, "not-met")):
        found = now(course)
        (row,) = [one for one in found.criteria_results if one.criterion == "marrow-usable"]
        assert row.verdict.value == verdict
        assert row.source == "non-evaluable: technically suboptimal sample"


# --------------------------------------------------------------------------- what came before it


def test_a_remission_after_a_relapse_without_known_therapy_is_measured_by_the_relapse() -> None:
    """And it is said that nobody named the start; by ELN 2017 too, which asks for new lesions."""
    course = remission().marrow(90, 40).marrow(130, 2).blood(130, 1500, 150_000)
    for name in ("eln-2022", "eln-2017"):
        found = now(course, name)
        assert (found.category, found.state) == ("CR", "in-remission")
        assert "baseline-inferred" in found.flags


@pytest.mark.parametrize("kind", ["transplant", "donor-lymphocytes"])
def test_a_graft_after_a_relapse_is_the_therapy_of_its_course(kind: str) -> None:
    """No cycle, and yet nobody says that no start is known; disease after it is a response."""
    course = remission().marrow(90, 40).event(kind, 100).marrow(130, 12)
    found = now(course.blood(130, 1500, 150_000, smear=0))
    assert (found.category, found.state) == ("PR", "active-disease")
    assert "baseline-inferred" not in found.flags


def known(course: Course, as_of: float) -> Facts:
    """What is known of a course at a moment."""
    return read_facts(course.record(), criteria(), at(as_of).start)


def test_what_begins_at_the_moment_asked_for_is_known() -> None:
    """And nothing that begins a second later."""
    course = induction().marrow(30, 2).chemo(30)
    found = known(course, 30)
    assert (found.marrow_days[-1], found.therapy.days[-1]) == (on(30), on(30))
    before = read_facts(course.record(), criteria(), at(30).start - timedelta(seconds=1))
    assert (before.marrow_days[-1], before.therapy.days[-1]) == (on(-4), on(1))


def test_a_lesion_that_ended_later_had_not_ended_yet() -> None:
    """At nine on day 40 it is over; before that nobody knew."""
    course = induction().event("extramedullary", 10, ended=at(40))
    (before,) = known(course, 39).events["extramedullary"]
    (then,) = known(course, 40).events["extramedullary"]
    assert (before.ended, before.when) == (None, at(10))
    assert then == course.events[-1]
    assert then.ended == at(40)


def test_a_share_that_may_be_a_fraction_is_doubted_before_therapy_alone() -> None:
    """0.5 % after therapy is a good marrow; before it, it may be half of all cells."""
    (after,) = known(Course().chemo(1).marrow(30, "0.5"), 40).marrows
    assert (after.flags, after.blasts.reading) == ((), value("0.5"))
    (before,) = known(Course().marrow(-4, "0.5").chemo(1), 40).marrows
    assert before.flags == ("blasts-scale-doubtful",)


def test_a_time_that_names_no_day_proves_nothing_and_says_so() -> None:
    """What was sent is kept; a sample taken over night is of its day."""
    month = replace(all_day(1), end=all_day(31).end, last_day=on(31), text="2026-01")
    (found,) = known(Course().result("blasts-marrow", 1, 2, when=month), 60).marrows
    assert found.results[0].value == Unreadable("2", "the time 2026-01 is not precise to a day")
    longest = timedelta(hours=24)
    for hours, precise in ((10, True), (24, True), (25, False)):
        end = at(30).start + timedelta(hours=hours)
        assert is_precise(replace(at(30), end=end, last_day=on(31)), longest) is precise
    assert is_precise(all_day(30), timedelta(hours=1))


def test_the_order_of_everything_is_that_of_time_however_it_is_told() -> None:
    """A start of day 40 that was sent first is still the second cycle."""
    told = Course(diagnosed=None).chemo(40).chemo(1)
    assert read_therapy(in_order(told.events), criteria().numbers).days == (on(1), on(40))
    start = told.events[0]
    drug = replace(start, kind="differentiating-drug")
    assert sorted([start, drug], key=order_of) == sorted([drug, start], key=order_of)


def test_blasts_in_the_blood_have_risen_against_what_was_counted_before_therapy() -> None:
    """From 10 to 30 *10*9/L is progress, from 50 to 30 is none; both leukocytes times a share."""
    for leukocytes, category in ((20, "PD"), (100, "NR")):
        course = Course().marrow(-4, 60).result("wbc", -4, leukocytes)
        course.result("blasts-blood", -4, 50, method="manual").chemo(1).marrow(30, 60)
        course.result("wbc", 30, 50).result("blasts-blood", 30, 60, method="manual")
        assert now(course, "eln-2017").category == category


def test_a_lesion_is_a_relapse_also_where_its_marrow_waits_for_a_repeat() -> None:
    """6 % that the next marrow leaves open, or 6 % soon after therapy, with a sarcoma."""
    undecided = remission().marrow(100, 6, emd="positive").marrow(106, "?", emd=None)
    recent = remission().chemo(80).marrow(100, 6, emd="positive")
    for course, name in ((undecided, "eln-2022"), (undecided, "eln-2017"), (recent, "iwg-2003")):
        found = anchored(judge(course, name), 100)
        assert (found.category, found.state_since) == ("RELAPSE", on(100)), name
        assert proof(found, "no-relapse-outside-marrow")[0] == "not-met"
