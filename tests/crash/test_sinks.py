"""Other sinks: an EHR that takes Observations only, a file, and several at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fhir_remission.rehearsal.cohort import amendment
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
