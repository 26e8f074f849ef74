"""A site that is served without a socket, and what stands in the cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

falcon_testing = pytest.importorskip("falcon.testing")

from fhir_remission.effects.files.site_key import new_site_key  # noqa: E402
from fhir_remission.rehearsal import EmbeddedServer  # noqa: E402
from fhir_remission.rehearsal.cohort.cohort import demo_cohort  # noqa: E402
from fhir_remission.service.answering.site import ServedSite  # noqa: E402
from fhir_remission.service.running.app import application  # noqa: E402

CASES = Path(__file__).parents[2] / "fixtures/cases"
OPERATION = "/$classify-remission"
SOURCE = '[source]\nbase_url = "{base}"\nallow_insecure = true\nrate = "1000/s"\n'
DEMO = min(one["id"] for one in demo_cohort() if one["resourceType"] == "Patient")


class Served:
    """A client of the application, and the folder of its site."""

    def __init__(
        self, folder: Path, site: ServedSite, *, openhim: bool = False, **defaults: Any
    ) -> None:
        self.folder, self.site = folder, site
        self._client = falcon_testing.TestClient(application(site, openhim=openhim))
        self._defaults = defaults

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> Any:
        """One request; what is not bytes goes out as JSON."""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/fhir+json", **(headers or {})}
        given = {name: value for name, value in given.items() if value != "(none)"}
        return self._client.simulate_request(
            method,
            path,
            body=sent,
            headers=given,
            query_string=query,
            host="127.0.0.1",
            remote_addr="127.0.0.1",
            **self._defaults,
        )

    @property
    def audited(self) -> list[dict[str, Any]]:
        """The lines of the access audit."""
        text = (self.folder / "audit.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve a site with these lines in its settings."""

    def start(settings: str = "", **defaults: Any) -> Served:
        if not (tmp_path / "site.key").exists():
            new_site_key(tmp_path / "site.key")
        config = tmp_path / "site.toml"
        config.write_text(f'[site]\nid = "st-e"\ntimezone = "Europe/Berlin"\n{settings}')
        return Served(tmp_path, ServedSite(config), **defaults)

    return start


@pytest.fixture
def served(serve: Serve) -> Served:
    """A site with nothing but its name."""
    return serve()


@pytest.fixture
def source() -> Iterator[EmbeddedServer]:
    """A FHIR server with the demo's patients."""
    with EmbeddedServer(resources=demo_cohort()) as server:
        yield server


def case(name: str) -> dict[str, Any]:
    """The Bundle of a case."""
    found: dict[str, Any] = json.loads((CASES / name / "bundle.json").read_text())
    return found


def parameters(resource: Any = None, **given: Any) -> dict[str, Any]:
    """Parameters with a record and these values."""
    kinds = {"asOf": "valueDateTime", "history": "valueBoolean", "write": "valueBoolean"}
    listed: list[dict[str, Any]] = [
        {"name": name, kinds.get(name, "valueCode"): one}
        for name, value in given.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    if resource is not None:
        listed.append({"name": "bundle", "resource": resource})
    return {"resourceType": "Parameters", "parameter": listed}


def named(answer: Any, name: str) -> list[Any]:
    """What an answer holds under a name."""
    found = [one for one in answer.json["parameter"] if one["name"] == name]
    return [one.get("resource") or json.loads(one["valueString"]) for one in found]
