"""Identity: ids that never change, hashes that ignore the clock, digests that survive a server."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.domain.nouns.assessment import Anchor, Clock
from fhir_remission.fhir.r4.datatypes import FHIR_ID
from fhir_remission.fhir.writing.identity import (
    Identity,
    assessment_key,
    content_digest,
    device_id,
    evidence_hash,
    is_unedited,
    key_check,
    log_key,
    provenance_id,
    resource_id,
)
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.site_marks import is_marked
from tests.fhir.samples import IDENTITY, authorship, complete_remission, result

replace = msgspec.structs.replace
PINNED_HASH = "392d05f3e6a466325dfcf98525c13e5edfeac3b25f12a735605c6703b66c694e"


def hashed(assessment: Any) -> str:
    """The evidence hash under the sample's mapping tables."""
    return evidence_hash(assessment, mapping_version="m1")


def test_the_key_names_site_patient_criteria_and_anchor() -> None:
    """No date, no version, no host is in it."""
    key = assessment_key(IDENTITY, "impression", complete_remission())
    assert key == "v1|impression|st-e|p1|eln-2022|marrow:m1"


def test_ids_are_pinned_for_ever() -> None:
    """A change here would write every result of every site a second time."""
    sample = complete_remission()
    assert resource_id(IDENTITY, "impression", sample) == "sbgrfb2x7ywequfc4w3jx5imixwwduev"
    assert resource_id(IDENTITY, "observation", sample) == "2uq2ptw5vs54b6mxwmn7b4uctvhx275r"
    assert key_check(IDENTITY.key) == "v7w55ktcgeexpvvt"


def test_evidence_hash_is_pinned() -> None:
    """A change here rewrites every result of every site once; do it knowingly or not at all."""
    assert hashed(complete_remission()) == PINNED_HASH


@pytest.mark.parametrize(
    "changed",
    [
        complete_remission(criteria_version="2023.1"),
        complete_remission(anchor=Anchor("marrow", "2026-03-02", ("Observation/m1",))),
        complete_remission(clock=Clock("2027-01-01T00:00:00Z", window_open=True, stale=True)),
    ],
)
def test_dates_versions_and_clock_do_not_change_the_id(changed: Any) -> None:
    """The same evaluation keeps its resource whatever is found out about it."""
    same = resource_id(IDENTITY, "impression", complete_remission())
    assert resource_id(IDENTITY, "impression", changed) == same


def test_a_separator_inside_a_part_cannot_forge_another_key() -> None:
    """Site `a|b` with patient `c` is not site `a` with patient `b|c`."""
    one = assessment_key(
        Identity("a|b", b"k"), "impression", complete_remission(patient="Patient/c")
    )
    two = assessment_key(
        Identity("a", b"k"), "impression", complete_remission(patient="Patient/b|c")
    )
    assert one != two


def test_kinds_keys_and_sites_give_different_ids() -> None:
    """Nothing of one site can be taken for another's."""
    sample = complete_remission()
    ids = {
        resource_id(IDENTITY, "impression", sample),
        resource_id(IDENTITY, "observation", sample),
        resource_id(replace(IDENTITY, key=b"x" * 32), "impression", sample),
        resource_id(replace(IDENTITY, site_id="other"), "impression", sample),
        provenance_id(IDENTITY, "ClinicalImpression/a", "h", "CREATE"),
        device_id(IDENTITY, "fhir-remission", "0.1.0"),
    }
    assert len(ids) == 6
    assert all(FHIR_ID.fullmatch(one) and len(one) == 32 for one in ids)


def test_the_key_is_never_printed() -> None:
    """A traceback or a log of settings must not show it."""
    assert "kkkk" not in repr(IDENTITY) + str(IDENTITY) + f"{IDENTITY}"


def test_log_hashes_use_another_key() -> None:
    """A hash in a log leads to no resource."""
    assert log_key(IDENTITY.key) != IDENTITY.key
    assert key_check(log_key(IDENTITY.key)) != key_check(IDENTITY.key)


@pytest.mark.parametrize(
    "same",
    [
        complete_remission(clock=Clock("2027-01-01T00:00:00Z", window_open=True, stale=True)),
        complete_remission(current=False),
        complete_remission(summary="said otherwise", next_better="said otherwise", skipped=()),
        complete_remission(policies=(("absence", "routine"), ("window-days", "14"))),
    ],
)
def test_evidence_hash_ignores_clock_and_wording(same: Any) -> None:
    """Waiting a year, or better words, must not write anything."""
    assert hashed(same) == hashed(complete_remission())


def test_evidence_hash_ignores_the_order_of_evidence() -> None:
    """Pages come in any order."""
    sample = complete_remission()
    two = result("Observation/o5", "anc", "1.3", "2026-03-13")
    one = sample.criteria_results[2]
    there = replace(one, evidence=(*one.evidence, two))
    back = replace(one, evidence=(two, *one.evidence))
    assert hashed(complete_remission(criteria_results=(there,))) == hashed(
        complete_remission(criteria_results=(back,))
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "CRi"},
        {"state_since": date(2026, 3, 13)},
        {"criteria_version": "2023.1"},
        {"policies": (("window-days", "7"),)},
        {"last_blood": date(2026, 3, 19)},
        {"confidence": "proved"},
        {"assumptions": ()},
        {"flags": ()},
    ],
)
def test_evidence_hash_sees_the_answer_and_its_rules(changes: dict[str, Any]) -> None:
    """Whatever is written, and whatever decided it, is inside."""
    assert hashed(complete_remission(**changes)) != hashed(complete_remission())


@pytest.mark.parametrize("part", ["version", "value", "ref", "when"])
def test_evidence_hash_sees_each_version_and_value(part: str) -> None:
    """A corrected result is other evidence, even where the verdict stays."""
    at = "2026-03-12T08:00:00+00:00"
    changed = {
        "version": result("Observation/o1", "anc", "1.20", at, version="3"),
        "value": result("Observation/o1", "anc", "1.30", at, version="2"),
        "ref": result("Observation/o7", "anc", "1.20", at, version="2"),
        "when": result("Observation/o1", "anc", "1.20", at.replace("08:", "09:"), version="2"),
    }[part]
    results = list(complete_remission().criteria_results)
    results[2] = replace(results[2], evidence=(changed,))
    assert hashed(complete_remission(criteria_results=tuple(results))) != hashed(
        complete_remission()
    )


def test_evidence_hash_sees_the_mapping_tables() -> None:
    """A changed table re-assesses on the next run."""
    assert evidence_hash(complete_remission(), mapping_version="m2") != hashed(complete_remission())


def written() -> dict[str, Any]:
    """A ClinicalImpression as sent."""
    return build_impression(complete_remission(), authorship())


def test_a_resource_as_written_is_ours_and_unedited() -> None:
    """Both resources carry identifier and matching digest."""
    for resource in (written(), build_observation(complete_remission(), authorship())):
        assert is_marked(IDENTITY, resource)
        assert is_unedited(resource)


def reindexed(resource: dict[str, Any]) -> None:
    resource["meta"] = {
        "versionId": "7",
        "lastUpdated": "2027-01-01T00:00:00Z",
        "source": "#abc",
        "tag": resource["meta"]["tag"],
        "profile": ["http://example.org/p"],
    }


def narrated(resource: dict[str, Any]) -> None:
    resource["text"] = {"status": "generated", "div": "<div>x</div>"}


def reordered(resource: dict[str, Any]) -> None:
    resource["identifier"].reverse()
    resource["investigation"][0]["item"].reverse()


def rebased(resource: dict[str, Any]) -> None:
    for item in resource["investigation"][0]["item"]:
        item["reference"] = f"https://fhir.example/r4/{item['reference']}/_history/1"
        item["display"] = "a name"


def displayed(resource: dict[str, Any]) -> None:
    resource["finding"][0]["itemCodeableConcept"]["coding"][1]["display"] = "CR"


def respelled(resource: dict[str, Any]) -> None:
    resource["effectiveDateTime"] = "2026-03-12T09:00:00.000+01:00"


def recomputed(resource: dict[str, Any]) -> None:
    resource["date"] = "2027-01-01T00:00:00Z"


@pytest.mark.parametrize("server", [reindexed, narrated, reordered, rebased, displayed, recomputed])
def test_what_servers_do_is_nobodys_edit(server: Any) -> None:
    """A new version with the same content stays ours."""
    resource = copy.deepcopy(written())
    server(resource)
    assert is_unedited(resource)


def test_the_same_instant_otherwise_spelled_is_the_same() -> None:
    """Servers write Z as +00:00 and add milliseconds."""
    one = {"resourceType": "Observation", "effectiveDateTime": "2026-03-12T08:00:00Z"}
    two = dict(one)
    respelled(two)
    assert content_digest(one) == content_digest(two)


def edits() -> dict[str, Any]:
    """What a person might do to a result."""

    def summary(r: dict[str, Any]) -> None:
        r["summary"] = "Not in remission."

    def status(r: dict[str, Any]) -> None:
        r["status"] = "completed"

    def code(r: dict[str, Any]) -> None:
        r["finding"][0]["itemCodeableConcept"]["coding"][1]["code"] = "C103385"

    def added(r: dict[str, Any]) -> None:
        r["prognosisCodeableConcept"] = [{"text": "good"}]

    def evidence(r: dict[str, Any]) -> None:
        del r["investigation"][0]["item"][0]

    def noted(r: dict[str, Any]) -> None:
        r["note"].append({"text": "I disagree"})

    def signed(r: dict[str, Any]) -> None:
        r["assessor"] = {"reference": "Practitioner/dr"}

    def hash_moved(r: dict[str, Any]) -> None:
        r["identifier"][1]["value"] = "0" * 64

    return {
        f.__name__: f for f in (summary, status, code, added, evidence, noted, signed, hash_moved)
    }


@pytest.mark.parametrize("edit", edits().values(), ids=edits().keys())
def test_what_a_person_does_is_an_edit(edit: Any) -> None:
    """Every clinical element counts, also those we never write."""
    resource = copy.deepcopy(written())
    edit(resource)
    assert not is_unedited(resource)


def test_a_missing_digest_is_an_edit() -> None:
    """Somebody took it away."""
    resource = written()
    resource["identifier"] = resource["identifier"][:2]
    assert not is_unedited(resource)


@pytest.mark.parametrize(
    "hostile",
    [
        {"effectiveDateTime": "0000-01-01T00:00:00Z"},
        {"effectiveDateTime": "0001-01-01T00:00:00+14:00"},
        {"valueQuantity": {"value": 1e308}},
        {"valueQuantity": {"value": "1e999999999"}},
        {"identifier": "not a list", "meta": 3},
        {"identifier": [None, 3, {"system": None}]},
        {"reference": None, "x": {"reference": "not a reference"}},
    ],
)
def test_a_digest_of_anything_is_a_digest(hostile: dict[str, Any]) -> None:
    """What stands on a server may be anything."""
    resource = {"resourceType": "Observation", **hostile}
    assert len(content_digest(resource)) == 64
    assert not is_marked(IDENTITY, resource)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_a_digest_survives_a_round_trip_through_json(resource: dict[str, Any]) -> None:
    """Key order and spelling of the file change nothing."""
    back = dict(reversed(json.loads(json.dumps(resource)).items()))
    assert content_digest(back) == content_digest(resource)
