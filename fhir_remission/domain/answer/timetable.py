"""The rows of a course as text: columns with thresholds, notes below, calm runs in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from fhir_remission.domain.answer.layout import WIDTH, columns, narrowed, wrapped
from fhir_remission.domain.answer.timeline import DERIVED, RAISED, Columns, Row, columns_of
from fhir_remission.domain.criteria.rules import CriteriaSet

WIDTHS = (10, 12, 14, 14, 18, 14)
# A day and the heads of the columns are never broken.
LEAST = (10, 7, 8, 9, 8, 7)
INDENT = " " * 12
# A page has room for about forty rows; in a longer course what no answer rests on is summed up.
ROOM = 40
CALM = 3


def drawn(rows: Sequence[Row], criteria: CriteriaSet, width: int = WIDTH) -> list[str]:
    """The course as a table."""
    widths = narrowed(WIDTHS, width, LEAST)
    lines = list(_header(columns_of(criteria), widths))
    for row in _summed(rows):
        lines += _line(row, widths, width)
    lines += _legend(lines, width)
    return lines


def _header(shown: Columns, widths: Sequence[int]) -> Iterator[str]:
    three = (shown.marrow, shown.anc, shown.platelets)
    blasts = "none" if shown.no_blasts else ""
    yield from columns(("", "marrow", "", "", "blood", ""), widths)
    yield from columns(("", "blasts", "ANC", "platelets", "blasts", "MRD"), widths)
    yield from columns(("", *(one.unit for one in three), "%", ""), widths)
    yield from columns(("", *(one.rule for one in three), blasts, ""), widths)


def _summed(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows of a course that fits a page; of a longer one calm stretches are one row each."""
    for calm, run in groupby(rows, key=lambda row: len(rows) > ROOM and _is_calm(row)):
        held = list(run)
        if calm and len(held) > CALM:
            yield Row(held[0].day, notes=(f"to {held[-1].day}: {len(held)} draws",))
        else:
            yield from held


def _is_calm(row: Row) -> bool:
    """Blood alone, on which no answer says anything."""
    return bool(row.cells) and not row.notes and not row.cells[0] and not row.cells[4]


def _line(row: Row, widths: Sequence[int], width: int) -> list[str]:
    day = row.day.isoformat() if row.day is not None else ""
    day = day if row.told is None else row.told
    if not row.cells:
        first, *rest = row.notes
        lines = wrapped(first, first=f"{day:<12}", rest=INDENT + "  ", width=width)
    else:
        lines, rest = columns((day, *row.cells), widths), list(row.notes)
    for note in rest:
        lines += wrapped(note, first=INDENT, rest=INDENT + "  ", width=width)
    return lines


def _legend(lines: Sequence[str], width: int) -> list[str]:
    told = ["✓ met  ✗ not met  ? cannot be told, one mark for each threshold above"]
    text = "\n".join(lines)
    if re.search(rf"\d{DERIVED}\*? [✓✗?]", text):
        told.append(f"{DERIVED} derived from leukocytes and their differential")
    if re.search(r"\dd?\* [✓✗?]", text):
        told.append(f"{RAISED} a transfusion or growth factor may have raised the count")
    return ["", *(line for one in told for line in wrapped(one, first=INDENT, width=width))]
