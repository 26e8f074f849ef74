"""This software as a Device at a sink: written once per version, before the first patient."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from fhir_remission.effects.lease import Lease
from fhir_remission.effects.ledger import AssessmentRow
from fhir_remission.effects.state import State
from fhir_remission.effects.transport import OutcomeUnknown
from fhir_remission.effects.writer import WritingClient, Written
from fhir_remission.errors import (
    Conflict,
    RequestRefused,
    SafetyStop,
    SettingsError,
    Unreachable,
)
from fhir_remission.fhir.datatypes import Resource, text_of
from fhir_remission.fhir.device import build_device, site_key_check
from fhir_remission.fhir.identity import identifier_value
from fhir_remission.fhir.queries import Query
from fhir_remission.fhir.transaction import search_for
from fhir_remission.jobs.sink import NOBODY, Sink, lost_identity_key

ATTEMPTS = 3


def introduce_ourselves(sink: Sink, state: State, lease: Lease) -> None:
    """Make sure the Device is there and was made with our key; another key is a safety stop."""
    place, client = sink.place, sink.client
    device = build_device(place.by)
    name = f"Device/{device['id']}"
    rows = {row.key: row for row in state.assessments(place.source, NOBODY, place.name)}
    sink.keeping.loses_identity = lost_identity_key(place) in rows
    _refuse_another_server(sink, rows, state, lease)
    key = f"{place.name}|{NOBODY}|{name}"
    if not isinstance(client, WritingClient) or not client.profile.can_write("Device"):
        return
    if key not in rows:
        _refuse_another_key(client, sink)
        where = _placed(client, device, sink)
        row = AssessmentRow(
            key, place.source, NOBODY, place.name, "", "", where, "standing", place.run_id
        )
        state.settle(lease, [row])
        rows[key] = row
    sink.know_device(rows[key].etag or name)


def _placed(client: WritingClient, device: Resource, sink: Sink) -> str:
    """Write it unless it is there; a conflict or a lost answer is a reason to look again."""
    for _ in range(ATTEMPTS):
        where = _find(client, device, sink)
        if where:
            return where
        try:
            written = _write(client, device, sink.place.by.identity.namespace)
        except Conflict:
            continue
        if not isinstance(written, OutcomeUnknown) and written.reference:
            return written.reference
    raise Unreachable(f"{client.host}: our Device could not be written; run again later")


def _find(client: WritingClient, device: Resource, sink: Sink) -> str:
    if client.profile.write_mode == "put":
        return _read(client, text_of(device["id"]))
    system = sink.place.by.identity.identifier_system("assessment")
    query = Query("Device", (("identifier", f"{system}|{device['id']}"),))
    found = client.search_whole(query) if client.profile.can_search("Device") else []
    return next((f"Device/{item['id']}" for item in found), "")


def _read(client: WritingClient, logical_id: str) -> str:
    try:
        client.read("Device", logical_id)
    except RequestRefused as error:
        if error.status in (404, 410):
            return ""
        raise
    return f"Device/{logical_id}"


def _write(client: WritingClient, device: Resource, namespace: str) -> Written | OutcomeUnknown:
    mode = client.profile.write_mode
    if mode == "put":
        return client.update(device)
    without_id = {name: item for name, item in device.items() if name != "id"}
    return client.create(
        without_id, unless="" if mode == "search" else search_for(device, namespace)
    )


def _refuse_another_server(
    sink: Sink, rows: Mapping[str, AssessmentRow], state: State, lease: Lease
) -> None:
    """What we remember of a sink is of one server: another one would never get the old results."""
    place = sink.place
    key = f"{place.name}|{NOBODY}|server"
    here = hashlib.sha256(sink.client.transport.base.url.encode()).hexdigest()
    if key not in rows:
        row = AssessmentRow(
            key, place.source, NOBODY, place.name, here, "", "", "standing", place.run_id
        )
        state.settle(lease, [row])
    elif rows[key].evidence_hash != here:
        raise SettingsError(
            f"sink.{place.name}: its results were written to another server; give the new server "
            "a sink of another name, or put the old base_url back"
        )


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
