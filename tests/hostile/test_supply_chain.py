"""What is deployed: locked with hashes, listed with licences, audited on a schedule."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "deploy/requirements.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))? \\$", re.M
)


def locked() -> dict[str, tuple[Version, str]]:
    """Each package with its version and the machines that need it."""
    found = ENTRY.finditer(LOCK)
    return {one["name"]: (Version(one["version"]), (one["marker"] or "").strip()) for one in found}


def test_every_line_has_hashes_and_none_an_address() -> None:
    """`pip install --require-hashes` takes it, from whichever index a site uses."""
    blocks = re.split(r"^(?=[a-z])", LOCK, flags=re.M)[1:]
    assert len(blocks) == len(locked()) > 20
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|@ ", LOCK)
    assert "make lock" in LOCK


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_all_that_we_need_is_locked_in_a_version_that_we_take(python: str) -> None:
    """A new dependency without `make lock` is found here, not at the site."""
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["postgres"], *extras["service"]]
    machine = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    for text in wanted:
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate(machine):
            continue
        version, marker = locked()[canonicalize_name(need.name)]
        assert version in need.specifier, text
        if marker:
            assert Requirement(f"x ; {marker}").marker.evaluate(machine), text  # type: ignore[union-attr]


def test_every_licence_is_listed() -> None:
    """By the version that is locked; what only Windows needs is not deployed."""
    listed = {
        canonicalize_name(cells[1].strip()): (cells[2].strip(), cells[3].strip())
        for cells in (
            line.split("|")
            for line in (ROOT / "deploy/third-party.md").read_text().splitlines()
            if line.startswith("| ") and not line.startswith("| Name")
        )
    }
    here = {
        name: str(version)
        for name, (version, marker) in locked().items()
        if "== 'win32'" not in marker
    }
    assert {name: version for name, (version, _) in listed.items()} == here
    assert not [name for name, (_, licence) in listed.items() if licence in {"", "UNKNOWN"}]


def test_the_audit_is_scheduled_and_the_wheel_has_its_sbom() -> None:
    """Both run the commands of the Makefile that a person can run."""
    workflow = (ROOT / ".github/workflows/audit.yml").read_text()
    assert re.search(r'- cron: "[0-9*/, -]+"', workflow)
    assert "run: make audit" in workflow
    makefile = (ROOT / "Makefile").read_text()
    assert "pip-audit --require-hashes" in makefile
    wheel = (ROOT / "tests/wheel.sh").read_text()
    assert "--require-hashes -r deploy/requirements.txt" in wheel
    assert "fhir-remission.cdx.json" in wheel
