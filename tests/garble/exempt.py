"""What may better an answer because it is valid FHIR that says something else: rows of a table."""

from __future__ import annotations

import csv
import functools
import re
from pathlib import Path

from msgspec import Struct

from tests.garble.breaks import Broken

EXEMPT = Path(__file__).with_name("exempt.tsv")
WALK = Path(__file__).with_name("walk.tsv")


class Row(Struct, frozen=True):
    """One exemption; each column but the reason is a regular expression for the whole value."""

    kind: str
    type: str
    path: str
    left: str
    after: str
    """What the answer has become; empty: whatever it is."""
    reason: str

    def covers(self, one: Broken, after: str) -> bool:
        """Whether the break is of this kind."""
        columns = ((self.kind, one.kind), (self.type, one.type), (self.path, one.path))
        rest = ((self.left, one.left), (self.after or ".*", after))
        return all(_matches(*column) for column in (*columns, *rest))


@functools.cache
def rows(table: Path = EXEMPT) -> tuple[Row, ...]:
    """One of the tables: `EXEMPT`, or what only the walk over the course causes (`WALK`)."""
    with table.open(encoding="utf-8", newline="") as file:
        read = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(Row(**row) for row in read)


def exemption_of(one: Broken, after: str, table: Path = EXEMPT) -> Row | None:
    """The first row that covers a break and what came of it."""
    return next((row for row in rows(table) if row.covers(one, after)), None)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None
