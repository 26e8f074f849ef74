"""When a run may ask, for how long, and what it leaves: hours, a deadline, a used-up quota."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from fhir_remission.rehearsal.server.replies import Reply
from tests.matrix.cells import BUSY, DONE, calm
from tests.matrix.world import QuickClock, world


def hours(begin: timedelta, end: timedelta) -> str:
    """Allowed hours from and to so far from now, where the site is."""
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    return f"run.allowed_hours={now + begin:%H:%M}-{now + end:%H:%M}"


def test_outside_the_allowed_hours_nothing_is_asked(tmp_path: Path) -> None:
    """Exit 75, and not one request."""
    closed = hours(timedelta(hours=2), timedelta(hours=4))
    opened = hours(-timedelta(hours=2), timedelta(hours=4))
    with world("generic", tmp_path) as hospital:
        ran = hospital.run(assign=[closed])
        assert (ran.code, ran.requests) == (BUSY, [])
        assert "outside run.allowed_hours" in ran.error

        assert hospital.run(assign=[opened]).code == DONE


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize(
    ("assign", "why"),
    [
        (("run.max_runtime=60s",), "its max_runtime of 0:01:00"),
        (("run.max_runtime=9h", "soon"), "the end of run.allowed_hours"),
    ],
)
def test_a_run_ends_at_its_deadline_and_the_next_goes_on(
    connections: int, assign: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """Between two patients, with what was judged written; then nothing is lost or doubled."""
    soon = hours(-timedelta(hours=1), timedelta(minutes=3))
    with world("generic", tmp_path, connections=connections) as hospital:
        # Each answer of the source takes seconds of the run's clock.
        answer = hospital.source.faults.answer

        def slow(request: Any, service: Any) -> Any:
            QuickClock.waited += 5.0
            return answer(request, service)

        with monkeypatch.context() as patch:
            patch.setattr(hospital.source.faults, "answer", slow)
            chosen = [soon if one == "soon" else one for one in assign]
            ran = hospital.run(assign=chosen)
        again = hospital.run()
        content = hospital.content()

    assert ran.code == BUSY, ran.error
    assert why in ran.error
    assert len(ran.lines) < len(calm("generic").ran.lines)
    assert again.code == DONE
    assert content == calm("generic").content


def test_a_quota_that_is_used_up_ends_the_run_for_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epic 4135 means tomorrow: no further patient is asked about, and nobody is incomplete."""
    with world("epic", tmp_path) as hospital:
        _refuse(hospital, monkeypatch, "4135")
        ran = hospital.run()

    assert ran.code == BUSY
    assert ran.lines == []
    assert "takes no more questions today" in ran.error
    refused = [one for one in ran.requests if one.status == 403]
    assert len(refused) == 1


def test_a_restricted_record_is_incomplete_and_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epic 4130, break the glass: never retried, never broken, the others go on."""
    with world("epic", tmp_path) as hospital:
        _refuse(hospital, monkeypatch, "4130")
        ran = hospital.run()

    assert ran.code == 3
    assert {line["disposition"] for line in ran.lines} == {"incomplete"}
    assert ran.summary["retries"] == 0


def _refuse(hospital: Any, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let every search of Observations be refused with a code of the vendor."""
    answer = hospital.source.faults.answer
    details = {"coding": [{"system": "urn:vendor", "code": code}]}
    issue = {"severity": "fatal", "code": "forbidden", "details": details}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}

    def refuse(request: Any, service: Any) -> Any:
        if "Observation" not in request.path:
            return answer(request, service)
        return Reply(403, msgspec.json.encode(outcome))

    monkeypatch.setattr(hospital.source.faults, "answer", refuse)
