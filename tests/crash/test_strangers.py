"""Attacks on whose a result is: copied marks, odd names, removed Devices, shared keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.test_site_identity import blind, rekey, stops
from tests.crash.test_two_sites import (
    AMENDED,
    CR,
    ELSEWHERE,
    ORACLE,
    PLACES,
    everything,
    lose_state,
    results,
    share_key,
)
from tests.crash.world import World

Make = Callable[..., World]
SITE = "/id/site"
# Small, and of every kind: our ids, the server's, no identifiers at all, another server.
FOUR = {name: PLACES[name] for name in ("put", "search", "ehr-observation", "repository elsewhere")}


@pytest.fixture(params=FOUR)
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A kind of server."""
    return FOUR[request.param]


def run(world: World, *arguments: str) -> int:
    """One command of the site."""
    return cli.main([*arguments, "--config", str(world.config)])


def with_mark_of(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Another site's result onto which a person has copied what says that one is ours."""
    if "identifier" not in ours:
        return {**theirs, "note": [*theirs["note"], ours["note"][-1]]}
    marks = [i for i in ours["identifier"] if i["system"].endswith((SITE, "/id/assessment"))]
    return {**theirs, "identifier": [*marks, *theirs["identifier"]]}


def test_a_mark_copied_onto_another_site_s_result(make_world: Make, place: dict[str, Any]) -> None:
    """Neither the copy nor the original is changed, not even where duplicates are taken back."""
    first = make_world(patients=(AMENDED,), **place)
    assert first.sync().code == 0
    ours = results(first)
    second = make_world(patients=(AMENDED,), name="ward-2", beside=first, **place)
    assert second.sync().code == 0
    for resource in ours.values():
        kind = resource["resourceType"]
        theirs = next(
            r for n, r in results(first).items() if n not in ours and r["resourceType"] == kind
        )
        first.edit(with_mark_of(theirs, resource))
    stands = results(first)

    for lost in (False, True):
        for world in (first, second):
            if lost:
                lose_state(world)
            for command in (["sync"], ["reconcile"], ["reconcile", "--retract-duplicates"]):
                assert run(world, *command) in (0, 3, 5)
                assert results(first) == stands, (world.folder, command)


def test_our_mark_over_another_site_s(make_world: Make, place: dict[str, Any]) -> None:
    """A person makes their result look like ours: it is not believed, and not touched."""
    first = make_world(patients=(AMENDED,), **place)
    second = make_world(patients=(AMENDED,), name="ward-2", beside=first, **place)
    assert second.sync().code == 0
    theirs = results(first)
    assert first.sync().code == 0
    ours = {name: r for name, r in results(first).items() if name not in theirs}
    for name, resource in theirs.items():
        mine = next(r for r in ours.values() if r["resourceType"] == name.partition("/")[0])
        if "identifier" in mine:
            mark = next(i for i in mine["identifier"] if i["system"].endswith(SITE))
            kept = [i for i in resource["identifier"] if not i["system"].endswith(SITE)]
            first.edit(resource, identifier=[*kept, mark])
        else:
            first.edit(resource, note=[*resource["note"][:-1], mine["note"][-1]])
    forged = {name: results(first)[name] for name in theirs}

    for world in (first, second):
        for lost in (False, True):
            if lost:
                lose_state(world)
            world.source.store.load([amendment()])
            assert world.sync().code in (0, 3, 5)
            assert {name: results(first)[name] for name in theirs} == forged


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a:b"),
        ("a|b", "a,b"),
        ("Süd", "Nord-Süd"),
        ("病院", "病院:1"),
        ("St. Elisabeth 100 %", "St. Elisabeth"),
        ("a=b c=d", "site=a"),
        ("x/y", "x"),
        ("CRASH", "crash"),
    ],
)
def test_sites_of_any_name(make_world: Make, place: dict[str, Any], one: str, other: str) -> None:
    """They are two, and each finds its own again when its state is lost."""
    first = make_world(patients=(AMENDED,), name=one, **place)
    second = make_world(patients=(AMENDED,), name=other, beside=first, **place)
    share_key(first, second)
    for world in (first, second):
        assert world.sync().code == 0, (world.config.read_text(), world.sync().error)
    stands = everything(first)
    count = len(results(first))
    for world in (second, first):
        lose_state(world)
        assert world.sync().code == 0
    assert everything(first) == stands
    first.source.store.load([amendment()])
    for world in (first, second):
        lose_state(world)
        assert world.sync().line(AMENDED)["write"] == "updated"
    assert len(results(first)) == count


@pytest.mark.parametrize("name", [" a", "a ", "a\\tb", "a\\u0000", "\\u200b"])
def test_a_name_that_servers_would_change_is_refused(make_world: Make, name: str) -> None:
    """Code 2 before anything is asked."""
    world = make_world(patients=(AMENDED,), name=name)
    ran = world.sync()
    assert (ran.code, "site.id" in ran.error) == (2, True), ran


def test_removed_devices_do_not_hide_another_key(make_world: Make) -> None:
    """Somebody tidied up; the results still say which key wrote them."""
    world = make_world(patients=(CR, AMENDED))
    assert world.sync().code == 0
    for device in world.server.store.resources("Device"):
        world.server.store.delete("Device", device["id"])
    lose_state(world)
    rekey(world)
    stops(world, "another site key")


def test_another_key_beside_a_second_site(
    make_world: Make, place: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' Devices do not make up for ours of another key."""
    first = make_world(patients=(CR,), **place)
    second = make_world(patients=(CR,), name="ward-2", beside=first, **place)
    for world in (first, second):
        assert world.sync().code == 0
    lose_state(first)
    rekey(first)
    stops(first, "another site key")
    blind(monkeypatch)
    stops(first, "another site key")
    assert second.sync().code == 0


def test_a_second_site_s_cohort_may_be_another(make_world: Make, place: dict[str, Any]) -> None:
    """And its evidence too: what it does not know is no reason to take anything back."""
    first = make_world(patients=(CR, AMENDED), **place)
    assert first.sync().code == 0
    before = results(first)
    second = make_world(patients=(CR,), name="ward-2", beside=first, **place)
    first.retract_marrow(CR) if place not in (ORACLE, ELSEWHERE) else None
    before = results(first)

    assert second.sync().code == 0
    assert {name: results(first)[name] for name in before} == before
    lose_state(second)
    assert run(second, "reconcile") == 0
    assert {name: results(first)[name] for name in before} == before


def test_a_run_of_another_site_cannot_be_taken_back_here(make_world: Make) -> None:
    """`retract --run` goes by our state, and by the mark of what stands."""
    first = make_world(patients=(CR,))
    second = make_world(patients=(CR,), name="ward-2", beside=first)
    ran = first.sync()
    assert second.sync().code == 0
    before = results(first)
    assert run(second, "retract", "--run", ran.summary["run_id"]) == 2
    assert results(first) == before
