"""Random courses that really contain what the properties are about, and a count of each.

A course is a sequence of phases a haematologist would recognise (induction, response, follow-up,
relapse, salvage) with noise between them: odd values, transfusions, missing and unreadable results.
It is drawn from a seed, because even chances give richer courses than a shrinking search.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.domain.builder import Course

SEEN: Counter[str] = Counter()
"""How often each thing occurred over a whole test run."""

BLASTS = [0, 1, 2, 3, 4, 4, 5, 6, 8, 12, 20, 25, 26, 40, 70, 90, "<5", "<=5", "4-6", "rare", "?"]
CLEAR = [0, 1, 2, 3, 4, 2, 3, "<5", "<1", 2, 3, 1, 2, 3, "?", "<=5"]
PARTIAL = [5, 6, 8, 12, 20, 25, 12, "5-8", "?"]
HIGH = [6, 8, 12, 26, 40, 70, 90]
COUNTS = [100, 499, 500, 700, 999, 1000, 1500, 2500, 1500, 1500, 2000, None, "?", "0.4-1.2"]
PLATELETS = [12, 49, 50, 62, 99, 100, 150, 150, 150, 200, None, "?", "40-120"]
SMEARS = [0, 0, 0, 0, 0, None, None, 1, 3, "?", "<1"]
CELLS = [300, 300, 300, 500, 150, 80, None, "?"]
LESION = ["negative", "negative", "negative", "negative", None, None, "positive", "?"]
GAPS = [1, 3, 5, 7, 8, 10, 12, 14, 15, 20, 28, 30, 45]
INTENSITY = ["", "intensive", "intensive", "less-intensive"]
NOISE = [
    "blood", "blood", "smear", "chemo", "mrd", "platelets", "red-cells", "gcsf", "lesion",
    "sarcoma", "adequacy", "cellularity", "auer", "flow", "preliminary", "parts", "claim", "marrow",
]  # fmt: skip


def courses() -> st.SearchStrategy[Course]:
    """A course for a seed."""
    return st.integers(0, 2**63).map(lambda seed: course_of(Random(seed)))


def course_of(dice: Random) -> Course:
    """One random course."""
    diagnosed = dice.choice([-6, -6, -6, -6, -6, -6, -6, None, -40, 20])
    course = Course(diagnosed=diagnosed, attested=dice.random() < 0.5)
    day = induction(dice, course)
    for phase in dice.choice(PLANS):
        day = PHASES[phase](dice, course, day)
        for _ in range(dice.choice([0, 0, 0, 0, 0, 1, 1, 2])):
            noise(dice, course, day + dice.randint(-6, 6))
        day += dice.choice(GAPS)
    return course


def dense_course_of(dice: Random) -> Course:
    """Marrows every few days, each of them near others that agree, disagree or cannot be read."""
    course = Course()
    if dice.random() < 0.8:
        course.marrow(-4, 60).chemo(1)
    day = dice.choice([15, 22, 30])
    if dice.random() < 0.5:
        course.marrow(30, 2).blood(30, 1500, 150_000)
        day = dice.choice([40, 60, 100])
    for _ in range(dice.randint(4, 12)):
        course.marrow(
            day, dice.choice(BLASTS), cells=dice.choice(CELLS), emd=dice.choice(LESION)
        )  # fmt: skip
        if dice.random() < 0.6:
            course.blood(day + dice.choice([0, 0, 1, -1]), *counts(dice), dice.choice(SMEARS))
        if dice.random() < 0.1:
            course.chemo(day + 1, "intensive")
        day += dice.choice([1, 1, 2, 3, 5])
    return course


def partly_counted_of(dice: Random) -> Course:
    """Marrows weeks apart, each with some draws that lack a count or cannot be read."""
    course = Course(attested=dice.random() < 0.5)
    day = induction(dice, course)
    for _ in range(dice.choice([1, 2, 2, 3, 4])):
        blasts = dice.choice([1, 2, 3, 4, 2, 3, "4-6", 12, 40])
        course.marrow(day, blasts, dice.choice([300, 300, 300, 100, None]), dice.choice(LESION))
        for _ in range(dice.choice([0, 1, 1, 2, 3])):
            late = day + dice.choice([0, 0, 1, 1, 3, 7, 13, 14, 15, 20])
            course.blood(late, *counts(dice), smear=dice.choice([0, 0, 0, None, 2]))
        if dice.random() < 0.6:
            noise(dice, course, day + dice.choice([0, 3, 5, 20, 25]))
        day += dice.choice([5, 10, 20, 35, 60])
    return course


def induction(dice: Random, course: Course) -> int:
    """A baseline and a start, mostly."""
    if dice.random() < 0.9:
        course.marrow(-4, dice.choice([60, 60, 60, 22, 90, 40, 30, "?", "20-60"]))
    if dice.random() < 0.1:
        course.marrow(dice.choice([-12, -2, 0]), dice.choice(BLASTS))
    if dice.random() < 0.9:
        strength = dice.choice(INTENSITY)
        for day in range(1, dice.choice([2, 2, 8])):
            course.chemo(day, strength)
    return 28


def nadir(dice: Random, course: Course, day: int) -> int:
    """A marrow too early to be a response, and the counts of the nadir."""
    early = day - dice.choice([8, 10, 14])
    course.marrow(early, dice.choice([*CLEAR, 30]), cells=dice.choice(CELLS))
    course.blood(early, 100, 15_000, smear=dice.choice(SMEARS))
    return day


def remission(dice: Random, course: Course, day: int) -> int:
    """A marrow below 5 % with counts in some state of recovery."""
    sure = dice.random() < 0.7
    blasts = dice.choice([1, 2, 3]) if sure else dice.choice(CLEAR)
    course.marrow(
        day,
        blasts,
        cells=300 if sure else dice.choice(CELLS),
        emd=None if sure else dice.choice(LESION),
    )
    for _ in range(dice.choice([1, 1, 2, 3])):
        late = day + dice.choice([-3, -2, -1, 0, 0, 0, 1, 3, 7, 11, 14, 15])
        smear = 0 if sure else dice.choice(SMEARS)
        course.blood(late, *counts(dice), smear=smear)
    if dice.random() < 0.4:
        course.mrd(day + dice.choice([0, 0, 0, 5, -5]), dice.choice(["negative", "positive", "?"]))
    return day


def counts(dice: Random) -> tuple[Any, Any]:
    """Neutrophils and platelets per microlitre."""
    platelets = dice.choice(PLATELETS)
    return dice.choice(COUNTS), platelets * 1000 if isinstance(platelets, int) else platelets


def partial(dice: Random, course: Course, day: int) -> int:
    """Fewer blasts, and often recovered counts."""
    course.marrow(day, dice.choice(PARTIAL), cells=dice.choice(CELLS), emd=dice.choice(LESION))
    good = dice.random() < 0.7
    course.blood(day, *((1500, 150_000) if good else counts(dice)), smear=0)
    return day


def resistant(dice: Random, course: Course, day: int) -> int:
    """Disease goes on."""
    course.marrow(day, dice.choice(HIGH)).blood(day, *counts(dice), smear=dice.choice(SMEARS))
    return day


def cycle(dice: Random, course: Course, day: int) -> int:
    """Another cycle, and the weeks after it."""
    course.chemo(day, dice.choice(INTENSITY))
    return day + dice.choice([14, 21, 28, 28, 35])


def follow(dice: Random, course: Course, day: int) -> int:
    """Blood and MRD of somebody in remission."""
    for _ in range(dice.choice([1, 2, 3, 4])):
        day += dice.choice([3, 7, 8, 14, 30, 56, 57])
        if dice.random() < 0.6:
            course.blood(day, *counts(dice), smear=dice.choice([0, 0, 1, 3, "?", None]))
        else:
            tissue, method = (
                dice.choice(["marrow", "marrow", "blood"]),
                dice.choice(["flow", "qpcr"]),
            )
            answer = dice.choice(["negative", "negative", "positive", "low-level", "?", "0.5", "6"])
            course.mrd(day, answer, specimen=tissue, method=method)
    return day


def relapse(dice: Random, course: Course, day: int) -> int:
    """Disease returns: in the marrow, the blood, or elsewhere."""
    how = dice.random()
    if how < 0.6:
        course.marrow(day, dice.choice(HIGH), cells=dice.choice(CELLS), emd=dice.choice(LESION))
    elif how < 0.85:
        course.blood(day, smear=2).blood(day + dice.choice([6, 7, 8, 30, 57]), smear=3)
    else:
        course.event("extramedullary", day)
    if dice.random() < 0.2:
        course.marrow(day + dice.choice([5, 8, 13, 14]), dice.choice(BLASTS))
    return day + 5


def noise(dice: Random, course: Course, day: int) -> None:
    """One odd thing."""
    what = dice.choice(NOISE)
    if what in MARROW_NOISE:
        course.marrow(
            day, dice.choice(BLASTS), cells=dice.choice(CELLS), emd=dice.choice(LESION),
            **MARROW_NOISE[what],
        )  # fmt: skip
    match what:
        case "adequacy":
            course.result("marrow-adequacy", day, dice.choice(["positive", "negative", "?"]))
        case "cellularity":
            course.result("marrow-cellularity", day, dice.choice([5, 10, 40, "?"]))
        case "auer":
            course.result("auer-rods", day, dice.choice(["positive", "negative", "?"]))
        case "preliminary":
            course.result("platelets", day, 150, standing="preliminary")
        case _:
            other_noise(dice, course, day, what)


MARROW_NOISE: dict[str, dict[str, Any]] = {
    "marrow": {},
    "adequacy": {},
    "cellularity": {},
    "auer": {},
    "flow": {"method": "flow"},
    "preliminary": {"standing": "preliminary"},
}


def other_noise(dice: Random, course: Course, day: int, what: str) -> None:  # noqa: C901 - a table
    """Noise that is no marrow."""
    match what:
        case "blood":
            course.blood(day, *counts(dice), smear=dice.choice(SMEARS))
        case "smear":
            course.blood(day, smear=dice.choice(SMEARS))
        case "chemo":
            course.chemo(day, dice.choice(INTENSITY))
        case "mrd":
            answer = dice.choice(["negative", "positive", "low-level", "?"])
            course.mrd(day, answer, sensitivity=dice.choice(["", "0.01 %"]))
        case "platelets":
            course.event("platelet-transfusion", day)
        case "red-cells":
            course.event(dice.choice(["rbc-transfusion", "transfusion-unspecified"]), day)
        case "gcsf":
            course.event(dice.choice(["gcsf", "gcsf-pegylated"]), day)
        case "lesion":
            course.result("extramedullary-disease", day, dice.choice(LESION) or "indeterminate")
        case "sarcoma":
            course.event("extramedullary", day, certainty=dice.choice(["confirmed", "unconfirmed"]))
        case "parts":
            course.result("wbc", day, dice.choice(["1.8", "3", "?"]))
            course.result("neutrophils-segmented-pct", day, dice.choice([50, 58, "?"]))
            if dice.random() < 0.6:
                course.result("neutrophils-band-pct", day, dice.choice([8, "?"]))
            course.blood(day, None, 150_000, dice.choice(SMEARS))
        case "claim":
            course.claim(dice.choice(["remission", "relapse"]), day)


PHASES = {
    "nadir": nadir,
    "remission": remission,
    "partial": partial,
    "resistant": resistant,
    "cycle": cycle,
    "follow": follow,
    "relapse": relapse,
}
PLANS = [
    ["remission"],
    ["nadir", "remission"],
    ["nadir", "partial", "cycle", "remission"],
    ["resistant", "cycle", "resistant"],
    ["resistant", "cycle", "partial", "cycle", "remission", "follow"],
    ["partial", "cycle", "resistant", "cycle", "partial"],
    ["remission", "cycle", "remission", "follow"],
    ["remission", "follow", "follow"],
    ["remission", "follow", "relapse"],
    ["remission", "cycle", "follow", "relapse", "cycle", "partial"],
    ["nadir", "remission", "relapse", "cycle", "remission", "follow", "relapse"],
    ["remission", "relapse", "resistant", "cycle", "partial", "cycle", "partial"],
    ["remission", "follow", "relapse", "remission", "cycle", "partial"],
    ["remission", "remission", "follow", "remission", "follow", "relapse", "cycle", "nadir"],
    ["partial", "remission", "cycle", "partial", "relapse", "cycle", "remission"],
]


def count(course: Course, answers: Any) -> None:
    """Remember what this course contained and what was said of it."""
    SEEN["courses"] += 1
    SEEN.update(f"category {name}" for name in {one.category for one in answers})
    SEEN.update(f"state {name}" for name in {one.state for one in answers})
    SEEN.update(f"mrd event {name}" for name in {one.mrd_event for one in answers})
    flags = {flag for one in answers for flag in one.flags}
    SEEN.update(f"flag {name}" for name in flags if ":" not in name)
    SEEN["nadir marrows"] += "early-marrow" in flags
    SEEN["second courses"] += any(one.category == "RELAPSE" for one in answers[:-1])
    kinds = {one.kind for one in course.events}
    SEEN["transfused"] += bool(kinds & {"platelet-transfusion", "rbc-transfusion"})
    SEEN["unreadable results"] += any(one.original == "?" for one in course.results)
    SEEN["preliminary results"] += any(one.standing == "preliminary" for one in course.results)
