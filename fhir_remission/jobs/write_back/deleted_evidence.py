"""Evidence that was deleted, not retracted: what we take back must not link to it.

A server with referential integrity refuses a resource whose link leads nowhere, so that the result
could never be taken back. The address of what is gone stays readable.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import RequestRefused
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.retraction import citations, unlinked
from fhir_remission.fhir.writing.transaction import Write
from fhir_remission.jobs.write_back.result_rows import is_result, status_of


def writes_without_gone(
    client: FhirClient, by: Authorship, writes: Sequence[Write], *, resuming: bool
) -> list[Write]:
    """The writes, with those that speak of the past unlinked from what is gone.

    A retraction does; so does a Provenance of an attempt that an earlier run did not finish.
    """
    past = [write.resource for write in writes if _is_past(write.resource, resuming=resuming)]
    cited = {name for resource in past for name in citations(resource)}
    gone = _gone(client, cited) if by.references == "local" else set()
    return [structs.replace(w, resource=unlinked(w.resource, gone, by)) for w in writes]


def _is_past(resource: Resource, *, resuming: bool) -> bool:
    return status_of(resource) == "entered-in-error" if is_result(resource) else resuming


def without_gone(client: FhirClient, by: Authorship, resource: Resource) -> Resource:
    """One resource, unlinked from what is gone."""
    gone = _gone(client, citations(resource)) if by.references == "local" else set()
    return unlinked(resource, gone, by)


def _gone(client: FhirClient, names: set[str]) -> set[str]:
    return {name for name in sorted(names) if not _is_there(client, name)}


def _is_there(client: FhirClient, name: str) -> bool:
    try:
        client.read(*name.split("/", 1))
    except RequestRefused as error:
        # What may not be read may still be there.
        return error.status not in (404, 410)
    return True
