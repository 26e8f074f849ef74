"""deploy/engines/node-red: its flow on Node-RED, against the service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from tests.engines.conftest import CANARY, COMMAND, RECORD
from tests.engines.packages import DEPLOY, node_red
from tests.engines.running import Hesitant, engine, free_port, until

pytestmark = pytest.mark.server
FLOW = DEPLOY / "node-red/flow.json"


class NodeRed(NamedTuple):
    """Where it listens, its log, and where it puts files."""

    url: str
    log: Path
    spool: Path

    def ask(self, body: bytes, path: str = "/records") -> requests.Response:
        """A body to one of its addresses."""
        headers = {"Content-Type": "application/fhir+json", "X-Patient-Name": CANARY}
        return requests.post(f"{self.url}{path}", body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def flow(service: Hesitant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRed]:
    """Node-RED with the flow as it stands in the folder."""
    folder, port = tmp_path_factory.mktemp("node-red"), free_port()
    spool = folder / "spool"
    spool.mkdir()
    (folder / "settings.js").write_text(
        'module.exports = {uiHost: "127.0.0.1", httpAdminRoot: false, '
        f"uiPort: {port}, telemetry: {{enabled: false}}}};\n"
    )
    (folder / "flow.json").write_text(FLOW.read_text())
    command = ["node", node_red(), "--userDir", str(folder), "--settings", "settings.js"]
    given = {
        "REMISSION_URL": service.url,
        "REMISSION_TRIES": "2",
        "REMISSION_PAUSE": "50",
        "REMISSION_FOLDER": str(spool),
        "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
    }
    with engine([*command, "flow.json"], folder, port, **given) as log:
        until(lambda: "Started flows" in log.read_text())
        yield NodeRed(f"http://127.0.0.1:{port}", log, spool)


def test_a_record_is_answered(flow: NodeRed, service: Hesitant, expected: bytes) -> None:
    """The line of the judge, byte for byte; no header of the caller's went on."""
    service.begin(0)
    answer = flow.ask(RECORD)
    assert (answer.status_code, answer.content) == (200, expected)
    assert answer.headers["Content-Type"].startswith("application/vnd.fhir-remission+json")
    assert CANARY not in str(service.headers)


def test_what_can_succeed_later_is_asked_again(
    flow: NodeRed, service: Hesitant, expected: bytes
) -> None:
    """Two refusals with 503, and then the answer to the same body."""
    service.begin(2)
    answer = flow.ask(RECORD)
    assert (answer.status_code, answer.content) == (200, expected)
    assert service.asked == {503: 2, 200: 1}


def test_not_for_ever(flow: NodeRed, service: Hesitant) -> None:
    """After so many tries the 503 goes back to whoever asked."""
    service.begin(1000)
    answer = flow.ask(RECORD)
    assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
    assert service.asked == {503: 3}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"resourceType":"Account"}', 422)])
def test_what_stays_wrong_is_asked_once(
    flow: NodeRed, service: Hesitant, body: bytes, status: int
) -> None:
    """The refusal goes back as it is."""
    service.begin(0)
    answer = flow.ask(body)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")
    assert service.asked == {status: 1}


def test_lines_in_lines_out(flow: NodeRed) -> None:
    """NDJSON of all patients of the demo through one process; no file of it stays."""
    resources = [one for one in demo_cohort() if one["resourceType"] != "Group"]
    patients = {one["id"] for one in resources if one["resourceType"] == "Patient"}
    answer = flow.ask("".join(f"{json.dumps(one)}\n" for one in resources).encode(), "/lines")

    told = {json.loads(line)["patient"] for line in answer.text.splitlines()}
    assert (answer.status_code, told) == (200, {f"Patient/{one}" for one in patients})
    assert flow.ask(b"no JSON\n", "/lines").status_code == 422
    until(lambda: not list(flow.spool.iterdir()))
