"""One place results go to: read back what stands there, decide, send, record what came of it.

Nothing is asked of the server while the state says that it already has this very evidence. What
was sent without a clear answer is read back and decided again, never sent again blindly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import structs

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.state import State
from fhir_remission.effects.state.state_rows import AssessmentRow, EvidenceRow
from fhir_remission.errors import SafetyStop
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.site_marks import criteria_id_of
from fhir_remission.fhir.writing.transaction import Write, not_taken
from fhir_remission.jobs.judging.summary import Outcome, Told
from fhir_remission.jobs.write_back.deleted_evidence import writes_without_gone
from fhir_remission.jobs.write_back.delivery import FASTER, Delivery
from fhir_remission.jobs.write_back.duplicates import undouble
from fhir_remission.jobs.write_back.parking import told_of_parked
from fhir_remission.jobs.write_back.patients import SameServer, Subjects
from fhir_remission.jobs.write_back.planned_requests import Prospect, here, outcome_of, with_resumed
from fhir_remission.jobs.write_back.planned_writes import Outlook, references_of
from fhir_remission.jobs.write_back.read_back import Keeping
from fhir_remission.jobs.write_back.result_rows import Memory, Place, is_result, own_name, status_of
from fhir_remission.jobs.write_back.unanswered_sends import settle_provenances
from fhir_remission.jobs.write_back.unversioned import send_guarded
from fhir_remission.jobs.write_back.written_over import put_back

ATTEMPTS = 3
NOBODY = "Device"
"""Whose rows are about the sink itself."""
LOSES_IDENTITY = (
    "the server drops or changes our identifiers, so nothing written could be found again: use a "
    "sink of kind ndjson; or have it mended, delete there what was written, and run reconcile"
)
UNDOUBLE = "look at them, then run reconcile --retract-duplicates"
MISFILED = "was stored in the record of another patient: have it taken out there by hand"
NOT_STORED = (
    "was answered as written and does not stand there: nothing counts as written; tried again"
)


def lost_identity_key(place: Place) -> str:
    """The key of the row that remembers this of a sink."""
    return f"{place.name}|{NOBODY}|loses-identity"


class Sink:
    """A repository; `client` is of a type that cannot write when the run is dry."""

    def __init__(
        self,
        place: Place,
        client: FhirClient,
        state: State,
        lease: Lease | None,
        subjects: Subjects | None = None,
    ) -> None:
        self.place, self.client = place, client
        self.subjects = subjects or SameServer()
        self.keeping = Keeping(client, place.by)
        self._state, self._lease = state, lease
        self.attempts = ATTEMPTS
        self.foreign: set[str] = set()
        """Results of other sites that were met there."""
        self.untouched = False
        """Nobody has written there, so nothing of anybody's can be met."""
        self.unproved = False
        """No Device can tell who else writes there: results without marks may be an old site's."""
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
            prospect = self._with_subject(prospect or self.look(assessments))
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
                return Outcome(problem=f"stands more than once: {names}; {UNDOUBLE}", stop=True)
            if not self.place.write:
                done: Outcome | Delivery = outcome_of(prospect, {})
            else:
                done = self._carry_out(prospect, told)
            if isinstance(done, Outcome):
                return told_of_parked(self._state, self._lease, prospect, done)
            prospect, why = None, done.again
        return Outcome(problem=f"{why}; left for later")

    def look(self, assessments: Sequence[Assessment], *, thorough: bool = False) -> Prospect | None:
        """Read what stands and plan; None where the state says that nothing is to be done."""
        seen = Outlook(
            self.place, self.client, self._state, self.subjects, untouched=self.untouched
        )
        prospect = seen.look(assessments, thorough=thorough)
        if prospect is not None:
            self.foreign |= prospect.standing.foreign
            self._refuse_old_sites(prospect)
        return prospect

    def _refuse_old_sites(self, prospect: Prospect) -> None:
        if self.unproved and prospect.standing.unmarked:
            place = min(prospect.standing.unmarked)
            raise SafetyStop(
                f"{self.client.host}: {place} was written by version 0.1.0, and nothing proves by "
                "whom: restore the state or the key of this site, or upgrade the other site first "
                "and set write.beside_old_sites = true"
            )

    def _with_subject(self, prospect: Prospect | None) -> Prospect | None:
        """Look again where a stub had to be written: its id may be the server's."""
        if prospect is None or prospect.subject.missing is None or not self.place.write:
            return prospect
        if not prospect.planned.writes:
            return prospect
        self.subjects.write(prospect.subject)
        return self.look(prospect.assessments, thorough=True)

    # What is sent -----------------------------------------------------------------------------

    def _carry_out(self, prospect: Prospect, told: Told) -> Outcome | Delivery:
        """Send one patient's writes; a Delivery asks to look again and decide anew."""
        writes = settle_provenances(
            self.client,
            prospect.memory.place.by,
            prospect.planned.writes,
            prospect.left,
            prospect.held,
        )
        writes = writes_without_gone(
            self.client, prospect.memory.place.by, writes, resuming=prospect.left is not None
        )
        wrong = [text for write in writes for text in check_resource(write.resource)]
        if wrong:
            return Outcome(problem=f"what we would write is not valid FHIR: {wrong[0]}")
        refused = not_taken(writes, self.place.by)
        if refused:
            return Outcome(problem=refused)
        outcome = outcome_of(prospect, {})
        if prospect.left is not None:
            outcome = with_resumed(outcome, prospect.left, prospect)
        if prospect.planned.writes:
            self._announce(prospect, writes)
        if not writes:
            self._remember(prospect, outcome, told)
            return outcome
        sent = send_guarded(self.client, prospect, writes)
        if put_back(self.client, prospect, writes, sent.landed):
            told("updated")
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
            memory.pending(write, self._what_stands(prospect, write.resource))
            for write in writes
            if is_result(write.resource)
        ]
        bundle = msgspec.json.encode([write.resource for write in writes]).decode()
        evidence = self._evidence(memory, rows, prospect.assessments)
        # One bundle, found again by whichever of its rows is looked at first.
        self._state.plan_send(
            cast(Lease, self._lease), rows, evidence, {row.key: bundle for row in rows}
        )

    def _what_stands(self, prospect: Prospect, resource: Resource) -> AssessmentRow | None:
        """The row of what is about to be replaced, as it was read back and found to be ours."""
        name = own_name(resource, self.place.by)
        before = prospect.rows.get(name)
        stands = prospect.held.resources.get(name.rpartition("/")[2])
        if stands is None:
            return before
        read = prospect.memory.row(stands, status_of(stands))
        return structs.replace(read, run=before.run if before else read.run)

    def _settle(
        self,
        prospect: Prospect,
        writes: Sequence[Write],
        sent: Delivery,
        outcome: Outcome,
        told: Told,
    ) -> Outcome:
        stored = self.keeping.read_back(writes, sent.landed)
        if self.keeping.missing:
            return Outcome(problem=f"{self.keeping.missing} {NOT_STORED}")
        if self.keeping.misfiled:
            return Outcome(problem=f"{self.keeping.misfiled} {MISFILED}", stop=True)
        memory, rows = prospect.memory, list[AssessmentRow]()
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
            key, status = lost_identity_key(self.place), "standing"
            rows.append(structs.replace(rows[0], key=key, status=status, patient=NOBODY))
            outcome = structs.replace(outcome, problem=LOSES_IDENTITY, stop=True)
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
            and criteria_id_of(resource, by.identity) == memory.criteria_id
        ]
        rows = [*written, *(row for row in found if row.key not in new)]
        seen = {row.key for row in rows}
        # Sent by a run that died, never arrived, and by now its evidence is gone as well.
        rows += [
            structs.replace(row, status="entered-in-error", etag="")
            for name, row in prospect.rows.items()
            if row.status == "pending" and row.key not in seen and name not in parked
        ]
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
        by_name = {name: item for item in assessments for name in references_of(item, self.place)}
        return memory.evidence(rows, by_name)


def _run_of(prospect: Prospect, resource: Resource, memory: Memory) -> str:
    """A run that only looked did not write it."""
    before = prospect.rows.get(own_name(resource, memory.place.by))
    return before.run if before else ""
