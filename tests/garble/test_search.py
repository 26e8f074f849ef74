"""The search for answers that rise when something is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.garble.bases import base_named
from tests.garble.breaks import Broken
from tests.garble.exempt import EXEMPT, WALK, rows
from tests.garble.search import Tally, Try, answer, search, tries, whole
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


@pytest.mark.parametrize("table", [EXEMPT, WALK])
def test_every_exemption_says_why(table: Path) -> None:
    """A row of the tables has a reason in words."""
    assert all(len(row.reason) > 20 for row in rows(table))


def test_nothing_rises_by_the_walk_alone() -> None:
    """The course is every one that the record allows, so that knowing less never says more."""
    assert rows(WALK) == ()


def test_what_is_broken_never_makes_an_answer_better() -> None:
    """Three thousand seeded tries through `classify`; what the walk alone causes is listed."""
    tally = search(tries(1, 3000))

    assert [rise.told() for rise in tally.rises] == []
    assert tally.tried.total() == 3000
    assert min(tally.tried.values()) > 50


def test_a_search_that_finds_nothing_would_find_something() -> None:
    """A relapse that is taken away raises the answer, and nothing exempts that."""
    base = base_named("relapse-after-incomplete-remission")
    gone = Broken("gone", "Observation 11150-0", "", "", b"")
    tally = Tally()
    for at in base.breakable:
        after = answer(base, "eln-2022", base.body(without=frozenset({at})))
        tally.take(Try(0, base, "eln-2022", gone), whole(base.name, "eln-2022"), after)

    assert tally.rises
    assert tally.exempt.total() == 0
