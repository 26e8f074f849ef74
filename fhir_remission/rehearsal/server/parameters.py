"""The search parameters the server knows, and the elements they look at."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct


class Parameter(Struct, frozen=True):
    """One search parameter of one type."""

    name: str
    kind: str
    """token, reference, date, string or uri."""
    target: str
    """Where only references to one type count: that type; else empty."""
    paths: tuple[tuple[str, ...], ...]


@cache
def all_parameters() -> dict[str, dict[str, Parameter]]:
    """Read the table: type -> name -> parameter; those of Resource belong to every type."""
    text = (files("fhir_remission.rehearsal") / "search_parameters.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    table: dict[str, dict[str, Parameter]] = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        found = read_parameter(row["name"], row["kind"], row["path"])
        table.setdefault(row["type"], {})[row["name"]] = found
    shared = table.pop("Resource")
    return {kind: shared | own for kind, own in table.items()}


def read_parameter(name: str, kind: str, path: str) -> Parameter:
    """Read the definition of one parameter: its kind, with a target type, and its paths."""
    plain, _, target = kind.partition(":")
    paths = tuple(tuple(one.split(".")) for one in path.split("|"))
    return Parameter(name, plain, target, paths)


def elements(resource: dict[str, Any], parameter: Parameter) -> Iterator[Any]:
    """Give every element of the resource that the parameter looks at."""
    for path in parameter.paths:
        yield from _walk(resource, path)


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])


def split_reference(text: str) -> tuple[str, str, str]:
    """Split a reference into base (empty where relative), type and id, without its version."""
    path = text.partition("/_history/")[0].rstrip("/")
    base, _, name = path.rpartition("/")
    base, _, kind = base.rpartition("/")
    return base, kind, name


def index_keys(resource: dict[str, Any]) -> Iterator[Hashable]:
    """Name what the store should find this resource by without looking at all of its type."""
    kind = resource["resourceType"]
    known = all_parameters().get(kind, {})
    if patient := known.get("patient"):
        for element in elements(resource, patient):
            _, target, name = split_reference(str(element.get("reference", "")))
            if target == "Patient":
                yield "patient", name
    if identifier := known.get("identifier"):
        for element in elements(resource, identifier):
            key = (element.get("system", ""), element.get("value", ""))
            # A server keeps what it is given; what is no text is found by nothing.
            if all(isinstance(part, str) for part in key):
                yield "identifier", *key
