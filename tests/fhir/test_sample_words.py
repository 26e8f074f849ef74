"""A marrow whose sample cannot be judged, in the words of hospitals; a good sample harms nobody.

Beside a proved remission, by every place in which a sample is spoken of, in seven languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fhir.sample_texts import NAMED, ORDINARY, POOR
from tests.jobs.test_strange_inputs import BASE, REMISSION, said

Json = dict[str, Any]
MARROW = REMISSION["marrow-d32"]
DAY = MARROW["effectiveDateTime"]
PATIENT = {"reference": "Patient/p1"}
PROVED = (0, ["CR"])
LANGUAGES = sorted(POOR)


def bundle(*beside: Json, marrow: Json = MARROW) -> bytes:
    """The remission with these resources, and with this in the place of its marrow."""
    held = [marrow if one is MARROW else one for one in REMISSION.values()]
    entries = [
        {"fullUrl": f"{BASE}/{one['resourceType']}/{one['id']}", "resource": one}
        for one in [*held, *beside]
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def row(kind: str, **parts: Any) -> Json:
    """A resource of the patient."""
    return {"resourceType": kind, "id": "x", "status": "final", "subject": PATIENT, **parts}


def result(name: str, value: str, **parts: Any) -> Json:
    """A result that has no code."""
    given = {"code": {"text": name}, "valueString": value, "effectiveDateTime": DAY}
    return row("Observation", **given | parts)


def sampled(**parts: Any) -> bytes:
    """The marrow with a Specimen that says more."""
    specimen = row("Specimen", type={"text": "Bone marrow"}, **parts) | {"status": "available"}
    return bundle(specimen, marrow=MARROW | {"specimen": {"reference": "Specimen/x"}})


def taken(**parts: Any) -> bytes:
    """With the puncture that took the marrow."""
    code = {"text": "Bone marrow aspiration"}
    return bundle(
        row("Procedure", code=code, performedDateTime=DAY, **parts) | {"status": "completed"}
    )


def concluded(text: str) -> bytes:
    """With the report that holds the marrow."""
    holds = [{"reference": "Observation/marrow-d32"}]
    code = {"text": "Knochenmarkzytologie"}
    return bundle(
        row("DiagnosticReport", code=code, effectiveDateTime=DAY, result=holds, conclusion=text)
    )


PLACES: dict[str, Callable[[str], bytes]] = {
    "comment": lambda text: bundle(result("Comment", text)),
    "note of the count": lambda text: bundle(marrow=MARROW | {"note": [{"text": text}]}),
    "comment of STU3": lambda text: bundle(marrow=MARROW | {"comment": text}),
    "comments of DSTU2": lambda text: bundle(marrow=MARROW | {"comments": text}),
    "note of the specimen": lambda text: sampled(note=[{"text": text}]),
    "preparation": lambda text: sampled(processing=[{"description": text}]),
    "conclusion": concluded,
    "outcome": lambda text: taken(outcome={"text": text}),
    "note of the puncture": lambda text: taken(note=[{"text": text}]),
    "complication": lambda text: taken(complication=[{"text": text}]),
}


def texts(table: dict[str, str], language: str) -> list[str]:
    """The texts of a language, one by one."""
    lines = table[language].strip().splitlines()
    return [one.strip() for line in lines for one in line.split("|")]


def pairs(language: str) -> Iterator[tuple[str, str]]:
    """Names with a value that says that the sample is poor."""
    for one in texts(NAMED, language):
        name, _, value = one.partition(": ")
        yield name, value


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", PLACES)
def test_a_poor_sample_proves_no_remission_wherever_it_is_told(place: str, language: str) -> None:
    kept = [one for one in texts(POOR, language) if said(PLACES[place](one)) == PROVED]
    assert not kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_and_a_value_say_it_together(language: str) -> None:
    kept = [
        f"{name}: {value}"
        for name, value in pairs(language)
        if said(bundle(result(name, value))) == PROVED
    ]
    assert not kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_part_of_a_result_and_a_code_of_a_house_say_it_too(language: str) -> None:
    kept = []
    for name, value in pairs(language):
        code = {"coding": [{"system": "https://lab.example/codes", "code": "17", "display": name}]}
        part = {"code": {"text": name}, "valueString": value}
        held = {"component": [part], "valueString": None, "code": {"text": "Panel"}}
        whole = {k: v for k, v in (result("Panel", "x") | held).items() if v is not None}
        for one in (result(name, value, code=code), whole):
            if said(bundle(one)) == PROVED:
                kept.append((name, value))
    assert not kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_good_sample_leaves_the_remission_as_it_is(language: str) -> None:
    good = texts(ORDINARY, language)
    assert len(good) >= 40
    changed = [
        (place, one) for one in good for place, made in PLACES.items() if said(made(one)) != PROVED
    ]
    named = [one.partition(": ") for one in good if ": " in one]
    changed += [
        (name, value) for name, _, value in named if said(bundle(result(name, value))) != PROVED
    ]
    assert not changed


def test_yes_and_no_are_answers() -> None:
    spoken = {"valueBoolean": False, "valueString": None}
    poor = {k: v for k, v in result("Adequate sample", "", **spoken).items() if v is not None}
    assert said(bundle(poor)) != PROVED
    assert said(bundle(poor | {"valueBoolean": True})) == PROVED


def test_what_is_said_of_another_day_or_of_blood_is_not_said_of_the_marrow() -> None:
    assert said(bundle(result("Aspirate", "dry tap", effectiveDateTime="2026-01-20"))) == PROVED
    blood = row("Specimen", type={"text": "Blood"}) | {"status": "available"}
    poor = result("Sample quality", "poor", specimen={"reference": "Specimen/x"})
    assert said(bundle(blood, poor)) == PROVED


def test_of_no_day_it_may_be_said_of_any_marrow() -> None:
    poor = result("Aspirate", "dry tap")
    del poor["effectiveDateTime"]
    assert said(bundle(poor)) != PROVED


def test_a_puncture_that_was_not_done_says_nothing() -> None:
    code = {"text": "Bone marrow aspiration"}
    made = row("Procedure", code=code, performedDateTime=DAY, outcome={"text": "dry tap"})
    assert said(bundle(made | {"status": "not-done"})) == PROVED
    assert said(bundle(made | {"status": "completed"})) != PROVED


@pytest.mark.parametrize(
    "way", ["Venipuncture", "Blutentnahme", "prise de sang", "prelievo venoso"]
)
def test_a_marrow_that_was_taken_from_a_vein_is_none(way: str) -> None:
    assert said(sampled(collection={"method": {"text": way}})) != PROVED
    assert said(sampled(collection={"method": {"text": "Aspiration"}})) == PROVED
