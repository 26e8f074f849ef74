"""From what came in to answers and an account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.incoming import Answers, Incoming, judge_incoming
from fhir_remission.jobs.judging.request import Request
from tests.archive.running import AS_OF, Resource, blasts
from tests.jobs.test_strange_inputs import REMISSION, judge

A, B = {"resourceType": "Patient", "id": "a"}, {"resourceType": "Patient", "id": "b"}


def judged(*resources: Resource) -> Answers:
    """What `classify` makes of resources in lines."""
    text = "\n".join(json.dumps(one) for one in resources).encode()
    return judged_patients([text], "in", Request(as_of=AS_OF))


def test_a_broken_version_casts_doubt_on_the_older_ones() -> None:
    """It may have moved the result: nothing is said of the first patient nor of the second."""
    old = blasts(1, "a", meta={"versionId": "1"})
    new = blasts(1, "b", meta={"versionId": "2"}, status=7)

    found = judged(A, B, {"resourceType": "Patient", "id": "c"}, old, new)

    assert [(one.patient[-1], bool(one.incomplete)) for one in found.judged] == [
        ("a", True),
        ("b", True),
        ("c", False),
    ]


def test_every_place_of_the_account() -> None:
    """Each entry ends once, and the sum comes out."""
    gone = {"request": {"method": "DELETE", "url": "Observation/b4"}}
    found = judged(
        A,
        blasts(1, "a"),
        blasts(1, "a"),
        blasts(2, "a", meta={"versionId": "1"}),
        blasts(2, "a", meta={"versionId": "2"}),
        blasts(3, "a", status="entered-in-error"),
        blasts(4, "a"),
        {"resourceType": "Bundle", "type": "history", "entry": [gone]},
        {**blasts(5, "a"), "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}},
        {"resourceType": "Encounter"},
        {**blasts(6, "a"), "subject": None},
        {"resourceType": "Observatoin"},
    )

    assert found.account.told() == {
        "read": 12,
        "used": 3,
        "superseded": 1,
        "duplicate": 1,
        "irrelevant": 2,
        "skipped": 1,
        "unassigned": 1,
        "damaged": 1,
        "deleted": 2,
    }
    assert (found.account.lost, found.exit_code) == (0, 3)


def test_a_sum_that_does_not_come_out_is_told() -> None:
    """In the field the run is incomplete, and says that it is a bug of ours."""
    found = judged(A)
    found.account.read += 1

    assert found.exit_code == 3
    assert "1 cannot be accounted for" in found.complaints[-1]


@pytest.mark.parametrize("label", ["REDACTED", "SUBSETTED"])
def test_a_labelled_resource_is_in_doubt(label: str) -> None:
    """What was held back of it may say anything."""
    found = judged(A, blasts(1, "a", meta={"security": [{"code": label}]}))

    ((answers,),) = [one.assessments for one in found.judged]
    assert answers[-1].skipped[0].reason.startswith(f"labelled {label}")
    assert answers[-1].state != "in-remission"


class NotWalked(dict[str, str]):
    """What many others take back: looked up, and never read whole for one patient."""

    def __iter__(self) -> Any:
        """Refuse."""
        raise AssertionError

    keys = items = values = __iter__


def test_what_many_others_take_back_is_looked_up_by_name() -> None:
    """An archive has one such table for all of its patients: their product must not be walked."""
    why = "a report of somebody else holds it"
    table = NotWalked({f"Observation/{name}": why for name in (*range(9), "marrow-d32")})
    held = [decode_resource(json.dumps(one).encode()) for one in REMISSION.values()]
    entries = [Entry(one) for one in held if not isinstance(one, str)]

    (found,) = judge_incoming(Incoming(elsewhere=table, entries=entries), judge()).judged

    last = found.assessments[0][-1]
    assert last.category == "IND"
    assert why in {one.reason for one in last.skipped}
