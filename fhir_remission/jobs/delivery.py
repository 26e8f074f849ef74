"""One patient's writes on their way: a transaction where the server has them, else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from msgspec import Struct

from fhir_remission.effects.client import FhirClient
from fhir_remission.effects.transport import OutcomeUnknown
from fhir_remission.effects.writer import WritingClient, Written
from fhir_remission.errors import RequestRefused
from fhir_remission.fhir.datatypes import Resource, text_of
from fhir_remission.fhir.identity import content_digest
from fhir_remission.fhir.transaction import (
    Receipt,
    Write,
    build_transaction,
    read_receipt,
    search_for,
)

CONFLICTS = frozenset({409, 412})
Mode = Literal["put", "conditional-update", "conditional-create"]


class Delivery(Struct, frozen=True):
    """What the server did; `again` means: nobody knows, or somebody was faster: look again."""

    locations: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    digests: dict[str, str] = {}
    """Digests of the content as it was read back, where the server rewrites what it is given."""
    problem: str = ""
    again: bool = False


def deliver(client: FhirClient, writes: Sequence[Write], *, namespace: str) -> Delivery:
    """Send the writes of one patient and read what became of each."""
    if not isinstance(client, WritingClient):
        return Delivery(problem="a dry run has no way to write")
    if client.profile.write_mode == "search":
        return Delivery(
            problem=f"{client.host} offers no way to write twice and have it once; "
            "use a sink of kind ndjson"
        )
    mode: Mode = client.profile.write_mode
    if client.profile.transaction:
        delivery = _by_transaction(client, writes, mode, namespace)
    else:
        delivery = _one_by_one(client, writes, mode, namespace)
    if delivery.again or delivery.problem or not client.profile.normalises_content:
        return delivery
    return _with_digests(client, delivery, namespace)


def _by_transaction(
    client: WritingClient, writes: Sequence[Write], mode: Mode, namespace: str
) -> Delivery:
    bundle = build_transaction(writes, mode=mode, namespace=namespace)
    answer = client.transaction(bundle, repeatable=True)
    if isinstance(answer, OutcomeUnknown):
        return Delivery(again=True)
    receipt = read_receipt(bundle, answer)
    if any(entry.status in CONFLICTS for entry in receipt.entries):
        return Delivery(again=True)
    if not receipt.done:
        return Delivery(problem=_complaint(receipt))
    return Delivery(
        locations=tuple(entry.reference for entry in receipt.entries if entry.reference),
        versions={entry.reference: entry.version for entry in receipt.entries},
    )


def _complaint(receipt: Receipt) -> str:
    issues = [issue.loggable for entry in receipt.entries for issue in entry.issues]
    return "; ".join([*receipt.problems, *issues]) or "the server did not carry out every entry"


def _one_by_one(
    client: WritingClient, writes: Sequence[Write], mode: Mode, namespace: str
) -> Delivery:
    """Observation, ClinicalImpression, Provenance: each is found again if the next one fails."""
    order = ("Observation", "ClinicalImpression", "Provenance")
    versions: dict[str, str] = {}
    for write in sorted(writes, key=lambda w: order.index(text_of(w.resource["resourceType"]))):
        done = _single(client, write, mode, namespace)
        if isinstance(done, OutcomeUnknown):
            return Delivery(again=True)
        versions[done.reference] = done.version
    return Delivery(locations=tuple(versions), versions=versions)


def _single(
    client: WritingClient, write: Write, mode: Mode, namespace: str
) -> Written | OutcomeUnknown:
    if mode == "put" or write.server_id:
        resource = {**write.resource, "id": write.server_id or write.resource["id"]}
        return client.update(resource, if_match=write.if_match)
    search = search_for(write.resource, namespace)
    without_id = {name: item for name, item in write.resource.items() if name != "id"}
    if mode == "conditional-update" and write.resource["resourceType"] != "Provenance":
        return client.update_where(without_id, search, if_match=write.if_match)
    return client.create(without_id, unless=search)


def _with_digests(client: WritingClient, delivery: Delivery, namespace: str) -> Delivery:
    digests: dict[str, str] = {}
    for name in delivery.locations:
        kind, _, logical_id = name.partition("/")
        if kind != "Provenance":
            try:
                held = cast(Resource, client.read(kind, logical_id))
            except RequestRefused:
                continue
            digests[name] = content_digest(held, namespace=namespace)
    return Delivery(locations=delivery.locations, versions=delivery.versions, digests=digests)
