"""One place results go to: read back what stands there, decide, send, record what came of it.

Nothing is asked of the server while the state says that it already has this very evidence. What
was sent without a clear answer is read back and decided again, never sent again blindly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import Struct, structs

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.client import FhirClient
from fhir_remission.effects.lease import Lease
from fhir_remission.effects.ledger import AssessmentRow, EvidenceRow
from fhir_remission.effects.state import State
from fhir_remission.errors import Conflict, RequestRefused
from fhir_remission.fhir.assessment_json import Written
from fhir_remission.fhir.authorship import Authorship
from fhir_remission.fhir.checks import check_resource
from fhir_remission.fhir.datatypes import Resource, text_of
from fhir_remission.fhir.decide import Known
from fhir_remission.fhir.identity import (
    Kind,
    identifier_value,
    is_ours,
    resource_id,
)
from fhir_remission.fhir.patient_writes import Held, PatientWrites, plan_writes
from fhir_remission.fhir.queries import Query
from fhir_remission.jobs.delivery import Delivery, deliver
from fhir_remission.jobs.memory import Memory, Place, settle_row

KINDS: dict[str, Kind] = {"ClinicalImpression": "impression", "Observation": "observation"}
ATTEMPTS = 3
# LOINC 88040-1, Response to cancer treatment: the code of the Observation we write.
OUR_CODE = "http://loinc.org|88040-1"


class Outcome(Struct, frozen=True):
    """What became of one patient at one sink."""

    written: Written = "none"
    locations: tuple[str, ...] = ()
    problem: str = ""


class Sink:
    """A repository; `client` is of a type that cannot write when the run is dry."""

    def __init__(self, place: Place, client: FhirClient, state: State, lease: Lease | None) -> None:
        self.place, self.client = place, client
        self._state, self._lease = state, lease

    def put(self, assessments: Sequence[Assessment]) -> Outcome:
        """Bring the sink into line with all assessments of one patient by one criteria set."""
        memory = Memory(self.place, assessments[0].patient, assessments[0].criteria_id)
        for _ in range(ATTEMPTS):
            rows = memory.rows(self._state)
            if self._is_up_to_date(rows, assessments):
                return Outcome()
            held = self._read_back(memory.patient, rows, assessments)
            planned = plan_writes(
                assessments,
                self.place.by,
                held,
                which=self.place.which,
                resources=self.place.resources,
            )
            if not planned.writes or not self.place.write:
                self._remember_unchanged(memory, assessments, held, planned)
                return _outcome(planned)
            outcome = self._send(memory, assessments, held, planned)
            if outcome is not None:
                return outcome
        return Outcome(problem="somebody else kept changing it while we wrote; left for later")

    def _is_up_to_date(
        self, rows: dict[str, AssessmentRow], assessments: Sequence[Assessment]
    ) -> bool:
        """Whether our state says that the sink has exactly this, and nothing that must go."""
        hashes: dict[str, str] = {}
        wanted: set[str] = set()
        for assessment in assessments:
            if assessment.anchor.kind == "none":
                continue
            for name in self._references(assessment):
                hashes[name] = self.place.by.evidence_hash(assessment)
                if assessment.current or self.place.which == "history":
                    wanted.add(name)
        standing = {name: row for name, row in rows.items() if row.status != "entered-in-error"}
        return wanted <= standing.keys() and all(
            row.status != "pending" and hashes.get(name) == row.evidence_hash
            for name, row in standing.items()
        )

    def _references(self, assessment: Assessment) -> list[str]:
        return [
            f"{name}/{resource_id(self.place.by.identity, kind, assessment)}"
            for name, kind in KINDS.items()
            if name in self.place.resources
        ]

    # What stands there ------------------------------------------------------------------------

    def _read_back(
        self,
        patient: str,
        rows: dict[str, AssessmentRow],
        assessments: Sequence[Assessment],
    ) -> Held:
        if rows and self.client.profile.write_mode == "put":
            wanted = {name for item in assessments for name in self._references(item)}
            found, deleted = self._read_by_id(sorted(rows.keys() | wanted))
        else:
            found, deleted = self._search(patient), frozenset[str]()
        system = self.place.by.identity.identifier_system("assessment")
        return Held(
            resources={
                identifier_value(item, system) or text_of(item["id"]): item for item in found
            },
            known={
                name.rpartition("/")[2]: Known(row.evidence_hash, row.content_digest)
                for name, row in rows.items()
            },
            deleted=deleted,
        )

    def _read_by_id(self, names: Sequence[str]) -> tuple[list[Resource], frozenset[str]]:
        found: list[Resource] = []
        deleted: set[str] = set()
        for name in names:
            try:
                found.append(cast(Resource, self.client.read(*name.split("/", 1))))
            except RequestRefused as error:
                if error.status == 410:
                    deleted.add(name.rpartition("/")[2])
                elif error.status != 404:
                    raise
        return found, frozenset(deleted)

    def _search(self, patient: str) -> list[Resource]:
        """All of ours about a patient, whatever the state remembers."""
        own_id = patient.removeprefix("Patient/")
        found: list[Resource] = []
        for name in KINDS:
            if name in self.place.resources and self.client.profile.can_search(name):
                by_code = (("code", OUR_CODE),) if name == "Observation" else ()
                query = Query(name, (("patient", own_id), *by_code), patients=frozenset({own_id}))
                found += self.client.search_whole(query)
        return [item for item in found if is_ours(self.place.by.identity, item)]

    # What is sent -----------------------------------------------------------------------------

    def _send(
        self, memory: Memory, assessments: Sequence[Assessment], held: Held, planned: PatientWrites
    ) -> Outcome | None:
        """Send one patient's transaction; None asks to look again and decide anew."""
        wrong = [text for write in planned.writes for text in check_resource(write.resource)]
        if wrong:
            return Outcome(problem=f"what we would write is not valid FHIR: {wrong[0]}")
        lease = cast(Lease, self._lease)
        rows = [
            memory.row(write.resource, "pending")
            for write in planned.writes
            if text_of(write.resource["resourceType"]) in KINDS
        ]
        evidence = self._evidence(memory, rows, assessments)
        bundle = msgspec.json.encode([write.resource for write in planned.writes]).decode()
        (sent,) = self._state.plan_send(lease, rows, evidence, {rows[0].key: bundle})
        writes = [
            structs.replace(write, server_id=_server_id(write.resource, held, self.place.by))
            for write in planned.writes
        ]
        try:
            delivery = deliver(self.client, writes, namespace=self.place.by.identity.namespace)
        except Conflict:
            delivery = Delivery(again=True)
        if delivery.again:
            self._state.mark(lease, sent, "parked")
            return None
        if delivery.problem:
            self._state.mark(lease, sent, "parked")
            return Outcome(problem=delivery.problem)
        settled = [settle_row(row, delivery, planned) for row in rows]
        self._state.settle(lease, settled, evidence)
        self._state.mark(lease, sent, "sent")
        return structs.replace(_outcome(planned), locations=delivery.locations)

    # What we remember -------------------------------------------------------------------------

    def _remember_unchanged(
        self, memory: Memory, assessments: Sequence[Assessment], held: Held, planned: PatientWrites
    ) -> None:
        """Rebuild a lost state from what was read back and is still ours."""
        if self._lease is None or any(step.action.kind == "park" for step in planned.steps):
            return
        rows = [
            memory.row(resource, _status(resource))
            for resource in held.resources.values()
            if resource.get("resourceType") in KINDS
        ]
        if rows:
            self._state.settle(self._lease, rows, self._evidence(memory, rows, assessments))

    def _evidence(
        self, memory: Memory, rows: Sequence[AssessmentRow], assessments: Sequence[Assessment]
    ) -> list[EvidenceRow]:
        by_name = {name: item for item in assessments for name in self._references(item)}
        return memory.evidence(rows, by_name)


def _outcome(planned: PatientWrites) -> Outcome:
    parked = next((s.action.reason for s in planned.steps if s.action.kind == "park"), "")
    return Outcome(
        written=planned.written,
        locations=tuple(s.reference for s in planned.steps if s.action.kind != "none"),
        problem=parked,
    )


def _status(resource: Resource) -> str:
    return "entered-in-error" if resource.get("status") == "entered-in-error" else "standing"


def _server_id(resource: Resource, held: Held, by: Authorship) -> str:
    own = text_of(resource.get("id"))
    there = held.resources.get(own, {})
    server_id = text_of(there.get("id"))
    return server_id if server_id != own else ""
