"""`$classify-remission`: of a record that is handed over, or of a patient of the source."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
from msgspec import structs

from fhir_remission.service.answering.answers import encoded, parameters
from fhir_remission.service.answering.judging import Answer
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.probes.metrics import Metrics
from fhir_remission.service.request.arguments import Asked, read_body, read_query
from fhir_remission.service.request.body import read_whole
from fhir_remission.service.request.media import (
    FHIR,
    LINES,
    answer_type,
    check_body_type,
    spoken_as,
    unpacked,
)
from fhir_remission.service.request.refusals import Refused

_MIB = 1 << 20


class Operation:
    """The operation at both of its addresses."""

    def __init__(
        self, site: ServedSite, metrics: Metrics, slots: threading.BoundedSemaphore
    ) -> None:
        self._site, self._metrics, self._slots = site, metrics, slots

    def on_post(self, req: Any, resp: Any) -> None:
        """Judge the record of the body."""
        form = _form(req)
        asked = read_body(self._body(req))
        if any(not name.startswith("_") for name in req.params):
            raise Refused(
                400, "not-supported", "with POST parameters stand in a Parameters resource"
            )
        if asked.write:
            raise Refused(
                400, "not-supported", "write=true is for Patient/[id]: evidence is read again first"
            )
        if not asked.resource:
            raise Refused(400, "required", "the parameter bundle is missing: a patient's record")
        with self._metrics.judging():
            answer = self._site.judging(asked, many=form == LINES)
            req.context.caller.check(answer.patients)
            body = encoded(answer, form, self._site.settings)
        self._site.audit(answer.patients, req.context.caller.name)
        self._metrics.judged(answer)
        _answered(req, resp, body, form)

    def on_get_patient(self, req: Any, resp: Any, patient: str) -> None:
        """Judge a patient of the source, by a query that changes nothing."""
        asked = read_query({key: _list(value) for key, value in req.params.items()})
        if asked.write:
            raise Refused(405, "not-supported", "write=true needs POST", retry_after=0)
        self._patient(req, resp, patient, asked)

    def on_post_patient(self, req: Any, resp: Any, patient: str) -> None:
        """Judge a patient of the source, and write the result where that is asked for."""
        body = self._body(req, empty=True)
        asked = read_body(body) if body.strip() else Asked()
        if asked.resource:
            raise Refused(400, "not-supported", "a patient of the source is read: give no record")
        if any(not name.startswith("_") for name in req.params):
            raise Refused(
                400, "not-supported", "with POST parameters stand in a Parameters resource"
            )
        self._patient(req, resp, patient, asked)

    def _patient(self, req: Any, resp: Any, patient: str, asked: Asked) -> None:
        form = _form(req)
        caller = req.context.caller
        caller.check([f"Patient/{patient}"])
        if not self._slots.acquire(blocking=False):
            raise Refused(503, "throttled", "the source is being read: ask again", retry_after=2)
        try:
            with self._metrics.judging():
                body, answer = self._read(patient, asked, form)
        finally:
            self._slots.release()
        self._site.audit([f"Patient/{patient}"] if answer is None else answer.patients, caller.name)
        if answer is not None:
            # A merged record is another patient's: what the caller may see is decided by whose.
            caller.check(answer.patients)
            self._metrics.judged(answer)
        _answered(req, resp, body, form)

    def _read(self, patient: str, asked: Asked, form: str) -> tuple[bytes, Answer | None]:
        if not asked.write:
            complete = structs.replace(asked, record=asked.record or "complete")
            answer = self._site.source.answer(patient, complete)
            return encoded(answer, form, self._site.settings), answer
        lines = self._site.source.write(patient, asked)
        if form != FHIR:
            return b"".join(lines), None
        empty = {"resourceType": "Bundle", "type": "collection"}
        return msgspec.json.encode(parameters(empty, lines, warn=False)), None

    def _body(self, req: Any, *, empty: bool = False) -> bytes:
        service = self._site.settings.service
        limit = service.max_body_mib * _MIB
        check_body_type(req.get_header("Content-Type") or "")
        body = read_whole(req.env, limit, service.body_time.total_seconds())
        body = unpacked(body, req.get_header("Content-Encoding") or "", limit)
        if not (body.strip() or empty):
            raise Refused(400, "required", "there is no body: send a Bundle of a patient's record")
        return body


def _list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def _form(req: Any) -> str:
    wanted = req.params.get("_format", "")
    return answer_type(req.get_header("Accept") or "", _list(wanted)[0])


def _answered(req: Any, resp: Any, body: bytes, form: str) -> None:
    resp.data = body
    spoken = spoken_as(form, req.get_header("Accept") or "")
    resp.content_type = f"{spoken}; charset=utf-8"
