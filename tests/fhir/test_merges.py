"""Who is one person: both sides of `Patient.link`, in every combination and any order."""

from __future__ import annotations

import itertools
import random

import pytest

from fhir_remission.fhir.incoming.merges import Links, people_of

OWN, ONE = "people of their own", "one person"


def linked(
    *, a_says: bool, b_says: bool, b_active: bool | None, b_here: bool = True
) -> dict[str, Links]:
    """A, which may say that it replaces B, and B, which may say that A replaced it."""
    said = {"a": Links(older=("b",) if a_says else (), active=True)}
    if b_here:
        said["b"] = Links(newer=("a",) if b_says else (), active=b_active)
    return said


@pytest.mark.parametrize(
    ("a_says", "b_says", "b_active", "expected"),
    [
        (True, True, True, ONE),
        (True, True, False, ONE),
        (True, True, None, ONE),
        (True, False, True, OWN),
        (True, False, None, OWN),
        (True, False, False, ONE),
        (False, True, True, OWN),
        # A record that calls itself replaced and does not call itself active is not in force.
        (False, True, None, ONE),
        (False, True, False, ONE),
        (False, False, False, OWN),
    ],
)
def test_a_link_counts_when_both_agree_or_the_former_is_out_of_force(
    a_says: bool, b_says: bool, b_active: bool | None, expected: str
) -> None:
    """The whole table, and both records say the same of who they are."""
    people = people_of(linked(a_says=a_says, b_says=b_says, b_active=b_active))

    if expected == ONE:
        assert {(p.survivor, p.former, p.one_sided) for p in people.values()} == {("a", ("b",), ())}
    else:
        assert all(p.survivor == name and not p.former for name, p in people.items())
        assert [p.one_sided for p in people.values()].count(()) == (1 if a_says or b_says else 0)


def test_a_record_that_is_gone_belongs_to_the_one_that_replaced_it() -> None:
    """What was deleted after a merge says nothing any more."""
    people = people_of(linked(a_says=True, b_says=False, b_active=None, b_here=False))

    assert (people["b"].survivor, people["a"].former) == ("a", ("b",))


def test_the_one_that_replaced_it_must_be_there() -> None:
    """Nobody is judged under a record that could not be read."""
    people = people_of({"b": Links(newer=("a",), active=False)})

    assert people["b"].problem == "the record that replaced it could not be read"


def test_a_left_over_link_of_an_earlier_merge_does_not_undo_a_later_one() -> None:
    """A once replaced B; then B replaced A, and both say so."""
    people = people_of(
        {
            "a": Links(newer=("b",), older=("b",), active=False),
            "b": Links(older=("a",), active=True),
        }
    )

    assert {p.survivor for p in people.values()} == {"b"}


@pytest.mark.parametrize("active", [None, True])
def test_records_that_all_call_themselves_replaced_leave_nobody(active: bool | None) -> None:
    """A person must look, however long the circle."""
    said = {one: Links(newer=(other,), active=active) for one, other in ("ab", "bc", "ca")}

    assert {p.problem for p in people_of(said).values()} == {
        "its record is linked as replaced in a circle"
    }


def test_a_record_replaced_by_two_leaves_nobody() -> None:
    """Which of them is the person, nobody can say."""
    said = {
        "b": Links(newer=("a", "c"), active=False),
        "a": Links(older=("b",)),
        "c": Links(older=("b",)),
    }

    assert {p.problem for p in people_of(said).values()} == {
        "its record is linked as replaced by two records"
    }


def test_a_chain_of_merges_is_one_person_up_to_the_link_that_does_not_count() -> None:
    """d is active and says nothing of c."""
    said = {
        "a": Links(older=("b",)),
        "b": Links(newer=("a",), older=("c",), active=False),
        "c": Links(older=("d",), active=False),
        "d": Links(active=True),
    }
    people = people_of(said)

    assert (people["c"].survivor, people["c"].former) == ("a", ("b", "c"))
    assert people["a"].one_sided == ("d",)
    assert (people["d"].survivor, people["d"].one_sided) == ("d", ())


def test_every_order_says_the_same() -> None:
    """And every record of a person says the same of it, whatever is linked to whatever."""
    chance = random.Random(21)
    for _ in range(300):
        names = "abcde"[: chance.randint(2, 5)]
        said = {
            name: Links(
                tuple(chance.sample(names, chance.randint(0, 1))),
                tuple(chance.sample(names, chance.randint(0, 2))),
                chance.choice((None, True, False)),
            )
            for name in names
            if chance.random() < 0.9
        }
        orders = list(itertools.permutations(said))
        found = [people_of({n: said[n] for n in chance.choice(orders)}) for _ in range(3)]
        assert found[0] == found[1] == found[2]
        for name, person in found[0].items():
            if not person.problem:
                assert name in person.names
                assert all(found[0][other] == person for other in person.names)
