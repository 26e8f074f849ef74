"""What a released version leaves on a server and in its state, kept for newer ones to read.

    git archive v0.1.0 fhir_remission mappings | tar -x -C OLD
    PYTHONPATH=OLD python tests/upgrade/record.py fixtures/upgrade/0.1.0

Nothing of this file imports the tests: it runs against any version that has these two names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.rehearsal.server.personas import load_persona
from fhir_remission.rehearsal.server.service import Service

AS_OF = "2026-10-01T12:00:00Z"
KEY = "fhir-remission-key-1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
PATIENTS = ("demo-01-cr", "demo-18-amended")
# Servers that take our ids; that give their own; that keep neither identifiers nor notes of type.
SERVERS: dict[str, dict[str, Any]] = {
    "put": {"persona": "generic", "habits": {}, "kind": "repository"},
    "server-ids": {
        "persona": "generic",
        "habits": {
            **{"transaction": False, "batch": False, "update_create": False},
            **{"conditional_update": False, "conditional_create": False},
        },
        "kind": "repository",
    },
    "oracle": {"persona": "oracle", "habits": {}, "kind": "ehr-observation"},
}
SETTINGS = """\
[site]
id = "{site}"
timezone = "Europe/Berlin"
[source]
base_url = "{base_url}"
rate = "100000/s"
[cohort]
kind = "list"
[sink.main]
kind = "{kind}"
signer = "Practitioner/p1"
[write]
max_changed_share = "1"
[log]
level = "error"
"""


def resources() -> list[dict[str, Any]]:
    """All of the demo's resources about the patients."""
    wanted = {f"Patient/{name}" for name in PATIENTS}
    return [
        resource
        for resource in demo_cohort()
        if resource["id"] in PATIENTS or resource.get("subject", {}).get("reference", "") in wanted
    ]


def run(folder: Path, *arguments: str) -> bytes:
    """One command of that version; returns what it printed."""
    command = [sys.executable, "-m", "fhir_remission", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def record(name: str, out: Path, site: str = "crash") -> None:
    """One run of `sync` on one kind of server: its content, the state, and what it was run with."""
    chosen = SERVERS[name]
    with tempfile.TemporaryDirectory() as place, EmbeddedServer() as server:
        persona = msgspec.structs.replace(load_persona(chosen["persona"]), **chosen["habits"])
        server.service = Service(
            server.store, persona, base_url=server.base_url, now=lambda: datetime.now(UTC)
        )
        server.store.load(resources())
        folder = Path(place)
        text = SETTINGS.format(site=site, base_url=server.base_url, kind=chosen["kind"])
        (folder / "site.toml").write_text(text)
        (folder / "site.key").write_text(KEY)
        (folder / "cohort.csv").write_text("patient\n" + "\n".join(PATIENTS) + "\n")
        run(folder, "sync", "--config", "site.toml", "--as-of", AS_OF)
        kept = run(folder, "state", "export", "--config", "site.toml")
        found = {
            **{"site": site, "base_url": server.base_url, **chosen},
            "resources": [v.resource for v in server.store.log if v.resource],
            "state": [json.loads(line) for line in kept.splitlines()],
            "results": [json.loads(line) for line in (folder / "results.ndjson").open()],
        }
    lines = msgspec.json.encode(found)
    out.write_bytes(msgspec.json.format(lines, indent=1) + b"\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    for one in SERVERS:
        record(one, target / f"{one}.json")
