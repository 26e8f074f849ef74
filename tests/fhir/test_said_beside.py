"""What stands in words beside a value, a procedure or a sample: heard, and ordinary words are not.

Notes of any result, the words of an interpretation, notes of any procedure, what a name denies and
its value denies again; and denied diagnoses, relatives and good samples, which cost nothing.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir.test_adverse_words import DAY, LATER, answer, condition, listed, row
from tests.fhir.test_ordinary_words import text
from tests.jobs.test_strange_inputs import REMISSION, answered, given, holds, said

Json = dict[str, Any]
LOINC = "http://loinc.org"


def count(code: str, value: float, unit: str, **more: Any) -> Json:
    """A count of the day of the marrow, with what stands beside it."""
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return row(
        "Observation", status="final", code={"coding": [{"system": LOINC, "code": code}]},
        effectiveDateTime=more.pop("day", DAY), valueQuantity=quantity, **more,
    )  # fmt: skip


def changed(name: str, more: Json, *beside: Json) -> tuple[int, list[str]]:
    """What comes out where one resource of the remission says more."""
    held = [{**one, **(more if key == name else {})} for key, one in REMISSION.items()]
    return said(given({"resources": held, "beside": beside}))


FOUND = """
Relapse|Rezidiv der AML|Rechute|Blasts 30 % in the smear|Blasten 25 %|relapse confirmed
"""
ON_SMEARS = "vereinzelt Blasten|2 blasts seen|quelques blastes|some blasts in the film"


@pytest.mark.parametrize("words", listed(FOUND))
@pytest.mark.parametrize("code", ["26499-4", "718-7"])
def test_disease_in_the_note_of_any_count_is_heard(code: str, words: str) -> None:
    """Weeks after the marrow no count says what it was."""
    unit = "10*9/L" if code != "718-7" else "g/dL"
    later = count(code, 5 if unit != "g/dL" else 12, unit, day=LATER, note=[{"text": words}])
    assert holds("told", *answer(later))


@pytest.mark.parametrize("words", listed(ON_SMEARS))
@pytest.mark.parametrize("where", ["note", "comment", "interpretation"])
def test_blasts_beside_a_smear_without_any_are_heard(where: str, words: str) -> None:
    """The number denies what the words say: neither stands."""
    beside: Json = {
        "note": {"note": [{"text": words}]},
        "comment": {"comment": words},
        "interpretation": {"interpretation": [{"text": words}]},
    }[where]
    assert holds("told", *answer(count("709-6", 0, "%", method={"text": "manual"}, **beside)))


QUIET = """
No blasts|Keine Blasten|no evidence of relapse|In remission|Checked|H|manuell nachdifferenziert
Relapse? no|Kein Anhalt für Rezidiv|sample slightly hemolysed|under azacitidine|Mutter: Leukämie
weder Blasten noch Rezidiv|? relapse|Normal|Blasts counted by hand|manual blast count
Extramedullary disease assessed by CT|Blasten auf 500 Zellen|blast equivalents not counted
"""


@pytest.mark.parametrize("words", listed(QUIET))
@pytest.mark.parametrize("name", ["anc-6", "marrow-d32", "plt-7", "smear-8", "emd-5"])
def test_ordinary_words_beside_a_value_cost_nothing(name: str, words: str) -> None:
    """As a note, and as the words of an interpretation."""
    for beside in ({"note": [{"text": words}]}, {"interpretation": [{"text": words}]}):
        assert changed(name, beside) == (0, ["CR"])


LESIONS = """
Leukaemia cutis gesichert|CSF positive for blasts|Histologie: leukämische Infiltrate|Myelosarkom
"""


@pytest.mark.parametrize("words", listed(LESIONS))
@pytest.mark.parametrize("name", ["Hautbiopsie", "Lumbar puncture", "Appendektomie"])
def test_a_lesion_in_the_note_of_any_procedure_is_heard(name: str, words: str) -> None:
    """Not why it was done: a relapse is history there."""

    def done(words: str) -> Json:
        code = {"text": name}
        note = [{"text": words}]
        return row("Procedure", status="completed", code=code, performedDateTime=LATER, note=note)

    assert holds("told", *answer(done(words)))
    assert answer(done("no complications, relapse 2019")) == (0, ["CR"])


def test_the_code_of_a_relapse_as_an_outcome_is_heard() -> None:
    """As the code of a Condition is."""
    code = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C92.02"}
    done = {"status": "completed", "performedDateTime": LATER, "outcome": {"coding": [code]}}
    assert holds("told", *answer(row("Procedure", code={"text": "Bone marrow biopsy"}, **done)))


UNTRUE = "false|falsch|nein|no|faux"


@pytest.mark.parametrize("value", listed(UNTRUE))
@pytest.mark.parametrize("name", ["Kein Rezidiv", "No relapse", "No extramedullary disease"])
def test_a_name_that_denies_and_a_value_that_denies_it_say_that_it_is_there(
    name: str, value: str
) -> None:
    """`Kein Rezidiv: falsch`; with a yes it is a denial."""
    assert holds("told", *answer(text(name, value)))
    assert answer(text(name, "yes")) == (0, ["CR"])


RELAPSES = """
Relapse without fever|Rezidiv ohne Fieber|Relapse (no infection)|Rezidiv nach Allo-SZT vom Bruder
nicht nur Infekt, sondern auch Rezidiv|AML relapse (no infection)|Bruder, Rezidiv|Ricaduta
"""


@pytest.mark.parametrize("words", listed(RELAPSES))
def test_what_a_relapse_is_without_takes_nothing_away(words: str) -> None:
    """On the list of problems."""
    assert holds("told", *answer(condition(words)))


DENIED = """
Kein AML-Rezidiv|Rezidiv der AML ausgeschlossen|No evidence of AML relapse
AML relapse (ausgeschlossen)|Aucune récidive de la LMA|Nessuna recidiva di LMA
kein Anhalt für Chlorom|no leukaemia cutis
Myelosarkom wurde ausgeschlossen|Keine Meningeosis leucaemica|Mutter: AML-Rezidiv
Brother has relapse of AML
"""


@pytest.mark.parametrize("words", listed(DENIED))
def test_a_denied_diagnosis_or_that_of_a_relative_costs_nothing(words: str) -> None:
    """Also where it names the leukaemia."""
    assert answer(condition(words)) == (0, ["CR"])


GOOD = """
Material gut beurteilbar|not hemodilute|Bröckel vorhanden|keine Einschränkung der Beurteilbarkeit
"""


@pytest.mark.parametrize("words", listed(GOOD))
def test_a_sample_in_good_words_is_usable(words: str) -> None:
    """As its condition."""
    sample = row("Specimen", condition=[{"text": words}])
    taken = {"specimen": {"reference": "Specimen/x"}}
    assert changed("marrow-d32", taken, sample) == (0, ["CR"])


VOID = """
Result invalid, please repeat|Wrong patient|Do not use|Sample mix-up suspected|Result withdrawn
Ergebnis nicht verwertbar|Befund ungültig|Falsche Probe|Résultat non valide|Resultado no válido
Campione non idoneo|Resultaat ongeldig|Errore di identificazione|Specimen from another patient
"""
VALID = """
FISH nicht verwertbar|keine Verwechslung|not invalid|Karyotype: invalid|verified|valid
Sample mix-up excluded
"""


@pytest.mark.parametrize("name", ["anc-6", "marrow-d32", "plt-7", "smear-8", "emd-5"])
def test_a_remark_that_a_result_does_not_count_takes_it_away(name: str) -> None:
    """Of the result itself, and of no other examination."""
    for words in listed(VOID):
        assert changed(name, {"note": [{"text": words}]}) != (0, ["CR"]), words
    for words in listed(VALID):
        assert changed(name, {"note": [{"text": words}]}) == (0, ["CR"]), words


def test_clumps_beside_platelets_leave_their_number_open() -> None:
    """A denial of them does not."""
    for words in ("Platelet clumps seen", "Thrombozyten verklumpt"):
        assert changed("plt-7", {"note": [{"text": words}]}) == (0, ["CRi"]), words
    assert changed("plt-7", {"note": [{"text": "no platelet clumps"}]}) == (0, ["CR"])


@pytest.mark.parametrize("code", ["2532-0", "26485-3", "14869-2", "58410-2"])
def test_a_remark_beside_a_result_that_means_nothing_is_heard(code: str) -> None:
    """Lactate dehydrogenase, monocytes, a review, a panel."""
    told = [{"text": "Blasten 40 % im Ausstrich"}]
    assert holds("told", *answer(count(code, 60, "%", day=LATER, note=told)))
    assert answer(count(code, 60, "%", day=LATER, note=[{"text": "no blasts"}])) == (0, ["CR"])


SNOMED, CM = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
AML: Json = {"system": SNOMED, "code": "91861009"}
RELAPSE: Json = {"system": CM, "code": "C92.02"}


def flags(*beside: Json) -> set[str]:
    """What is told beside the answer."""
    answers = answered(given({"beside": beside}))
    assert answers is not None
    last = [found for one in answers.judged for found in one.assessments]
    return {flag for found in last for flag in found[-1].flags}


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"coding": [AML, RELAPSE]}},
        {"code": {"coding": [AML], "text": "AML, 1st relapse"}},
        {"code": {"coding": [{**AML, "display": "AML, 1. Rezidiv"}]}},
        {"code": {"coding": [AML]}, "stage": [{"summary": {"text": "First relapse"}}]},
        {"code": {"coding": [AML]}, "clinicalStatus": {"text": "Relapse"}},
    ],
)
def test_every_coding_and_word_of_a_diagnosis_is_a_claim(more: Json) -> None:
    """The first coding hid those behind it, and its words were not looked at."""
    assert "claim-disagrees" in flags(row("Condition", recordedDate=LATER, **more))
    plain = row("Condition", recordedDate=LATER, code={"coding": [AML], "text": "AML, no relapse"})
    assert "claim-disagrees" not in flags(plain)


@pytest.mark.parametrize(
    "words", ["AML mit Chlorom", "AML with CNS involvement", "AML, ZNS-Befall"]
)
def test_a_lesion_in_the_words_of_a_coded_diagnosis_is_heard(words: str) -> None:
    """Since the day of it nobody said that it is gone."""
    code = {"coding": [AML], "text": words}
    assert holds("told", *answer(row("Condition", code=code, onsetDateTime=LATER)))


def test_a_report_of_an_unknown_status_is_told() -> None:
    """What it concludes does not count."""
    report = row("DiagnosticReport", status="unknown", code={"text": "Bone marrow"},
                 effectiveDateTime=LATER, conclusion="Relapse of AML")  # fmt: skip
    answers = answered(given({"beside": [report]}))
    assert answers is not None
    told = {one.source for each in answers.judged for found in each.assessments
            for one in found[-1].skipped}  # fmt: skip
    assert "DiagnosticReport/x" in told


@pytest.mark.parametrize(
    "more",
    [{"type": {"text": "dry tap"}}, {"note": ["dry tap"]}, {"note": ["Knochenmark hämodiluiert"]}],
)
def test_a_sample_is_poor_by_whatever_of_it_says_so(more: Json) -> None:
    """Also in notes that are bare strings."""
    taken = {"specimen": {"reference": "Specimen/x"}}
    assert holds("told", *changed("marrow-d32", taken, row("Specimen", **more)))


@pytest.mark.parametrize("value", [{"valueString": "present"}, {"valueBoolean": True}])
def test_a_component_that_is_there_contradicts_a_lesion_that_is_denied(value: Json) -> None:
    """A form with a line for each site."""
    site = {"component": [{"code": {"text": "CNS"}, **value}]}
    assert holds("told", *changed("emd-5", site))


CELLS = """
Aberrant myeloid cells|Abnormal myeloid progenitors|Malignant cells in blood|Tumorzellen
Leukemia-associated immunophenotype|Cellules malignes
"""


@pytest.mark.parametrize("name", listed(CELLS))
def test_cells_that_may_be_blasts_are_heard_by_their_name(name: str) -> None:
    """A share of them under no code supports nothing and may block; none of them is none."""
    share = {"valueString": None, "effectiveDateTime": LATER}
    percent = {"value": 38, "unit": "%"}
    given_ = {k: v for k, v in {**text(name, ""), **share}.items() if v is not None}
    assert holds("told", *answer(given_ | {"valueQuantity": percent}))
    assert answer(text(name, "none detected")) == (0, ["CR"])


STATUS = "AML status|Leukemia status|Status der Erkrankung|Statut de la maladie|Ziektestatus"


@pytest.mark.parametrize("name", listed(STATUS))
def test_a_status_of_the_disease_that_goes_on_is_heard(name: str) -> None:
    """Under its names in other languages too; one of remission is not."""
    for words in ("Progressive disease", "Refractory", "Treatment failure"):
        assert holds("told", *answer(text(name, words) | {"effectiveDateTime": LATER})), words
    assert answer(text(name, "complete remission")) == (0, ["CR"])


def test_a_result_of_ours_is_no_evidence_where_its_note_carries_its_identity() -> None:
    """An EHR that drops identifiers keeps notes, and words of ours beside them."""
    mark = "https://x.example/ns/id assessment=a1 content-digest=d1 evidence-hash=e1"
    words = [{"text": "Relapsed since 2026-06-10 (RELAPSE)"}]
    ours = {**text("AML response", "x"), "effectiveDateTime": LATER, "valueString": "see note"}
    assert answer({**ours, "note": [*words, {"text": mark}]}) == (0, ["CR"])
    assert holds("told", *answer({**ours, "note": words}))
