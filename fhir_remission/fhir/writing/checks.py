"""The last look at a resource before it leaves: the R4B model, and all that the model lets pass.

fhir.resources checks shapes only. It accepts `status: banana`, ids of 70 characters, empty arrays
and a Device as assessor; a real server does not, or worse, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fhir_remission.fhir.r4.datatypes import (
    DATE_TIME,
    FHIR_ID,
    RELATIVE_REFERENCE,
    Json,
    Resource,
    objects,
    text_of,
)
from fhir_remission.fhir.r4.rules_r4 import (
    BINDINGS,
    CHOICES,
    REFERENCE_TARGETS,
    REQUIRED,
    TIMES,
)
from fhir_remission.fhir.writing.carried import is_carried

Place = tuple[str, Json]


class _Model(Protocol):
    def model_validate(self, resource: Resource) -> object: ...


def check_resource(resource: Resource) -> list[str]:
    """All that is wrong with the resource, each with its place; empty: it may be written."""
    kind = text_of(resource.get("resourceType"))
    if kind not in REQUIRED:
        return [f"{kind or 'no resourceType'}: not a type that we write"]
    if kind == "Bundle":
        return _bundle_problems(resource)
    return [
        *_model_problems(resource, kind),
        *(
            f"{kind}.{name}: missing"
            for name in REQUIRED[kind]
            if not resource.get(name) and not (name == "identifier" and is_carried(resource))
        ),
        *_choices(resource, kind),
        *(text for path, value in walk(resource, kind) for text in _place_problems(path, value)),
        *_observation_rules(resource, kind),
    ]


def walk(value: Json, path: str) -> Iterator[Place]:
    """Every value of a resource with its path, without indices."""
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk(item, f"{path}.{name}")
    if isinstance(value, list):
        for item in value:
            yield from walk(item, path)


def _bundle_problems(bundle: Resource) -> list[str]:
    """The Bundle without its content, and then each resource in it by itself."""
    entries = list(objects(bundle.get("entry")))
    shell = {name: item for name, item in bundle.items() if name != "entry"}
    requests = [entry.get("request") for entry in entries]
    inside = [entry.get("resource") for entry in entries]
    return [
        *_model_problems(bundle, "Bundle"),
        *(f"Bundle.{name}: missing" for name in REQUIRED["Bundle"] if not bundle.get(name)),
        *(text for path, value in walk(shell, "Bundle") for text in _place_problems(path, value)),
        *(
            text
            for request in requests
            for path, value in walk(request, "Bundle.entry.request")
            for text in _place_problems(path, value)
        ),
        *(text for held in inside if isinstance(held, dict) for text in check_resource(held)),
    ]


def _model_problems(resource: Resource, kind: str) -> list[str]:
    # Imported late: classify must start in 0.4 s and writes nothing.
    from pydantic import ValidationError

    try:
        _model(kind).model_validate(resource)
    except ValidationError as error:
        return [
            f"{'.'.join(str(part) for part in (kind, *e['loc']))}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        ]
    return []


def _model(kind: str) -> _Model:
    from fhir.resources.R4B import bundle, clinicalimpression, device, observation, provenance

    models: dict[str, _Model] = {
        "Bundle": bundle.Bundle,
        "ClinicalImpression": clinicalimpression.ClinicalImpression,
        "Device": device.Device,
        "Observation": observation.Observation,
        "Provenance": provenance.Provenance,
    }
    return models[kind]


def _choices(resource: Resource, kind: str) -> Iterator[str]:
    """An element that may have one of several types may be there once."""
    for name in CHOICES.get(kind, ()):
        given = [
            held for held in resource if held.startswith(name) and held[len(name) :][:1].isupper()
        ]
        if len(given) > 1:
            yield f"{kind}.{name}[x]: {' and '.join(sorted(given))} together"


def _place_problems(path: str, value: Json) -> Iterator[str]:
    if value in ("", [], {}) or value is None:
        yield f"{path}: empty"
    if path in BINDINGS and isinstance(value, str) and value not in BINDINGS[path]:
        yield f"{path}: not a code of its value set"
    if path.endswith(".id") and not (isinstance(value, str) and FHIR_ID.fullmatch(value)):
        yield f"{path}: not a FHIR id (1 to 64 letters, digits, - and .)"
    if path.rpartition(".")[2] in TIMES and isinstance(value, str):
        yield from _time_problems(path, value)
    if isinstance(value, dict) and "reference" in value:
        yield from _reference_problems(path, text_of(value["reference"]))
    elif isinstance(value, dict) and path in REFERENCE_TARGETS and set(value) != {"display"}:
        yield from _target_problems(path, text_of(value.get("type")))


def _time_problems(path: str, text: str) -> Iterator[str]:
    if not DATE_TIME.fullmatch(text):
        yield f"{path}: not a FHIR dateTime (a time of day needs seconds and a zone)"
    elif path.rpartition(".")[2] in ("issued", "recorded") and "T" not in text:
        yield f"{path}: an instant needs a time of day"


def _reference_problems(path: str, literal: str) -> Iterator[str]:
    if literal.startswith("urn:uuid:"):
        return
    found = RELATIVE_REFERENCE.fullmatch(literal)
    if not found:
        yield f"{path}: not a reference to a resource"
        return
    yield from _target_problems(path, found["type"])


def _target_problems(path: str, kind: str) -> Iterator[str]:
    allowed = REFERENCE_TARGETS.get(path)
    if allowed is not None and kind not in allowed:
        yield f"{path}: {kind or 'nothing'} may not stand here, only {', '.join(sorted(allowed))}"


def _observation_rules(resource: Resource, kind: str) -> Iterator[str]:
    if kind != "Observation":
        return
    for path, held in (
        ("Observation", resource),
        *(("Observation.component", c) for c in objects(resource.get("component"))),
    ):
        if "dataAbsentReason" in held and any(name.startswith("value") for name in held):
            yield f"{path}: dataAbsentReason beside a value (obs-6)"
    codes = [resource.get("code"), *(c.get("code") for c in objects(resource.get("component")))]
    if codes[0] in codes[1:] and any(name.startswith("value") for name in resource):
        yield "Observation.component.code: the same as Observation.code, which has a value (obs-7)"
