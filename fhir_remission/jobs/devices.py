"""This software as a Device at a sink: written once per version, before the first patient."""

from __future__ import annotations

from fhir_remission.effects.lease import Lease
from fhir_remission.effects.ledger import AssessmentRow
from fhir_remission.effects.state import State
from fhir_remission.effects.transport import OutcomeUnknown
from fhir_remission.effects.writer import WritingClient
from fhir_remission.errors import RequestRefused, SafetyStop, Unreachable
from fhir_remission.fhir.datatypes import Resource, text_of
from fhir_remission.fhir.device import build_device, site_key_check
from fhir_remission.fhir.identity import identifier_value
from fhir_remission.fhir.queries import Query
from fhir_remission.jobs.sink import Sink

NOBODY = "Device"


def introduce_ourselves(sink: Sink, state: State, lease: Lease) -> None:
    """Make sure the Device is there and was made with our key; another key is a safety stop."""
    place, client = sink.place, sink.client
    device = build_device(place.by)
    name = f"Device/{device['id']}"
    known = {row.key for row in state.assessments(place.source, NOBODY, place.name)}
    key = f"{place.name}|{NOBODY}|{name}"
    if key in known or not isinstance(client, WritingClient):
        return
    if not client.profile.can_write("Device"):
        return
    _refuse_another_key(client, sink)
    if not _is_there(client, text_of(device["id"])):
        _write(client, device)
    row = AssessmentRow(key, place.source, NOBODY, place.name, "", "", "", "standing", place.run_id)
    state.settle(lease, [row])


def _is_there(client: WritingClient, logical_id: str) -> bool:
    try:
        client.read("Device", logical_id)
    except RequestRefused as error:
        if error.status in (404, 410):
            return False
        raise
    return True


def _write(client: WritingClient, device: Resource) -> None:
    if isinstance(client.update(device), OutcomeUnknown):
        raise Unreachable(f"{client.host}: nobody knows whether our Device was written")


def _refuse_another_key(client: WritingClient, sink: Sink) -> None:
    """A Device of this site made with another key means that every id would come out new.

    Ids depend on the key, so it is found by the identifier that carries the check value; a server
    that cannot search Devices leaves this to the state.
    """
    identity = sink.place.by.identity
    system, own = identity.identifier_system("key-check"), site_key_check(identity)
    if not client.profile.can_search("Device"):
        return
    try:
        found = client.search_whole(Query("Device", (("identifier", f"{system}|"),)))
    except RequestRefused:
        return
    checks = {identifier_value(item, system) for item in found}
    ours = {check for check in checks if check.startswith(f"{identity.site_id}:")}
    if ours and own not in ours:
        raise SafetyStop(
            f"{client.host}: our Device there was made with another site key; restore that key"
        )
