"""All tables that turn codes and units into what the criteria judge, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.domain.nouns.tsv import Row
from fhir_remission.domain.tables.analytes import Analyte, read_analytes
from fhir_remission.domain.tables.answers import ValueMap, merge_values, read_values
from fhir_remission.domain.tables.codes import (
    CodeMap,
    CodeRow,
    LookAlike,
    merge_codes,
    read_codes,
    read_lookalikes,
)
from fhir_remission.domain.tables.displays import Words
from fhir_remission.domain.tables.events import (
    CodeRange,
    EventMap,
    merge_events,
    read_events,
    read_ranges,
)
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.systems import Systems, merge_systems, read_systems
from fhir_remission.domain.tables.terms import TermMap, merge_terms, read_terms
from fhir_remission.domain.tables.unit_grammar import merge_unit_words, read_unit_words
from fhir_remission.domain.tables.units import UCUM, UnitMap, merge_units, read_units
from fhir_remission.domain.tables.value_grammar import (
    ValueWords,
    merge_value_words,
    read_value_words,
)

TABLES = (
    "analytes",
    "codes",
    "lookalikes",
    "units",
    "unit_words",
    "values",
    "value_words",
    "events",
    "terms",
    "systems",
    "hints",
    "ranges",
    "words",
)


class TableText(NamedTuple):
    """One table as text, and the name its errors carry."""

    file: str
    text: str


class Mappings(Struct, frozen=True, eq=False):
    """Every table a reading needs, and the version all of them have together.

    Compared and hashed as the one object it is, so that answers can be remembered by it.
    """

    analytes: dict[str, Analyte]
    codes: CodeMap
    units: UnitMap
    values: ValueMap
    events: EventMap
    terms: TermMap
    systems: Systems
    words: Words
    version: str


class Removal(NamedTuple):
    """A shipped row that a site takes back."""

    system: str
    code: str


Tables = Mapping[str, Sequence[TableText]]


def read_mappings(
    tables: Tables,
    *,
    version: str,
    removed: Sequence[Removal] = (),
    panels: Iterable[tuple[str, str]] = (),
    namespace: str = NAMESPACE,
) -> Mappings:
    """Read every table, shipped texts first and a site's after them; a bad row stops the run."""
    analytes: dict[str, Analyte] = {}
    for table in tables["analytes"]:
        analytes = read_analytes(table.text, file=table.file, known=analytes)
    codes, lookalikes = _codes(tables, analytes, removed, namespace)
    values = [
        row
        for file, text in tables["values"]
        for row in read_values(text, file=file, analytes=analytes, namespace=namespace)
    ]
    events = [
        row
        for file, text in tables["events"]
        for row in read_events(text, file=file, namespace=namespace)
    ]
    terms = [row for file, text in tables["terms"] for row in read_terms(text, file=file)]
    used = {
        *(entry.system for _, entry in codes),
        *(key[0] for _, key, _ in (*lookalikes, *events)),
        *(row["system"] for row in terms),
    }
    systems = _systems(tables, used, namespace)
    return Mappings(
        analytes=analytes,
        codes=structs.replace(
            merge_codes(codes, lookalikes, systems, Hints(tuple(tables["hints"]))),
            panels=frozenset((systems.canonical(system), code) for system, code in panels),
        ),
        units=_units(tables),
        values=merge_values(values, _value_words(tables)),
        events=merge_events(events, _ranges(tables), systems),
        terms=merge_terms(terms),
        systems=systems,
        words=Words(tuple(tables["words"])),
        version=version,
    )


def _systems(tables: Tables, used: set[str], namespace: str) -> Systems:
    """All names of the systems that the tables use."""
    rows = [
        row
        for file, text in tables["systems"]
        for row in read_systems(text, file=file, namespace=namespace)
    ]
    return merge_systems(rows, {*used, UCUM}, namespace=namespace)


def _units(tables: Tables) -> UnitMap:
    words = merge_unit_words(
        row for file, text in tables["unit_words"] for row in read_unit_words(text, file=file)
    )
    rows = [row for file, text in tables["units"] for row in read_units(text, file=file)]
    return merge_units(rows, words)


def _value_words(tables: Tables) -> ValueWords:
    return merge_value_words(
        row for file, text in tables["value_words"] for row in read_value_words(text, file=file)
    )


def _ranges(tables: Tables) -> list[CodeRange]:
    return [row for file, text in tables["ranges"] for row in read_ranges(text, file=file)]


def _codes(
    tables: Tables, analytes: dict[str, Analyte], removed: Sequence[Removal], namespace: str
) -> tuple[list[tuple[Row, CodeRow]], list[tuple[Row, tuple[str, str], LookAlike]]]:
    """Shipped codes less what the site takes back, and the site's own."""
    gone = {(removal.system, removal.code) for removal in removed}
    shipped, *own = (
        read_codes(text, file=file, analytes=analytes, namespace=namespace)
        for file, text in tables["codes"]
    )
    kept = [(row, entry) for row, entry in shipped if (entry.system, entry.code) not in gone]
    lookalikes = [
        entry
        for file, text in tables["lookalikes"]
        for entry in read_lookalikes(text, file=file, namespace=namespace)
    ]
    return [*kept, *(pair for rows in own for pair in rows)], lookalikes
