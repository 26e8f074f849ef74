"""Doubt, suspicion, relapse and withdrawal: what each leaves behind for the answers after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fhir_remission.domain.nouns.assessment import Assumption
from tests.domain.builder import Course, induction, now, on, remission
from tests.domain.stories import line, story
from tests.domain.test_histories import BASELINE, CR, bad_sample, good, unasked

HISTORIES: dict[str, tuple[Callable[[], Course], str, list[str]]] = {
    "after a doubt a second unread marrow no longer may be the remission": (
        lambda: remission().marrow(100, "?").marrow(120, "?"), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: IND, unknown since 100, marrow-undecided, may be CR/RELAPSE, perhaps"
         " CR, ask marrow-blasts",
         "marrow 120: IND, unknown since 100, earlier-remission-unknown, may be"
         " CR/MLFS/RELAPSE, perhaps CR/CRh/CRi/MLFS, ask anc counts earlier-response"
         " marrow-blasts platelets"],
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
         " CR/PR/RELAPSE/NR, perhaps CR/PR, ask baseline-marrow earlier-response"
         " marrow-blasts"],
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
