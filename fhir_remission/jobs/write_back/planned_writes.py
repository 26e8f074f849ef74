"""What would be done for one patient at one sink: who it is, what stands, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.state.state import State
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.errors import PatientUnmatched
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.identity import KINDS, resource_id
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.parked import Parking
from fhir_remission.fhir.writing.patient_writes import Held, plan_writes
from fhir_remission.jobs.write_back.existing_results import (
    Familiar,
    Read,
    Standing,
    read_by_name,
    search_by_name,
    search_results,
    sifted,
    unique,
)
from fhir_remission.jobs.write_back.parking import is_untold, waited
from fhir_remission.jobs.write_back.patients import Subject, Subjects
from fhir_remission.jobs.write_back.planned_requests import Prospect, known
from fhir_remission.jobs.write_back.result_rows import Memory, Place, own_name


class Outlook(Struct, frozen=True):
    """One sink, as it is looked at."""

    place: Place
    client: FhirClient
    state: State
    subjects: Subjects
    untouched: bool = False
    """Nobody has written there."""

    def look(self, assessments: Sequence[Assessment], *, thorough: bool = False) -> Prospect | None:
        """Read what stands and plan; None where the state says that nothing is to be done."""
        memory = Memory(self.place, assessments[0].patient, assessments[0].criteria_id)
        rows = memory.rows(self.state)
        looked = bool(rows) or memory.has_looked(self.state)
        done = looked and self._is_up_to_date(rows, assessments)
        if done and not (thorough or is_untold(self.state, memory)):
            return None
        left = memory.left(self.state, rows)
        remembered = known(rows, left)
        found = self._subject(memory.patient, rows, assessments)
        if found is None:
            return None
        memory = structs.replace(memory, place=self._place_of(found))
        by = memory.place.by
        found_here = self._read(memory, rows, assessments, thorough=thorough)
        standing = self._sifted(memory, found_here, remembered, assessments)
        parking = Parking(waited(self.state, memory), self.place.unversioned)
        held = Held(standing.by_id(by), remembered, standing.deleted, parking)
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

    def _read(
        self,
        memory: Memory,
        rows: dict[str, AssessmentRow],
        assessments: Sequence[Assessment],
        *,
        thorough: bool,
    ) -> Read:
        """All that stands about the patient, whoever wrote it, or all under our names."""
        client, by, puts = self.client, memory.place.by, self.client.profile.write_mode == "put"
        wanted = {name for item in assessments for name in references_of(item, self.place)}
        if rows and puts and not thorough:
            named = read_by_name(client, sorted(rows.keys() | wanted))
            if not self._misses(named, rows, assessments):
                return named
            # Under another id: a bundle of `classify` was posted, and the server gave it one.
            found = search_results(client, memory.patient, by, self.place.resources)
            return Read(unique([*named.resources, *found]), named.deleted)
        found = search_results(client, memory.patient, by, self.place.resources)
        there = {own_name(item, by) for item in found}
        if by.subject:
            # The identifier may have been given to another record since: ours stays found.
            found += search_by_name(client, rows.keys() - there, by)
            there = {own_name(item, by) for item in found}
        if not puts or client.profile.if_none_match or self.untouched:
            return Read(found)
        # A search may miss what somebody changed: nothing is put over what was not read.
        hidden = read_by_name(client, sorted(wanted - there))
        return Read(unique([*found, *hidden.resources]), hidden.deleted)

    def _misses(
        self, read: Read, rows: Mapping[str, AssessmentRow], assessments: Sequence[Assessment]
    ) -> bool:
        """Whether something that stood, or is to stand, was not found under its own id."""
        by, history = self.place.by, self.place.which == "history"
        there = {own_name(item, by) for item in read.resources}
        asked = {
            name
            for item in assessments
            if (item.current or history) and item.anchor.kind != "none"
            for name in references_of(item, self.place)
        }
        asked |= {name for name, row in rows.items() if row.status != "entered-in-error"}
        return any(name.partition("/")[2] not in read.deleted for name in asked - there)

    def _sifted(
        self,
        memory: Memory,
        read: Read,
        remembered: Mapping[str, Known],
        assessments: Sequence[Assessment],
    ) -> Standing:
        """What of it is ours; what our state misses was deleted, or its marks taken away."""
        by = memory.place.by

        def recall(resource: Resource) -> Known | None:
            own = own_name(resource, by).rpartition("/")[2]
            return remembered.get(own) or memory.recall(self.state, resource)

        familiar = Familiar(
            (memory.patient, by.subject, *by.former_subjects),
            {resource_id(by.identity, kind, one) for one in assessments for kind in KINDS.values()},
            recall,
        )
        standing = sifted(self.client, read.resources, by, familiar)
        return structs.replace(
            standing, deleted=read.deleted | _unmarked(standing, memory.rows(self.state), by)
        )


def _unmarked(standing: Standing, rows: Mapping[str, AssessmentRow], by: Authorship) -> set[str]:
    """Our ids of what may be what stands without a name: another one must not be written."""
    there = {own_name(item, by) for item in standing.resources}
    return {
        name.rpartition("/")[2]
        for name, row in rows.items()
        if row.status == "standing"
        and name not in there
        and name.partition("/")[0] in standing.nameless
    }


def references_of(assessment: Assessment, place: Place) -> list[str]:
    """The names of all resources that one assessment has at a sink."""
    return [
        f"{name}/{resource_id(place.by.identity, kind, assessment)}"
        for name, kind in KINDS.items()
        if name in place.resources
    ]
