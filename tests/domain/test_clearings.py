"""Clear marrows in remission, and what the blood of their windows makes of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from fhir_remission.domain.nouns.assessment import Assumption
from tests.domain.builder import Course, induction, judge, now, remission
from tests.domain.sights import cited
from tests.domain.stories import guards, proof, story
from tests.domain.test_histories import BASELINE, BEFORE, BLASTS_100, CR, good

UNREAD_80 = (
    "blood 80: IND, unknown since 80, blood-blasts-undecided, may be CR/RELAPSE, ask blood-blasts"
)
SUSPECTED_90 = (
    "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask repeat-marrow"
)
BLOOD_90 = (
    "blood 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask repeat-blood"
)
AGAIN_121 = [
    "marrow 120: CR, in-remission since 30, responded 30",
    "blood 121: RELAPSE_SUSPECTED, relapse-suspected since 121, first sign 121, ask repeat-blood",
]
COUNTS = "perhaps CR/CRh/CRi, ask anc counts platelets"
LOW_MARROW = SUSPECTED_90
"""By IWG a low marrow soon after therapy asks for a repeat in the same words."""


def second_sample() -> Course:
    """Blasts a week before a clear marrow, and again beside it."""
    course = remission().blood(83, smear=1)
    return course.marrow(90, 2).blood(90, 1500, 150_000, smear=3)


HISTORIES: dict[str, tuple[Callable[[], Course], str, list[str]]] = {
    "a marrow that proves the remission again forgets the sample before it": (
        lambda: good(remission().blood(100, smear=2), 105).blood(120, smear=2), "eln-2022",
        [BASELINE,
         CR,
         BLASTS_100,
         "marrow 105: CR, in-remission since 30, responded 30",
         "blood 120: RELAPSE_SUSPECTED, relapse-suspected since 120, first sign 120, ask"
         " repeat-blood"],
    ),
    "a clear marrow without counts answers the one that asked for a repeat": (
        lambda: good(remission().chemo(60), 90, 8).marrow(105, 2).blood(105, smear=0), "iwg-2003",
        [BASELINE,
         CR,
         LOW_MARROW,
         "marrow 105: CR, in-remission since 30, responded 30"],
    ),
    "the suspicion that follows it begins with its own blasts": (
        lambda: good(remission().chemo(60), 90, 8).marrow(105, 2).blood(110, smear=2), "iwg-2003",
        [BASELINE, CR, LOW_MARROW,
         "marrow 105: RELAPSE_SUSPECTED, relapse-suspected since 110, first sign 110,"
         " ask repeat-marrow",
         "blood 110: RELAPSE, relapsed since 110, responded 110, first sign 110"],
    ),
    "blasts beside a clear marrow are cleared by a later smear": (
        lambda: remission().marrow(90, 2).blood(90, 1500, 150_000, smear=3).blood(105, smear=0),
        "eln-2022",
        [BASELINE,
         CR,
         LOW_MARROW,
         "blood 105: CR, in-remission since 30, responded 30"],
    ),
    "a clear smear on the day of a marrow of few cells stands between two bad ones": (
        lambda: remission().blood(90, smear=3).marrow(120, 2, cells=80).blood(
            120, 100, 10_000
        ).blood(121, smear=3), "eln-2022",
        [BASELINE, CR,
         BLOOD_90,
         *AGAIN_121],
    ),
    "and so it does beside counts without a smear, or an automated one": (
        lambda: remission().blood(90, smear=3).marrow(120, 2, cells=80).blood(
            120, 100, 10_000
        ).blood(120.3, 200, 20_000, smear=None).result(
            "blasts-blood", 120.4, 0, method="automated"
        ).blood(121, smear=3), "eln-2022",
        [BASELINE, CR,
         BLOOD_90,
         *AGAIN_121],
    ),
    "a marrow that proves the remission again stands between them without a smear": (
        lambda: remission().blood(90, smear=3).marrow(105, 2).blood(
            105, 1500, 150_000, smear=None
        ).blood(121, smear=3), "eln-2022",
        [BASELINE,
         CR,
         BLOOD_90,
         "marrow 105: CR, in-remission since 30, responded 30",
         "blood 121: RELAPSE_SUSPECTED, relapse-suspected since 121, first sign 121, ask"
         " repeat-blood"],
    ),
    "one that cannot be read does not": (
        lambda: remission().blood(90, smear=3).marrow(120, 2, cells=80).blood(
            120, 100, 10_000, smear="?"
        ).blood(121, smear=3), "eln-2022",
        [BASELINE,
         CR,
         BLOOD_90,
         "marrow 120: IND, unknown since 120, blood-blasts-undecided, may be CR/RELAPSE,"
         " perhaps CR, ask blood-blasts",
         "blood 121: IND, unknown since 120, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts"],
    ),
    "nor does one of that day beside another with blasts": (
        lambda: remission().blood(90, smear=3).marrow(120, 2, cells=80).blood(
            120, 100, 10_000
        ).blood(120.2, smear=3), "eln-2022",
        [BASELINE, CR,
         BLOOD_90,
         "marrow 120: RELAPSE, relapsed since 120, responded 120, first sign 90"],
    ),
    "a clear smear on the day of such a marrow ends the suspicion": (
        lambda: remission().blood(90, smear=3).marrow(120, 2, cells=80).blood(120, 100, 10_000),
        "eln-2022",
        [BASELINE, CR,
         BLOOD_90,
         "marrow 120: CR, in-remission since 30, responded 30"],
    ),
    "a sign that no rule names is a doubt, also where the next marrow cannot be read": (
        lambda: remission().marrow(90, 0).result("auer-rods", 90, "positive").marrow(93, "?"),
        "eln-2017",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, signs-of-disease, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts",
         "marrow 93: IND, unknown since 90, marrow-undecided, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts"],
    ),
    "unless an unread sample before them may have made them the relapse": (
        lambda: remission().blood(80, smear="?").marrow(90, 2).blood(
            90, 1500, 150_000, smear=3
        ).blood(105, smear=0), "eln-2022",
        [BASELINE,
         CR,
         "blood 80: IND, unknown since 80, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 90: IND, unknown since 80, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 105: IND, unknown since 80, blood-blasts-undecided,"
         " may be CR/RELAPSE, perhaps CR, ask blood-blasts"],
    ),
    "or the remission was in doubt before": (
        lambda: remission().marrow(100, "?").marrow(120, 2).blood(
            120, 1500, 150_000, smear=3
        ).blood(135, smear=0), "eln-2022",
        [BASELINE,
         CR,
         "marrow 100: IND, unknown since 100, marrow-undecided, may be CR/RELAPSE, perhaps"
         " CR, ask marrow-blasts",
         "marrow 120: IND, unknown since 100, marrow-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts",
         "blood 135: IND, unknown since 100, marrow-undecided,"
         " may be CR/RELAPSE, perhaps CR, ask marrow-blasts"],
    ),
    "a clear marrow stands between an unread sample and blasts after both": (
        lambda: remission().blood(80, smear="?").marrow(90, 2).blood(95, smear=2).blood(
            105, smear=0
        ), "eln-2022",
        [BASELINE,
         CR,
         "blood 80: IND, unknown since 80, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 95, first sign 95, ask"
         " repeat-marrow",
         "blood 95: RELAPSE_SUSPECTED, relapse-suspected since 95, first sign 95, ask"
         " repeat-blood",
         "blood 105: CR, in-remission since 30, responded 30"],
    ),
    "after a relapse by blood that no therapy follows a marrow may prove a remission": (
        lambda: good(second_sample(), 110), "eln-2022",
        [BASELINE, CR,
         "blood 83: RELAPSE_SUSPECTED, relapse-suspected since 83, first sign 83, ask repeat-blood",
         "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 83",
         "marrow 110: CR, in-remission since 110, responded 110"],
    ),
    "an unread smear beside a clear marrow may have been the first of two samples": (
        lambda: remission().marrow(90, 2).blood(90, 1500, 150_000, smear="?").blood(
            105, smear=2
        ).blood(113, smear=0), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "blood 105: IND, unknown since 90, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 113: IND, unknown since 90, blood-blasts-undecided,"
         " may be CR/RELAPSE, perhaps CR, ask blood-blasts"],
    ),
    "a clear smear of the same window does not make it less": (
        lambda: remission().marrow(90, 2).blood(90, smear="?").blood(95, smear=0), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: CR, in-remission since 30, responded 30"],
    ),
    "a clear marrow ends an unread smear of the days before it as any other (3.7)": (
        lambda: remission().blood(88, smear="?").marrow(90, 2).blood(105, smear=0), "eln-2022",
        [BASELINE,
         CR,
         "blood 88: IND, unknown since 88, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 90: CR, in-remission since 30, responded 30"],
    ),
    "a clear marrow with its smear ends an unread sample, and nothing is left to clear": (
        lambda: remission().blood(80, smear="?").marrow(90, 2).blood(90, smear=0).blood(
            105, smear=0
        ), "eln-2022",
        [BASELINE,
         CR,
         "blood 80: IND, unknown since 80, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 90: CR, in-remission since 30, responded 30"],
    ),
    "a cleared suspicion takes up what the last marrow said": (
        lambda: remission().marrow(90, 2).blood(90, smear=0).blood(120, smear=2).blood(
            125, smear=0
        ).marrow(140, "?"), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: CR, in-remission since 30, responded 30",
         "blood 120: RELAPSE_SUSPECTED, relapse-suspected since 120, first sign 120, ask"
         " repeat-blood",
         "blood 125: CR, in-remission since 30, responded 30",
         "marrow 140: IND, unknown since 140, marrow-undecided, may be CR/RELAPSE, perhaps"
         " CR, ask marrow-blasts"],
    ),
    "an unread smear beside a marrow that came too soon": (
        lambda: remission().chemo(85).marrow(90, 3).blood(90, smear="?"), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts"],
    ),
    "and beside one that the next marrow contradicts": (
        lambda: good(remission().marrow(90, 2).blood(90, smear="?"), 97, 9), "eln-2022",
        [BASELINE,
         CR,
         "marrow 90: IND, unknown since 90, blood-blasts-undecided, may be"
         " CR/RELAPSE_SUSPECTED, perhaps CR, ask blood-blasts",
         "marrow 97: RELAPSE, relapsed since 97, responded 97"],
    ),
}  # fmt: skip


def test_where_blood_is_clear_again_the_marrow_beside_it_is_shown() -> None:
    """What stands is what the marrow of day 30 proved; the one of day 90 says less by itself."""
    course = remission().marrow(90, 2).blood(90, 1500, 150_000, smear=3).blood(105)
    assert proof(now(course), "marrow-blasts-below-5") == ("met", ["blasts-marrow 30"])


def test_a_bad_sample_never_ends_a_remission() -> None:
    """Its own number counts for nothing (6.2); the next marrow speaks for itself."""
    bad = remission().marrow(60, 70).result("marrow-adequacy", 60, "negative")
    assert (
        story(deepcopy(bad).marrow(64, 2))[2]
        == "marrow 60: CR, in-remission since 30, responded 30"
    )
    bad = remission().marrow(60, 3).result("marrow-adequacy", 60, "negative").marrow(64, 9)
    assert story(bad)[2:] == [
        "marrow 60: CR, in-remission since 30, responded 30",
        "marrow 64: RELAPSE, relapsed since 64, responded 64, first sign 64",
    ]
    (silent,) = [one for one in judge(bad)[2].criteria_results if one.criterion == "marrow-decides"]
    assert "blasts-marrow 60" in cited(silent.evidence)


@pytest.mark.parametrize("title", HISTORIES)
def test_history(title: str) -> None:
    """What is said at every anchor of the course."""
    course, name, expected = HISTORIES[title]
    assert story(course(), name) == expected


def test_a_smear_of_the_window_that_cannot_be_read_counts_beside_too_few_cells() -> None:
    """The marrow says nothing, its blood may be a sign: not simply the remission before it."""
    course = remission().marrow(100, 2, cells=80).blood(105, 100, 10_000, smear="?")
    told = story(course, "eln-2017")
    assert told[2].startswith("marrow 100: IND, unknown since 100, blood-blasts-undecided")


def test_a_clear_smear_after_the_marrow_leaves_later_blood_to_its_own_day() -> None:
    """That of day 93 is clear, and what stood stands; nobody can read that of day 95."""
    course = remission().marrow(90, 2).blood(93, smear=0).blood(95, smear="?")
    told = [one.split(",")[:2] for one in story(course)]
    assert told[2:] == [
        ["marrow 90: CR", " in-remission since 30"],
        ["blood 95: IND", " unknown since 95"],
    ]


def test_a_relapse_by_the_blood_beside_a_clear_marrow_rests_on_both() -> None:
    """The rule cites blood and marrow, the marrow is told as clear, and disease after it is it."""
    found = now(second_sample())
    assert "concurrent-marrow-clear" in found.flags
    told = guards(found)
    assert set(told["no-prior-remission"][1]) == set(BEFORE)
    assert told["no-relapse-in-blood"] == (
        "not-met",
        ["blasts-blood 83", "blasts-blood 90", "blasts-marrow 90", "marrow-cells-counted 90"],
    )  # fmt: skip
    later = guards(now(second_sample().marrow(110, 40)))
    assert "blasts-blood 90" in later["no-relapse-in-marrow"][1]


def test_what_stands_in_a_remission_assumes_what_its_own_marrow_did() -> None:
    """Nobody looked at the blood of day 90; the answer of day 30 stands."""
    assert now(remission()).assumptions == ()
    found = now(remission().marrow(90, 2))
    assert (found.category, found.assumptions) == ("CR", ())
    assert found.latest is not None
    assert found.latest.category == "MLFS"
    silent = induction().marrow(30, 2).blood(30, 1500, 150_000, smear=None)
    assumed = (Assumption("blood-blasts-absent", "material"),)
    assert now(silent).assumptions == assumed
    assert now(silent.mrd(120, "positive")).assumptions == assumed


def test_a_remission_before_forbids_a_partial_response_and_says_why() -> None:
    """In the proof of a clear marrow: not met, by what proved the remission."""
    found = now(remission().marrow(90, 2))
    told = [one for one in found.criteria_results if one.criterion == "no-prior-remission"]
    assert ("not-met", set(BEFORE)) in [(o.verdict.value, set(cited(o.evidence))) for o in told]
