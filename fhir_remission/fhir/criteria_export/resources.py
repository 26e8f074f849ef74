"""A set as FHIR R4: its Library, a PlanDefinition with an action per answer, its value sets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.fhir.criteria_export.answers import answers
from fhir_remission.fhir.criteria_export.library_text import Library
from fhir_remission.fhir.criteria_export.values import ValueSet
from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.r4.terminology import PUBLISHER, Edition

LIBRARY_TYPES = "http://terminology.hl7.org/CodeSystem/library-type"
PLAN_TYPES = "http://terminology.hl7.org/CodeSystem/plan-definition-type"


def resources(
    criteria: CriteriaSet,
    written: Library,
    sets: Iterable[ValueSet],
    edition: Edition,
    elm: bytes = b"",
) -> list[Resource]:
    """Everything that a server with a CQL engine needs of one set; with its ELM where given."""
    return [
        _library(criteria, written, edition, elm),
        _plan(criteria, written, edition),
        *(_value_set(one, edition) for one in sets),
    ]


def complaint_of_elm(elm: object, criteria: CriteriaSet, written: Library) -> str:
    """Why it is not the translation of this library; empty where nothing speaks against it."""
    library = elm.get("library") if isinstance(elm, dict) else None
    if not isinstance(library, dict):
        return "is no ELM as JSON"
    named = library.get("identifier")
    if named != {"id": written.name, "version": criteria.version}:
        return f"is the ELM of another library than {written.name} {criteria.version}"
    told = [one for one in library.get("annotation", ()) if isinstance(one, dict)]
    wrong = [one for one in told if one.get("errorSeverity") in ("error", "warning")]
    return f"was translated with {len(wrong)} errors and warnings" if wrong else ""


def _library(criteria: CriteriaSet, written: Library, edition: Edition, elm: bytes) -> Resource:
    texts = {"text/cql": written.text.encode(), "application/elm+json": elm}
    return {
        **_head("Library", written.name, criteria.about.title, edition.namespace),
        "version": criteria.version,
        "type": {"coding": [{"system": LIBRARY_TYPES, "code": "logic-library"}]},
        "description": f"{criteria.about.paper}. One marrow with its window, in one course.",
        "content": [
            {"contentType": kind, "data": b64encode(text).decode("ascii")}
            for kind, text in texts.items()
            if text
        ],
    }


def _plan(criteria: CriteriaSet, written: Library, edition: Edition) -> Resource:
    return {
        **_head("PlanDefinition", written.name, criteria.about.title, edition.namespace),
        "version": criteria.version,
        "type": {"coding": [{"system": PLAN_TYPES, "code": "eca-rule"}]},
        "description": "Which response the latest evaluable marrow with its window proves.",
        "library": [f"{edition.namespace}/Library/{written.name}|{criteria.version}"],
        "action": [_action(one) for one in answers(criteria)],
    }


def _action(answer: str) -> Json:
    expression: Resource = {"language": "text/cql-expression", "expression": f'"Is {answer}"'}
    return {
        "title": answer,
        "condition": [{"kind": "applicability", "expression": expression}],
    }


def _value_set(one: ValueSet, edition: Edition) -> Resource:
    systems: dict[str, list[Json]] = {}
    for system, code, display in one.codes:
        concept: Resource = {"code": code}
        if display:
            concept["display"] = display
        systems.setdefault(system, []).append(concept)
    include: list[Json] = [{"system": key, "concept": codes} for key, codes in systems.items()]
    words = "".join(part.capitalize() for part in one.name.split("-"))
    return {
        **_head("ValueSet", one.name, one.name.replace("-", " "), edition.namespace),
        "version": edition.version,
        "name": f"FhirRemissionInput{words}",
        "description": "Codes that an exported library of criteria reads.",
        "compose": {"include": include},
    }


def _head(kind: str, name: str, title: str, namespace: str) -> Resource:
    return {
        "resourceType": kind,
        "id": name,
        "url": f"{namespace}/{kind}/{name}",
        "name": name,
        "title": title,
        "status": "active",
        "experimental": False,
        "publisher": PUBLISHER,
    }
