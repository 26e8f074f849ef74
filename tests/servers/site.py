"""A site for tests: its settings in a folder, the demo cohort under ids of its own, and runs."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal.cohort.cohort import demo_cohort, transactions
from tests.servers.rest import Rest

AS_OF = "2026-10-01T12:00:00Z"
SETTINGS = """\
[site]
id = "test-{mark}"
timezone = "Europe/Berlin"
[source]
base_url = "{base_url}"
rate = "1000/s"
[cohort]
kind = "group"
group = "{mark}-cohort"
[sink.main]
kind = "repository"
"""
Line = dict[str, Any]


@dataclass
class Ran:
    """How one run ended."""

    code: int
    lines: list[Line]
    stderr: str
    summary: dict[str, Any] = field(default_factory=dict)

    def line(self, patient: str) -> Line:
        """The line of one patient."""
        (found,) = [line for line in self.lines if line["patient"].endswith(patient)]
        return found

    def written(self, how: str) -> list[str]:
        """The patients whose line says so."""
        return [line["patient"] for line in self.lines if line["write"] == how]


class Site:
    """One site at one server; `sync` runs the real command in a process of its own."""

    def __init__(self, rest: Rest, folder: Path, *, name: str = "") -> None:
        self.rest, self.folder = rest, folder
        folder.mkdir(exist_ok=True)
        self.config = folder / "site.toml"
        new_site_key(folder / "site.key")
        text = SETTINGS.format(mark=rest.mark, base_url=rest.base_url)
        self.config.write_text(text.replace(f"test-{rest.mark}", name) if name else text)

    def renamed(self, resource: dict[str, Any]) -> dict[str, Any]:
        """A resource of the demo under ids of this test."""
        renamed: dict[str, Any] = json.loads(
            json.dumps(resource).replace("demo-", f"{self.rest.mark}-")
        )
        return renamed

    def load(self, resources: list[dict[str, Any]] | None = None) -> None:
        """Put resources on the server, versions in order."""
        found = [self.renamed(r) for r in (demo_cohort() if resources is None else resources)]
        for bundle in transactions(found, size=200):
            answer = self.rest.ask("POST", "", body=bundle)
            assert answer.status_code == 200, answer.text[:2000]

    def command(self, *arguments: str) -> list[str]:
        """The command line of one run."""
        return [
            *(sys.executable, "-m", "fhir_remission", "sync", "--config", str(self.config)),
            *("--as-of", AS_OF, "--write-as-of", "--summary", str(self.folder / "summary.json")),
            *arguments,
        ]

    def sync(self, *arguments: str, expect: int | None = 0) -> Ran:
        """Run once to its end."""
        (self.folder / "summary.json").unlink(missing_ok=True)
        done = subprocess.run(
            self.command(*arguments),
            check=False,
            capture_output=True,
            timeout=300,
            env=_environment(),
        )
        ran = Ran(
            done.returncode,
            [json.loads(line) for line in done.stdout.splitlines()],
            done.stderr.decode(),
        )
        if (self.folder / "summary.json").exists():
            ran.summary = json.loads((self.folder / "summary.json").read_text())
        assert expect is None or ran.code == expect, ran.stderr[-3000:]
        return ran

    def ours(self) -> dict[str, dict[str, Any]]:
        """All that we wrote about this test's patients, by reference, as it stands."""
        system = "https://w3id.org/fhir-remission/id/assessment"
        found: dict[str, dict[str, Any]] = {}
        for kind in ("ClinicalImpression", "Observation"):
            # HAPI finds nothing by system alone until it is indexed; the group's patients do.
            for patient in self.patients():
                asked = {"patient": patient, "_count": "50"}
                first = self.rest.ask(
                    "GET", kind, params=asked, headers={"Cache-Control": "no-cache"}
                ).json()
                for page in self.rest.pages(first):
                    for entry in page.get("entry", []):
                        resource = entry["resource"]
                        if any(i.get("system") == system for i in resource.get("identifier", [])):
                            found[f"{kind}/{resource['id']}"] = resource
        return found

    def patients(self) -> list[str]:
        """The ids of this test's patients."""
        group = self.rest.ask("GET", f"Group/{self.rest.mark}-cohort").json()
        return [m["entity"]["reference"].partition("/")[2] for m in group["member"]]


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("FHIR_REMISSION__")}
