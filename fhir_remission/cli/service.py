"""The command that serves: engines, EHRs and Subscriptions call it over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_remission.cli.flags import Assign, Config
from fhir_remission.cli.text import show


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(serve)


def serve(
    config: Config = Path("site.toml"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="on loopback, instead of service.bind")
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="run sync when the source notifies of a change")
    ] = False,
    assign: Assign = None,
) -> int:
    """Serve the operation $classify-remission until told to stop; needs the extra `service`."""
    from fhir_remission.service.running.serve import serve as run

    run(config, tuple(assign or ()), lambda line: show([line]), port, sync=sync)
    return 0
