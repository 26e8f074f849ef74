"""What would be done for one patient at one sink: who it is, what stands, and what it should be."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.client import FhirClient
from fhir_remission.effects.ledger import AssessmentRow
from fhir_remission.effects.state import State
from fhir_remission.errors import PatientUnmatched
from fhir_remission.fhir.identity import resource_id
from fhir_remission.fhir.patient_writes import Held, plan_writes
from fhir_remission.fhir.withdrawal import KINDS
from fhir_remission.jobs.memory import Memory, Place, own_name
from fhir_remission.jobs.prospect import Prospect, known
from fhir_remission.jobs.standing import Standing, read_by_name, search_by_name, search_ours
from fhir_remission.jobs.subjects import Subject, Subjects


class Outlook(Struct, frozen=True):
    """One sink, as it is looked at."""

    place: Place
    client: FhirClient
    state: State
    subjects: Subjects

    def look(self, assessments: Sequence[Assessment], *, thorough: bool = False) -> Prospect | None:
        """Read what stands and plan; None where the state says that nothing is to be done."""
        memory = Memory(self.place, assessments[0].patient, assessments[0].criteria_id)
        rows = memory.rows(self.state)
        looked = bool(rows) or memory.has_looked(self.state)
        if not thorough and looked and self._is_up_to_date(rows, assessments):
            return None
        left = memory.left(self.state, rows)
        found = self._subject(memory.patient, rows, assessments)
        if found is None:
            return None
        memory = structs.replace(memory, place=self._place_of(found))
        by = memory.place.by
        standing = self._standing(memory, rows, assessments, thorough=thorough)
        held = Held(standing.by_id(by), known(rows, left), standing.deleted)
        planned = plan_writes(
            assessments,
            by,
            held,
            which=self.place.which,
            resources=self.place.resources,
            own_ids=self.client.profile.write_mode == "put",
        )
        doubled = standing.doubled(by)
        return Prospect(
            memory, tuple(assessments), rows, left, held, planned, doubled, standing, found
        )

    def _subject(
        self, patient: str, rows: dict[str, AssessmentRow], assessments: Sequence[Assessment]
    ) -> Subject | None:
        """Who it is at the sink; None where that is unknown and nothing is to be written."""
        try:
            return self.subjects.find(patient)
        except PatientUnmatched:
            if rows or any(item.anchor.kind != "none" for item in assessments):
                raise
            return None

    def _place_of(self, found: Subject) -> Place:
        by = structs.replace(self.place.by, subject=found.reference, former_subjects=found.former)
        return structs.replace(self.place, by=by)

    def _is_up_to_date(
        self, rows: dict[str, AssessmentRow], assessments: Sequence[Assessment]
    ) -> bool:
        """Whether our state says that the sink has exactly this, and nothing that must go."""
        hashes: dict[str, str] = {}
        wanted: set[str] = set()
        for assessment in assessments:
            if assessment.anchor.kind == "none":
                continue
            for name in references_of(assessment, self.place):
                hashes[name] = self.place.by.evidence_hash(assessment)
                if assessment.current or self.place.which == "history":
                    wanted.add(name)
        standing = {name: row for name, row in rows.items() if row.status != "entered-in-error"}
        return wanted <= standing.keys() and all(
            row.status != "pending" and hashes.get(name) == row.evidence_hash
            for name, row in standing.items()
        )

    def _standing(
        self,
        memory: Memory,
        rows: dict[str, AssessmentRow],
        assessments: Sequence[Assessment],
        *,
        thorough: bool,
    ) -> Standing:
        if rows and self.client.profile.write_mode == "put" and not thorough:
            wanted = {name for item in assessments for name in references_of(item, self.place)}
            return read_by_name(self.client, sorted(rows.keys() | wanted))
        by = memory.place.by
        found = search_ours(self.client, memory.patient, by, self.place.resources)
        if not by.subject:
            return found
        # The identifier may have been given to another record since: what we wrote stays found.
        there = {own_name(item, by) for item in found.resources}
        return Standing((*found.resources, *search_by_name(self.client, rows.keys() - there, by)))


def references_of(assessment: Assessment, place: Place) -> list[str]:
    """The names of all resources that one assessment has at a sink."""
    return [
        f"{name}/{resource_id(place.by.identity, kind, assessment)}"
        for name, kind in KINDS.items()
        if name in place.resources
    ]
