"""What an earlier attempt sent without living to see the answer: how much of it arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import structs

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.fhir.r4.datatypes import Resource, objects, text_of
from fhir_remission.fhir.writing.assessment_json import Written
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.patient_writes import Held
from fhir_remission.fhir.writing.transaction import Write, redirected
from fhir_remission.jobs.write_back.delivery import is_there
from fhir_remission.jobs.write_back.result_rows import Left, status_of

_RANK: tuple[Written, ...] = ("retracted", "updated", "created")


def settle_provenances(
    client: FhirClient,
    by: Authorship,
    writes: Sequence[Write],
    left: Left | None,
    held: Held,
) -> list[Write]:
    """The writes, with every Provenance as a run without interruption would have written it.

    One that was already on its way names all that it was about, also what has arrived meanwhile.
    """
    if left is None:
        return list(writes)
    old = _left_provenances(left, held)
    kept = [_replaced(write, old) for write in writes]
    planned = {text_of(write.resource["id"]) for write in writes}
    missing = [
        Write(resource)
        for own, resource in old.items()
        if own not in planned and _arrived(resource, left, held)
    ]
    namespace = by.identity.namespace
    return [*kept, *(w for w in missing if not is_there(client, w, namespace=namespace))]


def resumed(
    left: Left, rows: Mapping[str, AssessmentRow], held: Held
) -> tuple[Written, tuple[str, ...]]:
    """In one word what the earlier attempt did, and where it stands."""
    words: set[Written] = set()
    locations: list[str] = []
    for name, resource in left.results.items():
        stands = held.resources.get(name.rpartition("/")[2])
        if stands is None or not _same(resource, stands):
            continue
        row = rows.get(name)
        if status_of(resource) == "entered-in-error":
            words.add("retracted")
        else:
            words.add("updated" if row and row.etag else "created")
        locations.append(f"{stands['resourceType']}/{stands['id']}")
    return next((word for word in _RANK if word in words), "none"), tuple(sorted(locations))


def _left_provenances(left: Left, held: Held) -> dict[str, Resource]:
    """By id, pointing at where its targets stand now."""
    names = {
        name: f"{stands['resourceType']}/{stands['id']}"
        for name in left.results
        if (stands := held.resources.get(name.rpartition("/")[2]))
    }
    return {
        text_of(item["id"]): cast(Resource, redirected(item, names))
        for item in left.resources.values()
        if item["resourceType"] == "Provenance"
    }


def _replaced(write: Write, old: Mapping[str, Resource]) -> Write:
    before = old.get(text_of(write.resource["id"]))
    if before is None or write.resource["resourceType"] != "Provenance":
        return write
    targets = {text_of(item.get("reference")) for item in objects(before.get("target"))}
    new = {text_of(item.get("reference")) for item in objects(write.resource.get("target"))}
    return structs.replace(write, resource=before) if new < targets else write


def _arrived(provenance: Resource, left: Left, held: Held) -> bool:
    """Whether everything it is about stands as it was sent."""
    targets = {text_of(item.get("reference")) for item in objects(provenance.get("target"))}
    about = [
        (resource, held.resources.get(name.rpartition("/")[2]))
        for name, resource in left.results.items()
        if _location(name, held) in targets
    ]
    return bool(about) and all(stands and _same(sent, stands) for sent, stands in about)


def _location(name: str, held: Held) -> str:
    stands = held.resources.get(name.rpartition("/")[2])
    return f"{stands['resourceType']}/{stands['id']}" if stands else name


def _same(sent: Resource, stands: Resource) -> bool:
    return status_of(sent) == status_of(stands) and _hashes(sent) == _hashes(stands)


def _hashes(resource: Resource) -> set[str]:
    """The evidence hash, whatever the namespace of this site."""
    return {
        text_of(item.get("value"))
        for item in objects(resource.get("identifier"))
        if text_of(item.get("system")).endswith("/id/evidence-hash")
    }
