"""What may have been a remission, what came too soon, and the landmark: answer by answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fhir_remission.domain.nouns.assessment import Assumption
from tests.domain.builder import Course, induction, now, remission
from tests.domain.stories import guards, line, proof, story
from tests.domain.test_histories import BASELINE, CR, RELAPSED, bad_sample, good

MAYBE = (
    "marrow 30: IND, unknown since 30, undecided, may be CR/PR, perhaps CR/PR, ask marrow-blasts"
)
MAY_BE_MORE = (
    "marrow 60: MLFS, awaiting-response since 1, responded 60, perhaps CR/CRh/CRi,"
    " ask anc counts platelets"
)
ONE_LINEAGE = {"cri_requires_one_recovered_lineage": "yes"}


def perhaps() -> Course:
    """An induction whose marrow of day 30 may have been a remission: at most 5 %."""
    return good(induction(), 30, "<=5")


def low_intensity() -> Course:
    """A less-intensive therapy, whose landmark is day 181."""
    return Course().marrow(-4, 60).chemo(1, "less-intensive")


HISTORIES: dict[str, tuple[Callable[[], Course], str, list[str]]] = {
    "a clear marrow after an unread one may have been a remission that nobody could judge": (
        lambda: good(good(Course(diagnosed=20).marrow(10, "?"), 30).chemo(40), 70, 12), "eln-2022",
        ["marrow 10: NE, untreated since 10, before-therapy",
         "marrow 30: IND, unknown since 30, disease-before-undecided, may be CR/NE, perhaps CR",
         "marrow 70: IND, unknown since 30, earlier-remission-unknown, may be RELAPSE/NR,"
         " ask earlier-response"],
    ),
    "a marrow of the day of the diagnosis is of its course": (
        lambda: good(Course(diagnosed=30).chemo(1), 30), "eln-2022", [CR],
    ),
    "blasts after a clear marrow may be the relapse of what may have been a remission": (
        lambda: good(
            perhaps().marrow(60, 2).blood(62, smear=3).blood(66, 1500, 150_000), 90, 12
        ), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: CR, in-remission, responded 66",
         "blood 62: IND, unknown since 62, signs-undecided, may be CR/RELAPSE_SUSPECTED,"
         " perhaps CR",
         "blood 66: CR, in-remission, responded 66",
         "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 90"],
    ),
    "blasts of the day of the marrow that a smear then clears are not": (
        lambda: perhaps().marrow(60, 2).blood(60, smear=3).blood(66, 1500, 150_000), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: CR, in-remission, responded 66"],
    ),
    "an unread smear beside a clear marrow may be no response or a relapse": (
        lambda: perhaps().marrow(60, 2).blood(60, 1500, 150_000, smear="?"), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/RELAPSE_SUSPECTED/NR, perhaps CR, ask blood-blasts earlier-response"],
    ),
    "whatever a smear says after it": (
        lambda: perhaps().marrow(60, 2).blood(60, smear="?").blood(63), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: MLFS, unknown since 30, perhaps CR/CRh/CRi, ask anc counts platelets"],
    ),
    "so it is after a remission that was only claimed": (
        lambda: induction().claim("remission", 20).marrow(30, 2).blood(
            30, 1500, 150_000, smear="?"
        ), "eln-2022",
        [BASELINE,
         "marrow 30: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/RELAPSE_SUSPECTED/NR, perhaps CR, ask blood-blasts earlier-response"],
    ),
    "in the lay set, which knows no relapse, it may be no response": (
        lambda: perhaps().marrow(60, 2).blood(60, 1500, 150_000, smear="?"), "healthtree-2024",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be CR/NR, perhaps"
         " CR, ask blood-blasts earlier-response"],
    ),
    "too few cells do not hide blasts that came and went after them": (
        lambda: perhaps().marrow(60, 2, cells=80).blood(62, 100, 10_000, smear=3).blood(
            66, 100, 10_000
        ), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be CR/PR, perhaps"
         " CR/PR, ask earlier-response",
         "blood 62: IND, unknown since 30, earlier-remission-unknown, may be"
         " PR/RELAPSE_SUSPECTED, perhaps PR, ask earlier-response",
         "blood 66: IND, unknown since 30, earlier-remission-unknown, may be CR/PR, perhaps"
         " CR/PR, ask earlier-response"],
    ),
    "a lesion after a claimed remission may be its relapse": (
        lambda: induction().claim("remission", 20).marrow(30, 2, emd="positive").blood(
            30, 1500, 150_000
        ), "eln-2022",
        [BASELINE,
         "marrow 30: IND, unknown since 30, earlier-remission-unknown, may be RELAPSE/NR,"
         " ask earlier-response"],
    ),
    "a lesion after what may have been a remission would be its relapse, though denied later": (
        lambda: perhaps().marrow(60, 2, emd="positive").result(
            "extramedullary-disease", 64, "negative"
        ).blood(66, 1500, 150_000), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be CR/RELAPSE,"
         " perhaps CR, ask earlier-response"],
    ),
    "so would one that cannot be told": (
        lambda: perhaps().marrow(60, 2, emd="?").result(
            "extramedullary-disease", 64, "negative"
        ).blood(66, 1500, 150_000), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be CR/RELAPSE,"
         " perhaps CR, ask earlier-response extramedullary-disease"],
    ),
    "without a remission before it a lesion that is denied stands against nothing": (
        lambda: induction().marrow(60, 2, emd="positive").result(
            "extramedullary-disease", 64, "negative"
        ).blood(66, 1500, 150_000), "eln-2022",
        [BASELINE, "marrow 60: CR, in-remission since 66, responded 66"],
    ),
    "a response after what may have been a remission is not carried": (
        lambda: bad_sample(perhaps().marrow(60, 2).blood(60), 67), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: MLFS, unknown since 30, responded 60, perhaps CR/CRh/CRi, ask anc"
         " counts platelets",
         "marrow 67: MLFS, unknown since 30, responded 60, perhaps CR/CRh/CRi, ask anc"
         " counts platelets"],
    ),
    "one that may itself have been the remission is": (
        lambda: bad_sample(induction().marrow(60, 2).blood(60), 67), "eln-2022",
        [BASELINE, MAY_BE_MORE, MAY_BE_MORE.replace("marrow 60", "marrow 67")],
    ),
    "a clear marrow that only an unread smear keeps in the relapse may have been a remission": (
        lambda: remission().blood(90, smear=3).blood(100, smear=3).marrow(120, 2).blood(
            120, 1500, 150_000, smear="?"
        ).chemo(130).marrow(160, 2).blood(160, 100, 10_000, smear=3), "eln-2022",
        [BASELINE,
         CR,
         "blood 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-blood",
         "blood 100: RELAPSE, relapsed since 100, responded 100, first sign 90",
         "marrow 120: IND, unknown since 120, undecided, may be CR/RELAPSE, perhaps CR, ask"
         " blood-blasts",
         "marrow 160: IND, unknown since 120, earlier-remission-unknown, may be"
         " RELAPSE_SUSPECTED/NR, ask earlier-response"],
    ),
    "blood after a marrow may have been the relapse of a remission in doubt: no new one is said": (
        lambda: good(induction(), 30).marrow(56, "?").marrow(60, 4).blood(65, smear=1).blood(
            71, 1500, 150_000
        ), "healthtree-2024",
        [BASELINE,
         CR,
         "marrow 56: IND, unknown since 56, marrow-undecided, may be CR/NR, perhaps CR, ask"
         " marrow-blasts",
         "marrow 60: CR, in-remission since 30, responded 30",
         "blood 65: NE, active-disease since 65, disease-without-marrow"],
    ),
    "by ELN 2022 too": (
        lambda: good(induction(), 30).marrow(56, "?").marrow(60, 4).blood(65, smear=1).blood(
            71, 1500, 150_000
        ), "eln-2022",
        [BASELINE,
         CR,
         "marrow 56: IND, unknown since 56, marrow-undecided, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts",
         "marrow 60: CR, in-remission since 30, responded 30",
         "blood 65: RELAPSE_SUSPECTED, relapse-suspected since 65, first sign 65, ask"
         " repeat-blood",
         "blood 71: CR, in-remission since 30, responded 30"],
    ),
    "a clear marrow whose unread repeat may never be confirmed may have been a remission": (
        lambda: good(
            induction().marrow(30, 2).blood(30, 100, 10_000, smear=1).result(
                "blasts-marrow", 31, "?", standing="preliminary"
            ), 44, 12
        ), "eln-2022",
        [BASELINE,
         "marrow 30: IND, unknown since 30, undecided, may be NR/NE, ask marrow-blasts",
         "marrow 31: IND, unknown since 30, undecided, may be NR/NE, ask marrow-blasts",
         "marrow 44: PR, active-disease, responded 44"],
    ),
    "draws after a lesion that cannot be told may have made the marrow before it a remission": (
        lambda: good(
            induction().event("extramedullary", 10).marrow(27, 2, emd=None).blood(
                25, 1500, 150_000, smear=3
            ).result("extramedullary-disease", 29, "?").blood(30, 1500, 150_000).chemo(60), 110, 12
        ), "eln-2022",
        [BASELINE,
         "marrow 27: IND, unknown since 27, undecided, may be CR/NR, perhaps CR, ask"
         " extramedullary-disease",
         "marrow 110: IND, unknown since 27, earlier-remission-unknown, may be PR/RELAPSE,"
         " perhaps PR, ask earlier-response"],
    ),
    "they could not where the marrow itself shows a sign of disease": (
        lambda: good(
            induction().event("extramedullary", 10).marrow(27, 2, emd=None).result(
                "auer-rods", 27, "positive"
            ).blood(25, 1500, 150_000, smear=3).result("extramedullary-disease", 29, "?").blood(
                30, 1500, 150_000
            ).chemo(60), 110, 12
        ), "eln-2017",
        [BASELINE, "marrow 27: PD, awaiting-response since 60",
         "marrow 110: PR, active-disease since 27, responded 110"],
    ),
    "draws after a lesion that is there could not": (
        lambda: good(
            induction().event("extramedullary", 10).marrow(27, 2, emd=None).blood(
                25, 1500, 150_000, smear=3
            ).blood(30, 1500, 150_000).chemo(60), 110, 12
        ), "eln-2022",
        [BASELINE, "marrow 27: NR, awaiting-response since 60",
         "marrow 110: PR, active-disease since 27, responded 110"],
    ),
    "nor was a marrow beside a lesion of the relapse the next remission": (
        lambda: good(
            remission().blood(90, smear=3).blood(100, smear=3).marrow(120, 2, emd="positive").blood(
                120, 1500, 150_000
            ).chemo(130), 170, 12
        ), "eln-2022",
        [BASELINE, CR,
         "blood 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask repeat-blood",
         "blood 100: RELAPSE, relapsed since 100, responded 100, first sign 90",
         "marrow 120: RELAPSE, awaiting-response since 130, responded 100, first sign 90",
         "marrow 170: NR, active-disease since 170"],
    ),
    "blasts beside a marrow, by the lay set after what may have been a remission": (
        lambda: perhaps().marrow(60, 2).blood(60, 1500, 150_000, smear=3), "healthtree-2024",
        [BASELINE,
         MAYBE,
         "marrow 60: NR, active-disease"],
    ),
    "a full marrow after what may have been a remission is no response or a relapse": (
        lambda: good(perhaps(), 60, 40), "eln-2022",
        [BASELINE,
         MAYBE,
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be RELAPSE/NR,"
         " ask earlier-response"],
    ),
    "an unread smear beside a marrow that the next one contradicts": (
        lambda: good(
            induction().marrow(30, 2).blood(30, 1500, 150_000, smear="?"), 40, 9
        ), "eln-2022",
        [BASELINE,
         "marrow 30: IND, unknown since 30, undecided, may be MLFS/NE, perhaps MLFS, ask"
         " blood-blasts",
         "marrow 40: PR, active-disease since 40, responded 40"],
    ),
    "too early on the line is undecided whatever the next marrow says": (
        lambda: good(induction().marrow(15, "4-6").blood(15, 300, 20_000), 25, 9), "eln-2022",
        [BASELINE,
         "marrow 15: IND, awaiting-response since 1, undecided, may be MLFS/NE, perhaps"
         " MLFS, ask marrow-blasts",
         "marrow 25: PR, active-disease since 25, responded 25"],
    ),
    "too early, on the line and of too few cells is not evaluable": (
        lambda: induction().marrow(15, "4-6", cells=80).blood(15, 300, 20_000), "eln-2022",
        [BASELINE,
         "marrow 15: NE, awaiting-response since 1, too-few-cells"],
    ),
    "so is one below it beside a lesion that cannot be told, whatever was claimed": (
        lambda: induction().claim("remission", 10).marrow(
            15, 2, cells=80, emd="indeterminate"
        ).blood(15, 100, 10_000), "eln-2022",
        [BASELINE,
         "marrow 15: IND, unknown since 15, earlier-remission-unknown, may be"
         " CR/CRh/CRi/RELAPSE/NE, perhaps CR/CRh/CRi, ask earlier-response"
         " extramedullary-disease"],
    ),
    "a remission that an unread repeat may contradict leaves what follows open": (
        lambda: good(good(induction(), 30).marrow(37, "?", emd="positive"), 60, 12), "eln-2022",
        [BASELINE,
         "marrow 30: MLFS, unknown since 30, responded 30, perhaps CR, ask marrow-blasts",
         "marrow 37: IND, unknown since 30, earlier-remission-unknown, may be RELAPSE/NR,"
         " ask earlier-response marrow-blasts",
         "marrow 60: IND, unknown since 30, earlier-remission-unknown, may be PR/RELAPSE,"
         " perhaps PR, ask earlier-response"],
    ),
    "two intensive cycles after a relapse make nobody refractory": (
        lambda: remission().marrow(90, 40).chemo(95, "intensive").chemo(120, "intensive").marrow(
            150, 40
        ), "eln-2022",
        [BASELINE, CR, RELAPSED + "95, responded 90, first sign 90",
         "marrow 150: NR, active-disease since 150"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", HISTORIES)
def test_history(title: str) -> None:
    """What is said at every anchor of the course."""
    course, name, expected = HISTORIES[title]
    assert story(course(), name) == expected


def test_after_a_claimed_remission_blasts_on_the_line_may_be_its_relapse() -> None:
    """However early and however few the cells: not settled as merely not evaluable."""
    course = induction().claim("remission", 10).marrow(15, "4-6", cells=80)
    found = now(course.blood(15, 300, 20_000))
    assert (found.category, found.reason, found.state) == (
        "IND",
        "earlier-remission-unknown",
        "unknown",
    )


def test_what_may_have_been_a_remission_and_its_relapse_is_cited() -> None:
    """Taken away, either of them would make the answer better."""
    denied = (
        perhaps().marrow(60, 2, emd="positive").result("extramedullary-disease", 64, "negative")
    )
    found = now(denied.blood(66, 1500, 150_000))
    assert guards(found)["no-relapse-outside-marrow"] == ("unknown", ["extramedullary-disease 60"])
    assert "blasts-marrow 30" in proof(found, "course-known")[1]
    not_carried = now(bad_sample(perhaps().marrow(60, 2).blood(60), 67))
    assert "blasts-marrow 30" in proof(not_carried, "course-known")[1]


def test_a_remission_that_may_have_come_after_a_relapse_is_cited() -> None:
    """With the doubt that leaves it open, or the smear that was not clear."""
    doubted = good(remission().marrow(100, "?"), 115, "<=5").marrow(130, 40).chemo(140)
    cited = proof(now(good(doubted, 170, 12)), "course-known")[1]
    assert {"blasts-marrow 100", "blasts-marrow 115"} <= set(cited)
    unread = remission().blood(90, smear=3).blood(100, smear=3).marrow(120, 2)
    unread.blood(120, 1500, 150_000).blood(122, smear="?").chemo(130).marrow(160, 2)
    cited = proof(now(unread.blood(160, 100, 10_000, smear=3)), "course-known")[1]
    assert {"blasts-marrow 120", "blasts-blood 122"} <= set(cited)


def test_draws_beyond_a_cut_in_doubt_are_cited() -> None:
    """They are why the marrow may have been a remission."""
    course = induction().event("extramedullary", 10).marrow(27, 2, emd=None)
    course.blood(25, 1500, 150_000, smear=3).result("extramedullary-disease", 29, "?")
    course.blood(30, 1500, 150_000).chemo(60)
    cited = proof(now(good(course, 110, 12)), "course-known")[1]
    assert {"anc 30", "platelets 30", "blasts-blood 25"} <= set(cited)


def test_a_free_state_at_the_landmark_is_refractory_unless_a_remission_was_claimed() -> None:
    """With both lineages low it is no CRi by that policy, and no response counts as the best."""
    course = low_intensity().marrow(190, 3).blood(190, 100, 10_000)
    found = now(course, policies=ONE_LINEAGE)
    assert line(found) == "marrow 190: REFRACTORY, active-disease since 190"
    assert found.best_response is None
    claimed = now(course.claim("remission", 50), policies=ONE_LINEAGE)
    assert line(claimed) == (
        "marrow 190: IND, unknown since 190, earlier-remission-unknown, may be MLFS/REFRACTORY,"
        " perhaps MLFS, ask earlier-response"
    )


def test_the_landmark_is_told_where_it_decides_and_nowhere_else() -> None:
    """An undecided marrow of that day is undecided by its blasts."""
    open_end = now(good(low_intensity(), 190, "<=5"))
    assert (open_end.category, open_end.reason) == ("IND", "remission-not-excluded-at-landmark")
    assert guards(open_end)["before-landmark"][0] == "unknown"
    decided = now(low_intensity().marrow(190, 30))
    (told,) = [one for one in decided.criteria_results if one.criterion == "before-landmark"]
    landmark = "no CR, CRh or CRi 180 days after the start of less-intensive therapy"
    assert told.rule == f"before refractory disease: {landmark}"


def test_an_early_marrow_with_blasts_cites_what_may_have_been_the_remission() -> None:
    """The marrow on the line, with the counts that would have made it one."""
    found = now(good(induction(), 25, "<=5").chemo(30).marrow(40, 30))
    verdict, cited = proof(found, "course-known")
    assert verdict == "unknown"
    assert {"blasts-marrow 25", "anc 25", "platelets 25"} <= set(cited)
    (told,) = [one for one in found.criteria_results if one.criterion == "course-known"]
    assert told.source == "what cannot be read proves nothing"


def test_a_remission_withheld_for_blasts_after_it_is_cited_with_its_counts() -> None:
    """Blood of day 66 would have made the marrow of day 60 a remission."""
    course = perhaps().marrow(60, 2).blood(62, smear=3).blood(66, 1500, 150_000)
    open_end = now(course)
    assert open_end.category == "CR"
    assert now(good(course, 90, 12)).category == "RELAPSE"


def test_no_response_where_no_therapy_is_known_assumes_one() -> None:
    """And goes on assuming it where a marrow that cannot be judged leaves it standing."""
    assumed = (Assumption("therapy-before-marrow", "material"),)
    course = Course().marrow(-4, 60).marrow(40, 55)
    assert (now(course).category, now(course).assumptions) == ("NR", assumed)
    carried = now(bad_sample(course.marrow(50, 12), 50))
    assert (line(carried), carried.assumptions) == (
        "marrow 50: NR, active-disease since 40", assumed,
    )  # fmt: skip


def test_an_undecided_answer_assumes_nothing() -> None:
    """Not even that the disease is AML, which its decided neighbours assume."""
    lineage = (Assumption("aml-lineage", "material"),)
    assert now(good(induction(diagnosed=None), 30)).assumptions == lineage
    found = now(good(induction(diagnosed=None), 30, "<=5"))
    assert (found.category, found.assumptions) == ("IND", ())
    after = remission(diagnosed=None).marrow(90, 2).blood(90, 1500, 150_000, smear="?")
    assert (now(after).category, now(after).assumptions) == ("IND", ())
    carried = now(bad_sample(good(induction(diagnosed=None), 30, "<=5").marrow(40, 2), 40))
    assert (carried.category, carried.assumptions) == ("IND", ())


def test_a_partial_response_of_the_lay_set_says_that_its_thresholds_are_borrowed() -> None:
    """The lay text gives none."""
    found = now(good(induction(), 30, 12), "healthtree-2024")
    assert (found.category, "borrowed-thresholds" in found.flags) == ("PR", True)
