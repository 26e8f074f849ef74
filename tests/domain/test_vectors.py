"""The test vectors of `fixtures/vectors.csv`, all four sets; a longer file may be named."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import Course, now

HOME = Path(os.environ.get("FHIR_REMISSION_VECTORS", Path(__file__).parents[2] / "fixtures"))
VECTORS = HOME / "vectors.csv"
SETS = {
    "healthtree-2024": "expected_seed",
    "eln-2017": "expected_eln2017",
    "eln-2022": "expected_eln2022",
    "iwg-2003": "expected_iwg2003",
}
RECENT = {"V091", "V094", "V095"}
OLD_LESION = {"V050", "V054"}
PREVIOUS, TARGET = 41, 152
UNREAD = "unknown"


def rows() -> list[dict[str, str]]:
    """Every vector."""
    with VECTORS.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw(course: Course, day: int, row: dict[str, str], smear: object) -> None:
    """Counts and smear of one day; V089 derives its neutrophils."""
    platelets = None if row["platelets_per_uL"] == UNREAD else int(row["platelets_per_uL"])
    anc = None if row["anc_per_uL"] == UNREAD else int(row["anc_per_uL"])
    if row["id"] == "V089":
        course.result("wbc", day, "1.8")
        course.result("neutrophils-segmented-pct", day, 50, method="manual")
        course.result("neutrophils-band-pct", day, 8, method="manual")
        anc = None
    course.blood(day, anc, platelets, smear)


def course_of(row: dict[str, str]) -> Course:
    """The course a vector describes."""
    landmark = row["id"] == "V098"
    course = Course(diagnosed=4, attested=row["rbc_transfusion_dependent"] != UNREAD)
    if row["baseline_marrow_blast_pct"] != UNREAD:
        course.result("blasts-marrow", 5, row["baseline_marrow_blast_pct"])
    course.chemo(10, "less-intensive" if landmark else "")
    day = 211 if landmark else PREVIOUS
    if row["prior_cr"] == "yes":
        course.marrow(day, 1, cells=500).blood(day, 2000, 200_000)
        day = TARGET
        if row["id"] in RECENT:
            course.chemo(day - 35)
    marrow(course, day, row)
    draw(course, day, row, {"absent": 0, "present": 3}.get(row["pb_blasts"]))
    lesion(course, day, row)
    if row["rbc_transfusion_dependent"] == "yes":
        course.event("rbc-transfusion", day - 2).event("rbc-transfusion", day - 5)
    if row["mrd"] != UNREAD:
        answer = {"neg": "negative", "pos": "positive", "LL": "low-level"}[row["mrd"]]
        course.mrd(day, answer, sensitivity="", method="qpcr" if row["mrd"] == "LL" else "flow")
    return course


def marrow(course: Course, day: int, row: dict[str, str]) -> None:
    """The marrow of the evaluation; V085 has a flow count beside the morphologic one."""
    if row["marrow_blast_pct"] == UNREAD:
        return
    cells = None if row["cells_counted"] == UNREAD else row["cells_counted"]
    both = row["id"] == "V085"
    named = {"method": "morphology"} if both else {}
    course.marrow(day, row["marrow_blast_pct"], cells=cells, emd=None, **named)
    if both:
        course.result("blasts-marrow", day, 6, method="flow")


def lesion(course: Course, day: int, row: dict[str, str]) -> None:
    """Extramedullary disease as stated, old or new."""
    if row["emd"] == "absent":
        course.result("extramedullary-disease", day, "negative")
    if row["emd"] == "present":
        old = row["id"] in OLD_LESION
        course.result("extramedullary-disease", day, "positive")
        course.event("extramedullary", 5 if old else day)
        if old:
            course.result("extramedullary-disease", 5, "positive")


def shown(found: Assessment) -> str:
    """The answer in the notation of the vectors."""
    text = found.code if found.category == found.code.split("_MRD")[0] else found.category
    return text + ("?" if found.provisional and found.category not in NONE else "")


NONE = {"NE", "IND", "NR", "RELAPSE", "RELAPSE_SUSPECTED", "REFRACTORY", "PD", "SD"}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_vector(row: dict[str, str], name: str) -> None:
    """The category, with its MRD suffix and its question mark."""
    found = now(course_of(row), name)
    assert shown(found) == row[SETS[name]], (found.reason, found.flags, found.missing)
