"""Personas: every habit is data with a source, and each changes what the server answers."""

import pytest
import requests

from fhir_remission.errors import SettingsError
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.server.personas import load_persona, persona_names, read_persona

NAMES = {"generic", "hapi", "epic", "oracle", "azure", "blaze", "sekmet"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "751-8"}]},
    "subject": {"reference": "Patient/p1"},
}


def test_all_personas_are_there() -> None:
    """The names that users and tests may choose from."""
    assert set(persona_names()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_persona_loads(name: str) -> None:
    """Every persona file is sound: known habits, each with its source."""
    assert load_persona(name).name == name


@pytest.mark.parametrize("source", ["", 'source = "  "'])
def test_habit_without_source_is_refused(source: str) -> None:
    """A habit that nobody saw anywhere is not accepted."""
    text = f'name = "x"\n[habits.default-count]\nvalue = 20\n{source}\n'

    with pytest.raises(SettingsError, match=r"x\.toml: habit 'default-count' has no source"):
        read_persona(text, file="x.toml")


def test_unknown_habit_is_refused() -> None:
    """A misspelt habit stops the run instead of doing nothing."""
    text = 'name = "x"\n[habits]\ndefault-cuont = { value = 20, source = "seen" }\n'

    with pytest.raises(SettingsError, match=r"x\.toml: .*default-cuont"):
        read_persona(text, file="x.toml")


def test_unknown_persona_names_the_known_ones() -> None:
    """The error says what to choose from."""
    with pytest.raises(SettingsError, match="unknown persona 'epc'; choose one of azure, blaze"):
        load_persona("epc")


def ask(persona: str, method: str, path: str, **rest: object) -> requests.Response:
    """Send one request to a fresh server with one patient and one Observation."""
    with EmbeddedServer(persona=persona, resources=[PATIENT, OBSERVATION]) as server:
        return requests.request(method, f"{server.base_url}/{path}", timeout=10, **rest)


@pytest.mark.parametrize(
    ("persona", "method", "path", "status"),
    [
        ("generic", "GET", "Observation?no-such=1", 200),
        ("generic", "GET", "Observation?patient=p1,p2", 200),
        ("hapi", "GET", "Observation?no-such=1", 400),
        ("hapi", "GET", "?_getpages=gone", 410),
        ("epic", "GET", "Observation?patient=p1", 400),
        ("epic", "GET", "Observation?code=751-8", 400),
        ("epic", "GET", "Observation?patient=p1&code=751-8", 200),
        ("epic", "GET", "Observation?patient=p1,p2&code=751-8", 400),
        ("epic", "GET", "Observation?patient=p1&code=751-8&_sort=date", 400),
        ("epic", "GET", "Observation?patient=p1&code=751-8&issued=ge2026-01-01", 200),
        ("epic", "GET", "ClinicalImpression?patient=p1", 404),
        ("epic", "GET", "Observation/o1/_history", 404),
        ("epic", "GET", "?_getpages=gone", 400),
        ("oracle", "GET", "Observation?code=751-8", 400),
        ("oracle", "GET", "Observation?patient=p1&date=ge2026&_lastUpdated=ge2026", 400),
        ("sekmet", "GET", "Observation?no-such=1", 200),
    ],
)
def test_reading_habits(persona: str, method: str, path: str, status: int) -> None:
    """What one server answers another refuses."""
    assert ask(persona, method, path).status_code == status


@pytest.mark.parametrize(
    ("persona", "path", "body", "headers", "status"),
    [
        ("generic", "Observation/o1", OBSERVATION, {"If-Match": 'W/"9"'}, 412),
        ("generic", "Observation/o1", OBSERVATION, {"If-None-Match": "*"}, 412),
        ("hapi", "Observation/o1", OBSERVATION, {"If-Match": 'W/"9"'}, 409),
        ("hapi", "Observation/new", {**OBSERVATION, "id": "new"}, {"If-Match": 'W/"9"'}, 201),
        ("oracle", "Observation/o1", OBSERVATION, {"If-Match": 'W/"9"'}, 409),
        ("oracle", "Observation/new", {**OBSERVATION, "id": "new"}, {}, 405),
        ("epic", "Patient/p1", PATIENT, {}, 405),
        ("epic", "Observation?_id=o1", OBSERVATION, {}, 405),
        ("blaze", "Observation?_id=o1", OBSERVATION, {}, 405),
        ("sekmet", "Observation/o1", OBSERVATION, {"If-None-Match": "*"}, 200),
    ],
)
def test_writing_habits(
    persona: str, path: str, body: dict[str, object], headers: dict[str, str], status: int
) -> None:
    """Conflicts, client ids and conditions differ from server to server."""
    assert ask(persona, "PUT", path, json=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("persona", "reference", "status"),
    [
        ("generic", "https://elsewhere.example/Patient/1", 200),
        ("hapi", "https://elsewhere.example/Patient/1", 400),
        ("hapi", "Patient/nobody", 400),
        ("blaze", "Patient/nobody", 409),
    ],
)
def test_reference_habits(persona: str, reference: str, status: int) -> None:
    """References to other servers, or to nothing, are refused where the real one refuses them."""
    body = {**OBSERVATION, "subject": {"reference": reference}}

    assert ask(persona, "PUT", "Observation/o1", json=body).status_code == status


def test_versions_are_cut_off_references() -> None:
    """HAPI stores references without their version."""
    body = {**OBSERVATION, "derivedFrom": [{"reference": "Observation/o1/_history/1"}]}

    answer = ask("hapi", "PUT", "Observation/o1", json=body)

    assert answer.json()["derivedFrom"] == [{"reference": "Observation/o1"}]


@pytest.mark.parametrize(("persona", "version"), [("generic", "2"), ("hapi", "1"), ("blaze", "1")])
def test_same_content_again(persona: str, version: str) -> None:
    """The same content makes a new version on some servers and none on others."""
    answer = ask(persona, "PUT", "Observation/o1", json=OBSERVATION)

    assert answer.headers["ETag"] == f'W/"{version}"'


def test_empty_answers_to_writes() -> None:
    """Oracle answers a create with headers only: the id is in Location."""
    answer = ask("oracle", "POST", "Observation", json=OBSERVATION)

    assert (answer.status_code, answer.content) == (201, b"")
    assert "/Observation/" in answer.headers["Location"]


def test_count_above_the_maximum_is_said() -> None:
    """Azure cuts `_count` and says so in an entry that is an OperationOutcome."""
    entries = ask("azure", "GET", "Observation?_count=5000").json()["entry"]

    assert [entry["search"]["mode"] for entry in entries] == ["match", "outcome"]


@pytest.mark.parametrize("persona", sorted(NAMES))
def test_capabilities_match_habits(persona: str) -> None:
    """The CapabilityStatement claims transactions and types exactly where they are served."""
    habits = load_persona(persona)

    statement = ask(persona, "GET", "metadata").json()

    rest = statement["rest"][0]
    claimed = {interaction["code"] for interaction in rest["interaction"]}
    assert ("transaction" in claimed) == habits.transaction
    types = {resource["type"] for resource in rest["resource"]}
    assert not habits.types or types == set(habits.types)


def test_own_error_codes() -> None:
    """Epic names what went wrong by a number of its own."""
    answer = ask("epic", "GET", "Observation?patient=p1,p2&code=751-8")

    assert answer.json()["issue"][0]["details"]["coding"] == [{"code": "4112"}]


def test_merged_patient_is_redirected() -> None:
    """Epic answers the read of a merged Patient with a redirect to the one that is left."""
    resources = [PATIENT, OBSERVATION]
    with EmbeddedServer(persona="epic", faults=["merged-patient"], resources=resources) as server:
        url = f"{server.base_url}/Patient/p1"
        answer = requests.get(url, timeout=10, allow_redirects=False)
        followed = requests.get(url, timeout=10)

    assert (answer.status_code, answer.json()["issue"][0]["details"]["coding"][0]["code"]) == (
        302,
        "4107",
    )
    assert followed.json()["id"] == "p1-merged"
