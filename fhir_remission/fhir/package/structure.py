"""From rules about elements to a StructureDefinition: the differential of a profile of R4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.r4.terminology import PUBLISHER, Edition

BASE = "http://hl7.org/fhir/StructureDefinition"


class Rule(Struct, frozen=True):
    """What one element must be; `at` is its path below the type, with `:name` for a slice."""

    at: str
    least: int | None = None
    most: str = ""
    kinds: tuple[str, ...] = ()
    """Its types, where a choice or all but one are closed."""
    targets: tuple[str, ...] = ()
    """The types that a Reference may point at."""
    pattern: tuple[str, Json] | None = None
    """`patternCoding` or `fixedUri` and the like, with its value."""
    values: str = ""
    """The address of the ValueSet of which one coding must be."""
    sliced_by: tuple[str, str] | None = None
    """How the repeats are told apart: type and path of the discriminator."""


class Law(Struct, frozen=True):
    """A rule over several elements, in FHIRPath."""

    key: str
    human: str
    expression: str


class Profile(Struct, frozen=True):
    """A profile of one type: its title, and all that it asks beyond R4."""

    kind: str
    title: str
    rules: tuple[Rule, ...]
    laws: tuple[Law, ...] = ()


def named_slices(
    at: str, by: str, how: str, names: Iterable[tuple[str, str]], least: int = 1
) -> list[Rule]:
    """One repeat of each of these names, told apart by the value of one element in it."""
    listed = list(names)
    return [
        Rule(at, least=len(listed) if least else None, sliced_by=("value", by)),
        *(
            rule
            for name, value in listed
            for rule in (
                Rule(f"{at}:{name}", least=least, most="1"),
                Rule(f"{at}:{name}.{by}", least=1, pattern=(how, value)),
            )
        ),
    ]


def profile_address(kind: str, edition: Edition) -> str:
    """The canonical of the profile of a type."""
    return f"{edition.namespace}/StructureDefinition/remission-{kind.lower()}"


def structure_definition(profile: Profile, edition: Edition) -> Resource:
    """The profile; without a snapshot, which every reader makes of R4 by itself."""
    address = profile_address(profile.kind, edition)
    return {
        "resourceType": "StructureDefinition",
        "id": f"remission-{profile.kind.lower()}",
        "url": address,
        "version": edition.version,
        "name": f"Remission{profile.kind}",
        "title": profile.title,
        "status": "active",
        "experimental": False,
        "publisher": PUBLISHER,
        "description": f"{profile.title}, as fhir-remission writes it.",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": profile.kind,
        "baseDefinition": f"{BASE}/{profile.kind}",
        "derivation": "constraint",
        "differential": {"element": _elements(profile, address)},
    }


def _elements(profile: Profile, address: str) -> list[Json]:
    head: Resource = {"id": profile.kind, "path": profile.kind}
    if profile.laws:
        head["constraint"] = [
            {
                "key": law.key,
                "severity": "error",
                "human": law.human,
                "expression": law.expression,
                "source": address,
            }
            for law in profile.laws
        ]
    return [head, *(_element(profile.kind, rule) for rule in profile.rules)]


def _element(kind: str, rule: Rule) -> Json:
    """The parts in the order in which R4 lists them."""
    *_, last = rule.at.split(".")
    _, sign, slice_name = last.partition(":")
    element: Resource = {
        "id": f"{kind}.{rule.at}",
        "path": ".".join([kind, *(part.partition(":")[0] for part in rule.at.split("."))]),
    }
    if sign:
        element["sliceName"] = slice_name
    if rule.sliced_by:
        how, path = rule.sliced_by
        discriminator: Json = [{"type": how, "path": path}]
        element["slicing"] = {"discriminator": discriminator, "rules": "open"}
    if rule.least is not None:
        element["min"] = rule.least
    if rule.most:
        element["max"] = rule.most
    if rule.kinds or rule.targets:
        element["type"] = _types(rule.kinds, rule.targets)
    if rule.pattern:
        how, value = rule.pattern
        element[how] = value
    if rule.values:
        element["binding"] = {"strength": "required", "valueSet": rule.values}
    return element


def _types(kinds: Sequence[str], targets: Sequence[str]) -> list[Json]:
    named: list[Json] = [{"code": one} for one in kinds]
    if targets:
        named.append({"code": "Reference", "targetProfile": [f"{BASE}/{one}" for one in targets]})
    return named
