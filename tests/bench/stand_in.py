"""The stand-in rule: what peers compute that cannot run the real criteria.

The latest marrow of a patient and the nearest counts within seven days, by three codes, no
comparators, no courses, no proof: much less work than the criteria, so that a peer which is slower
at this is slower at all of it.

Of marrows at one time the highest counts; of counts equally near, the later, then the higher.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

MARROW, NEUTROPHILS, PLATELETS = "11150-0", "751-8", "777-3"
CODES = (MARROW, NEUTROPHILS, PLATELETS)
STATUS = frozenset({"final", "amended", "corrected"})
NEAR = 7 * 86_400
PER_MICROLITRE = "/uL"
Timed = tuple[float, float]


def category(marrow: float, neutrophils: float | None, platelets: float | None) -> str:
    """The answer of the rule."""
    if marrow >= 5:
        return "NR"
    if neutrophils is None or platelets is None:
        return "IND"
    if neutrophils >= 1 and platelets >= 100:
        return "CR"
    if neutrophils >= 0.5 and platelets >= 50:
        return "CRh"
    return "CRi" if neutrophils >= 1 or platelets >= 100 else "MLFS"


def judged(marrows: Iterable[Timed], neutrophils: list[Timed], platelets: list[Timed]) -> str:
    """The answer for one patient from (time, value); empty without a marrow."""
    latest = max(marrows, default=None)
    if latest is None:
        return ""
    at, value = latest
    return category(value, _nearest(neutrophils, at), _nearest(platelets, at))


def _nearest(counts: Iterable[Timed], at: float) -> float | None:
    near = [(-abs(time - at), time, value) for time, value in counts if abs(time - at) <= NEAR]
    return max(near)[2] if near else None


def seconds(text: str) -> float:
    """A FHIR time as seconds; a day is its first moment, in UTC."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def reference(file: Path) -> Counter[str]:
    """Counts of the answers by plain loops, to hold the peers against."""
    found: dict[str, dict[str, list[Timed]]] = {}
    with file.open("rb") as lines:
        for line in lines:
            one = json.loads(line)
            code = one["code"]["coding"][0]["code"] if one["resourceType"] == "Observation" else ""
            quantity = one.get("valueQuantity")
            if code not in CODES or one["status"] not in STATUS or quantity is None:
                continue
            value = quantity["value"] / (1000 if quantity["unit"] == PER_MICROLITRE else 1)
            by_code = found.setdefault(one["subject"]["reference"], {code: [] for code in CODES})
            by_code[code].append((seconds(one["effectiveDateTime"]), value))
    answers = (judged(one[MARROW], one[NEUTROPHILS], one[PLATELETS]) for one in found.values())
    return Counter(answer for answer in answers if answer)
