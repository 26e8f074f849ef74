"""deploy/engines/camel: its routes on Camel, against the service and an embedded FHIR server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from tests.engines.conftest import CANARY, COMMAND, RECORD
from tests.engines.packages import DEPLOY, maven
from tests.engines.running import Hesitant, engine, free_port, until
from tests.service.conftest import case

pytestmark = pytest.mark.server
CAMEL = DEPLOY / "camel"


class Camel(NamedTuple):
    """Where it listens, and the folder of its files."""

    port: int
    folder: Path
    server: EmbeddedServer

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """A record to the route of the operation."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/fhir+json", "X-Patient-Name": CANARY}
        connection.request("POST", "/records", body, headers)
        answer = connection.getresponse()
        said = answer.status, answer.read()
        connection.close()
        return said

    def put(self, folder: str, name: str, text: str) -> None:
        """A file, whole at once, as an engine wants it."""
        place = self.folder / "data" / folder
        until(place.is_dir)
        (place / f".{name}").write_text(text)
        (place / f".{name}").rename(place / name)


@pytest.fixture(scope="module")
def camel(service: Hesitant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camel]:
    """Camel with the routes and the properties of the folder, and what differs here."""
    folder, port = tmp_path_factory.mktemp("camel"), free_port()
    new_site_key(folder / "site.key")
    (folder / "site.toml").write_text('[site]\nid = "st-e"\n')
    for name in ("records", "bundles"):
        (folder / "data" / name).mkdir(parents=True)
    patients = [one for one in demo_cohort() if one["resourceType"] != "Group"]
    with EmbeddedServer(resources=patients) as server:
        ours = {
            "remission.listen": f"127.0.0.1:{port}",
            "remission.url": service.url,
            "remission.command": COMMAND,
            "remission.tries": "2",
            "remission.pause": "50",
            "fhir.url": server.base_url,
        }
        path = f"{maven('camel', CAMEL / 'pom.xml')}:{CAMEL}"
        command = ["java", "-cp", path, "-XX:TieredStopAtLevel=1"]
        command += [f"-D{name}={value}" for name, value in ours.items()]
        with engine([*command, "org.apache.camel.main.Main"], folder, port):
            yield Camel(port, folder, server)


def test_a_record_is_answered(camel: Camel, service: Hesitant, expected: bytes) -> None:
    """The line of the judge, byte for byte; no header of the caller's went on."""
    service.begin(0)
    assert camel.ask(RECORD) == (200, expected)
    assert CANARY not in str(service.headers)
    assert service.headers["Content-Type"] == "application/fhir+json"


def test_what_can_succeed_later_is_asked_again(
    camel: Camel, service: Hesitant, expected: bytes
) -> None:
    """Two refusals with 503, and then the answer."""
    service.begin(2)
    assert camel.ask(RECORD) == (200, expected)
    assert service.asked == {503: 2, 200: 1}


def test_not_for_ever(camel: Camel, service: Hesitant) -> None:
    """After so many tries the 503 goes back to whoever asked."""
    service.begin(1000)
    status, body = camel.ask(RECORD)
    assert (status, json.loads(body)["resourceType"]) == (503, "OperationOutcome")
    assert service.asked == {503: 3}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"resourceType":"Account"}', 422)])
def test_what_stays_wrong_is_asked_once(
    camel: Camel, service: Hesitant, body: bytes, status: int
) -> None:
    """The refusal goes back as it is."""
    service.begin(0)
    answered, said = camel.ask(body)
    assert (answered, json.loads(said)["resourceType"]) == (status, "OperationOutcome")
    assert service.asked == {status: 1}


def test_lines_in_lines_out(camel: Camel) -> None:
    """NDJSON of all patients of the demo: one process, a line for each."""
    resources = [one for one in demo_cohort() if one["resourceType"] != "Group"]
    patients = {one["id"] for one in resources if one["resourceType"] == "Patient"}
    camel.put("records", "all.ndjson", "".join(f"{json.dumps(one)}\n" for one in resources))
    out = camel.folder / "data/assessments/all.ndjson"
    until(lambda: out.is_file() and out.read_text().endswith("\n"))

    told = {json.loads(line)["patient"] for line in out.read_text().splitlines()}
    assert told == {f"Patient/{one}" for one in patients}


def test_what_is_no_input_is_put_aside(camel: Camel) -> None:
    """A file that cannot be read lies among the failed, and nothing was made of it."""
    camel.put("records", "broken.ndjson", "no JSON\n")
    until((camel.folder / "data/failed/broken.ndjson").is_file)
    assert not (camel.folder / "data/assessments/broken.ndjson").exists()


def test_a_file_becomes_resources_on_the_server(camel: Camel) -> None:
    """A Bundle in, our results on the server; the same file again makes no second one."""
    record = case("complete-remission")
    for name in ("first.json", "second.json"):
        camel.put("bundles", name, json.dumps(record))
        until((camel.folder / "data/posted" / name).is_file)

    asked = [json.loads(one.body) for one in camel.server.requests.unsafe if one.body]
    kinds = {entry["resource"]["resourceType"] for one in asked for entry in one["entry"]}
    assert {"ClinicalImpression", "Observation"} <= kinds
    url = f"{camel.server.base_url}/ClinicalImpression?subject=Patient/frida"
    assert len(requests.get(url, timeout=10).json()["entry"]) == 1
