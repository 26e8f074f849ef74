"""What `classify --output bundle` prints: one transaction Bundle of all results, ready to post.

No entry can overwrite anything. What is new is created unless it is there; what `--base` shows is
changed under the version that stands there. So posting twice changes nothing, and of two who post,
or of a person who edits, the later one is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.effects.server.client import decode_json
from fhir_remission.errors import InputError, RemissionError, SafetyStop
from fhir_remission.fhir.r4.datatypes import Json, Resource, objects, target_of, text_of, version_of
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.writing.authorship import Authorship, build_device
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.identity import KINDS, resource_id
from fhir_remission.fhir.writing.ownership import STOPS, owner_of
from fhir_remission.fhir.writing.patient_writes import Held, PatientWrites, plan_writes
from fhir_remission.fhir.writing.site_marks import criteria_id_of, is_marked
from fhir_remission.fhir.writing.transaction import build_transaction_for_all
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.site.site import authorship_of
from fhir_remission.jobs.write_back.result_rows import own_name, status_of
from fhir_remission.settings import Settings


class Outgoing(Struct, frozen=True):
    """The Bundle, and what of ours it leaves as it stands because a person must look."""

    body: bytes
    left: tuple[str, ...] = ()


def transaction_of(
    found: Iterable[tuple[Assessment, ...]],
    judge: Judge,
    settings: Settings,
    *,
    history: bool,
    base: Path | None = None,
) -> Outgoing:
    """Build the Bundle; the settings name the site's id and key, of which the ids are made.

    With a `base`, give all assessments of each patient: what it shows may belong to any of them.
    """
    by = authorship_of(settings, judge, SystemClock().now())
    stands = _Base(by, [] if base is None else list(_results_in(base, by)))
    planned = [
        plan_writes(
            assessments,
            by,
            stands.held(assessments),
            which="history" if history else "current",
            own_ids=False,
        )
        for assessments in found
    ]
    writes = [write for one in planned for write in one.writes]
    device = build_device(by)
    for resource in [device, *(write.resource for write in writes)]:
        wrong = check_resource(resource)
        if wrong:
            raise RemissionError(f"{text_of(resource['resourceType'])}: {wrong[0]}")
    bundle = build_transaction_for_all(writes, device, by.identity.namespace)
    return Outgoing(msgspec.json.encode(bundle) + b"\n", (*_left(planned), *stands.left))


def _left(planned: Iterable[PatientWrites]) -> Iterator[str]:
    for one in planned:
        for step in one.steps:
            if step.action.kind == "park":
                yield f"{step.reference}: {step.action.reason}; left as it stands"


def _results_in(base: Path, by: Authorship) -> Iterator[Resource]:
    """Results of ours in what a server answered; InputError where it is an error or no answer."""
    if str(base).startswith(("http:", "https:")):
        raise InputError(f"--base {base}: give a file with what it answered, no address")
    for resource in _resources(base):
        kind, place = resource.get("resourceType"), f"{base}: {_place(resource)}"
        if kind == "OperationOutcome":
            raise InputError(f"{base}: an OperationOutcome in place of what stands; read it again")
        if kind not in KINDS or not is_marked(by.identity, resource):
            continue
        if not resource.get("id") or not version_of(resource):
            raise InputError(f"{place} has no id or no meta.versionId to guard a change with")
        yield resource


def _resources(base: Path) -> Iterator[Resource]:
    """A Bundle, a resource, or one of either a line."""
    body = b"".join(read_chunks(base))
    try:
        read: list[Json] = [decode_json(body)] if body.strip() else []
    except UNREADABLE:
        read = [_line(base, line) for line in body.splitlines() if line.strip()]
    for item in read:
        if not isinstance(item, dict) or not item.get("resourceType"):
            raise InputError(f"{base}: not a FHIR resource")
        if item["resourceType"] != "Bundle":
            yield item
        for entry in objects(item.get("entry")):
            held = entry.get("resource")
            if isinstance(held, dict):
                yield held


def _line(base: Path, line: bytes) -> Json:
    try:
        return decode_json(line)
    except UNREADABLE:
        raise InputError(f"{base}: neither JSON nor NDJSON") from None


class _Base(Struct):
    """What stands, taken apart by patient."""

    by: Authorship
    resources: Sequence[Resource]
    left: list[str] = []

    def held(self, assessments: Sequence[Assessment]) -> Held:
        """Ours under the names of these assessments; what else is ours and in force is left.

        An engine often hands over what came last, not all there is: no result is taken back for
        want of evidence here.
        """
        by, kinds = self.by, KINDS.values()
        names = {resource_id(by.identity, kind, one) for one in assessments for kind in kinds}
        held: dict[str, Resource] = {}
        for resource in self._ours(assessments, names):
            own = own_name(resource, by).rpartition("/")[2]
            if own in held:
                twice = f"{_place(resource)} and {_place(held[own])}"
                raise SafetyStop(f"{twice} are the same result; see reconcile")
            if own in names:
                held[own] = resource
            elif status_of(resource) == "standing":
                why = "nothing in the input accounts for it"
                self.left.append(f"{_place(resource)}: {why}; left as it stands, for sync to judge")
        return Held(held)

    def _ours(
        self, assessments: Sequence[Assessment], names: Collection[str]
    ) -> Iterator[Resource]:
        """SafetyStop where a person must look first."""
        patients = {one.patient for one in assessments}
        criteria = {one.criteria_id for one in assessments}
        for resource in self.resources:
            own = own_name(resource, self.by).rpartition("/")[2]
            subject = resource.get("subject")
            about = target_of(subject) if isinstance(subject, dict) else ""
            same = criteria_id_of(resource, self.by.identity) in criteria
            if own not in names and not (about in patients and same):
                continue
            owner = owner_of(resource, self.by.identity, patients=patients, names=names)
            if owner in STOPS:
                raise SafetyStop(f"{_place(resource)} {STOPS[owner]}")
            if owner != "foreign":
                yield resource


def _place(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
