"""A type that may not be read: nobody is judged without it, unless the site says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.rehearsal.server.replies import Reply
from tests.matrix.cells import DONE, calm
from tests.matrix.world import world

KINDS = ["Condition", "Procedure", "MedicationAdministration", "DiagnosticReport", "Specimen"]


def forbid(hospital: Any, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Answer 403 to every search of a type."""
    answer = hospital.source.faults.answer
    details = {"coding": [{"code": "no-scope"}]}
    issue = {"severity": "error", "code": "forbidden", "details": details}
    outcome = msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]})

    def refuse(request: Any, service: Any) -> Any:
        return Reply(403, outcome) if kind in request.path else answer(request, service)

    monkeypatch.setattr(hospital.source.faults, "answer", refuse)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forbidden_type_makes_everybody_incomplete(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3, nothing written, the type and the server's words in one line, and what to do."""
    with world("generic", tmp_path) as hospital:
        before = hospital.content()
        forbid(hospital, monkeypatch, kind)
        ran = hospital.run()
        after = hospital.content()

    assert ran.code == 3
    assert {line["disposition"] for line in ran.lines} == {"incomplete"}
    assert not [line for line in ran.lines if "category" in line]
    assert before == {k: v for k, v in after.items() if not k.startswith("Device/")}
    for line in ran.lines:
        assert f"{kind}: " in line["reason"]
        assert "status 403 (forbidden no-scope)" in line["reason"]
        assert "[source] without" in line["reason"]


def test_a_type_that_is_never_to_be_had_is_told_in_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not asked for, and its silence is taken for nothing."""
    with world("generic", tmp_path) as hospital:
        forbid(hospital, monkeypatch, "MedicationAdministration")
        ran = hospital.run(assign=["source.without=MedicationAdministration"])

    assert ran.code == DONE
    assert not [one for one in ran.requests if "MedicationAdministration" in one.target]
    assert all("never-read:MedicationAdministration" in line["flags"] for line in ran.lines)


def test_the_account_of_a_run_comes_out() -> None:
    """Every row that was read has its end, and the sum stands in the summary."""
    told = calm("generic").ran.summary["entries"]

    assert Account(**told).lost == 0
    assert told["read"] > 20
    assert told["used"] > 10
