"""Which codes of Conditions, Procedures and medications are events, and which are only claims."""

from __future__ import annotations

from typing import Literal, cast

from msgspec import Struct

from fhir_remission.domain.inputs import Certainty
from fhir_remission.domain.namespace import spelled_out
from fhir_remission.domain.rows import Row, read_rows

COLUMNS = ("system", "code", "kind", "detail", "certainty", "claim", "display", "source")
Says = Literal["remission", "relapse", "active"]
CLAIMS = ("", "remission", "relapse", "active")
DETAILS = ("", "intensive", "less-intensive")
_DONE = ("Procedure", "MedicationAdministration")
# An event kind and the resource types that can tell of it: a chemotherapy is no Condition.
KINDS: dict[str, tuple[str, ...]] = {
    "aml-diagnosis": ("Condition",),
    "apl-diagnosis": ("Condition",),
    "other-leukaemia": ("Condition",),
    "extramedullary": ("Condition",),
    "therapy-start": _DONE,
    "rbc-transfusion": _DONE,
    "platelet-transfusion": _DONE,
    "transfusion-unspecified": _DONE,
    "gcsf": _DONE,
    "gcsf-pegylated": _DONE,
    "differentiating-drug": _DONE,
    "transplant": _DONE,
    # A code that is a claim and nothing else, such as Condition.clinicalStatus.
    "": ("Condition",),
}


class EventRow(Struct, frozen=True):
    """One meaning of one code in `events.tsv`."""

    kind: str
    detail: str
    certainty: Certainty
    claim: Says | None
    display: str


class EventMap(Struct, frozen=True):
    """Events by (system, code); a code may mean two, such as a start of therapy and a drug."""

    rows: dict[tuple[str, str], tuple[EventRow, ...]]

    def of(self, system: str, code: str, resource_type: str) -> tuple[EventRow, ...]:
        """What the code means in a resource of this type."""
        rows = self.rows.get((system, code), ())
        return tuple(row for row in rows if resource_type in KINDS[row.kind])

    def codes(self, *kinds: str) -> tuple[tuple[str, str], ...]:
        """All codes of these kinds, sorted, for searches."""
        return tuple(
            sorted(key for key, rows in self.rows.items() if any(row.kind in kinds for row in rows))
        )


def read_events(
    text: str, *, file: str, namespace: str
) -> list[tuple[Row, tuple[str, str], EventRow]]:
    """Read the rows of an events table, each checked by itself."""
    return [
        (row, (spelled_out(row["system"], namespace), row["code"]), _event_row(row))
        for row in read_rows(text, file=file, columns=COLUMNS)
    ]


def merge_events(events: list[tuple[Row, tuple[str, str], EventRow]]) -> EventMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    merged: dict[tuple[str, str], tuple[EventRow, ...]] = {}
    for row, key, entry in events:
        held = merged.get(key, ())
        if entry in held:
            continue
        if any(entry.kind == other.kind for other in held) or _diagnoses((*held, entry)) > 1:
            raise row.refuse(f"{key[1]} of {key[0]} already means something else; keep one row")
        merged[key] = (*held, entry)
    return EventMap(rows=merged)


def _diagnoses(rows: tuple[EventRow, ...]) -> int:
    return sum(KINDS[row.kind] == ("Condition",) for row in rows)


def _event_row(row: Row) -> EventRow:
    if row["kind"] not in KINDS:
        kinds = ", ".join(kind for kind in KINDS if kind)
        raise row.refuse(f"{row['kind']} is no kind of event; use one of {kinds}")
    if row["detail"] not in DETAILS:
        raise row.refuse(f"{row['detail']} is no intensity; use intensive or less-intensive")
    if row["certainty"] not in ("confirmed", "unconfirmed"):
        raise row.refuse(f"{row['certainty']} is neither confirmed nor unconfirmed")
    if row["claim"] not in CLAIMS or not (row["kind"] or row["claim"]):
        raise row.refuse("a row has a kind of event, a claim (remission, relapse, active) or both")
    if not row["system"] or not row["code"]:
        raise row.refuse("a code is only known together with its system; give both")
    return EventRow(
        kind=row["kind"],
        detail=row["detail"],
        certainty=cast(Certainty, row["certainty"]),
        claim=cast(Says, row["claim"]) if row["claim"] else None,
        display=row["display"],
    )
