"""What all ways to read a record say together, and which of them may be told as one.

The lines are those of `test_in_remission`; they were judged by the model (sections 0 and 3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

import pytest
from msgspec.structs import replace

from fhir_remission.domain.course.world import Node, Said, joined, joined_nodes
from fhir_remission.domain.criteria.loading import CriteriaSet
from tests.domain.builder import Course, anchored, criteria, induction, judge, now, on, remission
from tests.domain.generated import course_of
from tests.domain.stories import guards, proof, story
from tests.domain.test_histories import good, unasked
from tests.domain.test_in_remission import told
from tests.domain.test_properties import degraded


def alternatives() -> CriteriaSet:
    """As a site might write it: CRi by platelets, or by neutrophils."""
    base = criteria("eln-2022")
    (row,) = [one for one in base.category if one.id == "CRi"]
    kept = tuple(one for one in row.requires if one != "counts-below-cr")
    either = [
        replace(row, requires=(*kept, one)) for one in ("platelets-recovered", "anc-recovered")
    ]
    others = [one for one in base.category if one.id not in ("CRh", "CRi")]
    return replace(base, category=(*others[:1], *either, *others[1:]))


def relapse(course: Course, day: int) -> Course:
    """Blasts in the blood, a week apart."""
    return course.blood(day - 7, smear=2).blood(day, smear=2)


def treated(course: Course, day: int, blasts: object) -> Course:
    """A marrow with good counts; nobody asks for disease outside it."""
    return course.marrow(day, blasts, emd=None).blood(day, 1500, 150_000)


def two_cycles() -> Course:
    """Induction and re-induction, both intensive."""
    return induction().chemo(1, "intensive").chemo(40, "intensive")


TOGETHER: dict[str, tuple[Callable[[], Course], str | CriteriaSet, list[str]]] = {
    "ways that go on as one keep the first sign of a suspicion": (
        lambda: remission().claim("remission", None).blood(94, smear=3).mrd(154, "low-level"),
        "eln-2022",
        ["mrd 154: RELAPSE_SUSPECTED, relapse-suspected since 94, first sign 94, ask"
         " repeat-blood [claim-disagrees]"],
    ),
    "a remission is measured against the alternative that proved it": (
        lambda: induction().marrow(30, 2).blood(30, 1500, 40_000).blood(60, 1500, 40_000),
        alternatives(),
        ["marrow 30: CRi, in-remission since 30, responded 30 #1"],
    ),
    "at the landmark a marrow that may not be there leaves more open than a remission (3.5)": (
        lambda: two_cycles().result("marrow-adequacy", 90, "?"), "eln-2022",
        ["marrow 90: IND, unknown since 90, undecided, may be CR/CRh/CRi/REFRACTORY/NE,"
         " perhaps CR/CRh/CRi, ask anc counts marrow-adequacy marrow-blasts"
         " platelets"],
    ),
    "refractory disease asks for nothing, though partial remission is open (3.5)": (
        lambda: two_cycles().marrow(90, 20), "eln-2022",
        ["marrow 90: REFRACTORY, active-disease since 90"],
    ),
    "what an open answer asks for is of all its ways": (
        lambda: induction().marrow(84, 2, emd="?"), "iwg-2003",
        ["marrow 84: IND, unknown since 84, undecided, may be CR/CRi/MLFS/NR, perhaps"
         " CR/CRi/MLFS, ask anc counts extramedullary-disease platelets"],
    ),
    "a marrow that proves the leukaemia may be its first, before any response (3.1, 3.2)": (
        lambda: Course(diagnosed=None).marrow(-4, "?").chemo(73, "intensive").marrow(99, 90),
        "eln-2017",
        ["marrow 99: IND, unknown, undecided, may be PD/NR/NE, ask baseline-counts"
         " baseline-marrow"],
    ),
    "therapy between two days of a relapse treats one of them alone (3.7)": (
        lambda: relapse(unasked().blood(100, smear=2).blood(110, smear="?").chemo(112), 125).marrow(
            140, 40, emd=None), "eln-2022",
        ["blood 100: RELAPSE_SUSPECTED, relapse-suspected since 100, first sign 100, ask"
         " repeat-blood #1",
         "blood 110: IND, unknown since 110, blood-blasts-undecided, may be CR/RELAPSE,"
         " perhaps CR, ask blood-blasts",
         "blood 118: IND, unknown since 110, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 125: RELAPSE, unknown since 110",
         "marrow 140: IND, unknown since 110, undecided, may be RELAPSE/NR"],
    ),
    "the marrow of a relapse that may be none is no baseline of the next (3.7)": (
        lambda: treated(relapse(unasked().marrow(100, "4-12", emd=None), 112).chemo(115), 150, 7),
        "eln-2022",
        ["marrow 100: IND, unknown since 100, marrow-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts",
         "blood 105: IND, unknown since 100, marrow-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts",
         "blood 112: RELAPSE, awaiting-response since 115",
         "marrow 150: IND, active-disease since 150, undecided, may be PR/NR, perhaps PR, ask"
         " baseline-marrow"],
    ),
    "nor is it after a graft, which is no start": (
        lambda: treated(relapse(unasked().marrow(100, "4-12", emd=None), 112).event(
            "transplant", 130), 170, 8), "eln-2022",
        ["marrow 30: CR, in-remission since 30, responded 30 [transplant] #1",
         "marrow 100: IND, unknown since 100, marrow-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts [transplant]",
         "blood 105: IND, unknown since 100, marrow-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts [transplant]",
         "blood 112: RELAPSE, awaiting-response since 130 [transplant]",
         "marrow 170: IND, active-disease since 170, undecided, may be PR/NR, perhaps PR, ask"
         " baseline-marrow [transplant]"],
    ),
    "of two marrows each may be the baseline": (
        lambda: treated(unasked().marrow(100, "4-12", emd=None).marrow(120, 30, emd=None).event(
            "transplant", 130), 170, 8), "eln-2022",
        ["marrow 30: CR, in-remission since 30, responded 30 [transplant] #1",
         "marrow 100: IND, unknown since 100, marrow-undecided, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts [transplant]",
         "marrow 120: RELAPSE, awaiting-response since 130 [transplant]",
         "marrow 170: IND, active-disease since 170, undecided, may be PR/NR, perhaps PR"
         " [transplant]"],
    ),
    "blasts of the blood are measured against the relapse that may have been": (
        lambda: unasked().result("wbc", 100, 30).blood(100, smear="0-2").blood(
            128, smear=2).chemo(130).marrow(230, 40, emd=None).result("wbc", 230, 60).blood(
            230, smear=50), "eln-2017",
        ["blood 100: IND, unknown since 100, blood-blasts-undecided, may be CR/RELAPSE,"
         " perhaps CR, ask blood-blasts",
         "blood 128: RELAPSE, awaiting-response since 130",
         "marrow 230: IND, active-disease since 230, undecided, may be PD/SD, ask"
         " baseline-counts baseline-marrow blood-blast-count"],
    ),
}  # fmt: skip
"""The last answers of each."""


@pytest.mark.parametrize("title", TOGETHER)
def test_what_the_ways_say_together(title: str) -> None:
    """What all share is said, what differs is named."""
    course, name, expected = TOGETHER[title]
    found = [told(one) for one in judge(course(), name)]
    assert expected == found[-len(expected) :]


def test_only_what_all_ways_prove_is_a_response() -> None:
    """MLFS of the smear that cannot be read is the answer of one way alone (6.1)."""
    course = induction().marrow(28, 3).blood(39, 1500, None).blood(42, smear="?")
    assert judge(course, "iwg-2003")[1].responses == (("CRi", on(39)),)


def test_a_response_counts_from_the_first_draw_that_proves_it() -> None:
    """A later draw of the window proves it once more (6.1)."""
    course = induction().marrow(30, 2).blood(30, 600, 60_000).blood(35, 700, 60_000)
    assert now(course).responses == (("CRh", on(30)),)


def test_a_set_may_have_a_word_for_a_remission_without_mrd() -> None:
    """No sample was ever sent."""
    base = criteria("eln-2022")
    rows = [replace(one, mrd={"unknown": f"{one.id}_MRDunknown"}) for one in base.category]
    found = judge(good(induction(), 30), replace(base, category=tuple(rows)))
    assert [one.code for one in found] == ["NE", "CR_MRDunknown"]


def test_a_remission_of_several_ways_assumes_what_any_of_them_does() -> None:
    """Counts of the first marrow or of the second prove it, with a smear or without."""
    course = Course().chemo(56, "intensive").marrow(89, 1, emd=None).blood(87, None, "40-120")
    course.blood(95, smear="?").blood(217, 2500, None, smear=None)
    found = now(course.marrow(218, 2, emd=None, cells=None))
    assert (found.category, found.confidence) == ("CRi", "material")
    assumed = {one.id for one in found.assumptions}
    assert assumed == {"blood-blasts-absent", "extramedullary-disease-absent", "marrow-adequate"}


def test_all_marrows_on_the_way_to_an_open_answer_are_cited() -> None:
    """Each of them may have been the first of the leukaemia."""
    course = Course(diagnosed=None).marrow(28, 12).marrow(74, 8).marrow(103, "?")
    cites = guards(now(course, "pediatric-2012"), "pediatric-2012")["course-known"][1]
    assert {"blasts-marrow 28", "blasts-marrow 74", "blasts-marrow 103"} <= set(cites)


def test_a_claim_that_several_ways_share_shows_what_they_looked_at() -> None:
    """The marrow before may have been a remission or none; what is no claim rests on its own."""
    course = good(induction().marrow(28, "?").blood(28, 1500, 150_000), 45)
    assert story(course)[-1] == "marrow 45: CR, in-remission, responded 45"
    assert "blasts-marrow 28" in guards(now(course))["course-known"][1]
    course = induction().marrow(30, 40).blood(30, 300, 20_000, smear="?")
    assert story(course)[-1] == "marrow 30: NR, active-disease since 30"
    assert "course-known" not in guards(now(course))


def test_what_was_told_of_a_marrow_is_not_asked_of_the_next_one() -> None:
    """Before therapy, and unread: nothing of a later marrow hangs on it."""
    assert "course-known" not in guards(now(Course().marrow(-4, "?").marrow(18, 2)))


def test_an_open_marrow_in_a_remission_shows_its_own_values() -> None:
    """Not those of the marrow whose answer stands in one of the ways."""
    found = now(remission().marrow(100, "?"))
    assert found.candidates == ("CR", "RELAPSE")
    assert proof(found, "marrow-blasts-below-5") == ("unknown", ["blasts-marrow 100"])
    assert proof(found, "anc-recovered") == ("unknown", [])


def test_what_proved_the_answer_is_shown_and_not_what_may_prove_it_again() -> None:
    """The later marrow says so in one of the ways alone (6.1)."""
    course = Course().marrow(31, 4, cells=None, emd=None).result("platelets", 32, 150)
    found = now(course.marrow(33, 1, cells="?", emd=None), "healthtree-2024")
    assert (found.category, found.response_date) == ("CRi", on(32))
    assert proof(found, "marrow-blasts-below-5") == ("met", ["blasts-marrow 31"])


def test_a_remission_that_counts_hold_back_is_not_one_that_somebody_told_of() -> None:
    """Where there was none at the blasts, a word of a later one may still be true (3.6)."""
    course = Course(attested=False).marrow(92, 3, cells=None, emd=None).blood(156, smear=1)
    found = now(course.claim("remission", 170).blood(212, smear="?"))
    assert found.candidates == ("CR", "CRh", "CRi", "MLFS", "RELAPSE", "RELAPSE_SUSPECTED")


def test_what_holds_in_some_ways_alone_is_open() -> None:
    """In two of them no remission was before, in the third there was one."""
    course = Course(diagnosed=None).chemo(1).marrow(105, "?", cells=None, emd=None)
    course.result("blasts-blood", 108, "<1", method="manual")
    found = now(course.marrow(111, "<5", cells=None, emd=None), "eln-2017")
    assert proof(found, "no-prior-remission") == ("unknown", [])


def test_a_lesion_that_nobody_can_read_cuts_no_window_that_is_shown() -> None:
    """The same is said with it and without it; what is told first is the record as it is."""
    found = now(induction().marrow(41, 70).result("extramedullary-disease", 50, "?"))
    assert (found.category, found.window_closes) == ("NR", on(55))
    assert "window-whole" not in guards(found)


def test_no_baseline_is_known_where_no_marrow_opens_the_course_for_certain() -> None:
    """The first may have been full of blasts; then another start is the first (3.3)."""
    found = now(Course(diagnosed=None).marrow(-4, "?").marrow(-2, 3).chemo(110, "intensive"))
    assert proof(found, "blasts-halved") == ("unknown", ["blasts-marrow -2"])


def test_both_draws_are_cited_where_one_may_have_fallen_to_the_other() -> None:
    """Counted or refused, the earlier one decides in one of the ways (2.3)."""
    course = induction().blood(28, 1500, "90-150").marrow(30, 2).blood(30, 1500, "80-120")
    assert proof(now(course), "platelets-recovered")[1] == ["platelets 28", "platelets 30"]


def test_of_two_relapses_that_nobody_can_tell_apart_the_first_stands_for_both() -> None:
    """A remission claimed on the day of the second is claimed after either."""
    course = remission().claim("remission", 114).marrow(107, "4-6").marrow(114, "4-6")
    cites = proof(now(course.marrow(135, 2)), "blasts-halved")[1]
    assert cites == ["blasts-marrow 107", "blasts-marrow 135"]


def test_ways_that_are_one_go_on_with_all_their_evidence_and_the_first_suspicion() -> None:
    """What they looked at before, and since when one of them suspects a relapse."""
    saids = [
        Said(category="CR", state="in-remission", suspected=day) for day in (on(9), on(5), None)
    ]
    assert joined(saids).suspected == on(5)
    one, other = Node((), ()), Node((), ())
    assert joined_nodes([Node((one,), ()), Node((other, one), ())]).before == (one, other)


def test_a_doubtful_diagnosis_shows_what_was_looked_at() -> None:
    """Though every way says the same of the marrow."""
    assert "course-known" in guards(now(Course(diagnosed=None).marrow(89, 4)))


def test_mrd_before_a_remission_is_no_part_of_the_proof() -> None:
    """It is judged in a remission (5.4)."""
    found = now(induction().marrow(8, 3).mrd(8, "positive"))
    assert (found.category, found.mrd) == ("MLFS", "unknown")
    assert "mrd-negative" not in {one.criterion for one in found.criteria_results}


@pytest.mark.parametrize("cells", [300, "?"])
def test_an_open_answer_shows_the_window_of_its_own_marrow(cells: object) -> None:
    """Not that of the marrow before, which stands in one of the ways."""
    course = Course(diagnosed=None).chemo(71).marrow(76, 2).marrow(84, 2, cells=cells)
    assert now(course, "iwg-2003").window_closes == on(98)


def test_blood_that_may_end_a_remission_says_by_which_rule() -> None:
    """The way in which nothing happened has no line for it."""
    found = now(induction().marrow(28, 2).blood(99, smear="?"))
    assert guards(found)["no-relapse-in-blood"] == ("unknown", ["blasts-blood 99"])


def test_blood_is_told_without_the_marrow_before_it() -> None:
    """In one way the remission that it proved stands, and says nothing new of it."""
    found = now(unasked().blood(110, smear="?"))
    assert "marrow-usable" not in guards(found)


def test_a_marrow_is_told_to_be_contradicted_where_every_way_says_so() -> None:
    """The next one may lie on either side."""
    found = anchored(judge(good(induction(), 30, "4-6").marrow(38, "4-6")), 30)
    assert "contradicted-by-next-marrow" not in found.flags
    assert "marrow-not-contradicted" not in guards(found)


def test_of_several_openings_each_may_have_its_baseline() -> None:
    """The first marrow may be none of leukaemia; then a later one is the baseline (3.3)."""
    course = Course(diagnosed=None).marrow(-40, "19-30").chemo(-25).marrow(-4, "10-30")
    found = now(good(course.marrow(-2, 12).chemo(1), 40, 8))
    assert {"PR", "NR", "NE"} <= set(found.candidates)


def test_where_no_opening_is_sure_any_marrow_that_may_be_full_may_open_the_course() -> None:
    """Without a diagnosis: of two marrows that cannot be read the later may be the first full one,
    and what was before it is no remission of its course."""
    whole = course_of(Random(1100008856)).record()
    lost = {date(2026, 1, 28), date(2026, 5, 26)}
    results = tuple(
        degraded(one, 0) if one.analyte == "blasts-marrow" and one.when.first_day in lost else one
        for one in whole.results
    )
    assert now(whole).category == "NR"
    assert "NR" in now(replace(whole, results=results)).candidates
