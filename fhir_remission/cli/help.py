"""Help with whole sentences: commands are listed with all of what they say of themselves."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


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
