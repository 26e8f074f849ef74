"""Incremental sync: who is read again, and what an idle run costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.jobs.sync.recheck import SAMPLE
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from tests.matrix.world import Ran, World, patients, world

COHORT = 5


def resource(name: str) -> dict[str, Any]:
    """One resource of the demo."""
    return next(r for r in reversed(demo_cohort()) if r["id"] == name)


def searched(ran: Ran) -> list[str]:
    """The searches for evidence of a run, by type."""
    return [
        asked.target.partition("?")[0].removeprefix("/fhir/").removesuffix("/_search")
        for asked in ran.requests
        if asked.target.endswith("_search") and not _is_for_ours(asked)
    ]


def _is_for_ours(asked: Any) -> bool:
    """Whether it looks whether results of ours are still there."""
    text = f"{asked.target} {asked.body.decode()}"
    return "_id=" in text or "identifier=" in text


def settled(hospital: World) -> None:
    """Run until there is nothing to do."""
    first = hospital.run(as_of="")
    assert (first.code, len(first.lines)) == (0, COHORT)


@pytest.mark.parametrize("persona", ["generic", "hapi", "oracle", "azure", "blaze", "sekmet"])
def test_an_idle_run_asks_each_group_of_queries_once(persona: str, tmp_path: Path) -> None:
    """Code chunks of Observation and the other types, per chunk of patients, and nothing else."""
    with world(persona, tmp_path, rows=1000) as hospital:
        settled(hospital)

        idle = hospital.run(as_of="")

        assert (idle.code, idle.lines, idle.summary["not_due"]) == (0, [], COHORT)
        assert idle.summary["unsafe_requests"] == 0
        chunks = COHORT if persona in {"generic", "oracle"} else 1
        asked = searched(idle)
        code_chunks = asked.count("Observation") // chunks
        assert len(asked) == (len(set(asked)) - 1 + code_chunks) * chunks
        # Beside the searches: the CapabilityStatement of each server, and the Group.
        servers = 1 if hospital.sink is hospital.source else 2
        ours = sum(_is_for_ours(one) for one in idle.requests)
        assert ours <= SAMPLE
        assert idle.summary["requests"] == len(asked) + servers + 1 + ours


@pytest.mark.parametrize("persona", ["generic", "hapi", "oracle"])
def test_a_change_makes_one_patient_due(persona: str, tmp_path: Path) -> None:
    """Found by `_lastUpdated`, read whole, written; the next run is idle again."""
    with world(persona, tmp_path) as hospital:
        settled(hospital)
        marrow = resource("demo-01-cr-3-marrow")
        hospital.source.store.put({**marrow, "status": "corrected"})

        ran = hospital.run(as_of="")

        assert [line["patient"] for line in ran.lines] == ["Patient/demo-01-cr"]
        assert ran.lines[0]["write"] == "updated"
        # Within the overlap it is seen again, read again, and nothing is written.
        again = hospital.run(as_of="")
        assert {line["write"] for line in again.lines} <= {"none"}


def test_without_last_updated_an_edit_waits_for_the_recheck(tmp_path: Path) -> None:
    """`issued` never notices edits (peers pain 40): cited evidence is looked at again."""
    with world("epic", tmp_path) as hospital:
        settled(hospital)
        marrow = resource("demo-01-cr-3-marrow")
        hospital.source.store.put({**marrow, "status": "corrected"})

        assert hospital.run(as_of="").lines == []
        ran = hospital.run(as_of="", assign=["source.recheck=0s"])

        assert [line["patient"] for line in ran.lines] == ["Patient/demo-01-cr"]
        assert ran.lines[0]["write"] == "updated"


@pytest.mark.parametrize("persona", ["azure", "epic"])
def test_a_deletion_is_found_by_what_our_results_cite(persona: str, tmp_path: Path) -> None:
    """No delta shows a deletion (peers pain 41)."""
    with world(persona, tmp_path) as hospital:
        settled(hospital)
        hospital.source.store.delete("Observation", "demo-01-cr-3-marrow")

        ran = hospital.run(as_of="", assign=["source.recheck=0s"])

        assert [line["patient"] for line in ran.lines] == ["Patient/demo-01-cr"]
        assert ran.lines[0]["category"] != "CR"
        assert ran.lines[0]["write"] in {"updated", "retracted"}


@pytest.mark.parametrize("persona", ["generic", "hapi"])
def test_a_specimen_that_is_deleted_leaves_its_result_unknown(persona: str, tmp_path: Path) -> None:
    """It may have been withdrawn because it was bad; nothing that we cite has changed."""
    about = {"reference": "Patient/demo-01-cr"}
    sample = {"resourceType": "Specimen", "id": "of-the-marrow", "subject": about}
    with world(persona, tmp_path) as hospital:
        hospital.source.store.put({**sample, "status": "available", "type": {"text": "marrow"}})
        marrow = resource("demo-01-cr-3-marrow")
        named = {"reference": "Specimen/of-the-marrow"}
        hospital.source.store.put({**marrow, "specimen": named})
        settled(hospital)
        assert hospital.run(as_of="", assign=["source.recheck=0s"]).lines == []
        hospital.source.store.delete("Specimen", "of-the-marrow")

        ran = hospital.run(as_of="", assign=["source.recheck=0s"])

        assert [line["patient"] for line in ran.lines] == ["Patient/demo-01-cr"]
        assert ran.lines[0]["category"] != "CR"
        assert ran.lines[0]["write"] in {"updated", "retracted"}


@pytest.mark.parametrize(
    ("assign", "why"),
    [("source.reread=0s", "scheduled"), ("criteria.strict=true", "tables or criteria changed")],
)
def test_everybody_is_read_when_due_or_judged_by_other_rules(
    assign: str, why: str, tmp_path: Path
) -> None:
    """No delta tells what time, a table or a policy changes."""
    with world("hapi", tmp_path) as hospital:
        settled(hospital)

        assert len(hospital.run(as_of="", assign=[assign]).lines) == COHORT


def _truncate(hospital: World) -> None:
    hospital.faults("outcome-in-200")


def _stop(hospital: World) -> None:
    hospital.faults("foreign-patient")


@pytest.mark.parametrize("trouble", [_truncate, _stop])
def test_the_watermark_stays_where_a_look_for_changes_fails(
    trouble: Callable[[World], None], tmp_path: Path
) -> None:
    """What was not seen is asked for again, and the patients asked about are read."""
    with world("hapi", tmp_path) as hospital:
        settled(hospital)
        marrow = resource("demo-01-cr-3-marrow")
        hospital.source.store.put({**marrow, "status": "corrected"})
        trouble(hospital)

        assert hospital.run(as_of="").code in {3, 5}
        hospital.heal()
        ran = hospital.run(as_of="")

        assert "updated" in {line["write"] for line in ran.lines}


def test_a_crash_between_watermark_and_reading_loses_nobody(tmp_path: Path) -> None:
    """The dirty set is durable before the watermark counts: a run that dies reads nothing away."""
    with world("hapi", tmp_path) as hospital:
        settled(hospital)
        hospital.source.store.put({**resource("demo-01-cr-3-marrow"), "status": "corrected"})
        looking = hospital.run(as_of="")
        assert looking.code == 0
        hospital.source.store.put({**resource("demo-01-cr-3-marrow"), "status": "amended"})
        # The look succeeds, then every page of evidence fails: the patient stays due.
        searches = len(searched(hospital.run(as_of="", dry=True)))
        hospital.faults(f"truncate:1@{searches}+")
        hospital.run(as_of="")
        hospital.heal()

        last = hospital.run(as_of="")

        assert "Patient/demo-01-cr" in {line["patient"] for line in last.lines}


def test_a_servers_history_needs_permission_and_drops_strangers(tmp_path: Path) -> None:
    """A delta over the whole server exists only by setting; who is not ours is only counted."""
    history = ["source.delta=history"]
    allowed = [*history, "source.whole_server=true"]
    with world("hapi", tmp_path) as hospital:
        assert hospital.run(as_of="", assign=history).code == 7
        hospital.run(as_of="", assign=allowed)
        hospital.source.store.put({**resource("demo-05-failure-3-marrow"), "status": "corrected"})
        hospital.source.store.put({**resource("demo-01-cr-3-marrow"), "status": "corrected"})

        ran = hospital.run(as_of="", assign=allowed)

        assert "demo-01-cr" in {line["patient"][8:] for line in ran.lines}
        assert ran.summary["foreign"] > 0
        state = (tmp_path / "state.db").read_bytes()
        assert b"demo-05-failure" not in state


def test_the_extent_of_the_test(tmp_path: Path) -> None:
    """The cohort that the numbers above are about."""
    assert sum(r["resourceType"] == "Patient" for r in patients()) == COHORT + 1
