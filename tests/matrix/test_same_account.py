"""What `sync` reads of a server it accounts for and answers as `classify` does from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.server.replies import Reply
from tests.effects.test_client import PERSONAS
from tests.garble.bases import Base, resource_of
from tests.garble.through import AS_OF, _alike, _apart, _is_servable
from tests.jobs.test_strange_inputs import REMISSION, ROWS
from tests.matrix.world import GROUP, Ran, World

Resource = dict[str, Any]
# One in so many cases and rows, all in one run.
_EVERY = 9
REQUEST = Request(as_of=AS_OF, complete=frozenset({"Procedure"}), timezone="Europe/Berlin")


# A server finds what is searched for: what names nobody is not.
_ELSEWHERE = "without-its-patient"
# A code system under a name that no server knows it by.
_NAMED = ("loinc-named", "under-loinc", "under-the-oid")


def cases() -> list[Base]:
    """A sample of the cases, each with a patient and names of its own."""
    bases = [base for base in _alike() if _is_servable(base)]
    bases = [base for base in bases if _ELSEWHERE not in base.name]
    named = [base for base in bases[1:] if any(part in base.name for part in _NAMED)]
    return [base for base in _apart(bases[::_EVERY] + named) if _is_found(base)]


def _is_found(base: Base) -> bool:
    return not told(held(base))[0]["unassigned"]


def held(base: Base) -> list[Resource]:
    """The resources of a case."""
    return [resource_of(entry) for entry in base.entries]


def synced(
    resources: Sequence[Resource],
    folder: Path,
    beside: Sequence[Resource] = (),
    persona: str = "hapi",
) -> Ran:
    """A dry run over a server that holds these; `beside` stands in each answer about conditions."""
    named = {f"{one['resourceType']}/{one['id']}": one for one in resources}
    people = [name for name in named if name.startswith("Patient/")]
    members = [{"entity": {"reference": name}} for name in people]
    group = {"resourceType": "Group", "id": GROUP, "type": "person", "actual": True}
    with ExitStack() as stack:
        held = [*named.values(), {**group, "member": members}]
        world = World(persona, folder, stack, held=held, rows=50)
        answer = world.source.faults.answer

        def answered(request: Any, service: Any) -> Any:
            reply = answer(request, service)
            return _with(reply, beside) if "Condition" in request.path else reply

        world.source.faults.answer = answered  # type: ignore[method-assign]
        return world.run(dry=True, as_of=AS_OF)


def _with(reply: Any, beside: Sequence[Resource]) -> Any:
    if not isinstance(reply, Reply) or reply.status != 200:
        return reply
    bundle = json.loads(reply.body)
    bundle["entry"] = [
        *bundle.get("entry", []),
        *({"resource": one, "search": {"mode": "include"}} for one in beside),
    ]
    return Reply(200, json.dumps(bundle).encode())


def told(resources: Sequence[Resource]) -> tuple[dict[str, int], dict[str, str]]:
    """Account and categories of `classify` over the same."""
    body = b"".join(json.dumps(one).encode() + b"\n" for one in resources)
    answers = judged_patients([body], "input", REQUEST)
    last = {one.patient: one.assessments[0] for one in answers.judged if one.assessments}
    return answers.account.told(), {
        name: found[-1].category for name, found in last.items() if found
    }


def test_cases_are_accounted_for_as_in_a_file(tmp_path: Path) -> None:
    """Used and replaced are as many, and the sum comes out; answers are the same.

    What no table knows is not asked for, nor what it only tells apart from an input.
    """
    bases = cases()
    resources = [one for base in bases for one in held(base)]
    ran = synced(resources, tmp_path)
    account, categories = told(resources)

    entries = ran.summary["entries"]
    assert ran.categories() == categories
    assert Account(**entries).lost == 0
    assert entries["skipped"] <= account["skipped"]
    same = ("used", "superseded", "damaged", "unassigned", "deleted")
    assert {name: entries[name] for name in same} == {name: account[name] for name in same}


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_system_under_another_name_is_found_on_every_server(persona: str, tmp_path: Path) -> None:
    """A relapse under the OID of LOINC: no server knows that name, and each finds the code."""
    marrow = next(one for one in REMISSION.values() if "11150-0" in json.dumps(one))
    coding = [{"system": "urn:oid:2.16.840.1.113883.6.1", "code": "11150-0"}]
    relapse = {
        **marrow,
        "id": "relapse",
        "code": {"coding": coding},
        "effectiveDateTime": "2026-09-01T08:00:00Z",
        "valueQuantity": {**marrow["valueQuantity"], "value": 40},
    }

    ran = synced([*REMISSION.values(), relapse], tmp_path, persona=persona)

    assert ran.categories() == {"Patient/p1": "RELAPSE"}


def beside() -> Iterator[Any]:
    """What takes a result back, or holds FHIR that is not read."""
    for row in ROWS:
        if row["name"].startswith(("prov-", "issue-", "bytes-", "doc-")):
            yield pytest.param(row, id=row["name"])


@pytest.mark.parametrize("row", list(beside())[::4])
def test_what_takes_back_a_result_does_so_from_a_server(row: Any, tmp_path: Path) -> None:
    """Nobody asks for it; where it comes, it counts as in a file."""
    resources = list(REMISSION.values())
    ran = synced(resources, tmp_path, row["beside"])

    assert Account(**ran.summary["entries"]).lost == 0
    if row["want"] == "remission":
        assert ran.categories() == {"Patient/p1": "CR"}
    else:
        assert ran.categories().get("Patient/p1") not in ("CR", "CRh", "CRi")
