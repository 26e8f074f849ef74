"""What stands against a proved remission in the words of hospitals; a denied word harms nobody.

`fixtures/strange/remission.json` and beside it one resource: nothing of it may vanish, and what is
ordinary must not cost the answer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.jobs.test_strange_inputs import REMISSION, given, holds, said

Json = dict[str, Any]
DAY = REMISSION["marrow-d32"]["effectiveDateTime"]
LATER = "2026-06-10"


def answer(*beside: Json) -> tuple[int, list[str]]:
    """What comes out with these resources beside the remission."""
    return said(given({"beside": list(beside)}))


def row(kind: str, **parts: Any) -> Json:
    """A resource of the patient; None takes an element away."""
    made = {"resourceType": kind, "id": "x", "subject": {"reference": "Patient/p1"}, **parts}
    return {name: part for name, part in made.items() if part is not None}


def condition(text: str, /, **parts: Any) -> Json:
    """A diagnosis in words."""
    return row("Condition", code={"text": text}, onsetDateTime=LATER, **parts)


ADVERSE_CONDITIONS = """
Recurrent acute myeloid leukemia|Recurrence of AML|AML recurrence|AML, recurrent|AML has recurred
AML wieder aufgetreten|Wiederauftreten der AML|Wiederaufgetretene akute myeloische Leukämie
AML nüks|AML return|AML reappeared|Return of leukemia|Terugkeer van AML|LMA recurrente
residual AML|active AML|AML, active|AML not in remission|AML nicht in Remission|LMA sin remisión
AML no longer in remission|AML – therapieresistent|not in remission|Keine Remission
Orbital mass, biopsy: AML|AML of the skin|Relapse|Rezidiv|Récidive|Zweitrezidiv|First relapse
Recurrence|Testicular relapse|isoliertes ZNS-Rezidiv|Late CNS relapse|Hodenbefall|CNS involvement
Skin infiltrates with blasts|Granulozytensarkom|Myeloisch sarkoom|Mieloidni sarkom|EMD
Mięsak mieloidalny|Myeloidní sarkom|myeloidinen sarkooma|Miyeloid sarkom
"""
ORDINARY_CONDITIONS = """
AML, no recurrence|AML without recurrence|No recurrence of AML|AML in remission, no evidence of EMD
Recurrent pneumonia|Recurrent urinary tract infection|Rezidiv einer Leistenhernie|Skin cancer
AML; recurrent infections|Recurrent depressive disorder
Major depressive disorder, not in remission|Bone marrow: AML|AML, first diagnosis|AML, known
Therapy-related AML after breast cancer|AML nach Mammakarzinom|No active AML|Inactive AML
AML, not having achieved remission|Blast injury|Skin rash|Orbital mass|Active hepatitis
"""


def listed(*groups: str) -> list[str]:
    """The words of tables above, one by one."""
    return [word.strip() for lines in groups for word in lines.replace("\n", "|").split("|") if word]


@pytest.mark.parametrize("text", listed(ADVERSE_CONDITIONS))
def test_a_diagnosis_that_says_more_than_the_one_on_record_is_told(text: str) -> None:
    """A relapse, a lesion, a disease that is there: in whatever words, also without AML in them."""
    assert holds("told", *answer(condition(text)))


@pytest.mark.parametrize("text", listed(ORDINARY_CONDITIONS))
def test_an_ordinary_diagnosis_costs_nothing(text: str) -> None:
    """What is denied, what is another illness, and what everybody knows."""
    assert answer(condition(text)) == (0, ["CR"])


@pytest.mark.parametrize(
    ("want", "beside"),
    [
        ("told", {"bodySite": [{"text": "Skin"}]}),
        ("told", {"stage": [{"summary": {"text": "First relapse"}}]}),
        ("told", {"stage": {"summary": {"text": "Rezidiv"}}}),
        ("remission", {"bodySite": [{"text": "Bone marrow"}]}),
        ("remission", {"stage": [{"summary": {"text": "ELN adverse"}}]}),
        ("remission", {"stage": [{"summary": {"text": "First remission"}}]}),
    ],
)
def test_the_site_and_the_stage_of_a_diagnosis_are_read(want: str, beside: Json) -> None:
    """An AML of the skin is a lesion, one in its first relapse is a relapse."""
    assert holds(want, *answer(condition("Acute myeloid leukaemia", **beside)))


def test_an_active_disease_is_one_of_its_time() -> None:
    """It was there when it was found: before the remission that says nothing against it."""
    early = condition("AML, active") | {"onsetDateTime": "2026-01-04"}
    assert answer(early) == (0, ["CR"])
