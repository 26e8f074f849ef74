"""A site and its server in one process: requests without sockets, a clock that jumps when told.

Every effect (an unsafe request, a commit, an audit line, a line of a results file) passes through
`Effects`, which can end the run before or after the n-th of them, as a power cut would: whatever
the program tries afterwards does not happen either.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from fhir_remission.effects.files import audit, results_file
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.effects.http.transport import Answer, NoAnswer, Request, Traffic
from fhir_remission.effects.server import connect
from fhir_remission.effects.state import database
from fhir_remission.errors import RemissionError
from fhir_remission.jobs.judging import request as request_module
from fhir_remission.jobs.site import site as site_module
from fhir_remission.jobs.sync import sync as job
from fhir_remission.jobs.sync.write_to_sinks import How
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.rehearsal.server.personas import Persona, load_persona
from fhir_remission.rehearsal.server.service import Service
from tests.crash.settings import SETTINGS

PATIENTS = ("demo-01-cr", "demo-03-recovering", "demo-18-amended")
OURS = "https://w3id.org/fhir-remission/id/assessment"
RESULTS = ("ClinicalImpression", "Observation")


class Killed(BaseException):
    """The process is gone."""


class Effects:
    """Counts effects, and ends the run at one of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._at, self._when = 0, ""
        self.dead = False

    def arm(self, at: int = 0, when: str = "") -> None:
        """End the run before or after the n-th effect; 0: never."""
        self.names, self._at, self._when, self.dead = [], at, when, False

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Pass one effect through."""
        if self.dead:
            raise Killed
        self.names.append(name)
        number = len(self.names)
        if (number, "before") == (self._at, self._when):
            self.dead = True
            raise Killed
        yield
        if (number, "after") == (self._at, self._when):
            self.dead = True
            raise Killed


class WorldClock:
    """Shared by the site and the tests; sleeping takes no time."""

    FIRST_NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
    time = FIRST_NOON
    passed = 0.0

    def now(self) -> datetime:
        """Return the time of day."""
        WorldClock.time += timedelta(milliseconds=1)
        return WorldClock.time

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        WorldClock.passed += 0.001
        return WorldClock.passed

    def sleep(self, seconds: float) -> None:
        """Move on."""
        WorldClock.time += timedelta(seconds=max(0.0, seconds))
        WorldClock.passed += max(0.0, seconds)

    def wake_on(self, _: object) -> None:
        """Nothing to wake."""


@dataclass
class Ran:
    """How one run ended."""

    code: int
    lines: list[dict[str, Any]]
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def line(self, patient: str) -> dict[str, Any]:
        """The line of one patient."""
        (found,) = [line for line in self.lines if line["patient"].endswith(patient)]
        return found


@cache
def cohort() -> dict[str, list[dict[str, Any]]]:
    """The demo's resources by patient."""
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in demo_cohort():
        about = resource.get("subject", {}).get("reference", "").removeprefix("Patient/")
        name = resource["id"] if resource["resourceType"] == "Patient" else about
        found.setdefault(name, []).append(resource)
    return found


class World:
    """One server, one site; `sync` runs the job in this process."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        habits: Mapping[str, Any] | None = None,
        persona: str = "generic",
        settings: str = SETTINGS,
        patients: Sequence[str] = PATIENTS,
        repository: str = "",
        name: str = "crash",
        beside: World | None = None,
    ) -> None:
        """`beside` is another site that works on the same server; `name` the id of this one."""
        self.folder, self.patients = folder, tuple(patients)
        played = msgspec.structs.replace(load_persona(persona), **(habits or {}))
        self.server = beside.server if beside else _playing(played)
        self.source = beside.source if beside else self.server
        """Where the evidence is; `server` is where results go."""
        if repository:
            self.source = beside.source if beside else _playing(load_persona("generic"))
            settings = settings.replace("[write]", f'base_url = "{{sink}}"\n{repository}\n[write]')
        for patient in patients if beside is None else ():
            self.source.store.load(cohort()[patient])
        self.effects = Effects()
        self.refuse_at = self.refused = 0
        """Which unsafe request is answered 500 without being carried out; whether one was."""
        self.drops: dict[str, tuple[str, ...]] = {}
        """Elements that this server does not store, by type."""
        if beside is None:
            self._make_droppy()
        self.between: Callable[[Request], None] = lambda _: None
        """Called before each unsafe request: what a person or another program does meanwhile."""
        self.told: Callable[..., None] = lambda *_, **__: None
        """Called with what goes to the log: the name of an event and its fields."""
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "site.toml"
        addresses = {"base_url": self.source.base_url, "sink": self.server.base_url}
        self.config.write_text(settings.format(name=name, **addresses))
        (folder / "cohort.csv").write_text("patient\n" + "\n".join(patients) + "\n")
        if not (folder / "site.key").exists():
            new_site_key(folder / "site.key")
        _patch(monkeypatch, self)

    def close(self) -> None:
        """Give the port back."""
        for server in {id(one): one for one in (self.server, self.source)}.values():
            server._listener.server_close()

    def _make_droppy(self) -> None:
        put = self.server.store.put

        def dropping(resource: dict[str, Any], **rest: Any) -> Any:
            dropped = self.drops.get(resource["resourceType"], ())
            return put({k: v for k, v in resource.items() if k not in dropped}, **rest)

        self.server.store.put = dropping  # type: ignore[method-assign]

    # Runs -------------------------------------------------------------------------------------

    def sync(self, **asked: Any) -> Ran:
        """One run to its end, or to its death."""
        asked = {"how": How(everybody=True), **asked}
        request = job.Request(config=self.config, **asked)
        lines: list[dict[str, Any]] = []
        try:
            with job.open_run(request) as run:
                lines += [json.loads(line) for line in run.lines()]
                return Ran(run.exit_code, lines, run.summary.told(run.exit_code))
        except RemissionError as error:
            return Ran(error.exit_code, lines, error=str(error))

    def killed_sync(self, at: int, when: str) -> None:
        """A run that ends at one effect; nothing after it happens."""
        self.effects.arm(at, when)
        with pytest.raises(Killed):
            self.sync()
        self.effects.arm()
        self.a_minute_later()

    def a_minute_later(self) -> None:
        """The lease of a run that died has run out."""
        with sqlite3.connect(self.folder / "state.db") as connection:
            connection.execute("UPDATE lease SET expires_at = ''")

    # The server -------------------------------------------------------------------------------

    def exchange(self, request: Request) -> Answer | NoAnswer:
        """What a socket would carry."""
        if request.repeat == "read":
            return self._answered(request)
        with self.effects.one(f"send {request.label}"):
            self.between(request)
            self.refuse_at -= 1
            if self.refuse_at == 0:
                self.refused = 1
                return Answer(500, {}, b"", request.url)
            return self._answered(request)

    def _answered(self, request: Request) -> Answer | NoAnswer:
        parts = urlsplit(request.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.lower(): text for name, text in request.headers.items()}
        is_source = request.url.startswith(self.source.base_url)
        server = self.source if is_source else self.server
        reply = server._answer(request.method, target, headers, request.body or b"")
        if reply.lost:
            return NoAnswer("lost", "no answer")
        sent = {name.lower(): text for name, text in reply.headers.items()}
        return Answer(reply.status, sent, reply.body, request.url)

    def ours(self) -> dict[str, dict[str, Any]]:
        """All that we wrote, as it stands, without what a clock or a server put in."""
        kinds = ("ClinicalImpression", "Observation", "Provenance", "Device")
        return {
            f"{kind}/{resource['id']}": _timeless(resource)
            for kind in kinds
            for resource in self.server.store.resources(kind)
            if kind in ("Provenance", "Device") or _identifier(resource)
        }

    def by_identifier(self) -> list[str]:
        """Content under the names that we gave, whatever ids the server gave."""
        names = {
            f"{kind}/{resource['id']}": f"{kind}/{_name(resource)}"
            for kind in (*RESULTS, "Provenance", "Device")
            for resource in self.server.store.resources(kind)
            if _name(resource)
        }
        found = []
        for content in self.ours().values():
            text = json.dumps({k: v for k, v in content.items() if k != "id"}, sort_keys=True)
            for place, name in names.items():
                text = text.replace(f'"{place}"', f'"{name}"')
            found.append(text)
        return sorted(found)

    def counted(self) -> list[int]:
        """How many versions there are of each result."""
        return sorted(self.versions().values())

    def file(self) -> list[dict[str, Any]]:
        """The lines of the results file, without run and time."""
        path = self.folder / "results.ndjson"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        for one in found:
            (one["assessment"] or {}).pop("as_of", None)
        return [{k: v for k, v in one.items() if k not in ("run", "recorded")} for one in found]

    def unfinished(self) -> list[str]:
        """What the state still holds as not done."""
        with sqlite3.connect(self.folder / "state.db") as connection:
            return [
                *(f"dirty {row}" for row in connection.execute("SELECT patient FROM dirty")),
                *(f"backlog {row}" for row in connection.execute("SELECT reason FROM backlog")),
                *(
                    f"row {row}"
                    for row in connection.execute(
                        "SELECT key FROM assessment WHERE status='pending'"
                    )
                ),
                *(
                    f"outbox {row}"
                    for row in connection.execute("SELECT key, seq FROM outbox WHERE state<>'sent'")
                ),
            ]

    def versions(self) -> Counter[str]:
        """How many versions each result has."""
        return Counter(
            f"{version.type}/{version.id}"
            for version in self.server.store.log
            if version.resource and version.type in RESULTS and _identifier(version.resource)
        )

    def doubles(self) -> list[str]:
        """Results that stand twice."""
        found = Counter(
            _identifier(resource)
            for kind in RESULTS
            for resource in self.server.store.resources(kind)
            if _identifier(resource) and resource.get("status") != "entered-in-error"
        )
        return [name for name, times in found.items() if times > 1]

    def results(self, patient: str) -> list[dict[str, Any]]:
        """Ours about one patient, as they stand."""
        return [
            resource
            for kind in RESULTS
            for resource in self.server.store.resources(kind)
            if _identifier(resource) and resource["subject"]["reference"].endswith(patient)
        ]

    def edit(self, resource: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Somebody writes a new version."""
        stored = self.server.store.put({**resource, **changes}).resource
        assert stored is not None
        return stored

    def retract_marrow(self, patient: str) -> None:
        """The laboratory withdraws everything about the marrow of a patient's last evaluation."""
        for resource in self.source.store.resources("Observation"):
            about = resource["subject"]["reference"].endswith(patient)
            if about and not _identifier(resource):
                self.source.store.put({**resource, "status": "entered-in-error"})

    # All of it --------------------------------------------------------------------------------

    def snapshot(self, place: Path) -> list[Any]:
        """Keep this moment."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place)
        return [list(one.store.log) for one in (self.server, self.source)]

    def restore(self, place: Path, log: Sequence[Any]) -> None:
        """Go back to a moment."""
        shutil.rmtree(self.folder)
        shutil.copytree(place, self.folder)
        for server, kept in zip((self.server, self.source), log, strict=True):
            server.store.rollback(0)
            server.store._serial = 0
            for version in kept:
                server.store._append(version)


def _playing(persona: Persona) -> EmbeddedServer:
    server = EmbeddedServer(now=lambda: WorldClock.time)
    server.service = Service(
        server.store, persona, base_url=server.base_url, now=lambda: WorldClock.time
    )
    return server


def _identifier(resource: Mapping[str, Any]) -> str:
    held = resource.get("identifier", [])
    return next((str(i["value"]) for i in held if i.get("system") == OURS), "")


def _name(resource: Mapping[str, Any]) -> str:
    tags = resource.get("meta", {}).get("tag", [])
    tagged = next((str(tag["code"]) for tag in tags if tag.get("system") == OURS), "")
    return _identifier(resource) or tagged


def _timeless(resource: Mapping[str, Any]) -> dict[str, Any]:
    dropped = ("meta", "date", "issued", "recorded")
    return {name: value for name, value in resource.items() if name not in dropped}


class _Exchange:
    """A chain of requests to the world of this test."""

    world: World

    def __init__(self, base: Any, auth: Any, **rest: Any) -> None:
        self.traffic: Traffic = rest.get("traffic") or Traffic()

    def send(self, request: Request) -> Answer | NoAnswer:
        """Send it once."""
        self.traffic.sent(request)
        return self.world.exchange(request)

    def close(self) -> None:
        """Nothing is open."""


_OPEN = database.Database.writing
_RECORD = audit.Audit.record
_APPEND = results_file.ResultsFile.append
_LOAD = (
    cache(site_module.load_judge.__wrapped__)
    if hasattr(site_module.load_judge, "__wrapped__")
    else site_module.load_judge
)
_JUDGES: dict[Any, Any] = {}
_FAMILIES = cache(connect.load_families)
_CATEGORIES = cache(site_module.load_categories)
_PANELS = cache(site_module.load_panels)


def _judge(*sets: Any, **asked: Any) -> Any:
    # The tables are the same for all runs of a test and take longer to read than a run.
    rest = {name: value for name, value in asked.items() if name != "as_of"}
    key = (sets, repr(sorted(rest.items(), key=lambda item: item[0])))
    if key not in _JUDGES:
        _JUDGES[key] = _LOAD(*sets, **asked)
    return msgspec.structs.replace(_JUDGES[key], as_of=asked["as_of"])


_SETTINGS = site_module.load_settings
_READ: dict[Any, Any] = {}


def _settings(config: Path, *asked: Any) -> Any:
    # Each run of a site reads the same words.
    key = (config, config.read_bytes(), repr(asked))
    if key not in _READ:
        if len(_READ) > 200:
            _READ.clear()
        _READ[key] = _SETTINGS(config, *asked)
    return _READ[key]


def _patch(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    _Exchange.world = world

    @contextmanager
    def writing(self: Any) -> Iterator[Any]:
        with world.effects.one(f"commit {_caller()}"), _OPEN(self) as connection:
            yield connection

    def record(self: Any, *args: Any, **rest: Any) -> None:
        with world.effects.one(f"audit {args[0]}"):
            _RECORD(self, *args, **rest)

    def append(self: Any, *args: Any, **rest: Any) -> None:
        with world.effects.one("append result"):
            _APPEND(self, *args, **rest)

    monkeypatch.setattr(connect, "RequestsExchange", _Exchange)
    monkeypatch.setattr(database.Database, "writing", writing)
    monkeypatch.setattr(audit.Audit, "record", record)
    monkeypatch.setattr(results_file.ResultsFile, "append", append)
    monkeypatch.setattr(site_module, "SystemClock", WorldClock)
    monkeypatch.setattr(site_module, "load_judge", _judge)
    monkeypatch.setattr(site_module, "load_settings", _settings)
    monkeypatch.setattr(request_module, "load_judge", _judge)
    monkeypatch.setattr(connect, "load_families", _FAMILIES)
    monkeypatch.setattr(site_module, "load_categories", _CATEGORIES)
    monkeypatch.setattr(site_module, "load_panels", _PANELS)
    monkeypatch.setattr(site_module, "listening", _deaf)
    monkeypatch.setattr(site_module, "get_logger", lambda: _Log(world))
    monkeypatch.setattr(site_module, "configure_logs", lambda **_: None)
    monkeypatch.setattr("os.fsync", lambda _: None)


class _Log:
    """Hands on what is logged, at whatever level."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, _: str) -> Callable[..., None]:
        return self._world.told


@contextmanager
def _deaf(_: object) -> Iterator[None]:
    """Signals belong to the test runner."""
    yield


def _caller() -> str:
    """The method that commits."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.rpartition("/")[2] not in (
        "state.py",
        "lease.py",
    ):
        frame = frame.f_back
    return frame.f_code.co_name if frame else "?"
