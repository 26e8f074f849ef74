"""The cohort as a list: a CSV with `patient` and, where known, diagnosis and therapy.

Columns: `patient` (logical id or `Patient/id`), `diagnosed_on`, `therapy_started_on` (ISO dates),
`intensity` (intensive, less-intensive). One row per start of therapy; a patient may have several.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date

from fhir_remission.domain.nouns.inputs import CohortRow
from fhir_remission.errors import TableError

COLUMNS = ("patient", "diagnosed_on", "therapy_started_on", "intensity")
INTENSITIES = ("", "intensive", "less-intensive")


def read_cohort(text: str, *, file: str) -> dict[str, tuple[CohortRow, ...]]:
    """Parse the list into rows by patient reference; the first bad line stops with its place.

    What stands as a patient is not looked at: whether it is an id depends on the server.
    """
    # A cell is as long as it is: what is in it is judged, not how the reader of the file ends.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    rows: dict[str, list[CohortRow]] = {}
    try:
        _check_header(reader.fieldnames or [], file)
        for row in _rows(reader, file):
            rows.setdefault(row.patient, []).append(row)
    except csv.Error as error:
        raise TableError(f"{error}", file=file, line=reader.line_num) from None
    return {patient: tuple(found) for patient, found in rows.items()}


def _check_header(names: Sequence[str], file: str) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if "patient" not in names:
        raise TableError("the first line must name the columns, `patient` among them", file=file)
    if unknown:
        raise TableError(
            f"unknown column {unknown[0]!r}; known: {', '.join(COLUMNS)}", file=file, line=1
        )


def _rows(reader: csv.DictReader[str], file: str) -> Iterator[CohortRow]:
    for row in reader:
        line = reader.line_num
        patient = (row.get("patient") or "").strip().removeprefix("Patient/")
        if not patient:
            raise TableError("no patient", file=file, line=line)
        intensity = (row.get("intensity") or "").strip()
        if intensity not in INTENSITIES:
            raise TableError(
                f"intensity {intensity!r}; use intensive, less-intensive or nothing",
                file=file,
                line=line,
            )
        yield CohortRow(
            patient=f"Patient/{patient}",
            place=f"{file}:{line}",
            diagnosed_on=_day(row, "diagnosed_on", file, line),
            therapy_started_on=_day(row, "therapy_started_on", file, line),
            intensity=intensity,
        )


def _day(row: dict[str, str], column: str, file: str, line: int) -> date | None:
    text = (row.get(column) or "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{column} must be a date like 2026-03-01"
        raise TableError(message, file=file, line=line) from None
