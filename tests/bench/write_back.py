"""What write-back costs: first run, idle run, one percent changed, beside posting everything.

`python -m tests.bench.write_back --patients 1000` prints one line per run and way: requests and
bytes counted at the embedded server; the naive way posts every result in every run, afterwards.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort

AS_OF = "2026-10-01T12:00:00Z"
SETTINGS = """\
[site]
id = "bench"
[source]
base_url = "{base_url}"
rate = "100000/s"
[cohort]
kind = "list"
[sink.main]
kind = "repository"
[log]
level = "error"
"""
OURS = "https://w3id.org/fhir-remission/id/assessment"


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    count: int = parser.parse_args().patients
    logging.disable(logging.CRITICAL)
    cohort = bulk_cohort(count, 10)
    print("way      run       requests  unsafe  read back    KiB up  KiB down  standing  seconds")
    with tempfile.TemporaryDirectory() as place, EmbeddedServer(resources=cohort) as server:
        config = _site(Path(place), server.base_url, count)
        _measured("ours", "first", server, lambda: _run(config))
        _measured("ours", "idle", server, lambda: _run(config))
        _change(server, max(1, count // 100))
        _measured("ours", "1 %", server, lambda: _run(config))
        results = _results(server)
        for run in ("first", "idle", "1 %"):
            _measured("naive", run, server, lambda: _post_all(server, results))
    return 0


def _measured(way: str, run: str, server: EmbeddedServer, job: Callable[[], None]) -> None:
    before, standing = len(server.requests), len(_results(server))
    began = time.perf_counter()
    job()
    took = time.perf_counter() - began
    asked = server.requests[before:]
    up, down = sum(len(a.body) for a in asked), sum(a.sent for a in asked)
    kinds = Counter("unsafe" if a.unsafe else _kind(a.target, a.body) for a in asked)
    standing = len(_results(server)) - (standing if way == "naive" else 0)
    print(
        f"{way:8} {run:8} {len(asked):9} {kinds['unsafe']:7} {kinds['back']:10} "
        f"{up // 1024:9} {down // 1024:9} {standing:9} {took:8.1f}",
        flush=True,
    )


def _kind(target: str, body: bytes) -> str:
    path = target.partition("?")[0]
    ours = "/ClinicalImpression" in path or b"88040-1" in body or "88040-1" in target
    by_id = "/Observation/" in path and "_search" not in path
    return "back" if ours or by_id else "evidence"


def _site(folder: Path, base_url: str, count: int) -> Path:
    config = folder / "site.toml"
    config.write_text(SETTINGS.format(base_url=base_url))
    names = [f"bulk-{number:05d}" for number in range(1, count + 1)]
    (folder / "cohort.csv").write_text("patient\n" + "\n".join(names) + "\n")
    new_site_key(folder / "site.key")
    return config


def _run(config: Path) -> None:
    with open_run(Request(config=config, as_of=AS_OF, write_as_of=True)) as run:
        for _ in run.lines():
            pass
        assert run.exit_code == 0, run.exit_code


def _change(server: EmbeddedServer, patients: int) -> None:
    """The laboratory corrects the last platelets of some patients."""
    for number in range(1, patients + 1):
        mine = [
            r
            for r in server.store.resources("Observation")
            if r["id"].startswith(f"bulk-{number:05d}-") and r["id"].endswith("-platelets")
        ]
        last = mine[-1]
        server.store.put({**last, "valueQuantity": {**last["valueQuantity"], "value": 33}})


def _results(server: EmbeddedServer) -> list[dict[str, Any]]:
    kinds = ("ClinicalImpression", "Observation")
    found = [r for kind in kinds for r in server.store.resources(kind)]
    return [r for r in found if any(i.get("system") == OURS for i in r.get("identifier", []))]


def _post_all(server: EmbeddedServer, results: list[dict[str, Any]]) -> None:
    """What most scripts do: every result, every time."""
    with requests.Session() as session:
        session.trust_env = False
        for result in results:
            body = {name: value for name, value in result.items() if name not in ("id", "meta")}
            url = f"{server.base_url}/{result['resourceType']}"
            kind = {"Content-Type": "application/fhir+json"}
            assert session.post(url, data=json.dumps(body), headers=kind).status_code == 201


if __name__ == "__main__":
    raise SystemExit(main())
