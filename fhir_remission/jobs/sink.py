"""One place results go to: read back what stands there, decide, send, record what came of it.

Nothing is asked of the server while the state says that it already has this very evidence. What
was sent without a clear answer is read back and decided again, never sent again blindly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import structs

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.client import FhirClient
from fhir_remission.effects.lease import Lease
from fhir_remission.effects.ledger import AssessmentRow, EvidenceRow
from fhir_remission.effects.state import State
from fhir_remission.errors import Conflict
from fhir_remission.fhir.checks import check_resource
from fhir_remission.fhir.datatypes import Resource
from fhir_remission.fhir.identity import resource_id
from fhir_remission.fhir.patient_writes import Held, plan_writes
from fhir_remission.fhir.transaction import Write
from fhir_remission.fhir.withdrawal import KINDS, criteria_id_of
from fhir_remission.jobs.delivery import FASTER, Delivery, deliver
from fhir_remission.jobs.doubles import undouble
from fhir_remission.jobs.keeping import Keeping
from fhir_remission.jobs.memory import Memory, Place, is_result, own_name, status_of
from fhir_remission.jobs.outcome import Outcome, Told
from fhir_remission.jobs.prospect import Prospect, here, known, outcome_of, with_resumed
from fhir_remission.jobs.resume import settle_provenances
from fhir_remission.jobs.standing import Standing, read_by_name, search_ours

ATTEMPTS = 3
NOBODY = "Device"
"""Whose rows are about the sink itself."""
LOSES_IDENTITY = (
    "the server drops our identifier, so nothing written could be found again: use a sink of "
    "kind ndjson"
)


def lost_identity_key(place: Place) -> str:
    """The key of the row that remembers this of a sink."""
    return f"{place.name}|{NOBODY}|loses-identity"


class Sink:
    """A repository; `client` is of a type that cannot write when the run is dry."""

    def __init__(self, place: Place, client: FhirClient, state: State, lease: Lease | None) -> None:
        self.place, self.client = place, client
        self.keeping = Keeping(client, place.by)
        self._state, self._lease = state, lease
        self.attempts = ATTEMPTS
        self.undoubles = False
        """Take back what stands twice, instead of stopping at it."""

    @property
    def host(self) -> str:
        """The server, as the audit names it."""
        return self.client.host

    def know_device(self, reference: str) -> None:
        """Remember where this software stands as a Device."""
        by = structs.replace(self.place.by, device=reference)
        self.place = structs.replace(self.place, by=by)

    def put(
        self, assessments: Sequence[Assessment], told: Told, *, prospect: Prospect | None = None
    ) -> Outcome:
        """Bring the sink into line with all assessments of one patient by one criteria set."""
        why = FASTER
        for _ in range(self.attempts):
            prospect = prospect or self.look(assessments)
            if prospect is None:
                return Outcome()
            if self.keeping.loses_identity:
                return Outcome(problem=LOSES_IDENTITY, stop=True)
            if prospect.doubled and self.undoubles and self.place.write:
                problem = undouble(self.client, prospect, told)
                if problem:
                    return Outcome(problem=problem, stop=True)
                prospect = None
                continue
            if prospect.doubled:
                names = ", ".join(prospect.doubled)
                return Outcome(problem=f"stands more than once: {names}; see reconcile", stop=True)
            if not self.place.write:
                return outcome_of(prospect, {})
            done = self._carry_out(prospect, told)
            if isinstance(done, Outcome):
                return done
            prospect, why = None, done.again
        return Outcome(problem=f"{why}; left for later")

    def look(self, assessments: Sequence[Assessment], *, thorough: bool = False) -> Prospect | None:
        """Read what stands and plan; None where the state says that nothing is to be done."""
        memory = Memory(self.place, assessments[0].patient, assessments[0].criteria_id)
        rows = memory.rows(self._state)
        looked = bool(rows) or memory.has_looked(self._state)
        if not thorough and looked and self._is_up_to_date(rows, assessments):
            return None
        left = memory.left(self._state, rows)
        standing = self._standing(memory.patient, rows, assessments, thorough=thorough)
        held = Held(standing.by_id(self.place.by), known(rows, left), standing.deleted)
        planned = plan_writes(
            assessments,
            self.place.by,
            held,
            which=self.place.which,
            resources=self.place.resources,
            own_ids=self.client.profile.write_mode == "put",
        )
        doubled = standing.doubled(self.place.by)
        return Prospect(memory, tuple(assessments), rows, left, held, planned, doubled, standing)

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

    def _standing(
        self,
        patient: str,
        rows: dict[str, AssessmentRow],
        assessments: Sequence[Assessment],
        *,
        thorough: bool,
    ) -> Standing:
        if rows and self.client.profile.write_mode == "put" and not thorough:
            wanted = {name for item in assessments for name in self._references(item)}
            return read_by_name(self.client, sorted(rows.keys() | wanted))
        subject = self.place.by.subject or patient
        return search_ours(self.client, subject, self.place.by, self.place.resources)

    # What is sent -----------------------------------------------------------------------------

    def _carry_out(self, prospect: Prospect, told: Told) -> Outcome | Delivery:
        """Send one patient's writes; a Delivery asks to look again and decide anew."""
        writes = settle_provenances(
            self.client, self.place.by, prospect.planned.writes, prospect.left, prospect.held
        )
        wrong = [text for write in writes for text in check_resource(write.resource)]
        if wrong:
            return Outcome(problem=f"what we would write is not valid FHIR: {wrong[0]}")
        outcome = outcome_of(prospect, {})
        if prospect.left is not None:
            outcome = with_resumed(outcome, prospect.left, prospect)
        if prospect.planned.writes:
            self._announce(prospect, writes)
        if not writes:
            self._remember(prospect, outcome, told)
            return outcome
        try:
            sent = deliver(self.client, writes, namespace=self.place.by.identity.namespace)
        except Conflict:
            return Delivery(again=FASTER)
        if sent.again:
            return sent
        if sent.problem:
            return Outcome(problem=sent.problem)
        return self._settle(prospect, writes, sent, outcome, told)

    def _announce(self, prospect: Prospect, writes: Sequence[Write]) -> None:
        """Record what is about to be sent, so that nothing sent is ever unknown to us."""
        memory = prospect.memory
        rows = [
            memory.pending(write, prospect.rows.get(own_name(write.resource, self.place.by)))
            for write in writes
            if is_result(write.resource)
        ]
        bundle = msgspec.json.encode([write.resource for write in writes]).decode()
        evidence = self._evidence(memory, rows, prospect.assessments)
        # One bundle, found again by whichever of its rows is looked at first.
        self._state.plan_send(
            cast(Lease, self._lease), rows, evidence, {row.key: bundle for row in rows}
        )

    def _settle(
        self,
        prospect: Prospect,
        writes: Sequence[Write],
        sent: Delivery,
        outcome: Outcome,
        told: Told,
    ) -> Outcome:
        stored = self.keeping.read_back(writes, sent.landed)
        memory = prospect.memory
        rows: list[AssessmentRow] = []
        for write in writes:
            if is_result(write.resource):
                name = here(write.resource)
                row = memory.row(write.resource, status_of(write.resource))
                kept = memory.row(stored.get(name, write.resource), row.status).content_digest
                version = sent.landed[name].version
                rows.append(structs.replace(row, content_digest=kept, etag=version))
        if prospect.planned.writes:
            outcome = outcome_of(prospect, {name: at.location for name, at in sent.landed.items()})
        told(outcome.written)
        if self.keeping.loses_identity:
            rows.append(structs.replace(rows[0], key=lost_identity_key(self.place), patient=NOBODY))
        self._store(prospect, rows)
        return outcome

    # What we remember -------------------------------------------------------------------------

    def _remember(self, prospect: Prospect, outcome: Outcome, told: Told) -> None:
        """Rebuild a lost state, or one that did not see an answer, from what is still ours."""
        if any(step.action.kind == "park" for step in prospect.planned.steps):
            return
        if prospect.left is not None:
            told(outcome.written)
        self._store(prospect, [])

    def _store(self, prospect: Prospect, written: Sequence[AssessmentRow]) -> None:
        """Record what was written, and what was read back and is as it should be."""
        memory, by = prospect.memory, self.place.by
        parked = {s.reference for s in prospect.planned.steps if s.action.kind == "park"}
        new = {row.key for row in written}
        found = [
            structs.replace(
                memory.row(resource, status_of(resource)), run=_run_of(prospect, resource, memory)
            )
            for resource in prospect.held.resources.values()
            if is_result(resource)
            and not parked & {own_name(resource, by), here(resource)}
            and criteria_id_of(resource, by) == memory.criteria_id
        ]
        rows = [*written, *(row for row in found if row.key not in new)]
        if not rows and not prospect.held.resources:
            rows = [memory.nothing]
        if rows:
            arrived = {row.key for row in rows}
            self._state.settle(
                cast(Lease, self._lease),
                rows,
                self._evidence(memory, rows, prospect.assessments),
                arrived=arrived,
            )

    def _evidence(
        self, memory: Memory, rows: Sequence[AssessmentRow], assessments: Sequence[Assessment]
    ) -> list[EvidenceRow]:
        by_name = {name: item for item in assessments for name in self._references(item)}
        return memory.evidence(rows, by_name)


def _run_of(prospect: Prospect, resource: Resource, memory: Memory) -> str:
    """A run that only looked did not write it."""
    before = prospect.rows.get(own_name(resource, memory.place.by))
    return before.run if before else ""
