"""A real process, really killed: SIGKILL before or after an effect, named, with its pid.

`python -m tests.crash.kill_points` plays the first, the changed and the retracting run, kills each
at points spread over all its effects, runs again and compares with what an undisturbed run leaves.
Every point has patients, a state and a site of its own, so the server may be any: the embedded one
on a socket, or with `--server sekmet` or `hapi` a real one. The product knows nothing of it: the
child starts through this module, which wraps the effects before it hands over.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, make_url, text

from fhir_remission.effects.files.site_key import read_site_key
from fhir_remission.fhir.writing.identity import identifier_value, key_check
from fhir_remission.rehearsal.cohort.cohort import amendment, demo_cohort
from tests.crash.settings import AS_OF, SETTINGS
from tests.servers.rest import Rest
from tests.servers.site import Site

PATIENTS = ("demo-01-cr", "demo-18-amended")
SCENES = ("first", "change", "retract")
OURS = "https://w3id.org/fhir-remission"
NAMED = f"{OURS}/id/assessment"
# What clocks, servers and ids make different between two equal sites.
IGNORED = ("meta", "date", "issued", "recorded", "text")
OPAQUE = ("evidence-hash", "content-digest", "key-check")
Point = tuple[int, str]


# The child -----------------------------------------------------------------------------------


def child() -> int:
    """Run the command line, and die at one effect of it."""
    from fhir_remission.cli import main as cli
    from fhir_remission.effects.files import audit, results_file
    from fhir_remission.effects.http import transport
    from fhir_remission.effects.state import database

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


class Killed(Site):
    """Two patients under ids of their own, and a site that may die at any effect."""

    def __init__(self, rest: Rest, folder: Path, state: str) -> None:
        super().__init__(rest, folder)
        self._state = state.replace("sqlite:///", f"sqlite:///{folder}/")
        self._key_check = key_check(read_site_key(folder / "site.key"))
        settings = SETTINGS.format(base_url=rest.base_url, name=f"crash-{rest.mark}")
        self.config.write_text(f'{settings}[state]\nurl = "{state}"\n')
        (folder / "cohort.csv").write_text("\n".join(["patient", *self.patients()]) + "\n")
        self.load([r for r in demo_cohort() if _patient(r) in PATIENTS])

    def patients(self) -> list[str]:
        """The ids of this site's patients."""
        return [name.replace("demo-", f"{self.rest.mark}-") for name in PATIENTS]

    def run(self, at: int = 0, when: str = "") -> subprocess.CompletedProcess[str]:
        """One run, killed at an effect unless `at` is 0."""
        command = [sys.executable, "-m", "tests.crash.kill_points", "--child", "sync"]
        command += ["--config", str(self.config), "--as-of", AS_OF, "--write-as-of"]
        environment = {**os.environ, "KILL_AT": str(at), "KILL_WHEN": when}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def a_minute_later(self) -> None:
        """The lease of the run that died has run out."""
        with opened(self._state) as connection:
            connection.execute(text("UPDATE lease SET expires_at = ''"))

    def until(self, scene: str) -> None:
        """Bring the world to where the run begins that is killed."""
        if scene != "first":
            assert self.run().returncode == 0
        if scene == "change":
            self.load([amendment()])
        if scene == "retract":
            withdrawn = [r for r in demo_cohort() if _patient(r) == PATIENTS[0]]
            kept = [r for r in withdrawn if r["resourceType"] == "Observation"]
            self.load([{**r, "status": "entered-in-error"} for r in kept])

    def content(self) -> list[str]:
        """All that we wrote and how many versions of it, without clocks and under equal names."""
        found = {**self.ours(), **self._beside()}
        names: dict[str, str] = {}
        for name, item in sorted(found.items(), key=lambda pair: _told(pair[1])):
            like = f"{item['resourceType']}-{_told(item)}"
            known = f"ours-{sum(like in n for n in names.values())}-{like}"
            # Where a server gives ids itself, ours is the identifier.
            names |= dict.fromkeys((name.partition("/")[2], identifier_value(item, NAMED)), known)
        texts = []
        for name, item in found.items():
            versions = "" if name.startswith("Provenance") else item["meta"]["versionId"]
            text = json.dumps(_comparable(item), sort_keys=True)
            for own, known in names.items():
                text = text.replace(own, known) if own else text
            # Only the mark of this very site: another's, or a second one, stays a difference.
            text = text.replace(self._key_check, "check-of-the-key")
            texts.append(f"{text} {versions}".replace(self.rest.mark, "demo"))
        return sorted(texts)

    def _beside(self) -> dict[str, dict[str, Any]]:
        """Our Device, and the Provenances of what we wrote."""
        ours = set(self.ours())
        tagged = {"_tag": f"{OURS}/CodeSystem/tag|algorithmic"}
        found = {}
        for kind in ("Provenance", "Device"):
            for page in self.rest.pages(self.rest.search(kind, **tagged)):
                for entry in page.get("entry", []):
                    item = entry["resource"]
                    about = {
                        t["reference"].partition("/_history")[0] for t in item.get("target", [])
                    }
                    if about & ours or f"crash-{self.rest.mark}:" in json.dumps(item):
                        found[f"{kind}/{item['id']}"] = item
        return found


def _comparable(item: dict[str, Any]) -> dict[str, Any]:
    """Without what depends on clock, key or ids."""
    kept = {name: value for name, value in item.items() if name not in IGNORED}
    named = [i for i in item.get("identifier", []) if not i["system"].endswith(OPAQUE)]
    return {**kept, "identifier": named}


def _told(item: dict[str, Any]) -> str:
    """What tells two of ours apart, whatever their ids."""
    what = item.get("activity", item.get("valueCodeableConcept", item.get("summary", "")))
    about = item.get("subject", item.get("occurredDateTime", ""))
    return json.dumps([about, what, item.get("effectiveDateTime")], sort_keys=True)


def _patient(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    return str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")


Start = Callable[[], Killed]


def play(scene: str, points: int, start: Start) -> int:
    """Kill one kind of run at points spread over it; returns how many failed."""
    site = start()
    site.until(scene)
    whole = site.run()
    assert whole.returncode == 0, whole.stderr
    expected = site.content()
    effects = int(whole.stderr.rpartition("effects ")[2])
    assert len(expected) > len(PATIENTS)
    return sum(not _survives(scene, start(), point, expected) for point in _spread(effects, points))


def _spread(effects: int, points: int) -> list[Point]:
    """Over all effects, in turn before and after."""
    return [
        (1 + number * effects // points, ("before", "after")[number % 2])
        for number in range(points)
    ]


def _survives(scene: str, site: Killed, point: Point, expected: Sequence[str]) -> bool:
    site.until(scene)
    killed = site.run(*point)
    site.a_minute_later()
    again = site.run()
    found = site.content()
    good = killed.returncode == -signal.SIGKILL and again.returncode == 0
    good = good and found == expected
    said = killed.stderr.strip() or "not killed"
    print(f"{scene}: {said} -> {'ok' if good else 'NOT AS WITHOUT THE CRASH'}", flush=True)
    if not good:
        print(again.stderr, *sorted({*found} ^ {*expected}), sep="\n", file=sys.stderr)
    return good


def empty(database: str) -> None:
    """Drop every table of a state that does not lie in the site's folder."""
    with opened(database) as connection:
        for table in inspect(connection).get_table_names():
            connection.execute(text(f"DROP TABLE {table}"))


@contextmanager
def opened(database: str) -> Iterator[Connection]:
    """One transaction on a state, without the program."""
    url = make_url(database)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@contextmanager
def starting(base_url: str, postgres: str = "") -> Iterator[Start]:
    """Make sites at one server, each in a folder and under ids of its own."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:

        def start() -> Killed:
            if postgres:
                empty(postgres)
            mark = f"k{uuid.uuid4().hex[:12]}"
            folder = Path(place) / mark
            folder.mkdir()
            rest = stack.enter_context(Rest(base_url, mark=mark))
            return Killed(rest, folder, postgres or "sqlite:///state.db")

        yield start


def main() -> int:
    """Kill and compare; 1 if any point left another world than no crash."""
    from tests.servers.conftest import _serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--server", default="embedded", help="embedded, sekmet or hapi")
    parser.add_argument("--postgres", default="", help="a database URL for the state")
    chosen = parser.parse_args()
    each = -(-chosen.points // len(SCENES))
    with (
        _serving(chosen.server) as base_url,
        starting(base_url, chosen.postgres) as start,
    ):
        failed = sum(play(scene, each, start) for scene in SCENES)
    print(f"{each * len(SCENES)} points on {chosen.server}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(child() if sys.argv[1:2] == ["--child"] else main())
