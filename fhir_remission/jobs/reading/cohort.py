"""Which patients: by list, Group, Condition or Observation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import CohortRow
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import (
    CapabilityMissing,
    ReadIncomplete,
    RequestRefused,
    SettingsError,
)
from fhir_remission.fhir.r4.datatypes import Json, objects, text_of
from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import NOT_AN_ID, is_id, patient_named
from fhir_remission.fhir.r4.times import Placed, read_time
from fhir_remission.fhir.server.queries import Query, condition_cohort, observation_cohort
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.reading.cohort_file import read_cohort
from fhir_remission.jobs.reading.merged_patients import local_id
from fhir_remission.settings.model import Cohort, Settings

# An Observation of one of these says that somebody looks after a leukaemia.
MARKERS = ("blasts-marrow", "mrd")
# So much of what is no id is shown.
SHOWN = 64


class Odd(Struct, frozen=True):
    """What stands where a patient should, and where it stands: told, and left out."""

    place: str
    text: str


class Members(Struct, frozen=True):
    """The cohort: bare patient ids in order, and what a list says of each."""

    patients: tuple[str, ...]
    rows: Mapping[str, tuple[CohortRow, ...]] = {}
    odd: tuple[Odd, ...] = ()
    elsewhere: int = 0
    """Patients of other servers: nobody here, whatever their ids."""


def find_cohort(
    cohort: Cohort, client: FhirClient, mappings: Mappings, *, as_of: datetime
) -> Members:
    """Read the cohort's definition; anything less than all of it stops the run."""
    if cohort.kind == "list":
        return _sifted_list(listed_members(cohort.file), client.profile)
    if cohort.kind == "group":
        return _sifted(_group(cohort.group, client, as_of), client)
    if client.profile.needs_patient:
        raise CapabilityMissing(
            f"{client.host} searches one patient at a time, so it cannot find a cohort by "
            f"{cohort.kind}: use cohort.kind = list or group"
        )
    if cohort.kind == "condition":
        codes = mappings.events.codes("aml-diagnosis")
        return _sifted(_searched(condition_cohort(codes, client.profile), client), client)
    wanted = mappings.codes.analyte_codes(*MARKERS)
    return _sifted(_searched(observation_cohort(wanted, client.profile), client), client)


def named_members(names: Iterable[str]) -> Members:
    """Patients that were asked for by name; SettingsError for what names none."""
    bare = tuple(name.removeprefix("Patient/") for name in names)
    for name in bare:
        if not is_id(name, opaque=True):
            raise SettingsError(f"--patient {name[:64]!r} {NOT_AN_ID}")
    return Members(bare)


def listed_members(path: Path) -> Members:
    """The patients of a list, and what it says of each."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cohort.file: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"cohort.file: {path} is not UTF-8") from None
    rows = read_cohort(text, file=path.name)
    return Members(tuple(ref.removeprefix("Patient/") for ref in rows), rows)


def stated_rows(settings: Settings) -> Mapping[str, tuple[CohortRow, ...]]:
    """What the site's list says of its patients, where it has one."""
    origins = {name: origin for name, _, origin in settings.shown()}
    by_default = origins["cohort.file"] == "default"
    absent = by_default and not settings.cohort.file.is_file()
    if settings.cohort.kind != "list" or absent:
        return {}
    return listed_members(settings.cohort.file).rows


def _sifted_list(members: Members, profile: Profile) -> Members:
    odd = tuple(
        Odd(members.rows[f"Patient/{name}"][0].place, name[:SHOWN])
        for name in members.patients
        if not is_id(name, opaque=profile.opaque_ids)
    )
    good = tuple(n for n in members.patients if is_id(n, opaque=profile.opaque_ids))
    return Members(good, members.rows, odd)


def _sifted(found: Iterable[tuple[str, Reference]], client: FhirClient) -> Members:
    """The patients of this server among references, each with where it stands."""
    patients: set[str] = set()
    odd: dict[str, Odd] = {}
    elsewhere: set[str] = set()
    base = client.transport.base
    for place, reference in found:
        address, name = patient_named(reference)
        if address and name and not local_id(reference, base):
            elsewhere.add(f"{address}{name}")
        elif is_id(name, opaque=client.profile.opaque_ids):
            patients.add(name)
        else:
            text = reference.address.removeprefix("Patient/")[:SHOWN]
            odd.setdefault(text, Odd(place, text))
    return Members(tuple(sorted(patients)), {}, tuple(odd.values()), len(elsewhere))


def _group(name: str, client: FhirClient, as_of: datetime) -> Iterator[tuple[str, Reference]]:
    own = name.removeprefix("Group/")
    if not name:
        raise SettingsError("cohort.group is not set: give the id of the Group")
    if not is_id(own, opaque=client.profile.opaque_ids):
        raise SettingsError(f"cohort.group: {name[:SHOWN]!r} {NOT_AN_ID}: give the id of the Group")
    try:
        group = client.read("Group", own)
    except RequestRefused as error:
        raise SettingsError(f"cohort.group: Group/{own} cannot be read: {error}") from None
    if not isinstance(group, dict) or group.get("resourceType") != "Group":
        raise SettingsError(f"cohort.group: Group/{own} is not a Group")
    for number, member in enumerate(objects(group.get("member"))):
        if _is_in(member, as_of):
            yield f"Group/{own} member {number}", _patient(member)


def _patient(member: dict[str, Json]) -> Reference:
    entity = member.get("entity")
    text = text_of(entity.get("reference")) if isinstance(entity, dict) else ""
    kind = text.partition("/_history/")[0].rpartition("/")[0].rpartition("/")[2]
    if kind != "Patient" and "Patient/" not in text:
        raise ReadIncomplete("the Group has a member that is no Patient; list its patients instead")
    return Reference(reference=text)


def _is_in(member: dict[str, Json], as_of: datetime) -> bool:
    if member.get("inactive") is True:
        return False
    period = member.get("period")
    if not isinstance(period, dict):
        return True
    start, end = (read_time(text_of(period.get(name)), UTC) for name in ("start", "end"))
    # The whole of a partial date is in: the day, month or year in which a period ends.
    begun = not isinstance(start, Placed) or start.when.start <= as_of
    return begun and (not isinstance(end, Placed) or as_of <= end.when.end)


def _searched(queries: Iterable[Query], client: FhirClient) -> Iterator[tuple[str, Reference]]:
    for query in queries:
        answer = client.search(query)
        if not answer.complete:
            reasons = "; ".join(answer.incomplete) or "damaged entries"
            raise ReadIncomplete(f"the cohort could not be read to its end: {reasons}")
        for entry in answer.entries:
            subject = getattr(entry.resource, "subject", None)
            yield entry.ref, subject or Reference()
