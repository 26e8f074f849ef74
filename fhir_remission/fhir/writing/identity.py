"""Who is who on a server: ids that never change, and what proves that a resource is still ours.

An id is opaque and keyed: an unkeyed hash of a patient number could be undone by trying them all,
and ids end up in access logs. The evidence hash says *whether* something must be written, the
content digest says whether *somebody else* wrote meanwhile; neither knows the clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment, CriterionResult, Latest
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result, When
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.fhir.r4.datatypes import (
    DATE_TIME,
    RELATIVE_REFERENCE,
    Json,
    Resource,
    objects,
    text_of,
)
from fhir_remission.fhir.writing.carried import carried_value, into_note, without_mark

Kind = Literal["impression", "observation", "provenance", "device", "patient"]
KINDS: dict[str, Kind] = {"ClinicalImpression": "impression", "Observation": "observation"}
"""The results, by type."""

_CHECK_LABEL = b"fhir-remission key check v1"
_LOG_LABEL = b"fhir-remission log hash v1"
# The answer, named field by field: a new field of an Assessment must not touch old hashes unseen.
_ANSWER = (
    *("state", "state_since", "category", "best_response", "mrd", "mrd_event", "code"),
    *("provisional", "confidence", "possible_higher", "candidates", "missing", "lineages_below"),
    *("flags", "response_date", "first_sign", "window_closes", "last_marrow", "last_blood"),
    *("last_mrd", "responses", "remission_number", "mrd_history", "cycle", "reason"),
)
# What servers own or add by themselves: a change there is nobody's edit.
SERVER_OWNED = ("id", "meta", "text", "implicitRules", "language")
# When it was computed, as against what was computed.
_COMPUTED_AT = {"ClinicalImpression": "date", "Observation": "issued", "Provenance": "recorded"}


class Identity(Struct, frozen=True):
    """What all ids of one site are made of; the key is secret and never printed."""

    site_id: str
    key: bytes
    namespace: str = NAMESPACE
    former: tuple[str, ...] = ()
    """Ids that this site had before it was renamed; what it wrote then is still its own."""

    def __repr__(self) -> str:
        return f"Identity(site_id={self.site_id!r}, namespace={self.namespace!r})"

    def system(self, name: str) -> str:
        """The URI of one of our CodeSystems."""
        return f"{self.namespace}/CodeSystem/{name}"

    def identifier_system(
        self,
        name: Literal[
            "about",
            "assessment",
            "content-digest",
            "criteria",
            "evidence-hash",
            "key-check",
            "site",
        ],
    ) -> str:
        """The URI of one of our identifier systems."""
        return f"{self.namespace}/id/{name}"


def assessment_key(identity: Identity, kind: Kind, assessment: Assessment) -> str:
    """What makes it the same assessment: no date, no criteria version, no clock, no host."""
    patient_id = assessment.patient.rpartition("/")[2]
    return _key(identity, kind, patient_id, assessment.criteria_id, assessment.anchor.key)


def resource_id(identity: Identity, kind: Kind, assessment: Assessment) -> str:
    """The id, and the assessment identifier, of our ClinicalImpression or Observation."""
    return _opaque(identity, assessment_key(identity, kind, assessment))


def provenance_id(identity: Identity, target: str, evidence: str, activity: str) -> str:
    """The id of a Provenance: it has no identifier, so a retry is known by its id alone."""
    return _opaque(identity, _key(identity, "provenance", target, evidence, activity))


def device_id(identity: Identity, name: str, version: str) -> str:
    """The id of the Device that stands for one version of this software."""
    return _opaque(identity, _key(identity, "device", name, version))


def patient_id(identity: Identity, system: str, value: str) -> str:
    """The id of the stub of a patient at a repository: keyed, so that it tells no number."""
    return _opaque(identity, _key(identity, "patient", system, value))


def key_check(key: bytes) -> str:
    """A value that tells two keys apart and gives neither away."""
    return _base32(hmac.digest(key, _CHECK_LABEL, "sha256"))[:16]


def log_key(key: bytes) -> bytes:
    """The other key, for hashes in logs: a log must not lead to a resource."""
    return hmac.digest(key, _LOG_LABEL, "sha256")


def evidence_hash(assessment: Assessment, *, mapping_version: str) -> str:
    """Hash all that was decided and what it was decided on; the same hash needs no request.

    The answer itself is inside: a corrected rule with unchanged evidence must reach the server.
    """
    anchor = assessment.anchor
    decided = [
        [assessment.criteria_id, assessment.criteria_version, mapping_version],
        sorted(assessment.policies),
        [anchor.kind, anchor.effective, anchor.observations],
        [getattr(assessment, name) for name in _ANSWER],
        [[assumed.id, assumed.cls] for assumed in assessment.assumptions],
        [[r.criterion, r.verdict.value, _cited(r)] for r in assessment.criteria_results],
        _latest(assessment.latest),
        sorted(
            [claim.source.ref, claim.source.version, str(claim.agrees)]
            for claim in assessment.claims
        ),
    ]
    return hashlib.sha256(msgspec.json.encode(decided)).hexdigest()


def _latest(latest: Latest | None) -> list[object]:
    """What the latest marrow says by itself, with its criteria."""
    if latest is None:
        return []
    told = [[one.criterion, one.verdict.value, _cited(one)] for one in latest.criteria_results]
    return [latest.category, latest.anchor.observations, latest.flags, told]


def content_digest(resource: Resource, *, namespace: str = NAMESPACE) -> str:
    """Hash what the resource says, the same before it was sent and after it was read back.

    Left out is what servers add or rewrite: version, narrative, order of lists, displays of codes,
    base and version of references, spelling of times and decimals.
    """
    dropped = {*SERVER_OWNED, _COMPUTED_AT.get(text_of(resource.get("resourceType")), "")}
    own = {name: value for name, value in resource.items() if name not in dropped}
    own["identifier"] = _without_digest(own.get("identifier"), f"{namespace}/id/content-digest")
    if carried_value(resource, f"{namespace}/id/assessment"):
        own["identifier"] = []
        own["note"] = without_mark(own.get("note"), namespace)
    return hashlib.sha256(_canonical(own).encode()).hexdigest()


def seal(resource: Resource, *, namespace: str = NAMESPACE, in_note: bool = False) -> Resource:
    """The resource with its own content digest as its last identifier, or all in a note."""
    system = f"{namespace}/id/content-digest"
    if in_note:
        names = ("assessment", "criteria", "evidence-hash", "site")
        known = [f"{namespace}/id/{name}" for name in names]
        named: list[Json] = [
            {"system": one, "value": identifier_value(resource, one)} for one in known
        ]
        bare = into_note({**resource, "identifier": named}, namespace)
        digest = content_digest(bare, namespace=namespace)
        return into_note(
            {**bare, "identifier": [*named, {"system": system, "value": digest}]}, namespace
        )
    kept = _without_digest(resource.get("identifier"), system)
    digest = content_digest(resource, namespace=namespace)
    return {**resource, "identifier": [*kept, {"system": system, "value": digest}]}


def is_unedited(resource: Resource, *, namespace: str = NAMESPACE) -> bool:
    """Whether the resource still says what we wrote, whatever its version."""
    digest = identifier_value(resource, f"{namespace}/id/content-digest")
    return digest != "" and digest == content_digest(resource, namespace=namespace)


def identifier_value(resource: Resource, system: str) -> str:
    """The value of the resource's identifier of that system as it is written, or empty."""
    held = resource.get("identifier")
    listed: Json = held if isinstance(held, list) else [held]
    found = (text_of(i.get("value")) for i in objects(listed) if i.get("system") == system)
    return next(found, "") or carried_value(resource, system)


def assessment_name(resource: Resource, namespace: str = NAMESPACE) -> str:
    """The id that we gave to a result, by its identifier; the same if a server changed its case."""
    return identifier_value(resource, f"{namespace}/id/assessment").lower()


def canonical_text(value: Json) -> str:
    """The text in which the same content is the same, however a server spells it."""
    return _canonical(value)


def _cited(result: CriterionResult) -> list[list[str]]:
    """Ids, versions, codes, values and times of the evidence, in one order."""
    return sorted([*_source(item), *_value(item), *_time(item.when)] for item in result.evidence)


def _source(item: Result | Event) -> tuple[str, ...]:
    meaning = item.analyte if isinstance(item, Result) else f"{item.kind} {item.certainty}"
    return (item.source.ref, item.source.version, item.source.system, item.source.code, meaning)


def _value(item: Result | Event) -> tuple[str, ...]:
    value = item.value if isinstance(item, Result) else None
    if isinstance(value, Interval):
        ends = (value.low, value.high, value.low_open, value.high_open)
        return (" ".join(str(end) for end in ends), item.original)
    return (value.answer if isinstance(value, Finding) else "", item.original)


def _time(when: When | None) -> tuple[str, ...]:
    return (when.start.isoformat(), when.end.isoformat(), when.text) if when else ()


def _without_digest(identifiers: Json, system: str) -> list[Json]:
    return [item for item in objects(identifiers) if item.get("system") != system]


def _canonical(value: Json) -> str:
    """JSON text that does not change when a server spells the same content otherwise."""
    if isinstance(value, dict):
        kept = {name: _canonical(item) for name, item in _same_meaning(value).items()}
        return (
            "{"
            + ",".join(f"{json.dumps(n)}:{text}" for n, text in sorted(kept.items()) if text)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(sorted(_canonical(item) for item in value)) + "]" if value else ""
    if isinstance(value, str):
        return json.dumps(_instant(value))
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(Decimal(str(value)).normalize())


def _same_meaning(value: Resource) -> Resource:
    """Drop what servers add to a Reference or a Coding, and the base and version of a reference."""
    literal = value.get("reference")
    if isinstance(literal, str):
        found = RELATIVE_REFERENCE.fullmatch(literal)
        shared = {n: item for n, item in value.items() if n not in ("display", "type")}
        return {**shared, "reference": f"{found['type']}/{found['id']}" if found else literal}
    if "system" in value and "code" in value:
        return {n: item for n, item in value.items() if n not in ("display", "userSelected")}
    return value


def _instant(text: str) -> str:
    """The text, or the same instant in UTC where it is a full dateTime."""
    if "T" not in text or not DATE_TIME.fullmatch(text) or ":60" in text:
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # the year 0000, and the first and last hours of time
        return text


def opaque_id(identity: Identity, kind: Kind, *parts: str) -> str:
    """The id that the key gives to these parts."""
    return _opaque(identity, _key(identity, kind, *parts))


def _key(identity: Identity, kind: Kind, *parts: str) -> str:
    """Join the parts; a separator inside a part is escaped, so no two keys can run together."""
    texts = ("v1", kind, identity.site_id, *parts)
    return "|".join(text.replace("%", "%25").replace("|", "%7C") for text in texts)


def _opaque(identity: Identity, key: str) -> str:
    return _base32(hmac.digest(identity.key, key.encode(), "sha256"))[:32]


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower().rstrip("=")
