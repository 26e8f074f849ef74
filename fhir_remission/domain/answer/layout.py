"""Plain text for people: wrapped lines and columns, safe to send to any terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

WIDTH = 100
# A cell longer than this is a document in the wrong place; its reference is printed beside it.
LONGEST = 500
_GAP = "  "


def printable(text: str) -> str:
    """One line without control characters: what a laboratory sends must not steer a terminal."""
    clean = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]} ..."


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


def fitted(
    rows: Iterable[Sequence[str]], *, indent: int = 0, width: int = WIDTH
) -> list[tuple[str, list[str]]]:
    """A table whose columns are as wide as their content, the widest giving way where it must.

    Each row is its second cell, by which it is called, and its lines.
    """
    table = [[printable(cell) for cell in row] for row in rows]
    if not table:
        return []
    widths = [max(1, *(len(row[place]) for row in table)) for place in range(len(table[0]))]
    widths = narrowed(widths, width - indent)
    return [(row[1], [" " * indent + line for line in columns(row, widths)]) for row in table]


def narrowed(widths: Sequence[int], width: int, least: Sequence[int] = ()) -> list[int]:
    """Widths of columns that fit a page with their gaps, the widest giving way first.

    No column becomes narrower than `least` says, or than one character; then the page is wider.
    """
    held, floors = list(widths), list(least) or [1] * len(widths)
    room = width - len(_GAP) * (len(held) - 1)
    while sum(held) > room and (able := [at for at, wide in enumerate(held) if wide > floors[at]]):
        held[max(able, key=lambda at: held[at])] -= 1
    return held


def lined(table: Iterable[tuple[str, list[str]]]) -> list[str]:
    """The lines of a table."""
    return [line for _, lines in table for line in lines]
