"""Which codes of Conditions, Procedures and medications are events, and which are only claims."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Certainty
from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.systems import NO_NAMES, Systems

COLUMNS = ("system", "code", "kind", "detail", "certainty", "claim", "display", "source")
Says = Literal["remission", "relapse", "active"]
CLAIMS = ("", "remission", "relapse", "active")
RANGE_COLUMNS = ("system", "first", "last", "kind", "certainty", "source")
DETAILS: dict[str, tuple[str, ...]] = {
    # Prophylaxis: after a graft it is no start, and before one it prepares for it.
    "therapy-start": ("intensive", "less-intensive", "targeted", "prophylaxis"),
    # Whether promonocytes count as blasts in it; empty where the diagnosis does not say.
    "aml-diagnosis": ("monocytic", "not-monocytic"),
}
_DONE = ("Procedure", "MedicationAdministration")
# An event kind and the resource types that can tell of it: a chemotherapy is no Condition.
KINDS: dict[str, tuple[str, ...]] = {
    "aml-diagnosis": ("Condition",),
    "apl-diagnosis": ("Condition",),
    "other-leukaemia": ("Condition",),
    # Some leukaemia: its code does not say which, or no table could read it.
    "unspecified-leukaemia": ("Condition",),
    "unread-leukaemia": ("Condition",),
    # What AML may come from: shown, and never another leukaemia.
    "antecedent": ("Condition",),
    "extramedullary": ("Condition",),
    "therapy-start": _DONE,
    "rbc-transfusion": _DONE,
    "platelet-transfusion": _DONE,
    "transfusion-unspecified": _DONE,
    "gcsf": _DONE,
    "gcsf-pegylated": _DONE,
    "differentiating-drug": _DONE,
    "transplant": _DONE,
    "donor-lymphocytes": _DONE,
    # That there was one, on no day: a flag and nothing else.
    "transplant-history": ("Condition",),
    # A code that is a claim and nothing else, such as Condition.clinicalStatus.
    "": ("Condition",),
}


STARTS = frozenset({"therapy-start", "transplant", "donor-lymphocytes"})
"""Where these lie decides what a marrow beside them means."""


class EventRow(Struct, frozen=True):
    """One meaning of one code in `events.tsv`."""

    kind: str
    detail: str
    certainty: Certainty
    claim: Says | None
    display: str


class CodeRange(Struct, frozen=True):
    """Codes of one system that are of a kind though no row names them; compared by their start."""

    system: str
    first: str
    last: str
    row: EventRow

    def holds(self, code: str) -> bool:
        """Whether a code of its system lies in it."""
        return self.first <= code[: len(self.first)] and code[: len(self.last)] <= self.last


class EventMap(Struct, frozen=True):
    """Events by (system, code); a code may mean two, such as a start of therapy and a drug."""

    rows: dict[tuple[str, str], tuple[EventRow, ...]]
    ranges: tuple[CodeRange, ...] = ()
    bare: dict[str, tuple[EventRow, ...]] = {}
    """What a code means in whichever system: nobody can be sure, where its system is not known."""

    def of(self, system: str, code: str, resource_type: str) -> tuple[EventRow, ...]:
        """What the code means in a resource of this type."""
        rows = self.rows.get((system, code), ())
        return tuple(row for row in rows if resource_type in KINDS[row.kind])

    def within(self, system: str, code: str, resource_type: str) -> EventRow | None:
        """What the range of a code no row names says of it."""
        for one in self.ranges:
            if one.system == system and one.holds(code) and resource_type in KINDS[one.row.kind]:
                return one.row
        return None

    def starts(self, system: str, code: str) -> bool:
        """Whether the range of a code says that it is chemotherapy, of which kind ever."""
        row = self.within(system, code, "Procedure")
        return row is not None and (row.kind, row.certainty) == ("therapy-start", "confirmed")

    def perhaps(self, code: str, resource_type: str) -> tuple[EventRow, ...]:
        """What a code would mean if its system were the one that has it."""
        rows = self.bare.get(code, ())
        near = (one.row for one in self.ranges if one.holds(code))
        found = (row for row in (*rows, *near) if row.kind)
        return tuple(row for row in found if resource_type in KINDS[row.kind])

    def codes(self, *kinds: str) -> tuple[tuple[str, str], ...]:
        """All codes of these kinds, sorted, for searches."""
        return tuple(
            sorted(key for key, rows in self.rows.items() if any(row.kind in kinds for row in rows))
        )


def read_events(text: str, *, file: str) -> list[tuple[Row, EventRow]]:
    """Read the rows of an events table, each checked by itself."""
    return [(row, _event_row(row)) for row in read_rows(text, file=file, columns=COLUMNS)]


def read_ranges(text: str, *, file: str) -> list[CodeRange]:
    """Read the rows of a table of ranges, each checked by itself."""
    ranges = []
    for row in read_rows(text, file=file, columns=RANGE_COLUMNS):
        if not row["system"] or not row["first"] or row["last"] < row["first"]:
            raise row.refuse("a range has a system, a first code and a last one that is not before")
        event = _event_row(Row({**row.cells, **_OF_A_RANGE}, row.file, row.line), code=row["first"])
        ranges.append(CodeRange(row["system"], row["first"], row["last"], event))
    return ranges


_OF_A_RANGE = {"detail": "", "claim": "", "display": ""}


def merge_events(
    events: list[tuple[Row, EventRow]],
    ranges: Iterable[CodeRange] = (),
    systems: Systems = NO_NAMES,
) -> EventMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    merged: dict[tuple[str, str], tuple[EventRow, ...]] = {}
    for row, entry in events:
        key = (systems.canonical(row["system"]), row["code"])
        held = merged.get(key, ())
        if entry in held:
            continue
        if any(entry.kind == other.kind for other in held) or _diagnoses((*held, entry)) > 1:
            raise row.refuse(f"{key[1]} of {key[0]} already means something else; keep one row")
        merged[key] = (*held, entry)
    bare: dict[str, tuple[EventRow, ...]] = {}
    for (_, code), rows in merged.items():
        bare[code] = (*bare.get(code, ()), *rows)
    return EventMap(merged, tuple(ranges), bare)


def _diagnoses(rows: tuple[EventRow, ...]) -> int:
    return sum(KINDS[row.kind] == ("Condition",) for row in rows)


def _event_row(row: Row, *, code: str = "") -> EventRow:
    row.check([row["kind"]], KINDS, "no kind of event")
    details = DETAILS.get(row["kind"], ())
    if row["detail"] not in ("", *details):
        said = " or ".join(details) or "nothing"
        raise row.refuse(f"{row['detail']} is no detail of {row['kind']}; use {said}")
    if row["certainty"] not in ("confirmed", "unconfirmed"):
        raise row.refuse(f"{row['certainty']} is neither confirmed nor unconfirmed")
    if row["claim"] not in CLAIMS or not (row["kind"] or row["claim"]):
        raise row.refuse("a row has a kind of event, a claim (remission, relapse, active) or both")
    if not row["system"] or not (code or row["code"]):
        raise row.refuse("a code is only known together with its system; give both")
    return EventRow(
        kind=row["kind"],
        detail=row["detail"],
        certainty=cast(Certainty, row["certainty"]),
        claim=cast(Says, row["claim"]) if row["claim"] else None,
        display=row["display"],
    )
