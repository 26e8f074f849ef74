"""What can be measured or stated of a patient, and within which bounds a value is believed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.tsv import Row, read_rows

COLUMNS = ("analyte", "kind", "dimensions", "unit", "low", "high", "specimen", "note", "source")
Kind = Literal["quantity", "finding", "either", "attribute"]
KINDS = ("quantity", "finding", "either", "attribute")
DIMENSIONS = ("count", "fraction", "ratio", "mass", "number")

# What a threshold can be laid on, one marrow or one blood draw, and what a page calls it.
ANALYTES = {
    "anc": "ANC",
    "platelets": "platelets",
    "hemoglobin": "haemoglobin",
    "wbc": "leukocytes",
    "blasts-marrow": "marrow blasts",
    "blasts-blood": "blood blasts",
    "marrow-cells-counted": "marrow cells counted",
    "marrow-cellularity": "marrow cellularity",
}


class Analyte(Struct, frozen=True):
    """One row of `analytes.tsv`: what its values may be, in which unit, within which bounds."""

    id: str
    kind: Kind
    dimensions: tuple[str, ...]
    unit: str
    low: Decimal | None
    high: Decimal | None
    specimen: str

    def believes(self, value: Interval) -> bool:
        """Whether the value, as far as it was stated, lies within the bounds of this analyte."""
        highest = value.low if value.high is None else value.high
        beyond = value.low_open and value.low == self.high
        return (self.low is None or self.low <= value.low) and (
            self.high is None or (highest <= self.high and not beyond)
        )

    def whole(self, value: Interval) -> Interval:
        """The value, where it is a part of a whole with the whole as its end: `>50` % is no 120."""
        open_end = value.high is None and self.dimensions == ("fraction",)
        return structs.replace(value, high=self.high) if open_end else value


def read_analytes(
    text: str, *, file: str, known: Mapping[str, Analyte] | None = None
) -> dict[str, Analyte]:
    """Read the table after those already known; a bad or second row names its line."""
    analytes: dict[str, Analyte] = dict(known or {})
    for row in read_rows(text, file=file, columns=COLUMNS):
        if row["analyte"] in analytes:
            raise row.refuse(f"{row['analyte']} is listed twice; keep one")
        analytes[row["analyte"]] = _analyte(row)
    return analytes


def _analyte(row: Row) -> Analyte:
    row.check([row["kind"]], KINDS, "no kind of analyte")
    row.check(row.listed("dimensions"), DIMENSIONS, "no dimension")
    return Analyte(
        id=row["analyte"],
        kind=cast(Kind, row["kind"]),
        dimensions=row.listed("dimensions"),
        unit=row["unit"],
        low=decimal_cell(row, "low"),
        high=decimal_cell(row, "high"),
        specimen=row["specimen"],
    )


def decimal_cell(row: Row, column: str) -> Decimal | None:
    """The exact decimal of a cell; none where the cell is empty."""
    if not row[column]:
        return None
    try:
        number = Decimal(row[column])
    except InvalidOperation:
        raise row.refuse(f"{row[column]} in column {column} is no decimal number") from None
    if not number.is_finite():
        raise row.refuse(f"{row[column]} in column {column} is not finite")
    return number
