"""What a rehearsal offers beside FHIR: exports, a signed login, a page, an account."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from fhir_remission.effects.http.assertions import signed_with
from fhir_remission.effects.http.keys import public_jwks, read_signing_key
from fhir_remission.errors import SettingsError
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.faults.fault_kinds import FAULT_KINDS
from fhir_remission.rehearsal.listening import told
from fhir_remission.rehearsal.server.login import ASSERTION
from fhir_remission.rehearsal.server.personas import persona_names
from fhir_remission.settings import load_settings

ASYNC = {"Prefer": "respond-async"}


def person(name: str) -> dict[str, Any]:
    """A patient."""
    return {"resourceType": "Patient", "id": name}


def result(name: str, patient: str, code: str = "777-3") -> dict[str, Any]:
    """A result of a patient."""
    return {
        "resourceType": "Observation", "id": name, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip


GROUP = {
    "resourceType": "Group", "id": "g1", "type": "person", "actual": True,
    "member": [{"entity": {"reference": "Patient/p1"}}],
}  # fmt: skip
RESOURCES = [
    person("p1"), person("p2"), GROUP, result("o1", "p1"), result("o2", "p2"),
    result("o3", "p1", "789-8"), {"resourceType": "Medication", "id": "m1"},
]  # fmt: skip


def exported(server: EmbeddedServer, path: str, **parameters: str) -> dict[str, list[str]]:
    """The ids of an export by type, `deleted` included."""
    url = f"{server.base_url}/{path}"
    began = requests.get(url, params=parameters, headers=ASYNC, timeout=10)
    assert (began.status_code, began.content) == (202, b""), began.text
    status = began.headers["Content-Location"]
    waiting = requests.get(status, timeout=10)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    manifest = requests.get(status, timeout=10).json()
    found: dict[str, list[str]] = {}
    for file in manifest["output"]:
        lines = requests.get(file["url"], timeout=10).text.splitlines()
        assert len(lines) == file["count"]
        found[file["type"]] = sorted(json.loads(line)["id"] for line in lines)
    for file in manifest["deleted"]:
        lines = requests.get(file["url"], timeout=10).text.splitlines()
        found["deleted"] = [json.loads(one)["entry"][0]["request"]["url"] for one in lines]
    assert requests.delete(status, timeout=10).status_code == 202
    assert requests.get(status, timeout=10).status_code == 404
    return found


def test_an_export_holds_what_was_asked_for() -> None:
    """Everybody or a group, all types or some, all rows or those of a search."""
    with EmbeddedServer(resources=RESOURCES) as server:
        everything = exported(server, "$export")
        assert everything["Observation"] == ["o1", "o2", "o3"]
        assert set(everything) == {"Group", "Medication", "Observation", "Patient"}
        group = exported(server, "Group/g1/$export", _type="Patient,Observation,Medication")
        assert group == {"Patient": ["p1"], "Observation": ["o1", "o3"], "Medication": ["m1"]}
        some = exported(
            server, "Patient/$export", _type="Observation", _typeFilter="Observation?code=789-8"
        )
        assert some == {"Observation": ["o3"]}


def test_an_export_since_a_moment_holds_changes_and_deletions() -> None:
    """A row that was deleted is told as deleted."""
    with EmbeddedServer(resources=RESOURCES) as server:
        time.sleep(0.01)
        since = requests.get(f"{server.base_url}/Patient/p1", timeout=10).headers["Date"]
        assert since
        moment = server.store.put(result("o1", "p1")).at.isoformat()
        server.store.delete("Observation", "o2")
        found = exported(server, "Patient/$export", _type="Observation,Patient", _since=moment)
        assert found == {"Observation": ["o1"], "deleted": ["Observation/o2"]}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("Patient/$export", {}, 400),
        ("Group/none/$export", ASYNC, 404),
        ("Patient/$export?_since=yesterday", ASYNC, 400),
        ("export-status/7", {}, 404),
        ("export-file/7/Patient.ndjson", {}, 404),
    ],
)
def test_what_cannot_be_exported_is_refused(
    path: str, headers: dict[str, str], status: int
) -> None:
    """As a server does: a request that does not wait, a group that is not there, a bad moment."""
    with EmbeddedServer(resources=RESOURCES) as server:
        answer = requests.get(f"{server.base_url}/{path}", headers=headers, timeout=10)
        assert answer.status_code == status
        assert answer.json()["resourceType"] == "OperationOutcome"


def assertion(server: EmbeddedServer, key: Any, kid: str, **claims: Any) -> dict[str, str]:
    """The form of a token request."""
    whole = {"iss": "x", "sub": "x", "aud": f"{server.base_url}/token", "exp": time.time() + 200}
    name = jwt.encode({**whole, "jti": str(time.time_ns()), **claims}, key, "ES384", {"kid": kid})
    return {"grant_type": "client_credentials", "client_assertion_type": ASSERTION,
            "client_assertion": name, "scope": "system/*.rs"}  # fmt: skip


def test_a_login_wants_the_signature_of_a_registered_key(tmp_path: Path) -> None:
    """Made where it is not there; another key, another name of it and no key are refused."""
    place = tmp_path / "client.pem"
    check = signed_with(place)
    assert place.stat().st_mode & 0o077 == 0
    key = read_signing_key(place.read_text())
    other = generate_private_key(SECP384R1())
    with EmbeddedServer(resources=RESOURCES, signed=check) as server:
        url = f"{server.base_url}/token"
        right = requests.post(url, assertion(server, key.private, key.kid), timeout=10)
        assert right.status_code == 200
        headers = {"Authorization": f"Bearer {right.json()['access_token']}"}
        for token, status in ((headers, 200), ({}, 401)):
            read = requests.get(f"{server.base_url}/Patient/p1", headers=token, timeout=10)
            assert read.status_code == status
        for form in (
            assertion(server, other, key.kid),
            assertion(server, key.private, "another"),
            assertion(server, key.private, key.kid, aud="elsewhere"),
        ):
            assert requests.post(url, form, timeout=10).status_code == 400
        secret = {"grant_type": "client_credentials"}
        assert requests.post(url, secret, auth=("x", "y"), timeout=10).status_code == 400


def test_a_key_set_can_be_registered_instead(tmp_path: Path) -> None:
    """That of `fhir-remission jwks`, so that the private key stays where it is."""
    private = tmp_path / "client.pem"
    signed_with(private)
    key = read_signing_key(private.read_text())
    (tmp_path / "set.json").write_text(json.dumps(public_jwks([key])))
    check = signed_with(tmp_path / "set.json")
    assert check(jwt.encode({"a": 1}, key.private, "ES384", {"kid": key.kid})) == ""
    assert check("no token at all").startswith("the signature does not hold")
    (tmp_path / "broken").write_text("{}")
    with pytest.raises(SettingsError, match="neither an unencrypted PEM nor a JWK"):
        signed_with(tmp_path / "broken")


@pytest.mark.parametrize("key", ["", "client.pem"])
def test_the_page_of_a_rehearsal_is_a_settings_file(key: str, tmp_path: Path) -> None:
    """With every persona and fault, the group, and a cohort and login that are settings."""
    page = told.opening("http://127.0.0.1:1/fhir", persona="epic", patients=22, group="g1", key=key)
    read = tomllib.loads(page)
    assert read == tomllib.loads(told.settings("http://127.0.0.1:1/fhir", group="g1", key=key))
    (tmp_path / "site.toml").write_text(page)
    settings = load_settings(tmp_path / "site.toml")
    assert (settings.cohort.group, settings.source.base_url) == ("g1", "http://127.0.0.1:1/fhir")
    assert settings.source.auth.mode == ("smart" if key else "none")
    for name in (*persona_names(), *FAULT_KINDS):
        assert name in page
    assert all(len(line) <= 80 for line in page.splitlines())


def test_in_the_end_every_fault_is_told_with_how_often_it_happened() -> None:
    """Those that never did too: a fault at a page that never came was no rehearsal."""
    assert list(told.closing(("429:1", "truncate:3", "slow:1"), {"429:1": 1, "slow:1": 7}, 9)) == [
        "# The server answered 9 requests.",
        "# fault 429:1: happened once",
        "# fault truncate:3: happened never",
        "# fault slow:1: happened 7 times",
    ]
