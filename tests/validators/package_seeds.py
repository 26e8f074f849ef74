"""Wrong results, one for each rule of our profiles: an example of the package with one edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

NS = "https://w3id.org/fhir-remission"
GONE = object()
"""The element is taken out."""
CASE = "complete-remission"


class Seed(NamedTuple):
    """One edit, the rule that it breaks, and what the validator must say of it."""

    kind: str
    breaks: str
    """Id of the element below the type, or key of the law."""
    path: str
    value: Any
    said: str

    @property
    def name(self) -> str:
        """As the file is called."""
        return f"{self.kind}.{self.breaks.replace('[x]', '').replace(':', '-')}"


def _one(code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{NS}/CodeSystem/{code}", "code": "other"}]}


def _to(target: str) -> dict[str, str]:
    return {"reference": target}


def _slices(kind: str, at: str, names: tuple[str, ...]) -> Iterator[Seed]:
    """A name of ours under another system is no name of ours."""
    for number, name in enumerate(names):
        said = f"Slice '{kind}.{at}:{name}'"
        yield Seed(kind, f"{at}:{name}", f"{at}.{number}.system", f"{NS}/id/other", said)


def _twice(kind: str, at: str, names: tuple[str, ...]) -> Iterator[Seed]:
    """Where a name may be missing, two of it are wrong."""
    for number, name in enumerate(names):
        path = f"{at}.{(number + 1) % len(names)}.system"
        yield Seed(kind, f"{at}:{name}", path, f"{NS}/id/{name}", f"{at}:{name}: max")


_OF_A_RESULT = ("assessment", "evidence-hash", "site", "content-digest")
SEEDS = (
    Seed("ClinicalImpression", "meta", "meta", GONE, "ClinicalImpression.meta: minimum"),
    Seed("ClinicalImpression", "meta.tag", "meta.tag", GONE, "meta.tag: minimum"),
    *_slices("ClinicalImpression", "meta.tag", ("algorithmic",)),
    Seed("ClinicalImpression", "identifier", "identifier", GONE, "identifier: minimum"),
    *_slices("ClinicalImpression", "identifier", _OF_A_RESULT),
    Seed("ClinicalImpression", "statusReason", "statusReason", _one("change"), "ValueSet/change"),
    Seed("ClinicalImpression", "code", "code", GONE, "ClinicalImpression.code: minimum"),
    Seed("ClinicalImpression", "code.text", "code.text", "Assessment", "AML remission assessment"),
    Seed("ClinicalImpression", "description", "description", GONE, "description: minimum"),
    Seed("ClinicalImpression", "subject", "subject", _to("Group/g"), "Group"),
    Seed("ClinicalImpression", "effective[x]", "effectiveDateTime", GONE, "effective[x]: minimum"),
    Seed("ClinicalImpression", "date", "date", GONE, "date: minimum"),
    Seed("ClinicalImpression", "problem", "problem", [_to("AllergyIntolerance/a")], "Allergy"),
    Seed(
        *("ClinicalImpression", "investigation.item", "investigation"),
        [{"code": {"text": "Evidence"}, "item": [_to("ImagingStudy/i")]}],
        "ImagingStudy",
    ),
    Seed("ClinicalImpression", "protocol", "protocol", GONE, "protocol: minimum"),
    Seed("ClinicalImpression", "summary", "summary", GONE, "summary: minimum"),
    Seed("ClinicalImpression", "finding", "finding.2", GONE, "finding: minimum"),
    Seed(
        *("ClinicalImpression", "finding.item[x]", "finding.0"),
        {"itemReference": _to("Observation/o")},
        "itemCodeableConcept: minimum",
    ),
    Seed("ClinicalImpression", "supportingInfo", "supportingInfo", [_to("Basic/b")], "Basic"),
    *(
        Seed(
            "ClinicalImpression",
            f"rem-{name}",
            f"finding.{at}.itemCodeableConcept.coding.0",
            code,
            name,
        )
        for at, name in enumerate(("category", "mrd", "state"))
        for code in ({"system": f"{NS}/CodeSystem/tag", "code": "algorithmic"},)
    ),
    Seed("ClinicalImpression", "rem-signed", "status", "completed", "rem-signed"),
    Seed(
        "ClinicalImpression", "rem-criteria", "protocol", ["https://example.org/x"], "rem-criteria"
    ),
    Seed("ClinicalImpression", "rem-withdrawn", "status", "entered-in-error", "rem-withdrawn"),
    Seed(
        *("Observation", "meta.tag:algorithmic", "meta.tag"),
        [{"system": f"{NS}/CodeSystem/tag", "code": "algorithmic"}] * 2,
        "meta.tag:algorithmic: max",
    ),
    *_twice("Observation", "identifier", _OF_A_RESULT),
    Seed("Observation", "category", "category", GONE, "Observation.category: minimum"),
    Seed(
        *("Observation", "code", "code"),
        {"coding": [{"system": "http://loinc.org", "code": "97509-4"}]},
        "at Observation.code:",
    ),
    Seed("Observation", "subject", "subject", _to("Group/g"), "Group"),
    Seed("Observation", "focus", "focus", [_to("Encounter/e")], "Encounter"),
    Seed("Observation", "effective[x]", "effectiveDateTime", GONE, "effective[x]: minimum"),
    Seed("Observation", "value[x]", "valueCodeableConcept", GONE, "value[x]: minimum"),
    Seed(
        *("Observation", "value[x].coding:own", "valueCodeableConcept.coding"),
        [{"system": "http://snomed.info/sct", "code": "103338009"}],
        "coding:own",
    ),
    Seed(
        *("Observation", "value[x].coding:own.code", "valueCodeableConcept.coding.0.code"),
        "CURED",
        "Unknown code",
    ),
    Seed(
        *("Observation", "dataAbsentReason", "dataAbsentReason"),
        {"text": "not asked"},
        "dataAbsentReason: max",
    ),
    Seed("Observation", "derivedFrom", "derivedFrom", [_to("Media/m")], "Media"),
    *(
        Seed("Observation", f"component:{name}.value[x].coding:own", path, code, said)
        for at, name in enumerate(("state", "mrd", "confidence"))
        for path in (f"component.{at}.valueCodeableConcept.coding",)
        for code in ([{"system": f"{NS}/CodeSystem/tag", "code": "algorithmic"}],)
        for said in ("coding:own",)
    ),
    Seed("Observation", "component:state", "component.1", {}, "component:state"),
    Seed("Observation", "rem-known", "identifier", GONE, "rem-known"),
    Seed("Observation", "rem-final", "status", "final", "rem-final"),
    Seed("Provenance", "meta", "meta", GONE, "Provenance.meta: minimum"),
    Seed("Provenance", "meta.tag", "meta.tag", GONE, "meta.tag: minimum"),
    *_slices("Provenance", "meta.tag", ("algorithmic", "assessment", "site", "about")),
    Seed("Provenance", "target", "target", [_to("Condition/c")], "Condition"),
    Seed(
        *("Provenance", "occurred[x]", "occurredPeriod"),
        {"start": "2026-01-01"},
        "occurred",
    ),
    Seed(
        *("Provenance", "activity", "activity.coding.0.code"),
        "DELETE",
        "ValueSet/operation",
    ),
    Seed(
        "Provenance", "agent:assembler", "agent.0.type.coding.0.code", "author", "agent:assembler"
    ),
    Seed("Provenance", "agent:assembler.who", "agent.0.who", _to("Practitioner/p"), "Practitioner"),
    Seed("Provenance", "entity.role", "entity.0.role", "derivation", "source"),
    Seed("Device", "meta", "meta", GONE, "Device.meta: minimum"),
    Seed("Device", "meta.tag", "meta.tag", GONE, "meta.tag: minimum"),
    *_slices("Device", "meta.tag", ("algorithmic",)),
    Seed("Device", "identifier", "identifier", GONE, "identifier: minimum"),
    *_slices("Device", "identifier", ("assessment", "key-check", "site")),
    Seed("Device", "status", "status", "inactive", "active"),
    Seed("Device", "deviceName", "deviceName", GONE, "deviceName: minimum"),
    Seed("Device", "deviceName.name", "deviceName.0.name", "other", "fhir-remission"),
    Seed("Device", "type", "type", GONE, "Device.type: minimum"),
    Seed("Device", "type.text", "type.text", GONE, "type.text: minimum"),
    Seed("Device", "version", "version", GONE, "Device.version: minimum"),
)


def write_seeds(package: Path, folder: Path) -> None:
    """All wrong results, each a file under the name of its seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        edited = _edited(_example(package, seed.kind), seed)
        (folder / f"{seed.name}.json").write_text(json.dumps(edited), encoding="utf-8")


def _example(package: Path, kind: str) -> dict[str, Any]:
    """The example of a type of the plain case: the software says of which site it was."""
    for file in sorted((package / "package/example").glob(f"{kind}-*.json")):
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if f"example {CASE}:" in json.dumps(found):
            return found
    raise AssertionError(f"no example of {kind}")


def _edited(resource: dict[str, Any], seed: Seed) -> dict[str, Any]:
    *outer, last = seed.path.split(".")
    held: Any = resource
    for step in outer:
        held = held[int(step) if step.isdecimal() else step]
    key = int(last) if last.isdecimal() else last
    if seed.value is GONE:
        del held[key]
    elif seed.value == {}:
        held[key] = held[0]
    else:
        held[key] = seed.value
    if seed.breaks == "occurred[x]":
        del resource["occurredDateTime"]
    return resource
