"""What stands at a sink: ours about one patient, read by id where we know it, else searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

from msgspec import Struct

from fhir_remission.effects.client import FhirClient
from fhir_remission.errors import RequestRefused
from fhir_remission.fhir.authorship import Authorship
from fhir_remission.fhir.datatypes import Resource
from fhir_remission.fhir.identity import is_ours
from fhir_remission.fhir.queries import Query, token
from fhir_remission.fhir.withdrawal import KINDS
from fhir_remission.jobs.memory import own_name, status_of

# LOINC 88040-1, Response to cancer treatment: the code of the Observation we write.
OUR_CODE = "http://loinc.org|88040-1"


class Standing(Struct, frozen=True):
    """Ours at one sink."""

    resources: tuple[Resource, ...] = ()
    deleted: frozenset[str] = frozenset()
    """Our ids of what somebody deleted."""

    def doubled(self, by: Authorship) -> tuple[str, ...]:
        """What stands more than once, by the name that we gave."""
        standing = (item for item in self.resources if status_of(item) == "standing")
        found = Counter(own_name(item, by) for item in standing)
        return tuple(sorted(name for name, times in found.items() if times > 1))

    def by_id(self, by: Authorship) -> dict[str, Resource]:
        """Each by our id; one that stands before one that was withdrawn."""
        ordered = sorted(self.resources, key=lambda item: status_of(item) == "standing")
        return {own_name(item, by).rpartition("/")[2]: item for item in ordered}


def read_by_name(client: FhirClient, names: Iterable[str]) -> Standing:
    """Read resources whose ids are ours."""
    found: list[Resource] = []
    deleted: set[str] = set()
    for name in names:
        kind, _, own = name.partition("/")
        try:
            found.append(cast(Resource, client.read(kind, own)))
        except RequestRefused as error:
            if error.status == 410:
                deleted.add(own)
            elif error.status != 404:
                raise
    return Standing(tuple(found), frozenset(deleted))


def search_ours(
    client: FhirClient, patient: str, by: Authorship, resources: Sequence[str]
) -> Standing:
    """All of ours about a patient of the source, whatever the state remembers."""
    records = (by.subject or patient, *by.former_subjects)
    found: list[Resource] = []
    for own_id in sorted({record.removeprefix("Patient/") for record in records}):
        for name in KINDS:
            if name in resources and client.profile.can_search(name):
                by_code = (("code", OUR_CODE),) if name == "Observation" else ()
                query = Query(name, (("patient", own_id), *by_code), patients=frozenset({own_id}))
                found += client.search_whole(query)
    return Standing(tuple(item for item in found if is_ours(by.identity, item)))


def search_by_name(client: FhirClient, names: Iterable[str], by: Authorship) -> list[Resource]:
    """What we wrote under these names, in whoever's record it stands."""
    system = by.identity.identifier_system("assessment")
    found: list[Resource] = []
    for name in sorted(names):
        kind, _, own = name.partition("/")
        held = client.search_whole(Query(kind, (("identifier", token((system, own))),)))
        found += (item for item in held if own_name(item, by) == name)
    return found
