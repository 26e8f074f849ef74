"""What a procedure found, and why a marrow was taken, told in words beside a proved CR."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir.test_adverse_words import DAY, LATER, answer, listed, row
from tests.jobs.test_strange_inputs import holds

MARROW = ("Bone marrow biopsy", "Knochenmarkpunktion", "Myélogramme", "Biopsia de médula ósea")


def done(name: str, day: str = LATER, **more: Any) -> dict[str, Any]:
    """A procedure that was done."""
    code = {"text": name}
    return row("Procedure", status="completed", code=code, performedDateTime=day, **more)


FOUND = """
Relapse confirmed, 40 % blasts|Rezidiv der AML|Rechute|Recidiva|Recaída|Relapse not excluded
Persistent disease|Keine Remission|Blasts 30 %
"""


@pytest.mark.parametrize("words", listed(FOUND))
@pytest.mark.parametrize("name", MARROW)
def test_disease_that_a_puncture_found_is_heard(name: str, words: str) -> None:
    """In its outcome, its note and its complications."""
    for where in ({"outcome": {"text": words}}, {"note": [{"text": words}]}):
        assert holds("told", *answer(done(name, **where)))


@pytest.mark.parametrize("words", ["CNS relapse", "Meningeosis leucaemica", "Myelosarkom"])
def test_a_lesion_that_any_procedure_found_is_heard(words: str) -> None:
    """A lumbar puncture has an outcome too."""
    assert holds("told", *answer(done("Lumbar puncture", outcome={"text": words})))


@pytest.mark.parametrize("words", ["AML relapse", "Rezidiv der AML", "Confirmed relapse"])
def test_a_marrow_that_was_taken_for_a_relapse_leaves_a_doubt(words: str) -> None:
    """No result of it is there."""
    assert holds("told", *answer(done(MARROW[0], reasonCode=[{"text": words}])))


@pytest.mark.parametrize("words", ["AML relapse", "Relapsed AML", "R/o relapse", "Rezidiv?"])
def test_why_a_counted_marrow_was_taken_is_history(words: str) -> None:
    """Its count says what it was."""
    assert answer(done(MARROW[0], DAY, reasonCode=[{"text": words}])) == (0, ["CR"])


QUIET = """
R/o relapse|Rezidiv?|Frage nach Rezidiv|Routine follow-up|AML|Remissionskontrolle|Suspected AML
Ausschluss Rezidiv|Staging
"""


@pytest.mark.parametrize("words", listed(QUIET))
@pytest.mark.parametrize("name", MARROW)
def test_a_question_is_no_finding(name: str, words: str) -> None:
    """Why it was done."""
    assert answer(done(name, reasonCode=[{"text": words}])) == (0, ["CR"])


CLEAR = """
No relapse|Kein Rezidiv|Remission|Successful|Erfolgreich|No complications|Sufficient material
No blasts|In remission
"""


@pytest.mark.parametrize("words", listed(CLEAR))
@pytest.mark.parametrize("name", [*MARROW, "Lumbar puncture"])
def test_an_outcome_that_denies_disease_costs_nothing(name: str, words: str) -> None:
    """Nor does one that speaks of the procedure."""
    assert answer(done(name, outcome={"text": words})) == (0, ["CR"])


def test_of_a_procedure_that_is_no_puncture_only_the_outcome_is_heard() -> None:
    """Whoever is treated for a relapse has had one: the marrows tell when."""
    assert answer(done("Physiotherapy", reasonCode=[{"text": "AML relapse"}])) == (0, ["CR"])
