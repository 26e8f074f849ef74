"""Every resource goes to its patient, by whatever form of reference, or to nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_remission.domain.nouns.inputs import Unreadable
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.incoming.grouping import Groups, group_by_patient
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record
from tests.fhir.reading import groups, observation, resource, tables


def bundle(*entries: tuple[str, dict[str, Any]]) -> Groups:
    """A Bundle with addresses, grouped."""
    listed = [{"fullUrl": url, "resource": one} for url, one in entries]
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": listed}).encode()
    return group_by_patient(
        [item for item in read_documents([body], name="b") if isinstance(item, Entry)]
    )


def person(name: str, **parts: Any) -> dict[str, Any]:
    """A Patient."""
    return {"resourceType": "Patient", "id": name, **parts}


def refs(found: Groups) -> dict[str, list[str]]:
    """Who has what."""
    return {key: sorted(one.ref for one in group) for key, group in found.patients.items()}


def test_relative_absolute_and_versioned_references_are_one_patient() -> None:
    """The same type and id."""
    found = groups(
        observation(id="a"),
        observation(id="b", subject={"reference": "https://example.org/fhir/Patient/p1"}),
        observation(id="c", subject={"reference": "Patient/p1/_history/7"}),
    )

    assert refs(found) == {"Patient/p1": ["Observation/a", "Observation/b", "Observation/c"]}


def test_an_address_inside_of_the_bundle_comes_first() -> None:
    """A urn leads to the Patient it was given to."""
    found = bundle(
        ("urn:uuid:1", person("p9")),
        ("urn:uuid:2", observation(subject={"reference": "urn:uuid:1"})),
    )

    assert refs(found) == {"Patient/p9": ["Observation/o1", "Patient/p9"]}


def test_an_address_that_leads_nowhere_is_a_patient_of_its_own() -> None:
    """As exported without Patients."""
    found = groups(observation(subject={"reference": "urn:uuid:7"}))

    assert refs(found) == {"urn:uuid:7": ["Observation/o1"]}


def test_an_identifier_groups_by_system_and_value() -> None:
    """Leading zeros and all; with the Patient at hand, by the Patient."""
    named = {"identifier": {"system": "urn:mrn", "value": "0042"}}
    lonely = groups(observation(subject=named))
    assert refs(lonely) == {"urn:mrn|0042": ["Observation/o1"]}
    known = groups(
        observation(subject=named),
        person("p1", identifier=[{"system": "urn:mrn", "value": "0042"}]),
    )
    assert refs(known) == {"Patient/p1": ["Observation/o1", "Patient/p1"]}


def test_an_identifier_of_two_patients_names_neither() -> None:
    """Two records with one number must not be mixed."""
    identifier = [{"system": "urn:mrn", "value": "0042"}]
    found = groups(
        observation(subject={"identifier": identifier[0]}),
        person("p1", identifier=identifier),
        person("p2", identifier=identifier),
    )

    assert set(refs(found)) == {"Patient/p1", "Patient/p2"}
    assert [one.ref for one in found.lost] == ["Observation/o1"]


@pytest.mark.parametrize(
    ("system", "value", "is_lost"),
    [
        ("urn:mrn", "0043", False),
        ("urn:mrn", "42", True),
        ("urn:mrn", " 0042", True),
        ("", "0043", True),
        ("urn:other", "0043", True),
    ],
)
def test_an_identifier_that_nobody_carries(system: str, value: str, *, is_lost: bool) -> None:
    """Another person's only where the patients at hand carry others of its system."""
    found = groups(
        observation(subject={"identifier": {"system": system, "value": value}}),
        person("p1", identifier=[{"system": "urn:mrn", "value": "0042"}]),
    )

    assert [one.ref for one in found.lost] == (["Observation/o1"] if is_lost else [])
    assert len(refs(found)) == 2 - is_lost


def test_an_identifier_of_a_merged_person_names_the_survivor() -> None:
    """Both records carry it, and are one person."""
    identifier = [{"system": "urn:mrn", "value": "0042"}]
    link = [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]
    found = groups(
        observation(subject={"identifier": identifier[0]}),
        person("p1", identifier=identifier, link=link, active=False),
        person("p2", identifier=identifier),
    )

    assert "Observation/o1" in refs(found)["Patient/p2"]


def test_two_servers_with_the_same_id_are_two_people() -> None:
    """A reference that could mean either means nobody."""
    found = bundle(
        ("https://a.org/fhir/Patient/1", person("1")),
        ("https://b.org/fhir/Patient/1", person("1")),
        ("", observation(id="a", subject={"reference": "https://a.org/fhir/Patient/1"})),
        ("", observation(id="b", subject={"reference": "https://b.org/fhir/Patient/1"})),
        ("", observation(id="c", subject={"reference": "Patient/1"})),
    )

    assert refs(found) == {
        "https://a.org/fhir/Patient/1": ["Observation/a", "Patient/1"],
        "https://b.org/fhir/Patient/1": ["Observation/b", "Patient/1"],
    }
    assert [skip.source for skip in found.unassigned] == ["Observation/c"]


def test_a_merged_record_goes_to_the_one_that_replaced_it() -> None:
    """Both histories are one, and flagged."""
    old = person("old", link=[{"other": {"reference": "Patient/new"}, "type": "replaced-by"}])
    found = groups(
        old,
        person("new"),
        observation(id="a", subject={"reference": "Patient/old"}),
        observation(id="b", subject={"reference": "Patient/new"}),
    )
    read = read_record("Patient/new", found.patients["Patient/new"], tables(), Reading())

    assert refs(found) == {
        "Patient/new": ["Observation/a", "Observation/b", "Patient/new", "Patient/old"]
    }
    assert len(read.results) == 2
    assert read.flags == ("merged-patient",)


def test_a_record_in_force_is_not_merged_by_what_another_one_says() -> None:
    """Both are people of their own, and the one that says it is told."""
    says = person("new", link=[{"other": {"reference": "Patient/old"}, "type": "replaces"}])
    parts = [
        says,
        person("old", active=True),
        observation(id="a", subject={"reference": "Patient/old"}),
        observation(id="b", subject={"reference": "Patient/new"}),
    ]
    found = groups(*parts)

    assert refs(found) == {
        "Patient/new": ["Observation/b", "Patient/new"],
        "Patient/old": ["Observation/a", "Patient/old"],
    }
    assert found.one_sided == frozenset({"Patient/new"})
    out_of_force = groups(*parts[:1], person("old", active=False), *parts[2:])
    assert list(out_of_force.patients) == ["Patient/new"]
    # The later version of a record decides, whichever comes first.
    later = person("new", meta={"versionId": "2", "lastUpdated": "2026-03-02T00:00:00Z"})
    earlier = {**says, "meta": {"versionId": "1", "lastUpdated": "2026-03-01T00:00:00Z"}}
    for order in ((earlier, later), (later, earlier)):
        undone = groups(*order, person("old", active=False), *parts[2:])
        assert list(undone.patients) == ["Patient/new", "Patient/old"]


def test_a_link_to_another_server_merges_nobody_here() -> None:
    """The same id there is another person."""
    there = {"reference": "https://b.example/Patient/old"}
    found = bundle(
        (
            "https://a.example/Patient/new",
            person("new", link=[{"other": there, "type": "replaces"}]),
        ),
        ("https://a.example/Patient/old", person("old", active=False)),
    )

    assert list(found.patients) == ["Patient/new", "Patient/old"]


def test_merges_in_a_ring_end() -> None:
    """Two records that replace each other."""
    ring = [
        person(one, link=[{"other": {"reference": f"Patient/{two}"}, "type": "replaced-by"}])
        for one, two in (("a", "b"), ("b", "a"))
    ]

    assert len(groups(*ring).patients) == 2


def test_a_specimen_of_another_person_goes_along_with_what_refers_to_it() -> None:
    """Otherwise nobody would notice the donor."""
    donor = resource("Specimen", id="s", subject={"reference": "Patient/donor"})
    found = groups(observation(specimen={"reference": "Specimen/s"}), donor)

    assert refs(found)["Patient/p1"] == ["Observation/o1", "Specimen/s"]


def test_the_order_of_the_input_makes_no_difference() -> None:
    """The same record from any order."""
    parts = [
        observation(id="b"),
        observation("751-8", id="a"),
        resource("DiagnosticReport", status="final", result=[{"reference": "Observation/a"}]),
        person("p1"),
    ]
    forward, backward = groups(*parts), groups(*reversed(parts))
    records = [
        read_record("Patient/p1", one.patients["Patient/p1"], tables(), Reading())
        for one in (forward, backward)
    ]

    assert records[0] == records[1]


def version(number: str, patient: str | None, **parts: Any) -> dict[str, Any]:
    """One version of one result."""
    subject = {} if patient is None else {"subject": {"reference": patient}}
    return {**observation(id="o1", meta={"versionId": number}), "subject": None, **subject, **parts}


def test_a_result_moved_to_another_patient_leaves_the_first() -> None:
    """The latest version is chosen before anybody is asked whose it is."""
    old, new = version("1", "Patient/p1"), version("2", "Patient/p2")

    for order in ((old, new), (new, old)):
        assert refs(groups(*order)) == {"Patient/p2": ["Observation/o1", "Observation/o1"]}


def test_a_result_taken_from_its_patient_counts_for_nobody() -> None:
    """A latest version without a subject takes the earlier ones along."""
    found = groups(version("1", "Patient/p1"), version("2", None))

    assert refs(found) == {}
    assert {one.source for one in found.unassigned} == {"Observation/o1"}


def test_a_latest_version_of_two_patients_is_disputed_by_both() -> None:
    """Neither may rest on it."""
    found = groups(version("2", "Patient/p1"), version("2", "Patient/p2"))

    assert set(found.patients) == {"Patient/p1", "Patient/p2"}
    for patient, group in found.patients.items():
        read = read_record(patient, group, tables(), Reading()).results
        assert read
        assert all(isinstance(one.value, Unreadable) for one in read)


def test_ids_of_two_servers_are_two_results() -> None:
    """The address tells them apart; and without any version none replaces the other."""
    one, two = version("1", "Patient/p1"), version("2", "Patient/p2")
    there, here = "https://a.example/Observation/o1", "https://b.example/Observation/o1"
    assert set(bundle((there, one), (here, two)).patients) == {"Patient/p1", "Patient/p2"}

    bare = [{**item, "meta": None} for item in (one, two)]
    assert set(groups(*bare).patients) == {"Patient/p1", "Patient/p2"}
