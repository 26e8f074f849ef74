"""Rows of an archive on their way through Spark: collected, as Arrow, and as they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fhir_remission.effects.files.shared_resources import Found
from fhir_remission.effects.files.spool import Row
from fhir_remission.jobs.judging.columns import Column, batch_of, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 2000
# Which kind of row: evidence, one of the four kinds beside it, or the account of a part.
EVIDENCE, BESIDE, ACCOUNT = 0, 1, 9
ROWS = (
    Column("which", "int"),
    Column("person", "string"),
    Column("task", "int"),
    Column("number", "int"),
    Column("offset", "long"),
    Column("id", "string"),
    Column("address", "string"),
    Column("place", "string"),
    Column("kind", "int"),
    Column("body", "binary"),
)


class Collected:
    """Stands for the spool: rows are kept for Arrow instead of written."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(self, partition: int, row: Row) -> None:
        """Keep one row."""
        head = partition, row.key, row.task, row.number, row.offset
        self.rows.append((*head, row.id, row.address, row.place, row.kind, bytes(row.body)))

    def put(
        self, partition: int, key: bytes, name: bytes, body: bytes, at: tuple[int, int, int, int]
    ) -> None:
        """Keep a plain one."""
        task, number, offset, kind = at
        row = Row(task, number, key.decode(), body, offset, kind, id=name.decode())
        self.add(partition, row)

    def finish(self) -> list[int]:
        """Nothing lies in files."""
        return []


class Known(Struct, frozen=True):
    """Shared resources in memory."""

    by_name: dict[str, tuple[str, str, bytes]]

    def find(self, name: str) -> Found | None:
        """The resource of that name."""
        found = self.by_name.get(name)
        return None if found is None else Found(*found)

    def holds(self, kind: str) -> bool:
        """Whether any resource of this type is among them."""
        return any(name.startswith(f"{kind}/") for name in self.by_name)


def row_of(values: Any) -> tuple[int, Row]:  # noqa: ANN401 - a Row of Spark or a dict of Arrow
    """Which kind of row, and the row."""
    one = values if isinstance(values, dict) else values.asDict()
    row = Row(
        one["task"],
        one["number"],
        one["person"],
        memoryview(bytes(one["body"])),
        one["offset"],
        one["kind"],
        one["id"],
        one["address"],
        one["place"],
    )
    return one["which"], row


def arrow_of(rows: list[tuple[Any, ...]], columns: tuple[Column, ...]) -> Iterator[pa.RecordBatch]:
    """Rows as Arrow, in batches."""
    schema = schema_of(columns)
    for low in range(0, len(rows), BATCH):
        yield batch_of(rows[low : low + BATCH], schema)
