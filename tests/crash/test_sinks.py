"""Other sinks: an EHR that takes Observations only, a file, and several at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.settings import SETTINGS
from tests.crash.world import World

CR, AMENDED = "demo-01-cr", "demo-18-amended"
EHR = SETTINGS.replace('kind = "repository"', 'kind = "ehr-observation"')


@pytest.mark.parametrize("persona", ["generic", "epic"])
def test_an_ehr_gets_plain_observations_once(
    make_world: Callable[..., World], persona: str
) -> None:
    """Only elements of the list, found again by search, changed and not doubled."""
    world = make_world(persona=persona, settings=EHR, patients=(CR, AMENDED))

    first = world.sync()

    assert first.code == 0, first
    results = [*world.results(CR), *world.results(AMENDED)]
    assert [r["resourceType"] for r in results] == ["Observation"] * 2
    assert not {"focus", "derivedFrom", "device"} & {name for r in results for name in r}
    assert world.server.store.resources("Provenance") == []
    assert world.sync().summary["unsafe_requests"] == 0
    world.server.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert world.doubles() == []


SIGNED = EHR.replace("[write]", 'signer = "Practitioner/p1"\n[write]')


def ours_at_oracle(world: World) -> list[dict[str, Any]]:
    """Ours, known there by nothing but the code."""
    return [
        resource
        for resource in world.server.store.resources("Observation")
        if resource["code"]["coding"][0]["code"] == "88040-1"
    ]


def test_oracle_health_keeps_no_identifier_and_is_written_once_all_the_same(
    make_world: Callable[..., World],
) -> None:
    """A note carries the identity: found again, changed, also after the state was lost."""
    world = make_world(persona="oracle", settings=SIGNED, patients=(CR, AMENDED))

    first = world.sync()

    assert first.code == 0, first
    written = ours_at_oracle(world)
    assert {r["subject"]["reference"] for r in written} == {f"Patient/{CR}", f"Patient/{AMENDED}"}
    assert all("/id assessment=" in r["note"][-1]["text"] for r in written)
    assert not {"identifier", "method", "component"} & {name for r in written for name in r}
    assert {r["category"][0]["coding"][0]["code"] for r in written} == {"laboratory"}
    assert {r["status"] for r in written} == {"final"}
    assert world.sync().summary["unsafe_requests"] == 0
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (world.folder / name).unlink(missing_ok=True)
    assert world.sync().summary["unsafe_requests"] == 0
    world.server.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert len(ours_at_oracle(world)) == len(written) == 2
    assert world.sync().summary["unsafe_requests"] == 0


def test_a_person_at_oracle_health_is_seen(make_world: Callable[..., World]) -> None:
    """The digest in the note covers what stands there."""
    world = make_world(persona="oracle", settings=SIGNED, patients=(AMENDED,))
    assert world.sync().code == 0
    (ours,) = ours_at_oracle(world)
    edited = world.edit(ours, valueCodeableConcept={"text": "I disagree"})
    world.server.store.load([amendment()])

    ran = world.sync()

    assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked")
    assert world.server.store.resource("Observation", ours["id"]) == edited


def test_what_oracle_health_cannot_take_back_is_told(make_world: Callable[..., World]) -> None:
    """It takes no entered-in-error: nothing is sent, a person has to, and the run says so."""
    world = make_world(persona="oracle", settings=SIGNED, patients=(CR,))
    assert world.sync().code == 0
    for resource in world.server.store.resources("Observation"):
        if resource not in ours_at_oracle(world):
            world.edit(resource, status="entered-in-error")

    ran = world.sync()

    assert (ran.code, ran.summary["unsafe_requests"]) == (3, 0)
    assert "withdrawn there by hand" in ran.line(CR)["reason"]


def test_an_ehr_may_take_practitioners_only_as_signers(make_world: Callable[..., World]) -> None:
    """Said before anything is sent."""
    role = SIGNED.replace("Practitioner/p1", "PractitionerRole/p1")
    world = make_world(persona="oracle", settings=role, patients=(CR,))

    ran = world.sync()

    assert (ran.code, world.server.requests.unsafe) == (2, [])
    assert "takes Practitioner as performer only" in ran.error


def test_an_ehr_that_takes_final_results_only_needs_a_signer(
    make_world: Callable[..., World],
) -> None:
    """Exit 7 with what to set; an unsigned result is never called final."""
    world = make_world(persona="oracle", settings=EHR, patients=(CR,))

    ran = world.sync()

    assert ran.code == 7
    assert "set the sink's signer" in ran.error
    assert not world.server.requests.unsafe


def test_a_repository_that_takes_no_impressions_is_refused(
    make_world: Callable[..., World],
) -> None:
    """Exit 7, before anything is written."""
    world = make_world(persona="epic", patients=(CR,))

    assert world.sync().code == 7
    assert not world.server.requests.unsafe


def test_several_sinks_at_once(make_world: Callable[..., World]) -> None:
    """Each has its own memory; a file that is asked for replaces the one that is always there."""
    both = SETTINGS + '[sink.copy]\nkind = "ndjson"\nfile = "copy.ndjson"\n'
    world = make_world(settings=both, patients=(CR, AMENDED))
    assert world.sync().code == 0
    world.server.store.load([amendment()])
    assert world.sync().code == 0

    lines = (world.folder / "copy.ndjson").read_text().splitlines()

    told = [(json.loads(line)["patient"], json.loads(line)["status"]) for line in lines]
    assert len(told) == 3
    assert told.count((f"Patient/{AMENDED}", "standing")) == 2
    assert not (world.folder / "results.ndjson").exists()


def test_a_torn_line_is_cut(make_world: Callable[..., World]) -> None:
    """Half a line was never answered for; the run writes it again, whole."""
    world = make_world(patients=(CR, AMENDED))
    assert world.sync().code == 0
    whole = world.file()
    path = world.folder / "results.ndjson"
    path.write_bytes(path.read_bytes()[:-40])
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (world.folder / name).unlink(missing_ok=True)

    assert world.sync().code == 0

    assert world.file() == whole
