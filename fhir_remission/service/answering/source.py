"""One patient read from the site's own source, as `sync` reads her: complete or nothing."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from msgspec import Struct, structs

from fhir_remission.errors import ReadIncomplete
from fhir_remission.fhir.r4.references import is_id
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.jobs.reading.cohort import Members
from fhir_remission.jobs.site.site import Site, open_site
from fhir_remission.jobs.sync.read_ahead import read_patients, records_of
from fhir_remission.jobs.sync.sync import Request as SyncRequest
from fhir_remission.jobs.sync.sync import open_run
from fhir_remission.jobs.sync.worklist import Worklist
from fhir_remission.service.answering.judging import PARTIAL, Answer, Judging, of_the_site
from fhir_remission.service.request.arguments import Asked
from fhir_remission.service.request.refusals import Refused
from fhir_remission.settings import Settings

# How long a caller waits for a run that is under way before it is told to come again.
PATIENCE = timedelta(seconds=5)


class Source(Struct, frozen=True):
    """The source of a site, to be asked about one patient at a time."""

    config: Path | None
    assignments: tuple[str, ...]
    settings: Settings
    judging: Judging

    def answer(self, patient: str, asked: Asked) -> Answer:
        """Read one patient (a bare id) and judge the record; nothing is written.

        Raises:
            Refused: 404 where nobody knows the patient, 501 where the site has no source.
        """
        if not self.settings.source.base_url:
            raise Refused(501, "not-supported", "this service has no source to read patients from")
        if not is_id(patient):
            raise _unknown()
        request = self.judging.request(asked)
        self.judging.moment(asked)
        settings = self._settings(request.criteria)
        with of_the_site(), open_site(settings, as_of=asked.as_of, dry_run=True) as site:
            judge = site.judge
            if asked.record == "partial":
                judge = structs.replace(judge, doubts=(PARTIAL,))
            members = _stated(site, patient)
            with closing(read_patients(site, [[patient]])) as reading:
                name, evidence = next(iter(reading))
            if evidence.incomplete:
                raise ReadIncomplete(evidence.incomplete)
            if evidence.unknown:
                raise _unknown()
            name = f"Patient/{evidence.person.survivor or name}"
            record, *_ = records_of(judge, name, evidence, members)
            found = tuple(one for _, one in judge.assess(record))
            judged = Judged(name, found, record=record)
            return Answer((judged,), judge, request, partial=asked.record == "partial")

    def write(self, patient: str, asked: Asked) -> list[bytes]:
        """The lines of a run of `sync` for this patient alone."""
        if not self.settings.service.write:
            raise Refused(403, "forbidden", "this site lets nobody write: [service] write = true")
        if asked.as_of or asked.history or asked.record or asked.complete:
            raise Refused(
                400, "value", "with write=true the settings say what is written: give no more"
            )
        if not is_id(patient):
            raise _unknown()
        self.judging.request(asked)
        request = SyncRequest(
            config=self.config,
            assignments=self.assignments,
            flags=self._flags(asked.criteria),
            patients=(patient,),
            wait=PATIENCE,
        )
        with of_the_site(), open_run(request) as run:
            lines = list(run.lines())
        if not lines:
            raise Refused(404, "not-found", "the patient is not in the cohort of this site")
        return lines

    def _flags(self, criteria: tuple[str, ...]) -> dict[str, object]:
        seconds = int(self.settings.service.answer_time.total_seconds())
        flags: dict[str, object] = {"run.max_runtime": f"{seconds}s"}
        return {**flags, "criteria.sets": criteria} if criteria else flags

    def _settings(self, criteria: tuple[str, ...]) -> Settings:
        settings = self.settings
        run = settings.run.model_copy(update={"max_runtime": settings.service.answer_time})
        sets = settings.criteria.model_copy(update={"sets": criteria})
        return settings.model_copy(update={"run": run, "criteria": sets})


def _stated(site: Site, patient: str) -> Members:
    """What the cohort's list states of the patient, where there is one."""
    cohort = site.settings.cohort
    if cohort.kind == "list" and cohort.file.is_file():
        return Worklist(site).members((patient,))
    return Members((patient,))


def _unknown() -> Refused:
    return Refused(404, "not-found", "the source knows no such patient")
