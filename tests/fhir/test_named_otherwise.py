"""A result that its words name otherwise than its code, that was not fit, and what was charted.

Words beside a code that name another cell or another way to count, remarks that a blood sample was
no good, extensions without any text, support charted as a result, and a remission that is partial.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.fhir.test_adverse_words import DAY, answer, listed, report, row
from tests.fhir.test_said_beside import changed
from tests.jobs.test_strange_inputs import REMISSION, answered, given

Json = dict[str, Any]
CR, SNOMED = (0, ["CR"]), "http://snomed.info/sct"
COUNTED = REMISSION["plt-7"]["effectiveDateTime"]


def called(name: str, text: str) -> Json:
    """The code of a result of the remission, called something by its text."""
    return {"code": {**deepcopy(REMISSION[name]["code"]), "text": text}}


OTHERS = {
    "anc-6": "Lymphocytes|Eosinophile|Monozyten absolut|Retikulozyten|NRBC|Metamyelocytes|CD34+",
    "plt-7": "Immature platelet fraction|Plateletcrit|PDW|Hämatokrit|Ferritin|Hb",
    "marrow-d32": "Promyelocytes|Myelozyten|Cellularity|Mast cells|Monocytes|Erythroblasten",
    "smear-8": "NRBC|Promyelozyten|Lymphozyten|Plasmazellen|Normoblasten",
}
OWN = {
    "anc-6": "Neutrophils abs.|ANC|Segs + bands|Neutrophile (ohne Eosinophile)",
    "plt-7": "PLT (IPF 3 %)|Thrombozyten|Platelets, optical",
    "marrow-d32": "Blasts (incl. promyelocytes)|Blasten im Knochenmark|Aspirate",
    "smear-8": "Blasts, manual differential|Blasten (NRBC nicht gezählt)",
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in OTHERS.items() for t in listed(ts)])
def test_a_text_that_names_other_cells_than_its_code_makes_no_remission(
    name: str, text: str
) -> None:
    """Nobody can say what was measured."""
    assert changed(name, called(name, text)) != CR


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in OWN.items() for t in listed(ts)])
def test_a_text_that_names_its_own_cells_costs_nothing(name: str, text: str) -> None:
    """Others may stand beside them."""
    assert changed(name, called(name, text)) == CR


UNFIT = """
clotted|Probe geronnen|échantillon coagulé|fibrin strands|QNS|quantity not sufficient|test cancelled
specimen rejected|unverified|result not verified|IV fluid contamination|technical error|implausible
test not performed|see corrected result|superseded|QC sample|delta check failed|Wert nicht plausibel
"""
FIT = """
no clots seen|kein Gerinnsel|previous sample clotted, redrawn|Vorprobe geronnen, Neuabnahme
Manual differential not performed|Manual diff cancelled, auto diff acceptable|quality control passed
Sample diluted 1:2 due to high WBC|Repeat sample of the same day|result verified|hemolyzed: slight
"""


@pytest.mark.parametrize("words", listed(UNFIT))
@pytest.mark.parametrize("name", ["anc-6", "plt-7"])
def test_a_count_of_a_sample_that_was_not_fit_supports_nothing(name: str, words: str) -> None:
    """Nor one that waits for a word, or was made of no patient."""
    assert changed(name, {"note": [{"text": words}]}) != CR


@pytest.mark.parametrize("words", listed(FIT))
@pytest.mark.parametrize("name", ["anc-6", "plt-7"])
def test_what_was_wrong_with_another_sample_costs_nothing(name: str, words: str) -> None:
    """Nor a check that was passed, or another test that was not made."""
    assert changed(name, {"note": [{"text": words}]}) == CR


def added(name: str, **value: Any) -> Json:
    """An extension of a house, which has a name and no text."""
    return {"extension": [{"url": f"http://lab.example/StructureDefinition/{name}", **value}]}


def test_an_extension_without_a_text_speaks_by_its_name_or_its_code() -> None:
    """A no, and what is normal, say nothing."""
    within = {
        "extension": [{"url": "urn:x", "extension": [{"url": "invalid", "valueBoolean": True}]}]
    }
    yes = [added(name, valueBoolean=True) for name in listed("isPreliminary|invalid|in-error")]
    for said in (*yes, within, added("status", valueCode="preliminary")):
        assert changed("anc-6", said) != CR
    # What is broken beside it takes nothing away.
    beside = {"extension": [*yes[0]["extension"], {"url": 5, "valueCode": 7}, "x"]}
    assert changed("anc-6", beside) != CR
    fine = [added("verified", valueBoolean=True), added("preliminary", valueBoolean=False)]
    for said in (*fine, added("status", valueCode="final"), added("broken", valueBoolean="yes")):
        assert changed("anc-6", said) == CR


def charted(text: str, **value: Any) -> Json:
    """A row of a flowsheet under a code of the house."""
    code = {"coding": [{"system": "urn:house", "code": "F1", "display": text}]}
    return row("Observation", status="final", code=code, effectiveDateTime=COUNTED, **value)


GIVEN = """
Platelet transfusion|Volume (mL) Transfuse Platelets|Thrombozytenkonzentrat verabreicht|Filgrastim
G-CSF given|Transfusion de plaquettes
"""
ASKED = """
Platelet transfusion threshold|Transfusion reaction|Transfusion history|Transfusion independent
G-CSF receptor mutation|Crossmatch for transfusion|Transfusionsbedarf|Filgrastim antibodies
"""


@pytest.mark.parametrize("text", listed(GIVEN))
def test_support_that_is_charted_as_a_result_holds_back_the_count(text: str) -> None:
    """As a result or a component of one; where its value denies it, it costs nothing."""
    assert answer(charted(text, valueQuantity={"value": 1}))[1] != ["CR"]
    inside = {"component": [{"code": {"text": text}, "valueBoolean": True}]}
    assert (
        changed("plt-7" if "G-CSF" not in text and text != "Filgrastim" else "anc-6", inside) != CR
    )
    for none in ({"valueBoolean": False}, {"valueString": "none given"}, {"valueString": "nein"}):
        assert answer(charted(text, **none)) == CR


@pytest.mark.parametrize("text", listed(ASKED))
def test_what_is_charted_about_support_costs_nothing(text: str) -> None:
    """A threshold, a reaction, a need."""
    assert answer(charted(text, valueString="yes")) == CR


def assumed(name: str, more: Json) -> set[str]:
    """What is assumed where one resource of the remission says more."""
    held = [{**one, **(more if key == name else {})} for key, one in REMISSION.items()]
    answers = answered(given({"resources": held}))
    assert answers is not None
    (found,) = (each for one in answers.judged for each in one.assessments)
    return {str(one) for one in found[-1].assumptions}


WAYS = "Blasts by flow cytometry|Blasten (Durchflusszytometrie)|Blasts, immunophenotyping"
BY_MACHINE = "Blasts automated|Blasten maschinell|Blasts (auto diff)"


@pytest.mark.parametrize(
    ("name", "text"),
    [*(("marrow-d32", t) for t in listed(WAYS)), *(("smear-8", t) for t in listed(BY_MACHINE))],
)
def test_blasts_that_no_microscope_saw_are_no_proof(name: str, text: str) -> None:
    """As if the method stood in its own element."""
    assert assumed(name, called(name, text)) > assumed(name, {})


PARTIAL = "Partielle Remission|Partial remission.|Kein Ansprechen|Refractory AML|Remisión parcial"
WHOLE = """
Complete remission; previously partial remission|No evidence of refractory AML|Good response
Z.n. partieller Remission, jetzt komplette Remission|CR. Partial remission excluded.
"""


@pytest.mark.parametrize("text", listed(PARTIAL))
def test_a_report_of_the_marrow_that_calls_it_partial_is_told(text: str) -> None:
    """Beside 2 % one of the two is wrong."""
    assert answer(report("Bone marrow report", DAY, conclusion=text))[1] == ["IND"]


@pytest.mark.parametrize("text", listed(WHOLE))
def test_a_partial_remission_that_was_before_costs_nothing(text: str) -> None:
    """Nor one that is denied."""
    assert answer(report("Bone marrow report", DAY, conclusion=text)) == CR


@pytest.mark.parametrize(
    ("text", "status", "flags"),
    [
        ("Negative", "negative", {"mrd-sensitivity-unknown", "mrd-unconfirmed"}),
        ("negative (<0.01%)", "negative", {"mrd-unconfirmed"}),
        ("Positive", "positive", set()),
        ("positive (1.2 copies)", "positive", set()),
        ("Positive (0.5 %)", "positive", set()),
        ("Positive (0.05%)", "unknown", {"mrd-interpretation-disagrees"}),
        ("Detected (0.02 %)", "unknown", {"mrd-interpretation-disagrees"}),
    ],
)
def test_a_positive_below_its_cut_off_is_neither(text: str, status: str, flags: set[str]) -> None:
    """Model 5.2; in one text as with an interpretation beside the number."""
    by = {
        "coding": [
            {"system": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "code": "C198237"}
        ]
    }
    mrd = row(
        "Observation", status="final", code=by, method={"text": "flow cytometry"}, valueString=text,
        specimen={"display": "bone marrow"}, effectiveDateTime=DAY,
    )  # fmt: skip
    answers = answered(given({"beside": [mrd]}))
    assert answers is not None
    (found,) = (each for one in answers.judged for each in one.assessments)
    assert (found[-1].mrd, {one for one in found[-1].flags if one.startswith("mrd")}) == (
        status,
        flags,
    )


def test_a_procedure_with_two_days_has_none() -> None:
    """Each release has its element; where both stand and differ, nobody knows which is true."""
    chemo = {"coding": [{"system": "http://snomed.info/sct", "code": "367336001"}]}
    first = {"performedDateTime": "2026-01-10", "status": "completed", "code": chemo}
    assert answer(row("Procedure", **first, occurrenceDateTime="2026-01-10")) == CR
    assert answer(row("Procedure", **first, occurrenceDateTime="2026-02-05"))[1] != ["CR"]


@pytest.mark.parametrize("code", ["X72.1", "X73.1"])
def test_chemotherapy_by_opcs_is_a_start(code: str) -> None:
    """Five days before the marrow, without any words."""
    chemo = {"coding": [{"system": "https://fhir.hl7.org.uk/Id/opcs-4", "code": code}]}
    given = row("Procedure", status="completed", code=chemo, performedDateTime="2026-02-05")
    assert answer(given)[1] == ["MLFS"]


@pytest.mark.parametrize(
    "taken",
    [
        {"collection": {"bodySite": {"text": "Iliac crest"}}},
        {"collection": {"bodySite": {"text": "Beckenkamm links"}}},
        {"collection": {"bodySite": {"coding": [{"system": SNOMED, "code": "14016003"}]}}},
        {"parent": [{"reference": "#whole"}]},
    ],
)
def test_a_sample_without_a_type_is_of_where_it_was_taken(taken: Json) -> None:
    """3 % under a code of blood in a marrow are no blasts of the blood, and no response denied."""
    whole = {"resourceType": "Specimen", "id": "whole", "type": {"text": "Bone marrow"}}
    inside = [{"resourceType": "Specimen", "id": "s", **taken}, whole]
    share = {"value": 3, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    code = {"coding": [{"system": "http://loinc.org", "code": "709-6"}]}
    found = answer(
        row(
            "Observation", status="final", code=code, effectiveDateTime=DAY, valueQuantity=share,
            contained=inside, specimen={"reference": "#s"},
        )
    )  # fmt: skip
    assert found[1] == ["IND"]


@pytest.mark.parametrize("system", ["http://hl7.org/fhir/v2/0078", "HL70078"])
def test_an_answer_by_the_table_of_version_two_is_one(system: str) -> None:
    """As by ObservationInterpretation, which took it over."""
    said = {"coding": [{"system": system, "code": "NEG"}]}
    assert changed("emd-5", {"valueCodeableConcept": said}) == CR
