"""The Compose file of a first evening: its steps are run as they stand, without the containers."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fhir_remission.cli.main import main
from fhir_remission.rehearsal import EmbeddedServer

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
FILE = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
STEPS = re.findall(r"^#   (.+)$", (COMPOSE / "compose.yaml").read_text(), re.M)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder after the steps that need no container."""
    made = tmp_path / "first-evening"
    shutil.copytree(COMPOSE, made)
    assert STEPS[1] == "sh prepare.sh"
    subprocess.run(STEPS[1].split(), cwd=made, check=True, capture_output=True)
    return made


def test_the_steps_make_every_file_that_is_named(folder: Path) -> None:
    """A file that is not there would be made as an empty folder by who mounts it."""
    named = [one["file"] for one in FILE["secrets"].values()]
    for service in FILE["services"].values():
        mounts = [volume.split(":")[0] for volume in service.get("volumes", ())]
        named += [mount for mount in mounts if mount.startswith(".")]
    assert len(named) == 4
    for name in named:
        assert (folder / name).is_file(), name
        assert (folder / name).stat().st_mode & stat.S_IROTH, "the user of the container reads it"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_time_keeps_the_password(folder: Path) -> None:
    """The database was made with the first one; the address of the state holds it."""
    first = (folder / "postgres-password").read_text()

    subprocess.run(["sh", "prepare.sh"], cwd=folder, check=True, capture_output=True)

    assert len(first) == 32
    assert (folder / "postgres-password").read_text() == first
    assert first in (folder / "state-url").read_text()


def test_the_steps_name_services_of_the_file() -> None:
    """What is typed is there to be run."""
    for step in STEPS[2:]:
        words = [word for word in step.split()[2:] if not word.startswith("--")]
        named = words[1:2] if words[0] == "run" else words[1:]
        assert set(named) <= set(FILE["services"]), step


def test_cohort_key_and_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load, make a key, run, run again: with the words of the Compose file."""
    with EmbeddedServer() as server:
        load = [sys.executable, str(folder / "load.py"), server.base_url]
        done = subprocess.run(load, check=True, capture_output=True, text=True, timeout=60)
        assert "resources: 200" in done.stdout
        monkeypatch.chdir(folder)
        for name, value in here(server.base_url, folder).items():
            monkeypatch.setenv(name, value)
        for step in STEPS[-2:]:
            words = (
                step.partition(" run --rm sync")[2].split() or FILE["services"]["sync"]["command"]
            )
            assert main([placed(word, folder) for word in words]) == 0, step


def here(base_url: str, folder: Path) -> dict[str, str]:
    """What differs without containers: the server's address and where things lie."""
    return {
        "FHIR_REMISSION__SOURCE__BASE_URL": base_url,
        "FHIR_REMISSION__SOURCE__PROFILE": "rehearsal",
        "FHIR_REMISSION__SITE__KEY_FILE": str(folder / "site.key"),
        "FHIR_REMISSION__AUDIT__FILE": str(folder / "audit.jsonl"),
        "FHIR_REMISSION__STATE__URL": f"sqlite:///{folder}/state.db",
        "COLUMNS": "100",
    }


def placed(word: str, folder: Path) -> str:
    """A path of the container as it is here."""
    return re.sub(r"^/(etc|var/lib)/fhir-remission", str(folder), word)


def test_the_page_has_the_same_steps() -> None:
    """Who reads the page types what is tried here."""
    page = (COMPOSE.parents[1] / "docs/deploy.md").read_text(encoding="utf-8")

    assert "```\n" + "\n".join(STEPS) + "\n```" in page
