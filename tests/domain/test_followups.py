"""Marrows with blasts and lesions after a remission: relapse, or first a repeat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.domain.builder import Course, now, on, remission
from tests.domain.stories import guards, story
from tests.domain.test_histories import BASELINE, BEFORE, CR, bad_sample, good

ASKED_90 = (
    "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask repeat-marrow"
)
UNREAD_90 = (
    "marrow 90: IND, unknown since 90, marrow-undecided, may be CR/RELAPSE, ask marrow-blasts"
)
RELAPSE_90 = "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 90"

HISTORIES: dict[str, tuple[Callable[[], Course], str, list[str]]] = {
    "a start on the day of the relapse does not soften it": (
        lambda: remission().chemo(90).marrow(90, 40), "eln-2022",
        [BASELINE, CR, "marrow 90: RELAPSE, awaiting-response since 90, responded 90,"
         " first sign 90"],
    ),
    "sixty days after therapy a low marrow is repeated": (
        lambda: good(remission().chemo(60), 120, 8), "iwg-2003",
        [BASELINE, CR,
         "marrow 120: RELAPSE_SUSPECTED, relapse-suspected since 120, first sign 120,"
         " ask repeat-marrow"],
    ),
    "the repeat of the seventh day decides": (
        lambda: good(good(remission().chemo(60), 90, 8), 97, 9), "iwg-2003",
        [BASELINE, CR, ASKED_90,
         "marrow 97: RELAPSE, relapsed since 97, responded 97, first sign 90"],
    ),
    "twenty percent are still low": (
        lambda: good(remission().chemo(60), 90, 20), "iwg-2003", [BASELINE, CR, ASKED_90],
    ),
    "a low marrow beside a new lesion needs no repeat": (
        lambda: remission().chemo(60).marrow(90, 8, emd="positive"), "iwg-2003",
        [BASELINE, CR, RELAPSE_90],
    ),
    "nor does a marrow that the next one contradicts hide the lesion beside it": (
        lambda: good(remission().marrow(90, 9, emd="positive"), 97), "eln-2022",
        [BASELINE, CR, RELAPSE_90, "marrow 97: CR, in-remission since 97, responded 97"],
    ),
    "nor the blood beside it, where one sample is enough": (
        lambda: good(remission().marrow(90, 9).blood(90, 1500, 150_000, smear=3), 97), "eln-2017",
        [BASELINE, CR, RELAPSE_90, "marrow 97: CR, in-remission since 97, responded 97"],
    ),
    "nor does a marrow that cannot be read": (
        lambda: remission().marrow(90, "?").blood(90, smear=3), "eln-2017",
        [BASELINE, CR, RELAPSE_90],
    ),
    "where two are asked for it may be the second": (
        lambda: remission().blood(83, smear=1).marrow(90, "?").blood(90, smear=3), "eln-2022",
        [BASELINE, CR,
         "blood 83: RELAPSE_SUSPECTED, relapse-suspected since 83, first sign 83, ask repeat-blood",
         "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 83"],
    ),
    "and the first": (
        lambda: remission().marrow(90, "?").blood(90, smear=3).blood(97, smear=2), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, marrow-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts",
         "blood 97: RELAPSE, relapsed, first sign 90"],
    ),
    "after an unread one it may be, and is no relapse yet": (
        lambda: remission().blood(83, smear="?").marrow(90, "?").blood(90, smear=3), "eln-2022",
        [BASELINE,
         CR,
         "blood 83: IND, unknown since 83, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 90: IND, unknown since 83, marrow-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts"],
    ),
    "a sample of its own day is not another one": (
        lambda: remission().marrow(90, "?").blood(90, smear=3).blood(90.3, smear=2), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, marrow-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts"],
    ),
    "an inadequate marrow leaves its blood to itself": (
        lambda: bad_sample(remission().marrow(90, "?").blood(90, smear=3), 90), "eln-2017",
        [BASELINE, CR, "marrow 90: CR, in-remission since 30, responded 30",
         "blood 90: RELAPSE, relapsed since 90, responded 90, first sign 90"],
    ),
    "the lay set leaves an unread marrow undecided": (
        lambda: remission().marrow(90, "?").blood(90, smear=3), "healthtree-2024",
        [BASELINE,
         CR,
         "marrow 90: NR, active-disease since 90"],
    ),
    "a lesion that cannot be told beside a low marrow is of the relapse that follows": (
        lambda: remission().chemo(60).marrow(90, 8, emd="indeterminate").marrow(
            100, 9, emd=None
        ).chemo(110).marrow(140, 2, emd=None).blood(140, 1500, 150_000), "iwg-2003",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, extramedullary-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask extramedullary-disease",
         "marrow 100: RELAPSE, awaiting-response since 110, first sign 90",
         "marrow 140: IND, unknown since 140, undecided, may be CR/NR, perhaps CR, ask"
         " extramedullary-disease"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", HISTORIES)
def test_history(title: str) -> None:
    """What is said at every anchor of the course."""
    course, name, expected = HISTORIES[title]
    assert story(course(), name) == expected


def test_a_relapse_by_a_lesion_beside_a_clear_marrow_rests_on_the_lesion() -> None:
    """And disease in the next marrow, before therapy, is that relapse."""
    lesion = remission().marrow(90, 2, emd="positive")
    told = guards(now(lesion))["no-relapse-outside-marrow"]
    assert told == ("not-met", ["extramedullary-disease 90"])
    later = guards(now(lesion.marrow(110, 40, emd=None)))["no-relapse-in-marrow"]
    assert later == ("not-met", ["extramedullary-disease 90"])


def test_a_relapse_by_the_blood_beside_an_unread_marrow_rests_on_both_samples() -> None:
    """And disease in the next marrow, before therapy, is that relapse."""
    course = remission().blood(83, smear=1).marrow(90, "?").blood(90, smear=3)
    told = guards(now(course))
    assert set(told["no-prior-remission"][1]) == set(BEFORE)
    samples = {"blasts-blood 83", "blasts-blood 90"}
    assert samples <= set(told["no-relapse-in-blood"][1])
    later = guards(now(course.marrow(110, 40)))["no-relapse-in-marrow"]
    assert samples <= set(later[1])


def test_after_a_relapse_by_blood_a_marrow_may_prove_a_remission_without_therapy() -> None:
    """Of the next course, which has no marrow to be measured against."""
    course = remission().marrow(90, "?").blood(90, smear=3)
    found = now(good(course, 110), "eln-2017")
    assert (found.category, found.state_since, found.flags) == ("CR", on(110), ())
