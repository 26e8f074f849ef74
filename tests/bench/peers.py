"""The others on the same file, each as a process of its own: `python -m tests.bench.peers NAME`.

twin FILE THREADS          the clinical core as SQL in DuckDB; prints category counts
naive FILE                 fhir.resources, every object kept, the usual first script; stand-in rule
polars FILE                lazy, streaming, with a schema; stand-in rule
spark FILE OUT             our own job on Spark, local[2], the real criteria
first-pass FILE WORKERS    our decode and route alone, workers already running
decode FILE LOW HIGH       of that only the lines and their decoding: what Python can get at best
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench import stand_in


def twin(file: str, threads: str) -> None:
    """The SQL of `tests/twin` over the whole file."""
    import duckdb

    sql = (Path(__file__).parents[1] / "twin/eln_2022.sql").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {int(threads)}")
        quoted = file.replace("'", "''")
        connection.execute(f"SET VARIABLE source = '{quoted}'")
        rows = connection.execute(sql).fetchall()
    print(json.dumps(Counter(category for _, category, _ in rows)))


def naive(file: str) -> None:
    """Validate each resource as a model, keep them all, then look through each patient's."""
    from fhir.resources.R4B import get_fhir_model_class

    patients: dict[str, list[Any]] = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            kind = json.loads(line)["resourceType"]
            resource = get_fhir_model_class(kind).model_validate_json(line)
            subject = getattr(resource, "subject", None)
            key = subject.reference if subject else f"Patient/{resource.id}"  # type: ignore[attr-defined]
            patients.setdefault(key, []).append(resource)
    answers = Counter(_naive_answer(resources) for resources in patients.values())
    print(json.dumps({answer: many for answer, many in answers.items() if answer}))


def _naive_answer(resources: list[Any]) -> str:
    found: dict[str, list[stand_in.Timed]] = {code: [] for code in stand_in.CODES}
    for one in resources:
        if type(one).__name__ != "Observation" or one.valueQuantity is None:
            continue
        code = one.code.coding[0].code
        if code in found and one.status in stand_in.STATUS:
            per = 1000 if one.valueQuantity.unit == stand_in.PER_MICROLITRE else 1
            at = stand_in.seconds(one.effectiveDateTime.isoformat())
            found[code].append((at, float(one.valueQuantity.value) / per))
    return stand_in.judged(*(found[code] for code in stand_in.CODES))


def polars(file: str) -> None:
    """The form that was fastest: an explicit schema, streaming, nearest by ASOF joins."""
    import polars as pl

    text = pl.String
    schema = {
        "resourceType": text,
        "status": text,
        "code": pl.Struct({"coding": pl.List(pl.Struct({"code": text}))}),
        "subject": pl.Struct({"reference": text}),
        "effectiveDateTime": text,
        "valueQuantity": pl.Struct({"value": pl.Float64, "unit": text}),
    }
    code = pl.col("code").struct.field("coding").list.first().struct.field("code")
    quantity = pl.col("valueQuantity").struct
    per = pl.when(quantity.field("unit") == stand_in.PER_MICROLITRE).then(1000).otherwise(1)
    at = pl.col("effectiveDateTime")
    day = at.str.len_chars() == 10
    full = pl.when(day).then(at + "T00:00:00+00:00").otherwise(at.str.replace("Z$", "+00:00"))
    rows = (
        pl.scan_ndjson(file, schema=schema)
        .filter(
            (pl.col("resourceType") == "Observation")
            & code.is_in(list(stand_in.CODES))
            & pl.col("status").is_in(list(stand_in.STATUS))
            & quantity.field("value").is_not_null()
        )
        .select(
            patient=pl.col("subject").struct.field("reference"),
            code=code,
            at=full.str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_unit="us"),
            value=quantity.field("value") / per,
        )
        .collect(engine="streaming")
    )
    print(json.dumps(_by_asof(rows)))


def _by_asof(rows: Any) -> dict[str, int]:
    import polars as pl

    marrow, neutrophils, platelets = (
        rows.filter(pl.col("code") == code)
        .select("patient", "at", pl.col("value").alias(name))
        .sort("at", name)
        for name, code in zip(("marrow", "anc", "plt"), stand_in.CODES, strict=True)
    )
    found = marrow.group_by("patient", maintain_order=True).last().sort("at")
    for counts in (neutrophils, platelets):
        found = found.join_asof(
            counts,
            on="at",
            by="patient",
            strategy="nearest",
            tolerance="7d",
            check_sortedness=False,
        )
    anc, plt = pl.col("anc"), pl.col("plt")
    answer = (
        pl.when(pl.col("marrow") >= 5)
        .then(pl.lit("NR"))
        .when(anc.is_null() | plt.is_null())
        .then(pl.lit("IND"))
        .when((anc >= 1) & (plt >= 100))
        .then(pl.lit("CR"))
        .when((anc >= 0.5) & (plt >= 50))
        .then(pl.lit("CRh"))
        .when((anc >= 1) | (plt >= 100))
        .then(pl.lit("CRi"))
        .otherwise(pl.lit("MLFS"))
    )
    return dict(found.group_by(answer.alias("answer")).len().iter_rows())


def spark(file: str, out: str, as_of: str) -> None:
    """`fhir_remission.jobs.spark.spark`, as a cluster runs it, on two cores of this machine."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.driver.memory": "4g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.session.timeZone": "UTC",
    }
    told = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--master local[2] {told} pyspark-shell"
    from pyspark import SparkContext

    from fhir_remission.jobs.spark.spark import main

    main([file, "--out", out, "--as-of", as_of])
    gateway: Any = SparkContext._gateway
    gateway.proc.stdin.close()
    gateway.proc.wait()  # else the JVM's processor time is nobody's


def first_pass(file: str, workers: str) -> None:
    """Only the reading: from bytes to partition rows with all evidence."""
    from fhir_remission.effects.files.workers import Workers
    from fhir_remission.jobs.archive.parts import Setup, SplitParts, decode_result, encode
    from fhir_remission.jobs.archive.work_plan import cut, find_sources, partitions_for
    from fhir_remission.jobs.judging.request import Request

    sources = find_sources([Path(file)])
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        names = iter(range(1000))
        setup = Setup(Request(), folder, partitions_for(sources), sources)
        with Workers(
            "fhir_remission.jobs.archive.worker", int(workers), lambda: b"w%d" % next(names)
        ) as pool:
            pool.greet(encode(setup))
            small = cut(sources, int(workers))[: int(workers)]
            nothing = [SplitParts((_empty(part),)) for part in small]
            list(pool.run((n, encode(job)) for n, job in enumerate(nothing)))
            jobs = [
                (part.index, encode(SplitParts((part,)))) for part in cut(sources, int(workers))
            ]
            before = _spent(pool.pids)
            began = time.perf_counter()
            lines = sum(decode_result(one.body).lines for one in pool.run(jobs))  # type: ignore[union-attr]
            seconds = time.perf_counter() - began
            cpu = _spent(pool.pids) - before
    print(json.dumps({"lines": lines, "seconds": seconds, "cpu": cpu}))


def decode(file: str, low: str, high: str) -> None:
    """Each line of a range decoded as the first pass does, and nothing done with it."""
    from fhir_remission.effects.http.inflate import first_line_from, lines_from
    from fhir_remission.jobs.archive.routing import decode_glance

    with Path(file).open("rb", buffering=1 << 20) as source:
        at, end = first_line_from(source, int(low), int(high)), int(high)
        began, before = time.perf_counter(), time.process_time()
        for line in lines_from(source, at):
            if at >= end:
                break
            decode_glance(line)
            at += len(line)
        taken = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - before}
    print(json.dumps(taken))


def _spent(pids: list[int]) -> float:
    """Processor seconds of these processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _empty(part):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    from msgspec.structs import replace

    return replace(part, low=0, high=0)


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    peers = {"twin": twin, "naive": naive, "polars": polars, "spark": spark}
    {**peers, "first-pass": first_pass, "decode": decode}[name](*rest)
