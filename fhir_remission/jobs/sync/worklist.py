"""Whom one run has to read, and what becomes of the marks that said so.

A mark that was made while a patient was being read outlives that reading. Whoever a run was asked
for that could not begin is taken by the run that held it up.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.effects.process.clock import timestamp
from fhir_remission.fhir.incoming.merges import Person
from fhir_remission.jobs.reading.cohort import Members, find_cohort, named_members
from fhir_remission.jobs.reading.evidence import Evidence
from fhir_remission.jobs.site.site import Site
from fhir_remission.jobs.site.turn import ASKED_FOR
from fhir_remission.jobs.sync.due_patients import due_now, marks_read, person_marks, person_read


class Worklist:
    """The patients of one run; a dry run remembers nobody."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._source = site.connection.base.url
        self._marks: dict[str, str] = {}
        """Who had marked a patient last, before reading."""
        self._taken: set[tuple[str, str]] = set()
        self._cohort: frozenset[str] | None = None
        """All of it; None where a run is about some of it only."""
        self._persons: dict[str, frozenset[str]] = {}
        self.foreign = 0
        """Rows of patients outside the cohort in a server-wide answer."""

    def members(self, asked: Sequence[str]) -> Members:
        """The cohort, or those of it who were asked for by name."""
        site = self._site
        if asked and site.settings.cohort.kind != "list":
            return named_members(asked)
        client = site.connection.client(site.profile)
        members = find_cohort(
            site.settings.cohort, client, site.judge.mappings, as_of=site.judge.as_of
        )
        if not asked:
            self._cohort = frozenset(members.patients)
            return members
        wanted = set(named_members(asked).patients)
        return Members(tuple(p for p in members.patients if p in wanted), members.rows)

    def waiting(self, patients: Sequence[str], *, everybody: bool) -> Sequence[str]:
        """Those to read: due now, or left by an earlier run."""
        site = self._site
        if site.lease is None:
            return patients
        due = due_now(site, patients, everybody=everybody)
        site.state.advance(self._source, due.marks, due.patients, site.run_id)
        self.foreign = due.foreign
        self._persons = person_marks(site)
        self._marks = {row.patient: row.since_run for row in site.state.marked(self._source)}
        found = [name for name in patients if f"Patient/{name}" in self._marks]
        self._taken = {(f"Patient/{name}", self._marks[f"Patient/{name}"]) for name in found}
        return found

    def asked_meanwhile(self) -> Members | None:
        """Somebody whom a run that could not begin was asked for; each mark once, then None."""
        site = self._site
        for row in site.state.marked(self._source) if site.lease is not None else ():
            mark = (row.patient, row.since_run)
            if row.why != ASKED_FOR or mark in self._taken:
                continue
            self._taken.add(mark)
            self._marks[row.patient] = row.since_run
            members = self.members((row.patient,))
            if members.patients:
                return members
            site.log.warning("not_in_cohort", patient=site.patient_hash(row.patient))
            site.state.clean(self._source, row.patient, row.since_run)
        return None

    def left_behind(self, patient: str, person: Person) -> list[PatientRecord]:
        """Records outside of the cohort that were read as this person's, and are nobody's now.

        What we wrote there, while the person was one, nobody else would take back.
        """
        if self._cohort is None:
            return []
        others = (
            names
            for name, names in self._persons.items()
            if name != patient and name[8:] in self._cohort
        )
        kept = self._cohort.union(person.names, *others)
        left = self._persons.get(patient, frozenset()) - kept
        return [self._site.judge.record(f"Patient/{name}", ()) for name in sorted(left)]

    def _person(self, patient: str, person: Person) -> dict[str, str]:
        before = self._persons.get(patient, frozenset())
        if not person.former and not before:
            return {}
        return person_read(
            self._site,
            patient,
            person.names if self._cohort is not None else before.union(person.names),
        )

    def finish(self, patient: str, evidence: Evidence, *, ended_well: bool) -> None:
        """Note that a patient came to an end; as of the past, they stay due all the same."""
        site = self._site
        if site.lease is None:
            return
        if not ended_well:
            self.postpone(patient, "not written")
        elif site.back_dated:
            site.state.clean(self._source, patient)
        else:
            site.state.clean(self._source, patient, self._marks.get(patient))
            marks = marks_read(site, patient, evidence) | self._person(patient, evidence.person)
            site.state.advance(self._source, marks, {}, site.run_id)

    def postpone(self, patient: str, reason: str) -> None:
        """Leave a patient to a later run."""
        site = self._site
        if site.lease is not None:
            site.state.postpone(self._source, patient, reason, timestamp(site.clock.now()))
