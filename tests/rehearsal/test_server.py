"""The embedded server beyond the contract: what only tests and rehearsals see of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import requests

from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.server.dates import date_filter, span
from fhir_remission.rehearsal.server.replies import Refused

LOINC = "http://loinc.org"


def observation(name: str, **fields: Any) -> dict[str, Any]:
    """Build an Observation."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "751-8"}]},
        "subject": {"reference": "Patient/p1"},
    } | fields


def transaction(*entries: dict[str, Any]) -> str:
    """Write a transaction Bundle."""
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def put(resource: dict[str, Any]) -> dict[str, Any]:
    """Build an entry that updates."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


def test_requests_are_counted() -> None:
    """Tests can tell reads, searches by POST and writes apart, and count bytes."""
    with EmbeddedServer(resources=[observation("o1")]) as server:
        requests.get(f"{server.base_url}/Observation/o1", timeout=10)
        requests.post(f"{server.base_url}/Observation/_search", data={"code": "x"}, timeout=10)
        body = json.dumps(observation("o2"))
        requests.put(f"{server.base_url}/Observation/o2", data=body, timeout=10)

        assert server.requests.methods == {"GET": 1, "POST": 1, "PUT": 1}
        assert [asked.target for asked in server.requests.unsafe] == ["/fhir/Observation/o2"]
        assert server.requests.received == len("code=x") + len(body)
        assert server.requests.sent > 100


def test_resources_given_twice_are_versions() -> None:
    """An id that comes again is the next version."""
    with EmbeddedServer(
        resources=[observation("o1"), observation("o1", status="amended")]
    ) as server:
        numbers = [version.number for version in server.store.versions("Observation", "o1")]

    assert numbers == [1, 2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "Banana/1", "", 404),
        ("GET", "Banana?x=1", "", 404),
        ("PATCH", "Observation/o1", "{}", 405),
        ("DELETE", "Observation", "", 405),
        ("GET", "Observation/o1/x/y", "", 404),
        ("PUT", "Observation/o1", "[]", 400),
        ("PUT", "Observation/o1", '{"resourceType":"Patient","id":"o1"}', 400),
        ("PUT", "Observation/a_b", '{"resourceType":"Observation","id":"a_b"}', 400),
        ("POST", "", '{"resourceType":"Bundle","type":"collection"}', 400),
        ("POST", "", "[" * 100_000, 400),
        ("GET", "Observation?patient.identifier=x", "", 400),
        ("GET", "Observation?date=tomorrow", "", 400),
        ("GET", "Observation?_sort=colour", "", 400),
        ("GET", "Observation?_count=many", "", 400),
        ("GET", "Observation?code:text=x", "", 400),
        ("GET", "?_getpages=made-up", "", 410),
    ],
)
def test_bad_requests_get_an_outcome(method: str, path: str, body: str, status: int) -> None:
    """Nothing a client sends is answered without an OperationOutcome."""
    with EmbeddedServer(resources=[observation("o1")]) as server:
        url = f"{server.base_url}/{path}".rstrip("/")
        answer = requests.request(method, url, data=body, timeout=10)

    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


def test_a_path_outside_the_base_is_404() -> None:
    """Only what is below the base is FHIR."""
    with EmbeddedServer() as server:
        root = server.base_url.removesuffix("/fhir")

        assert requests.get(f"{root}/fhirx/metadata", timeout=10).status_code == 404


def test_decimals_keep_their_digits() -> None:
    """1.10 is stored and sent as 1.10."""
    text = json.dumps(observation("o1", valueQuantity={"value": 0})).replace("0}", "1.10}")
    with EmbeddedServer() as server:
        requests.put(f"{server.base_url}/Observation/o1", data=text, timeout=10)
        read = requests.get(f"{server.base_url}/Observation/o1", timeout=10)
        stored = server.store.resource("Observation", "o1")

    assert '"value":1.10' in read.text
    assert stored is not None
    assert str(stored["valueQuantity"]["value"]) == "1.10"
    assert isinstance(stored["valueQuantity"]["value"], Decimal)


def test_pages_are_a_snapshot() -> None:
    """What is written between two pages does not move them."""
    rows = [observation(f"o{number}") for number in range(4)]
    with EmbeddedServer(resources=rows) as server:
        first = requests.get(f"{server.base_url}/Observation?_count=2", timeout=10).json()
        server.store.put(observation("o0", status="amended"))
        server.store.delete("Observation", "o3")
        url = {link["relation"]: link["url"] for link in first["link"]}["next"]
        second = requests.get(url, timeout=10).json()

    assert [entry["resource"]["id"] for entry in second["entry"]] == ["o2", "o3"]


def test_ignored_parameters_are_not_in_self() -> None:
    """The self link shows what was used, so a client can see what was not."""
    with EmbeddedServer() as server:
        url = f"{server.base_url}/Observation?patient=p1&no-such=1"
        bundle = requests.get(url, timeout=10).json()

    assert bundle["link"][0]["url"] == f"{server.base_url}/Observation?patient=p1"


def test_return_minimal_has_no_body() -> None:
    """`Prefer: return=minimal` answers with headers."""
    with EmbeddedServer() as server:
        headers = {"Prefer": "return=minimal"}
        url = f"{server.base_url}/Observation/o1"
        answer = requests.put(url, json=observation("o1"), headers=headers, timeout=10)

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (201, b"", 'W/"1"')


@pytest.mark.parametrize(
    "entries",
    [
        [put(observation("new")), put(observation("new"))],
        [put(observation("new")), {"request": {"method": "PUT", "url": "Observation/x"}}],
        [put(observation("new")), {"resource": observation("x")}],
        [put(observation("new")), put({"resourceType": "Banana", "id": "1"})],
        [
            put(observation("new")),
            {"request": {"method": "GET", "url": "Observation/nobody"}},
        ],
        [put(observation("new", subject={"reference": "Patient?identifier=s|nobody"}))],
    ],
    ids=["twice", "no-resource", "no-request", "unknown-type", "read-of-nothing", "no-match"],
)
def test_transaction_leaves_no_trace(entries: list[dict[str, Any]]) -> None:
    """Whatever is wrong with an entry, nothing of the transaction stays."""
    with EmbeddedServer(resources=[observation("o1")]) as server:
        before = list(server.store.log)
        answer = requests.post(server.base_url, data=transaction(*entries), timeout=10)

        assert 400 <= answer.status_code < 500
        assert server.store.log == before
        assert server.store.current("Observation", "new") is None


def test_rollback_restores_the_index() -> None:
    """After a rollback searches find what they found before."""
    moved = observation("o1", subject={"reference": "Patient/p2"})
    with EmbeddedServer(resources=[observation("o1")]) as server:
        bad = {"request": {"method": "GET", "url": "Observation/nobody"}}
        requests.post(server.base_url, data=transaction(put(moved), bad), timeout=10)
        found = [
            requests.get(f"{server.base_url}/Observation?patient={name}", timeout=10).json()[
                "total"
            ]
            for name in ("p1", "p2")
        ]

    assert found == [1, 0]


def test_conditional_creates_at_once_make_one() -> None:
    """Of many callers at the same moment one creates, the others are told what is there."""
    body = {field: value for field, value in observation("").items() if field != "id"}
    body["identifier"] = [{"system": "urn:test", "value": "x"}]
    headers = {"If-None-Exist": "identifier=urn:test|x"}
    with EmbeddedServer() as server, ThreadPoolExecutor(8) as pool:
        url = f"{server.base_url}/Observation"

        def create(_: int) -> int:
            return requests.post(url, json=body, headers=headers, timeout=10).status_code

        statuses = sorted(pool.map(create, range(16)))

    assert statuses == [200] * 15 + [201]


def test_login_checks_the_assertion() -> None:
    """Without a token 401; a made-up assertion is refused; metadata needs none."""
    with EmbeddedServer(auth=True) as server:
        url = server.base_url
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "not.a.jwt",
        }
        statuses = [
            requests.get(f"{url}/Observation", timeout=10).status_code,
            requests.get(f"{url}/metadata", timeout=10).status_code,
            requests.post(f"{url}/token", data=form, timeout=10).status_code,
        ]
        smart = requests.get(f"{url}/.well-known/smart-configuration", timeout=10).json()

    assert statuses == [401, 200, 400]
    assert smart["token_endpoint"] == f"{url}/token"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2026", 31_536_000),
        ("2026-02", 2_419_200),
        ("2026-12", 2_678_400),
        ("2026-03-12", 86_400),
        ("2026-03-12T08:00+01:00", 60),
        ("2026-03-12T08:00:00Z", 1),
    ],
)
def test_a_date_is_as_long_as_its_precision(text: str, length: int) -> None:
    """A year is a year, a second is a second."""
    found = span(text)

    assert found is not None
    assert round((found[1] - found[0]).total_seconds()) == length


@pytest.mark.parametrize(
    ("asked", "has", "expected"),
    [
        ("2026-03", "2026-03-12", True),
        ("2026-03-12", "2026-03", False),
        ("ne2026-03-12", "2026-03", True),
        ("gt2026-03-12", "2026-03", True),
        ("sa2026-03-12", "2026-03", False),
        ("lt2026-03-12", "2026-03-12T08:00:00Z", False),
        ("le2026-03-12", "2026-03-12T08:00:00Z", True),
        ("eb2026-03-12", "2026-03-11T23:59:59Z", True),
        ("ge2026-03-12", "nonsense", False),
    ],
)
def test_date_prefixes(asked: str, has: str, expected: bool) -> None:
    """Prefixes compare ranges as https://hl7.org/fhir/R4/search.html#prefix says."""
    assert date_filter(asked)(has) is expected


def test_a_period_without_end_reaches_on() -> None:
    """An open Period lies after every date that follows its start."""
    assert date_filter("ge2030")({"start": "2026-03-12"})
    assert not date_filter("lt2026")({"start": "2026-03-12"})


def test_an_unknown_prefix_is_refused() -> None:
    """`ap` is not played: better an error than a guess."""
    with pytest.raises(Refused):
        date_filter("ap2026")
