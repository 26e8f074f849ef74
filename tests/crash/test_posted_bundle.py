"""The engine route: `classify --output bundle` is posted, twice, beside people and `sync`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.errors import InputError, SafetyStop
from fhir_remission.jobs.files import classify
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.settings import AS_OF
from tests.crash.test_crash import SERVERS
from tests.crash.test_two_sites import everything, lose_state, results
from tests.crash.world import World

Make = Callable[..., World]
CR, AMENDED = "demo-01-cr", "demo-18-amended"
BOTH = (CR, AMENDED)


@pytest.fixture(params=["put", "conditional-update"])
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    """A server that takes transactions."""
    return make_world(habits=SERVERS[request.param], patients=BOTH)


def classified(world: World, *, base: Path | None = None) -> classify.Report:
    """What the command prints of all that the source holds."""
    held = [
        version.resource
        for version in world.source.store.log
        if version.resource
        and world.source.store.resource(version.type, version.id) is version.resource
    ]
    file = world.folder / "input.ndjson"
    file.write_text("\n".join(json.dumps(resource) for resource in held))
    request = Request(
        as_of=AS_OF,
        bundle=True,
        config=world.config,
        base=base,
        timezone="Europe/Berlin",
        complete=frozenset({"Procedure", "Condition"}),
    )
    return classify.run(str(file), request)


def post(world: World, body: bytes) -> tuple[int, list[str]]:
    """As an engine does: the status, and that of each entry."""
    headers = {"content-type": "application/fhir+json"}
    reply = world.server._answer("POST", "/fhir", headers, body)
    answered = json.loads(reply.body)
    return reply.status, [e["response"]["status"][:3] for e in answered.get("entry", [])]


def based(world: World) -> Path:
    """What stands, as a search answers it."""
    file = world.folder / "base.json"
    entries = [{"resource": resource} for resource in results(world).values()]
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}))
    return file


def test_posting_twice_changes_nothing(world: World) -> None:
    """The second post finds everything."""
    (body,) = classified(world).lines
    status, first = post(world, body)
    assert (status, set(first)) == (200, {"201"}), first
    stands = everything(world)

    for again in (body, classified(world).lines[0]):
        status, second = post(world, again)
        assert (status, set(second)) == (200, {"200"}), second
        assert everything(world) == stands


def test_a_person_s_edit_survives_a_post(world: World) -> None:
    """Also after the evidence has changed: no Provenance speaks of what was not written."""
    (body,) = classified(world).lines
    post(world, body)
    for resource in results(world).values():
        world.edit(resource, status="completed", note=[{"text": "seen"}])
    world.source.store.load([amendment()])
    stands = everything(world)

    assert post(world, body)[0] == 200
    assert post(world, classified(world).lines[0])[0] == 200
    assert everything(world) == stands


def test_sync_adopts_what_was_posted(world: World) -> None:
    """By identifier, whatever id the server gave; one of each, now and after changes."""
    (body,) = classified(world).lines
    post(world, body)
    posted = results(world)
    assert len(posted) == 4

    assert world.sync().code == 0
    assert results(world).keys() == posted.keys()
    assert world.sync().summary["unsafe_requests"] == 0
    world.source.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert results(world).keys() == posted.keys()
    assert world.doubles() == []
    lose_state(world)
    assert world.sync().code == 0
    assert results(world).keys() == posted.keys()
    world.retract_marrow(CR)
    assert world.sync().line(CR)["write"] == "retracted"
    assert results(world).keys() == posted.keys()


def test_what_is_posted_later_is_found_by_sync_too(world: World) -> None:
    """A patient whom the state knows, and a new evaluation that the engine was first to write."""
    assert world.sync().code == 0
    before = results(world)
    (body,) = classified(world).lines
    status, _ = post(world, body)
    assert status == 200
    assert results(world).keys() == before.keys()
    assert world.sync().summary["unsafe_requests"] == 0


def test_a_base_changes_what_stands_under_its_version(world: World) -> None:
    """Once; a second post of the same is refused, and one made anew has nothing to do."""
    post(world, classified(world).lines[0])
    world.source.store.load([amendment()])

    report = classified(world, base=based(world))
    assert report.exit_code == 0, report.complaints
    (body,) = report.lines
    methods = [e["request"]["method"] for e in json.loads(body)["entry"]]
    assert methods.count("PUT") == 2
    assert all(
        "ifMatch" in e["request"] or "ifNoneExist" in e["request"]
        for e in json.loads(body)["entry"]
    )
    status, told = post(world, body)
    assert (status, {"200", "201"} >= set(told)) == (200, True), told
    stands = everything(world)
    assert len(results(world)) == 4

    assert post(world, body)[0] == 412
    assert everything(world) == stands
    (body,) = classified(world, base=based(world)).lines
    assert [e["resource"]["resourceType"] for e in json.loads(body)["entry"]] == ["Device"]
    assert world.sync().code == 0
    assert len(results(world)) == 4


def test_a_base_with_a_person_s_edit_is_left_and_told(world: World) -> None:
    """Exit code 3, and the others are written."""
    post(world, classified(world).lines[0])
    for resource in world.results(AMENDED):
        world.edit(resource, note=[{"text": "seen"}])
    world.source.store.load([amendment()])
    stands = everything(world)

    report = classified(world, base=based(world))

    assert report.exit_code == 3
    assert len(report.complaints) == 2
    assert all("edited by somebody; left" in line for line in report.complaints)
    assert post(world, report.lines[0])[0] == 200
    assert everything(world) == stands


def test_a_message_without_the_old_evidence_takes_nothing_back(world: World) -> None:
    """An engine hands over what came last: what stands is left, and that is told."""
    post(world, classified(world).lines[0])
    base = based(world)
    world.retract_marrow(CR)
    stands = everything(world)

    report = classified(world, base=base)

    assert report.exit_code == 3
    assert any("nothing in the input accounts for it" in line for line in report.complaints)
    assert post(world, report.lines[0])[0] == 200
    assert everything(world) == stands


def test_another_site_s_results_in_a_base_are_nobody_s(world: World, make_world: Make) -> None:
    """They are neither changed nor told as ours."""
    other = make_world(patients=BOTH, name="ward-2", beside=world)
    assert other.sync().code == 0
    theirs = results(world)

    report = classified(world, base=based(world))

    assert (report.exit_code, report.complaints) == (0, ())
    assert post(world, report.lines[0])[0] == 200
    assert {name: results(world)[name] for name in theirs} == theirs
    assert len(results(world)) == 2 * len(theirs)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ('{"resourceType": "OperationOutcome", "issue": []}', "OperationOutcome"),
        (
            '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome"}}]}',
            "Out",
        ),
        ("<html>", "neither JSON nor NDJSON"),
        ("[1]", "not a FHIR resource"),
        ("{}", "not a FHIR resource"),
        (None, "cannot be read"),
    ],
)
def test_a_base_that_is_none_is_refused(world: World, base: str | None, words: str) -> None:
    """Code 2, a clear line, and no Bundle."""
    file = world.folder / "base.json"
    if base is not None:
        file.write_text(base)
    with pytest.raises(InputError, match=words):
        classified(world, base=file)


def test_a_base_without_versions_or_as_an_address_is_refused(world: World) -> None:
    """Nothing could guard the change."""
    post(world, classified(world).lines[0])
    file = based(world)
    file.write_text(file.read_text().replace('"versionId"', '"versionID"'))
    with pytest.raises(InputError, match="versionId"):
        classified(world, base=file)
    with pytest.raises(InputError, match="no address"):
        classified(world, base=Path("http://127.0.0.1:1/fhir"))


@pytest.mark.parametrize("value", [5, None, "abc", {"a": 1}])
def test_a_base_with_an_unreadable_mark_stops(world: World, value: Any) -> None:
    """Code 5: nobody can say whose it is."""
    post(world, classified(world).lines[0])
    resource = next(iter(results(world).values()))
    marks = [
        i | {"value": value} if i["system"].endswith("/id/site") else i
        for i in resource["identifier"]
    ]
    world.edit(resource, identifier=marks)
    with pytest.raises(SafetyStop, match="cannot be read"):
        classified(world, base=based(world))
