"""The commands for whole archives: flags, wiring and progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fhir_remission.cli.flags import (
    AsOf,
    Assign,
    Complete,
    Config,
    History,
    Mappings,
    Sets,
    Strict,
    Timezone,
)
from fhir_remission.cli.progress import ended, progress
from fhir_remission.cli.text import say, words
from fhir_remission.domain.answer.wording import number_of

if TYPE_CHECKING:
    from fhir_remission.jobs.archive import archive as job

Out = Annotated[Path, typer.Option("--out", help="folder for the results; only its owner may read")]
Processes = Annotated[int, typer.Option("--workers", min=1, max=256, help="worker processes")]
NoEvidence = Annotated[
    bool, typer.Option("--no-evidence", help="category, state, dates and codes only")
]
Form = Annotated[
    Literal["ndjson", "parquet"],
    typer.Option("--format", help="parquet needs the extra of that name"),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-damage", help="judge in spite of damage that may hide evidence"),
]


def archive(
    paths: Annotated[list[Path], typer.Argument(help="files or folders: NDJSON, Bundles")],
    out: Out,
    workers: Processes = 2,
    criteria: Sets = "eln-2022",
    as_of: AsOf = "",
    complete: Complete = "",
    history: History = False,
    no_evidence: NoEvidence = False,
    accept_damage: Accept = False,
    form: Form = "ndjson",
    mappings: Mappings = None,
    timezone: Timezone = "",
    strict: Strict = False,
) -> int:
    """Judge everybody in files of any size: plain, gzip or zstd, in any order. No network."""
    from fhir_remission.jobs.archive import archive as job
    from fhir_remission.jobs.archive.output import complaints
    from fhir_remission.jobs.judging.request import Request

    order = job.Order(
        paths=tuple(paths),
        out=out,
        request=Request(
            criteria=words(criteria),
            as_of=as_of,
            history=history,
            complete=frozenset(words(complete)),
            overlay=mappings,
            timezone=timezone,
            strict=strict,
        ),
        workers=workers,
        evidence=not no_evidence,
        accept_damage=accept_damage,
        form=form,
    )
    report = job.run(order, progress())
    for line in complaints(report.summary):
        say(line)
    _tell_end(report, out, form)
    return report.exit_code


def bulk(
    out: Out,
    config: Config = Path("site.toml"),
    group: Annotated[str, typer.Option(help="id of the Group to export; else all patients")] = "",
    types: Annotated[str, typer.Option("--type", help="types to export, comma-separated")] = "",
    type_filter: Annotated[
        list[str] | None, typer.Option(help="a search that limits a type; repeats")
    ] = None,
    since: Annotated[
        str, typer.Option(help="`last`: what changed since the kept export, judged with it")
    ] = "",
    keep: Annotated[bool, typer.Option("--keep", help="keep the files for --since")] = False,
    workers: Processes = 2,
    criteria: Sets = "",
    as_of: AsOf = "",
    complete: Complete = "",
    history: History = False,
    no_evidence: NoEvidence = False,
    accept_damage: Accept = False,
    form: Form = "ndjson",
    max_runtime: Annotated[str, typer.Option(help="wait no longer than 4h")] = "",
    assign: Assign = None,
) -> int:
    """Have the server export everything (FHIR Bulk Data), fetch it, judge it as `sync` would."""
    from fhir_remission.jobs.archive import archive as job
    from fhir_remission.jobs.archive.output import complaints
    from fhir_remission.jobs.bulk import bulk as bulk_job
    from fhir_remission.jobs.bulk.order import TYPES, Asked
    from fhir_remission.jobs.judging.request import Request

    asked = Asked(
        path=f"Group/{group}/$export" if group else "Patient/$export",
        types=words(types) or TYPES,
        filters=tuple(type_filter or ()),
        since=since,
    )
    request = Request(as_of=as_of, complete=frozenset(words(complete)), history=history)
    order = job.Order((), out, request, workers, not no_evidence, accept_damage, form=form)
    flags = {"criteria.sets": words(criteria) or None, "run.max_runtime": max_runtime or None}
    report = bulk_job.export(
        asked,
        order,
        config,
        assign or [],
        keep=keep,
        flags={key: value for key, value in flags.items() if value is not None},
        progress=progress(),
    )
    for line in complaints(report.summary):
        say(line)
    _tell_end(report, out, form)
    return report.exit_code


def _tell_end(report: job.Report, out: Path, form: str) -> None:
    judged = report.summary.cohort
    ended(
        f"{number_of(judged.patients, 'patient')} judged, {judged.incomplete} left incomplete: "
        f"{out / f'assessments.{form}'}. In counts, with all damage: {out / 'summary.json'}."
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(archive)
    app.command()(bulk)
