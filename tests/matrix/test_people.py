"""Merged records: read as one person, with one living result (peers pain 42)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_remission.rehearsal.server.merge import merge_patient
from fhir_remission.rehearsal.server.personas import persona_names
from tests.matrix.world import SYSTEM, World, world

OLD, NEW = "demo-01-cr", "demo-01-cr-merged"


def living(hospital: World) -> dict[str, str]:
    """Our results in force about the person, under whichever record."""
    newest = {version.key: version.resource for version in hospital.sink.store.log}
    return {
        kind: str(resource["subject"])
        for (kind, _), resource in newest.items()
        if resource is not None
        and any(one.get("system") == f"{SYSTEM}/id/assessment" for one in _named(resource))
        and resource["status"] != "entered-in-error"
        and OLD in str(resource.get("subject"))
    }


def _named(resource: dict[str, object]) -> list[dict[str, str]]:
    named = resource.get("identifier", [])
    return named if isinstance(named, list) else []


@pytest.mark.parametrize("persona", persona_names())
def test_a_merge_leaves_one_living_result(persona: str, tmp_path: Path) -> None:
    """It is moved to the surviving record and taken back under the former one; then all is idle."""
    with world(persona, tmp_path) as hospital:
        hospital.run()
        assert merge_patient(hospital.source.store, OLD) == NEW

        ran = hospital.run()

        assert ran.code == 0
        (line,) = [line for line in ran.lines if OLD in line["patient"]]
        assert (line["patient"], line["category"]) == (f"Patient/{NEW}", "CR")
        assert "merged-patient" in line["flags"]
        assert sorted(living(hospital)) == ["ClinicalImpression", "Observation"]
        assert all(NEW in subject for subject in living(hospital).values())
        idle = hospital.run()
        assert (idle.code, idle.summary["unsafe_requests"]) == (0, 0)


@pytest.mark.parametrize("persona", ["epic", "azure"])
def test_a_record_that_replaced_another_is_read_with_it(persona: str, tmp_path: Path) -> None:
    """The other direction of `link`: results that were left under the former record count."""
    with world(persona, tmp_path) as hospital:
        store = hospital.source.store
        whole = hospital.run(dry=True)
        store.put(
            {
                **(store.resource("Patient", OLD) or {}),
                "id": "before",
                "active": False,
                "link": [{"other": {"reference": f"Patient/{OLD}"}, "type": "replaced-by"}],
            }
        )
        marrow = store.resource("Observation", f"{OLD}-3-marrow") or {}
        store.put({**marrow, "subject": {"reference": "Patient/before"}})
        store.put(
            {
                **(store.resource("Patient", OLD) or {}),
                "link": [{"other": {"reference": "Patient/before"}, "type": "replaces"}],
            }
        )

        ran = hospital.run(dry=True)

        assert ran.code == 0
        assert ran.categories() == whole.categories()


def test_links_in_a_circle_are_judged_by_nobody(tmp_path: Path) -> None:
    """Two records that replace each other: a person must look."""
    with world("azure", tmp_path) as hospital:
        store = hospital.source.store
        for one, other in ((OLD, "other"), ("other", OLD)):
            held = store.resource("Patient", one) or {"resourceType": "Patient", "id": one}
            link = {"other": {"reference": f"Patient/{other}"}, "type": "replaced-by"}
            store.put({**held, "link": [link]})

        ran = hospital.run()

        (line,) = [line for line in ran.lines if line["patient"] == f"Patient/{OLD}"]
        assert ran.code == 3
        assert (line["disposition"], line.get("category")) == ("incomplete", None)
        assert "circle" in line["reason"]
