"""One run over the cohort: read, classify, write back, print a line per patient and criteria set.

A patient comes to an end as a whole: read completely, judged, written, recorded. Between two
patients the run may be stopped, and the next run goes on with those that were left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from msgspec import Struct, structs

from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.files.private_file import check_output
from fhir_remission.fhir.r4.references import NOT_AN_ID
from fhir_remission.fhir.writing.assessment_json import (
    Disposition,
    Document,
    Outcome,
    assessment_document,
    sync_document,
    unjudged_document,
    write_line,
)
from fhir_remission.fhir.writing.identity import evidence_hash
from fhir_remission.jobs.judging.summary import Outcome as Placed
from fhir_remission.jobs.judging.summary import Summary, write_summary
from fhir_remission.jobs.reading.cohort import Members
from fhir_remission.jobs.reading.evidence import Evidence
from fhir_remission.jobs.site.clocks import refuse_later
from fhir_remission.jobs.site.site import Site, open_site, settings_of
from fhir_remission.jobs.site.site_files import files_of, places_of
from fhir_remission.jobs.sync.due_patients import in_chunks
from fhir_remission.jobs.sync.read_ahead import read_patients, records_of
from fhir_remission.jobs.sync.recheck import look_for_ours
from fhir_remission.jobs.sync.worklist import Worklist
from fhir_remission.jobs.sync.write_to_sinks import How, Placing, Waiting
from fhir_remission.version import VERSION


class Request(Struct, frozen=True):
    """What the command line asked for."""

    config: Path | None
    assignments: tuple[str, ...] = ()
    flags: dict[str, object] = {}
    patients: tuple[str, ...] = ()
    as_of: str = ""
    write_as_of: bool = False
    """Write although `as_of` lies in the past."""
    dry_run: bool = False
    wait: timedelta = timedelta(0)
    """How long to wait for another run to end."""
    summary: Path | None = None
    output: Path | None = None
    """Where the caller puts the lines: looked at before anything is asked of a server."""
    how: How = How()


class Ready(Struct, frozen=True):
    """A patient who was judged and is to be written."""

    patient: str
    evidence: Evidence
    judged: tuple[tuple[CriteriaSet, tuple[Assessment, ...]], ...]
    withdrawn: tuple[tuple[Assessment, ...], ...] = ()
    """Nothing, for each record that was merged into this one."""
    waiting: Waiting = Waiting()

    @property
    def all_assessments(self) -> list[tuple[Assessment, ...]]:
        """By patient and criteria set."""
        return [*self.withdrawn, *(found for _, found in self.judged)]


class Run:
    """One run; `lines` does the work as it is read, `exit_code` tells how it ended."""

    def __init__(self, site: Site, request: Request) -> None:
        self._site, self._request = site, request
        self._placing = Placing(site, request.how)
        self._ready: list[Ready] = []
        self._worklist = Worklist(site)
        places = places_of(site.settings, site.lease)
        self.summary = Summary(run_id=site.run_id, profile=site.profile.name, places=places)

    @property
    def exit_code(self) -> int:
        """The code of the worst thing that happened (README, "Exit codes")."""
        return self.summary.exit_code(self._site.settings.run.fail_on)

    def lines(self) -> Iterator[bytes]:
        """One JSON line per patient and criteria set; the summary is logged at the end."""
        site = self._site
        self.summary.clock_apart = round(site.clocks.apart.total_seconds())
        if site.clocks.words:
            site.log.warning("clocks_apart", reason=site.clocks.words)
        if site.lease is not None:
            site.state.begin_run(site.run_id)
        try:
            yield from self._patients()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.summary.ended_by(error)
            raise
        finally:
            self._close()

    def _patients(self) -> Iterator[bytes]:
        asked, how = self._request, self._request.how
        members = self._worklist.members(asked.patients)
        self.summary.cohort = len(members.patients)
        self.summary.elsewhere = members.elsewhere
        for odd in members.odd:
            yield from self._told(f"Patient/{odd.text}", "failed", f"{odd.place}: {NOT_AN_ID}")
        # Who asks for a moment or for a patient wants the answer, not what changed.
        everybody = bool(asked.as_of or asked.patients or how.about_all)
        if not (asked.patients or how.thorough):
            self.summary.vanished = look_for_ours(self._site, members.patients)
        waiting = self._worklist.waiting(members.patients, everybody=everybody)
        self.summary.foreign = self._worklist.foreign
        self.summary.not_due = len(members.patients) - len(waiting)
        yield from self._all_of(waiting, members)
        while (more := self._worklist.asked_meanwhile()) is not None:
            self.summary.cohort += len(more.patients)
            yield from self._all_of(more.patients, more)

    def _all_of(self, waiting: Sequence[str], members: Members) -> Iterator[bytes]:
        """Read, judge and write some patients, under one limit of what may change."""
        site = self._site
        if waiting:
            self._placing.begin(waiting)
        done = set[str]()
        with closing(read_patients(site, in_chunks(site, waiting))) as reading:
            for patient, evidence in reading:
                site.stop.check()
                self.summary.seen += 1
                name = evidence.person.survivor or patient
                if name not in done:
                    done.add(name)
                    yield from self._patient(f"Patient/{name}", evidence, members)
        yield from self._held_back()

    def _held_back(self) -> Iterator[bytes]:
        """Write what waited until everybody was judged, or nothing of it if it is too much."""
        hold = self._placing.hold([one.waiting for one in self._ready], self.summary.cohort)
        self.summary.stops(bool(hold))
        while self._ready:
            self._site.stop.check()
            yield from self._written(self._ready.pop(0), hold=hold)

    # One patient ------------------------------------------------------------------------------

    def _patient(self, patient: str, evidence: Evidence, members: Members) -> Iterator[bytes]:
        site = self._site
        self.summary.unread += evidence.unread
        for estimate in evidence.estimates:
            site.log.warning("total_is_an_estimate", reason=estimate)
        record, former, account = records_of(site.judge, patient, evidence, members)
        former += self._worklist.left_behind(patient, evidence.person)
        self.summary.account.add(account)
        if evidence.incomplete or evidence.unknown:
            reason = evidence.incomplete or "the server has no such patient"
            how: Disposition = "incomplete" if evidence.incomplete else "failed"
            yield from self._unjudged(patient, how, reason)
            return
        refuse_later(evidence.entries, site.clocks)
        self.summary.read(record)
        if evidence.person.one_sided:
            site.log.warning("merge_one_sided", patient=site.patient_hash(patient))
        nothing = tuple(found for one in former for _, found in site.judge.assess(one))
        ready = Ready(patient, evidence, tuple(site.judge.assess(record)), nothing)
        ready = structs.replace(ready, waiting=self._placing.look(ready.all_assessments))
        if self._placing.waits(ready.waiting):
            self._ready.append(ready)
        else:
            self._placing.open(ready.waiting)
            yield from self._written(ready)

    def _written(self, ready: Ready, *, hold: str = "") -> Iterator[bytes]:
        ended_well = not hold
        # What we wrote under records that were merged into another one is taken back first.
        for assessments in ready.withdrawn if not hold else ():
            placed = self._placing.place(assessments, ready.waiting)
            self.summary.stops(placed.stop)
            ended_well = ended_well and (not placed.problem or placed.acknowledged)
        # What was looked at before that is no longer what stands: a merge moves results as well.
        waiting = Waiting({}) if ready.withdrawn else ready.waiting
        for chosen, assessments in ready.judged:
            line, done = self._one_set(chosen, assessments, waiting, hold)
            ended_well = ended_well and done
            yield line
        for name in (ready.patient, *(f"Patient/{one}" for one in ready.evidence.person.former)):
            self._worklist.finish(name, ready.evidence, ended_well=ended_well)

    def _one_set(
        self,
        chosen: CriteriaSet,
        assessments: tuple[Assessment, ...],
        waiting: Waiting,
        hold: str,
    ) -> tuple[bytes, bool]:
        current = assessments[-1]
        placed = Placed(problem=hold) if hold else self._placing.place(assessments, waiting)
        self.summary.stops(placed.stop)
        disposition: Disposition = (
            "indeterminate"
            if current.category in (chosen.outcomes.not_evaluable, chosen.outcomes.undecided)
            else "classified"
        )
        if placed.problem and placed.written != "parked" and not hold:
            disposition = "failed"
        self.summary.count(disposition, placed.written, acknowledged=placed.acknowledged)
        document = sync_document(
            self._document(current),
            Outcome(disposition, placed.problem, placed.written, placed.locations),
        )
        return write_line(document), not placed.problem or placed.acknowledged

    def _document(self, assessment: Assessment) -> Document:
        return assessment_document(
            assessment,
            evidence_hash=evidence_hash(
                assessment, mapping_version=self._site.judge.mappings.version
            ),
            software_version=VERSION,
        )

    def _unjudged(self, patient: str, how: Disposition, reason: str) -> Iterator[bytes]:
        yield from self._told(patient, how, reason)
        self._worklist.postpone(patient, reason)

    def _told(self, patient: str, how: Disposition, reason: str) -> Iterator[bytes]:
        for chosen in self._site.judge.sets:
            self.summary.count(how, "none")
            yield write_line(
                unjudged_document(
                    patient,
                    chosen.id,
                    chosen.version,
                    Outcome(how, reason),
                    software_version=VERSION,
                )
            )
        self._site.log.warning(
            "patient_not_judged",
            patient=self._site.patient_hash(patient),
            disposition=how,
            reason=reason,
        )

    # The end ----------------------------------------------------------------------------------

    def _close(self) -> None:
        site = self._site
        for connection in site.connections:
            self.summary.add_traffic(connection.traffic)
        self.summary.kept = {
            f"{sink.place.name} {path}": how
            for sink in site.sinks
            for path, how in sink.keeping.told.items()
        }
        self.summary.foreign_results = sum(len(sink.foreign) for sink in site.sinks)
        if self.summary.statusless:
            site.log.warning(
                "no_status",
                count=self.summary.statusless,
                reason="no result of this server has a status, so none counts: it must send it",
            )
        told = self.summary.told(self.exit_code)
        if site.lease is not None:
            counts = {key: value for key, value in told.items() if isinstance(value, int)}
            site.state.end_run(site.run_id, self.exit_code, counts)
        log = site.log.warning if self.exit_code else site.log.info
        log("run_summary", **told)
        if self._request.summary is not None:
            write_summary(self._request.summary, told, self.exit_code, site.log)


@contextmanager
def open_run(request: Request) -> Iterator[Run]:
    """Open the site and hand out the run."""
    settings = settings_of(request.config, request.assignments, request.flags)
    for path in (request.summary, request.output):
        if path is not None:
            check_output(path, inputs=files_of(settings, request.config))
    with open_site(
        settings,
        as_of=request.as_of,
        dry_run=request.dry_run,
        write_as_of=request.write_as_of,
        patients=request.patients if request.how.plan is None else (),
        wait=request.wait,
    ) as site:
        yield Run(site, request)
