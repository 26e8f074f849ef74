"""The last look: what the R4B models let pass must not leave."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import fhirkit
import pytest

import fhir_remission
from fhir_remission.fhir.writing.authorship import build_device
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.provenance import build_provenance
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.transaction import Write, build_transaction
from tests.fhir.samples import authorship, complete_remission, relapse


def test_the_models_are_those_of_r4b() -> None:
    """The library's default is R5, whose ClinicalImpression is another one."""
    package = Path(fhir_remission.__file__).parent
    imports = [
        line.strip()
        for file in package.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("import fhir.", "from fhir."))
    ]

    assert imports
    assert [one for one in imports if not one.startswith("from fhir.resources.R4B ")] == []


def impression() -> dict[str, Any]:
    return build_impression(complete_remission(), authorship())


def observation() -> dict[str, Any]:
    return build_observation(complete_remission(), authorship())


def provenance() -> dict[str, Any]:
    return build_provenance(
        [impression(), observation()], authorship(), assessment=complete_remission()
    )


def device() -> dict[str, Any]:
    return build_device(authorship())


ALL = [impression, observation, provenance, device]


@pytest.mark.parametrize("build", ALL)
def test_what_we_write_is_clean(build: Any) -> None:
    """By our checks, and by a second library that knows nothing of them."""
    resource = build()
    assert check_resource(resource) == []
    assert [str(issue) for issue in fhirkit.validate(resource)] == []


@pytest.mark.parametrize("references", ["local", "logical"])
@pytest.mark.parametrize("signer", ["", "Practitioner/dr", "PractitionerRole/dr"])
@pytest.mark.parametrize("assessment", [complete_remission(), relapse()])
def test_what_we_write_is_clean_under_all_settings(
    references: Any, signer: str, assessment: Any
) -> None:
    """Signed or not, with literal or logical references."""
    by = authorship(references=references, signer=signer, source_base="https://ehr.example/r4")
    one, two = build_impression(assessment, by), build_observation(assessment, by)
    for resource in (one, two, build_provenance([one, two], by, assessment=assessment)):
        assert check_resource(resource) == []
        assert fhirkit.validate(resource) == []


def test_a_transaction_is_clean() -> None:
    """Every place inside its entries is looked at."""
    bundle = build_transaction([Write(impression()), Write(observation()), Write(provenance())])
    assert check_resource(bundle) == []
    assert fhirkit.validate(bundle) == []


JUDGED = Path(__file__).parents[1] / "validators"


@pytest.mark.parametrize("file", sorted(JUDGED.glob("*/*.json")), ids=lambda file: file.stem)
def test_our_checks_agree_with_the_validators_of_ci(file: Path) -> None:
    """Every seeded fault that those must refuse is refused at run time too, every good one not."""
    problems = check_resource(json.loads(file.read_text(encoding="utf-8")))
    assert bool(problems) == (file.parent.name == "seeds")


def seeded() -> dict[str, tuple[dict[str, Any], str]]:
    """Six bad resources that every validator of this project must refuse."""
    by_name: dict[str, tuple[dict[str, Any], str]] = {}
    for name, base, change, place in (
        ("bad status", impression(), {"status": "banana"}, "status"),
        ("Device as assessor", impression(), {"assessor": {"reference": "Device/1"}}, "assessor"),
        (
            "Procedure in derivedFrom",
            observation(),
            {"derivedFrom": [{"reference": "Procedure/p"}]},
            "derivedFrom",
        ),
        ("missing subject", observation(), {"subject": None}, "subject"),
        ("bad id", impression(), {"id": "not an id!"}, "id"),
        (
            "two effective[x]",
            observation(),
            {"effectivePeriod": {"start": "2026-03-01"}},
            "effective",
        ),
    ):
        bad = {**base, **change}
        by_name[name] = ({k: v for k, v in bad.items() if v is not None}, place)
    return by_name


@pytest.mark.parametrize("name", seeded())
def test_six_seeded_bad_resources_are_refused(name: str) -> None:
    """And the message names the place."""
    resource, place = seeded()[name]
    assert any(place in problem for problem in check_resource(resource))


@pytest.mark.parametrize("name", seeded())
def test_the_bad_resource_is_refused_inside_a_bundle_too(name: str) -> None:
    """What is checked as a Bundle is checked to the bottom."""
    resource, _ = seeded()[name]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": resource, "request": {"method": "PUT", "url": "X/1"}}],
    }
    assert check_resource(bundle)


@pytest.mark.parametrize(
    ("build", "change", "place"),
    [
        (observation, {"status": "done"}, "Observation.status"),
        (observation, {"performer": [{"reference": "Device/d"}]}, "performer"),
        (observation, {"device": {"reference": "Practitioner/d"}}, "device"),
        (observation, {"note": []}, "note"),
        (observation, {"id": "a" * 70}, "id"),
        (observation, {"effectiveDateTime": "2026-03-12T08:00"}, "effectiveDateTime"),
        (observation, {"effectiveDateTime": "2026-03-12T08:00:00"}, "effectiveDateTime"),
        (observation, {"issued": "2026-03-12"}, "issued"),
        (observation, {"dataAbsentReason": {"text": "x"}}, "obs-6"),
        (observation, {"valueString": "CR"}, "value"),
        (observation, {"derivedFrom": [{"reference": "nonsense"}]}, "derivedFrom"),
        (observation, {"derivedFrom": [{"reference": "DiagnosticReport/d"}]}, "derivedFrom"),
        (observation, {"subject": {"reference": "Group/g"}}, "subject"),
        (observation, {"surprise": 1}, "surprise"),
        (impression, {"status": "amended"}, "status"),
        (impression, {"summary": ""}, "summary"),
        (impression, {"problem": [{"reference": "Observation/o"}]}, "problem"),
        (impression, {"previous": {"reference": "Observation/o"}}, "previous"),
        (
            impression,
            {"investigation": [{"code": {"text": "x"}, "item": [{"reference": "Specimen/s"}]}]},
            "item",
        ),
        (
            impression,
            {"assessor": {"type": "Device", "identifier": {"value": "x"}}},
            "assessor",
        ),
        (impression, {"identifier": None}, "identifier"),
        (provenance, {"recorded": "2026-03-12"}, "recorded"),
        (provenance, {"entity": [{"role": "cause", "what": {"display": "x"}}]}, "role"),
        (provenance, {"agent": [{"who": {"reference": "Observation/o"}}]}, "agent"),
        (provenance, {"target": None}, "target"),
        (device, {"status": "broken"}, "status"),
    ],
)
def test_what_the_model_lets_pass_is_refused(
    build: Any, change: dict[str, Any], place: str
) -> None:
    """One row per rule."""
    bad = {k: v for k, v in {**copy.deepcopy(build()), **change}.items() if v is not None}
    problems = check_resource(bad)
    assert problems
    assert any(place in problem for problem in problems)


@pytest.mark.parametrize("resource", [{}, {"resourceType": "Patient"}, {"resourceType": 3}])
def test_only_the_types_we_write_are_let_out(resource: dict[str, Any]) -> None:
    """A Patient never leaves through here."""
    assert check_resource(resource)


def test_problems_name_places_and_no_content() -> None:
    """A problem is logged, so it must not repeat what the resource says."""
    bad = {**impression(), "summary": {"secret": "canary"}, "subject": {"reference": "canary"}}
    assert "canary" not in " ".join(check_resource(bad))
