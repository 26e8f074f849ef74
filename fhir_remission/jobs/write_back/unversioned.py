"""Writing where a server keeps no versions: read right before, compare, write, read back.

Between our last look and our write lies a moment that nothing guards: an edit of just then is
lost. That is why `write.unversioned` is `park` unless a site decides otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import Conflict, RequestRefused
from fhir_remission.fhir.r4.datatypes import Resource, version_of
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.fidelity import differences
from fhir_remission.fhir.writing.parked import stands_as
from fhir_remission.fhir.writing.transaction import Write
from fhir_remission.jobs.write_back.delivery import FASTER, Delivery, Landed, deliver, name_of
from fhir_remission.jobs.write_back.planned_requests import Prospect, here
from fhir_remission.jobs.write_back.result_rows import is_result, own_name


def send_guarded(client: FhirClient, prospect: Prospect, writes: Sequence[Write]) -> Delivery:
    """Send them; where no version guards what stands, compared right before and after."""
    by, stood = prospect.memory.place.by, unguarded(prospect, writes)
    if has_moved(client, by, stood):
        return Delivery(again=FASTER)
    try:
        sent = deliver(client, writes, namespace=by.identity.namespace)
    except Conflict:
        return Delivery(again=FASTER)
    if was_overwritten(client, by, stood, writes, sent.landed):
        return Delivery(again=FASTER)
    return sent


def unguarded(prospect: Prospect, writes: Sequence[Write]) -> dict[str, Resource]:
    """What would be written over without a version to guard it, by the name that we gave."""
    by = prospect.memory.place.by
    found: dict[str, Resource] = {}
    for write in writes:
        name = own_name(write.resource, by)
        stands = prospect.held.resources.get(name.rpartition("/")[2])
        if is_result(write.resource) and stands and not version_of(stands):
            found[name] = stands
    return found


def has_moved(client: FhirClient, by: Authorship, stood: Mapping[str, Resource]) -> bool:
    """Whether any of these says something else now than when it was looked at."""
    return any(
        stands_as(_read(client, here(one)), by) != stands_as(one, by) for one in stood.values()
    )


def was_overwritten(
    client: FhirClient,
    by: Authorship,
    stood: Mapping[str, Resource],
    writes: Sequence[Write],
    landed: Mapping[str, Landed],
) -> bool:
    """Whether somebody else's content stands where we have just written."""
    for write in writes:
        if own_name(write.resource, by) in stood and name_of(write) in landed:
            stored = _read(client, landed[name_of(write)].location)
            found = differences(write.resource, stored) if stored else None
            if found is None or found.changed or found.added:
                return True
    return False


def _read(client: FhirClient, place: str) -> Resource | None:
    kind, _, own = place.partition("/")
    try:
        return cast(Resource, client.read(kind, own))
    except RequestRefused as error:
        if error.status in (404, 410):
            return None
        raise
