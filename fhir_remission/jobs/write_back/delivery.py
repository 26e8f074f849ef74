"""One patient's writes on their way: a transaction where the server has them, else one by one.

No write is repeated here: where no clear answer came, the caller reads what stands and decides
again. So nothing is sent over an edit that somebody made between two attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct, structs

from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.writer import WritingClient, Written
from fhir_remission.errors import RequestRefused
from fhir_remission.fhir.r4.datatypes import Resource, text_of
from fhir_remission.fhir.server.queries import Query
from fhir_remission.fhir.writing.transaction import (
    Mode,
    Receipt,
    Write,
    build_transaction,
    in_order,
    read_receipt,
    redirected,
    search_for,
)

CONFLICTS = frozenset({409, 412})
UNKNOWN = "the server never said what became of it"
FASTER = "somebody else kept changing it while we wrote"


class Landed(Struct, frozen=True):
    """Where one resource stands now."""

    location: str
    version: str


class Delivery(Struct, frozen=True):
    """What the server did; `again` says why to look again: nobody knows, or one was faster."""

    landed: dict[str, Landed] = {}
    """By the name that we gave: `ClinicalImpression/{our id}`."""
    problem: str = ""
    again: str = ""


def deliver(client: FhirClient, writes: Sequence[Write], *, namespace: str) -> Delivery:
    """Send the writes of one patient and read what became of each."""
    if not isinstance(client, WritingClient):
        return Delivery(problem="a dry run has no way to write")
    mode: Mode = client.profile.write_mode
    if client.profile.transaction and mode != "search":
        return _by_transaction(client, writes, mode, namespace)
    return _one_by_one(client, writes, mode, namespace)


def _by_transaction(
    client: WritingClient, writes: Sequence[Write], mode: Mode, namespace: str
) -> Delivery:
    bundle = build_transaction(
        writes, mode=mode, namespace=namespace, if_none_match=client.profile.if_none_match
    )
    answer = client.transaction(bundle, repeatable=False)
    if isinstance(answer, OutcomeUnknown):
        return Delivery(again=UNKNOWN)
    receipt = read_receipt(bundle, answer)
    if any(entry.status in CONFLICTS for entry in receipt.entries):
        return Delivery(again=FASTER)
    if not receipt.done:
        return Delivery(problem=_complaint(receipt))
    pairs = list(zip(in_order(writes), receipt.entries, strict=True))
    if any(entry.status == 200 and _should_be_new(write, mode) for write, entry in pairs):
        return Delivery(again=FASTER)
    return Delivery(
        {name_of(write): Landed(entry.reference, entry.version) for write, entry in pairs}
    )


def name_of(write: Write) -> str:
    """The name that we gave."""
    return f"{write.resource['resourceType']}/{write.resource['id']}"


def _should_be_new(write: Write, mode: Mode) -> bool:
    """A conditional create that found something wrote nothing, and that is not our content."""
    created = mode == "conditional-create" and not write.server_id
    return created and write.resource["resourceType"] != "Provenance"


def _complaint(receipt: Receipt) -> str:
    issues = [issue.loggable for entry in receipt.entries for issue in entry.issues]
    return "; ".join([*receipt.problems, *issues]) or "the server did not carry out every entry"


def _one_by_one(
    client: WritingClient, writes: Sequence[Write], mode: Mode, namespace: str
) -> Delivery:
    """Observation, ClinicalImpression, Provenance: each is found again if the next one fails."""
    landed: dict[str, Landed] = {}
    names: dict[str, str] = {}
    for write in in_order(writes):
        resource = cast(Resource, redirected(write.resource, names))
        done = _single(client, structs.replace(write, resource=resource), mode, namespace)
        if isinstance(done, OutcomeUnknown):
            return Delivery(landed, again=UNKNOWN)
        if done.status == 200 and _should_be_new(write, mode):
            return Delivery(landed, again=FASTER)
        if not done.reference:
            return Delivery(landed, again=UNKNOWN)
        landed[name_of(write)] = Landed(done.reference, done.version)
        if done.reference and done.reference != name_of(write):
            names[name_of(write)] = done.reference
    return Delivery(landed)


def _single(
    client: WritingClient, write: Write, mode: Mode, namespace: str
) -> Written | OutcomeUnknown:
    resource = write.resource
    if mode == "put" or write.server_id:
        known = {**resource, "id": write.server_id or resource["id"]}
        new = client.profile.if_none_match and not write.server_id
        guarded = new and resource["resourceType"] != "Provenance"
        return client.update(known, if_match=write.if_match, if_new=guarded)
    search = search_for(resource, namespace)
    without_id = {name: item for name, item in resource.items() if name != "id"}
    if mode == "conditional-update" and resource["resourceType"] != "Provenance":
        return client.update_where(without_id, search, if_match=write.if_match)
    if mode != "search":
        return client.create(without_id, unless=search)
    if resource["resourceType"] == "Provenance":
        standing = _provenance(client, search)
        if standing is not None:
            return standing
    return client.create(without_id)


def _provenance(client: FhirClient, search: str) -> Written | None:
    """The Provenance that an earlier attempt left; what stands for the others is read before."""
    name, _, value = search.partition("=")
    found = client.search_whole(Query("Provenance", ((name, value.replace("%7C", "|")),)))
    if not found:
        return None
    return Written(f"Provenance/{text_of(found[0].get('id'))}", "")


def is_there(client: FhirClient, write: Write, *, namespace: str) -> bool:
    """Whether a Provenance arrived in an earlier attempt."""
    if client.profile.write_mode == "put":
        try:
            client.read("Provenance", text_of(write.resource["id"]))
        except RequestRefused as error:
            if error.status in (404, 410):
                return False
            raise
        return True
    # While a person's edit is waited for, every run comes past here: asking is not a write.
    can_ask = client.profile.can_search("Provenance")
    return can_ask and _provenance(client, search_for(write.resource, namespace)) is not None
