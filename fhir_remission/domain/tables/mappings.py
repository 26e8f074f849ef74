"""All tables that turn codes and units into what the criteria judge, as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import Struct, structs

from fhir_remission.domain.nouns.namespace import NAMESPACE, PLACEHOLDER
from fhir_remission.domain.nouns.tsv import Row
from fhir_remission.domain.tables.analytes import Analyte, read_analytes
from fhir_remission.domain.tables.answers import ValueMap, merge_values, read_values
from fhir_remission.domain.tables.codes import (
    CodeMap,
    CodeRow,
    merge_codes,
    read_codes,
    read_lookalikes,
)
from fhir_remission.domain.tables.displays import Words
from fhir_remission.domain.tables.events import EventMap, merge_events, read_events, read_ranges
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.systems import Systems, merge_systems, read_systems
from fhir_remission.domain.tables.terms import TermMap, merge_terms, read_terms
from fhir_remission.domain.tables.unit_grammar import merge_unit_words, read_unit_words
from fhir_remission.domain.tables.units import UCUM, UnitMap, merge_units, read_units
from fhir_remission.domain.tables.value_grammar import merge_value_words, read_value_words

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
_Entry = TypeVar("_Entry")


def read_mappings(
    tables: Tables,
    *,
    version: str,
    removed: Sequence[Removal] = (),
    panels: Iterable[tuple[str, str]] = (),
    namespace: str = NAMESPACE,
) -> Mappings:
    """Read every table, shipped texts first and a site's after them; a bad row stops the run."""
    tables = {
        name: [TableText(file, text.replace(PLACEHOLDER, namespace)) for file, text in texts]
        for name, texts in tables.items()
    }
    analytes: dict[str, Analyte] = {}
    for table in tables["analytes"]:
        analytes = read_analytes(table.text, file=table.file, known=analytes)
    codes = _codes(tables["codes"], analytes, removed)
    lookalikes = _read(read_lookalikes, tables["lookalikes"])
    values = _read(read_values, tables["values"], analytes=analytes)
    events = _read(read_events, tables["events"])
    terms = _read(read_terms, tables["terms"])
    used = {
        *(row["system"] for row, _ in (*codes, *events)),
        *(row["system"] for row in (*lookalikes, *terms)),
        UCUM,
    }
    systems = merge_systems(_read(read_systems, tables["systems"]), used, namespace=namespace)
    return Mappings(
        analytes=analytes,
        codes=structs.replace(
            merge_codes(codes, lookalikes, systems, Hints(tuple(tables["hints"]))),
            panels=frozenset((systems.canonical(system), code) for system, code in panels),
        ),
        units=merge_units(
            words=merge_unit_words(_read(read_unit_words, tables["unit_words"])),
            units=_read(read_units, tables["units"]),
        ),
        values=merge_values(
            values, merge_value_words(_read(read_value_words, tables["value_words"]))
        ),
        events=merge_events(events, _read(read_ranges, tables["ranges"]), systems),
        terms=merge_terms(terms),
        systems=systems,
        words=Words(tuple(tables["words"])),
        version=version,
    )


def _read(
    read: Callable[..., Iterable[_Entry]], texts: Iterable[TableText], **shared: object
) -> list[_Entry]:
    """The rows of all texts of one table."""
    return [row for file, text in texts for row in read(text, file=file, **shared)]


def _codes(
    texts: Sequence[TableText], analytes: dict[str, Analyte], removed: Sequence[Removal]
) -> list[tuple[Row, CodeRow]]:
    """Shipped codes less what the site takes back, and the site's own."""
    shipped, *own = texts
    gone = {(removal.system, removal.code) for removal in removed}
    found = _read(read_codes, [shipped], analytes=analytes)
    kept = [(row, entry) for row, entry in found if (entry.system, entry.code) not in gone]
    return kept + _read(read_codes, own, analytes=analytes)
