"""Writing where a server counts versions and does not heed If-Match: an edit is put back.

A version that is not the next one says that somebody wrote between our look and our write. What she
wrote is in the history; it is sent again as it was, and then waits for a person like any edit. What
cannot be sent again, a deletion or what no history shows, is told: no such write counts as done.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import cast

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.writer import WritingClient, Written
from fhir_remission.errors import RequestRefused, SafetyStop
from fhir_remission.fhir.r4.datatypes import Json, Resource, objects, version_of
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

    SafetyStop where they could not be sent again, RequestRefused where there is nothing to send.
    """
    by, found, lost = prospect.memory.place.by, False, list[str]()
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
        if isinstance(theirs, str):
            lost.append(f"{after.location} {theirs}")
            continue
        done = cast(WritingClient, client).update(sent_back(theirs), if_match=after.version)
        if not isinstance(done, Written):
            raise SafetyStop(
                f"{client.host} does not heed If-Match: somebody's version "
                f"{version_of(theirs)} of {after.location} was written over and could not be put "
                "back; restore it from the history there"
            )
        found = True
    if lost:
        raise RequestRefused(f"{client.host} does not heed If-Match: {'; '.join(lost)}")
    return found


def _skips(before: str, after: str) -> bool:
    """Whether a version lies between; versions that are no numbers cannot tell."""
    return before.isdecimal() and after.isdecimal() and int(after) > int(before) + 1


_DELETED = "was deleted by somebody just before we wrote, and stands again: delete it there again"
_UNKNOWN = (
    "had a version that we had not seen and that no history shows, and was written over: ask who "
    "edited it, and have the server heed If-Match"
)


def _between(
    client: FhirClient, by: Authorship, before: Resource, after: Landed
) -> Resource | str | None:
    """What stood right before our version, where it was not what we had looked at; else why.

    A server may count over all of its resources, or have indexed anew.
    """
    kind, _, own = after.location.partition("/")
    try:
        history = client.read(kind, own, below="/_history")
    except RequestRefused:
        return _UNKNOWN
    entries = list(objects(history.get("entry"))) if isinstance(history, dict) else []
    held = {version_of(one): one for entry in entries if (one := _resource(entry))}
    older = [name for name in held if name.isdecimal() and int(name) < int(after.version)]
    last = max(older, key=int, default="")
    if _was_deleted(entries, after.version):
        return _DELETED
    if last == version_of(before):
        return None
    if version_of(before) not in held:
        return _UNKNOWN
    return None if stands_as(held[last], by) == stands_as(before, by) else held[last]


def _resource(entry: Mapping[str, Json]) -> Resource | None:
    found = entry.get("resource")
    return found if isinstance(found, dict) else None


def _was_deleted(entries: Sequence[Mapping[str, Json]], ours: str) -> bool:
    """Whether what comes before our version in a history, newest first, is a deletion."""
    after_ours = itertools.dropwhile(lambda one: version_of(_resource(one) or {}) != ours, entries)
    former = next(itertools.islice(after_ours, 1, None), {})
    request = former.get("request")
    return isinstance(request, dict) and request.get("method") == "DELETE"
