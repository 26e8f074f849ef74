"""FHIR datatypes as plain JSON: what we write is built of these, without a model library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

Json = None | bool | int | float | Decimal | str | list["Json"] | dict[str, "Json"]
Resource = dict[str, Json]


# R4 dateTime: a time of day needs seconds and a zone (http://hl7.org/fhir/R4/datatypes.html).
DATE_TIME = re.compile(
    r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?"
)
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# Ids of resources that others made are looked at where they come in (`ids.py`).
RELATIVE_REFERENCE = re.compile(
    r"(?:.*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#|\\\x00-\x1f\x7f]{1,128})(?:/_history/(?P<version>[A-Za-z0-9\-.]+))?"
)


def coding(system: str, code: str, display: str = "") -> Resource:
    """A Coding, without an empty display."""
    built: Resource = {"system": system, "code": code}
    if display:
        built["display"] = display
    return built


def concept(codings: Iterable[Resource], text: str) -> Resource:
    """A CodeableConcept, without an empty list of codings."""
    listed: list[Json] = list(codings)
    return {"coding": listed, "text": text} if listed else {"text": text}


def identifier(system: str, value: str) -> Resource:
    """An Identifier."""
    return {"system": system, "value": value}


def reference(target: str) -> Resource:
    """A literal Reference to a resource on the same server, without its version."""
    return {"reference": bare(target)}


def bare(target: str) -> str:
    """A reference without its version: HAPI strips it by default, and all must agree."""
    return target.partition("/_history/")[0]


def fhir_time(text: str) -> str:
    """The text as a FHIR dateTime; its day where the time has no zone; empty if it is neither."""
    if DATE_TIME.fullmatch(text):
        return text
    return text[:10] if DATE_TIME.fullmatch(text[:10]) and text[10:11] == "T" else ""


def resource_type(target: str) -> str:
    """`Observation` of `Observation/o1`; empty for what is not a reference, as `cohort.csv:12`."""
    found = RELATIVE_REFERENCE.fullmatch(target)
    return found["type"] if found else ""


def objects(value: Json) -> Iterator[Resource]:
    """The objects of a JSON list, and nothing for anything else."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def text_of(value: Json) -> str:
    """The string, or empty for anything else."""
    return value if isinstance(value, str) else ""


def version_of(resource: Resource) -> str:
    """The version on the server, for If-Match; empty where the server keeps none."""
    meta = resource.get("meta")
    return text_of(meta.get("versionId")) if isinstance(meta, dict) else ""


def target_of(held: Resource) -> str:
    """`Observation/o1` of a Reference, literal or by its address as an identifier; or empty."""
    logical = held.get("identifier")
    text = text_of(held.get("reference"))
    if not text and isinstance(logical, dict):
        text = text_of(logical.get("value"))
    found = RELATIVE_REFERENCE.fullmatch(text)
    return f"{found['type']}/{found['id']}" if found else ""


def references_in(value: Json) -> Iterator[Resource]:
    """Every Reference inside, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from references_in(item)
    elif isinstance(value, dict):
        if "reference" in value or isinstance(value.get("identifier"), dict):
            yield value
        for item in value.values():
            yield from references_in(item)
