"""Results that the search by code does not bring and that a panel or report names (pain 12)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.fhir.incoming.bundle import read_page
from fhir_remission.fhir.reading.members import missing_members
from fhir_remission.jobs.reading import members as members_job
from fhir_remission.rehearsal.listening.server import Requests
from fhir_remission.rehearsal.server import service
from fhir_remission.rehearsal.server.search import Search
from fhir_remission.rehearsal.server.store import Store, Version
from tests.matrix.world import Ran, World, patients, world

PATIENT = "demo-01-cr"
HIDDEN = ("demo-01-cr-3-marrow", "demo-01-cr-4-anc", "demo-01-cr-4-platelets")
PANEL = {"system": "http://loinc.org", "code": "58410-2"}


def container(kind: str, *names: str, **fields: Any) -> dict[str, Any]:
    """A panel or report that names results."""
    named = {"Observation": "hasMember", "DiagnosticReport": "result"}[kind]
    return {
        "resourceType": kind,
        "id": f"{PATIENT}-holder-{kind.lower()}",
        "status": "final",
        "code": {"coding": [PANEL]},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": "2026-05-06T08:00:00Z",
        named: [{"reference": name} for name in names],
        **fields,
    }


@pytest.fixture
def hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that name a code leave some results out, as if they were not indexed."""
    honest = service.run

    def run(store: Store, search: Search) -> list[Version]:
        found = honest(store, search)
        by_code = any(name in {"code", "combo-code"} for name, _ in search.used)
        return [one for one in found if not (by_code and one.id in HIDDEN)]

    monkeypatch.setattr(service, "run", run)


def of_patient(ran: Ran) -> dict[str, Any]:
    """Her line."""
    (line,) = [one for one in ran.lines if one["patient"] == f"Patient/{PATIENT}"]
    return line


def with_holders(hospital: World, *holders: dict[str, Any]) -> World:
    """Let the source hold these, too."""
    for holder in holders:
        hospital.source.store.put(holder)
    return hospital


def asked_by_id(requests: Requests | Iterable[Any]) -> list[Any]:
    """The requests for Observations by their ids."""
    return [
        one
        for one in requests
        if ("/Observation/" in one.target and one.method == "GET")
        or (one.target.partition("?")[0].endswith("Observation/_search") and b"_id=" in one.body)
    ]


@pytest.mark.usefixtures("hiding")
def test_without_a_name_they_are_not_found_and_prove_nothing(tmp_path: Path) -> None:
    """The test below can fail: nobody is in remission by a marrow that nobody brought."""
    with world("hapi", tmp_path) as hospital:
        assert of_patient(hospital.run(dry=True))["category"] != "CR"


@pytest.mark.usefixtures("hiding")
@pytest.mark.parametrize("kind", ["Observation", "DiagnosticReport"])
@pytest.mark.parametrize("form", ["Observation/{}", "{base}/Observation/{}/_history/1"])
@pytest.mark.parametrize("persona", ["generic", "epic", "hapi", "oracle"])
def test_a_named_result_is_read_and_judged_like_any_other(
    persona: str, kind: str, form: str, tmp_path: Path
) -> None:
    """Relative, or absolute on the same base; the same assessment as by search."""
    with world(persona, tmp_path / "open") as hospital:
        names = [form.format(name, base=hospital.source.base_url) for name in HIDDEN]
        ran = with_holders(hospital, container(kind, *names)).run(dry=True)
        assert asked_by_id(ran.requests)

    assert of_patient(ran)["category"] == "CR"
    assert ran.summary["unread"] == 0
    assert ran.code == 0


@pytest.mark.usefixtures("hiding")
def test_a_withdrawn_member_is_withdrawn_however_it_came(tmp_path: Path) -> None:
    """One gate of status for all."""
    with world("hapi", tmp_path) as hospital:
        marrow = next(r for r in patients() if r["id"] == HIDDEN[0])
        hospital.source.store.put({**marrow, "status": "entered-in-error"})
        holder = container("DiagnosticReport", *(f"Observation/{one}" for one in HIDDEN))
        line = of_patient(with_holders(hospital, holder).run(dry=True))

    assert line["category"] != "CR"
    assert HIDDEN[0] in str(line["skipped"])


def test_a_panel_between_a_withdrawn_one_and_its_result_is_found(tmp_path: Path) -> None:
    """No search by code brings it, and the result stands by itself."""
    house = {"coding": [{"system": "https://lab.example/panels", "code": "p"}]}
    inner = container("Observation", f"Observation/{HIDDEN[0]}", id="inner", code=house)
    outer = container("Observation", "Observation/inner", status="entered-in-error")
    with world("hapi", tmp_path) as hospital:
        before = of_patient(hospital.run(dry=True))
        after = of_patient(with_holders(hospital, inner, outer).run(dry=True))

    assert (before["category"], after["category"]) == ("CR", "IND")


@pytest.mark.usefixtures("hiding")
def test_panels_of_panels_are_followed_and_no_further_than_that(tmp_path: Path) -> None:
    """A circle of panels ends."""
    outer = container("Observation", f"Observation/{PATIENT}-inner")
    inner = container("Observation", *(f"Observation/{one}" for one in HIDDEN))
    inner |= {"id": f"{PATIENT}-inner"}
    inner["hasMember"].append({"reference": f"Observation/{outer['id']}"})
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, outer, inner).run(dry=True)

    assert of_patient(ran)["category"] == "CR"


@pytest.mark.parametrize("kind", ["Observation", "DiagnosticReport"])
def test_a_member_beside_evidence_that_cannot_be_read_makes_the_patient_incomplete(
    kind: str, tmp_path: Path
) -> None:
    """It may be the one result that decides; the others are judged."""
    holder = container(kind, f"Observation/{HIDDEN[0]}", "Observation/lost")
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, holder).run()

    line = of_patient(ran)
    assert line["disposition"] == "incomplete"
    assert "1 that a panel or report names could not be read" in line["reason"]
    assert "lost" not in line["reason"]
    assert {one["disposition"] for one in ran.lines if one is not line} == {"classified"}
    assert (ran.code, ran.summary["unread"]) == (3, 1)


def test_a_deleted_member_is_unknown_and_one_of_no_evidence_holds_nobody_up(tmp_path: Path) -> None:
    """A panel still names what the server has no more; a report without ours may be of anything."""
    with world("hapi", tmp_path) as hospital:
        hospital.source.store.put(
            {**container("Observation"), "id": "deleted", "code": {"text": "x"}}
        )
        hospital.source.store.delete("Observation", "deleted")
        deleted = container("Observation", f"Observation/{HIDDEN[0]}", "Observation/deleted")
        other = container("DiagnosticReport", "Observation/lost")
        ran = with_holders(hospital, deleted, other).run(dry=True)

    line = of_patient(ran)
    assert (line["category"], line["reason"]) == ("IND", "blood-blasts-undecided")
    reasons = [one["reason"] for one in of_patient(ran)["skipped"]]
    assert reasons == ["Observation/deleted, which it names, is not at hand"]
    assert (ran.code, ran.summary["unread"]) == (0, 1)


def test_a_report_that_names_another_persons_result_brings_nothing_of_it(tmp_path: Path) -> None:
    """Dropped, not stored, not judged, and no reason to stop: the server did what it was asked."""
    stranger = "demo-05-failure-3-marrow"
    holder = container("DiagnosticReport", f"Observation/{HIDDEN[0]}", f"Observation/{stranger}")
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, holder).run()
        state = (tmp_path / "state.db").read_bytes()

    assert (ran.code, ran.summary["unread"]) == (0, 0)
    assert of_patient(ran)["category"] == "CR"
    assert stranger not in str(ran.lines)
    assert stranger.encode() not in state


def test_a_server_that_ignores_ids_is_stopped_at(tmp_path: Path) -> None:
    """It would send everybody's results."""
    holder = container("DiagnosticReport", "Observation/lost")
    with world("hapi", tmp_path) as hospital:
        with_holders(hospital, holder)
        quiet = [one.body for one in hospital.run(dry=True).requests]
        at = next(n for n, body in enumerate(quiet, 1) if b"_id=lost" in body)
        hospital.faults(f"ignore-param:_id@{at}")
        ran = hospital.run(dry=True)

    assert ran.code == 5


def test_other_addresses_are_never_followed(tmp_path: Path) -> None:
    """Another origin, another base, contained, by identifier: counted where it could matter."""
    elsewhere = (
        *("Observation/..", "Observation/a,b", "Observation/a b", "Observation/é"),
        "https://other.example/fhir/Observation/x",
        "http://127.0.0.1:9/fhir/Observation/x",
    )
    holder = container("DiagnosticReport", f"Observation/{HIDDEN[0]}", *elsewhere, "#inside")
    holder["result"].append({"identifier": {"value": "x"}})
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, holder).run(dry=True)

    assert of_patient(ran)["disposition"] == "incomplete"
    assert ran.summary["unread"] == len(elsewhere)
    assert not asked_by_id(ran.requests)


def test_results_of_other_codes_are_looked_at_and_left(tmp_path: Path) -> None:
    """The same filter as for a search: sodium is no evidence, and not missing either."""
    sodium = {
        **next(r for r in patients() if r["id"] == HIDDEN[1]),
        "id": "demo-01-cr-sodium",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
    }
    holder = container(
        "DiagnosticReport", f"Observation/{HIDDEN[0]}", "Observation/demo-01-cr-sodium"
    )
    with world("hapi", tmp_path) as hospital:
        quiet = of_patient(hospital.run(dry=True))
        ran = with_holders(hospital, sodium, holder).run(dry=True)

    assert len(asked_by_id(ran.requests)) == 1
    assert (ran.code, ran.summary["unread"], ran.summary["unmapped"]) == (0, 0, 0)
    assert of_patient(ran) == quiet


def test_there_is_a_cap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beyond it, results are missed aloud."""
    monkeypatch.setattr(members_job, "MAX_MEMBERS", 2)
    holder = container("DiagnosticReport", *(f"Observation/none-{n}" for n in range(5)))
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, holder).run(dry=True)

    assert ran.summary["unread"] == 5
    (asked,) = asked_by_id(ran.requests)
    assert asked.body.count(b"none-") == 2


def test_reports_need_not_be_followed_where_a_search_by_code_is_known_to_be_whole(
    tmp_path: Path,
) -> None:
    """`source.members = "panels"`: a hospital's reports name thousands of other results."""
    holder = container("DiagnosticReport", f"Observation/{HIDDEN[0]}", "Observation/lost")
    with world("hapi", tmp_path) as hospital:
        ran = with_holders(hospital, holder).run(dry=True, assign=["source.members=panels"])

    assert (ran.code, ran.summary["unread"]) == (0, 0)
    assert not asked_by_id(ran.requests)


def test_what_is_at_hand_is_not_missing() -> None:
    """What a withdrawn report names is looked for, as it may hold others, and need not be there."""
    dead = container("DiagnosticReport", "Observation/x", status="entered-in-error")
    held = container("Observation", "Observation/here")
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in (dead, held)]}
    entries = read_page(json.dumps(bundle).encode()).entries

    found = missing_members(entries, {"Observation/here"}, reports=True)
    assert [(one.literal.relative, one.matters) for one in found] == [("Observation/x", False)]
    based = missing_members(entries, {"Observation/here"}, reports=True, base="https://a/fhir")
    assert based == found
    elsewhere = container("Observation", "https://b/fhir/Observation/here")
    bundle["entry"] = [{"resource": elsewhere}]
    others = read_page(json.dumps(bundle).encode()).entries
    (far,) = missing_members(others, {"Observation/here"}, reports=True, base="https://a/fhir")
    assert far.literal.base == "https://b/fhir/"
    _, one = missing_members(entries, set(), reports=True)
    assert (one.literal.relative, one.patient, one.matters) == ("Observation/here", PATIENT, True)
