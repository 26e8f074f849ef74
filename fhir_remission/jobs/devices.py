"""This software as a Device at a sink: written once per version, before the first patient."""

from __future__ import annotations

from fhir_remission.effects.lease import Lease
from fhir_remission.effects.ledger import AssessmentRow
from fhir_remission.effects.state import State
from fhir_remission.effects.transport import OutcomeUnknown
from fhir_remission.effects.writer import WritingClient
from fhir_remission.errors import RequestRefused, SafetyStop, Unreachable
from fhir_remission.fhir.datatypes import Json, Resource, text_of
from fhir_remission.fhir.device import build_device
from fhir_remission.fhir.identity import identifier_value, key_check
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
    held = _read(client, text_of(device["id"]))
    if held is None:
        if isinstance(client.update(device), OutcomeUnknown):
            raise Unreachable(f"{client.host}: nobody knows whether our Device was written")
    else:
        _check_key(held, sink)
    row = AssessmentRow(key, place.source, NOBODY, place.name, "", "", "", "standing", place.run_id)
    state.settle(lease, [row])


def _read(client: WritingClient, logical_id: str) -> Json:
    try:
        return client.read("Device", logical_id)
    except RequestRefused as error:
        if error.status in (404, 410):
            return None
        raise


def _check_key(held: Json, sink: Sink) -> None:
    identity = sink.place.by.identity
    resource: Resource = held if isinstance(held, dict) else {}
    check = identifier_value(resource, f"{identity.namespace}/id/key-check")
    if check and check != key_check(identity.key):
        raise SafetyStop(
            f"{sink.client.host}: our Device there was made with another site key; restore that key"
        )
