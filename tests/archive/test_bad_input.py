"""Damage is named with file and byte; the rest is processed; nothing positive where it may hide."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.effects.files.spool import Spool
from fhir_remission.errors import InputError
from fhir_remission.jobs.archive import split as archive_split
from fhir_remission.jobs.archive import work_plan as archive_plan
from fhir_remission.jobs.archive.parts import SPECIAL, Part, Setup, Source
from fhir_remission.jobs.archive.split import split_parts
from fhir_remission.jobs.archive.work_plan import batches, cut, find_sources
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort
from tests.archive.running import (
    AS_OF,
    archive,
    blasts,
    classified,
    lines,
    potassium,
    summary,
    write,
)

PATIENTS = 6


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    """A small cohort with real answers, as lines."""
    return write(tmp_path / "good.ndjson", bulk_cohort(PATIENTS, 20)).read_bytes()


def all_incomplete(out: Path) -> None:
    """Everybody is named and nobody has a category."""
    said = lines(out)
    assert len(said) == PATIENTS
    assert {line["disposition"] for line in said} == {"incomplete"}
    assert not any("category" in line for line in said)


def the_damage(out: Path) -> dict[str, Any]:
    """The one damage that the summary names."""
    (found,) = summary(out)["damage"]
    return dict(found)


def test_a_truncated_last_line(tmp_path: Path, good: bytes) -> None:
    """Nobody knows whose result was cut off."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + json.dumps(blasts(1, "p")).encode()[:70])

    report = archive([file], tmp_path / "out")

    assert report.exit_code == 3
    all_incomplete(tmp_path / "out")
    damage = the_damage(tmp_path / "out")
    assert (damage["file"], damage["offset"]) == (str(file), len(good))


def test_accepted_damage_is_an_assumption(tmp_path: Path, good: bytes) -> None:
    """`--accept-damage` judges, and says in every answer what it took for granted."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + b'{"resourceType":"Observation","sub')

    report = archive([file], tmp_path / "out", accept_damage=True)

    assert report.exit_code == 3
    for line in lines(tmp_path / "out"):
        assert "category" in line
        assert {"id": "archive-complete", "class": "material"} in line["assumptions"]


@pytest.mark.parametrize(
    "broken",
    [blasts(1, "bulk-00002", status=7), blasts(1, "bulk-00002", effectivePeriod="yesterday")],
)
def test_a_broken_result_of_one_patient(tmp_path: Path, good: bytes, broken: Any) -> None:
    """Only that patient is incomplete, and the others are what they are."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + json.dumps(broken).encode() + b"\n")

    report = archive([file], tmp_path / "out")

    assert report.exit_code == 3
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)
    said = {line["patient"]: line for line in lines(tmp_path / "out")}
    assert "category" not in said["Patient/bulk-00002"]
    assert "category" in said["Patient/bulk-00001"]
    damage = the_damage(tmp_path / "out")
    assert (damage["offset"], damage["patient"]) == (len(good), "Patient/bulk-00002")


def test_a_torn_gzip_member(tmp_path: Path, good: bytes) -> None:
    """What came before the tear is read, and what came after may have been anybody's."""
    file = tmp_path / "in.ndjson.gz"
    second = gzip.compress(json.dumps([potassium(n, "p") for n in range(500)]).encode())
    file.write_bytes(gzip.compress(good) + second[: len(second) // 2])

    report = archive([file], tmp_path / "out")

    assert report.exit_code == 3
    all_incomplete(tmp_path / "out")
    assert any("gzip" in one["reason"] for one in summary(tmp_path / "out")["damage"])


def test_a_damaged_gzip_member(tmp_path: Path, good: bytes) -> None:
    """A flipped bit is found by the checksum; the block it was in is not used."""
    packed = bytearray(gzip.compress(good))
    packed[-6] ^= 0xFF
    file = tmp_path / "in.ndjson.gz"
    file.write_bytes(packed)

    assert archive([file], tmp_path / "out").exit_code == 3
    assert "gzip" in the_damage(tmp_path / "out")["reason"]
    assert not any("category" in line for line in lines(tmp_path / "out"))


def test_a_torn_zstd_frame(tmp_path: Path, good: bytes) -> None:
    """The same of the other packing."""
    import zstandard

    file = tmp_path / "in.ndjson.zst"
    torn = zstandard.ZstdCompressor().compress(good[: len(good) // 2])[:-10]
    file.write_bytes(zstandard.ZstdCompressor().compress(good) + torn)

    assert archive([file], tmp_path / "out").exit_code == 3
    all_incomplete(tmp_path / "out")


@pytest.mark.parametrize("kind", ["Observation", "DocumentReference"])
def test_a_line_of_200_mb(tmp_path: Path, good: bytes, kind: str) -> None:
    """It is skipped and named; a type that is no evidence hides none."""
    file = tmp_path / "in.ndjson"
    with file.open("wb") as out:
        out.write(good)
        out.write(b'{"resourceType":"%s","note":"' % kind.encode() + b"x" * 200_000_000 + b'"}\n')
        out.write(json.dumps(potassium(1, "p")).encode() + b"\n")

    report = archive([file], tmp_path / "out", workers=1)

    assert report.exit_code == 3
    damage = the_damage(tmp_path / "out")
    assert damage["offset"] == len(good)
    assert "MiB" in damage["reason"]
    if kind == "Observation":
        all_incomplete(tmp_path / "out")
    else:
        assert all("category" in line for line in lines(tmp_path / "out"))


def test_links_that_lead_to_each_other(tmp_path: Path) -> None:
    """They lead nowhere: one line, as for what is not there."""
    one, other = tmp_path / "one.ndjson", tmp_path / "other.ndjson"
    one.symlink_to(other)
    other.symlink_to(one)

    with pytest.raises(InputError, match="no such file or folder"):
        archive([one], tmp_path / "out")


def test_nul_bytes(tmp_path: Path, good: bytes) -> None:
    """A hole in the file where a disk lost a block."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + b"\x00" * 4096 + b"\n" + good)

    assert archive([file], tmp_path / "out").exit_code == 3
    all_incomplete(tmp_path / "out")
    assert the_damage(tmp_path / "out")["offset"] == len(good)


def test_blank_lines_and_a_byte_order_mark(tmp_path: Path, good: bytes) -> None:
    """No damage at all."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n\r\n"))

    assert archive([file], tmp_path / "out").exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def test_nothing_at_all(tmp_path: Path) -> None:
    """An empty file is done."""
    (tmp_path / "in.ndjson").write_bytes(b"")

    assert archive([tmp_path / "in.ndjson"], tmp_path / "out").exit_code == 0
    assert lines(tmp_path / "out") == []


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, good: bytes) -> None:
    """What was read may be neither the old file nor the new one."""
    file = tmp_path / "good.ndjson"
    sources = find_sources([file])
    file.write_bytes(good + good)
    setup = Setup(Request(), str(tmp_path), 4, sources)
    spool = Spool(tmp_path, "w", 4 + SPECIAL)

    split = split_parts([Part(0, 0, 0, len(good))], setup, spool, load_mappings(), "w")

    (flaw,) = split.flaws
    assert "changed" in flaw.reason
    assert not flaw.harmless


def test_a_disk_that_fills(tmp_path: Path) -> None:
    """Rows that find no room are named; what they may hide is not judged."""
    file = write(tmp_path / "in.ndjson", bulk_cohort(60, 100))
    command = [sys.executable, "-m", "fhir_remission", "archive", str(file)]
    command += ["--out", str(tmp_path / "out"), "--as-of", AS_OF, "--workers", "1"]

    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 256; exec {' '.join(command)}"], capture_output=True, check=False
    )

    assert done.returncode == 3, done.stderr
    assert b"Traceback" not in done.stderr
    reasons = [one["reason"] for one in summary(tmp_path / "out")["damage"]]
    assert any("could not be written" in reason for reason in reasons)
    assert not any("category" in line for line in lines(tmp_path / "out"))


def test_a_disk_that_fills_at_the_end(tmp_path: Path) -> None:
    """There is room for the parts and none for the whole: nothing is half written or lost."""
    file = write(tmp_path / "in.ndjson", bulk_cohort(60, 20))
    whole = archive([file], tmp_path / "all", request=Request(as_of=AS_OF, history=True))
    size = (tmp_path / "all/assessments.ndjson").stat().st_size
    command = [sys.executable, "-m", "fhir_remission", "archive", str(file), "--history"]
    command += ["--out", str(tmp_path / "out"), "--as-of", AS_OF]

    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {size // 2048}; exec {' '.join(command)}"],
        capture_output=True,
        check=False,
    )

    assert whole.exit_code == 0
    assert (done.returncode, done.stdout) == (75, b"")
    assert b"make room and run the same command again" in done.stderr
    assert not list((tmp_path / "out").glob("assessments*"))
    assert finished(tmp_path / "out/.work/journal.ndjson") > 0
    subprocess.run(command, check=True)
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == (
        tmp_path / "all/assessments.ndjson"
    ).read_bytes()


def children() -> list[int]:
    """The processes this one has started."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def test_a_worker_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another reads its part again: nothing is missing, and it is told."""
    from fhir_remission.jobs.archive.archive import Order, run

    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 20_000)
    file = write(tmp_path / "in.ndjson", bulk_cohort(40, 60))
    killed: list[int] = []

    def kill_one(stage: str, done: int, total: int) -> None:
        if done and not killed:
            killed.append(children()[0])
            os.kill(killed[0], signal.SIGKILL)

    report = run(Order((file,), tmp_path / "out", Request(as_of=AS_OF)), kill_one)

    assert killed
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)
    damage = [one for one in summary(tmp_path / "out")["damage"] if "worker died" in one["reason"]]
    assert report.exit_code == (3 if damage else 0)
    assert all(one["file"] == str(file) for one in damage)


def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished parts are not done again, and the answer is the same."""
    from fhir_remission.jobs.archive.archive import Order, run

    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 20_000)
    file = write(tmp_path / "in.ndjson", bulk_cohort(40, 60))
    order = Order((file,), tmp_path / "out", Request(as_of=AS_OF))

    def stopping(at: str) -> Any:
        def stop(stage: str, done: int, total: int) -> None:
            if stage == at and done >= total // 2:
                raise KeyboardInterrupt

        return stop

    seen: list[tuple[str, int, int]] = []
    for stage in ("reading", "judging"):
        with pytest.raises(KeyboardInterrupt):
            run(order, stopping(stage))
    report = run(order, lambda *told: seen.append(told))

    assert seen[0] == ("reading", file.stat().st_size, file.stat().st_size)
    assert next(done for stage, done, _ in seen if stage == "judging") > 0
    assert report.exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


SMALL_PARTS = (
    "import sys; from fhir_remission.jobs.archive import work_plan;"
    "work_plan.SMALLEST_PART = 20_000;"
    "from fhir_remission.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


def test_more_partitions_than_open_files(tmp_path: Path) -> None:
    """Some systems give a process 64 files; a large archive has more partitions."""
    file = write(tmp_path / "in.ndjson", bulk_cohort(150, 10))
    code = SMALL_PARTS.replace("work_plan;", "work_plan; work_plan.PARTITION = 5_000;", 1)
    command = [sys.executable, "-c", code, "archive", str(file), "--as-of", AS_OF]

    done = subprocess.run(
        ["bash", "-c", 'ulimit -Sn 64; exec "$@"', "-", *command, "--out", str(tmp_path / "out")],
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def test_a_document_larger_than_memory(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small packed file may unpack to anything: it is given up, and named."""
    monkeypatch.setattr(archive_split, "LARGEST_DOCUMENT", 5 << 20)
    file = tmp_path / "in.json.gz"
    file.write_bytes(gzip.compress(b'{"resourceType":"Bundle","x":"' + b"x" * (9 << 20) + b'"}'))
    (source,) = find_sources([file])
    spool = Spool(tmp_path, "w", 4 + SPECIAL)

    part = Part(0, 0, 0, source.size)
    split = split_parts(
        [part], Setup(Request(), str(tmp_path), 4, (source,)), spool, load_mappings(), "w"
    )

    assert source.form == "document"
    (flaw,) = split.flaws
    assert "larger than 5 MiB" in flaw.reason
    assert not flaw.harmless


def test_a_killed_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGKILL the same command reads on where the journal ends; no worker is left behind."""
    from fhir_remission.jobs.archive.archive import Order, run

    file = write(tmp_path / "in.ndjson", bulk_cohort(150, 150))
    flags = ["archive", str(file), "--out", str(tmp_path / "out"), "--as-of", AS_OF]
    journal = tmp_path / "out/.work/journal.ndjson"
    noise = (tmp_path / "noise").open("wb")
    command = [sys.executable, "-c", SMALL_PARTS, *flags]
    with noise, subprocess.Popen(command, stderr=noise) as running:
        while running.poll() is None and finished(journal) < 5:
            os.sched_yield()
        workers = children_of(running.pid)
        running.kill()
    before = finished(journal)
    for pid in workers:
        wait_for_the_end_of(pid)
    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 20_000)
    seen: list[tuple[str, int, int]] = []

    run(
        Order((file,), tmp_path / "out", Request(as_of=AS_OF)),
        lambda *told: seen.append(told),
    )

    assert before >= 5
    assert (tmp_path / "noise").read_bytes() == b""
    assert seen[0][1] >= before * 19_000
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def finished(journal: Path) -> int:
    """How many parts a journal says are read."""
    return journal.read_bytes().count(b'"type":"split"') if journal.exists() else 0


def children_of(pid: int) -> list[int]:
    """The processes that one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_the_end_of(pid: int) -> None:
    """Workers end when their parent is gone; pytest's timeout is the limit."""
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text():
        os.sched_yield()


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """One line that is written over: how far, how fast, how long still; nothing in a pipe."""
    import pty

    file = write(tmp_path / "in.ndjson", bulk_cohort(20, 40))
    command = [sys.executable, "-c", SMALL_PARTS, "archive", str(file), "--as-of", AS_OF]
    ours, theirs = pty.openpty()
    with subprocess.Popen([*command, "--out", str(tmp_path / "out")], stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # how Linux says that nobody writes any more
            pass
        finally:
            os.close(ours)
    piped = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, check=False
    )

    assert running.returncode == 0
    assert re.search(rb"\rreading +\d+ %, \d+ MB/s, \d+ s left", shown)
    assert b"reading 100 %" in shown
    assert re.search(rb"\rjudging 100 %, [\d.]+ parts/s, \d+ s left", shown)
    assert (piped.returncode, piped.stderr) == (0, b"")


def test_folders_as_people_have_them(tmp_path: Path, good: bytes) -> None:
    """Empty files, hidden ones, links into other folders and back: each file is read once."""
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data / "below", data / ".snapshot", other):
        folder.mkdir(parents=True)
    (data / "empty.ndjson").touch()
    (data / "empty.ndjson.gz").write_bytes(gzip.compress(b""))
    (data / ".snapshot/torn.ndjson").write_bytes(b"{")
    (data / "below/back").symlink_to(data)
    (data / "linked").symlink_to(other)
    (other / "in.ndjson").write_bytes(good)
    (other / "loop").symlink_to(other)

    for _ in range(2):  # the results of the first run are no input of the second
        assert archive([data], data / "results").exit_code == 0
        assert len(lines(data / "results")) == PATIENTS


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: (data / "lost.ndjson").symlink_to("nowhere"),
        lambda data: (data / "2026").symlink_to("/no/such/disk"),
        lambda data: (data / "ring.ndjson").symlink_to("ring.ndjson"),
        lambda data: os.mkfifo(data / "pipe.ndjson"),
        lambda data: (data / "old.ndjson.bz2").write_bytes(b"BZh9"),
    ],
    ids=["lost", "no-disk", "ring", "pipe", "bz2"],
)
def test_files_that_would_be_passed_over(spoil: Any, tmp_path: Path, good: bytes) -> None:
    """What looks like data and cannot be read stops the run: it may be anybody's evidence."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "in.ndjson").write_bytes(good)
    spoil(data)

    with pytest.raises(InputError):
        archive([data], tmp_path / "out")


def test_a_folder_that_may_not_be_entered(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not passed over in silence."""
    (tmp_path / "shut").mkdir()

    def refused(folder: Path) -> Any:
        if folder.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", refused)

    with pytest.raises(InputError, match="shut: cannot be read: Permission denied"):
        archive([tmp_path], tmp_path / "out")


def test_results_into_the_input(tmp_path: Path, good: bytes) -> None:
    """Results beside the data would be read as data by the next run."""
    with pytest.raises(InputError, match="give --out another one"):
        archive([tmp_path], tmp_path)


def test_a_file_that_vanishes(tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone between the plan and the reading: named, the rest is read, nobody is judged."""
    from fhir_remission.jobs.archive import archive as job

    data = tmp_path / "data"
    data.mkdir()
    (data / "a.ndjson").write_bytes(good)
    (data / "b.ndjson").write_bytes(good)

    def found(*asked: Any, **more: Any) -> Any:
        sources = find_sources(*asked, **more)
        (data / "b.ndjson").unlink()
        return sources

    monkeypatch.setattr(job, "find_sources", found)

    assert archive([data], tmp_path / "out").exit_code == 3
    all_incomplete(tmp_path / "out")
    assert the_damage(tmp_path / "out")["file"] == str(data / "b.ndjson")


def test_a_torn_line_in_a_bundle_among_lines(tmp_path: Path, good: bytes) -> None:
    """A Bundle in a line whose entry cannot be read: its patient, or everybody."""
    entry = {"resource": {**blasts(1, "bulk-00002"), "status": 7}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + json.dumps(bundle).encode() + b"\n")

    assert archive([file], tmp_path / "out").exit_code == 3
    said = {line["patient"]: line for line in lines(tmp_path / "out")}
    assert "category" not in said["Patient/bulk-00002"]
    assert "category" in said["Patient/bulk-00001"]

    file.write_bytes(good + json.dumps(bundle).encode()[:-40] + b"\n")
    assert archive([file], tmp_path / "out").exit_code == 3
    all_incomplete(tmp_path / "out")


def test_other_flags_begin_anew(tmp_path: Path, good: bytes) -> None:
    """What a stopped run left is used only by the same run."""
    from fhir_remission.jobs.archive.archive import Order, run

    file = tmp_path / "good.ndjson"

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "judging":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Order((file,), tmp_path / "out", Request(as_of=AS_OF)), stop)
    request = Request(as_of=AS_OF, complete=frozenset({"Procedure"}))
    archive([file], tmp_path / "out", request=request)

    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file, request)


def test_a_part_that_kills_its_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers died of it: it is named with its place, the rest is read, nobody is judged."""
    from fhir_remission.jobs.archive import archive as job

    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 20_000)
    monkeypatch.setattr(job, "_WORKER", "tests.archive.dying_worker")
    file = write(tmp_path / "in.ndjson", bulk_cohort(40, 60))

    report = archive([file], tmp_path / "out")

    assert report.exit_code == 3
    damage = the_damage(tmp_path / "out")
    assert (damage["file"], damage["offset"]) == (str(file), 0)
    assert "2 workers died" in damage["reason"]
    assert len(lines(tmp_path / "out")) > 30
    assert not any("category" in line for line in lines(tmp_path / "out"))


def test_one_of_many_small_files_kills_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small files are read in one go; the one that cannot be is found, and the others are read."""
    from fhir_remission.jobs.archive import archive as job

    monkeypatch.setattr(job, "_WORKER", "tests.archive.dying_worker")
    monkeypatch.setenv("DEADLY", "3")
    (tmp_path / "in").mkdir()
    files = [write(tmp_path / f"in/{n}.ndjson", [blasts(n, f"p{n}")]) for n in range(6)]

    report = archive([tmp_path / "in"], tmp_path / "out")

    assert report.exit_code == 3
    (damage,) = summary(tmp_path / "out")["damage"]
    assert (damage["file"], damage["offset"]) == (str(files[3]), 0)
    assert "2 workers died" in damage["reason"]
    assert [one["patient"] for one in lines(tmp_path / "out")] == [
        f"Patient/p{n}" for n in range(6) if n != 3
    ]
    monkeypatch.setattr(job, "_WORKER", "fhir_remission.jobs.archive.worker")
    archive([tmp_path / "in"], tmp_path / "again")
    assert len(lines(tmp_path / "again")) == 6


def test_small_files_are_read_together_and_large_ones_alone(tmp_path: Path) -> None:
    """Twenty of 1 MiB make five jobs; a stretch of a large file and a packed one are jobs alone."""
    sources = [Source(f"s{n}", 1 << 20, 0) for n in range(20)]
    sources += [Source("large", 40 << 20, 0), Source("packed", 1 << 20, 0, packing="gzip")]
    parts = cut(sources, 2)

    made = batches(parts, sources)

    assert [part.index for batch in made for part in batch if len(batch) > 1] == list(range(20))
    assert {len(batch) for batch in made} == {1, 4}
    assert sorted(part.index for batch in made for part in batch) == [one.index for one in parts]


def test_workers_load_what_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: bytes
) -> None:
    """Neither the models, nor the database, nor the command line, from first line to last."""
    from fhir_remission.jobs.archive import archive as job

    monkeypatch.setattr(job, "_WORKER", "tests.archive.telling_worker")
    monkeypatch.setenv("TELL", str(tmp_path))
    file = tmp_path / "good.ndjson"

    archive([file], tmp_path / "out", form="parquet")

    told = [set(one.read_text().splitlines()) for one in tmp_path.glob("*.modules")]
    assert told
    for modules in told:
        assert "fhir_remission.jobs.archive.judge" in modules
        assert not modules & {"pydantic", "sqlalchemy", "typer", "rich", "requests", "pyarrow"}
        assert "fhir.resources" not in modules


def test_the_command(tmp_path: Path, good: bytes) -> None:
    """The command line names damage on stderr, keeps stdout empty, and ends with 3."""
    file = tmp_path / "in.ndjson"
    file.write_bytes(good + b"{")
    command = [sys.executable, "-m", "fhir_remission", "archive", str(file)]

    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, check=False
    )

    assert (done.returncode, done.stdout) == (3, b"")
    assert f"in.ndjson at byte {len(good)}".encode() in done.stderr
    missing = subprocess.run(
        [*command[:-1], "no-such", "--out", str(tmp_path / "out")], capture_output=True, check=False
    )
    assert missing.returncode == 2
    assert b"no-such" in missing.stderr
