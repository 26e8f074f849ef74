"""A tour on the embedded server, through the same commands a site uses."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fhir_remission.domain.answer.layout import wrapped
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.jobs.judging.answers_page import answers_page, name_of
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import GROUP_ID, amendment, demo_cohort

SETTINGS = """\
[site]
id = "demo"
timezone = "Europe/Berlin"
key_file = "site.key"

[source]
base_url = "{base_url}"
rate = "1000/s"

[cohort]
kind = "group"
group = "{group}"

[sink.main]
kind = "repository"

[log]
level = "error"
"""
# The demo tells of one day, so that it reads the same tomorrow.
AS_OF = "2026-10-01T12:00:00Z"
NEXT = """\
Next:
  fhir-remission rehearse --site site.toml
      serve this cohort and try your own settings on it
  fhir-remission classify FILE
      a Bundle or NDJSON to assessments, no network
  fhir-remission sync --config site.toml --dry-run
      a first look at your own server
  README.md
      settings, exit codes, where to change what
  fhir-remission serve --config site.toml
      then open http://127.0.0.1:8080/patients/ID for a patient's page
"""
Show = Callable[[Iterable[str]], None]
Line = dict[str, Any]
Resource = dict[str, Any]


def run(show: Show, *, width: int, keep: bool) -> int:
    """Tell the tour on pages of that width; returns the exit code."""
    tell = _Teller(show, width)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(resources=demo_cohort()) as server,
    ):
        config = _site(Path(folder), server.base_url)
        tell.say(f"An embedded FHIR server with invented patients: {server.base_url}")
        tell.line()
        first = _first_run(tell, server, config)
        _idle_run(tell, server, config)
        _amended_run(tell, server, config, first)
        show(NEXT.splitlines())
        if keep:
            tell.say(f"Serving on at {server.base_url} until you press Ctrl-C.")
            server.wait()
    return 0


class _Teller(Struct):
    """Where the tour is told, and how wide it is there."""

    show: Show
    width: int

    def say(self, text: str) -> None:
        """One paragraph, its indent kept."""
        indent = " " * (len(text) - len(text.lstrip()))
        self.show(wrapped(text, first=indent, width=self.width))

    def line(self) -> None:
        """An empty line."""
        self.show([""])


def _first_run(tell: _Teller, server: EmbeddedServer, config: Path) -> list[Line]:
    lines, asked, wrote = _sync(server, config)
    tell.say(f"1. sync: read {len(lines)} patients, {asked} requests, {wrote} of them writes.")
    tell.line()
    tell.show(answers_page(lines, tell.width))
    tell.line()
    return lines


def _idle_run(tell: _Teller, server: EmbeddedServer, config: Path) -> None:
    _, asked, wrote = _sync(server, config)
    tell.say(
        f"2. sync again: {asked} requests, {wrote} writes. Same evidence, so nothing was sent."
    )
    tell.line()


def _amended_run(
    tell: _Teller, server: EmbeddedServer, config: Path, before: Iterable[Line]
) -> None:
    amended = amendment()
    was = server.store.resource("Observation", amended["id"])
    server.store.load([amended])
    tell.say(f"3. The laboratory corrects one result: {_told(was, amended)}. sync once more:")
    lines, asked, wrote = _sync(server, config)
    old = {line["patient"]: line for line in before}
    changed = [line for line in lines if line["write"] != "none"]
    tell.say(f"   {asked} requests, {wrote} of them writes; {len(changed)} assessment changed:")
    for line in changed:
        was, now = old[line["patient"]]["code"], line["code"]
        tell.say(f"   {name_of(line)}: {was} -> {now}. {line['summary']}")
        if line["next_better"]:
            tell.say(f"   {line['next_better']}")
    tell.line()


def _sync(server: EmbeddedServer, config: Path) -> tuple[list[Line], int, int]:
    """One run over real HTTP; its lines, and the requests and writes the server counted."""
    start, wrote = len(server.requests), len(server.requests.unsafe)
    with open_run(Request(config=config, as_of=AS_OF, write_as_of=True)) as job:
        lines = [msgspec.json.decode(line, type=Line) for line in job.lines()]
    return lines, len(server.requests) - start, len(server.requests.unsafe) - wrote


def _site(folder: Path, base_url: str) -> Path:
    new_site_key(folder / "site.key")
    config = folder / "site.toml"
    config.write_text(SETTINGS.format(base_url=base_url, group=GROUP_ID), encoding="utf-8")
    return config


def _told(before: Resource | None, now: Resource) -> str:
    """The correction in words: `platelets of demo-18 on 2026-06-24: 62 10*9/L, was 120`."""
    patient = str(now["subject"]["reference"]).removeprefix("Patient/")
    value, unit = now["valueQuantity"]["value"], now["valueQuantity"].get("unit", "")
    day = str(now["effectiveDateTime"])[:10]
    was = before["valueQuantity"]["value"] if before else "what it was"
    return f"platelets of {patient} on {day} are {value} {unit}, not {was}"
