"""Which export was asked for, and what is known of it on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from fhir_remission.effects.files.private_file import write_output
from fhir_remission.effects.server.bulk_manifest import Manifest
from fhir_remission.fhir.r4.wire import UNREADABLE

TYPES = (
    *("Patient", "Observation", "Condition", "Procedure", "MedicationAdministration"),
    *("Medication", "DiagnosticReport", "Specimen"),
)
# Hidden, so that it is not read as data.
_STATE = ".export.json"


class Asked(Struct, frozen=True):
    """Which export: the same again is the same export."""

    path: str = "Patient/$export"
    types: tuple[str, ...] = TYPES
    filters: tuple[str, ...] = ()
    since: str = ""

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query of the kick-off."""
        found = [("_outputFormat", "application/fhir+ndjson"), ("_type", ",".join(self.types))]
        found += [("_typeFilter", one) for one in self.filters]
        return (*found, ("_since", self.since)) if self.since else tuple(found)

    def filtered_types(self) -> frozenset[str]:
        """Types of which only a part was asked for."""
        return frozenset(one.partition("?")[0] for one in self.filters)


class Begun(Struct):
    """What is known of an export that was begun."""

    asked: Asked
    status_url: str
    manifest: Manifest | None = None


def read_begun(folder: Path) -> Begun | None:
    """The export whose files lie in that folder."""
    try:
        return msgspec.json.decode((folder / _STATE).read_bytes(), type=Begun)
    except (OSError, *UNREADABLE):
        return None


def note_begun(begun: Begun, folder: Path) -> None:
    """Remember it there."""
    write_output(folder / _STATE, msgspec.json.encode(begun))
