"""Outputs that cannot be written: one line with the next step, and the right code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_remission.cli.main import main
from tests.hostile.site import SINGLE, disk, one_line, site


@contextmanager
def full(folder: Path) -> Iterator[Path]:
    """A disk on which nothing has room."""
    with disk(folder, "-o", "size=64k") as place:
        (place / "filler").write_bytes(bytes(64 << 10))
        yield place


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A disk that takes nothing."""
    with disk(folder, "-o", "ro") as place:
        yield place


@contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """A folder with a folder, a file and a link in it."""
    folder.mkdir()
    (folder / "folder").mkdir()
    (folder / "file").touch()
    (folder / "link").symlink_to(folder / "file")
    yield folder


PLACES = {
    "a folder": (plain, "folder", 2),
    "below nothing": (plain, "none/out", 2),
    "below a file": (plain, "file/out", 2),
    "a link": (plain, "link", 2),
    "a name too long": (plain, "n" * 300, 2),
    "a read-only disk": (read_only, "out", 2),
    "a full disk": (full, "out", 75),
}
FLAGS = {
    "sync --output": ("sync", "--output"),
    "sync --summary": ("sync", "--summary"),
    "plan --out": ("plan", "--out"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("flag", FLAGS)
def test_a_place_that_takes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, place: str
) -> None:
    """Seen before anything is sent to the server, or told after the run came to its end."""
    command, option = FLAGS[flag]
    make, name, code = PLACES[place]
    (tmp_path / "site").mkdir()
    with make(tmp_path / "disk") as there, site(tmp_path / "site", capsys) as (made, server):
        assert made.run(command, option, there / name) == code
        one_line(made.err, str(there))
        if code == 2 and command != "plan":
            assert server.requests.unsafe == []


def test_devices_are_written_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/dev/null` stays what it is, `/dev/full` is a full disk."""
    with site(tmp_path, capsys) as (made, _):
        assert made.run("sync", "--output", "/dev/full") == 75
        one_line(made.err, "/dev/full", "make room")
        assert made.run("sync", "--output", "/dev/null", "--summary", "/dev/null") == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("name", ["cohort.csv", "site.toml", "site.key", "audit.jsonl", "state.db"])
def test_what_a_run_reads_is_never_its_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Nothing is replaced, nothing is sent."""
    with site(tmp_path, capsys) as (made, server):
        assert made.run("sync") == 0
        before, sent = (tmp_path / name).read_bytes(), len(server.requests)
        assert made.run("sync", "--summary", tmp_path / name) == 2
        one_line(made.err, name, "another name")
        assert (tmp_path / name).read_bytes() == before
        assert len(server.requests) == sent


def test_outputs_are_for_their_owner_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--output, --summary and --out, whatever the umask says and whatever stood there."""
    names = [tmp_path / "lines", tmp_path / "summary", tmp_path / "plan"]
    names[0].touch(mode=0o666)
    names[0].chmod(0o666)
    before = os.umask(0)
    try:
        with site(tmp_path, capsys) as (made, _):
            assert made.run("plan", "--out", names[2]) == 0
            assert made.run("sync", "--output", names[0], "--summary", names[1]) == 0
    finally:
        os.umask(before)
    assert [oct(name.stat().st_mode & 0o777) for name in names] == ["0o600"] * 3
    assert len(names[0].read_bytes().splitlines()) == 2
    assert json.loads(names[1].read_bytes())["lines"] == 2


@pytest.mark.parametrize(
    "place", ["a file", "below a file", "a link", "a read-only disk", "a full disk"]
)
def test_archive_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    """A folder that cannot be made or filled."""
    make, name, code = {**PLACES, "a file": (plain, "file", 2)}[place]
    with make(tmp_path / "disk") as there:
        assert main(["archive", SINGLE, "--out", str(there / name)]) == code
        one_line(capsys.readouterr().err, str(there))


def test_ctrl_c_while_everything_is_imported() -> None:
    """No traceback, and the code of a signal: the last modules of the imports send it."""
    for module in ("typer", "fhir_remission.cli.site", "fhir_remission.cli.flags"):
        struck = (
            "import importlib.abc, os, signal, sys\n"
            "class Strike(importlib.abc.MetaPathFinder):\n"
            "    def find_spec(self, name, path, target=None):\n"
            f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Strike())\n"
            "sys.argv = ['fhir-remission', 'version']\n"
            "from fhir_remission.__main__ import start\n"
            "start()\n"
        )
        done = subprocess.run([sys.executable, "-c", struck], capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (130, b"", b""), module
