"""What our state says of one patient's results at one sink: one row per resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, structs

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.state.state import DAMAGED, State
from fhir_remission.effects.state.state_rows import AssessmentRow, EvidenceRow, read_bundle
from fhir_remission.errors import ReadIncomplete
from fhir_remission.fhir.r4.datatypes import RELATIVE_REFERENCE, Resource, text_of
from fhir_remission.fhir.writing.authorship import Authorship, versions_of
from fhir_remission.fhir.writing.identity import (
    KINDS,
    assessment_name,
    content_digest,
    identifier_value,
)
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.site_marks import criteria_id_of
from fhir_remission.fhir.writing.transaction import Write


class Place(Struct, frozen=True):
    """What does not change during a run: which sink, of which source, in whose name."""

    name: str
    source: str
    by: Authorship
    resources: tuple[str, ...]
    which: Literal["current", "history"]
    run_id: str
    write: bool
    unversioned: Literal["park", "compare"] = "park"


class Left(Struct, frozen=True):
    """What an earlier attempt sent without living to see the answer."""

    key: str
    resources: Mapping[str, Resource]
    """By the reference under the id that we gave."""

    @property
    def results(self) -> Mapping[str, Resource]:
        """Without the Provenances."""
        return {name: item for name, item in self.resources.items() if is_result(item)}


class Memory(Struct, frozen=True):
    """The rows of one patient and one criteria set."""

    place: Place
    patient: str
    criteria_id: str

    def rows(self, state: State) -> dict[str, AssessmentRow]:
        """What we know to have written, by reference."""
        found = {
            name_of(row): row
            for row in state.assessments(self.place.source, self.patient, self.place.name)
            if row.key.startswith(self.key_of(""))
        }
        return {name: row for name, row in found.items() if name.partition("/")[0] in KINDS}

    def recall(self, state: State, resource: Resource) -> Known | None:
        """What we know of a resource of another set of criteria, or of another record."""
        identity = self.place.by.identity
        name = own_name(resource, self.place.by)
        row = state.assessment(f"{self.place.name}|{criteria_id_of(resource, identity)}|{name}")
        if row is None:
            return None
        return Known(row.evidence_hash, row.content_digest, patient=row.patient)

    def has_looked(self, state: State) -> bool:
        """Whether somebody without results was searched once: the state may have been lost."""
        rows = state.assessments(self.place.source, self.patient, self.place.name)
        return self.nothing.key in {row.key for row in rows}

    @property
    def nothing(self) -> AssessmentRow:
        """The row that says that nothing of ours stands."""
        place = self.place
        key = self.key_of(f"nothing/{self.patient.rpartition('/')[2]}")
        status = "entered-in-error"
        return AssessmentRow(
            key, place.source, self.patient, place.name, "", "", "", status, place.run_id
        )

    def left(self, state: State, rows: Mapping[str, AssessmentRow]) -> Left | None:
        """What is on its way, where a row says that something is."""
        for row in rows.values():
            found = state.on_its_way(row.key) if row.status == "pending" else None
            if found is not None and found.bundle:
                sent = read_bundle(found.bundle)
                if sent is None:
                    raise ReadIncomplete(DAMAGED)
                return Left(found.key, {own_name(item, self.place.by): item for item in sent})
        return None

    def row(self, resource: Resource, status: str) -> AssessmentRow:
        """The row of a resource of ours as it stands."""
        identity = self.place.by.identity
        own = own_name(resource, self.place.by)
        return AssessmentRow(
            key=self.key_of(own),
            source=self.place.source,
            patient=self.patient,
            sink=self.place.name,
            evidence_hash=identifier_value(resource, identity.identifier_system("evidence-hash")),
            content_digest=content_digest(resource, namespace=identity.namespace),
            etag="",
            status=status,
            run=self.place.run_id,
        )

    def pending(self, write: Write, before: AssessmentRow | None) -> AssessmentRow:
        """The row while the resource is on its way.

        Digest and hash stay those of what stands, so that it is known again if nothing arrives;
        the version is the one to be replaced.
        """
        new = self.row(write.resource, "pending")
        old = before or structs.replace(new, evidence_hash="", content_digest="")
        return structs.replace(old, status="pending", etag=write.if_match, run=new.run)

    def evidence(
        self, rows: Iterable[AssessmentRow], by_name: Mapping[str, Assessment]
    ) -> list[EvidenceRow]:
        """The versions our results rest on: what a re-check reads again."""
        return [
            EvidenceRow(self.place.source, ref, version, row.evidence_hash, row.key)
            for row in rows
            if name_of(row) in by_name
            for ref, version in versions_of(by_name[name_of(row)])
        ]

    def key_of(self, name: str) -> str:
        """The key of the row of a resource, by the name that we gave."""
        return f"{self.place.name}|{self.criteria_id}|{name}"


def name_of(row: AssessmentRow) -> str:
    """The reference of the resource a row is about, under the id that we gave."""
    return row.key.rpartition("|")[2]


def own_name(resource: Resource, by: Authorship) -> str:
    """The reference under the id that we gave, also where the server gave another one."""
    own = assessment_name(resource, by.identity.namespace)
    return f"{resource['resourceType']}/{own or resource['id']}"


def status_of(resource: Resource) -> str:
    """The status of a row whose resource stands like this."""
    withdrawn = text_of(resource.get("status")) == "entered-in-error"
    return "entered-in-error" if withdrawn else "standing"


def patient_of(resource: Resource) -> str:
    """The id of whom it is about, whatever the address before it; empty where it does not say."""
    subject = resource.get("subject")
    named = text_of(subject.get("reference")) if isinstance(subject, dict) else ""
    found = RELATIVE_REFERENCE.fullmatch(named)
    return found["id"] if found and found["type"] == "Patient" else ""


def is_result(resource: Resource) -> bool:
    """Whether it is of a type that has a row."""
    return resource.get("resourceType") in KINDS
