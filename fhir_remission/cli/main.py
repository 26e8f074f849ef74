"""The command line: flags, wiring, exit codes. The only place that prints.

Jobs are imported when their command runs: `classify` is started once per message by an engine and
must not pay for `sync`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Never, cast

import typer
from typer.exceptions import Abort, TyperException

from fhir_remission.cli.archive import register as register_archive
from fhir_remission.cli.criteria import register as register_criteria
from fhir_remission.cli.flags import (
    Accept,
    AsOf,
    Assign,
    Complete,
    Config,
    History,
    Mappings,
    OnePatient,
    Sets,
    SiteOfPatient,
    Source,
    Strict,
    Timezone,
    WholeHelp,
    WriteAsOf,
    at_site,
    sets_of,
)
from fhir_remission.cli.mappings import app as mappings_app
from fhir_remission.cli.messages import place_in_pages
from fhir_remission.cli.progress import ended, followed
from fhir_remission.cli.report import register as register_report
from fhir_remission.cli.service import register as register_service
from fhir_remission.cli.site import register as register_site
from fhir_remission.cli.text import page_width, show, words, write
from fhir_remission.cli.text import say as _say
from fhir_remission.cli.write_back import register as register_writing
from fhir_remission.effects.process.signals import guard
from fhir_remission.errors import RemissionError, UsageError, place_of

app = typer.Typer(
    cls=WholeHelp,
    help="Works out AML remission from FHIR Observations by published criteria, with proof.",
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
register_archive(app)
register_writing(app)
app.add_typer(mappings_app, name="mappings")
register_criteria(app)
register_report(app)
register_site(app)
register_service(app)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code (README, "Exit codes")."""
    try:
        result = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # typer turns a closed pipe into SystemExit(1), and nothing else into SystemExit.
        return _closed_stdout()
    except RemissionError as error:
        _say(f"{error}{_told_at(error)}")
        return error.exit_code
    except TyperException as error:
        _say(f"{error.format_message()} (see --help){_told_at(UsageError())}")
        return UsageError.exit_code
    except (KeyboardInterrupt, Abort):
        return 130
    except Exception as error:  # the last line of defence: a bug of ours, told without its data
        bug = RemissionError(f"bug: {type(error).__name__} at {place_of(error)}; please report it")
        _say(f"{bug}{_told_at(bug)}")
        return RemissionError.exit_code
    return result if isinstance(result, int) else 0


def entry_point() -> Never:
    """The console script."""
    guard()
    sys.exit(main(sys.argv[1:] or ["--help"]))


@app.command()
def classify(
    file: Source = "-",
    criteria: Sets = "",
    as_of: AsOf = "",
    history: History = False,
    complete: Complete = "",
    output: Annotated[
        Literal["lines", "bundle"], typer.Option(help="JSON lines, or one transaction Bundle")
    ] = "lines",
    config: Annotated[
        Path | None, typer.Option(help="judge, and name a bundle, by these settings")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="what of ours stands on the server, as it answered (bundle)")
    ] = None,
    mappings: Mappings = None,
    timezone: Timezone = "",
    strict: Strict = False,
) -> int:
    """Read resources, print one assessment per patient and criteria set. No network.

    The set is eln-2022, or those of --config, by whose settings it is then judged as sync would.

    A bundle can be posted any number of times and overwrites nothing: each result is created
    unless it is there. To change what stands, give it as --base (a Bundle or NDJSON read from the
    server): such an entry names the version it replaces, and is refused if that has changed.
    What a person edited is left and told (3). A later sync finds these results and keeps them.
    """
    from fhir_remission.jobs.files import classify as job
    from fhir_remission.jobs.judging.request import Request

    request = Request(
        criteria=sets_of(criteria, config),
        as_of=as_of,
        history=history,
        complete=frozenset(words(complete)),
        bundle=output == "bundle",
        config=config,
        base=base,
        overlay=mappings,
        timezone=timezone,
        strict=strict,
    )
    report = job.run(sys.stdin.buffer if file == "-" else file, request)
    write(report.lines)
    for complaint in report.complaints:
        _say(complaint)
    return report.exit_code


@app.command()
def explain(
    file: Source = "-",
    patient: OnePatient = "",
    config: SiteOfPatient = None,
    criteria: Sets = "",
    as_of: AsOf = "",
    complete: Complete = "",
    mappings: Mappings = None,
    timezone: Timezone = "",
    strict: Strict = False,
    assign: Assign = None,
) -> int:
    """Explain a patient's answer on one page: the course, each criterion, the evidence."""
    from fhir_remission.jobs.files import explain as job

    request = job.Request(
        criteria=sets_of(criteria, config),
        as_of=as_of,
        complete=frozenset(words(complete)),
        overlay=mappings,
        timezone=timezone,
        strict=strict,
    )
    width = page_width()
    if at_site(config, patient, file):
        report = job.run_site(config, assign or [], request, patient=patient, width=width)
    else:
        source = sys.stdin.buffer if file == "-" else file
        report = job.run(source, request, patient=patient, width=width)
    show(report.lines)
    for complaint in report.complaints:
        _say(complaint)
    return report.exit_code


@app.command()
def sync(
    config: Config = Path("site.toml"),
    patient: Annotated[list[str] | None, typer.Option(help="only this patient")] = None,
    criteria: Sets = "",
    as_of: AsOf = "",
    write_as_of: WriteAsOf = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="read and judge, write nothing anywhere")
    ] = False,
    wait: Annotated[
        str, typer.Option(help="wait 60s for a run that is under way, not end with 6 at once")
    ] = "0s",
    max_runtime: Annotated[str, typer.Option(help="end between two patients after 45m")] = "",
    output: Annotated[Path | None, typer.Option(help="lines to this file, not stdout")] = None,
    table: Annotated[bool, typer.Option("--table", help="a page to read, not JSON lines")] = False,
    summary: Annotated[Path | None, typer.Option(help="the run summary as JSON")] = None,
    log_format: Annotated[
        Literal["", "auto", "json", "text"], typer.Option(help="how the log on stderr is written")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="log warnings only")] = False,
    accept_criteria: Accept = None,
    assign: Assign = None,
) -> int:
    """Read the cohort, classify, write the results back; one run, made for a scheduler."""
    from msgspec.json import decode

    from fhir_remission.jobs.judging.answers_page import answers_page
    from fhir_remission.jobs.judging.request import duration_of
    from fhir_remission.jobs.sync import sync as job
    from fhir_remission.jobs.sync.write_to_sinks import How

    if table and output is not None:
        raise UsageError("--table is a page for a person, --output a file of JSON lines: give one")

    flags = {
        "criteria.sets": words(criteria) or None,
        "run.max_runtime": max_runtime or None,
        "log.format": log_format or None,
        "log.level": "warning" if quiet else None,
    }
    request = job.Request(
        config=config,
        assignments=tuple(assign or ()),
        flags={key: value for key, value in flags.items() if value is not None},
        patients=tuple(patient or ()),
        as_of=as_of,
        write_as_of=write_as_of,
        dry_run=dry_run,
        wait=duration_of("--wait", wait),
        summary=summary,
        output=output,
        how=How(accept=tuple(accept_criteria or ())),
    )
    with job.open_run(request) as run:
        lines = followed(run.lines(), run.summary.progress)
        if table:
            show(answers_page(map(decode, lines), page_width(150)))
        else:
            write(lines, output)
        ended(run.summary.sentence())
        return run.exit_code


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="serve on after the tour")] = False,
) -> int:
    """A tour on the embedded server: first run, idle run, and a run after an amended result."""
    from fhir_remission.cli import demo as tour

    return tour.run(show, width=page_width(150), keep=keep)


@app.command()
def rehearse(
    persona: Annotated[str, typer.Option(help="behave like this server family")] = "generic",
    fault: Annotated[list[str] | None, typer.Option(help="a fault, such as expire-page:3")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one")] = 0,
    load: Annotated[Path | None, typer.Option(help="NDJSON instead of the demo cohort")] = None,
    site: Annotated[Path | None, typer.Option(help="write the settings for it here")] = None,
    login: Annotated[
        Path | None,
        typer.Option(help="demand a login signed with this key (made if missing) or key set"),
    ] = None,
) -> int:
    """Serve an invented cohort on loopback until stopped, as a server family, with faults."""
    from fhir_remission.effects.files.private_file import write_output
    from fhir_remission.rehearsal import serve
    from fhir_remission.rehearsal.cohort.cohort import demo_cohort, load_ndjson

    signed = None
    if login is not None:
        from fhir_remission.effects.http.assertions import signed_with

        signed = signed_with(login)
    serve(
        persona=persona,
        faults=fault or [],
        resources=demo_cohort() if load is None else load_ndjson(load),
        port=port,
        key="" if login is None else "client.pem" if login.suffix == ".json" else str(login),
        signed=signed,
        announce=lambda line: print(line, flush=True),
        settled=lambda text: write_output(site, text.encode()) if site is not None else None,
    )
    return 0


def _told_at(error: RemissionError) -> str:
    """Where this message is explained."""
    return f" [docs/errors.md#{place_in_pages(error)}]"


def _closed_stdout() -> int:
    """The reader went away: end quietly, and keep the interpreter from trying to flush again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), cast(int, sys.stdout.fileno()))
    return 0
