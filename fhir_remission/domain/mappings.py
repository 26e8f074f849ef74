"""All tables that turn codes and units into what the criteria judge, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from fhir_remission.domain.analytes import Analyte, read_analytes
from fhir_remission.domain.codes import CodeMap, merge_codes, read_codes, read_lookalikes
from fhir_remission.domain.events import EventMap, merge_events, read_events
from fhir_remission.domain.namespace import NAMESPACE
from fhir_remission.domain.terms import TermMap, merge_terms, read_terms
from fhir_remission.domain.units import UnitMap, merge_units, read_units
from fhir_remission.domain.values import ValueMap, merge_values, read_values

TABLES = ("analytes", "codes", "lookalikes", "units", "values", "events", "terms")


class TableText(NamedTuple):
    """One table as text, and the name its errors carry."""

    file: str
    text: str


class Mappings(Struct, frozen=True):
    """Every table a reading needs, and the version all of them have together."""

    analytes: dict[str, Analyte]
    codes: CodeMap
    units: UnitMap
    values: ValueMap
    events: EventMap
    terms: TermMap
    version: str


class Removal(NamedTuple):
    """A shipped row that a site takes back."""

    system: str
    code: str


def read_mappings(
    tables: Mapping[str, Sequence[TableText]],
    *,
    version: str,
    removed: Sequence[Removal] = (),
    namespace: str = NAMESPACE,
) -> Mappings:
    """Read every table, shipped texts first and a site's after them; a bad row stops the run."""
    analytes = {}
    for table in tables["analytes"]:
        analytes.update(read_analytes(table.text, file=table.file))
    gone = {(removal.system, removal.code) for removal in removed}
    shipped_codes = tables["codes"][0].file
    codes = [
        (row, entry)
        for table in tables["codes"]
        for row, entry in read_codes(
            table.text, file=table.file, analytes=analytes, namespace=namespace
        )
        if table.file != shipped_codes or (entry.system, entry.code) not in gone
    ]
    lookalikes = [
        entry
        for table in tables["lookalikes"]
        for entry in read_lookalikes(table.text, file=table.file, namespace=namespace)
    ]
    return Mappings(
        analytes=analytes,
        codes=merge_codes(codes, lookalikes),
        units=merge_units(
            [row for table in tables["units"] for row in read_units(table.text, file=table.file)]
        ),
        values=merge_values(
            [
                row
                for table in tables["values"]
                for row in read_values(
                    table.text, file=table.file, analytes=analytes, namespace=namespace
                )
            ]
        ),
        events=merge_events(
            [
                row
                for table in tables["events"]
                for row in read_events(table.text, file=table.file, namespace=namespace)
            ]
        ),
        terms=merge_terms(
            [row for table in tables["terms"] for row in read_terms(table.text, file=table.file)]
        ),
        version=version,
    )
