"""What our state says of one patient's results at one sink: one row per resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, structs

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.ledger import AssessmentRow, EvidenceRow
from fhir_remission.effects.state import State
from fhir_remission.fhir.authorship import Authorship, versions_of
from fhir_remission.fhir.datatypes import Resource
from fhir_remission.fhir.identity import content_digest, identifier_value
from fhir_remission.fhir.patient_writes import PatientWrites
from fhir_remission.jobs.delivery import Delivery


class Place(Struct, frozen=True):
    """What does not change during a run: which sink, of which source, in whose name."""

    name: str
    source: str
    by: Authorship
    resources: tuple[str, ...]
    which: Literal["current", "history"]
    run_id: str
    write: bool


class Memory(Struct, frozen=True):
    """The rows of one patient and one criteria set."""

    place: Place
    patient: str
    criteria_id: str

    def rows(self, state: State) -> dict[str, AssessmentRow]:
        """What we know to have written, by reference."""
        rows = state.assessments(self.place.source, self.patient, self.place.name)
        return {name_of(row): row for row in rows if row.key.startswith(self._key(""))}

    def row(self, resource: Resource, status: str) -> AssessmentRow:
        """The row of a resource of ours as it is, or is about to be."""
        identity = self.place.by.identity
        # Our own id, also where the server gave the resource another one.
        own = identifier_value(resource, identity.identifier_system("assessment"))
        return AssessmentRow(
            key=self._key(f"{resource['resourceType']}/{own or resource['id']}"),
            source=self.place.source,
            patient=self.patient,
            sink=self.place.name,
            evidence_hash=identifier_value(resource, identity.identifier_system("evidence-hash")),
            content_digest=content_digest(resource, namespace=identity.namespace),
            etag="",
            status=status,
            run=self.place.run_id,
        )

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

    def _key(self, name: str) -> str:
        return f"{self.place.name}|{self.criteria_id}|{name}"


def name_of(row: AssessmentRow) -> str:
    """The reference of the resource a row is about."""
    return row.key.rpartition("|")[2]


def settle_row(row: AssessmentRow, delivery: Delivery, planned: PatientWrites) -> AssessmentRow:
    """The row after the server answered."""
    name = name_of(row)
    retracted = {step.reference for step in planned.steps if step.action.kind == "retract"}
    return structs.replace(
        row,
        status="entered-in-error" if name in retracted else "standing",
        etag=delivery.versions.get(name, ""),
        content_digest=delivery.digests.get(name, row.content_digest),
    )
