"""Plain text for people: wrapped lines and columns, safe to send to any terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

WIDTH = 100
_GAP = "  "


def printable(text: str) -> str:
    """One line without control characters: what a laboratory sends must not steer a terminal."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def wrapped(
    text: str, *, first: str = "", rest: str | None = None, width: int = WIDTH
) -> list[str]:
    """The text in lines no wider than the page; `first` and `rest` begin them."""
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_on_hyphens=False,
    )


def columns(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row of a table; a cell that is too long goes on below itself."""
    stacks = [
        textwrap.wrap(printable(cell), wide, break_on_hyphens=False) or [""]
        for cell, wide in zip(cells, widths, strict=True)
    ]
    return [
        _GAP.join(piece.ljust(wide) for piece, wide in zip(line, widths, strict=True)).rstrip()
        for line in zip_longest(*stacks, fillvalue="")
    ]


def fitted(rows: Iterable[Sequence[str]], *, last: int, indent: int = 0) -> list[str]:
    """A table whose columns are as wide as their content, and the last at least `last` wide."""
    table = [[printable(cell) for cell in row] for row in rows]
    if not table:
        return []
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    room = WIDTH - indent - len(_GAP) * (len(widths) - 1) - max(last, 1)
    narrow = _shared(widths[:-1], room)
    left = WIDTH - indent - len(_GAP) * len(narrow) - sum(narrow)
    wide = [*narrow, min(max(widths[-1], 1), left)]
    return [" " * indent + line for row in table for line in columns(row, wide)]


def _shared(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into the room: the widest column gives way first."""
    fitting = [max(one, 1) for one in widths]
    while sum(fitting) > room and max(fitting) > 1:
        place = fitting.index(max(fitting))
        fitting[place] -= 1
    return fitting
