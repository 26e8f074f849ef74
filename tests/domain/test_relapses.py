"""Doubt, suspicion, relapse and withdrawal: what each leaves behind for the answers after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fhir_remission.domain.nouns.assessment import Assumption
from tests.domain.builder import Course, induction, judge, now, on, remission
from tests.domain.stories import guards, line, proof, story
from tests.domain.test_histories import BASELINE, CR, bad_sample, good, unasked

HISTORIES: dict[str, tuple[Callable[[], Course], str, list[str]]] = {
    "after a doubt a second unread marrow no longer may be the remission": (
        lambda: remission().marrow(100, "?").marrow(120, "?"), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: IND, unknown since 100, marrow-undecided, may be CR/RELAPSE, perhaps"
         " CR, ask marrow-blasts",
         "marrow 120: IND, unknown since 100, marrow-undecided, may be CR/CRh/CRi/MLFS/RELAPSE,"
         " perhaps CR/CRh/CRi/MLFS, ask anc counts marrow-blasts platelets"],
    ),
    "nor does one after a suspicion": (
        lambda: remission().marrow(90, 2).blood(90, 1500, 150_000, smear=3).marrow(110, "?"),
        "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow",
         "marrow 110: IND, unknown since 110, marrow-undecided, may be CR/RELAPSE, perhaps"
         " CR, ask marrow-blasts"],
    ),
    "a lesion in doubt before a relapse may be of the new course": (
        lambda: remission().marrow(100, 2, emd="indeterminate").marrow(130, 40, emd=None).chemo(
            140
        ).marrow(170, 2, emd=None).blood(170, 1500, 150_000), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: IND, unknown since 100, extramedullary-undecided, may be CR/RELAPSE,"
         " perhaps CR, ask extramedullary-disease",
         "marrow 130: RELAPSE, awaiting-response since 140",
         "marrow 170: IND, unknown since 170, undecided, may be CR/NR, perhaps CR, ask"
         " extramedullary-disease"],
    ),
    "without a known therapy the marrow of the relapse is the baseline": (
        lambda: good(remission().marrow(90, 40), 120, "4-6"), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 90",
         "marrow 120: IND, unknown since 120, undecided, may be CR/RELAPSE, perhaps CR, ask"
         " marrow-blasts"],
    ),
    "in the lay set an inadequate marrow after disease brings no remission back": (
        lambda: bad_sample(remission().marrow(90, 40).marrow(100, 2), 100), "healthtree-2024",
        [BASELINE, CR, "marrow 90: NR, active-disease since 90",
         "marrow 100: NE, active-disease since 90, inadequate-marrow"],
    ),
    "nor does the next remission of that set have a sample of the last one to clear": (
        lambda: good(remission().blood(90, smear="?").blood(95, smear=2), 120).blood(
            140, smear=0
        ).blood(150, smear="?"), "healthtree-2024",
        [BASELINE,
         CR,
         "blood 90: IND, unknown since 90, blood-blasts-undecided, may be CR/NE, perhaps CR,"
         " ask blood-blasts",
         "blood 95: NE, active-disease, disease-without-marrow",
         "marrow 120: CR, in-remission since 120, responded 120",
         "blood 150: IND, unknown since 150, blood-blasts-undecided, may be CR/NE, perhaps"
         " CR, ask blood-blasts"],
    ),
    "a suspicion is carried over an inadequate marrow without the remission's days": (
        lambda: bad_sample(good(remission().chemo(60), 90, 8).marrow(105, 2), 105), "iwg-2003",
        [BASELINE,
         CR,
         "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow",
         "marrow 105: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow"],
    ),
    "beside a proved CRh nothing lower is named, though other counts cannot be read": (
        lambda: induction().marrow(30, 2).blood(30, 1500, "?").blood(33, 700, 60_000).marrow(
            100, "?"), "eln-2022",
        [BASELINE,
         "marrow 30: CRh, in-remission since 30, responded 33, perhaps CR, ask platelets",
         "marrow 100: IND, unknown since 100, marrow-undecided, may be CR/CRh/RELAPSE,"
         " perhaps CR/CRh, ask marrow-blasts platelets"],
    ),
    "a preliminary marrow may end the window of the one before": (
        lambda: induction().marrow(28, 2).result("blasts-marrow", 42, 12, standing="preliminary"
        ).blood(42, 1500, 150_000), "eln-2022",
        [BASELINE,
         "marrow 28: MLFS, unknown since 28, responded 28, perhaps CR/CRh/CRi, ask anc counts"
         " platelets",
         "marrow 42: IND, unknown since 28, earlier-remission-unknown, may be"
         " CR/PR/RELAPSE/NR, perhaps CR/PR, ask earlier-response"
         " marrow-blasts"],
    ),
    "a marrow that the next one contradicts does not end a relapse that nobody treated": (
        lambda: good(remission().marrow(100, 40), 120).marrow(125, 8), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, relapsed since 100, responded 100, first sign 100",
         "marrow 120: MLFS, awaiting-response since 120, responded 120",
         "marrow 125: RELAPSE, relapsed since 100, responded 100"],
    ),
    "nor does one without counts": (
        lambda: remission().marrow(100, 40).marrow(120, 2).blood(120).marrow(150, 30), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, relapsed since 100, responded 100, first sign 100",
         "marrow 120: MLFS, awaiting-response since 120, responded 120, perhaps CR/CRh/CRi,"
         " ask anc counts platelets",
         "marrow 150: RELAPSE, relapsed since 100, responded 100"],
    ),
    "blood after one without counts is that relapse, or raises a suspicion (seed 1100025386)": (
        lambda: remission().marrow(100, 40).marrow(120, 2).blood(120).marrow(150, 2).blood(
            155, 1500, 150_000, smear=2), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, relapsed since 100, responded 100, first sign 100",
         "marrow 120: MLFS, awaiting-response since 120, responded 120, perhaps CR/CRh/CRi,"
         " ask anc counts platelets",
         "marrow 150: IND, unknown since 150, earlier-remission-unknown, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask earlier-response",
         "blood 155: IND, unknown since 150, signs-undecided, may be RELAPSE/RELAPSE_SUSPECTED"],
    ),
    "nor does an inadequate one, whatever is given later": (
        lambda: bad_sample(remission().chemo(90).marrow(100, 40).marrow(105, 2), 105).chemo(140),
        "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, relapsed since 100, responded 100, first sign 100",
         "marrow 105: RELAPSE, awaiting-response since 140, responded 100, first sign 100"],
    ),
    "a remission claimed in a second course is asked for as in the first": (
        lambda: good(good(remission().marrow(100, 40).chemo(110), 150, 12).claim(
            "remission", 170), 200, 12), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, awaiting-response since 110, responded 100, first sign 100",
         "marrow 150: PR, active-disease since 150, responded 150",
         "marrow 200: IND, unknown since 200, earlier-remission-unknown, may be PR/RELAPSE,"
         " perhaps PR, ask earlier-response"],
    ),
    "a relapse claimed before a marrow of the first course may be one; of the next, it is known": (
        lambda: good(good(induction().claim("relapse", 30), 30, 12).marrow(100, 40), 130, 12),
        "eln-2022",
        [BASELINE,
         "marrow 30: IND, unknown since 30, earlier-remission-unknown, may be PR/RELAPSE,"
         " perhaps PR, ask earlier-response",
         "marrow 100: IND, unknown since 30, earlier-remission-unknown, may be RELAPSE/NR, ask"
         " earlier-response",
         "marrow 130: IND, unknown since 30, earlier-remission-unknown, may be PR/RELAPSE,"
         " perhaps PR, ask earlier-response"],
    ),
    "the relapse that somebody claims of the known second course says nothing new": (
        lambda: good(remission().marrow(100, 40).chemo(110).claim("relapse", 120), 150, 12),
        "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: RELAPSE, awaiting-response since 110, responded 100, first sign 100",
         "marrow 150: PR, active-disease since 150, responded 150"],
    ),
    "a start that may have been leaves the marrow after it open, and all that follows": (
        lambda: good(good(induction().event("therapy-start", 25, certainty="unconfirmed"), 30),
            100, 12), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, unknown, responded 30, perhaps CR, ask therapy-start",
         "marrow 100: IND, unknown, therapy-possible, may be PR/RELAPSE, perhaps PR"],
    ),
    "what missing counts held back is forgotten once it was no remission": (
        lambda: induction().marrow(30, 2).blood(30).marrow(60, 12).chemo(62).marrow(90, 2).blood(
            90, 300, 20_000), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "marrow 60: IND, awaiting-response since 62, earlier-remission-unknown, may be"
         " PR/RELAPSE/NR, perhaps PR, ask anc earlier-response platelets",
         "marrow 90: CRi, in-remission since 90, responded 90"],
    ),
    "after the therapy of what was no remission, or its relapse, there is no relapse": (
        lambda: good(induction().marrow(30, 2).blood(30).marrow(60, 12).chemo(62), 90, 12),
        "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "marrow 60: IND, awaiting-response since 62, earlier-remission-unknown, may be"
         " PR/RELAPSE/NR, perhaps PR, ask anc earlier-response platelets",
         "marrow 90: IND, active-disease, earlier-remission-unknown, may be PR/NR, perhaps PR,"
         " ask earlier-response"],
    ),
    "blasts in the window of a clear marrow are a sign after what may have been a remission": (
        lambda: induction().marrow(30, 2).blood(30).marrow(60, 2).blood(
            62, 1500, 150_000, smear=2), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "marrow 60: IND, unknown since 60, earlier-remission-unknown, may be"
         " RELAPSE_SUSPECTED/NR, ask earlier-response",
         "blood 62: IND, unknown since 60, earlier-remission-unknown, may be"
         " RELAPSE_SUSPECTED/NR, ask earlier-response"],
    ),
    "a lesion that cannot be read may end the window": (
        lambda: induction().marrow(30, 2).result("extramedullary-disease", 44, "?").blood(
            44, 1500, 150_000), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, unknown since 30, responded 30, perhaps CR/CRh/CRi, ask anc counts"
         " platelets",
         "extramedullary 44: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/MLFS/RELAPSE, perhaps CR/MLFS, ask anc counts earlier-response"
         " extramedullary-disease platelets"],
    ),
    "a remission claimed at no time may have been at any": (
        lambda: good(good(induction().claim("remission", None), 30, 12).chemo(35), 60, 12),
        "eln-2022",
        ["marrow -4: IND, awaiting-response since 1, earlier-remission-unknown, may be"
         " RELAPSE/NR, ask earlier-response",
         "marrow 30: IND, awaiting-response since 35, earlier-remission-unknown, may be"
         " PR/RELAPSE, perhaps PR, ask earlier-response",
         "marrow 60: IND, unknown since 60, earlier-remission-unknown, may be PR/RELAPSE/NR,"
         " perhaps PR, ask earlier-response"],
    ),
    "a relapse claimed at no time was the first marrow or none": (
        lambda: good(induction().claim("relapse", None), 30, 12), "eln-2022",
        ["marrow -4: IND, awaiting-response since 1, earlier-remission-unknown, may be"
         " RELAPSE/NR, ask earlier-response",
         "marrow 30: PR, active-disease, responded 30"],
    ),
    "the marrow that contradicts is the first that disagrees, not the first": (
        lambda: good(induction(), 30).marrow(35, 2).marrow(40, 12), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30",
         "marrow 35: MLFS, awaiting-response since 1, responded 35",
         "marrow 40: IND, active-disease since 40, undecided, may be PR/NR, perhaps PR, ask"
         " anc platelets"],
    ),
    "cleared there they are none": (
        lambda: induction().marrow(30, 2).blood(30).marrow(60, 2).blood(62, smear=2).blood(
            66, 1500, 150_000), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "marrow 60: CR, in-remission since 66, responded 66"],
    ),
    "and a count that says one number was never in doubt": (
        lambda: induction().marrow(30, 2).blood(30).blood(45, 1500, 150_000, smear=None).marrow(
            60, 2).blood(62, smear=2).blood(66, 1500, 150_000), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "marrow 60: CR, in-remission since 66, responded 66"],
    ),
    "an early marrow without blasts speaks against the PR of the days before": (
        lambda: good(induction(), 28, 12).chemo(30).marrow(38, 2).blood(38, 100, 10_000, smear=2),
        "eln-2022",
        [BASELINE,
         "marrow 28: PR, awaiting-response since 30, responded 28",
         "marrow 38: NE, awaiting-response since 30, early-marrow"],
    ),
    "few cells whose counts nobody can read may be a remission after a partial one": (
        lambda: good(induction(), 28, 12).marrow(70, 3, cells=150).blood(70, "?", "?"),
        "eln-2022",
        [BASELINE,
         "marrow 28: PR, active-disease since 28, responded 28",
         "marrow 70: IND, active-disease since 28, undecided, may be CR/CRh/CRi/PR/NE, perhaps"
         " CR/CRh/CRi/PR, ask anc platelets"],
    ),
    "a lesion that may have been there before a smear that may have held blasts": (
        lambda: Course(diagnosed=20).result("extramedullary-disease", 15, "?").marrow(30, 2).blood(
            30, 1500, 150_000).blood(50, smear="?"), "eln-2022",
        ["marrow 30: IND, unknown since 30, disease-before-undecided, may be CR/NE, perhaps CR",
         "blood 50: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/RELAPSE_SUSPECTED/NE, perhaps CR, ask blood-blasts earlier-response"],
    ),
    "MRD-negative is carried over an inadequate marrow": (
        lambda: bad_sample(remission().mrd(30, "negative").marrow(90, 2), 90), "eln-2022",
        [BASELINE, "marrow 30: CR as CR_MRDneg, in-remission since 30, responded 30",
         "marrow 90: CR as CR_MRDneg, in-remission since 30, responded 30"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", HISTORIES)
def test_history(title: str) -> None:
    """What is said at every anchor of the course."""
    course, name, expected = HISTORIES[title]
    assert story(course(), name) == expected


def test_a_carried_suspicion_does_not_rest_on_the_criteria_of_the_remission() -> None:
    """They were met two months before; now the answer is a suspicion."""
    found = now(bad_sample(good(remission().chemo(60), 90, 8).marrow(105, 2), 105), "iwg-2003")
    assert found.category == "RELAPSE_SUSPECTED"
    assert not {"anc-recovered", "marrow-blasts-below-5"} & {
        one.criterion for one in found.criteria_results
    }


def test_a_carried_remission_assumes_what_it_assumed() -> None:
    """Nobody ever asked for disease outside the marrow."""
    assumed = (Assumption("extramedullary-disease-absent", "routine"),)
    found = now(bad_sample(unasked().marrow(90, 2, emd=None), 90))
    assert (line(found), found.assumptions) == (
        "marrow 90: CR, in-remission since 30, responded 30", assumed,
    )  # fmt: skip


def test_a_sample_that_leaves_a_relapse_as_it_is_says_why() -> None:
    """It lies soon after therapy, and nobody can judge it."""
    found = now(bad_sample(remission().chemo(90).marrow(100, 40).marrow(105, 2), 105))
    assert found.flags == ("early-marrow",)
    assert guards(found)["marrow-decides"][0] == "not-met"


def test_the_number_of_a_remission_after_a_claim_is_unknown() -> None:
    """The claim may be true (3.6); then this one is not the first."""
    found = now(good(induction().claim("remission", 10), 30))
    assert (found.category, found.remission_number, found.state_since) == ("CR", None, None)
    assert found.cycle is not None
    assert (found.cycle.number, found.cycle.day) == (1, 30)


def test_partial_remission_is_not_tested_in_a_remission() -> None:
    """The proof says so at each of its marrows."""
    assert proof(now(good(remission(), 60)), "no-prior-remission")[0] == "not-met"


def test_all_that_was_looked_at_is_cited_once_and_at_any_later_answer() -> None:
    """Though three things on the way could be taken for two."""
    course = remission().blood(90, smear="?").marrow(100, "?").blood(110, smear="?")
    found = now(good(course, 130, "4-6"))
    known = {f"blasts-blood {day}" for day in (30, 90, 110, 130)}
    known |= {f"blasts-marrow {day}" for day in (-4, 30, 100, 130)}
    cited = guards(found)["course-known"][1]
    assert known <= set(cited)
    assert len(cited) == len(set(cited))


def test_what_limits_an_open_answer_is_cited_with_it() -> None:
    """The start that makes it early, the one that ends its window, and the diagnosis."""
    course = good(induction().chemo(40), 50, "4-6").chemo(57)
    limits = {"aml-diagnosis -6", "blasts-marrow -4", "therapy-start 40", "therapy-start 57"}
    assert limits <= set(guards(now(course))["course-known"][1])


def test_a_draw_that_a_later_one_may_have_undercut_says_so() -> None:
    """The neutrophils of the day between cannot be read."""
    found = now(induction().blood(28, 1500, 150_000).blood(29, "?").marrow(30, 2))
    assert line(found) == (
        "marrow 30: CRi, in-remission since 30, responded 30, perhaps CR/CRh, ask anc"
    )
    assert found.draws[0].reason == "a later draw up to the marrow may be lower"


@pytest.mark.parametrize(
    ("course", "day", "looked_at"),
    [
        (remission().result("extramedullary-disease", 100, "?"), 100, "extramedullary-disease"),
        (remission().blood(100, smear="?"), 100, "blasts-blood"),
        (good(induction(), 30).marrow(35, "?"), 35, "blasts-marrow"),
    ],
)
def test_what_is_open_is_cited(course: Course, day: int, looked_at: str) -> None:
    """Whoever reads it, would know more."""
    found = next(one for one in judge(course) if one.category in ("IND", "MLFS"))
    assert f"{looked_at} {day}" in guards(found)["course-known"][1]


def test_of_many_unread_marrows_each_may_be_the_one_that_contradicts() -> None:
    """Five say what three do, and the last of them is cited with them."""
    course = good(induction(), 30)
    for day in (32, 34, 36):
        course.marrow(day, "?")
    few = judge(course)[1]
    many = judge(course.marrow(38, "?").marrow(40, "?"))[1]
    assert line(many) == line(few)
    assert line(few) == (
        "marrow 30: MLFS, unknown since 30, responded 30, perhaps CR, ask marrow-blasts"
    )
    assert "blasts-marrow 40" in guards(many)["course-known"][1]
    clear = judge(course.marrow(41, 2))[1]
    assert "blasts-marrow 41" not in guards(clear)["course-known"][1]
    assert judge(course.marrow(42, 12))[1].flags == ("contradicted-by-next-marrow",)


@pytest.mark.parametrize(
    ("course", "name"),
    [
        (remission().marrow(90, "?"), "no-relapse-in-marrow"),
        (remission().blood(90, smear="?"), "no-relapse-in-blood"),
    ],
)
def test_a_doubt_gives_its_reason_whole(course: Course, name: str) -> None:
    """As it is read on the page."""
    (told,) = [one for one in now(course).criteria_results if one.criterion == name]
    assert told.source == "what cannot be read proves nothing"


def test_a_graft_after_a_relapse_is_therapy() -> None:
    """It is no cycle, and yet what comes after it is a response of the next course."""
    course = remission().marrow(100, 40).chemo(112).event("transplant", 120)
    assert (now(course).category, now(course).state) == ("RELAPSE", "awaiting-response")
    assert now(course).state_since == on(112)
    assert now(course.marrow(150, 12).blood(150, 1500, 150_000)).category == "PR"
