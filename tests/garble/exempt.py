"""What may better an answer because it is valid FHIR that says something else: rows of a table."""

from __future__ import annotations

import csv
import functools
import re
from pathlib import Path

from msgspec import Struct

from tests.garble.breaks import Broken

TABLE = Path(__file__).with_name("exempt.tsv")


class Row(Struct, frozen=True):
    """One exemption; each column but the reason is a regular expression for the whole value."""

    kind: str
    type: str
    path: str
    left: str
    reason: str

    def covers(self, one: Broken) -> bool:
        """Whether the break is of this kind."""
        columns = ((self.kind, one.kind), (self.type, one.type), (self.path, one.path))
        return all(_matches(*column) for column in (*columns, (self.left, one.left)))


@functools.cache
def rows() -> tuple[Row, ...]:
    """The table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Row(**row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


def exemption_of(one: Broken) -> Row | None:
    """The first row that covers a break."""
    return next((row for row in rows() if row.covers(one)), None)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None
