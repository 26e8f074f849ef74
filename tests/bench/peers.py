"""The others on the same file, each as a process of its own: `python -m tests.bench.peers NAME`.

twin FILE THREADS          the clinical core as SQL in DuckDB; prints category counts
naive FILE                 fhir.resources, every object kept, the usual first script
first-pass FILE WORKERS    our decode and route alone, workers already running
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path


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

    patients: dict[str, list[object]] = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            kind = json.loads(line)["resourceType"]
            resource = get_fhir_model_class(kind).model_validate_json(line)
            subject = getattr(resource, "subject", None)
            key = subject.reference if subject else f"Patient/{resource.id}"  # type: ignore[attr-defined]
            patients.setdefault(key, []).append(resource)
    kept = 0
    for resources in patients.values():
        marrows = [
            one
            for one in resources
            if type(one).__name__ == "Observation"
            and any(coding.code == "11150-0" for coding in one.code.coding)  # type: ignore[attr-defined]
        ]
        kept += len(marrows)
    print(json.dumps({"patients": len(patients), "marrows": kept}))


def first_pass(file: str, workers: str) -> None:
    """Only the reading: from bytes to partition rows with all evidence."""
    from fhir_remission.effects.workers import Workers
    from fhir_remission.jobs.archive_parts import Setup, SplitPart, decode_result, encode
    from fhir_remission.jobs.archive_plan import cut, find_sources, partitions_for
    from fhir_remission.jobs.classify import Request

    sources = find_sources([Path(file)])
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        names = iter(range(1000))
        setup = Setup(Request(), folder, partitions_for(sources), sources)
        with Workers(
            "fhir_remission.jobs.archive_worker", int(workers), lambda: b"w%d" % next(names)
        ) as pool:
            pool.greet(encode(setup))
            small = cut(sources, int(workers))[: int(workers)]
            nothing = [SplitPart(_empty(part)) for part in small]
            list(pool.run((n, encode(job)) for n, job in enumerate(nothing)))
            jobs = [(part.index, encode(SplitPart(part))) for part in cut(sources, int(workers))]
            before = _spent(pool.pids)
            began = time.perf_counter()
            kept = sum(decode_result(one.body).kept for one in pool.run(jobs))  # type: ignore[union-attr]
            seconds = time.perf_counter() - began
            cpu = _spent(pool.pids) - before
    print(json.dumps({"kept": kept, "seconds": seconds, "cpu": cpu}))


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
    {"twin": twin, "naive": naive, "first-pass": first_pass}[name](*rest)
