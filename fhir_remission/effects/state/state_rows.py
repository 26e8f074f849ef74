"""The rows of the state database, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Resource, text_of

Row = TypeVar("Row")

Sending = Literal["pending", "sending", "sent", "parked"]


class AssessmentRow(Struct, frozen=True):
    """What we wrote, or are about to write, for one key."""

    key: str
    source: str
    patient: str
    sink: str
    evidence_hash: str
    content_digest: str
    etag: str
    status: str
    run: str


class EvidenceRow(Struct, frozen=True):
    """A version of a resource that an assessment cites."""

    source: str
    ref: str
    version: str
    digest: str
    used_by: str


class OutboxRow(Struct, frozen=True):
    """A bundle on its way; its content is forgotten once sent."""

    key: str
    seq: int
    fence: int
    bundle: str
    state: Sending


class DirtyRow(Struct, frozen=True):
    """A patient to re-read: who said so last, and why."""

    source: str
    patient: str
    since_run: str
    why: str


class BacklogRow(Struct, frozen=True):
    """A patient whose last attempt failed, and when to try again."""

    source: str
    patient: str
    attempts: int
    reason: str
    retry_at: str


class RunRow(Struct, frozen=True):
    """One run; `exit` is -1 while it lasts and after a crash."""

    id: str
    started_at: str
    ended_at: str
    exit: int
    counts: str


class WatermarkRow(Struct, frozen=True):
    """How far a source was read, or when one of its patients was."""

    source: str
    query_group: str
    value: str


def read_row(kind: type[Row], values: Mapping[str, object]) -> Row | None:
    """A row as a value; None where it holds what no program of ours has written."""
    try:
        return msgspec.convert(values, kind)
    except (msgspec.ValidationError, TypeError, OverflowError):
        return None


def read_bundle(text: str) -> list[Resource] | None:
    """The resources of a row of the outbox; None where they cannot be read."""
    try:
        sent = msgspec.json.decode(text, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeError):
        return None
    named = all(text_of(one.get("resourceType")) and text_of(one.get("id")) for one in sent)
    return sent if named else None
