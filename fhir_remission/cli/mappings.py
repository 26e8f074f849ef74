"""The commands about mapping tables: `mappings check` and `mappings export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fhir_remission.cli.flags import WholeHelp
from fhir_remission.cli.text import say, show, write

app = typer.Typer(
    cls=WholeHelp, help="The mapping tables: a site's data against them, and our codes as FHIR."
)
Overlay = Annotated[Path | None, typer.Option("--mappings", help="folder with the site's rows")]
Namespace = Annotated[str, typer.Option(help="the site's namespace, where it is not ours")]


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="a Bundle, a resource or NDJSON; - is stdin")] = "-",
    mappings: Overlay = None,
    namespace: Namespace = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="all findings as one JSON object")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit 3 if anything was found")] = False,
) -> int:
    """List unmapped codes, look-alikes, displays against codes, bad check digits, refused units."""
    from fhir_remission.jobs.files import mappings_check as job

    source = sys.stdin.buffer if file == "-" else file
    report = job.run(source, overlay=mappings, namespace=namespace, strict=strict)
    if as_json:
        write([job.as_json(report.findings)])
    else:
        show(job.as_text(report.findings))
    for complaint in report.complaints:
        say(complaint)
    return report.exit_code


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="folder for the JSON files")],
    namespace: Namespace = "",
) -> int:
    """Write our CodeSystems, ValueSets and ConceptMaps as FHIR R4, one JSON file each."""
    from fhir_remission.jobs.files import mappings_export as job

    show(str(path) for path in job.run(out, namespace=namespace))
    return 0
