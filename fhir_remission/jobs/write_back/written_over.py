"""Writing where a server counts versions and does not heed If-Match: an edit is put back.

A version that is not the next one says that somebody wrote between our look and our write. What she
wrote is in the history; it is sent again as it was, and then waits for a person like any edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.writer import WritingClient, Written
from fhir_remission.errors import RequestRefused, SafetyStop
from fhir_remission.fhir.r4.datatypes import Resource, objects, version_of
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.parked import stands_as
from fhir_remission.fhir.writing.retraction import sent_back
from fhir_remission.fhir.writing.transaction import Write
from fhir_remission.jobs.write_back.delivery import Landed, name_of
from fhir_remission.jobs.write_back.planned_requests import Prospect
from fhir_remission.jobs.write_back.result_rows import is_result, own_name


def put_back(
    client: FhirClient,
    prospect: Prospect,
    writes: Sequence[Write],
    landed: Mapping[str, Landed],
) -> bool:
    """Whether somebody's words were written over; they stand again then.

    SafetyStop where they could not be sent again.
    """
    by, found = prospect.memory.place.by, False
    for write in writes:
        own = own_name(write.resource, by).rpartition("/")[2]
        before, after = prospect.held.resources.get(own), landed.get(name_of(write))
        if not is_result(write.resource) or before is None or after is None:
            continue
        if not _skips(version_of(before), after.version):
            continue
        theirs = _between(client, by, before, after)
        if theirs is None:
            continue
        done = cast(WritingClient, client).update(sent_back(theirs), if_match=after.version)
        if not isinstance(done, Written):
            raise SafetyStop(
                f"{client.host} does not heed If-Match: somebody's version "
                f"{version_of(theirs)} of {after.location} was written over and could not be put "
                "back; restore it from the history there"
            )
        found = True
    return found


def _skips(before: str, after: str) -> bool:
    """Whether a version lies between; versions that are no numbers cannot tell."""
    return before.isdecimal() and after.isdecimal() and int(after) > int(before) + 1


def _between(
    client: FhirClient, by: Authorship, before: Resource, after: Landed
) -> Resource | None:
    """What stood right before our version, where it was not what we had looked at.

    A server may count over all of its resources, or have indexed anew.
    """
    kind, _, own = after.location.partition("/")
    try:
        history = client.read(kind, own, below="/_history")
    except RequestRefused:
        return None
    entries = objects(history.get("entry")) if isinstance(history, dict) else ()
    held = [cast(Resource, e["resource"]) for e in entries if isinstance(e.get("resource"), dict)]
    older = [
        one
        for one in held
        if version_of(one).isdecimal() and int(version_of(one)) < int(after.version)
    ]
    last = max(older, key=lambda one: int(version_of(one)), default=None)
    if last is None or version_of(last) == version_of(before):
        return None
    return None if stands_as(last, by) == stands_as(before, by) else last
