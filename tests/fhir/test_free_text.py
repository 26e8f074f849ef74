"""Words that a person wrote into a resource are heard wherever FHIR lets one write.

One table of places for every type (`r4/free_text.py`); what generates itself, names a range or
cannot be read says nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fhir_remission.fhir.r4.free_text import free_text
from fhir_remission.fhir.r4.wire import DiagnosticReport, Observation
from fhir_remission.jobs.archive.routing import decode_result, is_plain
from tests.fhir.test_adverse_words import LATER, answer, listed, row
from tests.fhir.test_said_beside import AML, changed, count, flags
from tests.jobs.test_strange_inputs import answered, given, holds

Json = dict[str, Any]


def shown(text: str, kind: str = "text/plain", **more: str) -> Json:
    """An attachment that holds a text."""
    return {"contentType": kind, "data": base64.b64encode(text.encode()).decode(), **more}


def narrated(text: str, status: str) -> Json:
    """A narrative, in which an emphasis parts no sentence."""
    return {"status": status, "div": f"<div><p>Seen.</p><p>{text}</p></div>"}


Place = Callable[[str], Json]
BESIDE: dict[str, Place] = {
    "note": lambda text: {"note": [{"text": text}]},
    "comment": lambda text: {"comment": text},
    "comments": lambda text: {"comments": text},
    "narrative": lambda text: {"text": narrated(text, "additional")},
    "extension": lambda text: {"extension": [{"url": "urn:x", "valueString": text}]},
    "nested": lambda text: {
        "extension": [{"url": "urn:x", "extension": [{"url": "y", "valueMarkdown": text}]}]
    },
}
IN_REPORTS: dict[str, Place] = {
    "plain": lambda text: {"presentedForm": [shown(text)]},
    "HTML": lambda text: {"presentedForm": [shown(f"<p>See <b>{text}</b></p>", "text/html")]},
    "title": lambda text: {"presentedForm": [{"contentType": "application/pdf", "title": text}]},
    "STU3": lambda text: {"presentedForm": shown(text)},
    **{name: BESIDE[name] for name in ("note", "narrative", "extension")},
}
FOUND = "AML relapse confirmed|Rezidiv der AML|Rechute de LAM|Bone marrow: 40 % blasts"
QUIET = "No evidence of relapse|Kein Rezidiv|no blasts|Relapse?|checked by hand|<b>no</b> relapse"


@pytest.mark.parametrize("words", listed(FOUND))
@pytest.mark.parametrize("place", BESIDE)
def test_what_is_written_beside_any_result_is_heard(place: str, words: str) -> None:
    """Beside one that means nothing itself."""
    assert holds("told", *answer(count("2532-0", 200, "U/L", day=LATER, **BESIDE[place](words))))


@pytest.mark.parametrize("words", listed(QUIET))
@pytest.mark.parametrize("place", BESIDE)
def test_what_denies_or_asks_costs_nothing(place: str, words: str) -> None:
    """Beside the results that prove the remission, too."""
    words = words if place == "narrative" else words.replace("<b>no</b>", "no")
    for name in ("marrow-d32", "anc-6", "smear-8"):
        assert changed(name, BESIDE[place](words)) == (0, ["CR"])


@pytest.mark.parametrize("words", listed(FOUND))
@pytest.mark.parametrize("place", IN_REPORTS)
@pytest.mark.parametrize("name", ["Cytology", "Discharge letter", "CBC"])
def test_what_is_attached_to_a_report_or_noted_in_it_is_heard(
    name: str, place: str, words: str
) -> None:
    """Beside a conclusion that says nothing."""

    def report(words: str) -> Json:
        parts = {"status": "final", "code": {"text": name}, "effectiveDateTime": LATER}
        return row("DiagnosticReport", conclusion="see below", **parts, **IN_REPORTS[place](words))

    assert holds("told", *answer(report(words)))
    assert answer(report("no evidence of relapse")) == (0, ["CR"])


MUTE: list[Json] = [
    {"text": narrated("AML relapse", "generated")},
    {"referenceRange": [{"text": "Relapse: above 5 %"}]},
    {"extension": [{"url": "urn:relapse", "valueBoolean": False}]},
]


@pytest.mark.parametrize("more", MUTE)
def test_what_nobody_wrote_of_the_patient_says_nothing(more: Json) -> None:
    """A generated narrative says what the elements say, and a range what a number would mean."""
    assert changed("marrow-d32", more) == (0, ["CR"])


BROKEN: list[Json] = [
    {"data": "%%%", "contentType": "text/plain"},
    {"data": "AA", "contentType": "text/html"},
    {"data": base64.b64encode(b"\xff\xfe\x00").decode(), "contentType": "text/plain"},
    {"data": base64.b64encode(b"%PDF-1.7").decode(), "contentType": "application/pdf"},
    {},
]


@pytest.mark.parametrize("form", BROKEN)
def test_an_attachment_that_cannot_be_read_says_no_word(form: Json) -> None:
    """And takes none from the one beside it."""
    report = {"resourceType": "DiagnosticReport", "presentedForm": [form, shown("AML relapse")]}
    read = msgspec.json.decode(json.dumps(report), type=DiagnosticReport)
    assert "AML relapse" in free_text(read)


def test_a_long_text_of_broken_tags_is_read_in_one_go() -> None:
    """Each opening ends at the next one."""
    sent = {"resourceType": "Observation", "valueAttachment": shown("<" * 400_000, "text/html")}
    assert free_text(msgspec.json.decode(json.dumps(sent), type=Observation)) == ("<" * 400_000,)


@pytest.mark.parametrize("place", BESIDE)
def test_an_archive_looks_into_every_result_in_which_somebody_wrote(place: str) -> None:
    """What has no meaning by its code is passed over by that alone."""
    plain = count("2532-0", 200, "U/L", day=LATER)
    assert is_plain(decode_result(json.dumps(plain).encode()))
    assert not is_plain(decode_result(json.dumps(plain | BESIDE[place]("x")).encode()))


OTHERS = "Probe vom Spender|Sample of donor|verwechselt|Specimen mislabelled|falsche Probe"


@pytest.mark.parametrize("words", listed(OTHERS))
@pytest.mark.parametrize("name", ["marrow-d32", "anc-6", "plt-7"])
def test_a_sample_that_is_said_to_be_another_one_counts_for_nothing(name: str, words: str) -> None:
    """In a note, a step of its processing, or the words of its type."""
    taken = {"specimen": {"reference": "Specimen/x"}}
    for more in ({"note": [{"text": words}]}, {"processing": [{"description": words}]},
                 {"type": {"text": words}}, {"collection": {"comment": words}}):  # fmt: skip
        assert changed(name, taken, row("Specimen", **more)) != (0, ["CR"]), more
    fine = row("Specimen", note=[{"text": "not mislabelled; brother is the donor"}])
    assert changed(name, taken, fine) == (0, ["CR"])


@pytest.mark.parametrize("place", ["note", "narrative", "extension"])
def test_a_relapse_noted_beside_a_diagnosis_is_a_claim(place: str) -> None:
    """As it is in its text."""
    found = {"recordedDate": LATER, "code": {"coding": [AML]}}
    assert "claim-disagrees" in flags(row("Condition", **found, **BESIDE[place]("1. Rezidiv")))
    quiet = row("Condition", **found, **BESIDE[place]("kein Rezidiv"))
    assert "claim-disagrees" not in flags(quiet)


WORSE = "AML refractory|AML, persistent disease|AML, Progress|Refraktäre AML|active AML"


@pytest.mark.parametrize("words", listed(WORSE))
def test_a_coded_diagnosis_that_says_the_disease_is_there_is_a_claim(words: str) -> None:
    """On its day; what denies it, and other diseases, are none."""
    found = row("Condition", code={"coding": [AML], "text": words}, recordedDate=LATER)
    assert "claim-disagrees" in flags(found)
    for quiet in ("AML with renal failure", "no active AML", "Refractory AML?", "AML"):
        found["code"]["text"] = quiet
        assert "claim-disagrees" not in flags(found), quiet


def tell_apart(name: str, heard: str, quiet: str) -> None:
    """As a note beside a result: what is heard costs the answer, what is quiet does not."""
    for words in listed(heard):
        assert changed(name, BESIDE["note"](words)) != (0, ["CR"]), words
    for words in listed(quiet):
        assert changed(name, BESIDE["note"](words)) == (0, ["CR"]), words


RAISED = {
    "plt-7": "nach Thrombozytengabe|after platelet transfusion|post-transfusion|transfused",
    "anc-6": "under G-CSF|unter Filgrastim|sous G-CSF",
}
PLAIN = """
no transfusion|transfusion-independent|ohne G-CSF|last transfusion 3 weeks ago|not on G-CSF
off G-CSF since 01/20|TK zuletzt 15.1.|Transfusionsfrei|letzte TK-Gabe 18.1.2026|vor TK-Gabe
"""


@pytest.mark.parametrize("name", RAISED)
def test_a_count_that_is_said_to_follow_its_support_does_not_stand_by_itself(name: str) -> None:
    """As if what was given had been sent: by that day, confirmed by nobody."""
    tell_apart(name, RAISED[name], PLAIN)


FINAL = "Cytogenetics pending|FISH: preliminary|not preliminary|review done"
PENDING = "Preliminary result|Manual review pending|Vorläufiger Befund|Nachdifferenzierung folgt"


@pytest.mark.parametrize("name", ["marrow-d32", "anc-6", "plt-7", "smear-8"])
def test_a_result_that_is_said_not_to_be_the_last_supports_nothing(name: str) -> None:
    """As one of the status preliminary; what is said of another examination is not of it."""
    tell_apart(name, PENDING, FINAL)


BROKEN_UP: list[Json] = [
    {"note": [{"text": "Das Material ist nicht"}, {"text": "repräsentativ"}]},
    {"note": [{"text": "Das Material ist nicht\nrepräsentativ"}]},
    {"note": [{"text": "Knochenmark blutverdu\u0308nnt"}]},
    {"note": [{"text": "Knochenmark blutverd&uuml;nnt"}]},
    {"note": [{"text": r"Knochenmark blutverd\XFC\nnt"}]},
]


@pytest.mark.parametrize("more", BROKEN_UP)
def test_what_an_engine_did_to_a_sentence_hides_nothing(more: Json) -> None:
    """A note of each line, a letter of two characters, an entity, an escape of HL7 v2."""
    assert changed("marrow-d32", more) != (0, ["CR"])


SAID_BESIDE = {
    "plt-7": (
        "TK-Gabe 9.2.|Z. n. 2 TK am Vortag|TK-Pool|plt tx 2/9|Thrombozytenkonzentrat am Vortag"
        "|1 TK erhalten|transfusé|trasfuso"
    ),
    "anc-6": "Zarzio|Wachstumsfaktor|on Neupogen|G-CSF Tag 5|con filgrastim|contaminated",
    "marrow-d32": (
        "Zellarmes Präparat|Blut, kein Mark|KM trocken|Blasten nicht beurteilbar"
        "|disregard this result|Validierung steht aus"
    ),
}
FINE_BESIDE = """
Hemodilution not evident|noch keine Blasten|keine Auerstäbchen|not contaminated|no persisting blasts
"""


@pytest.mark.parametrize("name", SAID_BESIDE)
def test_what_laboratories_write_beside_a_count_is_heard(name: str) -> None:
    """An outsider's words."""
    tell_apart(name, SAID_BESIDE[name], FINE_BESIDE)


def test_an_interpretation_that_says_so_takes_a_result_away() -> None:
    """As a note does."""
    for words in ("nicht verwertbar", "wrong patient", "vorläufig"):
        assert changed("anc-6", {"interpretation": [{"text": words}]}) != (0, ["CR"]), words


METHODS = "Manuelle Differenzierung|Handdifferenzierung|Comptage manuel|Recuento manual|visuell"


@pytest.mark.parametrize("words", listed(METHODS))
def test_a_smear_counted_by_hand_in_other_words_is_one(words: str) -> None:
    """It was a method that nobody could read."""
    assert changed("smear-8", {"method": {"text": words}}) == (0, ["CR"])
    assert changed("marrow-d32", {"method": {"text": words}}) == (0, ["CR"])


def test_why_a_therapy_was_given_is_a_claim() -> None:
    """By its code or its words; of a puncture it is a question."""
    relapse = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C92.02"}]}
    chemo = {"coding": [{"system": "http://snomed.info/sct", "code": "367336001"}]}
    done = {"status": "completed", "code": chemo, "performedDateTime": LATER}
    for reason in (relapse, {"text": "AML-Rezidiv"}):
        assert "claim-disagrees" in flags(row("Procedure", **done, reasonCode=[reason]))
    assert "claim-disagrees" not in flags(row("Procedure", **done, reasonCode=[{"text": "AML"}]))


@pytest.mark.parametrize("code", ["P", "Y"])
def test_a_relapse_told_to_a_registry_is_heard(code: str) -> None:
    """By its code alone."""
    system = (
        "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/CodeSystem/"
        "mii-cs-onko-verlauf-gesamtbeurteilung"
    )
    told = row(
        "Observation", status="final", effectiveDateTime=LATER,
        code={"coding": [{"system": "http://loinc.org", "code": "21976-6"}]},
        valueCodeableConcept={"coding": [{"system": system, "code": code}]},
    )  # fmt: skip
    assert holds("told", *answer(told))


HISTORY = """
0 blasts seen|last relapse 2019|status after relapse 2019, now CR2|CR2 nach Rezidiv 2024
persisting remission|Rezidivprophylaxe|noch in CR|pulmonales Infiltrat, keine Blasten
"""


@pytest.mark.parametrize("words", listed(HISTORY))
def test_what_was_years_ago_or_is_none_costs_nothing(words: str) -> None:
    """A relapse of this year does, beside one of before."""
    assert answer(count("26499-4", 5, "10*9/L", day=LATER, note=[{"text": words}])) == (0, ["CR"])
    both = [{"text": f"{words}. Rezidiv 06/{LATER[:4]}."}]
    assert holds("told", *answer(count("26499-4", 5, "10*9/L", day=LATER, note=both)))


def test_a_report_says_where_its_sign_was_told() -> None:
    """What is attached to it is not its conclusion."""
    for place, told in (
        ("plain", "what it says"),
        ("note", "what it says"),
        ("", "its conclusion"),
    ):
        words: Json = IN_REPORTS[place]("AML relapse") if place else {"conclusion": "AML relapse"}
        report = row("DiagnosticReport", status="final", code={"text": "CBC"}, **words,
                     effectiveDateTime=LATER)  # fmt: skip
        answers = answered(given({"beside": [report]}))
        assert answers is not None
        reasons = {one.reason for each in answers.judged for found in each.assessments
                   for one in found[-1].skipped}  # fmt: skip
        assert any(one.startswith(f"{told} names a sign") for one in reasons), place
