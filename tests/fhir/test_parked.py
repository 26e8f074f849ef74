"""Resources of one assessment stay together, and a person's word holds for what she saw."""

from __future__ import annotations

import pytest

from fhir_remission.fhir.r4.datatypes import Resource, objects
from fhir_remission.fhir.writing.authorship import Change
from fhir_remission.fhir.writing.decide import Action
from fhir_remission.fhir.writing.parked import (
    RETRACTED,
    Parked,
    author_of,
    fingerprint,
    marked,
    together,
)
from tests.fhir.samples import authorship

AUTHORSHIP = authorship()
UPDATE = Action("update", "evidence-changed", if_match="2")
PARK = Action("park", "edited by somebody")
STANDS: Resource = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "note": [{"text": "Kept."}],
}


def test_one_parked_parks_what_is_new_and_marks_what_stands() -> None:
    """What needs nothing is left alone."""
    actions = {"ClinicalImpression/c": PARK, "Observation/o": UPDATE, "Observation/n": UPDATE}
    edited: Resource = {"resourceType": "ClinicalImpression"}
    held = {"ClinicalImpression/c": edited, "Observation/o": STANDS}

    settled = together({**actions, "x": Action("none")}, held, AUTHORSHIP, after="PR")

    assert [a.kind for a in settled.values()] == ["park", "mark", "park", "none"]
    assert settled["Observation/o"].if_match == "2"
    assert together({"Observation/o": UPDATE}, held, AUTHORSHIP, after="PR") == {
        "Observation/o": UPDATE
    }


def test_marked_once() -> None:
    """The same words again are no reason to write; other words replace them."""
    change = Change("sibling-parked", "CR", "PR", successor="ClinicalImpression/c")
    once = marked(STANDS, AUTHORSHIP, change)
    actions = {"ClinicalImpression/c": PARK, "Observation/o": UPDATE}

    again = together(actions, {"Observation/o": once}, AUTHORSHIP, after="PR")
    other = together(actions, {"Observation/o": once}, AUTHORSHIP, after="NR")

    assert once["status"] == "preliminary"
    assert (again["Observation/o"].kind, other["Observation/o"].kind) == ("none", "mark")
    assert other["Observation/o"].change is not None
    twice = marked(once, AUTHORSHIP, other["Observation/o"].change)
    texts = [str(note["text"]) for note in objects(twice["note"])]
    assert [text[:5] for text in texts] == ["Kept.", "Not u"]
    assert "now gives NR" in texts[1]


@pytest.mark.parametrize(
    ("cited", "holds"),
    [
        ([("Observation/o1", "1"), ("Observation/o2", "1")], True),
        ([("Observation/o1", "2"), ("Observation/o2", "1")], False),
        ([("Observation/o1", "1")], False),
        ([], False),
    ],
)
def test_a_retraction_is_of_exactly_this_evidence(
    cited: list[tuple[str, str]], holds: bool
) -> None:
    """Whatever its order; another version or one less is other evidence."""
    before = fingerprint([("Observation/o2", "1"), ("Observation/o1", "1")])

    assert (fingerprint(cited) == before) is holds
    assert Parked(RETRACTED, evidence=before).evidence != ""


@pytest.mark.parametrize(
    ("resource", "who"),
    [
        (None, ""),
        ({"note": [{"authorString": "fhir-remission 1.0"}]}, ""),
        (
            {"note": [{"authorString": "Dr. House"}, {"authorString": "fhir-remission 1"}]},
            "Dr. House",
        ),
        ({"note": [{"authorReference": {"reference": "Practitioner/1"}}]}, "Practitioner/1"),
        ({"performer": [{"display": "fhir-remission 1, not signed"}]}, ""),
        ({"performer": [{"display": "Dr. Wilson"}]}, "Dr. Wilson"),
        ({"assessor": {"reference": "Practitioner/2"}, "note": "?"}, "Practitioner/2"),
    ],
)
def test_who_wrote_last_is_told_where_the_resource_tells(resource: object, who: str) -> None:
    """Never ourselves; nothing where nothing says it."""
    assert author_of(resource) == who  # type: ignore[arg-type]
