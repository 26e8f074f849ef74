"""Panels: asked for, never judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.effects.files.panels import load_panels
from fhir_remission.errors import TableError

HEADER = "system\tcode\tdisplay\tsource\n"


def test_the_usual_blood_count_panels_are_asked_for() -> None:
    """And none of them is itself a result."""
    panels = load_panels()

    assert {("http://loinc.org", "58410-2"), ("http://loinc.org", "57021-8")} <= set(panels)
    assert not set(panels) & set(load_mappings().codes.rows)


def test_a_site_adds_its_own(tmp_path: Path) -> None:
    """In the same folder as its other tables."""
    (tmp_path / "panels.tsv").write_text(f"{HEADER}urn:site\tBB\tBlutbild\tlaboratory\n")

    assert ("urn:site", "BB") in load_panels(tmp_path)
    assert load_panels(tmp_path / "none") == load_panels()


@pytest.mark.parametrize("row", ["\tBB\tx\ty", "urn:site\t\tx\ty", "urn:site\tBB\tx\t"])
def test_a_bad_row_names_its_line(tmp_path: Path, row: str) -> None:
    """Like in every other table."""
    (tmp_path / "panels.tsv").write_text(f"{HEADER}{row}\n")

    with pytest.raises(TableError, match=r"panels\.tsv:2"):
        load_panels(tmp_path)
