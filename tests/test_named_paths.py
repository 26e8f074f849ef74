"""What a docstring, a comment or a page calls by its path or module is where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import map as house

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md", ".github/*.md", "mappings/**/*.t*")
    for path in ROOT.glob(pattern)
    # What was once true is told there as it was.
    if path.name != "CHANGELOG.md"
)
MODULES = sorted(ROOT.glob("fhir_remission/**/*.py"))
FLOORS = "cli|service|report|jobs|effects|settings|fhir|domain|rehearsal"
PATH = re.compile(
    rf"(?<![\w/.<>{{*-])((?:fhir_remission|{FLOORS}|mappings|tests|fixtures|deploy|docs)/[\w./-]*\.\w+)"
)
DOTTED = re.compile(rf"(?<![\w./-])fhir_remission((?:\.(?:{FLOORS})\b)(?:\.[a-z_0-9]+)*)")
PLACES = (ROOT, ROOT / "fhir_remission", ROOT / "fhir_remission" / "schema")


def stands(path: str) -> bool:
    """Whether a path exists from the top of the repository or of the package."""
    return any((place / path).exists() for place in PLACES)


def imports(dotted: str) -> bool:
    """Whether a dotted name is a module or a name within one, two deep at most."""
    parts = dotted.strip(".").split(".")
    for size in range(len(parts), 0, -1):
        place = ROOT / "fhir_remission" / Path(*parts[:size])
        if place.with_suffix(".py").exists():
            return len(parts) - size <= 2
        if place.is_dir():
            return size == len(parts)
    return False


@pytest.mark.parametrize("path", [*PAGES, *MODULES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_named_exists(path: Path) -> None:
    """Whoever follows a name finds what it names."""
    text = path.read_text(encoding="utf-8")
    lost = [name for name in PATH.findall(text) if not stands(name.rstrip("."))]
    lost += [name for name in DOTTED.findall(text) if not imports(name)]

    assert lost == []


def test_the_map_of_the_readme_is_that_of_the_house() -> None:
    """`python -m tests.map --write` draws it anew."""
    (found,) = house.BETWEEN.findall(house.README.read_text(encoding="utf-8"))

    assert found == house.drawn()


def test_the_map_leaves_no_floor_out() -> None:
    """Every folder of the package that holds modules is drawn."""
    folders = {path.parent.name for path in house.PACKAGE.glob("*/__init__.py")}

    assert folders == {floor for floor in house.ORDER if floor in folders}
