"""The commands around write-back: plan, apply, retry, reconcile, retract, purge, state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_remission.cli.flags import AsOf, Assign, Config, WholeHelp, WriteAsOf
from fhir_remission.cli.progress import ended, followed, progress
from fhir_remission.cli.text import page_width, say, show, write
from fhir_remission.domain.answer.wording import number_of

if TYPE_CHECKING:
    from fhir_remission.jobs.sync.sync import Run

state_app = typer.Typer(cls=WholeHelp, help="The memory of a site: moved, and looked at.")
parked_app = typer.Typer(
    cls=WholeHelp, help="Results that wait for a person: edited, deleted, retracted."
)
References = Annotated[
    list[str], typer.Argument(help="Type/id as `parked list` prints it; or the word all")
]
Summary = Annotated[Path | None, typer.Option(help="the run summary as JSON")]


def plan(
    config: Config = Path("site.toml"),
    as_of: AsOf = "",
    out: Annotated[Path | None, typer.Option("--out", help="the plan as a file for apply")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the plan file itself")] = False,
    assign: Assign = None,
) -> int:
    """Tell what a run would create, change, retract and leave, and why. Writes to no server."""
    import msgspec

    from fhir_remission.jobs.sync import plan as job

    planned = job.make_plan(config, tuple(assign or ()), as_of, out)
    told = msgspec.json.format(msgspec.json.encode(planned.plan), indent=1) + b"\n"
    if out is not None:
        write([told], out)
    if as_json:
        write([told])
    else:
        show(job.plan_table(planned, page_width(0)))
    return planned.exit_code


def apply(
    file: Annotated[Path, typer.Option("--plan", help="what `plan --out` wrote")],
    config: Config = Path("site.toml"),
    write_as_of: WriteAsOf = False,
    summary: Summary = None,
    assign: Assign = None,
) -> int:
    """Carry out exactly what a plan says, or refuse with 5 because the world has moved."""
    from fhir_remission.jobs.sync import reruns as again
    from fhir_remission.jobs.sync import sync

    asked = sync.Request(
        config=config,
        assignments=tuple(assign or ()),
        summary=summary,
        write_as_of=write_as_of,
    )
    with again.applying(asked, file) as run:
        return _carried_out(run)


def retry(
    config: Config = Path("site.toml"), summary: Summary = None, assign: Assign = None
) -> int:
    """Read and write again the patients that the last runs had to leave."""
    from fhir_remission.jobs.sync import reruns as again
    from fhir_remission.jobs.sync import sync

    asked = sync.Request(config=config, assignments=tuple(assign or ()), summary=summary)
    with again.retrying(asked) as run:
        if run is None:
            say("nobody is on the backlog")
            return 0
        return _carried_out(run)


def reconcile(
    config: Config = Path("site.toml"),
    as_of: AsOf = "",
    write_as_of: WriteAsOf = False,
    retract_duplicates: Annotated[
        bool, typer.Option("--retract-duplicates", help="keep one of what stands twice")
    ] = False,
    summary: Summary = None,
    assign: Assign = None,
) -> int:
    """Read all evidence and all results again, whatever the state remembers."""
    from fhir_remission.jobs.sync import reruns as again
    from fhir_remission.jobs.sync import sync

    asked = sync.Request(
        config=config,
        assignments=tuple(assign or ()),
        summary=summary,
        as_of=as_of,
        write_as_of=write_as_of,
    )
    with again.reconciling(asked, retract_duplicates=retract_duplicates) as run:
        return _carried_out(run)


def _carried_out(run: Run) -> int:
    """Print each line as it comes, and how the run ended."""
    write(followed(run.lines(), run.summary.progress))
    ended(run.summary.sentence())
    return run.exit_code


def retract(
    run: Annotated[str, typer.Option("--run", help="the id of the run, as its summary names it")],
    config: Config = Path("site.toml"),
    assign: Assign = None,
) -> int:
    """Take one run back: created becomes entered-in-error, changed gets its former content.

    It holds: no later run writes it again until its evidence changes, or `parked release` names it
    (write.retracted = "redo" lets it come back with the next reading of the patient).
    """
    from fhir_remission.jobs.sync.retract_run import retract_run

    found = retract_run(config, tuple(assign or ()), run, progress())
    show(f"{one.how} {one.reference} {one.reason}".strip() for one in found)
    left = sum(one.how == "left" for one in found)
    ended(f"{len(found) - left} resources of run {run} taken back on their server, {left} left.")
    return 3 if left else 0


@parked_app.command("list")
def parked_list(config: Config = Path("site.toml"), assign: Assign = None) -> int:
    """Print each result that waits for a person: where, whose, since when, why, what frees it."""
    from fhir_remission.jobs.sync import parked as job

    show(job.listed(config, tuple(assign or ())) or ["nothing waits for a person"])
    return 0


@parked_app.command("acknowledge")
def parked_acknowledge(
    references: References, config: Config = Path("site.toml"), assign: Assign = None
) -> int:
    """Say that a person knows: runs end with 0 again until it, or what it should say, changes."""
    from fhir_remission.jobs.sync import parked as job

    show(job.mark(config, tuple(assign or ()), references, "acknowledged"))
    return 0


@parked_app.command("release")
def parked_release(
    references: References, config: Config = Path("site.toml"), assign: Assign = None
) -> int:
    """Let the next run write over exactly what was found there, and nothing newer."""
    from fhir_remission.jobs.sync import parked as job

    show(job.mark(config, tuple(assign or ()), references, "released"))
    return 0


def purge(
    patient: Annotated[str, typer.Option(help="whom to forget here")],
    config: Config = Path("site.toml"),
    assign: Assign = None,
) -> int:
    """Forget a patient in the state and the results files; the audit keeps the keyed hash."""
    from fhir_remission.jobs.sync import state_files as job

    removed = job.purge(config, tuple(assign or ()), patient)
    lines = number_of(removed, "line")
    say(f"forgotten; {lines} removed from results files; servers keep what they have")
    return 0


@state_app.command("export")
def state_export(config: Config = Path("site.toml"), assign: Assign = None) -> int:
    """Print every row as a line of JSON."""
    from fhir_remission.jobs.sync import state_files as job

    write(job.export(config, tuple(assign or ())))
    return 0


@state_app.command("import")
def state_import(
    file: Annotated[Path, typer.Argument(help="what `state export` printed")],
    config: Config = Path("site.toml"),
    assign: Assign = None,
) -> int:
    """Fill an empty state."""
    from fhir_remission.jobs.sync import state_files as job

    say(f"{job.fill(config, tuple(assign or ()), file)} rows")
    return 0


@state_app.command("check")
def state_check(
    config: Config = Path("site.toml"),
    mend: Annotated[
        bool,
        typer.Option("--repair", help="throw damaged rows away; their patients are read again"),
    ] = False,
    assign: Assign = None,
) -> int:
    """Tell what is unfinished or damaged; 3 if anything is."""
    from fhir_remission.jobs.sync import state_files as job

    found, unfinished = job.check(config, tuple(assign or ()), mend=mend)
    show(found or ["nothing is unfinished"])
    return 3 if unfinished else 0


@state_app.command("release-lease")
def state_release_lease(config: Config = Path("site.toml"), assign: Assign = None) -> int:
    """Free the lease of a run that is known to be dead; one that lives stops writing."""
    from fhir_remission.jobs.sync import state_files as job

    held = job.release_lease(config, tuple(assign or ()))
    say(f"freed; it was held until {held}" if held else "nobody holds it")
    return 0


@state_app.command("rename-site")
def state_rename_site(
    new: Annotated[str, typer.Argument(help="the new site.id")],
    config: Config = Path("site.toml"),
    assign: Assign = None,
) -> int:
    """Give the site another id: the next run moves all its results there, on purpose."""
    from fhir_remission.jobs.sync import state_files as job

    say(job.rename_site(config, tuple(assign or ()), new))
    return 0


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (plan, apply, retry, reconcile, retract, purge):
        app.command()(command)
    app.add_typer(state_app, name="state")
    app.add_typer(parked_app, name="parked")
