"""Answers of the operation: Parameters with our resources, or the published lines alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.errors import RemissionError
from fhir_remission.fhir.r4.datatypes import objects, text_of
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.patient_writes import Held, plan_writes
from fhir_remission.fhir.writing.transaction import build_transaction
from fhir_remission.jobs.site.site import authorship_of
from fhir_remission.service.answering.judging import Answer
from fhir_remission.service.request.media import FHIR, LINE
from fhir_remission.service.request.refusals import Refused, outcome
from fhir_remission.settings import Settings

RETURNED = ("ClinicalImpression", "Observation")
INCOMPLETE = (
    "this is part of a record, and part of a record cannot be assessed: a message with one result "
    "is not a patient. Ask for the patient by Patient/[id]/$classify-remission, or send all "
    "resources of the patient in one Bundle with record=complete"
)


def encoded(answer: Answer, form: str, settings: Settings) -> bytes:
    """The answer in the form that was asked for."""
    lines = list(answer.lines())
    if form == FHIR:
        by = authorship_of(settings, answer.judge, SystemClock().now())
        found = [one for judged in answer.judged for one in judged.assessments]
        return msgspec.json.encode(
            parameters(
                bundle(found, by, history=answer.request.history), lines, warn=answer.partial
            )
        )
    if form == LINE and len(lines) != 1:
        raise Refused(
            406, "multiple-matches", "there are several assessments: ask for application/x-ndjson"
        )
    return b"".join(lines)


def parameters(returned: Any, lines: Iterable[bytes], *, warn: bool) -> Any:
    """The Parameters of an answer."""
    listed: list[Any] = [{"name": "return", "resource": returned}]
    listed += [{"name": "assessment", "valueString": line.decode().strip()} for line in lines]
    if warn:
        warning = outcome("warning", "incomplete", INCOMPLETE, detail="record-incomplete")
        listed.append({"name": "outcome", "resource": warning})
    return {"resourceType": "Parameters", "parameter": listed}


def bundle(found: Sequence[tuple[Assessment, ...]], by: Authorship, *, history: bool) -> Any:
    """A collection of what would be written: without ids, because it is stored nowhere."""
    writes = [
        write
        for assessments in found
        for write in plan_writes(
            assessments,
            by,
            Held(),
            which="history" if history else "current",
            own_ids=False,
        ).writes
        if write.resource["resourceType"] in RETURNED
    ]
    for write in writes:
        if wrong := check_resource(write.resource):
            raise RemissionError(f"{text_of(write.resource['resourceType'])}: {wrong[0]}")
    sent = build_transaction(writes, mode="conditional-create", namespace=by.identity.namespace)
    entries = [
        {"fullUrl": entry["fullUrl"], "resource": entry["resource"]}
        for entry in objects(sent["entry"])
    ]
    whole: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    return {**whole, "entry": entries} if entries else whole
