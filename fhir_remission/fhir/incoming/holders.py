"""Whose is what names nobody: the patient of the report or panel that holds it."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_remission.fhir.incoming.owners import Keyed
from fhir_remission.fhir.incoming.subjects import UNKNOWN
from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import Index
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry, Observation

# Panels of panels; deeper is a mistake.
_LAYERS = 3


def through_reports(owned: list[Keyed], index: Index) -> list[Keyed]:
    """What names nobody with the patient of what holds it, a report with that of its results."""
    keys = {id(entry): key for entry, key in owned}
    held = {id(entry): found for entry, _ in owned if (found := _held(entry, index))}
    for _ in range(_LAYERS):
        for holder, members in held.items():
            named_by_them = {keys.get(id(one), UNKNOWN) for one in members} - {UNKNOWN}
            if keys[holder] == UNKNOWN and len(named_by_them) == 1:
                keys[holder] = max(named_by_them)
            for one in members:
                if keys.get(id(one)) == UNKNOWN:
                    keys[id(one)] = keys[holder]
    return [(entry, keys[id(entry)]) for entry, _ in owned]


def _held(entry: Entry, index: Index) -> list[Entry]:
    """The results that a report or a panel names and that are at hand."""
    resource = entry.resource
    named_by: Mapping[type, list[Reference] | None] = {
        DiagnosticReport: getattr(resource, "result", None),
        Observation: getattr(resource, "has_member", None),
    }
    found = (index.find(reference) for reference in named_by.get(type(resource)) or [])
    return [one for one in found if one is not None]
