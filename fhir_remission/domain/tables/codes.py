"""Which code means which analyte, under which condition, and which codes only look alike."""

from __future__ import annotations

from operator import attrgetter

from msgspec import Struct, structs

from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.hints import NO_HINTS, Hints
from fhir_remission.domain.tables.systems import NO_NAMES, Systems

COLUMNS = (
    "system",
    "code",
    "analyte",
    "specimen",
    "method",
    "marker",
    "condition",
    "flag",
    "display",
    "source",
)
LOOKALIKE_COLUMNS = ("system", "code", "display", "reason", "source")
# Every condition is enforced by code: `addend` here, the others where a result is read.
CONDITIONS = {
    "specimen=blood": "the Specimen resource must say blood",
    "specimen=marrow": "the Specimen resource must say marrow",
    "specimen=stated": "the Specimen resource must say blood or marrow",
    "unit=concentration": "the value must be a quantity with a count unit of its own",
    "addend": "a part of a count; never the count itself",
    "lower-bound": "the code leaves some of the cells out: the value is a lower end only",
    "adds": "a subset reported on its own: above 0 a lower end, at 0 it says nothing",
    "unnamed": "no source has the official name of the code: above 0 nobody can read it",
}
# Doubts that go with every value of a code, by the ids of the flags vocabulary.
FLAGS = ("deprecated-code", "capillary-blood", "promonocytes-reported", "apl-marker")
# An addend is one of these and never `anc`.
ADDENDS = frozenset(
    {
        "neutrophils-segmented",
        "neutrophils-band",
        "neutrophils-pct",
        "neutrophils-segmented-pct",
        "neutrophils-band-pct",
    }
)
SPECIMENS = ("", "blood", "marrow", "csf")


class CodeRow(Struct, frozen=True):
    """One row of `codes.tsv`."""

    system: str
    code: str
    analyte: str
    specimen: str
    method: str
    marker: str
    conditions: tuple[str, ...]
    flags: tuple[str, ...]
    display: str


class LookAlike(Struct, frozen=True):
    """A code that resembles an input and must not be read as one."""

    display: str
    reason: str


class CodeMap(Struct, frozen=True, eq=False):
    """Codes by (system, code); never by code or display alone. Hashed as the object it is."""

    rows: dict[tuple[str, str], CodeRow]
    lookalikes: dict[tuple[str, str], LookAlike]
    systems: Systems = NO_NAMES
    hints: Hints = NO_HINTS
    bare: dict[str, tuple[CodeRow, ...]] = {}
    """What a code means in whichever system: nobody can be sure, where its system is not known."""
    panels: frozenset[tuple[str, str]] = frozenset()
    """Codes of panels that may hold an input."""

    @property
    def analytes(self) -> frozenset[str]:
        """Every analyte that some code maps to."""
        return frozenset(row.analyte for row in self.rows.values())

    def analyte_codes(self, *analytes: str) -> tuple[tuple[str, str], ...]:
        """All codes of these analytes, or of all where none is named; sorted, for searches."""
        wanted = frozenset(analytes)
        return tuple(
            sorted(key for key, row in self.rows.items() if not wanted or row.analyte in wanted)
        )


def read_codes(text: str, *, file: str, analytes: dict[str, Analyte]) -> list[tuple[Row, CodeRow]]:
    """Read the rows of a codes table, each checked by itself."""
    return [(row, _code_row(row, analytes)) for row in read_rows(text, file=file, columns=COLUMNS)]


def read_lookalikes(text: str, *, file: str) -> list[Row]:
    """Read the rows of a look-alikes table."""
    return list(read_rows(text, file=file, columns=LOOKALIKE_COLUMNS))


def merge_codes(
    codes: list[tuple[Row, CodeRow]],
    lookalikes: list[Row],
    systems: Systems = NO_NAMES,
    hints: Hints = NO_HINTS,
) -> CodeMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    merged: dict[tuple[str, str], CodeRow] = {}
    for row, sent in codes:
        entry = structs.replace(sent, system=systems.canonical(sent.system))
        key = (entry.system, entry.code)
        held = merged.setdefault(key, entry)
        if _meaning(held) != _meaning(entry):
            raise row.refuse(
                f"{entry.code} of {entry.system} is {entry.analyte} here and {held.analyte} in "
                "another row; keep one, or remove the shipped row by a ConceptMap first"
            )
    alike: dict[tuple[str, str], LookAlike] = {}
    for row in lookalikes:
        key = (systems.canonical(row["system"]), row["code"])
        if key in merged:
            raise row.refuse(f"{key[1]} is a look-alike here and {merged[key].analyte} elsewhere")
        alike[key] = LookAlike(row["display"], row["reason"])
    bare = grouped(merged.values(), attrgetter("code"))
    return CodeMap(rows=merged, lookalikes=alike, systems=systems, hints=hints, bare=bare)


def _meaning(row: CodeRow) -> tuple[object, ...]:
    return (row.analyte, row.specimen, row.method, row.marker, row.conditions)


def _code_row(row: Row, analytes: dict[str, Analyte]) -> CodeRow:
    analyte = analytes.get(row["analyte"])
    if analyte is None:
        known = ", ".join(analytes)
        raise row.refuse(
            f"{row['analyte']} is no row of analytes.tsv; add it there or use one of {known}"
        )
    if not row["system"] or not row["code"]:
        raise row.refuse("a code is only known together with its system; give both")
    row.check(row.listed("condition"), CONDITIONS, "no condition")
    row.check(row.listed("flag"), FLAGS, "no flag of a code")
    if ("addend" in row.listed("condition")) != (analyte.id in ADDENDS):
        raise row.refuse(f"addend and the analyte {analyte.id} do not belong together")
    if row["specimen"] not in SPECIMENS:
        raise row.refuse(f"{row['specimen']} is no specimen; use blood, marrow, csf or nothing")
    return CodeRow(
        system=row["system"],
        code=row["code"],
        analyte=analyte.id,
        specimen=row["specimen"] or analyte.specimen,
        method=row["method"],
        marker=row["marker"],
        conditions=row.listed("condition"),
        flags=row.listed("flag"),
        display=row["display"],
    )
