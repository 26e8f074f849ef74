"""How CQL writes a name, a string, a number and a comment."""

from __future__ import annotations

import re


def identifier(name: str) -> str:
    """A name as an identifier without quotes."""
    return "is_" + re.sub(r"\W", "_", name)


def quoted_name(name: str) -> str:
    """A name within the quotes of an identifier."""
    return name.replace("\\", "\\\\").replace('"', '\\"')


def one_line(text: str) -> str:
    """A text as a comment holds it."""
    return " ".join(text.split())


def quoted(text: str) -> str:
    """A text within the quotes of a string."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def strings(many: list[str]) -> str:
    """Strings as the members of a list."""
    return ", ".join(f"'{quoted(one)}'" for one in many)


def decimal_text(number: object) -> str:
    """A decimal as CQL writes it: without exponent, with a point."""
    text = f"{number:f}"
    return text if "." in text else f"{text}.0"
