"""Flags that several commands have: one spelling, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", help="the site's settings file")]
Assign = Annotated[list[str] | None, typer.Option("--set", help="any setting, as key=value")]
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
Strict = Annotated[bool, typer.Option("--strict", help="assume nothing")]
