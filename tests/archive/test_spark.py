"""The archive job on Spark: the same lines, from the same code on executors."""

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from fhir_remission.jobs.archive import work_plan as archive_plan
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort, demo_cohort
from tests.archive.running import AS_OF, archive, blasts, classified, potassium, write
from tests.archive.test_same_account import STRANGE
from tests.archive.test_same_account import classified as account_of
from tests.archive.test_same_answers import people
from tests.jobs.test_strange_inputs import REMISSION, REQUEST

pytestmark = pytest.mark.skipif(
    not os.environ.get("FHIR_REMISSION_SPARK"), reason="make lane-spark runs it"
)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session on this machine, two executors' worth of threads."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    yield session
    session.stop()


def judged(spark: Any, file: Path, **more: Any) -> tuple[bytes, list[Any]]:
    """The lines in order of patients, and the damage."""
    from fhir_remission.jobs.spark.spark import judge_archive

    given = judge_archive(spark, [file], Request(as_of=AS_OF), **more)
    rows = sorted(given.answers.collect(), key=lambda row: row.patient)
    flaws = [*given.damage, *given.ended().flaws]
    return "".join(f"{row.line}\n" for row in rows).encode(), flaws


@pytest.mark.timeout(300)
def test_the_same_lines(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merged people, shared drugs, other labs and all."""
    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 50_000)
    made = [*demo_cohort(), *bulk_cohort(20, 20), *people()]
    made += [potassium(n, "bulk-00001") for n in range(500)]
    random.Random(3).shuffle(made)
    file = write(tmp_path / "in.ndjson", made)

    lines, flaws = judged(spark, file)

    assert not flaws
    assert lines == classified(file)


@pytest.mark.timeout(300)
def test_entries_are_accounted_for_as_by_classify(spark: Any, tmp_path: Path) -> None:
    """Everything strange in one file: the same answers, ends and exit code as of one machine."""
    from fhir_remission.jobs.spark.spark import judge_archive, write_answers

    body = "".join(json.dumps(one) + "\n" for one in [*REMISSION.values(), *STRANGE]).encode()
    file = tmp_path / "in.ndjson"
    file.write_bytes(body)
    said = account_of(body)

    given = judge_archive(spark, [file], REQUEST)
    code = write_answers(spark, given, str(tmp_path / "out"))

    account, _ = given.ended()
    assert (code, account.told()) == said[:2]
    assert account.lost == 0
    (told,) = (tmp_path / "out/entries").glob("part-*")
    assert json.loads(told.read_text()) == account.told()


@pytest.mark.timeout(300)
def test_damage(spark: Any, tmp_path: Path) -> None:
    """A torn line withholds every category, unless it is accepted."""
    file = write(tmp_path / "in.ndjson", [blasts(1, "p"), blasts(2, "q")])
    file.write_bytes(file.read_bytes() + b'{"resourceType":"Obs')

    lines, flaws = judged(spark, file)
    accepted, _ = judged(spark, file, accept_damage=True)

    assert len(flaws) == 1
    assert b'"category"' not in lines
    # Accepted, it is an assumption about everybody; `classify` has no such choice.
    said = accepted.splitlines()
    assert len(said) == len(lines.splitlines()) > 0
    assert all(b'"category"' in one and b"assuming archive complete" in one for one in said)


@pytest.mark.timeout(300)
def test_the_table_and_the_exit_code(spark: Any, tmp_path: Path) -> None:
    """From a DataFrame of paths to the table of one machine; a broken result ends with 3."""
    from fhir_remission.jobs.spark.spark import judge_archive, write_answers

    resources = [blasts(1, "p"), blasts(2, "q"), blasts(3, "q", status=7)]
    file = write(tmp_path / "in.ndjson", resources)
    alone = archive([file], tmp_path / "alone", form="parquet")

    paths = spark.createDataFrame([(str(file),)], "path string")
    given = judge_archive(spark, paths, Request(as_of=AS_OF))
    code = write_answers(spark, given, str(tmp_path / "out"))

    assert code == alone.exit_code == 3
    theirs = parquet.read_table(tmp_path / "out/assessments").sort_by("patient")
    ours = parquet.read_table(tmp_path / "alone/assessments.parquet")
    assert theirs.to_pylist() == ours.to_pylist()
    assert theirs.schema.names == ours.schema.names
