"""What the components of an MRD result say of it: the assay, the tissue, the sensitivity."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.r4.elements import Valued
from fhir_remission.fhir.reading.coding import Match
from fhir_remission.fhir.reading.context import term_of
from fhir_remission.fhir.reading.reported import concept_of, text_of


class Attributes(Struct, frozen=True):
    """Words that qualify the MRD results of one Observation."""

    method: str = ""
    specimen: str = ""
    sensitivity: str = ""


def read_attributes(parts: Iterable[tuple[Valued, Match]], mappings: Mappings) -> Attributes:
    """Gather the attributes among the parts of one Observation."""
    said = {"mrd-method": "", "mrd-specimen": "", "mrd-sensitivity": ""}
    for valued, match in parts:
        analyte = match.rows[0].analyte if len(match.rows) == 1 else ""
        if analyte == "mrd-sensitivity":
            said[analyte] = text_of(valued)
        elif analyte in said:
            kind = analyte.removeprefix("mrd-")
            said[analyte] = term_of(kind, concept_of(valued), mappings)
    return Attributes(
        method=said["mrd-method"],
        specimen=said["mrd-specimen"],
        sensitivity=said["mrd-sensitivity"],
    )
