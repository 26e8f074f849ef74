"""Marks of the picture: a shape for each kind of value, hollow where it does not count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Shape = Literal["circle", "triangle", "square", "diamond", "cross", "drop", "flask", "query"]
SIZE = 5.0
# Nearer than this, in pixels, two numbers run into one another.
NEAR = 14.0
HALF_BAR = 3.0


class Mark(Struct, frozen=True):
    """One value or event: its outline, its words, and what the picture may be read back by."""

    id: int
    path: str
    text: str
    hollow: bool = False
    decided: bool = False
    dashed: bool = False
    """Where it does not count, or its certainty is less than confirmed."""
    number: int = 0
    """Its number in the evidence of the answer; 0: the answer does not rest on it."""
    label: str = ""
    """The numbers that stand beside it: its own and those of marks too near for their own."""
    x: float = 0
    y: float = 0
    low: str = ""
    high: str = ""
    shape: str = ""


def labelled(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Marks with their numbers beside them; of those that lie together the first has all: 3-5.

    Numbers that run into one another read like another number.
    """
    groups: list[list[Mark]] = []
    for one in sorted((m for m in marks if m.number), key=lambda m: (m.x, m.y, m.number)):
        near = (g for g in groups if abs(g[-1].x - one.x) < NEAR and abs(g[-1].y - one.y) < NEAR)
        held = next(near, None)
        if held is None:
            groups.append([one])
        else:
            held.append(one)
    labels = {group[0].id: _numbers([one.number for one in group]) for group in groups}
    return tuple(replace(one, label=labels.get(one.id, "")) for one in marks)


def _numbers(found: Sequence[int]) -> str:
    told = sorted(set(found))
    if len(told) > 2 and told[-1] - told[0] == len(told) - 1:
        return f"{told[0]}-{told[-1]}"
    return ",".join(map(str, told))


_CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "triangle": ((0, -1), (1, 1), (-1, 1)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "flask": ((-1, -1), (1, -1), (0, 1)),
    "drop": ((0, -1.3), (0.8, 0.1), (0.5, 0.9), (-0.5, 0.9), (-0.8, 0.1)),
}


def outline(shape: Shape, x: float, y: float) -> str:
    """The path of a shape around a point."""
    s = SIZE
    if shape == "circle":
        arc = f"a{n(s)} {n(s)} 0 1 0"
        return f"M{n(x - s)} {n(y)}{arc} {n(2 * s)} 0{arc} -{n(2 * s)} 0z"
    if shape == "cross":
        way = f"l{n(2 * s)} {n(2 * s)}m0 -{n(2 * s)}l-{n(2 * s)} {n(2 * s)}"
        return f"M{n(x - s)} {n(y - s)}{way}"
    if shape == "query":
        return f"M{n(x - 3)} {n(y - 3)}a3 3 0 1 1 4 2.8l-1 1v1.7m0 2v1"
    first, *rest = (f"{n(x + s * across)} {n(y + s * down)}" for across, down in _CORNERS[shape])
    return f"M{first}L{' '.join(rest)}z"


def bar(x: float, top: float, bottom: float, shape: Shape) -> str:
    """An interval: as high as what the value may be, its ends capped by the kind's own width."""
    wide = {"circle": 3.0, "triangle": 4.0}.get(shape, HALF_BAR)
    height = max(bottom - top, 2.0)
    return f"M{n(x - wide)} {n(top)}h{n(2 * wide)}v{n(height)}h-{n(2 * wide)}z"


def arrow(x: float, y: float, way: Literal["up", "down"]) -> str:
    """A head that says: it goes on beyond the scale."""
    sign = -1 if way == "up" else 1
    return f"M{n(x - 3.5)} {n(y)}h7l-3.5 {n(sign * 5)}z"


def span(left: float, right: float, y: float, height: float) -> str:
    """A bar along the time axis."""
    return f"M{n(left)} {n(y)}h{n(max(right - left, 3))}v{n(height)}h-{n(max(right - left, 3))}z"


def n(number: float) -> str:
    """A number of the picture, without digits that nobody sees."""
    text = f"{number:.1f}"
    return text.removesuffix(".0")
