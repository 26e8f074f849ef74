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
    return [
        word.strip() for lines in groups for word in lines.replace("\n", "|").split("|") if word
    ]


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


def report(title: str, when: str = LATER, **parts: Any) -> Json:
    """A report of this name."""
    return row(
        "DiagnosticReport", status="final", code={"text": title}, effectiveDateTime=when, **parts
    )


PICTURES = listed("MRT Orbita|PET-CT|CT Thorax|Sonographie|Röntgen Thorax")
BACK = listed(
    "AML-Rezidiv|Rezidiv der AML|leukemic infiltration|Leukämieinfiltrat|Infiltration durch die AML"
    "|Recurrent AML|Recurrence of leukemia|Leukämische Infiltrate der Haut|Active leukemia"
)
KNOWN = listed(
    "Bekanntes AML-Rezidiv|Kein Rezidiv|No recurrence of leukemia|Keine leukämische Infiltration"
    "|Relapsed AML. No infiltrates.|Z.n. AML-Rezidiv, unauffällig|Recurrent pleural effusion"
    "|No active leukemia|Recurrent pneumonia, known AML|Rezidivierende Pneumonie bei AML"
)


@pytest.mark.parametrize("title", [*PICTURES, "Labor"])
@pytest.mark.parametrize("text", BACK)
def test_a_relapse_that_a_report_concludes_is_one_whatever_its_title(title: str, text: str) -> None:
    """In its conclusion and in the words of a coded one, under the element of every release."""
    coded = [
        {"conclusionCode": [{"text": text}]},
        {"conclusionCode": [{"concept": {"text": text}}]},
        {"codedDiagnosis": [{"coding": [{"display": text}]}]},
    ]
    for parts in ({"conclusion": text}, *coded):
        assert holds("told", *answer(report(title, **parts))), parts


@pytest.mark.parametrize("title", [*PICTURES, "Labor"])
@pytest.mark.parametrize("text", KNOWN)
def test_what_everybody_knows_or_nobody_saw_costs_nothing(title: str, text: str) -> None:
    """Of a picture; a report of a laboratory that tells of a relapse is as good as one."""
    if (title == "Labor" and "AML-Rezidiv" in text) or (title == "Labor" and "Relapsed" in text):
        return
    assert answer(report(title, conclusion=text)) == (0, ["CR"])


@pytest.mark.parametrize(
    ("want", "parts"),
    [
        *[
            ("told", {"conclusion": text})
            for text in listed(
                "No remission|Kein Nachweis einer Remission|Residual leukemia|Rezidiv"
            )
        ],
        ("told", {"conclusionCode": [{"text": "Specimen unsatisfactory"}]}),
        ("told", {"conclusionCode": [{"coding": [{"code": "x", "display": "Relapse"}]}]}),
        ("remission", {"conclusion": "Z.n. Rezidiv der AML, jetzt Remission"}),
        ("remission", {"conclusion": "Kein Rezidiv."}),
        ("remission", {"conclusion": "No residual leukemia."}),
        ("remission", {"conclusion": "Remission"}),
        ("remission", {"conclusionCode": [{"text": "Specimen satisfactory"}]}),
    ],
)
def test_a_report_of_the_marrow_of_a_remission_that_denies_it_is_told(
    want: str, parts: Json
) -> None:
    """A count of that day answers a sentence; that the disease is back, and no more, stands."""
    held = {"result": [{"reference": "Observation/marrow-d32"}]}
    assert holds(want, *answer(report("Knochenmarkzytologie", DAY, **held, **parts)))


def dose(medication: Json | None, **parts: Any) -> Json:
    """A dose of the course of the remission, and the Medication inside of it."""
    held = None if medication is None else [{"resourceType": "Medication", "id": "m", **medication}]
    named = {"medicationReference": {"reference": "#m"}} if held else {}
    return row(
        "MedicationAdministration",
        **{"status": "completed", "effectiveDateTime": "2026-02-01", "contained": held},
        **named,
        **parts,
    )


MIXED = {"code": {"text": "Rezeptur 12"}}


@pytest.mark.parametrize("substance", ["Azacitidin", "Cytarabin 200 mg"])
@pytest.mark.parametrize(
    "at",
    [
        {"ingredient": [{"itemCodeableConcept": {"text": "$"}}]},
        {"ingredient": [{"itemReference": {"display": "$"}}]},
        {"product": {"ingredient": [{"item": {"display": "$"}}]}},
        {"package": {"content": [{"itemCodeableConcept": {"text": "$"}}]}},
        {"contained": [{"resourceType": "Substance", "id": "s", "code": {"text": "$"}}]},
    ],
)
def test_what_a_medication_holds_is_read_beside_what_it_is_called(at: Json, substance: str) -> None:
    """A code of a mixture does not hide its ingredients, in the elements of every release."""
    drug = json.loads(json.dumps(at).replace("$", substance))
    harmless = json.loads(json.dumps(at).replace("$", "Natriumchlorid"))
    assert holds("told", *answer(dose(MIXED | drug)))
    assert answer(dose(MIXED | harmless)) == (0, ["CR"])


def procedure(text: str, **parts: Any) -> Json:
    """Something done in the course of the remission."""
    return row(
        "Procedure",
        status="completed",
        code={"text": text},
        performedDateTime="2026-02-01",
        **parts,
    )


@pytest.mark.parametrize(
    ("want", "beside"),
    [
        (
            "told",
            dose(None, medicationCodeableConcept=MIXED["code"], dosage={"text": "Azacitidin"}),
        ),
        (
            "remission",
            dose(None, medicationCodeableConcept=MIXED["code"], dosage={"text": "1-0-1"}),
        ),
        ("told", procedure("Infusion", usedCode=[{"text": "Cytarabine"}])),
        ("told", procedure("Infusion", usedReference=[{"display": "Cytarabine"}])),
        ("told", procedure("Infusion", category={"text": "Chemotherapy"})),
        ("told", procedure("Infusionstherapie", reasonCode=[{"text": "Chemotherapie bei AML"}])),
        ("remission", procedure("Infusion", usedCode=[{"text": "Ringer"}])),
        ("remission", procedure("Port implantation", reasonCode=[{"text": "Chemotherapie"}])),
        ("remission", procedure("Infusion")),
    ],
)
def test_what_is_given_is_read_where_it_stands(want: str, beside: Json) -> None:
    """Beside a code that says only that something was given."""
    assert holds(want, *answer(beside))


@pytest.mark.parametrize(
    ("want", "value"), [("told", "4711"), ("remission", "4712"), ("remission", "none of these")]
)
def test_a_subject_that_contradicts_its_own_identifier_is_of_nobody(want: str, value: str) -> None:
    """A reference to one patient beside the identifier of another: either may be meant."""
    people = [REMISSION["p1"], {"resourceType": "Patient", "id": "other"}]
    known = [
        {**one, "identifier": [{"system": "https://h/mrn", "value": mrn}]}
        for one, mrn in zip(people, ("4711", "4712"), strict=True)
    ]
    marrow = REMISSION["marrow-d32"] | {"id": "x", "effectiveDateTime": LATER}
    subject = {
        "reference": "Patient/other",
        "identifier": {"system": "https://h/mrn", "value": value},
    }
    marrow |= {"subject": subject, "valueQuantity": {"value": 40, "unit": "%"}}
    rest = [one for name, one in REMISSION.items() if name != "p1"]
    code, categories = said(given({"resources": [*known, *rest, marrow]}))
    assert holds("told", code, categories) == (want == "told")
