"""In whose name, under which identity and with which codings we write: given to every builder."""

from __future__ import annotations

from typing import Literal, cast

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.tables.categories import Categories
from fhir_remission.fhir.r4.datatypes import (
    Json,
    Resource,
    bare,
    coding,
    concept,
    identifier,
    objects,
    reference,
    resource_type,
)
from fhir_remission.fhir.writing.identity import (
    Identity,
    device_id,
    evidence_hash,
    identifier_value,
    resource_id,
    seal,
)
from fhir_remission.fhir.writing.site_marks import site_mark

SOFTWARE = "fhir-remission"
# Without these it is no Observation, or not ours.
_NEEDED = ("resourceType", "id", "status", "code", "subject")
_OURS = ("meta", "identifier")
ChangeKind = Literal[
    "evidence-changed",
    "category-changed",
    "reinstated",
    "evidence-withdrawn",
    "anchor-moved",
    "duplicate",
    "run-withdrawn",
    "subject-moved",
    "sibling-parked",
]


class Authorship(Struct, frozen=True):
    """What is the same for all resources of one run at one sink."""

    identity: Identity
    categories: Categories
    computed_at: str
    """When it was computed, RFC 3339 with a zone; in no hash and no digest."""
    software_version: str
    mapping_version: str
    signer: str = ""
    """`Practitioner/p1`: who answers for the result. Empty: it stays preliminary."""
    references: Literal["local", "logical"] = "local"
    source_base: str = ""
    """Base URL of the evidence, for logical references to it."""
    device: str = ""
    """Where this software stands at the sink as a Device, if not under the id that we chose."""
    fields: tuple[str, ...] = ()
    """The elements of an Observation that the sink takes; empty: all."""
    in_note: bool = False
    """The sink keeps no identifiers: a note carries them."""
    category: Literal["exam", "laboratory"] = "exam"
    """Which kind of Observation ours is, there."""
    statuses: tuple[str, ...] = ()
    """Those that the sink takes; empty: all."""
    subject: str = ""
    """The patient at the sink, where it is another server than the source."""
    former_subjects: tuple[str, ...] = ()
    """Records of the sink that were merged into that one."""

    @property
    def name(self) -> str:
        """Software and version, as notes are signed."""
        return f"{SOFTWARE} {self.software_version}"

    def to_device(self) -> Resource:
        """A Reference to this software as a Device of the sink."""
        own = device_id(self.identity, SOFTWARE, self.software_version)
        return reference(self.device or f"Device/{own}")

    def evidence_hash(self, assessment: Assessment) -> str:
        """The evidence hash of an assessment under this run's mapping tables."""
        return evidence_hash(assessment, mapping_version=self.mapping_version)

    def concept(self, kind: str, name: str, text: str = "") -> Resource:
        """A meaning of `mappings/categories.tsv` with all its codings."""
        return concept(
            [
                coding(label.system or self.identity.system(kind), label.code, label.display)
                for label in self.categories.of(kind, name)
            ],
            text or self.categories.display(kind, name),
        )

    def to_evidence(self, target: str) -> Resource:
        """A Reference to something of the source: literal where it is the same server."""
        if self.references == "local":
            return reference(target)
        address = f"{self.source_base.rstrip('/')}/{bare(target)}"
        return {
            "type": resource_type(target),
            "identifier": identifier("urn:ietf:rfc:3986", address),
            "display": target,
        }

    def to_patient(self, assessment: Assessment) -> Resource:
        """A Reference to the patient, who must exist at the sink."""
        return reference(self.subject) if self.subject else self.to_evidence(assessment.patient)


class Change(Struct, frozen=True):
    """Why a resource that was written before is written again."""

    kind: ChangeKind
    before: str = ""
    """The category that stood there."""
    after: str = ""
    successor: str = ""
    """What replaces it, where the anchor moved."""

    @property
    def opening(self) -> str:
        """How the note begins that is put beside a resource that waits for a person."""
        return f"Not up to date: a person has to look at {self.successor} first"

    @property
    def sentence(self) -> str:
        """The change in words, for a note."""
        return {
            "evidence-changed": f"Evidence changed; the category stays {self.after}.",
            "category-changed": f"Evidence changed; was {self.before}, now {self.after}.",
            "reinstated": f"The withdrawn evidence is back; now {self.after}.",
            "evidence-withdrawn": f"The evidence was withdrawn; {self.before} no longer stands.",
            "anchor-moved": f"The evaluation is now recorded in {self.successor}.",
            "duplicate": f"The same result stands as {self.successor}.",
            "subject-moved": f"The patient's record is {self.successor} now; still {self.after}.",
            "sibling-parked": f"{self.opening}; {_now(self.after)}, which was not written.",
            "run-withdrawn": f"The run that wrote it was withdrawn; was {self.before}.",
        }[self.kind]


def _now(after: str) -> str:
    return f"the evidence now gives {after}" if after else "the evidence was withdrawn"


def tag(by: Authorship) -> Resource:
    """The tag that says: no person made this."""
    return coding(by.identity.system("tag"), "algorithmic", "Computed by an algorithm")


def identified(resource: Resource, assessment: Assessment, by: Authorship) -> Resource:
    """The resource with its id and its four identifiers."""
    identity = by.identity
    kind: Literal["impression", "observation"] = (
        "impression" if resource["resourceType"] == "ClinicalImpression" else "observation"
    )
    own_id = resource_id(identity, kind, assessment)
    head: Resource = {
        "resourceType": resource["resourceType"],
        "id": own_id,
        "meta": {"tag": [tag(by)]},
        "identifier": [
            identifier(identity.identifier_system("assessment"), own_id),
            identifier(identity.identifier_system("evidence-hash"), by.evidence_hash(assessment)),
            identifier(identity.identifier_system("site"), site_mark(identity)),
        ],
    }
    if by.in_note:
        # What the method would say of the criteria; an EHR that keeps no identifier has none.
        said = f"{assessment.criteria_id}|{assessment.criteria_version}"
        named = identifier(identity.identifier_system("criteria"), said)
        head["identifier"] = [*cast(list[Json], head["identifier"]), named]
    return sealed(taken_elements({**head, **resource}, by), by)


def sealed(resource: Resource, by: Authorship) -> Resource:
    """The resource with our mark and its content digest, where the sink keeps them."""
    resource = _marked(resource, by.identity)
    in_note = by.in_note and resource["resourceType"] == "Observation"
    if not in_note:
        return seal(resource, namespace=by.identity.namespace)
    carried = seal(resource, namespace=by.identity.namespace, in_note=True)
    return {name: value for name, value in carried.items() if name not in _OURS}


def _marked(resource: Resource, identity: Identity) -> Resource:
    """What version 0.1.0 wrote had no mark; it gets one when it is written again."""
    system = identity.identifier_system("site")
    if identifier_value(resource, system):
        return resource
    held = objects(resource.get("identifier"))
    return {**resource, "identifier": [*held, identifier(system, site_mark(identity))]}


def taken_elements(resource: Resource, by: Authorship) -> Resource:
    """What of the resource the sink takes: some EHRs fail on an element they do not know."""
    if not by.fields or resource["resourceType"] != "Observation":
        return resource
    taken = {*_NEEDED, *_OURS, *by.fields}
    return {name: value for name, value in resource.items() if name in taken}


def evidence_of(assessment: Assessment) -> tuple[Result | Event, ...]:
    """All evidence of all criteria, by reference, version and code."""
    own = assessment.latest.criteria_results if assessment.latest is not None else ()
    told = (*assessment.criteria_results, *own)
    cited = {item for result in told for item in result.evidence}
    return tuple(sorted(cited, key=_by_source))


def versions_of(assessment: Assessment) -> tuple[tuple[str, str], ...]:
    """Reference without version, and version, of every resource that was used, each once."""
    found = {(bare(item.source.ref), item.source.version) for item in evidence_of(assessment)}
    return tuple(sorted(found))


def references_to(assessment: Assessment, by: Authorship, *types: str) -> list[Json]:
    """References, without versions, to the evidence of these resource types."""
    found = sorted({ref for ref, _ in versions_of(assessment)})
    return [by.to_evidence(ref) for ref in found if resource_type(ref) in types]


def without_empty(resource: Resource) -> Resource:
    """FHIR has no empty values: leave out what is empty."""
    return {name: value for name, value in resource.items() if value not in ("", [], {}, None)}


def written_on(assessment: Assessment) -> str:
    """When the answer was true: on the day that completed the proof, never before the anchor."""
    anchor, proved = assessment.anchor.effective, assessment.response_date
    later = proved is not None and proved.isoformat() > anchor[:10]
    return proved.isoformat() if proved and later else anchor


def _by_source(item: Result | Event) -> tuple[str, str, str, str]:
    meaning = item.analyte if isinstance(item, Result) else item.kind
    return (item.source.ref, item.source.version, item.source.code, meaning)


def build_device(by: Authorship) -> Resource:
    """The Device; it carries the check value of the key, so that a lost key is noticed."""
    identity = by.identity
    own_id = device_id(identity, SOFTWARE, by.software_version)
    return {
        "resourceType": "Device",
        "id": own_id,
        "meta": {"tag": [tag(by)]},
        "identifier": [
            identifier(identity.identifier_system("assessment"), own_id),
            identifier(identity.identifier_system("key-check"), site_mark(identity)),
            identifier(identity.identifier_system("site"), site_mark(identity)),
        ],
        "status": "active",
        "deviceName": [{"name": SOFTWARE, "type": "manufacturer-name"}],
        "version": [{"value": by.software_version}],
        "type": concept([], "Software: remission assessment"),
    }
