"""A site on the embedded server, run through the command line in this process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli.main import main
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import course_resources, demo_courses

SINGLE = str(Path(__file__).parents[2] / "fixtures/cases/complete-remission/bundle.json")
PATIENTS = ("demo-01-cr", "demo-07-relapse")
SETTINGS = """\
[site]
id = "hostile"
timezone = "Europe/Berlin"
[source]
base_url = "{source}"
rate = "100000/s"
{more}
"""
SINK = """\
[sink.main]
kind = "repository"
"""


@dataclass
class Site:
    """A folder with settings, key and cohort; what a command said is kept."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    config: Path = field(init=False)
    out: str = ""
    err: str = ""

    def __post_init__(self) -> None:
        self.config = self.folder / "site.toml"

    def set(self, source: str, more: str = SINK) -> None:
        """Write the settings."""
        self.config.write_text(SETTINGS.format(source=source, more=more), encoding="utf-8")

    def run(self, *arguments: str | Path) -> int:
        """Run a command with this site's settings."""
        self.capture.readouterr()
        code = main([str(one) for one in arguments] + ["--config", str(self.config)])
        self.out, self.err = self.capture.readouterr()
        return code

    @property
    def said(self) -> str:
        """What the command itself said last, besides its log."""
        lines = [line for line in self.err.splitlines() if line.startswith("fhir-remission: ")]
        return lines[-1] if lines else ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def resources(names: Sequence[str] = PATIENTS) -> list[dict[str, Any]]:
    """Everything of these patients of the demo."""
    return [r for c in demo_courses() if c.id in names for r in course_resources(c)]


@contextmanager
def site(
    folder: Path,
    capture: pytest.CaptureFixture[str],
    more: str = SINK,
    held: Sequence[dict[str, Any]] = (),
    persona: str = "generic",
) -> Iterator[tuple[Site, EmbeddedServer]]:
    """A site with two patients on its list, and its server."""
    new_site_key(folder / "site.key")
    (folder / "cohort.csv").write_text("patient\n" + "\n".join(PATIENTS) + "\n")
    with EmbeddedServer(resources=held or resources(), persona=persona) as server:
        made = Site(folder, capture)
        made.set(server.base_url, more)
        yield made, server


@contextmanager
def disk(folder: Path, *options: str) -> Iterator[Path]:
    """A little file system of its own, where this machine lets us mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def one_line(told: str, *words: str) -> None:
    """It is one line of ours, no bug, and it says what to do."""
    said = [line for line in told.splitlines() if line.startswith("fhir-remission: ")]
    assert len(said) == 1, told
    assert "bug" not in told
    assert "Traceback" not in told
    for word in words:
        assert word in said[0]
