"""Specimens that results name and no search by patient brings: read by id, or a gap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.matrix.test_members import HIDDEN, of_patient
from tests.matrix.world import World, patients, world

MARROW = HIDDEN[0]
OF_NOBODY: dict[str, Any] = {"resourceType": "Specimen", "id": "tube-7"}


def named(hospital: World, specimen: dict[str, Any] | None) -> dict[str, Any]:
    """Her line, where the remission's marrow names a Specimen."""
    marrow = next(one for one in patients() if one["id"] == MARROW)
    hospital.source.store.put({**marrow, "specimen": {"reference": "Specimen/tube-7"}})
    if specimen is not None:
        hospital.source.store.put(specimen)
    return of_patient(hospital.run(dry=True))


@pytest.mark.parametrize(
    ("specimen", "category"),
    [
        ({**OF_NOBODY, "status": "available"}, "CR"),
        ({**OF_NOBODY, "type": {"text": "Knochenmark"}}, "CR"),
        ({**OF_NOBODY, "status": "unsatisfactory"}, "IND"),
        (None, "IND"),
    ],
    ids=["good", "in-german", "rejected", "gone"],
)
def test_a_specimen_of_nobody_is_read_by_its_id(
    specimen: dict[str, Any] | None, category: str, tmp_path: Path
) -> None:
    """A rejected sample is no remission, and neither is one of which nothing is left."""
    with world("hapi", tmp_path) as hospital:
        line = named(hospital, specimen)

    assert (line["category"] == "CR") == (category == "CR")
    if specimen is None:
        assert "its specimen Specimen/tube-7 is not at hand" in str(line["skipped"])
