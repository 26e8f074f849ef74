"""What stands at a sink about one patient: ours, read by id where we know it, else searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec import Struct

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import RequestRefused, SafetyStop
from fhir_remission.fhir.r4.datatypes import Json, Resource, text_of
from fhir_remission.fhir.server.queries import Query, token
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.decide import category_of
from fhir_remission.fhir.writing.identity import KINDS, identifier_value
from fhir_remission.fhir.writing.ownership import STOPS, Known, owner_of
from fhir_remission.fhir.writing.site_marks import is_marked, site_values
from fhir_remission.jobs.write_back.result_rows import own_name, status_of

# LOINC 88040-1, Response to cancer treatment: the code of the Observation we write.
OUR_CODE = "http://loinc.org|88040-1"


class Read(Struct, frozen=True):
    """What a server answered, before it is known whose it is."""

    resources: list[Resource]
    deleted: frozenset[str] = frozenset()
    """Our ids of what somebody deleted."""


class Standing(Struct, frozen=True):
    """Ours at one sink, and what else was met there."""

    resources: tuple[Resource, ...] = ()
    deleted: frozenset[str] = frozenset()
    """Our ids of what somebody deleted."""
    foreign: frozenset[str] = frozenset()
    """Results of other sites, where they stand: met, and left alone."""
    disputed: frozenset[str] = frozenset()
    """Where something stands that two sites seem to have written."""
    unmarked: frozenset[str] = frozenset()
    """Those of them that version 0.1.0 wrote, of whatever site."""
    nameless: frozenset[str] = frozenset()
    """Types of which something stands that says a category and not who wrote it."""

    def doubled(self, by: Authorship) -> tuple[str, ...]:
        """What stands more than once, by the name that we gave."""
        standing = (item for item in self.resources if status_of(item) == "standing")
        found = Counter(own_name(item, by) for item in standing)
        return tuple(sorted(name for name, times in found.items() if times > 1))

    def by_id(self, by: Authorship) -> dict[str, Resource]:
        """Each by our id; one that stands before one that was withdrawn."""
        ordered = sorted(self.resources, key=lambda item: status_of(item) == "standing")
        return {own_name(item, by).rpartition("/")[2]: item for item in ordered}


class Familiar(Struct, frozen=True):
    """What proves that a result without a mark is ours."""

    patients: tuple[str, ...]
    """Whom it may be about."""
    names: Collection[str]
    """Ids that this run made itself."""
    known: Callable[[Resource], Known | None]
    """What the state says of a resource."""


def sifted(
    client: FhirClient, found: Iterable[Resource], by: Authorship, familiar: Familiar
) -> Standing:
    """Take ours of what was read; SafetyStop where a person must look before any write."""
    ours: list[Resource] = []
    foreign: set[str] = set()
    disputed: set[str] = set()
    nameless: set[str] = set()
    unmarked: set[str] = set()
    for item in found:
        place = f"{item.get('resourceType')}/{item.get('id')}"
        owner = owner_of(
            item,
            by.identity,
            patients=familiar.patients,
            names=familiar.names,
            known=familiar.known(item),
        )
        if owner in STOPS:
            raise SafetyStop(f"{client.host}: {place} {STOPS[owner]}")
        if owner == "foreign":
            foreign.add(place)
            if not identifier_value(item, by.identity.identifier_system("assessment")):
                nameless.add(text_of(item.get("resourceType")))
            elif not site_values(item, by.identity):
                unmarked.add(place)
            continue
        if owner == "disputed":
            disputed.add(place)
        ours.append(item)
    return Standing(
        tuple(ours),
        foreign=frozenset(foreign),
        disputed=frozenset(disputed),
        unmarked=frozenset(unmarked),
        nameless=frozenset(nameless),
    )


def read_by_name(client: FhirClient, names: Iterable[str]) -> Read:
    """Read resources whose ids are ours."""
    found: list[Resource] = []
    deleted: set[str] = set()
    for name in names:
        kind, _, own = name.partition("/")
        try:
            found.append(_is_it(client, name, client.read(kind, own)))
        except RequestRefused as error:
            if error.status == 410:
                deleted.add(own)
            elif error.status != 404:
                raise
    return Read(found, frozenset(deleted))


def _is_it(client: FhirClient, name: str, read: Json) -> Resource:
    """What was asked for; an error under the status of an answer says nothing of what stands."""
    if isinstance(read, dict) and f"{read.get('resourceType')}/{read.get('id')}" == name:
        return read
    kind = text_of(read.get("resourceType")) if isinstance(read, dict) else ""
    raise SafetyStop(
        f"{client.host}: {name} was answered with {kind or 'no resource'} in place of what stands: "
        "have the server looked at; nothing was written"
    )


def search_results(
    client: FhirClient, patient: str, by: Authorship, resources: Sequence[str]
) -> list[Resource]:
    """All results of any site about a patient of the source, whatever the state remembers."""
    records = (by.subject or patient, *by.former_subjects)
    own_ids = sorted({record.removeprefix("Patient/") for record in records})
    return [item for own_id in own_ids for item in results_of(client, [own_id], by, resources)]


def results_of(
    client: FhirClient, patients: Sequence[str], by: Authorship, resources: Sequence[str]
) -> list[Resource]:
    """All results of any site about some patients of the sink (bare ids)."""
    found: list[Resource] = []
    for name in KINDS:
        if name in resources and client.profile.can_search(name):
            by_code = (("code", OUR_CODE),) if name == "Observation" else ()
            asked = (("patient", ",".join(patients)), *by_code)
            found += client.search_whole(Query(name, asked, patients=frozenset(patients)))
    return [item for item in found if is_marked(by.identity, item) or category_of(item, by)]


def unique(resources: Iterable[Resource]) -> list[Resource]:
    """Each resource once, however it was found."""
    return list({(item.get("resourceType"), item.get("id")): item for item in resources}.values())


def search_by_name(client: FhirClient, names: Iterable[str], by: Authorship) -> list[Resource]:
    """What we wrote under these names, in whoever's record it stands."""
    system = by.identity.identifier_system("assessment")
    found: list[Resource] = []
    for name in sorted(names):
        kind, _, own = name.partition("/")
        held = client.search_whole(Query(kind, (("identifier", token((system, own))),)))
        found += (item for item in held if own_name(item, by) == name)
    return found
