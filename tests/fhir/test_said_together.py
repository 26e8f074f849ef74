"""A name and its value that only together say that the disease is there."""

from __future__ import annotations

import pytest

from tests.fhir.test_sample_words import DAY, PROVED, bundle, concluded, result
from tests.jobs.test_strange_inputs import said

LATER = "2026-06-10"
ADVERSE = """
Remission: no|Remission: nein|In remission: No|In CR?: false|Complete remission: not achieved
Rémission: non|Remisión: no|Remissione: no|Remissie: nee|Remissão: não
Remission status: no remission
Best overall response: PD|Response: progressive disease|Ansprechen: Progress|Response: refractory
Réponse: progression|Respuesta: progresión|Risposta: progressione|Respons: progressie
Resposta: progressão|Treatment response: treatment failure|Response: relapse|Ansprechen: Rezidiv
CSF cytology: positive for leukemia|CSF flow cytometry: AML population 3 %|CSF: AML
Liquorzytologie: positiv für Leukämie|Cytologie LCR: positif leucémie
Leukozytenmorphologie: einzelne Myeloblasten|WBC morphology: myeloblasts
"""
ORDINARY = """
Remission: yes|Remission: ja|In remission: Yes|Remission: complete|Rémission: oui|Remisión: sí
Best overall response: CR|Response: complete remission|Ansprechen: CR|Réponse: RC|Response: MLFS
Molecular remission: no|Disease: PD|Diagnosis: PD|Pupillary response: no|Immune response: failure
CSF cytology: negative for leukemia|CSF cytology: no leukemia cells|CSF: no AML|CSF cytology: normal
CSF flow cytometry: AML population 0 %|Liquorzytologie: keine Blasten|CSF cells: 1
Leukozytenmorphologie: unauffällig|Leukozytenmorphologie: keine Blasten|WBC morphology: normal
"""
SHARES = """
Blasten ca. 30 % im Trepanat|Blast persistence, trephine 40 %|Blasts 30 % in the biopsy
Blasten vermehrt, Stanze 25 %|Blastes en excès, biopsie 20 %
"""
FEW = """
Blasten ca. 2 % im Trepanat|Blasts 2 %, trephine cellularity 40 %|No blasts, trephine 40 %
Blasten 3 %, Stanze 3 %|Keine Blasten, Zellularität in der Stanze 40 %
"""


def listed(table: str) -> list[str]:
    """The texts of a table, one by one."""
    return [one for line in table.strip().splitlines() for one in line.split("|")]


@pytest.mark.parametrize("text", listed(ADVERSE))
def test_what_is_said_together_is_an_unknown_of_its_time(text: str) -> None:
    name, _, value = text.partition(": ")
    assert said(bundle(result(name, value, effectiveDateTime=LATER))) != PROVED


@pytest.mark.parametrize("text", listed(ORDINARY))
def test_what_denies_it_or_is_of_something_else_costs_nothing(text: str) -> None:
    name, _, value = text.partition(": ")
    assert said(bundle(result(name, value, effectiveDateTime=LATER))) == PROVED


@pytest.mark.parametrize("text", ["Response: PD", "Remission: no"])
def test_before_the_remission_it_is_no_news(text: str) -> None:
    name, _, value = text.partition(": ")
    assert said(bundle(result(name, value, effectiveDateTime="2026-01-20"))) == PROVED


@pytest.mark.parametrize("text", listed(SHARES))
def test_a_share_of_a_trephine_stands_against_the_count_of_its_day(text: str) -> None:
    assert DAY
    assert said(concluded(text)) != PROVED


@pytest.mark.parametrize("text", listed(FEW))
def test_few_blasts_of_a_trephine_cost_nothing(text: str) -> None:
    assert said(concluded(text)) == PROVED
