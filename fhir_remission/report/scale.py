"""From values to heights: a root scale for percentages, a logarithm for counts and ratios."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

from msgspec import Struct

# Answers without a number, from nothing to much, and what they keep from the ends of a track.
ANSWERS = ("negative", "low-level", "indeterminate", "positive")
MARGIN = 9


class Scale(Struct, frozen=True):
    """Where a value lies between the bottom and the top of a track, in pixels of the picture."""

    kind: Literal["root", "log"]
    low: float
    high: float
    top: float
    bottom: float

    def at(self, value: Decimal | float) -> float:
        """The height of a value; what lies beyond the scale is drawn at its end."""
        held = min(max(float(value), self.low), self.high)
        if self.kind == "root":
            share = math.sqrt(held / self.high)
        else:
            share = math.log(held / self.low) / math.log(self.high / self.low)
        return round(self.bottom - share * (self.bottom - self.top), 1)

    def of_answer(self, answer: str) -> float:
        """Where an answer without a number lies, clear of both ends of the track."""
        room = self.bottom - self.top - 2 * MARGIN
        return round(self.bottom - MARGIN - ANSWERS.index(answer) / 3 * room, 1)

    def below(self, value: Decimal | float) -> bool:
        """Whether the value lies below what the scale shows."""
        return float(value) < self.low

    def above(self, value: Decimal | float) -> bool:
        """Whether the value lies above what the scale shows."""
        return float(value) > self.high


def decades(low: float, high: float) -> tuple[float, float]:
    """The powers of ten that hold both values."""
    return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
