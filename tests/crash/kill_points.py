"""A real process, really killed: SIGKILL before or after an effect, named, with its pid.

`python -m tests.crash.kill_points` plays the first, the changed and the retracting run against the
embedded server on a socket, kills each at points spread over all its effects, runs again and
compares with what an undisturbed run leaves. The product knows nothing of it: the child starts
through this module, which wraps the effects before it hands over.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fhir_remission.effects.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort import amendment, demo_cohort

PATIENTS = ("demo-01-cr", "demo-18-amended")
AS_OF = "2026-10-01T12:00:00Z"
SETTINGS = """\
[site]
id = "crash"
timezone = "Europe/Berlin"
[source]
base_url = "{base_url}"
rate = "100000/s"
[cohort]
kind = "list"
[sink.main]
kind = "repository"
[write]
max_changed_share = "1"
[state]
url = "{state}"
[log]
level = "error"
"""
SCENES = ("first", "change", "retract")
IGNORED = ("meta", "date", "issued", "recorded")


# The child -----------------------------------------------------------------------------------


def child() -> int:
    """Run the command line, and die at one effect of it."""
    from fhir_remission import cli
    from fhir_remission.effects import audit, database, results_file, transport

    at, when = int(os.environ["KILL_AT"]), os.environ["KILL_WHEN"]
    names: list[str] = []

    @contextmanager
    def effect(name: str) -> Iterator[None]:
        names.append(name)
        if len(names) == at and when == "before":
            die(name)
        yield
        if len(names) == at and when == "after":
            die(name)

    def die(name: str) -> None:
        print(f"pid {os.getpid()} killed {when} effect {at}: {name}", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    opened, recorded = database.Database.writing, audit.Audit.record
    appended, sent = results_file.ResultsFile.append, transport.RequestsExchange.send

    @contextmanager
    def writing(self: Any) -> Iterator[Any]:
        with effect("commit"), opened(self) as connection:
            yield connection

    def record(self: Any, *args: Any, **rest: Any) -> None:
        with effect(f"audit {args[0]}"):
            recorded(self, *args, **rest)

    def append(self: Any, line: bytes) -> None:
        with effect("append result"):
            appended(self, line)

    def send(self: Any, request: Any) -> Any:
        if request.repeat == "read":
            return sent(self, request)
        with effect(f"send {request.label}"):
            return sent(self, request)

    database.Database.writing = writing  # type: ignore[method-assign]
    audit.Audit.record = record  # type: ignore[method-assign]
    results_file.ResultsFile.append = append  # type: ignore[method-assign]
    transport.RequestsExchange.send = send  # type: ignore[method-assign]
    code = cli.main(sys.argv[2:])
    print(f"effects {len(names)}", file=sys.stderr)
    return code


# The parent ----------------------------------------------------------------------------------


class Site:
    """One site in a folder of its own at one embedded server."""

    def __init__(self, folder: Path, state: str) -> None:
        self.folder, self._state = folder, state
        self.server = EmbeddedServer(
            resources=[r for r in demo_cohort() if _patient(r) in PATIENTS]
        )

    def begin(self) -> None:
        """Settings, key and cohort."""
        self.folder.mkdir(parents=True)
        text = SETTINGS.format(base_url=self.server.base_url, state=self._state)
        (self.folder / "site.toml").write_text(text)
        (self.folder / "cohort.csv").write_text("patient\n" + "\n".join(PATIENTS) + "\n")
        new_site_key(self.folder / "site.key")

    def run(self, at: int = 0, when: str = "") -> subprocess.CompletedProcess[str]:
        """One run, killed at an effect unless `at` is 0."""
        command = [sys.executable, "-m", "tests.crash.kill_points", "--child", "sync"]
        command += ["--config", str(self.folder / "site.toml"), "--as-of", AS_OF]
        environment = {**os.environ, "KILL_AT": str(at), "KILL_WHEN": when}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def happens(self, scene: str) -> None:
        """What changes at the source before the run that is killed."""
        if scene == "change":
            self.server.store.load([amendment()])
        if scene == "retract":
            for resource in self.server.store.resources("Observation"):
                if resource["id"].startswith(PATIENTS[0]):
                    self.server.store.put({**resource, "status": "entered-in-error"})

    def content(self) -> list[str]:
        """All that we wrote, without clocks, and how many versions of it."""
        found = []
        for kind in ("ClinicalImpression", "Observation", "Provenance", "Device"):
            for item in self.server.store.resources(kind):
                if "fhir-remission" in json.dumps(item.get("identifier", item.get("meta"))):
                    told = {k: v for k, v in item.items() if k not in IGNORED}
                    version = "" if kind == "Provenance" else item["meta"]["versionId"]
                    found.append(json.dumps(told, sort_keys=True) + version)
        return sorted(found)


def _patient(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    return str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")


def play(scene: str, points: int, state: str, reset: Any) -> int:
    """Kill one kind of run at points spread over it; returns how many failed."""
    with tempfile.TemporaryDirectory() as place:
        site = Site(Path(place) / "site", state)
        with site.server:
            reset()
            site.begin()
            if scene != "first":
                assert site.run().returncode == 0
                site.happens(scene)
            kept, log = Path(place) / "kept", list(site.server.store.log)
            shutil.copytree(site.folder, kept)
            saved = reset.save() if hasattr(reset, "save") else None
            whole = site.run()
            assert whole.returncode == 0, whole.stderr
            effects = int(whole.stderr.rpartition("effects ")[2])
            expected = site.content()
            return sum(
                not _survives(site, kept, log, expected, point, saved, reset)
                for point in _spread(effects, points)
            )


def _spread(effects: int, points: int) -> list[tuple[int, str]]:
    every = [(at, when) for at in range(1, effects + 1) for when in ("before", "after")]
    return [every[number * len(every) // points] for number in range(points)]


def _survives(
    site: Site,
    kept: Path,
    log: list[Any],
    expected: list[str],
    point: tuple[int, str],
    saved: Any,
    reset: Any,
) -> bool:
    shutil.rmtree(site.folder)
    shutil.copytree(kept, site.folder)
    reset(saved)
    site.server.store.rollback(0)
    for version in log:
        site.server.store._append(version)
    killed = site.run(*point)
    again = site.run()
    good = killed.returncode == -signal.SIGKILL and again.returncode == 0
    good = good and site.content() == expected
    print(killed.stderr.strip(), "->", "ok" if good else "NOT AS WITHOUT THE CRASH", flush=True)
    if not good:
        print(again.stderr)
    return good


class NoReset:
    """SQLite lies in the site's folder and goes with it."""

    def __call__(self, saved: object = None) -> None:
        """Nothing to do."""


class Postgres:
    """The state in a PostgreSQL database: emptied, and put back row by row."""

    def __init__(self, url: str) -> None:
        from sqlalchemy import create_engine, make_url

        self._engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))

    def __call__(self, saved: dict[str, list[dict[str, Any]]] | None = None) -> None:
        """Empty every table, or restore what was saved."""
        from sqlalchemy import inspect, text

        with self._engine.begin() as connection:
            for table in inspect(connection).get_table_names():
                if not saved:
                    connection.execute(text(f"DROP TABLE {table}"))
                    continue
                connection.execute(text(f"DELETE FROM {table}"))
                for row in saved[table]:
                    names = ", ".join(row)
                    values = ", ".join(f":{name}" for name in row)
                    connection.execute(
                        text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row
                    )

    def save(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table."""
        from sqlalchemy import inspect, text

        with self._engine.begin() as connection:
            return {
                table: [
                    dict(r._mapping) for r in connection.execute(text(f"SELECT * FROM {table}"))
                ]
                for table in inspect(connection).get_table_names()
            }


def main() -> int:
    """Kill and compare; 1 if any point left another world than no crash."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--postgres", default="", help="a database URL for the state")
    chosen = parser.parse_args()
    reset: Any = Postgres(chosen.postgres) if chosen.postgres else NoReset()
    state = chosen.postgres or "sqlite:///state.db"
    each = -(-chosen.points // len(SCENES))
    failed = sum(play(scene, each, state, reset) for scene in SCENES)
    print(f"{each * len(SCENES)} points, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(child() if sys.argv[1:2] == ["--child"] else main())
