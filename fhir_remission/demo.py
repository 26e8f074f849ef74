"""A tour on the embedded server, through the same commands a site uses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.table import Table

from fhir_remission.effects.site_key import new_site_key
from fhir_remission.jobs.sync import Request, open_run
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort import GROUP_ID, amendment, demo_cohort

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
  fhir-remission rehearse                          serve this cohort and try your own settings on it
  fhir-remission classify FILE                     a Bundle or NDJSON to assessments, no network
  fhir-remission sync --config site.toml --dry-run a first look at your own server
  README.md                                        settings, exit codes, where to change what
"""
Line = dict[str, Any]
Resource = dict[str, Any]


def run(out: TextIO, *, keep: bool) -> int:
    """Tell the tour; returns the exit code."""
    console = _console(out)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(resources=demo_cohort()) as server,
    ):
        config = _site(Path(folder), server.base_url)
        console.print(f"An embedded FHIR server with invented patients: {server.base_url}\n")
        first = _first_run(console, server, config)
        _idle_run(console, server, config)
        _amended_run(console, server, config, first)
        console.print(NEXT)
        if keep:
            console.print(f"Serving on at {server.base_url} until you press Ctrl-C.")
            server.wait()
    return 0


def _first_run(console: Console, server: EmbeddedServer, config: Path) -> list[Line]:
    lines, asked, wrote = _sync(server, config)
    console.print(f"1. sync: read {len(lines)} patients, {asked} requests, {wrote} of them writes.")
    console.print(_table(lines))
    return lines


def _idle_run(console: Console, server: EmbeddedServer, config: Path) -> None:
    _, asked, wrote = _sync(server, config)
    console.print(
        f"2. sync again: {asked} requests, {wrote} writes. Same evidence, so nothing was sent.\n"
    )


def _amended_run(
    console: Console, server: EmbeddedServer, config: Path, before: Iterable[Line]
) -> None:
    amended = amendment()
    was = server.store.resource("Observation", amended["id"])
    server.store.load([amended])
    console.print(f"3. The laboratory corrects one result: {_told(was, amended)}. sync once more:")
    lines, asked, wrote = _sync(server, config)
    old = {line["patient"]: line for line in before}
    changed = [line for line in lines if line["write"] != "none"]
    console.print(
        f"   {asked} requests, {wrote} of them writes; {len(changed)} assessment changed:"
    )
    for line in changed:
        was, now = old[line["patient"]]["code"], line["code"]
        console.print(f"   {_name(line)}: {was} -> {now}. {line['summary']}")
        if line["next_better"]:
            console.print(f"   {line['next_better']}")
    console.print()


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


def _console(out: TextIO) -> Console:
    """Colour and the terminal's width for a person; plain and wide for a pipe."""
    if out.isatty():
        return Console(file=out, highlight=False, markup=False)
    return Console(file=out, width=150, no_color=True, highlight=False, markup=False)


def _table(lines: Iterable[Line]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("patient", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("category", no_wrap=True)
    table.add_column("date", no_wrap=True)
    table.add_column("why", ratio=3)
    table.add_column("missing for better", ratio=2)
    for line in lines:
        provisional = "?" if line.get("provisional") else ""
        table.add_row(
            _name(line),
            str(line.get("state", line["disposition"])),
            f"{line.get('code', '')}{provisional}",
            str(line.get("response_date") or (line.get("anchor") or {}).get("effective") or "")[
                :10
            ],
            str(line.get("summary", line["reason"])),
            str(line.get("next_better", "")),
        )
    return table


def _name(line: Line) -> str:
    return str(line["patient"]).removeprefix("Patient/")


def _told(before: Resource | None, now: Resource) -> str:
    """The correction in words: `platelets of demo-18 on 2026-06-24: 62 10*9/L, was 120`."""
    patient = str(now["subject"]["reference"]).removeprefix("Patient/")
    value, unit = now["valueQuantity"]["value"], now["valueQuantity"].get("unit", "")
    day = str(now["effectiveDateTime"])[:10]
    was = before["valueQuantity"]["value"] if before else "what it was"
    return f"platelets of {patient} on {day} are {value} {unit}, not {was}"
