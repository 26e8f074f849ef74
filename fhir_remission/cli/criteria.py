"""The commands about criteria sets: `criteria show` and `criteria diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_remission.cli.flags import WholeHelp
from fhir_remission.cli.text import page_width, show

app = typer.Typer(
    cls=WholeHelp, help="The criteria sets: read, compared, and written out for other systems."
)
Overlay = Annotated[Path | None, typer.Option("--mappings", help="folder with the site's sets")]
SetName = Annotated[str, typer.Argument(help="a criteria set, such as eln-2022")]


@app.command("show")
def show_set(name: SetName, mappings: Overlay = None) -> int:
    """Print a set as a page: categories in order, criteria, numbers, policies, sources, trust."""
    from fhir_remission.domain.criteria.printed import page_of
    from fhir_remission.effects.files.mapping_files import load_criteria

    show(page_of(load_criteria(name, overlay=mappings), page_width(100)))
    return 0


@app.command()
def diff(left: SetName, right: SetName, mappings: Overlay = None) -> int:
    """Print what two sets say differently, rule by rule."""
    from fhir_remission.domain.criteria.printed import differences
    from fhir_remission.effects.files.mapping_files import load_criteria

    one, other = (load_criteria(name, overlay=mappings) for name in (left, right))
    show(differences(one, other, page_width(100)))
    return 0
