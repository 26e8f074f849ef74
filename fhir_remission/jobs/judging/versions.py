"""Which versions answer: of the software, the tables and each criteria set."""

from __future__ import annotations

import msgspec

from fhir_remission.effects.files.mapping_files import criteria_names, load_criteria, load_mappings
from fhir_remission.fhir.writing.assessment_json import SCHEMA
from fhir_remission.version import VERSION


def versions() -> str:
    """One JSON object."""
    told = {
        "software": VERSION,
        "schema": SCHEMA,
        "mappings": load_mappings().version,
        "criteria": {name: load_criteria(name).version for name in criteria_names()},
    }
    return msgspec.json.encode(told).decode()
