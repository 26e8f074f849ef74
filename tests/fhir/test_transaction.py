"""One transaction: what is sent in each write mode, and what an answer really says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_remission.fhir.r4.outcome import is_failure, read_answer, read_issues
from fhir_remission.fhir.writing.authorship import build_device
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.provenance import build_provenance
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.transaction import (
    Write,
    build_transaction,
    build_transaction_for_all,
    etag_of,
    read_receipt,
    version_of_etag,
)
from tests.fhir.samples import authorship, complete_remission, relapse


def resources(assessment: Any = None) -> list[dict[str, Any]]:
    """ClinicalImpression, Observation and Provenance of one assessment."""
    sample, by = assessment or complete_remission(), authorship()
    one, two = build_impression(sample, by), build_observation(sample, by)
    return [one, two, build_provenance([one, two], by, assessment=sample)]


def requests(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The request of each entry."""
    return [entry["request"] for entry in bundle["entry"]]


def test_targets_come_before_what_points_at_them() -> None:
    """Observation, ClinicalImpression, Provenance, in whatever order they were given."""
    bundle = build_transaction([Write(r) for r in reversed(resources())])
    assert bundle["type"] == "transaction"
    assert [e["resource"]["resourceType"] for e in bundle["entry"]] == [
        "Observation",
        "ClinicalImpression",
        "Provenance",
    ]


def test_put_by_id_is_guarded_by_the_version_it_replaces() -> None:
    """An edit between reading and writing must win."""
    one, two, _ = resources()
    bundle = build_transaction([Write(one, if_match="3"), Write(two)])
    assert requests(bundle) == [
        {"method": "PUT", "url": f"Observation/{two['id']}"},
        {"method": "PUT", "url": f"ClinicalImpression/{one['id']}", "ifMatch": 'W/"3"'},
    ]


def test_building_twice_gives_the_same_bytes() -> None:
    """A retry sends exactly what was sent."""
    for mode in ("put", "conditional-update", "conditional-create"):
        first, second = (
            json.dumps(build_transaction([Write(r) for r in resources()], mode=mode))
            for _ in range(2)
        )
        assert first == second


@pytest.mark.parametrize("mode", ["conditional-update", "conditional-create"])
def test_where_the_server_gives_ids_identifiers_decide(mode: Any) -> None:
    """No id is sent, and references inside follow the urn."""
    bundle = build_transaction([Write(r) for r in resources()], mode=mode)
    two, one, provenance = bundle["entry"]
    search = f"identifier=https://w3id.org/fhir-remission/id/assessment%7C{resources()[0]['id']}"
    expected = (
        {"method": "PUT", "url": f"ClinicalImpression?{search}"}
        if mode == "conditional-update"
        else {"method": "POST", "url": "ClinicalImpression", "ifNoneExist": search}
    )
    assert one["request"] == expected
    assert provenance["request"]["method"] == "POST"
    assert provenance["request"]["ifNoneExist"].startswith("_tag=")
    assert not any("id" in entry["resource"] for entry in bundle["entry"])
    assert [t["reference"] for t in provenance["resource"]["target"]] == [
        one["fullUrl"],
        two["fullUrl"],
    ]


@pytest.mark.parametrize("mode", ["put", "conditional-update", "conditional-create"])
def test_a_known_server_id_is_used_in_every_mode(mode: Any) -> None:
    """What was once created under a server's own id is updated there."""
    one, two, provenance = resources()
    writes = [Write(one, "2", server_id="4711"), Write(two), Write(provenance)]
    bundle = build_transaction(writes, mode=mode)
    entry = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == one["resourceType"])
    assert entry["request"] == {
        "method": "PUT",
        "url": "ClinicalImpression/4711",
        "ifMatch": 'W/"2"',
    }
    assert entry["resource"]["id"] == "4711"
    targets = bundle["entry"][-1]["resource"]["target"]
    assert targets[0]["reference"] == "ClinicalImpression/4711"


def test_all_patients_in_one_bundle_begin_with_the_device() -> None:
    """Ready to post: the Device that Provenance names must be there first."""
    device = build_device(authorship())
    writes = [Write(r) for a in (complete_remission(), relapse()) for r in resources(a)]
    bundle = build_transaction_for_all(writes, device)
    asked = requests(bundle)
    assert asked[0]["url"] == "Device"
    assert {request["method"] for request in asked} == {"POST"}
    assert len({request["ifNoneExist"] for request in asked}) == 7


def test_nothing_in_a_bundle_to_post_can_overwrite() -> None:
    """What stands is named with the version that is replaced."""
    first, *others = (Write(r) for r in resources(complete_remission()))
    known = Write(first.resource, if_match="2", server_id="4711")
    for request in requests(
        build_transaction_for_all([known, *others], build_device(authorship()))
    ):
        assert ("ifNoneExist" in request) == (request["method"] == "POST")
        assert ("ifMatch" in request) == (request["method"] == "PUT")


def answered(*entries: dict[str, Any]) -> dict[str, Any]:
    """A transaction-response."""
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": entry} for entry in entries],
    }


def sent() -> dict[str, Any]:
    """Two entries."""
    return build_transaction([Write(r) for r in resources()[:2]])


def good(kind: str, own: str, version: str = "1") -> dict[str, Any]:
    """The answer to one entry."""
    return {
        "status": "201 Created",
        "location": f"https://fhir.example/r4/{kind}/{own}/_history/{version}",
        "etag": f'W/"{version}"',
    }


def both() -> list[dict[str, Any]]:
    """Good answers to both entries."""
    one, two, _ = resources()
    return [good("Observation", two["id"], "5"), good("ClinicalImpression", one["id"])]


def test_a_receipt_names_reference_and_version_of_each_entry() -> None:
    """In the order sent."""
    receipt = read_receipt(sent(), answered(*both()))
    assert receipt.done
    one, two, _ = resources()
    assert [(e.reference, e.version, e.status) for e in receipt.entries] == [
        (f"Observation/{two['id']}", "5", 201),
        (f"ClinicalImpression/{one['id']}", "1", 201),
    ]


def changed(number: int, **changes: Any) -> dict[str, Any]:
    """Good answers but for one entry; a change of None takes the field away."""
    entries = both()
    entries[number] = {k: v for k, v in {**entries[number], **changes}.items() if v is not None}
    return answered(*entries)


@pytest.mark.parametrize(
    "fine",
    [
        changed(0, etag=None),
        changed(0, location=None),
        changed(0, location=None, etag=None),
        changed(0, status="200"),
        changed(0, etag='"5"'),
        changed(
            0,
            outcome={"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]},
        ),
    ],
)
def test_servers_may_be_terse(fine: dict[str, Any]) -> None:
    """Where we gave the id, the answer need not repeat it."""
    receipt = read_receipt(sent(), fine)
    assert receipt.done
    assert receipt.entries[0].reference == f"Observation/{resources()[1]['id']}"


@pytest.mark.parametrize(
    "bad",
    [
        changed(1, status="404 Not Found"),
        changed(1, status="412"),
        changed(1, status=None),
        changed(1, status="weird"),
        changed(1, location="https://fhir.example/r4/ClinicalImpression/another/_history/1"),
        changed(1, location="Observation/x"),
        changed(
            1,
            outcome={
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "error", "code": "invalid"}],
            },
        ),
        answered(both()[0]),
        answered(*both(), both()[0]),
        answered(),
        {"resourceType": "Bundle"},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "conflict"}]},
        {},
        [],
        None,
        "OK",
    ],
)
def test_an_outer_200_proves_nothing(bad: Any) -> None:
    """A missing, failed, misplaced or uncounted entry makes the whole answer doubtful."""
    receipt = read_receipt(sent(), bad)
    assert not receipt.done
    assert receipt.problems


def test_a_failed_entry_returned_as_a_resource_is_a_failure() -> None:
    """Some servers put the OperationOutcome where the resource belongs."""
    answer = answered(*both())
    answer["entry"][0]["resource"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "fatal", "code": "exception"}],
    }
    assert not read_receipt(sent(), answer).done


def test_where_the_server_gives_ids_a_location_is_needed() -> None:
    """Without it nobody knows what was written."""
    bundle = build_transaction([Write(resources()[0])], mode="conditional-create")
    assert read_receipt(bundle, answered(good("ClinicalImpression", "4711"))).done
    assert not read_receipt(bundle, answered({"status": "201"})).done


@pytest.mark.parametrize(
    ("etag", "version"),
    [
        ('W/"3"', "3"),
        ('"3"', "3"),
        (' W/"a-b" ', "a-b"),
        ("3", "3"),
        ("", ""),
        ("W/3 4", ""),
        ('W/""', ""),
    ],
)
def test_etags(etag: str, version: str) -> None:
    """Weak and strong; anything else is no version."""
    assert version_of_etag(etag) == version


def test_an_etag_comes_back_as_it_went() -> None:
    """If-Match wants the form that servers give."""
    assert version_of_etag(etag_of("12")) == "12"


def test_only_codes_of_an_outcome_may_be_logged() -> None:
    """Text and diagnostics echo patient data at real servers."""
    issue = {
        "severity": "error",
        "code": "processing",
        "details": {"coding": [{"code": "4130"}], "text": "canary one"},
        "diagnostics": "canary two",
        "expression": ["Observation.status"],
    }
    (read,) = read_issues({"resourceType": "OperationOutcome", "issue": [issue]})
    assert read.loggable == "error processing 4130 Observation.status"
    assert read.text == "canary one; canary two"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"plain", b"[]", b"3", b"[" * 100_000, b'{"resourceType":"Patient"}'],
)
def test_what_is_no_outcome_has_no_issues(body: bytes) -> None:
    """Proxies answer in HTML."""
    assert read_answer(body) == ()


def test_warnings_are_no_failure_and_an_issue_without_severity_is() -> None:
    """In doubt it failed."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
    assert not is_failure(read_issues(outcome))
    assert is_failure(read_answer(b'{"resourceType":"OperationOutcome","issue":[{}]}'))
