"""This software as a Device at a sink: written once per version, before the first patient.

Before that, the Devices of others tell whether anything may be written at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from msgspec import structs

from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.server.writer import WritingClient, Written
from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.state import State
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.errors import (
    Conflict,
    ReadIncomplete,
    RequestRefused,
    SettingsError,
    Unreachable,
)
from fhir_remission.fhir.r4.datatypes import Resource, text_of
from fhir_remission.fhir.server.queries import Query, chunked, token
from fhir_remission.fhir.writing.authorship import build_device
from fhir_remission.fhir.writing.identity import KINDS
from fhir_remission.fhir.writing.site_marks import is_marked
from fhir_remission.fhir.writing.transaction import search_for
from fhir_remission.jobs.write_back.existing_results import Familiar, results_of, sifted
from fhir_remission.jobs.write_back.other_sites import find_devices, refuse_others
from fhir_remission.jobs.write_back.patients import SameServer
from fhir_remission.jobs.write_back.sink import NOBODY, Sink, lost_identity_key

ATTEMPTS = 3


def is_new(sink: Sink, state: State) -> bool:
    """Whether we have written nothing there yet, as far as we remember."""
    return not state.has_written(sink.place.source, sink.place.name)


def look_around(sink: Sink, state: State, *, beside_old_sites: bool) -> None:
    """See who else writes there; SafetyStop where we must not write beside them."""
    place, first = sink.place, is_new(sink, state)
    devices = find_devices(sink.client, place.by.identity, thorough=first)
    refuse_others(
        sink.client.host, devices.found, place.by.identity, beside_old_sites=beside_old_sites
    )
    sink.untouched = devices.complete and not devices.found and not _has_results(sink)
    sink.unproved = first and not devices.complete and not beside_old_sites


def survey(sink: Sink, patients: Sequence[str]) -> None:
    """Look at all results about the cohort before the first write; SafetyStop as by Devices.

    Who may not search Devices, or where they were removed, learns there of another key.
    """
    place, client = sink.place, sink.client
    if isinstance(sink.subjects, SameServer):
        for chunk in chunked(patients, max(1, client.profile.max_patients)):
            try:
                found = results_of(client, chunk, place.by, place.resources)
            except (RequestRefused, ReadIncomplete):
                continue  # told when each patient's turn has come
            about = tuple(f"Patient/{name}" for name in chunk)
            sifted(client, found, place.by, Familiar(about, (), lambda _: None))


def _has_results(sink: Sink) -> bool:
    """Whether results of any site stand there though no Device does; also where nobody can tell."""
    client, identity = sink.client, sink.place.by.identity
    tagged = (("_tag", token((identity.system("tag"), "algorithmic"))),)
    try:
        return any(
            is_marked(identity, item)
            for kind in KINDS
            if kind in sink.place.resources and client.profile.can_search(kind)
            for item in client.sample(kind, tagged)
        )
    except (RequestRefused, ReadIncomplete):
        return True


def recall(sink: Sink, state: State, lease: Lease, *, again: bool = False) -> None:
    """What the state says of a sink; SettingsError where it speaks of another server.

    `again` tries a server once more that was seen to change what makes a result ours.
    """
    rows = _rows(sink, state)
    here = rows.get(_key(sink))
    if here is not None:
        sink.know_device(here.etag or here.key.rpartition("|")[2])
    lost = rows.get(lost_identity_key(sink.place))
    if lost is not None and lost.status == "standing" and again:
        state.settle(lease, [structs.replace(lost, status="entered-in-error")])
    elif lost is not None and lost.status == "standing":
        sink.keeping.loses_identity = True
    _refuse_another_server(sink, rows, state, lease)


def introduce_ourselves(sink: Sink, state: State, lease: Lease) -> None:
    """Make sure that our Device is there."""
    place, client = sink.place, sink.client
    if not isinstance(client, WritingClient) or not client.profile.can_write("Device"):
        return
    key = _key(sink)
    if key in _rows(sink, state):
        return
    where = _placed(client, build_device(place.by), sink)
    row = AssessmentRow(
        key, place.source, NOBODY, place.name, "", "", where, "standing", place.run_id
    )
    state.settle(lease, [row])
    sink.know_device(where)


def _key(sink: Sink) -> str:
    return f"{sink.place.name}|{NOBODY}|Device/{build_device(sink.place.by)['id']}"


def _rows(sink: Sink, state: State) -> dict[str, AssessmentRow]:
    place = sink.place
    return {row.key: row for row in state.assessments(place.source, NOBODY, place.name)}


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
        known = _read(client, text_of(device["id"]))
        if known or sink.untouched:
            return known
    # A posted bundle of `classify` leaves it under an id of the server.
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
