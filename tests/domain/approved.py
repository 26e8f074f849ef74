"""Small courses and every word approved of them: what a changed line of the walk would alter.

    python -m tests.domain.approved --write     after a change of a rule: read the difference

Each was found by a search for a course on which a changed line of `course` or `evaluation` makes a
difference that no other test notices, and was made as small as it can be (`make mutants`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import PatientRecord, Result, When
from tests.domain.builder import FIRST, Course, judge
from tests.domain.stories import line

FILE = Path(__file__).parents[2] / "fixtures" / "approved" / "courses.ndjson"
BESIDE = ("method", "specimen", "standing", "marker", "sensitivity", "biopsy")
Row = dict[str, Any]


def rows() -> list[Row]:
    """Every course that was approved."""
    return [json.loads(text) for text in FILE.read_text(encoding="utf-8").splitlines()]


def row_of(record: PatientRecord, name: str, notices: str) -> Row:
    """A course as a row of the file."""
    row: Row = {
        "notices": notices,
        "set": name,
        "attested": bool(record.complete),
        "events": [
            [one.kind, _day(one.when), {"detail": one.detail, "certainty": one.certainty}]
            for one in record.events
        ],
        "results": [[one.analyte, _day(one.when), one.original, beside(one)]
                    for one in record.results],
        "claims": [[one.says, _day(one.when)] for one in record.claims],
    }  # fmt: skip
    return row | {"said": said(row)}


def beside(one: Result) -> dict[str, Any]:
    """What stands beside its value, where it is not as usual."""
    usual = {"method": "", "specimen": "", "standing": "usable", "marker": "", "sensitivity": ""}
    told = {name: getattr(one, name) for name in BESIDE}
    return {name: it for name, it in told.items() if it != usual.get(name, False)} | (
        {} if one.limit is None else {"limit": str(one.limit)}
    )


def course_of(row: Row) -> Course:
    """The course of a row."""
    course = Course(diagnosed=None, attested=row["attested"])
    for kind, day, more in row["events"]:
        course.event(kind, day, **more)
    for analyte, day, raw, more in row["results"]:
        limit = {"limit": Decimal(more["limit"])} if "limit" in more else {}
        course.result(analyte, day, raw, **{**more, **limit})
    for says, day in row["claims"]:
        course.claim(says, day)
    return course


def said(row: Row) -> list[list[str]]:
    """All that is said at each anchor."""
    return [list(_words(one)) for one in judge(course_of(row), row["set"])]


def _words(one: Assessment) -> Iterator[str]:
    yield line(one)
    yield one.summary
    yield " ".join((*one.flags, one.confidence, *("provisional" for _ in range(one.provisional))))
    yield f"best {one.best_response}: {' '.join(f'{name} {day}' for name, day in one.responses)}"
    yield f"{one.remission_number} {one.window_closes} {one.mrd} {one.mrd_event}"
    if one.latest is not None:
        yield f"latest {one.latest.category} {' '.join(one.latest.flags)}"
    for criterion in one.criteria_results:
        refs = sorted({piece.source.ref.partition("/")[2] for piece in criterion.evidence})
        yield f"{criterion.criterion} {criterion.verdict.value}: {' '.join(refs)}"


def _day(when: When | None) -> float | None:
    if when is None:
        return None
    days = (when.start - FIRST - timedelta(hours=9)) / timedelta(days=1) + 1
    return int(days) if days == int(days) else days


if __name__ == "__main__" and "--write" in sys.argv:
    made = [json.dumps({**row, "said": said(row)}, ensure_ascii=False) for row in rows()]
    FILE.write_text("\n".join(made) + "\n", encoding="utf-8")
