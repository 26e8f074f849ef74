"""Assessments as a table: one row per printed line, for Parquet and for Spark alike.

Answers, dates and codes are typed columns; what proves them stays in `line`, the JSON itself.
A patient who is incomplete has a row whose answers are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from fhir_remission.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

# A row group is held in memory until it is written; a line with its evidence is 5 to 50 kB.
_GROUP_BYTES, _GROUP_ROWS = 8 << 20, 20_000
_ASSUMPTIONS = "array<struct<id:string,class:string>>"
_RESPONSES = "array<struct<category:string,date:string>>"
_MRD_HISTORY = "array<struct<event:string,since:string,until:string>>"


class Column(NamedTuple):
    """One column: its name, its type as Spark writes it, and where the line has it."""

    name: str
    kind: str
    path: str = ""


ASSESSMENTS = (
    Column("patient", "string"),
    Column("criteria", "string", "criteria.id"),
    Column("criteria_version", "string", "criteria.version"),
    Column("disposition", "string"),
    Column("state", "string"),
    Column("state_since", "date"),
    Column("category", "string"),
    Column("best_response", "string"),
    Column("responses", _RESPONSES),
    Column("remission_number", "int"),
    Column("mrd", "string"),
    Column("mrd_event", "string"),
    Column("mrd_history", _MRD_HISTORY),
    Column("code", "string"),
    Column("provisional", "boolean"),
    Column("confidence", "string"),
    Column("assumptions", _ASSUMPTIONS),
    Column("possible_higher", "array<string>"),
    Column("candidates", "array<string>"),
    Column("missing", "array<string>"),
    Column("lineages_below", "array<string>"),
    Column("flags", "array<string>"),
    Column("latest_category", "string", "latest.category"),
    Column("latest_effective", "string", "latest.anchor.effective"),
    Column("anchor_kind", "string", "anchor.kind"),
    Column("anchor_effective", "string", "anchor.effective"),
    Column("cycle", "int", "cycle.number"),
    Column("cycle_day", "int", "cycle.day"),
    Column("response_date", "date"),
    Column("first_sign", "date"),
    Column("window_closes", "date"),
    Column("last_marrow", "date"),
    Column("last_blood", "date"),
    Column("last_mrd", "date"),
    Column("current", "boolean"),
    Column("as_of", "timestamp"),
    Column("window_open", "boolean"),
    Column("stale", "boolean"),
    Column("summary", "string"),
    Column("next_better", "string"),
    Column("reason", "string"),
    Column("software_version", "string", "software.version"),
    Column("evidence_hash", "string"),
    Column("line", "string"),
)


def row_of_line(line: bytes) -> tuple[Any, ...]:
    """A printed line as a row of ASSESSMENTS."""
    said = msgspec.json.decode(line)
    said["line"] = line.decode().removesuffix("\n")
    return tuple(_cell(said, column) for column in ASSESSMENTS)


def _cell(said: Any, column: Column) -> Any:  # noqa: ANN401 - JSON of any shape
    for name in (column.path or column.name).split("."):
        said = None if said is None else said.get(name)
    if said is None:
        return None
    if column.kind == "date":
        return date.fromisoformat(said)
    return datetime.fromisoformat(said) if column.kind == "timestamp" else said


def ddl(columns: Iterable[Column]) -> str:
    """The columns as Spark's schema text."""
    return ", ".join(f"`{column.name}` {column.kind}" for column in columns)


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """The columns as Arrow has them."""
    import pyarrow as pa

    text = pa.string()
    kinds = {
        "int": pa.int32(),
        "long": pa.int64(),
        "binary": pa.binary(),
        "string": text,
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "array<string>": pa.list_(text),
        _ASSUMPTIONS: pa.list_(pa.struct([("id", text), ("class", text)])),
        _RESPONSES: pa.list_(pa.struct([("category", text), ("date", text)])),
        _MRD_HISTORY: pa.list_(pa.struct([("event", text), ("since", text), ("until", text)])),
    }
    return pa.schema([(column.name, kinds[column.kind]) for column in columns])


def batch_of(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as one batch of Arrow; at least one row."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(many, one.type) for many, one in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def needs_parquet() -> None:
    """Say before hours of work that the writer is not there."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError(
            "--format parquet needs pyarrow: python -m pip install 'fhir-remission[parquet]'"
        ) from None


def write_parquet(lines: Iterable[bytes], file: BinaryIO) -> None:
    """Write lines as a table, a row group at a time."""
    from pyarrow import parquet

    schema = schema_of(ASSESSMENTS)
    # Lines are long and all different: a dictionary of them would only be thrown away.
    repeated = [name for name in schema.names if name not in ("line", "evidence_hash")]
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=repeated) as writer:
        for rows in _groups(lines):
            writer.write_batch(batch_of(rows, schema))


def read_patients(path: Path) -> Iterator[str]:
    """The patient of each row."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(columns=["patient"]):
        yield from batch.column(0).to_pylist()


def _groups(lines: Iterable[bytes]) -> Iterator[list[tuple[Any, ...]]]:
    rows, size = list[tuple[Any, ...]](), 0
    for line in lines:
        rows.append(row_of_line(line))
        size += len(line)
        if size >= _GROUP_BYTES or len(rows) >= _GROUP_ROWS:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
