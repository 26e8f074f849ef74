"""Several sites on one server: what is not ours is never changed, retracted or counted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fhir_remission import classify
from tests.crash.settings import AS_OF
from tests.crash.test_crash import SERVERS
from tests.crash.test_repository import STUB
from tests.crash.test_sinks import SIGNED
from tests.crash.world import RESULTS, World

Make = Callable[..., World]
CR, AMENDED = "demo-01-cr", "demo-18-amended"
BOTH = (CR, AMENDED)
# As an EHR that keeps no identifiers, and a repository of its own.
ORACLE: dict[str, Any] = {"persona": "oracle", "settings": SIGNED}
ELSEWHERE: dict[str, Any] = {"repository": STUB}
PLACES: dict[str, dict[str, Any]] = {
    **{name: {"habits": habits} for name, habits in SERVERS.items()},
    "ehr-observation": ORACLE,
    "repository elsewhere": ELSEWHERE,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A kind of server."""
    return PLACES[request.param]


def everything(world: World) -> list[bytes]:
    """All versions of all resources of the sink."""
    return [version.raw for version in world.server.store.log]


def lose_state(world: World) -> None:
    """Its disk did not last."""
    for file in world.folder.glob("state.db*"):
        file.unlink()
    (world.folder / "results.ndjson").unlink(missing_ok=True)


def share_key(world: World, other: World) -> None:
    """A copy of the site key."""
    shutil.copy(world.folder / "site.key", other.folder / "site.key")


def results(world: World) -> dict[str, dict[str, Any]]:
    """All results of all sites that stand at the sink."""
    return {
        f"{kind}/{resource['id']}": resource
        for kind in RESULTS
        for resource in world.server.store.resources(kind)
        if "88040-1" in str(resource.get("code")) or kind == "ClinicalImpression"
    }


@pytest.mark.parametrize("key", ["own key", "copied key"])
def test_a_second_site_leaves_the_results_of_the_first_alone(
    make_world: Make, place: dict[str, Any], key: str
) -> None:
    """Nothing of the first is changed; both have theirs; the second tells what it met."""
    first = make_world(patients=BOTH, **place)
    assert first.sync().code == 0
    before = results(first)
    second = make_world(patients=BOTH, name="ward-2", beside=first, **place)
    if key == "copied key":
        share_key(first, second)

    ran = second.sync()

    assert ran.code == 0, ran
    assert {line["write"] for line in ran.lines} == {"created"}
    after = results(first)
    assert {name: after[name] for name in before} == before
    assert len(after) == 2 * len(before)
    assert ran.summary["foreign_results"] == len(before)
    assert {r["status"] for r in after.values()} & {"entered-in-error"} == set()
    for world in (first, second):
        assert world.sync().summary["unsafe_requests"] == 0


@pytest.mark.parametrize("key", ["own key", "copied key"])
def test_both_keep_to_their_own_when_their_states_are_lost(
    make_world: Make, place: dict[str, Any], key: str
) -> None:
    """And when the evidence is withdrawn, each takes back its own."""
    first = make_world(patients=(CR,), **place)
    second = make_world(patients=(CR,), name="ward-2", beside=first, **place)
    if key == "copied key":
        share_key(first, second)
    for world in (first, second):
        assert world.sync().code == 0
    stands = everything(first)

    for world in (first, second):
        lose_state(world)
        assert world.sync().code == 0
    assert everything(first) == stands

    if place is ORACLE:  # it takes no entered-in-error: a person withdraws there
        return
    lose_state(second)
    first.retract_marrow(CR)
    assert second.sync().line(CR)["write"] == "retracted"
    halves = sorted(r["status"] == "entered-in-error" for r in results(first).values())
    assert halves == [False] * (len(halves) // 2) + [True] * (len(halves) // 2)
    assert first.sync().line(CR)["write"] == "retracted"
    assert {r["status"] for r in results(first).values()} == {"entered-in-error"}


def test_a_person_may_edit_the_results_of_both(make_world: Make, place: dict[str, Any]) -> None:
    """Each site parks its own and says nothing of the other's."""
    first = make_world(patients=(CR,), **place)
    second = make_world(patients=(CR,), name="ward-2", beside=first, **place)
    assert first.sync().code == 0
    ours = results(first)
    assert second.sync().code == 0
    for name, resource in ours.items():
        assert name in results(first)
        first.edit(resource, note=[{"text": "seen"}, *resource.get("note", [])])
    edited = everything(first)
    for world in (first, second):
        lose_state(world)

    assert second.sync().code == 0
    assert everything(first) == edited
    ran = first.sync()
    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert everything(first) == edited


def _stripped(resource: dict[str, Any], *, all_of_it: bool) -> Iterator[tuple[str, Any]]:
    """Without our mark, or without anything that says who wrote it."""
    if "identifier" in resource:
        held = resource["identifier"]
        kept = [] if all_of_it else [i for i in held if not i["system"].endswith("/id/site")]
        yield "identifier", kept
    notes = [n for n in resource.get("note", []) if "/id assessment=" not in n["text"]]
    if "identifier" not in resource:
        yield "note", notes


@pytest.mark.parametrize("all_of_it", [False, True], ids=["mark", "everything"])
@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_a_result_whose_mark_a_person_took_away_is_not_written_twice(
    make_world: Make, place: dict[str, Any], all_of_it: bool, lost: bool
) -> None:
    """It is parked and told, never changed; where nothing proves it any more, it is told."""
    world = make_world(patients=(AMENDED,), **place)
    assert world.sync().code == 0
    for resource in results(world).values():
        world.edit(resource, **dict(_stripped(resource, all_of_it=all_of_it)))
    edited = results(world)
    if lost:
        lose_state(world)
    for resource in world.source.store.resources("Observation"):
        if resource["id"].endswith("platelets"):
            value = {**resource["valueQuantity"], "value": 300}
            world.source.store.put({**resource, "valueQuantity": value})

    ran = world.sync()

    assert {name: results(world)[name] for name in edited} == edited
    served_ids = "put" not in str(place) and not world.server.service.persona.update_create
    unprovable = lost and served_ids and (all_of_it or place is ORACLE)
    if unprovable:
        assert ran.summary["foreign_results"] == len(edited)
    else:
        assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked"), ran
        assert results(world) == edited


@pytest.mark.parametrize("namespace", ["", "https://x.example/ns"], ids=["same", "other"])
def test_what_other_sites_wrote_is_never_evidence(
    make_world: Make, place: dict[str, Any], namespace: str
) -> None:
    """The answer about a patient is the same to the byte, whoever has written about them."""
    world = make_world(patients=(CR,), **place)
    evidence = [v.resource for v in world.source.store.log if v.resource]
    told = classify(evidence, as_of=AS_OF)
    for name in ("ward-2", "ward-3"):
        other = make_world(patients=(CR,), name=name, beside=world, **place)
        if namespace:
            text = other.config.read_text()
            other.config.write_text(text.replace("[site]", f'[site]\nnamespace = "{namespace}"'))
        assert other.sync().code == 0
    theirs = list(results(world).values())
    assert len(theirs) >= 2

    assert classify([*evidence, *theirs], as_of=AS_OF) == told


def test_a_site_under_another_namespace_is_another_site(
    make_world: Make, place: dict[str, Any]
) -> None:
    """Two sites that share nothing: neither sees its own in what the other wrote."""
    first = make_world(patients=(CR,), **place)
    second = make_world(patients=(CR,), name="ward-2", beside=first, **place)
    text = second.config.read_text()
    second.config.write_text(text.replace("[site]", '[site]\nnamespace = "https://x.example/ns"'))
    assert first.sync().code == 0
    before = results(first)

    assert second.sync().code == 0
    assert {name: results(first)[name] for name in before} == before
    assert len(results(first)) == 2 * len(before)
    stands = everything(first)
    for world in (first, second):
        lose_state(world)
        assert world.sync().code == 0
    assert everything(first) == stands


def test_a_note_of_ours_copied_to_a_laboratory_result_changes_nothing(make_world: Make) -> None:
    """Neither is the laboratory's result taken for ours, nor ours for gone."""
    world = make_world(patients=(CR,), **ORACLE)
    assert world.sync().code == 0
    (ours,) = results(world).values()
    for resource in world.source.store.resources("Observation"):
        if resource["id"].endswith("platelets"):
            world.edit(resource, note=[ours["note"][-1]])
    stands = everything(world)
    for lost in (False, True):
        if lost:
            lose_state(world)
        ran = world.sync()
        assert (ran.code, ran.line(CR)["category"]) == (0, "CR"), ran
        kept = [raw for raw in everything(world) if b'"amended"' not in raw]
        assert len(results(world)) == 1
        assert kept[: len(stands)] == stands
