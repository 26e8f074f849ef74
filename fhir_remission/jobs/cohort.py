"""Which patients: by list, Group, Condition or Observation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from fhir_remission.domain.inputs import CohortRow
from fhir_remission.domain.mappings import Mappings
from fhir_remission.effects.client import FhirClient
from fhir_remission.errors import (
    CapabilityMissing,
    ReadIncomplete,
    RequestRefused,
    SettingsError,
)
from fhir_remission.fhir.datatypes import Json, objects, text_of
from fhir_remission.fhir.queries import Query, condition_cohort, observation_cohort
from fhir_remission.fhir.screening import patient_of
from fhir_remission.fhir.times import Placed, read_time
from fhir_remission.jobs.cohort_file import read_cohort
from fhir_remission.settings.model import Cohort

# An Observation of one of these says that somebody looks after a leukaemia.
MARKERS = ("blasts-marrow", "mrd")


class Members(Struct, frozen=True):
    """The cohort: bare patient ids in order, and what a list says of each."""

    patients: tuple[str, ...]
    rows: Mapping[str, tuple[CohortRow, ...]] = {}


def find_cohort(
    cohort: Cohort, client: FhirClient, mappings: Mappings, *, as_of: datetime
) -> Members:
    """Read the cohort's definition; anything less than all of it stops the run."""
    if cohort.kind == "list":
        return listed_members(cohort.file)
    if cohort.kind == "group":
        return Members(_group(cohort.group, client, as_of))
    if client.profile.needs_patient:
        raise CapabilityMissing(
            f"{client.host} searches one patient at a time, so it cannot find a cohort by "
            f"{cohort.kind}: use cohort.kind = list or group"
        )
    if cohort.kind == "condition":
        codes = mappings.events.codes("aml-diagnosis")
        return Members(_searched(condition_cohort(codes, client.profile), client))
    wanted = mappings.codes.analyte_codes(*MARKERS)
    return Members(_searched(observation_cohort(wanted, client.profile), client))


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


def _group(name: str, client: FhirClient, as_of: datetime) -> tuple[str, ...]:
    if not name:
        raise SettingsError("cohort.group is not set: give the id of the Group")
    try:
        group = client.read("Group", name.removeprefix("Group/"))
    except RequestRefused as error:
        raise SettingsError(f"cohort.group: Group/{name} cannot be read: {error}") from None
    if not isinstance(group, dict) or group.get("resourceType") != "Group":
        raise SettingsError(f"cohort.group: Group/{name} is not a Group")
    found = [_patient(member) for member in objects(group.get("member")) if _is_in(member, as_of)]
    return _sorted(found)


def _patient(member: dict[str, Json]) -> str:
    entity = member.get("entity")
    literal = text_of(entity.get("reference")) if isinstance(entity, dict) else ""
    kind, _, patient = literal.rpartition("/")
    if kind.rpartition("/")[2] != "Patient":
        raise ReadIncomplete("the Group has a member that is no Patient; list its patients instead")
    return patient


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


def _searched(queries: Iterable[Query], client: FhirClient) -> tuple[str, ...]:
    found: list[str] = []
    for query in queries:
        answer = client.search(query)
        if not answer.complete:
            reasons = "; ".join(answer.incomplete) or "damaged entries"
            raise ReadIncomplete(f"the cohort could not be read to its end: {reasons}")
        found += [patient_of(entry.resource) or "" for entry in answer.entries]
    return _sorted(found)


def _sorted(patients: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({patient for patient in patients if patient}))
