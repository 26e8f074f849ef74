"""Parquet holds what the lines hold: typed answers, and each line itself."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from fhir_remission.errors import UsageError
from fhir_remission.jobs.archive import work_plan as archive_plan
from fhir_remission.jobs.archive.archive import Order, run
from fhir_remission.jobs.judging import columns as table
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort, demo_cohort
from tests.archive.running import AS_OF, archive, blasts, classified, lines, write

DAYS = {"state_since", "response_date", "first_sign", "window_closes"}
DAYS |= {"last_marrow", "last_blood", "last_mrd"}


def read(out: Path) -> Any:
    """The table of a run."""
    return parquet.read_table(out / "assessments.parquet")


def cell(said: Any, column: table.Column) -> Any:
    """What a column must hold, from the line as JSON."""
    for name in (column.path or column.name).split("."):
        said = (said or {}).get(name)
    if said is not None and column.name in DAYS:
        return date.fromisoformat(said)
    if said is not None and column.name == "as_of":
        return datetime(2027, 1, 1, tzinfo=UTC)
    return said


@pytest.mark.parametrize("evidence", [True, False])
def test_the_lines_as_rows(evidence: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column of every row is what the NDJSON of the same input says, in the same order."""
    monkeypatch.setattr(table, "_GROUP_BYTES", 50_000)
    resources = [*demo_cohort(), *bulk_cohort(20, 20), blasts(9, "bulk-00001", status=7)]
    file = write(tmp_path / "in.ndjson", resources)
    request = Request(as_of=AS_OF, criteria=("eln-2022", "iwg-2003"))
    archive([file], tmp_path / "lines", request=request, evidence=evidence)

    report = archive([file], tmp_path / "table", request=request, evidence=evidence, form="parquet")

    found = read(tmp_path / "table")
    said = lines(tmp_path / "lines")
    text = (tmp_path / "lines/assessments.ndjson").read_text()
    assert report.exit_code == 3
    assert "".join(f"{line}\n" for line in found["line"].to_pylist()) == text
    for column in table.ASSESSMENTS[:-1]:
        assert found[column.name].to_pylist() == [cell(one, column) for one in said], column.name
    assert parquet.ParquetFile(tmp_path / "table/assessments.parquet").num_row_groups > 1
    assert not (tmp_path / "table/assessments.ndjson").exists()


def test_types_that_a_notebook_can_use(tmp_path: Path) -> None:
    """Days are days, flags are lists, and nobody's category is null, not empty."""
    file = write(tmp_path / "in.ndjson", [blasts(1, "p"), blasts(2, "q", status=7)])

    archive([file], tmp_path / "out", form="parquet")

    found = read(tmp_path / "out")
    types = {one.name: one.type for one in found.schema}
    assert types["last_marrow"] == pa.date32()
    assert types["as_of"] == pa.timestamp("us", tz="UTC")
    assert types["flags"] == pa.list_(pa.string())
    rows = {one["patient"]: one for one in found.to_pylist()}
    assert rows["Patient/p"]["last_marrow"] == date(2026, 3, 1)
    assert rows["Patient/q"]["category"] is None
    assert rows["Patient/q"]["disposition"] == "incomplete"


def test_every_answer_of_a_line_has_its_column(tmp_path: Path) -> None:
    """A key added to the line is missed here, unless it is proof."""
    proof = {"schema", "criteria_results", "skipped", "policies", "draws", "claims"}
    (line,) = classified(write(tmp_path / "in.ndjson", [blasts(1, "p")])).splitlines()

    shown = {(one.path or one.name).partition(".")[0] for one in table.ASSESSMENTS}

    assert json.loads(line).keys() - proof <= shown


def test_nobody_at_all(tmp_path: Path) -> None:
    """An empty table has the columns."""
    file = write(tmp_path / "in.ndjson", [])

    archive([file], tmp_path / "out", form="parquet")

    assert read(tmp_path / "out").num_rows == 0
    assert read(tmp_path / "out").schema.names == [one.name for one in table.ASSESSMENTS]


def test_one_output_at_a_time(tmp_path: Path) -> None:
    """The lines of an earlier run do not stay beside the summary of this one."""
    file = write(tmp_path / "in.ndjson", [blasts(1, "p")])
    archive([file], tmp_path / "out")

    archive([file], tmp_path / "out", form="parquet")

    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        *(".lock", "assessments.parquet", "summary.json")
    ]
    assert (tmp_path / "out/assessments.parquet").stat().st_mode & 0o077 == 0


def test_a_stopped_run_goes_on_and_is_sealed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the table is written: no table yet, and no part is judged again."""
    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 20_000)
    file = write(tmp_path / "in.ndjson", bulk_cohort(20, 20))
    order = Order((file,), tmp_path / "out", Request(as_of=AS_OF), form="parquet")

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(table, "row_of_line", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(order, lambda *_: None)
    assert not (tmp_path / "out/assessments.parquet").exists()
    seen: list[tuple[str, int, int]] = []
    run(order, lambda *told: seen.append(told))

    assert {done for stage, done, total in seen if done < total} == set()
    text = "".join(f"{line}\n" for line in read(tmp_path / "out")["line"].to_pylist())
    assert text.encode() == classified(file)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is read, with the command that helps."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    file = write(tmp_path / "in.ndjson", [blasts(1, "p")])

    with pytest.raises(UsageError, match=r"pip install 'fhir-remission\[parquet\]'"):
        archive([file], tmp_path / "out", form="parquet")

    assert not (tmp_path / "out").exists()
