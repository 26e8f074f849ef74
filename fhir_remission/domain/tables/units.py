"""Units as laboratories write them, to the one unit of an analyte, by exact decimal factors.

A unit is read by its row in `units.tsv`, else, as a count, by the grammar of counts; code and text
alike. Nothing is guessed: what neither reads, or what is refused, makes the value unreadable.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import EXACT
from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.analytes import DIMENSIONS, Analyte, decimal_cell
from fhir_remission.domain.tables.unit_grammar import (
    Power,
    Refused,
    UnitWords,
    normalised,
    without_annotations,
)

COLUMNS = (
    "unit",
    "dimension",
    "canonical",
    "factor",
    "read_as",
    "condition",
    "refused",
    "source",
)
MISSING = "(missing)"
# A refused text that names too little to contradict the code beside it, such as `K`.
VAGUE = "vague"
READ_AS = ("code", "text", "both", "none")
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
NPU = "urn:oid:1.2.208.176.2.1"
COUNT = "count"
FRACTION = "fraction"
CANONICAL = "10*9/L"
_GIGA = 9
MANY = "value>=1000000"
_ONE = Decimal(1)
_MILLION = Decimal(1_000_000)


class UnitRow(Struct, frozen=True):
    """One row of `units.tsv`; a row with `refused` says why this unit is not read."""

    unit: str
    dimension: str
    canonical: str
    factor: Decimal | None
    as_code: bool
    as_text: bool
    condition: str
    refused: str


class UnitSent(Struct, frozen=True):
    """A unit as sent: its code and its text."""

    code: str = ""
    text: str = ""
    ucum: bool = True
    """Whether the code is UCUM's; one of another system counts only where it can be read."""

    def __str__(self) -> str:
        return self.text or self.code


class Converted(Struct, frozen=True):
    """A value in the unit of its analyte."""

    value: Interval
    unit: str
    step: Decimal
    """One step of the last place that was sent."""


class UnitMap(Struct, frozen=True):
    """Units by (unit, dimension): the same letters mean different things for different analytes."""

    rows: dict[tuple[str, str], UnitRow]
    words: UnitWords

    def convert(
        self, value: Interval, sent: UnitSent, analyte: Analyte, *, code_system: str
    ) -> Converted | Refused:
        """The value in the unit of the analyte, or why its unit is refused."""
        found = self._find(sent, analyte)
        if isinstance(found, Refused):
            return found
        broken = _broken_condition(found, value, code_system=code_system)
        if broken:
            return Refused(broken)
        assert found.factor is not None  # noqa: S101 - held by read_units
        step = EXACT.multiply(_step(value), found.factor)
        return Converted(value=scaled(value, found.factor), unit=found.canonical, step=step)

    def _find(self, sent: UnitSent, analyte: Analyte) -> UnitRow | Refused:
        if not sent.code and not sent.text:
            return self._row(MISSING, analyte, as_code=False) or Refused("no unit was sent")
        by_code = self._row(sent.code, analyte, as_code=True)
        if isinstance(by_code, UnitRow) and sent.text in ("", sent.code):
            return by_code
        by_text = self._row(sent.text, analyte, as_code=False)
        if isinstance(by_code, UnitRow) and _contradict(by_code, by_text):
            return Refused(f"unit text {sent.text} contradicts unit code {sent.code}")
        if by_code is not None and (sent.ucum or isinstance(by_code, UnitRow)):
            return by_code
        return by_text or by_code or Refused(f"unit {sent} is in no row of units.tsv")

    def _row(self, unit: str, analyte: Analyte, *, as_code: bool) -> UnitRow | Refused | None:
        if not unit:
            return None
        spellings = self._spellings(unit, analyte)
        for spelling in spellings:
            found = self._listed(unit, spelling, analyte, as_code=as_code)
            if found is not None or self._known(spelling, analyte.dimensions):
                return found
        counted = self.words.read(spellings[-1])
        if COUNT in analyte.dimensions and counted is not None:
            return _of_grammar(unit, counted)
        known = any(self._known(spelling, DIMENSIONS) for spelling in spellings)
        if known or isinstance(counted, Power):
            return Refused(f"unit {unit} does not belong to {analyte.id}", foreign=True)
        return None

    def _spellings(self, unit: str, analyte: Analyte) -> tuple[str, ...]:
        """As sent, and less what only says what was counted; of a share, less known words only."""
        plain = normalised(unit)
        if FRACTION in analyte.dimensions and COUNT not in analyte.dimensions:
            return (plain, self.words.less_cells(plain))
        return (plain, without_annotations(unit))

    def _listed(
        self, unit: str, spelling: str, analyte: Analyte, *, as_code: bool
    ) -> UnitRow | Refused | None:
        refused = None
        for dimension in analyte.dimensions:
            row = self.rows.get((spelling, dimension))
            if row is not None and (row.as_code if as_code else row.as_text):
                return row
            if row is not None and row.refused:
                vague = row.condition == VAGUE
                refused = Refused(f"unit {unit} is refused: {row.refused}", foreign=not vague)
        return refused

    def _known(self, spelling: str, dimensions: tuple[str, ...]) -> bool:
        return any((spelling, dimension) in self.rows for dimension in dimensions)


def _of_grammar(unit: str, counted: Power | Refused) -> UnitRow | Refused:
    """What the grammar says of a unit, as a row of the table would."""
    if isinstance(counted, Refused):
        return Refused(f"unit {unit} is refused: {counted.reason}", counted.foreign)
    return UnitRow(
        unit=unit,
        dimension=COUNT,
        canonical=CANONICAL,
        factor=factor_of(counted),
        as_code=True,
        as_text=True,
        condition="" if counted.exponent else MANY,
        refused="",
    )


def factor_of(counted: Power) -> Decimal:
    """The exact factor to 10*9/L."""
    return Decimal((0, (1,), counted.exponent - _GIGA))


def read_units(text: str, *, file: str) -> list[tuple[Row, UnitRow]]:
    """Read the rows of a units table, each checked by itself."""
    return [(row, _unit_row(row)) for row in read_rows(text, file=file, columns=COLUMNS)]


def merge_units(units: list[tuple[Row, UnitRow]], words: UnitWords) -> UnitMap:
    """Make one map; a row that contradicts another, or what its own words say, stops the run."""
    merged: dict[tuple[str, str], UnitRow] = {}
    for row, entry in units:
        held = merged.setdefault((entry.unit, entry.dimension), entry)
        if held != entry:
            raise row.refuse(f"unit {entry.unit} is listed twice for {entry.dimension}; keep one")
        said = words.read(entry.unit) if entry.dimension == COUNT else None
        if isinstance(said, Power) and entry.factor not in (None, factor_of(said)):
            raise row.refuse(
                f"unit {row['unit']} is {factor_of(said)} {CANONICAL} by its own words"
            )
    return UnitMap(rows=merged, words=words)


def scaled(value: Interval, factor: Decimal) -> Interval:
    """The value times an exact factor, in one spelling per number; openness stays."""
    return Interval(
        low=_plain(EXACT.multiply(value.low, factor)),
        high=None if value.high is None else _plain(EXACT.multiply(value.high, factor)),
        low_open=value.low_open,
        high_open=value.high_open,
    )


def _step(value: Interval) -> Decimal:
    """One step of the last place of a number; of two ends the coarser."""
    return max(Decimal(1).scaleb(int(end.as_tuple().exponent)) for end in _stated(value))


def _plain(number: Decimal) -> Decimal:
    """Without zeros at the end and without an exponent: 1.200 is 1.2, 1E+2 is 100."""
    return Decimal(f"{number.normalize(EXACT):f}")


def _contradict(by_code: UnitRow, by_text: UnitRow | Refused | None) -> bool:
    if isinstance(by_text, UnitRow):
        return (by_text.canonical, by_text.factor) != (by_code.canonical, by_code.factor)
    return by_text is not None and by_text.foreign


def _stated(value: Interval) -> tuple[Decimal, ...]:
    ends = (value.low, value.high)
    stated = tuple(end for end in ends if end is not None and end != 0)
    return stated or (Decimal(0),)


def _million(value: Interval, code_system: str) -> str:
    if all(end >= _MILLION for end in _stated(value)):
        return ""
    return "cells per litre below 1000000 are more often a lost prefix than a count"


def _fraction(value: Interval, code_system: str) -> str:
    if value.high is not None and value.high <= _ONE:
        return ""
    return "a fraction of 1 cannot be above 1"


def _npu(value: Interval, code_system: str) -> str:
    return "" if code_system == NPU else "no unit was sent, and the code does not fix one"


def _loinc_percent(value: Interval, code_system: str) -> str:
    zero = value.low == 0 and value.high == 0
    if code_system == LOINC and (zero or all(end > _ONE for end in _stated(value))):
        return ""
    return "no unit was sent: percent and fraction are both plausible"


# The closed list of conditions a row may name; each says what is wrong, or nothing.
CONDITIONS = {
    MANY: _million,
    "value<=1": _fraction,
    "npu": _npu,
    "loinc;value>1": _loinc_percent,
}


def _broken_condition(row: UnitRow, value: Interval, *, code_system: str) -> str:
    return CONDITIONS[row.condition](value, code_system) if row.condition else ""


def _unit_row(row: Row) -> UnitRow:
    if not row["unit"]:
        raise row.refuse(f"a row without a unit; no unit sent is written {MISSING}")
    row.check([row["dimension"]], DIMENSIONS, "no dimension")
    if row["read_as"] not in READ_AS:
        raise row.refuse(f"{row['read_as']} is none of {', '.join(READ_AS)}")
    conditions = (VAGUE,) if row["refused"] else tuple(CONDITIONS)
    row.check([row["condition"]], ("", *conditions), "no condition")
    factor = decimal_cell(row, "factor")
    if bool(row["refused"]) != (row["read_as"] == "none"):
        raise row.refuse("a refused unit is read as none and says why; any other is read")
    if not row["refused"] and (factor is None or factor <= 0 or not row["canonical"]):
        raise row.refuse("a unit that is read needs a canonical unit and a factor above 0")
    return UnitRow(
        unit=normalised(row["unit"]),
        dimension=row["dimension"],
        canonical=row["canonical"],
        factor=factor,
        as_code=row["read_as"] in ("code", "both"),
        as_text=row["read_as"] in ("text", "both"),
        condition=row["condition"],
        refused=row["refused"],
    )
