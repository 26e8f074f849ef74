"""Who we are, before a write: another key, another id, another namespace, an older version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.jobs.sync import plan
from fhir_remission.jobs.sync.retract_run import retract_run
from fhir_remission.rehearsal.server import search
from tests.crash.test_two_sites import (
    CR,
    ORACLE,
    PLACES,
    everything,
    lose_state,
    results,
)
from tests.crash.world import World

Make = Callable[..., World]
FIXTURES = Path(__file__).parents[2] / "fixtures" / "upgrade" / "0.1.0"
NS = "https://w3id.org/fhir-remission"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A kind of server."""
    return PLACES[request.param]


def rekey(world: World) -> None:
    """The key was lost and another one made."""
    (world.folder / "site.key").unlink()
    new_site_key(world.folder / "site.key")


def rename(world: World, new: str, old: str = "crash") -> None:
    """The id is corrected in the settings."""
    text = world.config.read_text()
    assert f'id = "{old}"' in text
    world.config.write_text(text.replace(f'id = "{old}"', f'id = "{new}"'))


def stops(world: World, *words: str) -> None:
    """The run ends with 5 and a clear line, and nothing was written."""
    before = everything(world)
    ran = world.sync()
    assert ran.code == 5, ran
    assert all(word in ran.error for word in words), ran.error
    assert "\n" not in ran.error
    assert everything(world) == before


# Another key (row 2) ------------------------------------------------------------------------------


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers `identifier=system|` with nothing, as many do."""
    known = search._matcher

    def matcher(parameter: Any, modifier: str, value: str) -> Any:
        if parameter.name == "identifier" and value.endswith("|"):
            return lambda _: False
        return known(parameter, modifier, value)

    monkeypatch.setattr(search, "_matcher", matcher)


@pytest.mark.parametrize("searches", [True, False], ids=["system|", "no system|"])
def test_a_new_key_in_a_new_state_stops_before_any_write(
    make_world: Make, place: dict[str, Any], searches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much the server can search; also a plan and a dry run say so."""
    world = make_world(patients=(CR,), **place)
    assert world.sync().code == 0
    lose_state(world)
    rekey(world)
    if not searches:
        blind(monkeypatch)

    stops(world, "another site key", "restore that key")
    assert world.sync(dry_run=True).code == 5


def test_a_new_key_with_the_old_state_stops(make_world: Make, place: dict[str, Any]) -> None:
    """The state knows."""
    world = make_world(patients=(CR,), **place)
    assert world.sync().code == 0
    rekey(world)
    stops(world, "site key")


def test_an_empty_answer_proves_nothing_where_no_device_is_found_so(
    make_world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pump is there and is not found by its own identifier system: so all Devices are read."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    world.server.store.load(
        {
            "resourceType": "Device",
            "id": f"pump-{n}",
            "identifier": [{"system": "https://p", "value": f"{n}"}],
        }
        for n in range(450)
    )
    lose_state(world)
    rekey(world)
    blind(monkeypatch)
    stops(world, "another site key")


def test_a_server_with_other_devices_is_written_to_at_once(make_world: Make) -> None:
    """The search was seen to work, and found nothing of ours."""
    world = make_world(patients=(CR,))
    pump = {
        "resourceType": "Device",
        "id": "pump",
        "identifier": [{"system": "https://p", "value": "1"}],
    }
    world.server.store.load([pump])
    ran = world.sync()
    assert (ran.code, ran.line(CR)["write"]) == (0, "created")
    asked = [
        a.target for a in world.server.requests if "Device?" in a.target or "Device/" in a.target
    ]
    assert len(asked) <= 6, asked


def test_devices_that_nobody_may_search_leave_it_to_the_results(
    make_world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused search proves nothing, and the results carry their mark."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    lose_state(world)
    rekey(world)
    monkeypatch.setattr(world.server.service, "_search", refusing(world))
    stops(world, "another site key", "ClinicalImpression/")


def refusing(world: World) -> Callable[..., Any]:
    """No search for Devices."""
    from fhir_remission.rehearsal.server.replies import Refused

    known = world.server.service._search

    def _search(kind: str, *rest: Any, **more: Any) -> Any:
        if kind == "Device":
            raise Refused(403, "forbidden", "no")
        return known(kind, *rest, **more)

    return _search


def test_a_plan_of_another_key_is_refused_too(make_world: Make) -> None:
    """Nobody should read a plan that can only end with 5."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    lose_state(world)
    rekey(world)
    with pytest.raises(Exception, match="another site key") as caught:
        plan.make_plan(world.config, (), "")
    assert caught.value.exit_code == 5  # type: ignore[attr-defined]


# Another id (row 3) -------------------------------------------------------------------------------


def test_a_corrected_id_stops_and_is_renamed_on_purpose(
    make_world: Make, place: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Then every result is moved to its new name, once; nothing is left in force under the old."""
    if place is ORACLE:
        return  # it takes no entered-in-error: told below
    world = make_world(patients=(CR,), **place)
    assert world.sync().code == 0
    before = results(world)
    rename(world, "crash-2")
    stops(world, "'crash'", "'crash-2'", "rename-site")
    assert cli.main(["plan", "--config", str(world.config)]) == 5

    assert cli.main(["state", "rename-site", "crash-2", "--config", str(world.config)]) == 0
    told = capsys.readouterr().err
    assert "crash-2" in told
    ran = world.sync()

    assert ran.code == 0, ran
    after = results(world)
    assert {after[name]["status"] for name in before} == {"entered-in-error"}
    new = [resource for name, resource in after.items() if name not in before]
    assert len(new) == len(before)
    assert {r["status"] for r in new} & {"entered-in-error"} == set()
    assert ran.summary["foreign_results"] == 0
    stands = everything(world)
    assert world.sync().summary["unsafe_requests"] == 0
    lose_state(world)
    assert world.sync().code == 0
    assert everything(world) == stands


def test_renaming_before_the_settings_says_what_is_left_to_do(
    make_world: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run under the old id stops; an id that is none is refused."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    for wrong in ("", " x", "a\tb"):
        assert cli.main(["state", "rename-site", wrong, "--config", str(world.config)]) == 2
    assert cli.main(["state", "rename-site", "crash-2", "--config", str(world.config)]) == 0
    assert 'set site.id = "crash-2"' in capsys.readouterr().err
    stops(world, "'crash-2'", "'crash'")
    rename(world, "crash-2")
    assert world.sync().code == 0


def test_an_edited_result_stays_when_its_site_is_renamed(make_world: Make) -> None:
    """It is parked, and no second one is written."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    for resource in results(world).values():
        world.edit(resource, note=[{"text": "seen"}])
    before = results(world)
    rename(world, "crash-2")
    assert cli.main(["state", "rename-site", "crash-2", "--config", str(world.config)]) == 0

    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert results(world) == before


# Another namespace --------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_a_changed_namespace_stops(make_world: Make, place: dict[str, Any], lost: bool) -> None:
    """What stands is ours and says so in another language."""
    world = make_world(patients=(CR,), **place)
    assert world.sync().code == 0
    if lost:
        lose_state(world)
    text = world.config.read_text()
    world.config.write_text(text.replace("[site]", '[site]\nnamespace = "https://x.example/ns"'))
    world.retract_marrow(CR)
    stops(world, "namespace")


# Version 0.1.0 (row 14) ---------------------------------------------------------------------------


def old_site(world: World, site: str = "ward-2", **changes: Any) -> dict[str, Any]:
    """The Device that version 0.1.0 of another site left."""
    device: dict[str, Any] = {
        "resourceType": "Device",
        "id": "old-device",
        "identifier": [
            {"system": f"{NS}/id/assessment", "value": "old-device"},
            {"system": f"{NS}/id/key-check", "value": f"{site}:abcdefghijklmnop"},
        ],
        "status": "active",
        "deviceName": [{"name": "fhir-remission", "type": "manufacturer-name"}],
        "version": [{"value": "0.1.0"}],
        **changes,
    }
    world.server.store.load([device])
    return device


@pytest.mark.parametrize("searches", [True, False], ids=["system|", "no system|"])
@pytest.mark.parametrize("written", [True, False], ids=["later run", "first run"])
def test_nothing_is_written_beside_another_site_of_0_1_0(
    make_world: Make, searches: bool, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is upgraded, put out of use, or a person answers for it."""
    world = make_world(patients=(CR,))
    if written:
        assert world.sync().code == 0
        world.retract_marrow(CR)
    device = old_site(world)
    if not searches and not written:
        blind(monkeypatch)

    stops(world, "0.1.0", "ward-2", "beside_old_sites")
    marks = [
        {"system": f"{NS}/id/{name}", "value": "ward-2:abcdefghijklmnop"}
        for name in ("key-check", "site")
    ]
    world.server.store.load([{**device, "id": "new-device", "identifier": marks}])
    assert world.sync().code == 0


@pytest.mark.parametrize("how", ["inactive", "setting"])
def test_a_person_may_answer_for_an_old_site(make_world: Make, how: str) -> None:
    """It writes no more, or it is known to do no harm."""
    world = make_world(patients=(CR,))
    old_site(world, status="inactive" if how == "inactive" else "active")
    if how == "setting":
        text = world.config.read_text()
        world.config.write_text(text.replace("[write]", "[write]\nbeside_old_sites = true"))
    assert world.sync().code == 0


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [5, None, {"a": 1}, "abc", ":abc", "", ["x"]])
def test_a_mark_that_is_no_text_on_a_device_stops(make_world: Make, value: Any) -> None:
    """Nobody can say whose it is."""
    world = make_world(patients=(CR,))
    device = old_site(world)
    mark = {"system": f"{NS}/id/site", "value": value}
    world.server.store.load([{**device, "identifier": [*device["identifier"], mark]}])
    stops(world, "Device/old-device", "cannot be read")


@pytest.mark.parametrize("value", [5, None, {"a": 1}, "abc", ":abc", "", ["x"]])
@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_a_mark_that_is_no_text_on_a_result_stops(make_world: Make, value: Any, lost: bool) -> None:
    """Also where the state knows the result."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    impression = next(iter(results(world).values()))
    kept = [i for i in impression["identifier"] if not i["system"].endswith("/id/site")]
    world.edit(impression, identifier=[*kept, {"system": f"{NS}/id/site", "value": value}])
    world.retract_marrow(CR)
    if lost:
        lose_state(world)
    stops(world, f"ClinicalImpression/{impression['id']}", "cannot be read")


def test_two_devices_with_our_identifier_stop(make_world: Make) -> None:
    """On a server that gives ids itself, and on one that takes ours."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    (device,) = world.server.store.resources("Device")
    world.server.store.load([{**device, "id": "twin"}])
    world.retract_marrow(CR)
    stops(world, "Device/twin", "same identifier")
    lose_state(world)
    stops(world, "Device/twin", "same identifier")


def test_an_outcome_in_place_of_what_stands_is_no_result(
    make_world: Make, place: dict[str, Any]
) -> None:
    """A server that answers 200 with an error has not said that nothing is there."""
    world = make_world(patients=(CR,), **place)
    assert world.sync().code == 0
    before = everything(world)
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception"}],
    }
    world.retract_marrow(CR)
    before = everything(world)
    known = world.server.service.answer

    def answer(request: Any) -> Any:
        reply = known(request)
        about = request.path and request.path[0] in ("ClinicalImpression", "Observation")
        ours = len(request.path) == 2 and not request.path[1].startswith("demo-")
        if about and request.method == "GET" and ours:
            import msgspec

            from fhir_remission.rehearsal.server.codec import encode

            return msgspec.structs.replace(reply, status=200, body=encode(outcome))
        return reply

    world.server.service.answer = answer  # type: ignore[method-assign]
    ran = world.sync()
    if world.server.service.persona.update_create:
        assert ran.code in (3, 5), ran
        assert everything(world) == before


def test_a_retraction_holds_when_its_site_is_renamed(make_world: Make) -> None:
    """It came back under the new name; it is released by the name under which it is listed."""
    world = make_world(patients=(CR,))
    first = world.sync()
    retract_run(world.config, (), first.summary["run_id"])
    withdrawn = results(world)
    rename(world, "crash-2")
    assert cli.main(["state", "rename-site", "crash-2", "--config", str(world.config)]) == 0

    for _ in range(2):
        ran = world.sync()
        assert (ran.code, ran.line(CR)["write"]) == (0, "parked")
        assert results(world) == withdrawn

    for name in withdrawn:
        released = ["parked", "release", name, "--config", str(world.config)]
        assert cli.main(released) == 0
    assert world.sync().code == 0
    standing = [one for one in results(world).values() if one["status"] != "entered-in-error"]
    assert len(standing) == 2


def test_a_site_is_not_renamed_to_what_it_is_called(
    make_world: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would wait for itself, and told of another run."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0

    assert cli.main(["state", "rename-site", "crash", "--config", str(world.config)]) == 2
    assert "called 'crash' already" in capsys.readouterr().err
