"""Flags that several commands have: one spelling, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fhir_remission.cli.text import words
from fhir_remission.errors import UsageError

Config = Annotated[Path, typer.Option("--config", help="the site's settings file")]
Assign = Annotated[list[str] | None, typer.Option("--set", help="any setting, as key=value")]
OnePatient = Annotated[str, typer.Option("--patient", help="only this patient")]
SiteOfPatient = Annotated[
    Path | None, typer.Option("--config", help="read --patient from the server of these settings")
]
Source = Annotated[str, typer.Argument(help="a Bundle, a resource or NDJSON; - is stdin")]
Sets = Annotated[str, typer.Option("--criteria", help="criteria sets, comma-separated")]
AsOf = Annotated[str, typer.Option("--as-of", help="judge as of this moment (RFC 3339)")]
WriteAsOf = Annotated[
    bool,
    typer.Option(
        "--write-as-of", help="write although --as-of lies in the past, which else is a dry run"
    ),
]
History = Annotated[bool, typer.Option("--history", help="every assessment")]
Complete = Annotated[
    str,
    typer.Option(
        "--complete", help="types recorded and read to the end, such as Condition,Procedure"
    ),
]
Mappings = Annotated[Path | None, typer.Option("--mappings", help="folder with the site's rows")]
Timezone = Annotated[str, typer.Option("--timezone", help="zone for days and bare times")]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-criteria",
        help="a new version of a set, eln-2022@2: rewrite what an earlier one wrote",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="assume nothing")]


def sets_of(criteria: str, config: Path | None) -> tuple[str, ...]:
    """The sets that were asked for; else those of the site, where there is one, or ELN 2022."""
    return words(criteria or ("" if config is not None else "eln-2022"))


def at_site(config: Path | None, patient: str, file: str) -> bool:
    """Whether one patient is read from a site's server; UsageError where a file is meant too."""
    if config is not None and (not patient or file != "-"):
        raise UsageError("--config reads one patient from the server: give --patient, no FILE")
    return config is not None


class WholeHelp(TyperGroup):
    """A group whose list of commands wraps long sentences, where others cut them with dots."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - click's own types are not public
        """Write each command with its first paragraph."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                said = (command.short_help or command.help or "").partition("\n\n")[0]
                rows.append((name, " ".join(said.split())))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
