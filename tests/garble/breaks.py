"""Ways to break one thing of one resource, or one entry as a whole, drawn by chance from a seed."""

from __future__ import annotations

import copy
from random import Random

from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Json
from tests.garble.bases import Base, Node, resource_of

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ELEMENT = ("drop", "empty", "rename", "type", "null", "list", "space", "letter")
ENTRY = (
    *("no-resource", "null-resource", "other-key", "bare", "wrap", "mode", "outcome", "unrefer"),
    *("hide", "rules", "heading", "whose", "zero-date"),
)
SEVERITIES = ("fatal", "error", "warning", "information")
# http://hl7.org/fhir/R4/valueset-issue-type.html: all codes of the code system, in its order.
ISSUES = (
    *("invalid", "structure", "required", "value", "invariant", "security", "login", "unknown"),
    *("expired", "forbidden", "suppressed", "processing", "not-supported", "duplicate"),
    *("multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension"),
    *("too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store"),
    *("exception", "timeout", "incomplete", "throttled", "informational"),
)
WRAPPERS = ("searchset", "collection", "batch-response", "history", "message", "document")
# Where a converter puts what it has no place for.
HIDINGS = ("Parameters", "part", "Entry", "entries", "contained", "beside", "outcome-beside")
# What may turn the meaning of everything else (http://hl7.org/fhir/R4/extensibility.html).
RULES = ("implicitRules", "modifierExtension")
NOBODYS = ("Patient/null", "Patient/undefined", "Person/p1", "Encounter/e1", "RelatedPerson/r1")
ZEROS = ("1900-01-01", "1970-01-01T00:00:00Z", "1753-01-01", "1899-12-30")
CELLS: dict[str, Json] = {
    "code": {"coding": [{"system": "http://loinc.org", "code": "38257-2"}]},
    "valueQuantity": {"value": 500, "unit": "{#}"},
}
MODES = ("outcome", "include", "mach", "")
OTHERS: tuple[Json, ...] = (7, "x", True, {}, [])


class Broken(Struct, frozen=True):
    """What was done, and what came of it."""

    kind: str
    type: str
    """`Observation 751-8`: of an Observation with its first code."""
    path: str
    """`code.coding.0.system`; of a whole entry the severity and code, the wrapper or the mode."""
    left: str
    """What stands there now, as text: exemptions look at it."""
    body: bytes
    at: int = -1
    """Which entry was broken, and what it is now; -1 where one was left out."""
    entry: Node | None = None


def broken(base: Base, random: Random) -> Broken | None:
    """One break of one entry of the case; none where the draw cannot be done there."""
    at = random.choice(base.breakable)
    if random.random() < 0.3:
        return _whole(base, at, random.choice(ENTRY), random)
    entry = copy.deepcopy(base.entries[at])
    resource = resource_of(entry)
    kind = _kind(resource)
    done = _element(resource, random)
    if done is None:
        return None
    how, path, left = done
    return Broken(how, kind, path, left, base.body(at, entry), at, entry)


def _kind(resource: Node) -> str:
    kind = str(resource["resourceType"])
    concept = resource.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    code = first.get("code") if isinstance(first, dict) else None
    return f"{kind} {code}" if kind == "Observation" and code else kind


def _element(resource: Node, random: Random) -> tuple[str, str, str] | None:
    """Break one element in place; which one, and what is left there."""
    holder: Json = resource
    steps: list[str] = []
    while True:
        key: str | int
        if isinstance(holder, dict) and holder:
            key = random.choice(sorted(holder))
            value = holder[key]
        elif isinstance(holder, list) and holder:
            key = random.randrange(len(holder))
            value = holder[key]
        else:
            return None
        steps.append(str(key))
        if not isinstance(value, dict | list) or not value or random.random() < 0.3:
            break
        holder = value
    how = random.choice(ELEMENT)
    left = _spoil(holder, key, value, how, random)
    return None if left is None else (how, ".".join(steps), left)


def _spoil(holder: Json, key: str | int, value: Json, how: str, random: Random) -> str | None:
    """Do it; what is left there as text, or none where this cannot be done to that."""
    if how == "drop":
        del holder[key]  # type: ignore[union-attr, arg-type]
        return ""
    if how == "rename":
        if not isinstance(holder, dict):
            return None
        new = _other_letter(str(key), random)
        holder[new] = holder.pop(str(key))
        return new
    made = _made(value, how, random)
    if made is None:
        return None
    holder[key] = made[0]  # type: ignore[index, call-overload]
    return str(made[0])


def _made(value: Json, how: str, random: Random) -> tuple[Json] | None:
    """What takes the place of the value."""
    if how == "null":
        return (None,)
    if how == "empty":
        empty: Json = {} if isinstance(value, dict) else [] if isinstance(value, list) else ""
        return (empty,)
    if how == "type":
        own = int if isinstance(value, float) else type(value)
        others = [other for other in OTHERS if type(other) is not own]
        return (random.choice(others),)
    if how == "list":
        if isinstance(value, list):
            return (value[0],) if value else None
        return ([value],)
    if not isinstance(value, str) or not value:
        return None
    at = random.randrange(len(value) + 1)
    return (f"{value[:at]} {value[at:]}" if how == "space" else _other_letter(value, random),)


def _other_letter(text: str, random: Random) -> str:
    """The text with one letter replaced or put in."""
    at, letter = random.randrange(len(text)), random.choice(LETTERS)
    return text[:at] + letter + text[at + random.choice((0, 1)) :]


def _whole(base: Base, at: int, how: str, random: Random) -> Broken | None:
    entry = dict(base.entries[at])
    resource = resource_of(entry)
    kind = _kind(resource)
    if how == "unrefer":
        gone = _referred(base, resource)
        if not gone:
            return None
        place = random.choice(gone)
        left = str(resource_of(base.entries[place]).get("resourceType"))
        return Broken(how, kind, left, left, base.body(without=frozenset({place})))
    detail = _replace(entry, resource, how, random)
    return Broken(how, kind, detail, detail, base.body(at, entry), at, entry)


def _replace(entry: Node, resource: Node, how: str, random: Random) -> str:
    """Change the entry; what exactly was done."""
    if how == "no-resource":
        del entry["resource"]
    elif how == "null-resource":
        entry["resource"] = None
    elif how == "other-key":
        entry[random.choice(("Resource", "resources", "resurce"))] = entry.pop("resource")
    elif how == "bare":
        entry.clear()
        entry.update(resource)
    elif how == "wrap":
        wrapper = random.choice(WRAPPERS)
        inner: Json = [{key: held for key, held in entry.items() if key != "search"}]
        entry["resource"] = {"resourceType": "Bundle", "type": wrapper, "entry": inner}
        return wrapper
    elif how == "mode":
        mode = random.choice(MODES)
        entry["search"] = {"mode": mode}
        return mode
    elif how in _CHANGES:
        return _CHANGES[how](entry, copy.deepcopy(resource), random)
    else:
        severity, code = random.choice(SEVERITIES), random.choice(ISSUES)
        issue: Json = [{"severity": severity, "code": code}]
        entry["resource"] = {"resourceType": "OperationOutcome", "issue": issue}
        return f"{severity} {code}"
    return ""


def _hidden(entry: Node, resource: Node, random: Random) -> str:
    """Put the resource where nobody looks for it."""
    how = random.choice(HIDINGS)
    held: Json = [{"resource": resource}]
    named: Json = [{"name": "return", "resource": resource}]
    inner: Json = [resource]
    part: Json = [{"name": "return", "part": named}]
    made: dict[str, Node] = {
        "Parameters": {"resourceType": "Parameters", "parameter": named},
        "part": {"resourceType": "Parameters", "parameter": part},
        "Entry": {"resourceType": "Bundle", "type": "searchset", "Entry": held},
        "entries": {"resourceType": "Bundle", "type": "searchset", "entries": held},
        "contained": {"resourceType": "Encounter", "id": "e", "contained": inner},
    }
    entry["resource"] = made.get(how, {"resourceType": "Basic", "id": "b"})
    if how == "beside":
        entry["resource2"] = resource
    if how == "outcome-beside":
        issue: Json = [{"severity": "warning", "code": "incomplete"}]
        outcome: Json = {"resourceType": "OperationOutcome", "issue": issue}
        entry["response"] = {"status": "200", "outcome": outcome}
    return how


def _ruled(entry: Node, resource: Node, random: Random) -> str:
    name = random.choice(RULES)
    extension: Json = [{"url": "http://example.org/negates", "valueBoolean": True}]
    resource[name] = extension if name == "modifierExtension" else "http://example.org/rules"
    entry["resource"] = resource
    return name


def _headed(entry: Node, resource: Node, random: Random) -> str:
    """Its value under a name that FHIR does not have, and something else within."""
    for name in [name for name in resource if name.startswith("value")]:
        resource[f"{name}New"] = resource.pop(name)
    inside = random.choice(("component", "hasMember"))
    member: Json = [{"reference": "Observation/unknown"}]
    if resource["resourceType"] == "Observation":
        cells: Json = [CELLS]
        resource[inside] = cells if inside == "component" else member
    entry["resource"] = resource
    return inside


def _nobodys(entry: Node, resource: Node, random: Random) -> str:
    name = random.choice(NOBODYS)
    if "subject" in resource:
        resource["subject"] = {"reference": name}
    entry["resource"] = resource
    return name


def _zeroed(entry: Node, resource: Node, random: Random) -> str:
    """Its times as a database has them that knows none."""
    zero = random.choice(ZEROS)
    for name in [name for name in resource if name.endswith(("DateTime", "Instant"))]:
        resource[name] = zero
    entry["resource"] = resource
    return zero


_CHANGES = {
    "hide": _hidden,
    "rules": _ruled,
    "heading": _headed,
    "whose": _nobodys,
    "zero-date": _zeroed,
}


def _referred(base: Base, resource: Node) -> list[int]:
    """The entries that the resource points to, the patient's own apart."""
    named = set(_references(resource))
    return [
        at
        for at, entry in enumerate(base.entries)
        if (held := resource_of(entry)).get("resourceType") != "Patient"
        and named & {f"{held.get('resourceType')}/{held.get('id')}", str(entry.get("fullUrl"))}
    ]


def _references(node: Json) -> list[str]:
    if isinstance(node, list):
        return [found for one in node for found in _references(one)]
    if not isinstance(node, dict):
        return []
    own = [str(node["reference"])] if isinstance(node.get("reference"), str) else []
    return [*own, *(found for one in node.values() for found in _references(one))]
