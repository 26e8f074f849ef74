"""Records that callers hand over, judged by the same middle as `classify`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import CohortRow
from fhir_remission.effects.files.kept_file import KeptFile
from fhir_remission.effects.files.mapping_files import criteria_names
from fhir_remission.effects.process.clock import Clock
from fhir_remission.effects.process.logs import get_logger
from fhir_remission.errors import InputError, SettingsError, UsageError
from fhir_remission.jobs.files.classify import judged_patients, lines_of
from fhir_remission.jobs.judging.incoming import Answers, Judged
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import TYPES, Request, judge_for, moment_of, zone_of
from fhir_remission.jobs.reading.cohort import stated_rows
from fhir_remission.jobs.site.site_request import request_of
from fhir_remission.service.request.arguments import Asked
from fhir_remission.service.request.refusals import Refused
from fhir_remission.settings import Settings

PARTIAL = "record-partial"
# How many judges stay loaded: one for each combination of arguments that callers use.
KEPT = 16


class Answer(Struct, frozen=True):
    """What is said of the patients of a record, and by which tables."""

    judged: tuple[Judged, ...]
    judge: Judge
    request: Request
    partial: bool

    def lines(self) -> Iterator[bytes]:
        """The published lines, as `classify` prints them."""
        return lines_of(self.judged, self.judge, self.request)

    @property
    def patients(self) -> tuple[str, ...]:
        """Who is spoken of."""
        return tuple(one.patient for one in self.judged)


class Judging:
    """Judges records by the tables of a site; what it has loaded it keeps. Threads share it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._base = request_of(settings, Request())
        self._known = frozenset(criteria_names(settings.mappings.dir))
        self._loaded = lru_cache(maxsize=KEPT)(self._load)
        self._listed = KeptFile(lambda: stated_rows(settings), clock)

    def warm(self) -> None:
        """Load what most requests need."""
        self._judge(Asked())

    def __call__(self, asked: Asked, *, many: bool = False) -> Answer:
        """Judge the record of a request; `many` tells the damaged apart instead of refusing."""
        judge, request = self._judge(asked)
        answers = _read(asked.resource, request, judge)
        if not many and answers.exit_code:
            raise Refused(422, "incomplete", _DAMAGED)
        if not answers.judged:
            raise Refused(422, "processing", "nothing in it is about a patient's remission")
        partial = asked.record != "complete"
        return Answer(answers.judged, judge, request, partial)

    def _judge(self, asked: Asked) -> tuple[Judge, Request]:
        request = self.request(asked)
        judge = self._loaded(request.criteria, request.complete, request.history)
        moment = self.moment(asked)
        doubts = () if asked.record == "complete" else (PARTIAL,)
        rows, now = self._rows(), self._clock.now()
        return structs.replace(judge, as_of=moment, now=now, doubts=doubts, rows=rows), request

    def _rows(self) -> Mapping[str, tuple[CohortRow, ...]]:
        """What the list says of a patient today, as a run would read it."""
        with of_the_site():
            try:
                return self._listed.of(self._settings.cohort.file)
            except OSError:
                return stated_rows(self._settings)

    def moment(self, asked: Asked) -> datetime:
        """The moment that a request asks about."""
        try:
            return moment_of(asked.as_of, zone_of(self._base.timezone), self._clock)
        except SettingsError:
            raise Refused(
                400, "value", "the parameter asOf is a time like 2026-06-30T00:00:00Z"
            ) from None

    def _load(
        self,
        criteria: tuple[str, ...],
        complete: frozenset[str],
        history: bool,  # noqa: FBT001 - lru_cache tells positions apart, not names
    ) -> Judge:
        return judge_for(
            structs.replace(self._base, criteria=criteria, complete=complete, history=history)
        )

    def request(self, asked: Asked) -> Request:
        """The request of the site's settings with what the caller asks besides."""
        if set(asked.criteria) - self._known:
            known = ", ".join(sorted(self._known))
            raise Refused(400, "value", f"the parameter criteria names a set of these: {known}")
        if asked.complete - TYPES:
            types = ", ".join(sorted(TYPES))
            raise Refused(400, "value", f"the parameter complete names types of these: {types}")
        return structs.replace(
            self._base,
            criteria=asked.criteria or self._base.criteria,
            complete=asked.complete,
            history=asked.history,
        )


_DAMAGED = (
    "part of the input could not be read or told whose it is, and half a record is no record: "
    "send it as classify reads it, which names the place of each fault"
)


@contextmanager
def of_the_site() -> Iterator[None]:
    """Settings or files of the site that are wrong are not the caller's fault."""
    try:
        yield
    except UsageError as error:
        get_logger().error("site_unusable", reason=str(error))
        raise Refused(
            503, "transient", "the settings of this site are wrong: run doctor", retry_after=60
        ) from None


def _read(body: bytes, request: Request, judge: Judge) -> Answers:
    try:
        return judged_patients([body], "body", request, judge)
    except InputError:
        if not _is_json(body):
            raise Refused(400, "structure", "the body is not JSON: send FHIR JSON") from None
        raise


def _is_json(body: bytes) -> bool:
    first = body.lstrip().partition(b"\n")[0]
    for text in (body, first):
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            continue
        return True
    return False
