"""How CQL writes a name, a string, a number and a comment."""

from __future__ import annotations

import re
from decimal import Decimal
from textwrap import wrap

DIGITS = 8
LARGEST = Decimal(10) ** 20
# How `value` stands to a number, by functions of the library: an end may be open.
TESTS = {
    "<": '"Below"(value, {0})',
    ">=": 'not "Below"(value, {0})',
    ">": '"Above"(value, {0})',
    "<=": 'not "Above"(value, {0})',
}


def identifier(name: str) -> str:
    """A name as an identifier of its own: no two names share one."""
    return f'"is {quoted_name(name)}"'


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


def is_decimal(number: Decimal) -> bool:
    """Whether CQL can hold it exactly: eight digits after the point, 28 in all."""
    exponent = number.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DIGITS and abs(number) < LARGEST


def decimal_text(number: object) -> str:
    """A decimal as CQL writes it: without exponent, with a point."""
    text = f"{number:f}"
    return text if "." in text else f"{text}.0"


def folded(text: str, width: int = 100) -> str:
    """The text with no line longer than the width, where a comma outside of strings lets it."""
    return "\n".join(part for line in text.split("\n") for part in _fold(line, width))


def _fold(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("//"):
        words = line.strip().removeprefix("//")
        mark = f"{indent}//{words[: len(words) - len(words.lstrip())]}"
        return wrap(
            words.strip(),
            width,
            initial_indent=mark,
            subsequent_indent=f"{mark}  ",
            break_on_hyphens=False,
        )
    lines = [""]
    for part in _PARTS.findall(line):
        if len((lines[-1] + part).rstrip()) > width and lines[-1].strip():
            lines.append(f"{indent}    ")
        lines[-1] += part
    return [one.rstrip() for one in lines]


# Up to and with the next comma that stands in no string and no name.
_PARTS = re.compile(r"""(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,'"])+(?:, ?)?|,""")
