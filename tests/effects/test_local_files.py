"""The lock, the audit and the clock: what lives on this machine."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from fhir_remission.effects.files.audit import Audit
from fhir_remission.effects.process.clock import (
    Stop,
    SystemClock,
    is_within,
    time_left,
    timestamp,
)
from fhir_remission.effects.process.signals import listening
from fhir_remission.effects.state.lock import only_run
from fhir_remission.errors import AlreadyRunning, Interrupted, SafetyStop, SettingsError
from tests.effects.conftest import FakeClock


def test_a_second_run_is_told_at_once(tmp_path: Path) -> None:
    """Exit 6, naming the file."""
    path = tmp_path / "run" / "state.lock"
    with only_run(path), pytest.raises(AlreadyRunning, match=r"state\.lock"), only_run(path):
        pass

    with only_run(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    """The kernel lets go of it; no stale lock to remove by hand."""
    path = tmp_path / "state.lock"
    script = (
        "import sys, time, pathlib\n"
        "from fhir_remission.effects.state.lock import only_run\n"
        f"with only_run(pathlib.Path({str(path)!r})):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning), only_run(path):
            pass
        child.kill()
        child.wait()

    with only_run(path):
        pass


def test_a_lock_that_cannot_be_made_is_a_settings_error() -> None:
    """Not a traceback."""
    with (
        pytest.raises(SettingsError, match="cannot create the lock file"),
        only_run(Path("/proc/nope/state.lock")),
    ):
        pass


def test_the_audit_is_appended_and_private(tmp_path: Path, clock: FakeClock) -> None:
    """One line per access; a second run goes on where the first ended."""
    path = tmp_path / "audit" / "audit.jsonl"
    for run in ("r1", "r2"):
        audit = Audit(path, clock=clock, run_id=run)
        audit.record("read", "ab12", server="https://x", outcome="success")
        audit.close()

    read = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["run_id"] for line in read] == ["r1", "r2"]
    assert read[0] == {
        "recorded": "2026-03-01T12:00:00.000000Z",
        "action": "read",
        "agent": "fhir-remission",
        "run_id": "r1",
        "server": "https://x",
        "entity": "ab12",
        "outcome": "success",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_audit_that_cannot_be_written_stops_the_run(tmp_path: Path, clock: FakeClock) -> None:
    """Before the next write, not after it."""
    with pytest.raises(SafetyStop, match="cannot be written"):
        Audit(Path("/proc/nope/audit.jsonl"), clock=clock, run_id="r1")

    audit = Audit(tmp_path / "audit.jsonl", clock=clock, run_id="r1")
    os.close(audit._file)
    audit._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(SafetyStop, match="No space left"):
        audit.record("create", "ab12", server="https://x", outcome="success")
    audit.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_honoured_between_two_patients(number: signal.Signals, code: int) -> None:
    """Nothing happens when it comes; the next check raises, with the code of the signal."""
    clock = SystemClock()
    stop = Stop(clock)
    clock.wake_on(stop)
    with listening(stop):
        os.kill(os.getpid(), number)
        began = clock.monotonic()
        clock.sleep(30)
        woken_after = clock.monotonic() - began
        with pytest.raises(Interrupted) as caught:
            stop.check()

    assert caught.value.exit_code == code
    assert woken_after < 5
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_the_deadline_ends_a_run_between_two_patients(clock: FakeClock) -> None:
    """With 75: the next run goes on."""
    stop = Stop(clock, timedelta(minutes=45))
    stop.check()
    assert stop.remaining() == 45 * 60

    clock.sleep(45 * 60)
    with pytest.raises(Interrupted, match="max_runtime") as caught:
        stop.check()

    assert caught.value.exit_code == 75
    assert Stop(clock).remaining() == float("inf")


@pytest.mark.parametrize(
    ("hours", "now", "allowed"),
    [
        (None, time(12), True),
        ((time(8), time(18)), time(8), True),
        ((time(8), time(18)), time(18), False),
        ((time(20), time(6)), time(23), True),
        ((time(20), time(6)), time(5, 59), True),
        ((time(20), time(6)), time(6), False),
        ((time(20), time(6)), time(12), False),
    ],
)
def test_allowed_hours_may_span_midnight(
    hours: tuple[time, time] | None, now: time, allowed: bool
) -> None:
    """The end is not included."""
    assert is_within(hours, datetime.combine(date(2026, 3, 1), now, UTC)) is allowed


@pytest.mark.parametrize(
    ("now", "left"),
    [(time(21), timedelta(hours=9)), (time(5, 30), timedelta(minutes=30)), (time(0), "6:00:00")],
)
def test_allowed_hours_have_an_end(now: time, left: timedelta | str) -> None:
    """On this side of midnight and on the other."""
    at = datetime.combine(date(2026, 3, 1), now, UTC)

    assert str(time_left((time(20), time(6)), at)) == str(left)
    assert time_left(None, at) is None


def test_timestamps_sort_as_text() -> None:
    """Fixed width, UTC."""
    moments = [datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC) for second in (1, 2, 30)]

    assert [timestamp(m) for m in moments] == sorted(timestamp(m) for m in reversed(moments))
    assert timestamp(moments[0]) == "2026-03-01T12:00:01.000000Z"
