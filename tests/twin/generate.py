"""Courses of acute myeloid leukaemia as FHIR NDJSON, for two programs to be compared on.

Deterministic for a given seed and number of patients; no real data. Values are drawn so that
every category of the subset occurs often and so that they sit on the thresholds, not around them.

    python -m tests.twin.generate --patients 2000 --seed 1 --out courses.ndjson
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.twin.course import (
    ANC,
    CELLS,
    CHEMOTHERAPY,
    DIFFERENTIAL,
    EXTRAMEDULLARY,
    ICD,
    MARROW,
    PLATELETS,
    SMEAR,
    SNOMED,
    Course,
    Instant,
    Resource,
    line,
    percent,
    quantity,
)
from tests.twin.results import (
    BASELINES,
    CLEARED,
    DOUBTFUL,
    FAILED,
    FULL,
    LOW,
    PARTIAL,
    count,
    instant,
    levels,
)


def draw(course: Course, when: Instant, anc: str, platelets: str, smear: str) -> None:
    """One blood draw; `none` leaves an analyte out, now and then platelets come hours later."""
    rng = course.rng
    if anc != "none":
        course.observe(ANC, when, count(rng, "anc", anc))
    if platelets != "none":
        apart = (
            rng.choice([180, 1380, 1440, 1500])
            if when.minutes is not None and rng.random() < 0.04
            else 0
        )
        later = when._replace(minutes=(when.minutes or 0) + apart) if apart else when
        course.observe(PLATELETS, later, count(rng, "platelets", platelets))
    if rng.random() < 0.02:
        withdrawn = rng.choice(["entered-in-error", "cancelled", "unknown"])
        course.observe(ANC, when, quantity("9", "10*9/L"), withdrawn)
    if smear != "none":
        code = DIFFERENTIAL if smear.startswith("auto:") else SMEAR
        course.observe(code, when, percent(smear.removeprefix("auto:"))[0])


def marrow(course: Course, when: Instant, spec: str, cells: str) -> None:
    """One marrow with the cells counted in it; `none` when adequacy was never reported."""
    for value in percent(spec, course.baseline):
        course.observe(MARROW, when, value)
    if cells == "none":
        return
    comparator = ">" if cells.startswith(">") else ""
    course.observe(CELLS, when, quantity(cells.removeprefix(">"), "{#}", comparator))


def response(course: Course, day: int, spec: str, *, until: int, blood: bool) -> None:
    """A marrow on `day` and blood around it; nothing is drawn from day `until` on."""
    rng = course.rng
    when = instant(rng, day)
    cells = rng.choices(["500", "200", "none", "199", "80", ">100"], [10, 3, 5, 1, 1, 0.3])[0]
    marrow(course, when, spec, cells)
    smears = _smears(rng, blood=blood)
    if rng.random() < 0.85:
        draw(course, when, *levels(rng), smears())
    previous = 0
    for offset in sorted(
        rng.sample([-6, -4, -3, 3, 6, 9, 12, 14, 15, 18], rng.choice([0, 0, 1, 2, 3]))
    ):
        clash = previous and offset - previous < 2
        if day + offset < until and not clash:
            draw(
                course,
                instant(rng, day + offset),
                *levels(rng),
                smears() if 0 < offset < 13 else "none",
            )
            previous = offset


def _smears(rng: random.Random, *, blood: bool) -> Callable[[], str]:
    """A source of smear results; blasts only where the course allows them."""
    if blood:
        return lambda: rng.choice(
            ["0", "0", "none", "3", "1", "text:rare", "<1", "auto:0", "auto:2"]
        )
    reported = rng.choice(["0", "none", "auto:0"])
    return lambda: reported


def therapy(course: Course, day: int) -> None:
    """One cycle: a single day, or seven; some entries never happened."""
    rng = course.rng
    status = rng.choices(["completed", "in-progress", "stopped"], [18, 1, 1])[0]
    days = range(day, day + 7) if rng.random() < 0.3 else range(day, day + 1)
    for one in days:
        course.add("Procedure", CHEMOTHERAPY, status=status, performedDateTime=course.on(one))


def diagnose(course: Course, day: int) -> bool:
    """Conditions, nearly always a confirmed AML; true when any of them counts."""
    plan = course.rng.choices(
        [
            [("C92.00", "")],
            [("C92.00", "confirmed")],
            [("C92.01", "confirmed"), ("C91.00", "refuted")],
            [],
            [("C92.00", "refuted")],
            [("C92.00", "entered-in-error")],
            [("C92.40", "confirmed")],
            [("C91.00", "confirmed")],
            [("C91.00", "confirmed"), ("C92.00", "confirmed")],
        ],
        [50, 30, 5, 6, 1, 1, 1, 1, 1],
    )[0]
    for code, verification in plan:
        extra = {"verificationStatus": {"coding": [{"code": verification}]}} if verification else {}
        course.add("Condition", (ICD, code), onsetDateTime=course.on(day), **extra)
    return any(verification in ("", "confirmed") for _, verification in plan)


def extramedullary(course: Course, first: int, marrow_day: int) -> None:
    """Statements about disease outside the marrow, in one of six patterns."""
    present, absent = "52101004", "2667000"
    patterns = [
        [],
        [(marrow_day, absent)],
        [(first, present), (marrow_day, absent)],
        [(first, present)],
        [(first, present), (marrow_day - course.rng.choice([0, 5, 28, 29]), present)],
        [(first, absent)],
    ]
    for day, code in course.rng.choices(patterns, [10, 10, 2, 0.7, 0.7, 2])[0]:
        value = {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": code}]}}
        course.observe(EXTRAMEDULLARY, Instant(day, None, 0), value)


def write_course(patient: str, rng: random.Random) -> list[Resource]:
    """One patient from diagnosis to the last marrow."""
    course = Course(patient, rng, date(2025, 1, 1) + timedelta(days=rng.randrange(360)))
    diagnosed = rng.choice([-6, -4, -3, -25])
    known = diagnose(course, diagnosed)
    treated = rng.random() < 0.95
    if rng.random() < 0.93 or not known or not treated:
        # Without a diagnosis the first marrow must be able to stand for it, or none may.
        course.baseline = rng.choice(BASELINES if known else BASELINES[:-1])
        unproved = not known and rng.random() < 0.1
        marrow(course, instant(rng, -2), "10" if unproved else course.baseline, "500")
        if unproved:
            response(course, 30, rng.choice(CLEARED), until=999, blood=False)
            return course.resources
    if rng.random() < 0.3:
        draw(course, Instant(-1, 600, 0), LOW, LOW, "none")
    if treated:
        therapy(course, 0)
    elif rng.random() < 0.5:
        course.add("Procedure", CHEMOTHERAPY, status="not-done", performedDateTime=course.on(0))
    if rng.random() < 0.04:
        return course.resources
    _first_response(course, treated=treated)
    return course.resources


def _first_response(course: Course, *, treated: bool) -> None:
    rng = course.rng
    day = rng.choice([21, 22, 28, 30, 35, 42])
    early = treated and rng.random() < 0.12
    if early:
        spec = rng.choice(CLEARED + PARTIAL + FAILED)
        response(course, rng.choice([12, 14, 16]), spec, until=day - 2, blood=False)
        if rng.random() < 0.4:
            return
    if rng.random() < 0.06:
        day = 20
    kind = rng.choices([CLEARED, PARTIAL, FAILED, DOUBTFUL], [10, 4, 2, 1])[0]
    extramedullary(course, -1, day)
    paths = ["stop", "again", "cycle", "later"] if treated else ["stop", "again"]
    path = rng.choices(paths, [6, 2, 3, 4][: len(paths)])[0]
    gap = rng.choice([4, 8, 10, 13, 14, 15, 17]) if path == "again" else 30
    until = day + gap - 1
    blood = path == "stop" and not early and rng.random() < 0.4
    response(course, day, rng.choice(kind), until=until, blood=blood)
    if path == "stop" and rng.random() < 0.1:
        _unfinished(course, day + 25)
    if path == "again":
        spec = rng.choice(rng.choice([CLEARED, PARTIAL, FAILED, DOUBTFUL]))
        response(course, day + gap, spec, until=999, blood=False)
    if path in ("cycle", "later"):
        _next_cycle(course, day, stop=path == "cycle" and rng.random() < 0.3)


def _next_cycle(course: Course, day: int, *, stop: bool) -> None:
    """Consolidation or re-induction, sometimes inside the first window, and a marrow after it."""
    rng = course.rng
    start = day + rng.choice([8, 16, 20])
    therapy(course, start)
    if rng.random() < 0.3:
        draw(course, instant(rng, start + 3), FULL, FULL, "none")
    if stop:
        return
    after = start + rng.choice([14, 20, 21, 28, 40, 60])
    kind = rng.choices([CLEARED, PARTIAL, FAILED, DOUBTFUL], [5, 3, 3, 1])[0]
    response(course, after, rng.choice(kind), until=999, blood=False)


def _unfinished(course: Course, day: int) -> None:
    """A marrow that is not final: it proves nothing, but blasts in it are a doubt."""
    value = percent(course.rng.choice(["2", "12", "30"]))[0]
    course.observe(MARROW, Instant(day, 600, 0), value, "preliminary")


def courses(patients: int, seed: int) -> Iterator[list[Resource]]:
    """The resources of each patient, each patient from a generator of its own."""
    for number in range(patients):
        rng = random.Random(f"{seed}/{number}")
        yield write_course(f"t{seed}-{number:05d}", rng)


def write(path: Path, patients: int, seed: int) -> int:
    """Write the courses as NDJSON, resources of one patient together; return how many lines."""
    lines = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for resources in courses(patients, seed):
            lines += len(resources)
            file.writelines(f"{line(one)}\n" for one in resources)
    return lines


def main() -> None:
    """Write a file of courses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    print(f"{write(args.out, args.patients, args.seed)} resources of {args.patients} patients")


if __name__ == "__main__":
    main()
