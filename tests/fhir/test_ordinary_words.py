"""Ordinary words of hospitals beside a proved remission cost nothing.

What they deny or ask for is not there. Beside each kind stands what looks alike and is evidence.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir.test_adverse_words import DAY, LATER, answer, condition, listed, row
from tests.jobs.test_strange_inputs import holds

Json = dict[str, Any]


def text(name: str, value: str) -> Json:
    """A result under a name alone, in words."""
    return row(
        "Observation",
        status="final",
        code={"text": name},
        effectiveDateTime=DAY,
        valueString=value,
    )


RELATIVES = """
Antécédents familiaux : leucémie chez la mère|Madre con leucemia (antecedente familiar)
Moeder leukemie (familieanamnese)|Mutter mit Leukämie|Leukämie beim Vater|FHx of AML
Mother with leukemia|Leukemia in father|Maternal grandmother had leukemia|Pai com leucemia
AML, kein Rezidiv|LAM, sans rechute|LMA senza recidiva|LMA sin recaída|Without relapse: AML
"""


@pytest.mark.parametrize("words", listed(RELATIVES))
def test_a_leukaemia_of_a_relative_or_a_relapse_that_is_denied_costs_nothing(words: str) -> None:
    """In each language, as a line of the list of problems."""
    assert answer(condition(words)) == (0, ["CR"])


PATIENTS = """
AML-Rezidiv, Mutter informiert|AML relapse, brother is donor|Donor cell leukemia
Relapsed AML after transplant from sister|Leukämie, Rezidiv nach Transplantation vom Bruder
"""


@pytest.mark.parametrize("words", listed(PATIENTS))
def test_a_relative_beside_the_illness_of_the_patient_takes_nothing_away(words: str) -> None:
    """Who donates or is informed has not the leukaemia."""
    assert holds("told", *answer(condition(words)))


QUIET = [
    ("Relapse status", "no relapse"),
    ("Rezidivstatus", "Kein Anhalt für Rezidiv"),
    ("Extramedullary disease", "No extramedullary disease"),
    ("Extramedullary disease", "Not present"),
    ("Extramedullärer Befall", "kein Nachweis"),
    ("ZNS-Befall", "nein"),
    ("Localisation extramédullaire", "non"),
    ("Recidiva", "não"),
    ("Recidief", "nee"),
    ("Relapse", "not applicable"),
    ("Flow: blasts", "No aberrant blast population"),
    ("Frottis sanguin", "Absence de blastes"),
    ("Commento", "Non si osservano blasti"),
    ("Conclusão", "Sem evidência de recidiva"),
    ("Indication", "r/o relapse"),
    ("Fragestellung", "Remission? Rezidiv?"),
    ("Klinische Angaben", "AML, Frage nach Rezidiv"),
    ("Plan", "HiDAC next week; watch for relapse"),
    ("Bone marrow interpretation", "Remission marrow"),
    ("Marrow aspirate quality", "Spicules present"),
    ("Richesse médullaire", "Moelle pauvre"),
    ("Beenmerg: lymfocyten", "14 %"),
    ("Midollo: plasmacellule", "2 %"),
    ("Family history", "Father: AML, relapse, died 2001"),
]
LOUD = [
    ("Extramedullary disease", "Liver. No blasts."),
    ("Extramedullary disease", "Orbital mass without blasts elsewhere"),
    ("Extramedullary disease", "not known"),
    ("Commento", "Non-responder: blasti 45 %"),
    ("Bone marrow interpretation", "Persistent AML"),
    ("Clinical history", "previous relapse of AML"),
    ("Extramedullary disease", "No skin lesions, but chloroma of the orbit"),
    ("Rezidiv", "ja"),
    ("Relapse", "yes"),
    ("Commento", "Blasti 40 %"),
    ("Indication", "AML relapse"),
    ("Fragestellung", "AML-Rezidiv, Remission?"),
    ("Bone marrow interpretation", "AML relapse"),
    ("Bone marrow interpretation", "45 % blasts"),
    ("Bone marrow", "40 %"),
    ("Marrow aspirate quality", "inadequate"),
    ("Comment", "Relapse of AML. Mother informed."),
    ("Comment", "AML relapse, brother is donor"),
]


@pytest.mark.parametrize(("name", "value"), QUIET)
def test_a_text_that_denies_asks_or_describes_costs_nothing(name: str, value: str) -> None:
    """Under a name without a code, on the day of the marrow."""
    assert answer(text(name, value)) == (0, ["CR"])


@pytest.mark.parametrize(("name", "value"), LOUD)
def test_a_text_that_tells_of_disease_is_told(name: str, value: str) -> None:
    """Under the same names."""
    assert holds("told", *answer(text(name, value)))


OPS = "http://fhir.de/CodeSystem/bfarm/ops"


def test_block_chemotherapy_of_ops_is_a_start_of_therapy() -> None:
    """It is how German hospitals tell of therapy: a marrow of the next day is early."""
    done = {"coding": [{"system": OPS, "code": "8-543.32"}]}
    given = row("Procedure", status="completed", code=done, performedDateTime="2026-02-05")
    assert answer(given) == (0, ["MLFS"])


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ("Chemotherapy consent signed", "CR"),
        ("Aufklärung Transfusion", "CR"),
        ("Platelet function test", "CR"),
        ("Chemotherapy given after chemotherapy consent", "MLFS"),
    ],
)
def test_what_speaks_of_a_therapy_is_none(words: str, want: str) -> None:
    """A consent is not the drug; the drug beside its consent is."""
    spoken = row(
        "Procedure", status="completed", code={"text": words}, performedDateTime="2026-02-09"
    )
    assert answer(spoken)[1] == [want]


REPORTED = [
    (
        "MRI spine",
        "Indication: AML, evaluate for relapse. Findings: normal. No infiltration.",
        "CR",
    ),
    ("MRI spine", "Indication: AML. Impression: leukemic infiltration of the spine.", "told"),
    ("Transplant consult", "AML CR1. Relapse risk without transplant 50%.", "CR"),
    ("Transplant consult", "AML relapse with 20% blasts.", "told"),
    ("Letter", "Bone marrow of May: blasts 1.2%, CD34 0.8%", "CR"),
    ("Letter", "Bone marrow of May: blasts >3%, CD34 0.8%", "told"),
]


@pytest.mark.parametrize(("title", "conclusion", "want"), REPORTED)
def test_a_report_is_heard_for_what_it_finds(title: str, conclusion: str, want: str) -> None:
    """Not for what was asked, what may come, or the few blasts that every marrow has."""
    report = row(
        "DiagnosticReport",
        status="final",
        code={"text": title},
        effectiveDateTime=LATER,
        conclusion=conclusion,
    )
    found = answer(report)
    assert holds("told", *found) if want == "told" else found == (0, [want])
