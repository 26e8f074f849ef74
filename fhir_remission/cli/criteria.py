"""The commands about criteria sets, and `fhir-package`: all that we define, for other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fhir_remission.cli.flags import WholeHelp
from fhir_remission.cli.text import page_width, say, show

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


@app.command()
def export(
    name: Annotated[str, typer.Option("--set", help="the criteria set, shipped or the site's own")],
    out: Annotated[Path, typer.Option("--out", help="folder for the files")],
    form: Annotated[
        Literal["cql", "fhir"],
        typer.Option("--format", help="the library as text, or with its resources"),
    ] = "cql",
    mappings: Overlay = None,
    namespace: Annotated[str, typer.Option(help="the site's namespace, where it is not ours")] = "",
    elm: Annotated[
        Path | None, typer.Option("--elm", help="what cql-to-elm made of it, for the Library")
    ] = None,
) -> int:
    """Write a set as CQL, or as Library, PlanDefinition and ValueSets of FHIR R4.

    The library walks every course that a record allows, as this program does. A criterion that it
    cannot judge is named, and what needs it is never said; a record that holds transfusions, drugs
    given or anything else that it does not read gets no answer.
    """
    from fhir_remission.jobs.files import criteria_files as job

    done = job.run(name, out, form, overlay=mappings, namespace=namespace, elm=elm)
    show(str(path) for path in done.files)
    for lost in done.inexpressible:
        say(f"not expressible in CQL: criterion {lost}; no category that needs it is ever said")
    return 0


def register(main: typer.Typer) -> None:
    """Add the sets under a name of their own, and the package beside them."""
    main.add_typer(app, name="criteria")

    @main.command("fhir-package")
    def fhir_package(
        out: Annotated[Path, typer.Option("--out", help="a new or empty folder")],
        namespace: Annotated[
            str, typer.Option(help="the site's namespace, where it is not ours")
        ] = "",
    ) -> int:
        """Write all that we define as an npm-style FHIR package, as files and as one .tgz.

        Profiles of what sync writes, code lists and their maps, the criteria as Library and
        PlanDefinition, the operation of serve, examples. The same bytes every time.
        """
        from fhir_remission.jobs.files import fhir_package as job

        done = job.run(out, namespace=namespace)
        show([str(done.archive), *(f"{many:4} {kind}" for kind, many in done.held.items())])
        return 0
