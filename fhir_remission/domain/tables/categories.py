"""The codings of what we say: one table, `mappings/categories.tsv`, one reader, one type."""

from __future__ import annotations

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.errors import TableError

COLUMNS = ("concept", "id", "system", "code", "display", "source")
SYSTEMS = {
    "ours": "",
    "NCIt": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "SNOMED": "http://snomed.info/sct",
    "LOINC": "http://loinc.org",
}
# Without these rows nothing could be written at all.
_NEEDED = (("question", "category"), ("question", "state"), ("question", "mrd"))


class Label(Struct, frozen=True):
    """One coding of one meaning; `system` is empty for our own CodeSystem."""

    system: str
    code: str
    display: str
    source: str


class Categories(Struct, frozen=True):
    """Every meaning we write, by concept and id, ours first and then in the order of the table."""

    labels: dict[tuple[str, str], tuple[Label, ...]]

    def of(self, concept: str, name: str) -> tuple[Label, ...]:
        """All codings of one meaning; none where the table has no row."""
        return self.labels.get((concept, name), ())

    def display(self, concept: str, name: str) -> str:
        """The words of one meaning, or its id where the table has none."""
        return next((label.display for label in self.of(concept, name)), name)

    def codes(self, concept: str) -> frozenset[str]:
        """All ids of one concept."""
        return frozenset(name for held, name in self.labels if held == concept)


def read_categories(text: str, *, file: str) -> Categories:
    """Read the table; the first bad row stops the run and names its line."""
    labels: dict[tuple[str, str], tuple[Label, ...]] = {}
    for row in read_rows(text, file=file, columns=COLUMNS):
        label = _label(row)
        held = labels.get((row["concept"], row["id"]), ())
        if any(label.system == other.system for other in held):
            raise row.refuse(
                f"{row['concept']} {row['id']} has two codes of {row['system']}; keep one"
            )
        labels[row["concept"], row["id"]] = (*held, label)
    for concept, name in _NEEDED:
        if (concept, name) not in labels:
            raise TableError(f"the row {concept} {name} is missing; add it back", file=file)
    return Categories(labels)


def _label(row: Row) -> Label:
    empty = [name for name in COLUMNS if not row[name]]
    if empty:
        raise row.refuse(f"{', '.join(empty)} must not be empty")
    if row["system"] not in SYSTEMS:
        raise row.refuse(f"system {row['system']} is none of {', '.join(SYSTEMS)}")
    return Label(SYSTEMS[row["system"]], row["code"], row["display"], row["source"])
