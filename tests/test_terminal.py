"""What a terminal gets and a pipe does not: progress, a last sentence; and help that is whole."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fhir_remission.cli import progress as cli_progress
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import GROUP_ID, demo_cohort
from fhir_remission.rehearsal.listening import told
from tests.test_readme import _commands

COMMAND = [sys.executable, "-m", "fhir_remission"]


def on_terminal(arguments: list[str], folder: Path) -> tuple[int, str, bytes]:
    """The exit code of a command, what a terminal on its stderr got, and its stdout, a pipe."""
    ours, theirs = pty.openpty()
    seen = b""
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        assert running.stdout is not None
        piped = running.stdout.read()
        with suppress(OSError):  # the other end is closed: that is how a terminal ends
            while piece := os.read(ours, 4096):
                seen += piece
        code = running.wait(timeout=60)
    os.close(ours)
    return code, seen.decode(), piped


def test_who_watches_sees_how_far_it_is_and_where_it_lies(tmp_path: Path) -> None:
    """A rate and the time left in one line, a sentence at the end; stdout is as without."""
    new_site_key(tmp_path / "site.key")
    with EmbeddedServer(resources=demo_cohort()) as server:
        (tmp_path / "site.toml").write_text(told.settings(server.base_url, group=GROUP_ID))
        code, seen, piped = on_terminal(["sync", "--quiet"], tmp_path)
        assert code == 0
        assert len(piped.splitlines()) == 20
        assert re.search(r"\d+ of 20 patients, [\d.]+ patients/s, \d+ s left", seen)
        assert f"20 created. The results lie on {server.base_url} and results.ndjson. Run " in seen
        run_id = seen.rsplit("Run ", 1)[1].strip().rstrip(".")
        code, seen, _ = on_terminal(["reconcile"], tmp_path)
        assert code == 0
        assert "20 of 20 patients read: nothing had changed. The results lie on" in seen
        code, seen, piped = on_terminal(["retract", "--run", run_id], tmp_path)
        assert code == 0
        assert re.search(r"taking back \d+ %, [\d.]+ resources/s, \d+ s left", seen)
        assert f"{len(piped.splitlines())} resources of run {run_id} taken back" in seen
        code, seen, _ = on_terminal(["bulk", "--out", "out", "--group", GROUP_ID], tmp_path)
        assert code == 0
        assert re.search(r"judging \d+ %, [\d.]+ parts/s, \d+ s left", seen)
        assert "left incomplete: out/assessments.ndjson." in seen


def test_a_pipe_gets_none_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines pass through, and nothing is written beside them."""
    assert list(cli_progress.followed([b"a", b"b"], lambda: (1, 2))) == [b"a", b"b"]
    cli_progress.progress()("reading", 1, 2)
    cli_progress.ended("done")
    monkeypatch.setattr(sys, "stderr", None)
    cli_progress.ended("done")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("made", "left", "seconds", "unit", "expected"),
    [
        (0, 10, 5.0, "patients", ""),
        (10, 20, 5.0, "patients", ", 2.0 patients/s, 10 s left"),
        (10, 6000, 5.0, "files", ", 2.0 files/s, 50 min left"),
        (10, 60000, 5.0, "files", ", 2.0 files/s, 8.3 h left"),
        (20_000_000, 20_000_000, 5.0, "", ", 4 MB/s, 5 s left"),
    ],
)
def test_the_rate_and_the_time_left(
    made: int, left: int, seconds: float, unit: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the rate so far; in units that a person reads."""
    monkeypatch.setattr(cli_progress.time, "monotonic", lambda: 100.0 + seconds)
    assert cli_progress.pace(made, left, 100.0, unit) == expected


@pytest.mark.parametrize("width", [60, 80])
def test_help_is_whole(width: int) -> None:
    """No sentence is cut off, no option is without a word, no line is wider than the terminal."""
    groups = sorted({name.split()[0] for name in _commands() if " " in name})
    for arguments in ([], *([name] for name in groups), ["sync"], ["rehearse"], ["explain"]):
        done = subprocess.run(
            [*COMMAND, *arguments, "--help"], capture_output=True, text=True, check=True,
            env={**os.environ, "COLUMNS": str(width)},
        )  # fmt: skip
        assert "..." not in done.stdout.replace("[ARGS]...", ""), (arguments, done.stdout)
        assert max(map(len, done.stdout.splitlines())) <= width, arguments
        options = re.findall(r"^  --\S+(?: <\S.*?>)?(.*)\n(\s*)", done.stdout, flags=re.MULTILINE)
        assert options
