"""Marrows with blasts and lesions after a remission: relapse, or first a repeat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.domain.builder import Course, now, remission
from tests.domain.stories import guards, story
from tests.domain.test_histories import BASELINE, CR, good

ASKED_90 = (
    "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask repeat-marrow"
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
    "a lesion that cannot be told beside a low marrow is of the relapse that follows": (
        lambda: remission().chemo(60).marrow(90, 8, emd="indeterminate").marrow(
            100, 9, emd=None
        ).chemo(110).marrow(140, 2, emd=None).blood(140, 1500, 150_000), "iwg-2003",
        [BASELINE, CR, ASKED_90,
         "marrow 100: RELAPSE, awaiting-response since 110, responded 100, first sign 90",
         "marrow 140: IND, unknown since 140, undecided, may be CR/NR, perhaps CR,"
         " ask extramedullary-disease"],
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
