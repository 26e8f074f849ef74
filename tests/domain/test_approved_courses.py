"""Each word of the approved courses (`approved.py`)."""

from __future__ import annotations

import pytest

from tests.domain.approved import Row, rows, said


@pytest.mark.parametrize("row", [pytest.param(one, id=str(at)) for at, one in enumerate(rows())])
def test_a_course_is_answered_as_it_was_approved(row: Row) -> None:
    """A change of a rule changes it on purpose: `python -m tests.domain.approved --write`."""
    assert said(row) == row["said"], row["notices"]
