"""The archive job beyond one machine: the same reader and the same criteria on Spark executors.

`judge_archive` is the function over paths, `main` what a script for `spark-submit` calls.

What goes into Python are byte ranges, not lines; what goes over the network are only rows that can
be evidence. Arrow carries both (`mapInArrow`): per partition, never per patient.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct, structs

from fhir_remission.effects.files.spool import Row
from fhir_remission.jobs.archive.between import broken_off, gone
from fhir_remission.jobs.archive.judge import Judging, judge_person, printed
from fhir_remission.jobs.archive.parts import (
    DELETED,
    IDENTITIES,
    NAMED,
    PEOPLE,
    SHARED,
    SPECIAL,
    Flaw,
    JudgePartition,
    Part,
    Prepare,
    Setup,
    Split,
    SplitParts,
    decode_path,
    encode,
)
from fhir_remission.jobs.archive.split import split_parts
from fhir_remission.jobs.archive.subjects import HOLDING, holders, moves_of, unassigned
from fhir_remission.jobs.archive.work_plan import batches, cut, find_sources, prepared
from fhir_remission.jobs.judging.columns import ASSESSMENTS, ddl, row_of_line
from fhir_remission.jobs.judging.incoming import UNATTRIBUTED
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.jobs.spark.ended import Ended, note, nothing, summed, tally_of
from fhir_remission.jobs.spark.rows import (
    ACCOUNT,
    BESIDE,
    EVIDENCE,
    ROWS,
    Collected,
    Known,
    arrow_of,
    row_of,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from fhir_remission.jobs.spark.ended import Tally


class Archive(NamedTuple):
    """What comes of an archive."""

    answers: DataFrame
    damage: list[Flaw]
    ended: Callable[[], Ended]
    """Where every entry ended, and what was damaged besides; once all answers were taken."""


class Plan(Struct, frozen=True):
    """What every executor is told, as JSON."""

    setup: bytes
    prepare: bytes = b""
    job: bytes = b""
    moves: dict[str, str] = {}
    shared: dict[str, tuple[str, str, bytes]] = {}
    deleted: list[str] = []


def judge_archive(
    spark: SparkSession,
    paths: Iterable[Path] | DataFrame,
    request: Request,
    *,
    accept_damage: bool = False,
    evidence: bool = True,
) -> Archive:
    """One row per patient and set, with the line that `classify` prints, and what was damaged.

    `paths`, or the first column of a DataFrame, are files and folders that must be the same on the
    driver and on every executor.
    """
    judge = judge_for(request)
    sources = find_sources(_paths(paths))
    setup = Setup(
        request=structs.replace(request, as_of=judge.as_of.isoformat()),
        folder="",
        partitions=1,
        sources=sources,
        evidence=evidence,
    )
    parts = cut(sources, spark.sparkContext.defaultParallelism)
    rows = _split(spark, setup, parts).persist()
    splits = [_account(row.body) for row in rows.where(f"which = {ACCOUNT}").collect()]
    flaws = [*(flaw for split in splits for flaw in split.flaws), *broken_off(splits)]
    beside = _beside(rows)
    moves, lost = moves_of(
        beside[PEOPLE],
        beside[IDENTITIES],
        beside[NAMED],
        holders(partial(_named, rows), beside[NAMED]),
    )
    flaws += [unassigned(name) for name in sorted(lost)]
    job = _job(flaws, accept_damage=accept_damage)
    plan = structs.replace(
        _plan(beside, setup, parts, splits, job),
        moves=moves,
        deleted=gone(beside[DELETED], lost),
    )
    tally = tally_of(spark)
    answers = _judge(rows.where(f"which = {EVIDENCE}"), plan, tally)
    return Archive(answers, flaws, partial(summed, [one.account for one in splits], tally))


def _paths(given: Iterable[Path] | DataFrame) -> list[Path]:
    from pyspark.sql import DataFrame

    return [Path(row[0]) for row in given.collect()] if isinstance(given, DataFrame) else [*given]


def _split(spark: SparkSession, setup: Setup, parts: list[Part]) -> DataFrame:
    told = encode(setup)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = _setup(told)
        judge = judge_for(known.request)
        for batch in batches:
            for told_parts in batch.column(0).to_pylist():
                asked = msgspec.json.decode(told_parts, type=SplitParts)
                kept = Collected()
                split = split_parts(asked.parts, known, kept, judge.mappings, "")
                kept.add(ACCOUNT, Row(split.parts[0], 0, "", msgspec.json.encode(split)))
                yield from arrow_of(kept.rows, ROWS)

    given = [(encode(SplitParts(batch)).decode(),) for batch in batches(parts, setup.sources)]
    frame = spark.createDataFrame(given, "parts string")
    return frame.repartition(max(1, len(given))).mapInArrow(read, ddl(ROWS))


def _setup(told: bytes) -> Setup:
    return msgspec.json.decode(told, type=Setup, dec_hook=decode_path)


def _account(body: bytes) -> Split:
    return msgspec.json.decode(bytes(body), type=Split)


def _job(flaws: Iterable[Flaw], *, accept_damage: bool) -> JudgePartition:
    hiding = sorted((one.file, one.offset, one.reason) for one in flaws if one.hides_anybodys)
    if not hiding or accept_damage:
        return JudgePartition(0, {}, (UNATTRIBUTED,) if hiding else ())
    file, offset, reason = hiding[0]
    return JudgePartition(0, {}, (), f"{file} at byte {offset}: {reason}")


def _beside(rows: DataFrame) -> list[list[Row]]:
    """The rows that are no evidence themselves, by their kind."""
    listed = [row_of(one) for one in rows.where(f"which between 1 and {SPECIAL}").collect()]
    return [[row for which, row in listed if which == BESIDE + kind] for kind in range(SPECIAL)]


def _named(rows: DataFrame, ids: frozenset[str]) -> Iterator[Row]:
    """The rows of these ids; where none is given, those that may hold results."""
    found = rows.where(f"which = {EVIDENCE}")
    text = "cast(body as string)"
    holds = " or ".join(f"instr({text}, '{name.decode()}') > 0" for name in HOLDING)
    wanted = found.where(found["id"].isin(sorted(ids))) if ids else found.where(holds)
    for one in wanted.toLocalIterator():
        yield row_of(one)[1]


def _plan(
    beside: list[list[Row]],
    setup: Setup,
    parts: list[Part],
    splits: list[Split],
    job: JudgePartition,
) -> Plan:
    shared: dict[str, tuple[str, str, bytes]] = {}
    for row in sorted(beside[SHARED], key=lambda row: (row.task, row.number)):
        shared.setdefault(row.key, (row.address, row.place, bytes(row.body)))
    prepare = prepared(Prepare([], []), parts, splits)
    return Plan(encode(setup), encode(prepare), encode(job), {}, shared)


def _judge(rows: DataFrame, plan: Plan, tally: Tally) -> DataFrame:
    spark = rows.sparkSession
    told = spark.sparkContext.broadcast(msgspec.msgpack.encode(plan))

    def together(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        moves = msgspec.msgpack.decode(told.value, type=Plan).moves
        for batch in batches:
            made = [
                (*one[:1], moves.get(one[1], one[1]), *one[2:])
                for one in (tuple(values.values()) for values in batch.to_pylist())
            ]
            yield from arrow_of(made, ROWS)

    def answer(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        judging, job = _judging(msgspec.msgpack.decode(told.value, type=Plan))
        ordered = (row_of(values)[1] for batch in batches for values in batch.to_pylist())
        ended = nothing()
        for key, group in groupby(ordered, key=attrgetter("key")):
            for one in judge_person(key, list(group), job, judging, ended.flaws, ended.account):
                made = [row_of_line(line) for line in printed(one, judging)]
                yield from arrow_of(made, ASSESSMENTS)
        note(tally, ended)

    if plan.moves:
        rows = rows.mapInArrow(together, ddl(ROWS))
    return (
        rows.repartition("person")
        .sortWithinPartitions("person", "task", "number")
        .mapInArrow(answer, ddl(ASSESSMENTS))
    )


def _judging(plan: Plan) -> tuple[Judging, JudgePartition]:
    setup = _setup(plan.setup)
    prepare = msgspec.json.decode(plan.prepare, type=Prepare)
    judging = Judging(setup, prepare, judge_for(setup.request))
    if plan.shared:
        judging.share(Known(plan.shared))
    judging.deleted = frozenset(plan.deleted)
    return judging, msgspec.json.decode(plan.job, type=JudgePartition)


def main(arguments: list[str] | None = None) -> None:
    """The entry for `spark-submit`: Parquet under `--out`, and what was damaged beside it."""
    from pyspark.sql import SparkSession

    asked = _parser().parse_args(arguments)
    request = Request(
        criteria=tuple(asked.criteria.split(",")),
        as_of=asked.as_of,
        history=asked.history,
        complete=frozenset(filter(None, asked.complete.split(","))),
        overlay=asked.mappings,
        timezone=asked.timezone,
        strict=asked.strict,
    )
    spark = SparkSession.builder.appName("fhir-remission").getOrCreate()
    given = judge_archive(
        spark,
        asked.paths,
        request,
        accept_damage=asked.accept_damage,
        evidence=not asked.no_evidence,
    )
    code = write_answers(spark, given, asked.out)
    spark.stop()
    if code:
        raise SystemExit(code)


def write_answers(spark: SparkSession, given: Archive, out: str) -> int:
    """Write the tables and the account; return the exit code, 3 where anybody is incomplete."""
    # Spark's default is INT96, which readers take for a time without a zone.
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    given.answers.write.mode("overwrite").parquet(f"{out}/assessments")
    account, later = given.ended()
    flaws = [*given.damage, *later]
    for name, told in (("damage", flaws), ("entries", account)):
        row = spark.createDataFrame([(encode(told).decode(),)], f"{name} string")
        row.coalesce(1).write.mode("overwrite").text(f"{out}/{name}")
    # A result of one patient may turn out broken only when it is judged.
    unjudged = spark.read.parquet(f"{out}/assessments").where("disposition = 'incomplete'")
    return 3 if flaws or account.lost or unjudged.take(1) else 0


def _parser() -> argparse.ArgumentParser:
    """The flags of `archive` that mean something here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--out", required=True)
    parser.add_argument("--as-of", default="")
    parser.add_argument("--criteria", default="eln-2022")
    parser.add_argument("--complete", default="")
    parser.add_argument("--mappings", type=Path)
    parser.add_argument("--timezone", default="")
    for flag in ("--history", "--strict", "--no-evidence", "--accept-damage"):
        parser.add_argument(flag, action="store_true")
    return parser
