"""The command that serves: engines, EHRs and Subscriptions call it over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_remission.cli.flags import Assign, Config
from fhir_remission.cli.text import show


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (serve, subscribe):
        app.command()(command)


def serve(
    config: Config = Path("site.toml"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="on loopback, instead of service.bind")
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="run sync when the source notifies of a change")
    ] = False,
    openhim: Annotated[
        bool, typer.Option("--openhim", help="register as a mediator of [service.openhim]")
    ] = False,
    assign: Assign = None,
) -> int:
    """Serve the operation $classify-remission until told to stop; needs the extra `service`."""
    from fhir_remission.service.running.serve import serve as run

    given = tuple(assign or ())
    run(config, given, lambda line: show([line]), port, sync=sync, openhim=openhim)
    return 0


def subscribe(
    config: Config = Path("site.toml"),
    remove: Annotated[bool, typer.Option("--remove", help="switch them off")] = False,
    assign: Assign = None,
) -> int:
    """Make or renew the Subscriptions by which the source wakes `serve`; --remove ends them."""
    from fhir_remission.jobs.site.subscriptions import subscribe as job

    show(job(config, tuple(assign or ()), remove=remove))
    return 0
