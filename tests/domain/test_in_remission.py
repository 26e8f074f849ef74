"""In a remission: what a marrow, blood or a lesion says of it, and what stands beside that.

Each line is one answer: category, state, dates, flags, which remission it is, and what the latest
marrow says by itself. They were judged by the model (2.5, 2.6, 3.6 to 3.8, 6.1, 6.2) one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import Course, anchored, induction, judge, on, remission
from tests.domain.sights import cited
from tests.domain.stories import line
from tests.domain.test_histories import bad_sample, good

Told = tuple[str, Callable[[], Course], list[str]]

ANSWERS: dict[str, Told] = {
    "a bad sample": (
        "eln-2022",
        lambda: bad_sample(remission(), 60),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [inadequate-marrow] #1; now"
            " NE [inadequate-marrow]",
        ],
    ),
    "few cells": (
        "eln-2022",
        lambda: remission().marrow(60, 2, cells=50).blood(60, 300, 20_000),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [counts-below-criteria"
            " inadequate-marrow] #1; now NE [inadequate-marrow]",
        ],
    ),
    "few cells too early": (
        "eln-2022",
        lambda: remission().chemo(50).marrow(60, 2, cells=50).blood(60, 300, 20_000),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [counts-below-criteria"
            " early-marrow] #1; now NE [early-marrow]",
        ],
    ),
    "blasts beside a clear marrow": (
        "eln-2022",
        lambda: remission().marrow(60, 2).blood(60, 1500, 150_000, smear=2),
        [
            "marrow 60: RELAPSE_SUSPECTED, relapse-suspected since 60, first sign 60, ask"
            " repeat-marrow [concurrent-marrow-clear] #1",
        ],
    ),
    "blasts that a later draw clears": (
        "eln-2022",
        lambda: (
            remission().marrow(60, 2).blood(60, 1500, 150_000, smear=2).blood(66, 1500, 150_000)
        ),
        [
            "marrow 60: CR, in-remission since 30, responded 30 #1",
        ],
    ),
    "blasts two days after a clear marrow": (
        "eln-2022",
        lambda: remission().marrow(60, 2).blood(62, 1500, 150_000, smear=2),
        [
            "marrow 60: RELAPSE_SUSPECTED, relapse-suspected since 62, first sign 62, ask"
            " repeat-marrow [concurrent-marrow-clear] #1",
            "blood 62: RELAPSE_SUSPECTED, relapse-suspected since 62, first sign 62, ask"
            " repeat-blood #1",
        ],
    ),
    "blasts before and after too few cells": (
        "eln-2022",
        lambda: (
            remission()
            .blood(50, smear=2)
            .marrow(55, 2, cells=50)
            .blood(56, 300, 20_000, smear=2)
            .blood(58, smear=2)
        ),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 55: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-marrow [concurrent-marrow-clear] #1",
            "blood 56: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "blood 58: RELAPSE, relapsed since 58, responded 58, first sign 50",
        ],
    ),
    "a diseased marrow that the next contradicts": (
        "eln-2022",
        lambda: remission().marrow(60, 8).marrow(66, 2).blood(66, 1500, 150_000),
        [
            "marrow 60: IND, unknown since 60, contradicted-by-next-marrow, may be"
            " CR/RELAPSE, perhaps CR [contradicted-by-next-marrow]",
            "marrow 66: CR, in-remission since 30, responded 30 #1",
        ],
    ),
    "and with blasts in its blood": (
        "eln-2022",
        lambda: remission().marrow(60, 8).blood(60, smear=2).marrow(66, 2).blood(66, 1500, 150_000),
        [
            "marrow 60: IND, unknown since 60, contradicted-by-next-marrow, may be"
            " CR/RELAPSE, perhaps CR [contradicted-by-next-marrow]",
            "marrow 66: CR, in-remission since 30, responded 30 #1",
        ],
    ),
    "a clear marrow without counts": (
        "eln-2022",
        lambda: remission().marrow(60, 2),
        [
            "marrow 60: CR, in-remission since 30, responded 30 #1; now MLFS",
        ],
    ),
    "poorer counts": (
        "eln-2022",
        lambda: remission().marrow(60, 2).blood(60, 300, 20_000),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [counts-below-criteria] #1;"
            " now CRi",
        ],
    ),
    "a lesion beside a clear marrow": (
        "eln-2022",
        lambda: (
            remission().marrow(60, 2, emd=None).event("extramedullary", 60).blood(60, 1500, 150_000)
        ),
        [
            "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 60"
            " [concurrent-marrow-clear]",
        ],
    ),
    "a lesion beside a bad sample": (
        "eln-2022",
        lambda: remission().result("marrow-adequacy", 60, "negative").event("extramedullary", 60),
        [
            "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 60",
        ],
    ),
    "two samples of blood, a clear marrow at the second": (
        "eln-2022",
        lambda: remission().blood(50, smear=2).marrow(60, 2).blood(60, 1500, 150_000, smear=2),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 50"
            " [concurrent-marrow-clear]",
        ],
    ),
    "two samples of blood, a bad marrow at the second": (
        "eln-2022",
        lambda: (
            remission()
            .blood(50, smear=2)
            .result("marrow-adequacy", 60, "negative")
            .blood(60, 1500, 150_000, smear=2)
        ),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-marrow [inadequate-marrow] #1; now NE [inadequate-marrow]",
            "blood 60: RELAPSE, relapsed since 60, responded 60, first sign 50",
        ],
    ),
    "few cells while a relapse is suspected": (
        "eln-2022",
        lambda: (
            remission()
            .blood(50, smear=2)
            .marrow(60, 2, cells=50)
            .blood(60, 300, 20_000, smear=None)
        ),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-marrow [inadequate-marrow] #1; now NE [inadequate-marrow]",
        ],
    ),
    "a bad sample while a relapse is suspected": (
        "eln-2022",
        lambda: bad_sample(remission().blood(50, smear=2), 60),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-marrow [inadequate-marrow] #1; now NE [inadequate-marrow]",
        ],
    ),
    "of a remission that nobody dated": (
        "eln-2022",
        lambda: good(induction().claim("remission", 20), 40, 2).marrow(60, 2),
        [
            "marrow 40: CR, in-remission, responded 40",
            "marrow 60: CR, in-remission, responded 40; now MLFS",
        ],
    ),
    "8 % three weeks after therapy asks for a repeat": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow #1",
        ],
    ),
    "not with blasts in the blood": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8).blood(80, smear=2),
        [
            "marrow 80: RELAPSE, relapsed since 80, responded 80, first sign 80",
        ],
    ),
    "nor with blood that may hold some": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8).blood(80, smear="?"),
        [
            "marrow 80: IND, unknown since 80, blood-blasts-undecided, may be"
            " RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
        ],
    ),
    "nor where it may be much more": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, "8-30"),
        [
            "marrow 80: IND, unknown since 80, signs-undecided, may be RELAPSE/RELAPSE_SUSPECTED",
        ],
    ),
    "blasts while a repeat is waited for": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8).blood(100, smear=2),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow #1",
            "blood 100: RELAPSE, relapsed since 100, responded 100, first sign 80",
        ],
    ),
    "the repeat is diseased": (
        "iwg-2003",
        lambda: remission().chemo(70).marrow(80, 8).marrow(90, 8),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow [early-marrow] #1",
            "marrow 90: RELAPSE, relapsed since 90, responded 90, first sign 80",
        ],
    ),
    "the repeat is a bad sample": (
        "iwg-2003",
        lambda: bad_sample(remission().chemo(60).marrow(80, 8), 95),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow #1",
            "marrow 95: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow [inadequate-marrow] #1; now NE [inadequate-marrow]",
        ],
    ),
    "the repeat is clear, without counts": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8).marrow(95, 2),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow #1",
            "marrow 95: CR, in-remission since 30, responded 30 #1; now MLFS",
        ],
    ),
    "Auer rods in a clear marrow": (
        "iwg-2003",
        lambda: (
            remission().marrow(60, 2).result("auer-rods", 60, "positive").blood(60, 1500, 150_000)
        ),
        [
            "marrow 60: IND, unknown since 60, signs-of-disease, may be CR/RELAPSE, perhaps CR",
        ],
    ),
    "Auer rods too early": (
        "iwg-2003",
        lambda: (
            remission()
            .chemo(50)
            .marrow(60, 2)
            .result("auer-rods", 60, "positive")
            .blood(60, 1500, 150_000)
        ),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [early-marrow] #1; now NE"
            " [early-marrow]",
        ],
    ),
    "no lower claim": (
        "healthtree-2024",
        lambda: remission().marrow(60, 2),
        [
            "marrow 60: CR, in-remission since 30, responded 30 #1; now IND",
        ],
    ),
    "no lower claim, few cells": (
        "healthtree-2024",
        lambda: remission().marrow(60, 2, cells=50).blood(60, 300, 20_000),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [counts-below-criteria"
            " inadequate-marrow] #1; now NE [inadequate-marrow]",
        ],
    ),
    "no lower claim, too early": (
        "healthtree-2024",
        lambda: remission().chemo(50).marrow(60, 2).blood(60, 300, 20_000),
        [
            "marrow 60: CR, in-remission since 30, responded 30 [counts-below-criteria"
            " early-marrow] #1; now NE [early-marrow]",
        ],
    ),
    "taken back by blood": (
        "healthtree-2024",
        lambda: remission().marrow(60, 2).blood(60, 1500, 150_000, smear=2),
        [
            "marrow 60: NR, active-disease since 60 [concurrent-marrow-clear remission-withdrawn]",
        ],
    ),
    "taken back by blood too early": (
        "healthtree-2024",
        lambda: remission().chemo(50).marrow(60, 2).blood(60, 1500, 150_000, smear=2),
        [
            "marrow 60: NR, active-disease since 60 [concurrent-marrow-clear early-marrow"
            " remission-withdrawn]",
        ],
    ),
    "a remission told of, and a clear marrow without counts": (
        "eln-2022",
        lambda: induction().claim("remission", 20).marrow(40, 2),
        [
            "marrow 40: MLFS, unknown since 40, responded 40, perhaps CR/CRh/CRi, ask anc"
            " counts platelets",
        ],
    ),
    "a remission told of, and an early marrow": (
        "eln-2022",
        lambda: induction().claim("remission", 10).marrow(15, 2),
        [
            "marrow 15: MLFS, unknown since 15, responded 15 [early-marrow]",
        ],
    ),
    "a clear marrow that may be poor while a relapse is suspected": (
        "eln-2022",
        lambda: (
            remission().blood(50, smear=2).marrow(60, 2, cells="?").blood(60, 500, None, smear=None)
        ),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: IND, unknown since 60, signs-undecided, may be CR/RELAPSE_SUSPECTED,"
            " perhaps CR #1",
        ],
    ),
    "and without counts": (
        "eln-2022",
        lambda: remission().blood(50, smear=2).marrow(60, 2, cells="?"),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: IND, unknown since 60, signs-undecided, may be"
            " CR/CRh/CRi/RELAPSE_SUSPECTED, perhaps CR/CRh/CRi #1",
        ],
    ),
    "the repeat may be poor": (
        "iwg-2003",
        lambda: remission().chemo(60).marrow(80, 8).marrow(95, 2, cells="?"),
        [
            "marrow 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
            " repeat-marrow #1",
            "marrow 95: IND, unknown since 95, signs-undecided, may be CR/CRi/RELAPSE_SUSPECTED,"
            " perhaps CR/CRi #1",
        ],
    ),
    "two samples of blood, an unread marrow at the second": (
        "eln-2022",
        lambda: remission().blood(50, smear=2).marrow(60, "4-6").blood(60, smear=2),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 50",
        ],
    ),
    "blasts, a repeat of few cells, blasts again": (
        "eln-2022",
        lambda: (
            remission().marrow(60, 8).blood(60, smear=2).marrow(66, 2, cells=50).blood(70, smear=2)
        ),
        [
            "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 60",
            "marrow 66: RELAPSE, relapsed since 60, responded 60, first sign 60",
        ],
    ),
    "blasts, a repeat of unread quality": (
        "eln-2022",
        lambda: remission().marrow(60, 8).marrow(66, 2, cells="?"),
        [
            "marrow 60: IND, unknown since 60, contradicted-by-next-marrow, may be CR/RELAPSE,"
            " perhaps CR, ask marrow-adequacy [contradicted-by-next-marrow]",
            "marrow 66: IND, unknown since 60, remission-end-unknown, may be CR/RELAPSE,"
            " perhaps CR, ask marrow-adequacy",
        ],
    ),
    **{
        f"blasts, {title} that proves nothing": (
            "eln-2022",
            course,
            [
                f"marrow {day}: RELAPSE, relapsed since 60, responded 60, first sign 60"
                for day in days
            ],
        )
        for title, course, days in [
            (
                "a repeat of few cells whose counts have recovered",
                lambda: remission().marrow(60, 8).marrow(66, 2, cells=50).blood(66, 1500, 150_000),
                (60, 66),
            ),
            (
                "a clear repeat by flow",
                lambda: remission().marrow(60, 8).marrow(66, 2, method="flow"),
                (60, 66),
            ),
            (
                "blasts again and a repeat of few cells",
                lambda: remission().marrow(60, 8).marrow(63, 20).marrow(66, 2, cells=50),
                (60, 63, 66),
            ),
        ]
    },
    "two smears that cannot be read, in a set without a relapse": (
        "healthtree-2024",
        lambda: remission().blood(60, smear="?").blood(70, smear="?"),
        [
            "blood 60: IND, unknown since 60, blood-blasts-undecided, may be CR/NE, perhaps CR,"
            " ask blood-blasts [remission-withdrawn]",
            "blood 70: IND, unknown since 60, remission-end-unknown, may be CR/NE, perhaps CR,"
            " ask blood-blasts remission-end [remission-withdrawn]",
        ],
    ),
    "blood, a clear marrow by flow, blood": (
        "eln-2022",
        lambda: remission().blood(50, smear=2).marrow(53, 2, method="flow").blood(58, smear=2),
        [
            "blood 50: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-blood #1",
            "marrow 53: RELAPSE_SUSPECTED, relapse-suspected since 50, first sign 50, ask"
            " repeat-marrow [concurrent-marrow-clear] #1",
            "blood 58: RELAPSE, relapsed since 58, responded 58, first sign 50",
        ],
    ),
}


def told(one: Assessment) -> str:
    """The line of an answer with its flags, its number and what the latest marrow says."""
    said = line(one)
    if one.flags:
        said += f" [{' '.join(one.flags)}]"
    if one.remission_number:
        said += f" #{one.remission_number}"
    if one.latest is not None:
        said += f"; now {one.latest.category}"
        said += f" [{' '.join(one.latest.flags)}]" if one.latest.flags else ""
    return said


@pytest.mark.parametrize("title", ANSWERS)
def test_what_is_said_in_a_remission(title: str) -> None:
    """From the day after the remission on, or after the word of one."""
    name, course, expected = ANSWERS[title]
    first = on(12) if "told of" in title or "nobody dated" in title else on(30)
    found = [
        told(one)
        for one in judge(course(), name)
        if date.fromisoformat(one.anchor.effective[:10]) > first
    ]
    assert found == expected


@pytest.mark.parametrize("title", ANSWERS)
def test_only_what_stands_in_every_way_is_sure(title: str) -> None:
    """A suspicion, and a marrow that leaves the answer to the one before, are provisional."""
    name, course, _ = ANSWERS[title]
    for one in judge(course(), name):
        if one.category == "RELAPSE_SUSPECTED" or "inadequate-marrow" in one.flags:
            assert one.provisional


@pytest.mark.parametrize(
    ("title", "name", "verdict", "rule"),
    [
        ("few cells", "marrow-usable", "not-met",
         "enough cells were counted, or cellularity makes up for it"),
        ("few cells", "no-prior-remission", "not-met",
         "no remission before: after one, partial remission and progression are not tested"),
        ("a bad sample", "no-prior-remission", "not-met",
         "no remission before: after one, partial remission and progression are not tested"),
        ("no lower claim", "no-prior-remission", "not-met",
         "no remission before: after one, partial remission and progression are not tested"),
        ("a diseased marrow that the next contradicts", "no-relapse-in-marrow", "unknown",
         "contradicted by next marrow"),
        ("Auer rods in a clear marrow", "no-relapse-in-marrow", "unknown", "signs of disease"),
        ("Auer rods in a clear marrow", "no-auer-rods", "not-met",
         "no blasts with Auer rods"),
        ("8 % three weeks after therapy asks for a repeat", "no-relapse-in-marrow", "unknown",
         "no marrow blasts >= 5 %; 5-20 % after recent therapy without blood blasts ask for a"
         " repeat marrow at least 7 days later"),
        ("blasts beside a clear marrow", "no-blood-blasts", "not-met", None),
    ],
)  # fmt: skip
def test_the_lines_beside_what_is_said(
    title: str, name: str, verdict: str, rule: str | None
) -> None:
    """What speaks for it and against it, at the first marrow after the remission."""
    by, course, _ = ANSWERS[title]
    found = next(
        one for one in judge(course(), by)
        if date.fromisoformat(one.anchor.effective[:10]) > on(30)
    )  # fmt: skip
    rows = {one.criterion: one for one in found.criteria_results}
    assert rows[name].verdict.value == verdict
    assert rule is None or rows[name].rule == rule


@pytest.mark.parametrize(
    ("title", "criterion", "verdict"),
    [
        ("few cells", "marrow-adequate", "not-met"),
        ("no lower claim", "anc-recovered", "unknown"),
        ("Auer rods too early", "no-auer-rods", "not-met"),
    ],
)
def test_the_criteria_of_the_latest_marrow_stand_under_it(
    title: str, criterion: str, verdict: str
) -> None:
    """Beside those of the draw that proved the remission (6.1)."""
    by, course, _ = ANSWERS[title]
    latest = judge(course(), by)[-1].latest
    assert latest is not None
    rows = {one.criterion: one.verdict.value for one in latest.criteria_results}
    assert rows[criterion] == verdict


@pytest.mark.parametrize(("blasts", "flag"), [(8, "contradicted-by-next-marrow"), (2, "")])
def test_a_second_sample_completes_the_relapse_beside_any_marrow(blasts: int, flag: str) -> None:
    """A clear one is told beside it; a diseased one that the next contradicts is none of it."""
    course = remission().blood(50, smear=2).marrow(60, blasts).blood(60, smear=2)
    found = anchored(judge(good(course, 66) if flag else course), 60)
    assert (found.category, found.first_sign) == ("RELAPSE", on(50))
    assert found.flags == (flag or "concurrent-marrow-clear",)
    (rule,) = [one for one in found.criteria_results if one.criterion == "no-relapse-in-blood"]
    assert ("blasts-marrow 60" in cited(rule.evidence)) is (not flag)
