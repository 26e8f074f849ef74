"""CDS Hooks 2.0: discovery, one card, what is not enough for one, who may call."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fhir_remission.effects.files.mapping_files import load_vocabulary
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.service.answering import pages
from fhir_remission.service.hooks.cards import INDICATORS
from tests.service.conftest import DEMO, SOURCE, Serve, Served, case
from tests.service.test_callers import bearer, jwks, token

SERVICE = "/cds-services/aml-remission"
URL = "https://remission.example.org"
CR = case("complete-remission")
KEYS = ("observations", "conditions", "procedures", "medications", "reports", "specimens")
TYPES = dict(
    zip(
        KEYS,
        (
            *("Observation", "Condition", "Procedure", "MedicationAdministration"),
            *("DiagnosticReport", "Specimen"),
        ),
        strict=True,
    )
)
TEXT = {"type": "string", "minLength": 1}
SERVICES = {
    "type": "object",
    "required": ["services"],
    "properties": {
        "services": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["hook", "description", "id"],
                "properties": {
                    "hook": {"const": "patient-view"},
                    "id": {"type": "string", "pattern": "^[A-Za-z0-9.-]+$"},
                    "title": TEXT,
                    "description": TEXT,
                    "prefetch": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "string",
                            "pattern": "^[A-Z][A-Za-z]+[/?][^ ]*[{]{2}context[.]patientId[}]{2}",
                        },
                    },
                },
                "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}
CARDS = {
    "type": "object",
    "required": ["cards"],
    "properties": {
        "cards": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["summary", "indicator", "source"],
                "properties": {
                    "uuid": {"type": "string", "pattern": "^[0-9a-f-]{36}$"},
                    "summary": {"type": "string", "minLength": 1, "maxLength": 139},
                    "detail": TEXT,
                    "indicator": {"enum": ["info", "warning", "critical"]},
                    "source": {
                        "type": "object",
                        "required": ["label"],
                        "properties": {"label": TEXT, "url": TEXT},
                        "additionalProperties": False,
                    },
                    "links": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["label", "url", "type"],
                            "properties": {
                                "label": TEXT,
                                "url": {"type": "string", "pattern": "^https?://"},
                                "type": {"const": "absolute"},
                            },
                            "additionalProperties": False,
                        },
                    },
                },
                "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}

REQUEST = {
    "type": "object",
    "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"const": "patient-view"},
        "hookInstance": {"type": "string", "pattern": "^[0-9a-fA-F-]{36}$"},
        "fhirServer": {"type": ["string", "null"]},
        "fhirAuthorization": {
            "type": ["object", "null"],
            "required": ["access_token"],
            "properties": {
                "access_token": TEXT,
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer"},
                "scope": {"type": "string"},
                "subject": {"type": "string"},
                "patient": {"type": "string"},
            },
        },
        "context": {
            "type": "object",
            "required": ["userId", "patientId"],
            "properties": {
                "userId": {"type": "string"},
                "patientId": {"type": "string", "pattern": "^(Patient/)?[A-Za-z0-9.-]{1,64}$"},
                "encounterId": {"type": ["string", "null"]},
            },
        },
        "prefetch": {"type": ["object", "null"]},
        "extension": {},
    },
}
LOGIN = {
    **{"access_token": "t", "token_type": "Bearer", "expires_in": 300},
    **{"scope": "patient/*.read", "subject": "x", "patient": "frida"},
}
MISSING = object()
ODDITIES: list[tuple[str, Any]] = [
    (name, held)
    for name, many in {
        "hook": [MISSING, None, "order-sign", 7],
        "hookInstance": [MISSING, None, "1", 7, {}],
        "fhirServer": [None, "https://ehr.example/fhir", 7, []],
        "fhirAuthorization": [None, LOGIN, {}, {"access_token": 7}, "Bearer x", []],
        "prefetch": [MISSING, None, [], "x", 7],
        "context": [
            *(MISSING, None, {}, [], "frida"),
            {"userId": "Practitioner/p", "patientId": "frida", "encounterId": "e1"},
            {"userId": "Practitioner/p", "patientId": "Patient/frida"},
            {"userId": "Practitioner/p"},
            {"patientId": "frida"},
            {"userId": "Practitioner/p", "patientId": "a b"},
            {"userId": "Practitioner/p", "patientId": 7},
        ],
        "extension": [{"com.example": {"a": 1}}, None, 7],
    }.items()
    for held in many
]


def searchset(kind: str, **more: Any) -> dict[str, Any]:
    """What an EHR prefetches of a type."""
    entries = [one for one in CR["entry"] if one["resource"]["resourceType"] == kind]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def request(prefetch: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A request of the hook about Frida."""
    whole = {key: searchset(kind) for key, kind in TYPES.items()}
    whole["patient"] = {"resourceType": "Patient", "id": "frida"}
    body: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/p", "patientId": "frida"},
        "prefetch": whole if prefetch is None else prefetch,
    }
    return {**body, **more}


def cards(served: Served, body: Any, **headers: str) -> list[dict[str, Any]]:
    """The cards of an answer, which are cards."""
    answer = served.ask("POST", SERVICE, body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json, CARDS)
    found: list[dict[str, Any]] = answer.json["cards"]
    return found


def test_the_service_is_found(served: Served) -> None:
    """The discovery is that of CDS Hooks 2.0, with templates of the recommended subset."""
    answer = served.ask("GET", "/cds-services")

    jsonschema.validate(answer.json, SERVICES)
    (service,) = answer.json["services"]
    assert set(service["prefetch"]) == {"patient", *KEYS}
    assert "_sort" not in json.dumps(service)


def test_one_card_tells_state_and_category(served: Served) -> None:
    """From a whole prefetch the answer is not provisional for its sake."""
    (card,) = cards(served, request())

    assert card["summary"].startswith("AML in remission since 2026-02-10: CR")
    assert "record partial" not in card["detail"]
    assert card["indicator"] == "info"
    assert "suggestions" not in card
    assert [line["server"] for line in served.audited] == ["caller:local"]


def test_every_state_has_an_indicator_and_none_is_a_pop_up() -> None:
    """The table holds the vocabulary, and Oracle shows `critical` as a pop-up."""
    assert set(INDICATORS) == set(load_vocabulary("states"))
    assert set(INDICATORS.values()) == {"info", "warning"}


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


@pytest.mark.parametrize("key", [*KEYS[1:], "all"])
@pytest.mark.parametrize(
    "held", [None, "absent", OUTCOME, "<html>", 123, searchset("x", link=[{"relation": "next"}])]
)
def test_what_is_not_whole_leaves_a_part_of_a_record(served: Served, key: str, held: Any) -> None:
    """A type that is missing, cut off or an error: the card says that it was a part."""
    prefetch = request()["prefetch"]
    for name in KEYS[1:] if key == "all" else (key,):
        if held == "absent":
            del prefetch[name]
        else:
            prefetch[name] = held
    (card,) = cards(served, request(prefetch))
    assert "record partial" in card["detail"]
    assert "provisional" in card["summary"]


@pytest.mark.parametrize(("name", "held"), ODDITIES)
def test_what_the_schema_of_a_request_allows_is_read_and_nothing_else(
    served: Served, name: str, held: Any
) -> None:
    """200 or 412 where the request is one of CDS Hooks 2.0, 400 where it is none."""
    body = request(**{} if held is MISSING else {name: held})
    if held is MISSING:
        del body[name]
    answer = served.ask("POST", SERVICE, body)

    if jsonschema.Draft202012Validator(REQUEST).is_valid(body):
        assert answer.status_code in (200, 412), answer.text
        assert (answer.status_code == 412) == (not body.get("prefetch"))
    else:
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "held",
    [
        *(None, "absent", OUTCOME, "<html>", {"resourceType": "Bundle", "entry": 7}),
        searchset("Observation", link=[{"relation": "next", "url": "x"}]),
        searchset("Observation", total=100),
    ],
)
def test_without_the_results_it_is_412(served: Served, held: Any) -> None:
    """Results that are missing or cut off are never judged."""
    prefetch = request()["prefetch"]
    if held == "absent":
        del prefetch["observations"]
    else:
        prefetch["observations"] = held
    answer = served.ask("POST", SERVICE, request(prefetch))
    assert answer.status_code == 412
    assert "observations" in answer.json["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        request(hook="order-sign"),
        request(hookInstance="1"),
        request(context={"userId": "x"}),
        request(context={"userId": "x", "patientId": "../etc"}),
        request(context={"userId": "x", "patientId": "somebody-else"}),
        request(prefetch=[]),
    ],
)
def test_what_is_no_request_is_400(served: Served, body: Any) -> None:
    """Also where the record is another patient's."""
    assert served.ask("POST", SERVICE, body).status_code == 400


def test_the_record_is_read_from_a_server_of_the_settings(
    serve: Serve, source: EmbeddedServer
) -> None:
    """Without a prefetch, with the caller's token; a server that is not listed is never asked."""
    listed = f'[service.hooks]\nfhir_servers = ["{source.base_url}"]\n'
    served = serve(f'[source]\nrate = "1000/s"\nallow_insecure = true\n{listed}')
    ask = request(
        {},
        fhirServer=source.base_url,
        fhirAuthorization={
            **{"access_token": "secret-of-the-ehr", "token_type": "Bearer", "expires_in": 300},
            **{"scope": "patient/*.read", "subject": "x"},
        },
        context={"userId": "Practitioner/p", "patientId": DEMO},
    )
    assert cards(served, ask)
    searches = [one for one in source.requests if "/Observation" in one.target]
    assert searches
    for one in searches:
        given = {name.lower(): value for name, value in one.headers.items()}
        assert given["authorization"] == "Bearer secret-of-the-ehr"

    asked = len(source.requests)
    for server in (f"{source.base_url}x", "http://127.0.0.1:9/fhir", "http://169.254.169.254"):
        answer = served.ask("POST", SERVICE, {**ask, "fhirServer": server})
        assert answer.status_code == 412
    assert served.ask("POST", SERVICE, {**ask, "fhirAuthorization": None}).status_code == 412
    assert len(source.requests) == asked


def test_a_client_has_a_token_for_each_call(serve: Serve, tmp_path: Path) -> None:
    """Made out to the very address, and good once: a second time is a replay."""
    jwks(tmp_path)
    hooks = '[service.hooks]\nissuer = "https://login.example.org"\njwks_file = "jwks.json"\n'
    served = serve(f'[service]\npublic_url = "{URL}"\n{hooks}')
    once = token(aud=f"{URL}{SERVICE}", jti="1", scope=None)

    assert served.ask("POST", SERVICE, request(), headers=bearer(once)).status_code == 200
    for bad in (
        once,
        token(aud=f"{URL}/cds-services", jti="2"),
        token(aud=URL, jti="3"),
        token(aud=f"{URL}{SERVICE}"),
        token(aud=f"{URL}{SERVICE}", jti="4", exp=int(time.time()) - 100),
    ):
        answer = served.ask("POST", SERVICE, request(), headers=bearer(bad))
        assert answer.status_code == 401
    assert served.ask("GET", "/cds-services").status_code == 401
    found = token(aud=f"{URL}/cds-services", jti="5")
    assert served.ask("GET", "/cds-services", headers=bearer(found)).status_code == 200


def test_pages_of_the_settings_may_call_from_a_browser(serve: Serve, tmp_path: Path) -> None:
    """A preflight needs no token; another page gets no header."""
    jwks(tmp_path)
    hooks = '[service.hooks]\nissuer = "https://login.example.org"\njwks_file = "jwks.json"\n'
    served = serve(f'{hooks}origins = ["https://ehr.example.org"]\n')
    good = served.ask("OPTIONS", SERVICE, headers={"Origin": "https://ehr.example.org"})
    evil = served.ask("OPTIONS", SERVICE, headers={"Origin": "https://evil.example"})

    assert good.status_code == 204
    assert good.headers["access-control-allow-origin"] == "https://ehr.example.org"
    assert evil.status_code == 401
    assert "access-control-allow-origin" not in evil.headers


def test_feedback_is_taken(served: Served) -> None:
    """Accepted or overridden; what a user wrote is in no log."""
    given = {"feedback": [{"card": str(uuid.uuid4()), "outcome": "accepted"}]}
    assert served.ask("POST", f"{SERVICE}/feedback", given).status_code == 200
    for bad in ({"feedback": [{"card": "x", "outcome": "odd"}]}, {}, []):
        assert served.ask("POST", f"{SERVICE}/feedback", bad).status_code == 400


def test_a_signed_link_opens_the_page_for_ten_minutes(
    serve: Serve, source: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds no id; made up, changed or too old it opens nothing, and without a login."""
    source_of = SOURCE.format(base=source.base_url)
    served = serve(f'{source_of}[service]\npublic_url = "{URL}"\n')
    link = pages.Pages(served.site).signed(DEMO)

    assert DEMO not in link
    page = served.ask("GET", link)
    assert page.status_code == 200, page.text
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert served.audited[-1]["server"] == "caller:signed-link"
    assert served.ask("GET", f"/patients/{DEMO}").status_code == 200
    assert served.ask("GET", link[:-3] + "abc").status_code == 404
    monkeypatch.setattr(pages, "LASTING", -1)
    assert served.ask("GET", link).status_code == 404
