"""What a type's history tells: which patients changed, and what is gone."""

from __future__ import annotations

from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Json, text_of
from fhir_remission.fhir.r4.references import parse_literal


class Changes(Struct, frozen=True):
    """Changes since a moment; a deletion does not say whose it was, our citations do."""

    changed: dict[str, str]
    """`Observation/o1` to `Patient/p1`; empty where the version names no patient."""
    deleted: frozenset[str]
    incomplete: tuple[str, ...] = ()


def read_change(entry: dict[str, Json], changed: dict[str, str], deleted: set[str]) -> None:
    """Take one entry of a history in; the newest version comes first and decides."""
    request, resource = entry.get("request"), entry.get("resource")
    if isinstance(request, dict) and text_of(request.get("method")) == "DELETE":
        name = _named(text_of(request.get("url")) or text_of(entry.get("fullUrl")))
        if name and name not in changed:
            deleted.add(name)
    elif isinstance(resource, dict):
        name = f"{text_of(resource.get('resourceType'))}/{text_of(resource.get('id'))}"
        subject = resource.get("subject")
        about = text_of(subject.get("reference")) if isinstance(subject, dict) else ""
        if name not in deleted:
            changed.setdefault(name, _named(about))


def _named(reference: str) -> str:
    found = parse_literal(reference)
    return found.relative if found else ""
