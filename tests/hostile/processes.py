"""A small site whose server may be evil, and its commands as real processes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from tests.crash.settings import AS_OF, SETTINGS
from tests.hostile.evil import Evil, Rule

PATIENTS = ("demo-01-cr", "demo-04-cri", "demo-18-amended")
SOON = 5.0
"""Within so many seconds after it was told to, every process ends."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float
    """How long it took; from the signal, where it got one."""
    memory: int
    """The most memory that any process of this test had so far, in bytes."""


class HostileSite:
    """Settings in a folder, for a server at an address."""

    def __init__(self, folder: Path, base_url: str, settings: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.config = folder, folder / "site.toml"
        if not (folder / "site.key").exists():
            new_site_key(folder / "site.key")
        (folder / "cohort.csv").write_text("\n".join(["patient", *PATIENTS]) + "\n")
        self.point_to(base_url, settings)

    def point_to(self, base_url: str, settings: str = "") -> None:
        """Use that server from now on."""
        text = SETTINGS.format(base_url=base_url, name="hostile")
        for line in settings.splitlines():
            table, _, assignment = line.partition(": ")
            if assignment and f"[{table}]" in text:
                text = text.replace(f"[{table}]\n", f"[{table}]\n{assignment}\n")
            elif assignment:
                text += f"[{table}]\n{assignment}\n"
        self.config.write_text(text)

    def command(self, *arguments: str) -> list[str]:
        """The command line of one command."""
        return [sys.executable, "-m", "fhir_remission", *arguments, "--config", str(self.config)]

    def run(
        self,
        *arguments: str,
        until: threading.Event | None = None,
        signals: Sequence[int] = (),
        timeout: float = 60.0,
    ) -> Ended:
        """Run one command; send it a signal when the event is set."""
        return ran(self.command(*arguments), self.folder, until, signals, timeout)


def ran(
    command: Sequence[str],
    folder: Path,
    until: threading.Event | None = None,
    signals: Sequence[int] = (),
    timeout: float = 60.0,
    stdin: Any = subprocess.DEVNULL,
) -> Ended:
    """Run a process to its end; `timeout` seconds are a failure of the test, not an end."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        began = time.monotonic()
        if until is not None:
            assert until.wait(timeout), "it never came to where the evil begins"
            time.sleep(0.3)
            began = time.monotonic()
            for number in signals:
                process.send_signal(number)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    seconds = time.monotonic() - began
    return Ended(process.returncode, stdout, stderr.decode(errors="replace"), seconds, peak)


def some_patients() -> list[dict[str, Any]]:
    """The demo's resources of our patients, and what belongs to nobody."""
    found = []
    for item in demo_cohort():
        subject = item.get("subject", {}).get("reference", "").partition("/")[2]
        name = item["id"] if item["resourceType"] == "Patient" else subject
        if not name or name in PATIENTS:
            found.append(item)
    return found


@contextmanager
def evil_site(
    folder: Path, rule: Rule, settings: str = "", *, persona: str = "hapi", **how: Any
) -> Iterator[tuple[HostileSite, Evil, EmbeddedServer]]:
    """A site, its evil server, and the good one behind it."""
    with (
        EmbeddedServer(resources=some_patients(), persona=persona) as good,
        Evil(rule, behind=good.base_url, **how) as evil,
    ):
        yield HostileSite(folder, evil.base_url, settings), evil, good


def side_by_side(works: Sequence[Callable[[], object]]) -> list[object]:
    """Do several things at once, because each of them waits; their results in order."""
    results: list[object] = [None] * len(works)

    def one(place: int) -> None:
        try:
            results[place] = works[place]()
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


__all__ = ["AS_OF", "SOON", "Ended", "HostileSite", "evil_site", "ran", "side_by_side", "signal"]
