"""Merge one patient into a new one, the way a hospital does after finding two records."""

from __future__ import annotations

from typing import Any

from fhir_remission.rehearsal.server.references import rewrite
from fhir_remission.rehearsal.server.store import Store


def merge_patient(store: Store, patient: str) -> str:
    """Make a surviving Patient, move everything to it, and link both; give the survivor's id."""
    old = store.resource("Patient", patient)
    if old is None:
        return ""
    survivor = f"{patient}-merged"
    here, there = f"Patient/{patient}", f"Patient/{survivor}"
    store.put({**old, "id": survivor, "link": _link(here, "replaces")}, method="PUT")
    moved = [resource for kind in _types(store) for resource in _about(store, kind, patient)]
    for resource in moved:
        store.put(rewrite(resource, lambda text: there if text == here else text))
    store.put({**old, "active": False, "link": _link(there, "replaced-by")})
    return survivor


def surviving_patient(resource: dict[str, Any]) -> str:
    """Give the reference of the Patient that replaced this one; empty where none did."""
    for link in resource.get("link", []):
        if link.get("type") == "replaced-by":
            return str(link["other"]["reference"])
    return ""


def _link(other: str, kind: str) -> list[dict[str, Any]]:
    return [{"other": {"reference": other}, "type": kind}]


def _types(store: Store) -> list[str]:
    return sorted({version.type for version in store.log} - {"Patient", "Group"})


def _about(store: Store, kind: str, patient: str) -> list[dict[str, Any]]:
    found = store.found(kind, ("patient", patient))
    return [version.resource for version in found if version.resource is not None]
