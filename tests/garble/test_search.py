"""The search for answers that rise when something is broken."""

from __future__ import annotations

import pytest

from tests.garble.exempt import rows
from tests.garble.search import tries
from tests.garble.standing import NOTHING, Standing, raised

PROVED = Standing(
    category="CR", state="in-remission", confidence="proved", provisional=False, mrd="unknown"
)


@pytest.mark.parametrize(
    ("before", "after", "is_raised"),
    [
        (Standing(category="RELAPSE", state="relapsed"), PROVED, True),
        (Standing(category="CRi", state="in-remission", confidence="proved"), PROVED, True),
        (Standing(category="CR", state="in-remission"), PROVED, True),
        (NOTHING, Standing(category="IND", state="in-remission"), True),
        (Standing(category="MLFS", exit_code=3), Standing(category="MLFS"), True),
        (Standing(category="IND", exit_code=3), Standing(category="IND"), False),
        (PROVED, NOTHING, False),
        (PROVED, PROVED, False),
        (Standing(category="IND"), Standing(category="NR", confidence="proved"), False),
    ],
)
def test_raised(before: Standing, after: Standing, *, is_raised: bool) -> None:
    """Better is a higher claim, a surer one, or a remission where none was said."""
    assert raised(before, after) is is_raised


def test_seeds_repeat() -> None:
    """A seed makes the same break of the same case every time."""
    first = [one.broken for one in tries(1, 20)]

    assert first == [one.broken for one in tries(1, 20)]


def test_every_exemption_says_why() -> None:
    """A row of the table has a reason in words."""
    assert all(len(row.reason) > 20 for row in rows())
