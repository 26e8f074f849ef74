"""Which patients: by list, Group, Condition and Observation, read to the end or not at all."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server.connect import connect
from fhir_remission.effects.server.server_families import choose_profile, load_families
from fhir_remission.errors import CapabilityMissing, ReadIncomplete, SettingsError, TableError
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.reading.cohort import Members, find_cohort
from fhir_remission.jobs.reading.cohort_file import read_cohort
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.settings import Source
from fhir_remission.settings.model import Cohort

AS_OF = datetime(2026, 10, 1, 12, tzinfo=UTC)
MAPPINGS = load_mappings()


def member(name: str, **more: Any) -> dict[str, Any]:
    """One member of a Group."""
    return {"entity": {"reference": f"Patient/{name}"}, **more}


def group(*members: dict[str, Any]) -> dict[str, Any]:
    """A Group of persons."""
    return {
        "resourceType": "Group",
        "id": "g",
        "type": "person",
        "actual": True,
        "member": list(members),
    }


def found(
    resources: list[dict[str, Any]], cohort: Cohort, *, faults: tuple[str, ...] = ()
) -> Members:
    """The cohort on an embedded server with these resources."""
    clock = SystemClock()
    with EmbeddedServer(resources=resources, faults=faults) as server:
        connection = connect(
            Source(base_url=server.base_url, rate="1000/s"), clock=clock, stop=Stop(clock)
        )  # type: ignore[arg-type]
        statement = {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "fhir-remission embedded server"},
        }
        profile = choose_profile(
            statement, load_families(default_dir() / "servers"), setting="auto"
        )
        return find_cohort(cohort, connection.client(profile), MAPPINGS, as_of=AS_OF)


def test_group_respects_inactive_members_and_periods() -> None:
    """Only who is in the Group on the day: not inactive, not over, not yet to come."""
    held = group(
        member("in"),
        member("inactive", inactive=True),
        member("over", period={"end": "2026-09-30"}),
        member("last-day", period={"start": "2026-01", "end": "2026-10-01"}),
        member("this-year", period={"end": "2026"}),
        member("to-come", period={"start": "2026-11-01"}),
        member("until-later", period={"start": "2026-01-01T00:00:00Z", "end": "2027-01-01"}),
    )

    members = found([held], Cohort(kind="group", group="g"))

    assert members.patients == ("in", "last-day", "this-year", "until-later")


def test_a_group_with_another_kind_of_member_is_not_guessed() -> None:
    """A member that is no Patient could hide patients."""
    with pytest.raises(ReadIncomplete, match="no Patient"):
        found([group({"entity": {"reference": "Group/other"}})], Cohort(kind="group", group="g"))


def test_a_group_that_is_not_there() -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match=r"cohort\.group"):
        found([], Cohort(kind="group", group="g"))
    with pytest.raises(SettingsError, match=r"cohort\.group"):
        found([], Cohort(kind="group"))


def test_condition_cohort() -> None:
    """Who has an AML code, however often, and nobody else."""
    system = "http://hl7.org/fhir/sid/icd-10-cm"

    def condition(number: int, patient: str, code: str) -> dict[str, Any]:
        return {
            "resourceType": "Condition",
            "id": f"c{number}",
            "code": {"coding": [{"system": system, "code": code}]},
            "subject": {"reference": f"Patient/{patient}"},
        }

    listed = [("a", "C92.00"), ("a", "C92.01"), ("b", "C92.A0"), ("c", "C91.00"), ("d", "E11.9")]
    resources = [condition(n, patient, code) for n, (patient, code) in enumerate(listed)]

    assert found(resources, Cohort(kind="condition")).patients == ("a", "b")


def test_observation_cohort() -> None:
    """Who has a marrow differential or an MRD result."""

    def observation(number: int, patient: str, code: str) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": f"Patient/{patient}"},
        }

    listed = [("a", "11150-0"), ("b", "718-7"), ("c", "11150-0"), ("c", "777-3")]
    resources = [observation(n, patient, code) for n, (patient, code) in enumerate(listed)]

    assert found(resources, Cohort(kind="observation")).patients == ("a", "c")


def test_a_cohort_that_cannot_be_read_to_its_end_stops_the_run() -> None:
    """Half a cohort would look like a cohort."""
    resources = [
        {
            "resourceType": "Condition",
            "id": f"c{n}",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91861009"}]},
            "subject": {"reference": f"Patient/p{n}"},
        }
        for n in range(500)
    ]
    with pytest.raises(ReadIncomplete, match="cohort"):
        found(resources, Cohort(kind="condition"), faults=("off-origin-next",))


def test_a_server_that_wants_a_patient_cannot_find_a_cohort() -> None:
    """Told before anything is asked."""
    clock = SystemClock()
    connection = connect(Source(base_url="http://127.0.0.1:9/fhir"), clock=clock, stop=Stop(clock))
    client = connection.client(Profile(needs_patient=True))
    with pytest.raises(CapabilityMissing, match="cohort"):
        find_cohort(Cohort(kind="condition"), client, MAPPINGS, as_of=AS_OF)


def test_the_list(tmp_path: Path) -> None:
    """Rows of one patient are several starts of therapy; ids come with or without their type."""
    (tmp_path / "c.csv").write_text(
        "\ufeffpatient,diagnosed_on,therapy_started_on,intensity\n"
        "p1,2026-01-04,2026-01-10,intensive\nPatient/p1,,2026-02-20,intensive\np0,,,\n"
    )
    members = found([], Cohort(kind="list", file=tmp_path / "c.csv"))

    assert members.patients == ("p1", "p0")
    first, second = members.rows["Patient/p1"]
    assert first.diagnosed_on == date(2026, 1, 4)
    assert second.therapy_started_on == date(2026, 2, 20)
    assert second.place == "c.csv:3"


@given(ids=st.lists(st.from_regex(r"[0-9]{1,12}(e[0-9])?|0x[0-9]", fullmatch=True), unique=True))
def test_an_id_stays_the_text_it_is(ids: list[str]) -> None:
    """Leading zeros, 1e5, a dozen digits: never a number."""
    text = "patient\n" + "".join(f"{one}\n" for one in ids)

    assert list(read_cohort(text, file="c.csv")) == [f"Patient/{one}" for one in ids]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id\np1\n", "c.csv: .*patient"),
        ("patient,banana\np1,2\n", "c.csv:1: unknown column 'banana'"),
        ("patient,diagnosed_on\np1,04.01.2026\n", "c.csv:2: diagnosed_on must be a date"),
        ("patient,intensity\np1,much\n", "c.csv:2: intensity 'much'"),
        ("patient,intensity\n,intensive\n", "c.csv:2: no patient"),
    ],
)
def test_a_bad_list_names_its_line(text: str, complaint: str) -> None:
    """File, line and what to write instead."""
    with pytest.raises(TableError, match=complaint):
        read_cohort(text, file="c.csv")


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match=r"cohort\.file"):
        found([], Cohort(kind="list", file=tmp_path / "none.csv"))
