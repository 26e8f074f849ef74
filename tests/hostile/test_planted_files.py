"""Files with patient data: for their owner only, whole or not at all, never through a link."""

import ast
import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fhir_remission
from fhir_remission.cli.main import main
from fhir_remission.effects.files import private_file
from fhir_remission.effects.files.audit import Audit
from fhir_remission.effects.files.private_file import (
    Planted,
    check_output,
    new_file,
    open_to_append,
    output_file,
    private_folder,
    write_output,
    write_whole,
)
from fhir_remission.effects.files.results_file import ResultsFile
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.state.database import open_database
from fhir_remission.effects.state.lock import only_run
from fhir_remission.errors import Interrupted, RemissionError, SafetyStop, Unreachable, UsageError
from tests.hostile.site import disk

PACKAGE = Path(fhir_remission.__file__).parent
UMASKS = (0o000, 0o022, 0o077, 0o777)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", UMASKS)
def test_every_file_is_for_its_owner_only(tmp_path: Path, mask: int) -> None:
    """Whatever the umask says, and whatever an old file allowed."""
    old = tmp_path / "out.ndjson"
    old.write_bytes(b"old")
    old.chmod(0o666)
    with umask(mask):
        write_output(old, b"new")
        write_whole(tmp_path / "whole", b"new")
        os.close(open_to_append(tmp_path / "grows"))
        new_site_key(tmp_path / "site.key")
        Audit(tmp_path / "audit.jsonl", clock=SystemClock(), run_id="r").close()
        ResultsFile(tmp_path / "results.ndjson").close()
        database = open_database(
            f"sqlite:///{tmp_path / 'state.db'}", applied_at=SystemClock().now()
        )
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE t (a TEXT)")
            found = {path.name: mode(path) for path in tmp_path.iterdir()}
        database.close()
    assert {"state.db-wal", "state.db-shm", "site.key", "audit.jsonl"} <= found.keys()
    assert set(found.values()) == {0o600}
    assert old.read_bytes() == b"new"


def lock(path: Path) -> None:
    with only_run(path):
        pass


WRITERS = {
    "output": lambda path: write_output(path, b"x"),
    "whole": lambda path: write_whole(path, b"x"),
    "append": lambda path: os.close(open_to_append(path)),
    "checked": check_output,
    "audit": lambda path: Audit(path, clock=SystemClock(), run_id="r").close(),
    "results": lambda path: ResultsFile(path).close(),
    "state": lambda path: open_database(f"sqlite:///{path}", applied_at=SystemClock().now()),
    "key": new_site_key,
    "lock": lock,
    "folder": private_folder,
}
PLANTED = {
    "link": lambda path, other: path.symlink_to(other),
    "dangling": lambda path, other: path.symlink_to(other.with_name("nothing")),
    "pipe": lambda path, _: os.mkfifo(path),
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_was_planted_is_refused_by_name(tmp_path: Path, writer: str, planted: str) -> None:
    """Nothing is written through it, nothing is removed, and no pipe holds us up."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_bytes(b"of somebody else")
    PLANTED[planted](place, victim)

    with pytest.raises(RemissionError, match="place") as caught:
        WRITERS[writer](place)

    assert caught.value.exit_code in (2, 5)
    assert victim.read_bytes() == b"of somebody else"
    assert not (tmp_path / "nothing").exists()
    assert stat.S_IFMT(place.lstat().st_mode) in (stat.S_IFLNK, stat.S_IFIFO)


def test_a_planted_hard_link_is_not_written_through(tmp_path: Path) -> None:
    """A rename takes the name; the other file keeps its content."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_bytes(b"of somebody else")
    place.hardlink_to(victim)
    write_output(place, b"ours")
    assert (victim.read_bytes(), place.read_bytes()) == (b"of somebody else", b"ours")


def test_a_link_that_appears_while_we_write_is_replaced(tmp_path: Path) -> None:
    """The rename takes the place of the link; what it leads to is not touched."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_bytes(b"of somebody else")
    with new_file(place) as file:
        file.write(b"ours")
        place.symlink_to(victim)
    assert (victim.read_bytes(), place.read_bytes()) == (b"of somebody else", b"ours")
    assert not place.is_symlink()


def test_the_name_beside_cannot_be_guessed(tmp_path: Path) -> None:
    """And nobody else can read it while it is written."""
    names = set()
    for _ in range(5):
        with new_file(tmp_path / "out") as file:
            file.write(b"x")
            (beside,) = (path for path in tmp_path.iterdir() if path.name != "out")
            names.add(beside.name)
            assert mode(beside) == 0o600
    assert len(names) == 5


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A writer that breaks off leaves the old one, and nothing beside it."""
    place = tmp_path / "out"
    place.write_bytes(b"old")

    def break_off() -> None:
        with new_file(place) as file:
            file.write(b"half of")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_off()
    assert place.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_lines_of_a_run_that_ended_early_are_kept(tmp_path: Path) -> None:
    """They are true, and the exit code says that they are not all."""

    def end_early() -> None:
        with output_file(tmp_path / "out") as put:
            put(b"first\n")
            raise Interrupted("the deadline")

    with pytest.raises(Interrupted):
        end_early()
    assert (tmp_path / "out").read_bytes() == b"first\n"


def test_what_a_killed_run_left_goes_and_what_another_writes_stays(tmp_path: Path) -> None:
    """Patient data do not gather beside the results."""
    place = tmp_path / "out"
    killed = (
        "import os, sys; from pathlib import Path\n"
        "from fhir_remission.effects.files.private_file import new_file\n"
        "with new_file(Path(sys.argv[1])) as file:\n"
        "    file.write(b'x'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(place)], check=False)
    (left,) = tmp_path.iterdir()
    with new_file(place) as file:
        file.write(b"first")
        write_output(place, b"second")  # another run at the same moment
    assert place.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not left.exists()


def test_an_input_is_never_an_output(tmp_path: Path) -> None:
    """Not under its own name, another spelling, or a hard link."""
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("patient\n")
    again = tmp_path / "again.csv"
    again.hardlink_to(cohort)
    for name in (cohort, tmp_path / "." / "x" / ".." / "cohort.csv", again):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="is read by this run"):
            check_output(name, inputs=[cohort, tmp_path / "not there"])
    check_output(tmp_path / "other.csv", inputs=[cohort])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.csv", "cohort.csv", "x"]


@pytest.mark.parametrize("name", ["long" * 60, "ö" * 120, "*[a]?", ".", "a\nb"])
def test_names_of_any_length_and_letters(tmp_path: Path, name: str) -> None:
    """A file name of 255 bytes has room for no suffix."""
    place = tmp_path / name
    if name == ".":
        with pytest.raises(Planted, match="is a folder"):
            write_output(place, b"x")
        return
    write_output(place, b"x")
    write_output(place, b"y")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"y")]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        *((errno.ENOSPC, 75), (errno.EDQUOT, 75), (errno.EFBIG, 75), (errno.EIO, 75)),
        *((errno.EROFS, 2), (errno.EACCES, 2), (errno.ENOENT, 2), (errno.ENAMETOOLONG, 2)),
    ],
)
def test_a_disk_that_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """Full is 75, because another time it may do; the rest is a matter of the call."""

    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(private_file.os, "fsync", fsync)
    with pytest.raises(RemissionError, match="out") as caught:
        write_output(tmp_path / "out", b"x")
    assert caught.value.exit_code == code
    assert list(tmp_path.iterdir()) == []


def test_a_full_device_and_a_reader_that_went_away() -> None:
    """`/dev/stdout` and `/dev/full` are written as they are: nothing lies there."""
    with pytest.raises(Unreachable, match="No space left"):
        write_output(Path("/dev/full"), b"x")
    write_output(Path("/dev/null"), b"x")


def test_nobody_else_opens_files_for_writing() -> None:
    """One module makes files, so that a new one cannot forget how."""
    allowed = {
        "effects/files/private_file.py",  # the one
        "cli/main.py",  # /dev/null in place of a closed stdout
        "jobs/archive/worker.py",  # the same in a worker
        "effects/files/packed.py",  # a tar in memory
        "cli/demo.py",  # settings without secrets in a folder of its own
    }
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _writes(node)
    }
    assert found == allowed


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    name = call.func.id if isinstance(call.func, ast.Name) else name
    if name in {"write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile"}:
        return True
    on_os = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "os"
    if name == "open" and on_os:
        return True
    modes = [
        one.value
        for one in [*call.args, *(word.value for word in call.keywords)]
        if isinstance(one, ast.Constant)
    ]
    return name in {"open", "fdopen"} and bool(
        {"w", "wb", "a", "ab", "x", "xb", "r+b"} & set(modes)
    )


@pytest.mark.parametrize(
    ("name", "code"), [("folder", 2), ("none/out", 2), ("link", 2), ("file/out", 2)]
)
def test_plan_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    """A key that cannot be written: one line, and the code of a wrong call."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert main(["key", "new", str(tmp_path / name)]) == code
    told = capsys.readouterr().err
    assert told.startswith("fhir-remission: ")
    assert told.count("\n") == 1
    assert "bug" not in told


def test_an_audit_line_that_a_full_disk_cut_off(tmp_path: Path) -> None:
    """It stops the run, and does not swallow the next line."""
    with disk(tmp_path / "disk", "-o", "size=64k") as place:
        file = place / "audit.jsonl"
        audit = Audit(file, clock=SystemClock(), run_id="r")
        many = ["ab12"] * 1000
        with pytest.raises(SafetyStop, match="No space left"):
            audit.record_all("read", many, server="https://x", outcome="success")
        audit.close()
        kept = tmp_path / "audit.jsonl"
        kept.write_bytes(file.read_bytes())
    whole = kept.read_bytes().count(b"\n")
    audit = Audit(kept, clock=SystemClock(), run_id="r2")
    audit.record("read", "ab12", server="https://x", outcome="success")
    audit.close()
    lines = kept.read_bytes().splitlines()
    assert json.loads(lines[-1])["run_id"] == "r2"
    assert all(json.loads(line) for line in lines[:whole])
