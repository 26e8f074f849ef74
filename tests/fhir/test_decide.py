"""The decision about one resource: the table of superseding, and a human edit that always wins."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_remission.fhir.writing.authorship import Change
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.decide import category_of, decide, decide_withdrawal
from fhir_remission.fhir.writing.identity import content_digest, is_unedited
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.retraction import retracted
from tests.fhir.samples import authorship, complete_remission, not_evaluable

BY = authorship()
CRI = {"category": "CRi", "code": "CRi"}


def stored(resource: dict[str, Any], version: str = "3") -> dict[str, Any]:
    """As read back from a server."""
    held = copy.deepcopy(resource)
    held["meta"] |= {"versionId": version, "lastUpdated": "2026-03-20T04:00:01Z"}
    return held


@pytest.fixture(params=[build_impression, build_observation], ids=["impression", "observation"])
def build(request: pytest.FixtureRequest) -> Any:
    """Every row holds for both resources."""
    return request.param


def test_nothing_there_is_created(build: Any) -> None:
    """The first time."""
    assert decide(complete_remission(), BY, None).kind == "create"


def test_no_anchor_is_never_written() -> None:
    """There is nothing to hang it on."""
    assert decide(not_evaluable(), BY, None).kind == "none"


def test_same_evidence_needs_no_request(build: Any) -> None:
    """Whatever the state remembers, or if it was lost."""
    held = stored(build(complete_remission(), BY))
    for known in (None, Known("other", "other"), Known(BY.evidence_hash(complete_remission()))):
        assert decide(complete_remission(), BY, held, known).kind == "none"


def test_same_evidence_a_year_later_by_newer_software_needs_no_request(build: Any) -> None:
    """Neither clock nor software version is evidence."""
    held = stored(build(complete_remission(), BY))
    later = authorship(computed_at="2027-03-20T04:00:00Z", software_version="0.2.0")
    assert decide(complete_remission(), later, held).kind == "none"


def test_changed_evidence_with_the_same_category_is_a_new_version(build: Any) -> None:
    """Guarded by the version that was read."""
    held = stored(build(complete_remission(flags=()), BY))
    action = decide(complete_remission(), BY, held)
    assert (action.kind, action.reason, action.if_match) == ("update", "evidence-changed", "3")
    assert action.change == Change("evidence-changed", "CR", "CR")
    assert action.before == held["status"]


def test_changed_evidence_with_another_category_says_both(build: Any) -> None:
    """Old and new."""
    action = decide(complete_remission(), BY, stored(build(complete_remission(**CRI), BY)))
    assert action.change == Change("category-changed", "CRi", "CR")


def test_changed_mapping_tables_re_assess(build: Any) -> None:
    """They are part of what was decided."""
    held = stored(build(complete_remission(), BY))
    assert decide(complete_remission(), authorship(mapping_version="m2"), held).kind == "update"


def test_a_reindexed_resource_is_ours(build: Any) -> None:
    """New version, same content."""
    held = stored(build(complete_remission(), BY), version="99")
    held["meta"]["source"] = "#reindex"
    assert decide(complete_remission(), BY, held).kind == "none"
    assert decide(complete_remission(flags=()), BY, held).if_match == "99"


def test_a_lost_state_changes_nothing(build: Any) -> None:
    """The resource itself says that it is ours."""
    held = stored(build(complete_remission(), BY))
    assert decide(complete_remission(flags=()), BY, held, None).kind == "update"


@pytest.mark.parametrize("same_evidence", [True, False])
def test_a_human_edit_is_parked(build: Any, same_evidence: bool) -> None:
    """Even if there would be nothing to write: somebody must be told."""
    held = stored(build(complete_remission(), BY))
    held["note"] = [{"text": "I disagree"}]
    assessment = complete_remission() if same_evidence else complete_remission(**CRI)
    action = decide(assessment, BY, held)
    assert (action.kind, action.reason) == ("park", "edited by somebody")


def test_what_a_server_rewrote_is_known_from_reading_it_back(build: Any) -> None:
    """Not an edit, as long as the state remembers it."""
    held = stored(build(complete_remission(), BY))
    del held["note"]
    known = Known(BY.evidence_hash(complete_remission()), content_digest(held))
    assert decide(complete_remission(), BY, held, known).kind == "none"
    held["status"] = "entered-in-error"
    assert decide(complete_remission(), BY, held, known).kind == "park"


def test_a_deleted_resource_is_parked(build: Any) -> None:
    """A person deleted it; writing it again would undo that."""
    assert decide(complete_remission(), BY, None, deleted=True).kind == "park"


def test_a_resource_without_our_identifier_is_parked(build: Any) -> None:
    """Our id, but not ours any more."""
    held = stored(build(complete_remission(), BY))
    held["identifier"] = [{"system": "https://other", "value": "1"}]
    assert decide(complete_remission(), BY, held).kind == "park"


def test_withdrawn_evidence_is_taken_back(build: Any) -> None:
    """Status and reason change; summary and findings stay readable."""
    held = stored(build(complete_remission(), BY))
    action = decide_withdrawal(held, BY)
    assert (action.kind, action.if_match) == ("retract", "3")
    assert action.change is not None
    back = retracted(held, BY, action.change)
    assert back["status"] == "entered-in-error"
    assert "CR no longer stands" in back["note"][-1]["text"]
    assert back.get("summary") == held.get("summary")
    assert set(back["meta"]) == {"tag"}
    assert check_resource(back) == []
    assert is_unedited(back)


def test_a_withdrawn_resource_is_withdrawn_once(build: Any) -> None:
    """The second run sends nothing."""
    held = stored(build(complete_remission(), BY))
    back = stored(retracted(held, BY, Change("evidence-withdrawn", "CR")), "4")
    assert decide_withdrawal(back, BY).kind == "none"


def test_evidence_that_comes_back_reinstates(build: Any) -> None:
    """Even with the very same hash."""
    held = stored(build(complete_remission(), BY))
    back = stored(retracted(held, BY, Change("evidence-withdrawn", "CR")), "4")
    action = decide(complete_remission(), BY, back)
    assert (action.kind, action.reason, action.if_match) == ("update", "reinstated", "4")


def test_a_person_who_marked_it_as_an_error_is_not_overruled(build: Any) -> None:
    """The status is content."""
    held = stored(build(complete_remission(), BY))
    held["status"] = "entered-in-error"
    assert decide(complete_remission(), BY, held).kind == "park"


def test_an_edited_resource_is_not_taken_back(build: Any) -> None:
    """Parked instead."""
    held = stored(build(complete_remission(), BY))
    held["status"] = "final"
    assert decide_withdrawal(held, BY).kind == "park"


def test_what_is_not_ours_is_never_taken_back() -> None:
    """Somebody else's ClinicalImpression."""
    assert decide_withdrawal({"resourceType": "ClinicalImpression", "id": "x"}, BY).kind == "none"


def test_a_moved_anchor_names_its_successor(build: Any) -> None:
    """So that a reader of the old one finds the new one."""
    held = stored(build(complete_remission(), BY))
    action = decide_withdrawal(held, BY, successor="ClinicalImpression/new")
    assert action.reason == "anchor-moved"
    assert action.change is not None
    assert "ClinicalImpression/new" in action.change.sentence


def test_the_category_is_read_from_either_resource(build: Any) -> None:
    """Findings or value."""
    assert category_of(build(complete_remission(**CRI), BY), BY) == "CRi"
    assert category_of({"resourceType": "Observation"}, BY) == ""
