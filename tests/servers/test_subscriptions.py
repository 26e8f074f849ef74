"""Subscriptions end to end: a result changes on HAPI, it calls us, and our result changes.

Run with FHIR_REMISSION_SUBSCRIPTIONS=1 (`make lane-service`): a HAPI of its own that notifies. The
woken run speaks for now, so the machine's clock has to be later than the demo's courses.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli.main import main
from fhir_remission.jobs.site import doctor
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.engines.running import free_port, until
from tests.servers import hapi_server
from tests.servers.rest import Rest
from tests.servers.site import Site
from tests.service.process import Process

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
if os.environ.get("FHIR_REMISSION_SUBSCRIPTIONS") != "1":
    pytest.skip("FHIR_REMISSION_SUBSCRIPTIONS is not 1", allow_module_level=True)
SUBSCRIPTIONS = """\
[service.subscriptions]
url = "http://127.0.0.1:{port}/notify"
secret_file = "notify.secret"
"""


@pytest.fixture
def notifying() -> Iterator[Rest]:
    """A real HAPI that calls the addresses of Subscriptions."""
    with hapi_server.running(notifying=True) as base_url, Rest(base_url, mark="wake") as rest:
        yield rest


@pytest.fixture
def woken(notifying: Rest, tmp_path: Path) -> Iterator[tuple[Site, Process]]:
    """A site that has run once, with Subscriptions that are active, and a service that waits."""
    site, port = Site(notifying, tmp_path), free_port()
    site.load()
    (tmp_path / "notify.secret").write_text("s" * 40)
    _, _, settings = site.config.read_text().split("\n", 2)
    running = Process(
        tmp_path,
        settings + SUBSCRIPTIONS.format(port=port),
        *("--port", str(port), "--sync"),
    )
    config = str(site.config)
    try:
        assert main(["sync", "--config", config]) == 0
        assert main(["subscribe", "--config", config]) == 0
        yield site, running
    finally:
        assert main(["subscribe", "--config", config, "--remove"]) == 0
        assert running.stop() == 0


def told_by_doctor(site: Site) -> set[str]:
    """What it says of the Subscriptions."""
    found = doctor.examine(doctor.Request(site.config))
    return {one.says for one in found if one.check.startswith("subscription")}


def impressions(site: Site) -> dict[str, dict[str, Any]]:
    """Our assessments, by reference."""
    return {name: one for name, one in site.ours().items() if name.startswith("Clinical")}


def test_a_result_on_the_server_changes_ours(woken: tuple[Site, Process]) -> None:
    """The server calls, `serve --sync` reads and writes; whoever has no secret wakes nobody."""
    site, running = woken
    until(lambda: told_by_doctor(site) == {"active"}, 90)
    stood = impressions(site)

    status, _ = running.ask("POST", "/notify", b"", Authorization="Bearer wrong")
    time.sleep(2)
    assert status == 401
    assert '"woken_run"' not in running.errors.read_text()

    site.load([amendment()])

    until(lambda: impressions(site) != stood, 120)
    now = impressions(site)
    changed = [one for name, one in now.items() if one != stood.get(name)]
    (ours,) = {one["subject"]["reference"] for one in changed}
    assert ours.endswith("18-amended")
    assert "CRh" in json.dumps(changed)
    until(lambda: '"woken_run"' in running.errors.read_text(), 60)
    assert '"route": "/notify"' in running.errors.read_text()
