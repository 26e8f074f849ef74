"""The record that printed lines let one see: what their answers rest on, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from fhir_remission.domain.nouns.inputs import (
    Event,
    Finding,
    Interval,
    PatientRecord,
    Result,
    Source,
    Unreadable,
    When,
)
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.report.entries import Line, criteria_of

_NOT_TOLD = "its value is not told"


def record_of_lines(patient: str, lines: Iterable[Line], tables: Mappings) -> PatientRecord:
    """Everything that the evidence of these lines names, each once.

    What a code measures is said by the tables: leukocytes that prove neutrophils stay leukocytes.
    """
    held = dict.fromkeys(item for line in lines for item in _cited(line, tables))
    return PatientRecord(
        patient,
        results=tuple(one for one in held if isinstance(one, Result)),
        events=tuple(one for one in held if isinstance(one, Event)),
    )


def _cited(line: Line, tables: Mappings) -> Iterator[Result | Event]:
    for criterion in criteria_of(line):
        for told in criterion["evidence"]:
            source = Source(
                told["source"], told["version"], told["code"]["system"], told["code"]["code"]
            )
            when = _when(told["effective"]) if told["effective"] else None
            if when is None or not told["source"].startswith("Observation/"):
                yield Event(_kind(source, tables), when, source, original=told["original"])
            else:
                yield _result(told, source, when, tables)


def _result(told: Line, source: Source, when: When, tables: Mappings) -> Result:
    row = tables.codes.rows.get((source.system, source.code))
    analyte, marker, method = (row.analyte, row.marker, row.method) if row else ("", "", "")
    value: Interval | Finding | Unreadable = Unreadable(told["original"], _NOT_TOLD)
    unit = ""
    if told["value"] is not None:
        held = told["value"]
        high = None if held["high"] is None else Decimal(held["high"])
        value = Interval(Decimal(held["low"]), high, held["low_open"], held["high_open"])
        unit = held["unit"]
    elif "finding" in told:
        value = Finding(told["finding"])
    return Result(
        analyte or "other-result",
        value,
        when,
        source,
        told["original"],
        unit,
        marker=marker,
        method=method,
    )


def _kind(source: Source, tables: Mappings) -> str:
    rows = tables.events.of(source.system, source.code, source.ref.partition("/")[0])
    return next((row.kind for row in rows if row.kind), "event")


def _when(effective: Line) -> When:
    start, end = (datetime.fromisoformat(effective[side]) for side in ("start", "end"))
    text = effective["start"] if start == end else effective["start"][:10]
    return When(start, end, start.date(), end.date(), text)
