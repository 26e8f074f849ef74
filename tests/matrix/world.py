"""A hospital to go wrong in: a source of one persona, a sink, a few patients, runs in this process.

Where the persona takes our resources it is source and sink at once; else results go to a second
server, as at a hospital whose record system takes none.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.errors import RemissionError
from fhir_remission.jobs.site import site as site_job
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal.cohort.cohort import course_resources, demo_courses
from fhir_remission.rehearsal.listening.server import Asked, EmbeddedServer

AS_OF = "2026-10-01T12:00:00Z"
SYSTEM = "https://w3id.org/fhir-remission"
# Remission, relapse, MRD, a withdrawn result, results behind a report.
COURSES = ("demo-01-cr", "demo-07-relapse", "demo-08-mrd-negative", "demo-11-retracted")
COURSES_OF_TESTS = (*COURSES, "demo-17-report")
OURS = ("ClinicalImpression", "Observation", "Provenance", "Device")
TAKES_OURS = ("azure", "blaze", "generic", "hapi", "sekmet")
ONE_AT_A_TIME = ("epic", "generic", "oracle")
GROUP = "matrix-cohort"

SETTINGS = """\
[site]
id = "matrix"
timezone = "Europe/Berlin"
key_file = "{folder}/site.key"
[source]
base_url = "{source}"
profile = "{profile}"
rate = "100000/s"
connections = {connections}
{auth}
[cohort]
kind = "group"
group = "{group}"
[sink.main]
kind = "repository"
{sink}
[state]
url = "sqlite:///{folder}/state.db"
[run]
max_runtime = "10m"
[log]
level = "{level}"
[audit]
file = "{folder}/audit.jsonl"
"""
AUTH = """\
[source.auth]
mode = "smart"
client_id = "matrix"
key_file = "{folder}/client.pem"
"""


class QuickClock(SystemClock):
    """The machine's clock, but waiting costs nothing; what was waited for is added up."""

    waited = 0.0

    def sleep(self, seconds: float) -> None:
        """Do not wait."""
        type(self).waited += max(0.0, seconds)

    def monotonic(self) -> float:
        """Let the waits have passed."""
        return super().monotonic() + type(self).waited


@dataclass
class Ran:
    """How one run ended."""

    code: int
    lines: list[dict[str, Any]]
    error: str
    summary: dict[str, Any]
    requests: list[Asked]
    fired: Counter[str] = field(default_factory=Counter)

    def dispositions(self) -> set[str]:
        """What became of the patients."""
        return {line["disposition"] for line in self.lines}

    def categories(self) -> dict[str, str]:
        """The category of each patient that has one."""
        return {line["patient"]: line["category"] for line in self.lines if line.get("category")}


@cache
def patients(count: int = len(COURSES_OF_TESTS)) -> tuple[dict[str, Any], ...]:
    """Everything the source holds of the patients of these tests, and their Group."""
    chosen = COURSES_OF_TESTS[:count]
    built = [r for c in demo_courses() if c.id in chosen for r in course_resources(c)]
    members = [{"entity": {"reference": f"Patient/{name}"}} for name in chosen]
    group = {"resourceType": "Group", "id": GROUP, "type": "person", "actual": True}
    return (*built, *_nobody_of_ours(), {**group, "member": members})


def _nobody_of_ours() -> Iterator[dict[str, Any]]:
    """A patient who is not in the cohort: seen only where a server ignores what it was asked."""
    (course,) = (c for c in demo_courses() if c.id == "demo-05-failure")
    yield from course_resources(course)


class World:
    """One source, one sink, one site; nothing is shared with another world but its identity."""

    def __init__(
        self,
        persona: str,
        folder: Path,
        stack: ExitStack,
        *,
        rows: int = 0,
        login: bool = False,
        faults: Sequence[str] = (),
        held: Sequence[dict[str, Any]] = (),
        level: str = "error",
        extra: str = "",
        connections: int = 1,
    ) -> None:
        self.persona, self.folder = persona, folder
        self.source = stack.enter_context(
            EmbeddedServer(persona=persona, resources=held or patients(), auth=login)
        )
        # Enough pages to have a first, a middle and a last one.
        _with_small_pages(self.source, rows or (3 if persona in ONE_AT_A_TIME else 5))
        self.sink = self.source
        if persona not in TAKES_OURS:
            people = [r for r in held or patients() if r["resourceType"] == "Patient"]
            # A repository knows whoever may come out of a merge at the source, too.
            people += [{**r, "id": f"{r['id']}-merged"} for r in people]
            self.sink = stack.enter_context(EmbeddedServer(resources=people))
        self._loaded = {v.key: v.number for v in self.source.store.log}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "site.key").write_bytes(_site_key(folder))
        (folder / "client.pem").write_text(_client_key())
        for secret in ("site.key", "client.pem"):
            (folder / secret).chmod(0o600)
        apart = f'base_url = "{self.sink.base_url}"\nreferences = "logical"'
        self.config = folder / "site.toml"
        self.config.write_text(
            SETTINGS.format(
                folder=folder,
                source=self.source.base_url,
                # The gentlest of all, one patient at a time; the others are recognised.
                profile="generic" if persona == "generic" else "auto",
                auth=AUTH.format(folder=folder) if login else "",
                sink=apart if self.sink is not self.source else "",
                group=GROUP,
                level=level,
                # One after the other, so that request N is the same one each time.
                connections=connections,
            )
            + extra
        )
        self.faults(*faults)

    def faults(self, *specs: str, sink: bool = False) -> None:
        """Let one of the servers go wrong from now on; request numbers count from here."""
        server = self.sink if sink else self.source
        server.faults.set(specs)
        for each in {id(self.source): self.source, id(self.sink): self.sink}.values():
            each._count = 0

    def heal(self) -> None:
        """Let both servers be well."""
        self.source.faults.stop()
        self.sink.faults.stop()

    def run(self, *, dry: bool = False, assign: Sequence[str] = (), as_of: str = AS_OF) -> Ran:
        """Run once, in this process, as the command line would."""
        before = [(server, len(server.requests)) for server in {self.source, self.sink}]
        lines: list[dict[str, Any]] = []
        summary = self.folder / "summary.json"
        summary.unlink(missing_ok=True)
        request = Request(
            config=self.config,
            as_of=as_of,
            write_as_of=True,
            dry_run=dry,
            summary=summary,
            assignments=tuple(assign),
        )
        code, error = 0, ""
        with quick():
            try:
                with open_run(request) as run:
                    lines.extend(json.loads(line) for line in run.lines())
                    code = run.exit_code
            except RemissionError as problem:
                code, error = problem.exit_code, f"{type(problem).__name__}: {problem}"
        told = json.loads(summary.read_text()) if summary.exists() else {}
        made = [asked for server, count in before for asked in server.requests[count:]]
        servers = {id(server): server for server in (self.source, self.sink)}
        fired = sum((server.faults.fired for server in servers.values()), Counter[str]())
        return Ran(code, lines, error, told, made, fired)

    def content(self) -> dict[str, str]:
        """All that stands on the sink because of us, by reference, without clocks and ports."""
        store = self.sink.store
        newest = {v.key: v for v in store.log}
        found: dict[str, str] = {}
        for key, version in newest.items():
            ours = key[0] in OURS and (self.sink is not self.source or key not in self._loaded)
            if ours and version.resource is not None:
                found[f"{key[0]}/{key[1]}"] = self._plain(version.resource)
        return found

    def versions(self) -> Counter[str]:
        """How often each resource of ours was written."""
        log = self.sink.store.log
        return Counter(
            f"{v.type}/{v.id}"
            for v in log
            if v.type in OURS and (self.sink is not self.source or v.key not in self._loaded)
        )

    def _plain(self, resource: dict[str, Any]) -> str:
        kept = {k: v for k, v in resource.items() if k not in {"meta", "date", "recorded"}}
        # The digest is over what names the source, and its port is another one each time.
        kept["identifier"] = [
            one
            for one in resource.get("identifier", [])
            if not one["system"].endswith("content-digest")
        ]
        text = json.dumps(kept, sort_keys=True)
        for server in (self.source, self.sink):
            text = text.replace(server.base_url, "BASE")
        return re.sub(r"20\d\d-\d\d-\d\dT[\d:.]+Z", "", text)


@contextmanager
def world(persona: str, folder: Path, **how: Any) -> Iterator[World]:
    """Open a world and take it down again."""
    with ExitStack() as stack:
        yield World(persona, folder, stack, **how)


@contextmanager
def quick() -> Iterator[None]:
    """Waits cost nothing, and the logging of the process is put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    clock = site_job.SystemClock
    site_job.SystemClock = QuickClock  # type: ignore[misc]
    try:
        yield
    finally:
        site_job.SystemClock = clock  # type: ignore[misc]
        root.handlers[:], root.level, logging.raiseExceptions = before
        logging.captureWarnings(capture=False)
        structlog.contextvars.clear_contextvars()


def _with_small_pages(server: EmbeddedServer, rows: int) -> None:
    persona = msgspec.structs.replace(server.service.persona, max_count=rows, default_count=rows)
    server.service.persona = persona


@cache
def _key_maker() -> Callable[[Path], bytes]:
    made: list[bytes] = []

    def make(folder: Path) -> bytes:
        if not made:
            new_site_key(folder / "first.key")
            made.append((folder / "first.key").read_bytes())
        return made[0]

    return make


def _site_key(folder: Path) -> bytes:
    return _key_maker()(folder)


@cache
def _client_key() -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
