"""Every process ends in time once it is told to, also where nothing of ours can be asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.hostile.processes import SOON, ran, side_by_side

STUCK = """
import sys, threading, time
from fhir_remission.effects.process import signals
from fhir_remission.effects.process.clock import Stop, SystemClock
from datetime import timedelta
signals.guard()
stop = Stop(SystemClock(), {runtime})
with signals.listening(stop):
    print("ready", flush=True)
    {work}
"""
# In the kernel, in a loop that asks nobody, where every exception is caught, beside a thread that
# the interpreter waits for.
WORKS = {
    "asleep": "time.sleep(60)",
    "busy": "while True: pass",
    "deaf": "\n    while True:\n        try:\n            time.sleep(60)\n"
    "        except BaseException:\n            pass",
    "waited for": "threading.Thread(target=time.sleep, args=(60,)).start()\n    stop.asked.wait()\n"
    "    sys.exit(3)",
}


def told(work: str, how: str, folder: Path) -> tuple[int, float]:
    """The code of a process that is told to end, and how long after it ended."""
    runtime = "timedelta(seconds=1)" if how == "deadline" else "None"
    code = STUCK.format(runtime=runtime, work=WORKS[work])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        began = time.monotonic() + (1 if how == "deadline" else 0)
        if how != "deadline":
            process.send_signal(getattr(signal, how))
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, time.monotonic() - began


def test_a_process_ends_in_time_whatever_its_main_thread_does(tmp_path: Path) -> None:
    """Asked first, then pressed, then ended where it stands; the code says by what."""
    cases = [(work, how) for work in WORKS for how in ("SIGTERM", "SIGINT", "deadline")]
    found = side_by_side([lambda case=case: told(*case, tmp_path) for case in cases])

    for (work, how), (code, seconds) in zip(cases, found, strict=True):  # type: ignore[misc]
        assert seconds < SOON, (work, how)
        if work == "waited for":
            assert code in (3, 75), how  # 3: it had come to its end by itself
        elif work == "deaf":
            assert code == {"SIGTERM": 143, "SIGINT": 130, "deadline": 75}[how]
        else:  # nobody here turns the exception into a code, as the command line does
            assert code == 1, (work, how)


def test_a_command_without_a_state_ends_at_once(tmp_path: Path) -> None:
    """`classify` that waits for a pipe; as process 1 of a container nothing else would end it."""
    reading, writing = os.pipe()
    ready = threading.Event()
    threading.Timer(1.5, ready.set).start()
    try:
        command = [sys.executable, "-m", "fhir_remission", "classify", "-"]
        ended = ran(command, tmp_path, ready, [signal.SIGTERM], stdin=reading)
    finally:
        os.close(reading)
        os.close(writing)

    assert ended.code == 143
    assert "SIGTERM ended the run" in ended.stderr
    assert ended.seconds < 2


PARENT = """
import subprocess, sys, time
work = "from fhir_remission.effects.process.signals import end_with_parent; end_with_parent()"
child = subprocess.Popen([sys.executable, "-c", work + "; print(1, flush=True)\\nwhile True: pass"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_worker_whose_parent_is_killed_goes_too(tmp_path: Path) -> None:
    """Also while it is at a job that takes for ever."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        lines = sorted([process.stdout.readline(), process.stdout.readline()])
        worker = int(max(lines, key=int))
        process.kill()
    until = time.monotonic() + SOON
    while time.monotonic() < until and _lives(worker):
        time.sleep(0.1)

    assert not _lives(worker)


def _lives(pid: int) -> bool:
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return False
