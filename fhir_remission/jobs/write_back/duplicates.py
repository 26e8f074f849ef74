"""What stands twice: one is kept, the others are entered in error; what a person edited stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.fhir.r4.datatypes import Resource, version_of
from fhir_remission.fhir.writing.authorship import Authorship, Change
from fhir_remission.fhir.writing.decide import category_of
from fhir_remission.fhir.writing.identity import is_unedited
from fhir_remission.fhir.writing.retraction import retracted
from fhir_remission.jobs.judging.summary import Told
from fhir_remission.jobs.write_back.planned_requests import Prospect, here
from fhir_remission.jobs.write_back.result_rows import own_name, status_of


def undouble(client: FhirClient, prospect: Prospect, told: Told) -> str:
    """Take back all but one of each; returns why not, or empty."""
    by = prospect.memory.place.by
    if not isinstance(client, WritingClient):
        return "a dry run has no way to write"
    for name in prospect.doubled:
        copies = [
            item
            for item in prospect.standing.resources
            if own_name(item, by) == name and status_of(item) == "standing"
        ]
        if any(here(item) in prospect.standing.disputed for item in copies):
            return f"{name} stands {len(copies)} times, once with a copied mark; a person must look"
        edited = [item for item in copies if not is_unedited(item, namespace=by.identity.namespace)]
        if len(edited) > 1:
            return f"{name} stands {len(copies)} times and was edited in each; a person must choose"
        kept = _kept(copies, edited, name)
        for item in copies:
            if item is not kept:
                problem = _take_back(client, item, here(kept), by)
                if problem:
                    return problem
                told("retracted")
    return ""


def _kept(copies: Sequence[Resource], edited: Sequence[Resource], name: str) -> Resource:
    """What a person edited, else what stands under our own id, else the oldest."""
    ours = [item for item in copies if here(item) == name]
    ordered = sorted(copies, key=lambda item: (_age(item), str(item["id"])))
    return [*edited, *ours, *ordered][0]


def _age(item: Resource) -> str:
    meta = item.get("meta")
    return str(meta.get("lastUpdated", "")) if isinstance(meta, dict) else ""


def _take_back(client: WritingClient, item: Resource, successor: str, by: Authorship) -> str:
    kind: Literal["duplicate"] = "duplicate"
    change = Change(kind, before=category_of(item, by), successor=successor)
    done = client.update(retracted(item, by, change), if_match=version_of(item))
    return (
        f"{here(item)}: nobody knows whether it was taken back"
        if isinstance(done, OutcomeUnknown)
        else ""
    )
