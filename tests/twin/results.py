"""What a laboratory sends: the numbers, units and times that courses are drawn from."""

from __future__ import annotations

import random

from tests.twin.course import Instant, Value, quantity

FULL, HALF, LOW = "full", "half", "low"
COUNTS = {
    ("anc", FULL): (1000, 1001, 1500, 2300, 4000),
    ("anc", HALF): (999, 999.9, 500, 700),
    ("anc", LOW): (499, 499.9, 100, 0, 20),
    ("platelets", FULL): (100000, 100001, 150000, 240000),
    ("platelets", HALF): (99999, 99900, 50000, 75000),
    ("platelets", LOW): (49999, 49900, 20000, 8000),
}
# Marrows, the thresholds among them: below 5 %, 5 to 25 %, above, and across 5 %.
CLEARED = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "4.9",
    "4.99",
    "4.99999999999999999",
    "<1",
    "<5",
    "1-3",
    "text:2 %",
    "text:<5 %",
    "text:2-4",
]
PARTIAL = [
    "5",
    "5.0",
    "6",
    "8",
    "12",
    "20",
    "24.9",
    "25",
    "25.0",
    "half",
    "half",
    "half+",
    "text:8",
    "6-10",
]
FAILED = ["25.1", "26", "30", "40", "62.5", "80", ">50", ">=30", "30-40"]
DOUBTFUL = ["<=5", "4-6", "<10", "text:rare", "text:see report", "3&6", "text:4 - 6 %"]
BASELINES = ["20", "30", "40", "50", "60", "61.5", "80", "90", ">80", "60-70", "text:50", "10"]


def count(rng: random.Random, analyte: str, level: str) -> Value:
    """A cell count of that level in one of the units in which laboratories send it."""
    if rng.random() < 0.02 and level == LOW:
        return quantity("0.1" if analyte == "anc" else "10", "10*9/L", "<")
    if rng.random() < 0.02:
        return {"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}
    if rng.random() < 0.02 and level == FULL:
        return quantity("1" if analyte == "anc" else "100", "10*9/L", rng.choice([">", ">="]))
    per_microlitre = rng.choice(COUNTS[analyte, level])
    unit = rng.choice(["10*9/L", "10*9/L", "10*3/uL", "K/uL", "/uL"])
    if unit == "/uL":
        return quantity(
            f"{per_microlitre:g}" if per_microlitre < 1e5 else str(per_microlitre), unit
        )
    written = f"{per_microlitre / 1000:.4f}".rstrip("0").rstrip(".")
    if per_microlitre in (1000, 100000) and rng.random() < 0.5:
        written += ".0"
    return quantity(written, unit)


def levels(rng: random.Random) -> tuple[str, str]:
    """How far neutrophils and platelets have come back."""
    both = [(FULL, FULL)] * 8 + [(HALF, HALF), (HALF, FULL), (FULL, HALF)] * 2
    both += [
        (LOW, LOW),
        (LOW, FULL),
        (FULL, LOW),
        (LOW, HALF),
        ("none", FULL),
        (HALF, "none"),
        ("none", "none"),
    ]
    return rng.choice(both)


def instant(rng: random.Random, day: int) -> Instant:
    """A time of that day: mostly in the morning, some at night in another zone, some without."""
    roll = rng.random()
    if roll < 0.15:
        return Instant(day, None, 0)
    if roll < 0.2:
        return Instant(day, rng.choice([30, 1410]), rng.choice([2, -5]))
    return Instant(day, rng.randrange(420, 900), rng.choice([0, 0, 1, 2, -5]))
