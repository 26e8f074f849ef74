"""What a denial denies: not what it leaves possible, not what stands beside it, and remission too.

Beside each kind stand the plain denials of the same words, which cost nothing.
"""

from __future__ import annotations

import pytest

from tests.fhir.test_adverse_words import answer, condition, listed
from tests.fhir.test_ordinary_words import text
from tests.jobs.test_strange_inputs import holds

RELAPSES = {
    "en": "relapse", "de": "Rezidiv", "fr": "rechute", "es": "recaída", "it": "recidiva",
    "nl": "recidief", "pt": "recidiva",
}  # fmt: skip
NOT_EXCLUDED = {
    "en": "{} not excluded|{} cannot be excluded|{} cannot be safely ruled out|No doubt about {}"
    "|Without any doubt {}|{} excluded: no|Exclusion of {} not possible|{}, exclusion impossible",
    "de": "{} nicht ausgeschlossen|{} nicht sicher auszuschließen|Kein Zweifel am {}"
    "|Ohne jeden Zweifel {}|Ausschluss eines {}s nicht möglich"
    "|Ein {} kann nicht mit letzter Sicherheit ausgeschlossen werden",
    "fr": "{} non exclue|{} pas formellement exclue|Aucun doute sur la {}",
    "es": "{} no descartada|No se puede descartar {}|Sin duda {}",
    "it": "{} non esclusa|Non si può escludere {}|Senza dubbio {}",
    "nl": "{} niet uitgesloten|{} niet met zekerheid uit te sluiten|Geen twijfel over {}",
    "pt": "{} não excluída|Sem dúvida {}",
}
OF_A_MARROW = """
Relapse not excluded|Rezidiv nicht ausgeschlossen|Kein Zweifel: Rezidiv|Récidive non exclue
Remission: no|Keine Remission|Never in remission|Geen remissie|Sem remissão|Sin remisión
"""
EXCLUDED = {
    "en": "{} excluded|No {}|{} was ruled out|Never {}|No evidence of {}",
    "de": "{} ausgeschlossen|Kein {}|Kein Anhalt für {}|Ausschluss {}",
    "fr": "Pas de {}|Sans {}",
    "es": "Sin {}|Ausencia de {}",
    "it": "Nessuna {}|Senza {}",
    "nl": "Geen {}|Zonder {}",
    "pt": "Sem {}|Ausência de {}",
}
NAMES = ("Comment", "Hematology note")


def said(table: dict[str, str]) -> list[str]:
    """Each sentence with the relapse of its language."""
    return [
        one.format(RELAPSES[language]) for language, many in table.items() for one in listed(many)
    ]


@pytest.mark.parametrize("words", said(NOT_EXCLUDED))
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_excluded_may_be_there(name: str, words: str) -> None:
    """A denial of a doubt, or of what excludes, denies nothing."""
    assert holds("told", *answer(text(name, words)))


@pytest.mark.parametrize("words", listed(OF_A_MARROW))
def test_a_report_of_a_counted_marrow_that_says_only_that_stands_against_it(words: str) -> None:
    """Where it says more, its count decides."""
    assert holds("told", *answer(text("Knochenmark", words)))


@pytest.mark.parametrize("words", said(EXCLUDED))
@pytest.mark.parametrize("name", NAMES)
def test_what_is_excluded_costs_nothing(name: str, words: str) -> None:
    """The same words, denied once."""
    assert answer(text(name, words)) == (0, ["CR"])


OF_SOMETHING_ELSE = """
Keine Infektion bei Rezidiv|Keine Infektion bei AML-Rezidiv|No fever despite relapse
Not transplanted because of relapse|Kein Fieber trotz Chlorom|Pas d'infection malgré la rechute
Nessuna febbre dopo recidiva|Sin fiebre tras recaída|Geen koorts ondanks recidief
No decrease of blasts|Kein Rückgang der Blasten|Nicht frei von Blasten|Not without blasts
Kein Ansprechen mit 45 % Blasten|No response with 45% blasts|Pas de réponse avec 45 % de blastes
Sin respuesta con 45 % de blastos|Nessuna risposta con 45% blasti
Blasten nicht unter 5%|No improvement, blasts 45%|No chloroma, skin infiltrates by AML
"""


@pytest.mark.parametrize("words", listed(OF_SOMETHING_ELSE))
def test_a_denial_of_something_else_denies_no_relapse(words: str) -> None:
    """Fever and infections are denied, or that it got less."""
    assert holds("told", *answer(text("Comment", words)))


ITS_OWN = """
Zytopenie, nicht wegen Rezidiv|Thrombocytopenia not due to relapse|No blasts|Keine Blasten
No relapse with 2% blasts|Kein Rezidiv bei 1 % Blasten|No more than 5% blasts
No relapse after transplant|Kein Rezidiv nach Transplantation|No increase in blasts
"""


@pytest.mark.parametrize("words", listed(ITS_OWN))
def test_a_denial_right_before_it_is_its_own(words: str) -> None:
    """`Not due to relapse` denies the relapse."""
    assert answer(text("Comment", words)) == (0, ["CR"])


NO_REMISSION = """
Remission: no|Remission absent|Never in remission|Never achieved CR|Negative for remission
Kein Anhalt für Remission|Keine Remission|Nie in Remission|Sem remissão|Não em remissão
Jamais en rémission|Nunca en remisión|Nessuna remissione|Geen remissie|Ingen remission, återfall
Persistent disease|Persistierende Erkrankung|Primary induction failure|Échec d'induction
Not free of leukemia|Nicht blastenfrei
"""


@pytest.mark.parametrize("words", listed(NO_REMISSION))
@pytest.mark.parametrize("name", NAMES)
def test_no_remission_is_heard_in_any_words(name: str, words: str) -> None:
    """Beside a proved CR of the same day it leaves a doubt."""
    assert holds("told", *answer(text(name, words)))


IN_REMISSION = """
Remission|In remission|Complete remission, no blasts|Komplette Remission|En rémission complète
Still in CR|Keine Blasten, Remission|Remission, kein Rezidiv
"""


@pytest.mark.parametrize("words", listed(IN_REMISSION))
def test_a_remission_that_is_said_costs_nothing(words: str) -> None:
    """Nobody denies it."""
    assert answer(text("Comment", words)) == (0, ["CR"])


CERTAIN = """
R/o relapse: confirmed relapse|Bei Verdacht auf Rezidiv bestätigt|Surveillance shows relapse
Falls Blasten persistieren (derzeit 18 %), Reinduktion|Watch for relapse. Blasts 22%
"""


@pytest.mark.parametrize("words", listed(CERTAIN))
@pytest.mark.parametrize("name", ["Indication", "Treatment plan", "Fragestellung"])
def test_what_is_said_for_certain_in_a_question_is_there(name: str, words: str) -> None:
    """A question that tells of a finding, or of a share of blasts."""
    assert holds("told", *answer(text(name, words)))


RELAPSED = """
Rezidiv der Grunderkrankung|Rezidiv der hämatologischen Grunderkrankung|Rezidiv gesichert
Confirmed relapse|V.a. Rezidiv|Suspected relapse|Rezidiv 02/2026|Rezidiv (ED 02/2026)
Rezidiv nach Allo|Rezidiv nach SZT|Relapse post transplant|MRD relapse|Rezidiv, kein Infekt
No infection, relapse|Kein Infekt. Rezidiv.|Relapse; brother is donor|Rezidiv nicht ausgeschlossen
Exclusion of relapse not possible|Ausschluss eines Rezidivs nicht möglich
"""


@pytest.mark.parametrize("words", listed(RELAPSED))
def test_a_line_of_the_problem_list_that_tells_of_a_relapse_is_of_the_illness(words: str) -> None:
    """Whatever else it says of when, after what, or how sure."""
    assert holds("told", *answer(condition(words)))


ELSEWHERE = """
Rezidivhernie|Rezidiv einer Leistenhernie|Relapse of Crohn disease|Rezidiv, Leiste|Kein Rezidiv
Rezidiv ausgeschlossen|No relapse|Recurrent urinary infection|Rezidivprophylaxe|Never relapsed
"""


@pytest.mark.parametrize("words", listed(ELSEWHERE))
def test_a_relapse_of_something_else_or_none_is_no_relapse(words: str) -> None:
    """Nor one that was denied."""
    assert answer(condition(words)) == (0, ["CR"])
