"""Results to all sinks of a site; held back where too much would change at once.

A new version of the criteria or of a table re-assesses everybody. When more than the configured
share of the cohort would change category in one run, nothing is written: somebody looks first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Literal, cast

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.files.audit import Action
from fhir_remission.effects.state.lease import Lease
from fhir_remission.errors import PatientUnmatched, ReadIncomplete, RequestRefused
from fhir_remission.fhir.writing.assessment_json import Written
from fhir_remission.jobs.judging.summary import Outcome, together
from fhir_remission.jobs.site.site import Site
from fhir_remission.jobs.sync.devices import (
    introduce_ourselves,
    is_new,
    look_around,
    recall,
    survey,
)
from fhir_remission.jobs.sync.version_steps import Acceptance, VersionStep, step_of, stopped_by
from fhir_remission.jobs.write_back.plan_file import Entry, PlanFile, check_plan
from fhir_remission.jobs.write_back.planned_requests import Prospect
from fhir_remission.jobs.write_back.results import WITHDRAWN, ResultsSink
from fhir_remission.jobs.write_back.sink import Sink

_ACTIONS: dict[str, Literal["create", "update", "retract"]] = {
    "created": "create",
    "updated": "update",
    "retracted": "retract",
}
# One patient of a cohort of three is more than any share; a share speaks of many.
FEW = 1
TOO_MANY = (
    "patients would change category at once, more than write.max_changed_share: nothing was written"
)
NEXT = "fhir-remission plan --out plan.json; fhir-remission apply --plan plan.json"
Judged = Sequence[Assessment]
_Told = Callable[[Written], None]


class How(Struct, frozen=True):
    """What makes a run another one than the daily one."""

    plan: PlanFile | None = None
    """Exactly this is written."""
    everybody: bool = False
    """Everybody is due, whatever changed."""
    thorough: bool = False
    """Everybody is due, and all of ours is searched and read, whatever the state says."""
    undouble: bool = False
    accept: tuple[str, ...] = ()
    """Versions of criteria sets that a person has looked at, `eln-2022@2`."""

    @property
    def about_all(self) -> bool:
        """Whether everybody is read, due or not."""
        return self.everybody or self.thorough or self.plan is not None


class Waiting(Struct, frozen=True):
    """What would be done for one patient: by sink, patient and criteria set."""

    prospects: Mapping[tuple[str, str, str], Prospect] = {}

    @property
    def writes(self) -> set[str]:
        """To which sinks anything would be written."""
        found = self.prospects.items()
        return {sink for (sink, *_), prospect in found if prospect.planned.writes}

    @property
    def steps(self) -> list[tuple[VersionStep, Prospect]]:
        """What an earlier version of its criteria wrote, and would be written anew."""
        found = ((step_of(one), one) for one in self.prospects.values())
        return [(step, one) for step, one in found if step is not None]

    @property
    def changes_category(self) -> bool:
        """Whether another category would stand anywhere, or none any more."""
        return bool(self.moves)

    @property
    def moves(self) -> set[str]:
        """From which category to which, and why."""
        return {
            f"{step.before or 'none'} to {step.after or 'none'} ({step.action.reason})"
            for prospect in self.prospects.values()
            for step in prospect.planned.steps
            if step.action.kind in ("update", "retract")
            and step.action.reason != "anchor-moved"
            and step.before != step.after
        }


class Placing:
    """All sinks of one run."""

    def __init__(self, site: Site, how: How) -> None:
        self._site, self._how = site, how
        for sink in site.sinks:
            sink.undoubles = how.undouble
            # A plan is carried out as it is, or not at all.
            sink.attempts = 1 if how.plan else sink.attempts
        self._outdated: set[str] = set()
        self._opened: set[str] = set()
        self._acceptance = Acceptance(site, how.accept)
        self._is_first = not site.state.has_results(site.connection.base.url)

    def begin(self, patients: Sequence[str]) -> None:
        """See who else writes to each sink that is new to us; leave our Device there."""
        site = self._site
        self._acceptance.remember()
        for sink in site.sinks:
            sink.untouched, new = False, is_new(sink, site.state)
            if new:
                self._look_around(sink)
                if not sink.untouched:
                    survey(sink, patients)
            if site.lease is not None:
                recall(sink, site.state, site.lease, again=self._how.thorough)
                if new:
                    introduce_ourselves(sink, site.state, site.lease)

    def look(self, judged: Iterable[Judged]) -> Waiting:
        """What would be done for one patient; asks only where the state cannot tell."""
        found: dict[tuple[str, str, str], Prospect] = {}
        for assessments in judged:
            for sink in self._site.sinks:
                prospect = self._look(sink, assessments)
                if prospect is not None:
                    found[_place_of(sink, assessments)] = prospect
        return Waiting(found)

    def waits(self, waiting: Waiting) -> bool:
        """Whether to look at everybody else first; a first run has nothing to change."""
        if self._site.lease is None or not waiting.prospects:
            return False
        if self._how.plan is None and waiting.steps:
            # What was accepted goes out as it is read, so that several runs can share the work.
            return not self._is_accepted(waiting)
        return not self._is_first or self._how.plan is not None or waiting.changes_category

    def _is_accepted(self, waiting: Waiting) -> bool:
        """Whether all that would be written is a step to a version that was accepted."""
        stepping = {id(one) for step, one in waiting.steps if self._acceptance.covers(step)}
        return all(id(one) in stepping for one in waiting.prospects.values() if one.planned.writes)

    def hold(self, waiting: Sequence[Waiting], cohort: int) -> str:
        """Why nothing may be written: too many would change category at once; else empty.

        SafetyStop where a site has come to a sink that must not be written beside.
        """
        written = {name for one in waiting for name in one.writes}
        self._look_around_at(written)
        reason = self._reason(waiting, cohort)
        if not reason:
            self._introduce_late(written)
        return reason

    def open(self, waiting: Waiting) -> None:
        """The same for somebody who does not wait for the others, once for each sink.

        Looked at, but not new, is a sink to which what an earlier version wrote is written anew.
        """
        written = waiting.writes - self._opened if waiting.steps else set()
        if written:
            self._look_around_at(written)
            self._introduce_late(written)
            self._opened |= written

    def _look_around_at(self, written: Set[str]) -> None:
        for sink in self._site.sinks:
            if sink.place.name in written and not is_new(sink, self._site.state):
                self._look_around(sink)

    def _look_around(self, sink: Sink) -> None:
        beside = self._site.settings.write.beside_old_sites
        look_around(sink, self._site.state, beside_old_sites=beside)

    def _introduce_late(self, written: Set[str]) -> None:
        """Our Device where others write: only now it is known that nothing speaks against it."""
        site = self._site
        for sink in site.sinks if site.lease is not None else ():
            if sink.place.name in written:
                before = sink.place.by.to_device()
                introduce_ourselves(sink, site.state, cast(Lease, site.lease))
                if sink.place.by.to_device() != before:
                    # What was planned names the Device by an id that the server did not give it.
                    self._outdated.add(sink.place.name)

    def _reason(self, waiting: Sequence[Waiting], cohort: int) -> str:
        """Too many would change category at once, or the plan does not hold any more."""
        if self._how.plan is not None:
            prospects = [p for one in waiting for p in one.prospects.values()]
            check_plan(self._how.plan, prospects, self._is_done)
            self._acceptance.remember(everything=True)
            return ""
        if steps := [
            found for one in waiting for found in one.steps if not self._acceptance.covers(found[0])
        ]:
            reason, changes = stopped_by(steps)
            self._site.log.error("held_back", reason=reason, changes=changes, next=NEXT)
            return reason
        changed = sum(one.changes_category for one in waiting)
        allowed = int(self._site.settings.write.max_changed_share * cohort)
        if changed <= max(FEW, allowed):
            return ""
        self._site.log.error(
            "held_back",
            reason=f"{changed} of {cohort} {TOO_MANY}",
            changes=_told_moves(waiting),
            next=NEXT,
        )
        return f"{changed} of {cohort} {TOO_MANY}; see plan and apply"

    def place(self, assessments: Judged, waiting: Waiting | None = None) -> Outcome:
        """Write to every sink; the first problem is the one that is told."""
        outcomes = [self._put(sink, assessments, waiting) for sink in self._site.sinks]
        beside = [self._append(sink, assessments) for sink in self._site.results]
        if not outcomes:
            return together(beside)
        # The copy in the file is not news; that it could not be written is.
        return together([*outcomes, *(Outcome(problem=one.problem) for one in beside)])

    def _is_done(self, entry: Entry) -> bool:
        """Whether an apply that was interrupted has written this already."""
        status = WITHDRAWN if entry.operation == "retract" else "standing"
        source = self._site.connection.base.url
        rows = self._site.state.assessments(source, entry.patient, entry.sink)
        return (status, entry.evidence_hash) in {(row.status, row.evidence_hash) for row in rows}

    def _look(self, sink: Sink, assessments: Judged) -> Prospect | None:
        try:
            return sink.look(assessments, thorough=self._how.thorough)
        except (RequestRefused, ReadIncomplete):
            # Told when the patient's turn to be written has come.
            return None

    def _put(self, sink: Sink, assessments: Judged, waiting: Waiting | None) -> Outcome:
        patient = assessments[0].patient
        known = waiting.prospects.get(_place_of(sink, assessments)) if waiting else None
        if sink.place.name in self._outdated:
            known = None
        try:
            outcome = sink.put(assessments, self._told(patient, sink.host), prospect=known)
        except (RequestRefused, ReadIncomplete) as error:
            stop = isinstance(error, PatientUnmatched) and error.stop
            outcome = Outcome(problem=str(error), stop=stop)
        if outcome.written == "parked" and not outcome.acknowledged:
            self._site.log.warning(
                "parked",
                patient=self._site.patient_hash(patient),
                reason=outcome.problem,
                next="fhir-remission parked list",
            )
        if outcome.problem and outcome.written == "none":
            self._record("update", patient, sink.host, "problem")
        return outcome

    def _append(self, sink: ResultsSink, assessments: Judged) -> Outcome:
        return sink.put(assessments, self._told(assessments[0].patient, sink.host))

    def _told(self, patient: str, server: str) -> _Told:
        """The audit line of a write, on the disk before the state says that it is done."""

        def told(written: Written) -> None:
            self._record(_ACTIONS.get(written, "update"), patient, server, "done")

        return told

    def _record(self, action: Action, patient: str, server: str, outcome: str) -> None:
        site = self._site
        site.audit.record(action, site.patient_hash(patient), server=server, outcome=outcome)


def _place_of(sink: Sink, assessments: Judged) -> tuple[str, str, str]:
    return (sink.place.name, assessments[0].patient, assessments[0].criteria_id)


def _told_moves(waiting: Sequence[Waiting]) -> str:
    """What would change, the most frequent first: `CR to NE (category-changed): 12`."""
    counted = Counter(move for one in waiting for move in one.moves)
    return ", ".join(f"{move}: {times}" for move, times in counted.most_common(5))
