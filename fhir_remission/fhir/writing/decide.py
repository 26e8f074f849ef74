"""What to do about one resource of ours, decided from content alone: nothing is sent from here.

A resource is ours while its content digest matches, whatever its version: servers reindex and are
restored, and states get lost. Whatever else stands there was written by a person and stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import (
    RELATIVE_REFERENCE,
    Resource,
    objects,
    text_of,
    version_of,
)
from fhir_remission.fhir.writing.authorship import Authorship, Change
from fhir_remission.fhir.writing.identity import KINDS, identifier_value, is_unedited, resource_id
from fhir_remission.fhir.writing.ownership import STOPS, Known, Sight, owner_of, whose

ActionKind = Literal["none", "create", "update", "park", "retract", "mark"]
"""`mark`: a note beside what waits for a person."""

# Why what stands must not be touched; a run stops before it decides about the last three.
_DOUBTS: dict[str, str] = {
    "ours": "",
    "edited": "edited by somebody",
    "disputed": "marked by two sites: somebody copied a mark",
    "foreign": "of another site",
    **STOPS,
}


class Action(Struct, frozen=True):
    """What to do about one resource, and why."""

    kind: ActionKind
    reason: str = ""
    change: Change | None = None
    if_match: str = ""
    before: str = ""
    """Status that stands on the server: a final Observation becomes amended or corrected."""


_MISSING = {
    "deleted": Action("park", "deleted by somebody"),
    "gone": Action("create", "gone from the server"),
    "free": Action("create", "new"),
}


def decide(
    assessment: Assessment,
    by: Authorship,
    existing: Resource | None,
    known: Known | None = None,
    *,
    deleted: bool = False,
) -> Action:
    """Decide about the resource of one assessment as it was just read from the server."""
    if assessment.anchor.kind == "none":
        return Action("none", "nothing to hang it on")
    if existing is None:
        gone = whose(Sight("deleted" if deleted else "gone", known=known is not None))
        return _MISSING[gone]
    own = {resource_id(by.identity, kind, assessment) for kind in KINDS.values()}
    doubt = _doubt(existing, by, known, patients=(assessment.patient,), names=own)
    if doubt and not _followed(existing, by):
        return Action("park", doubt)
    change = _change(assessment, by, existing)
    if change is None:
        return Action("none", "same evidence")
    return Action(
        "update",
        change.kind,
        change,
        if_match=version_of(existing),
        before=text_of(existing.get("status")),
    )


def decide_withdrawal(
    existing: Resource,
    by: Authorship,
    known: Known | None = None,
    *,
    successor: str = "",
    patients: Sequence[str] = (),
) -> Action:
    """Decide about a resource of ours whose anchor is gone, or has moved to `successor`."""
    if owner_of(existing, by.identity, patients=patients, known=known) == "foreign":
        return Action("none", "of another site")
    if text_of(existing.get("status")) == "entered-in-error":
        return Action("none", "already withdrawn")
    doubt = "" if _moved(existing, by, known) else _doubt(existing, by, known, patients=patients)
    if doubt:
        return Action("park", doubt)
    kind: Literal["anchor-moved", "evidence-withdrawn"] = (
        "anchor-moved" if successor else "evidence-withdrawn"
    )
    change = Change(kind, before=category_of(existing, by), successor=successor)
    return Action("retract", kind, change, version_of(existing), text_of(existing.get("status")))


def category_of(resource: Resource, by: Authorship) -> str:
    """The category that stands in a resource of ours, or empty."""
    found = next(objects(resource.get("finding")), {})
    held = found.get("itemCodeableConcept") or resource.get("valueCodeableConcept")
    codings = objects(held.get("coding")) if isinstance(held, dict) else ()
    system = by.identity.system("category")
    return next((text_of(c.get("code")) for c in codings if c.get("system") == system), "")


def _doubt(
    existing: Resource,
    by: Authorship,
    known: Known | None,
    *,
    patients: Sequence[str],
    names: Collection[str] = (),
) -> str:
    """Why the resource must not be touched, or empty."""
    owner = owner_of(existing, by.identity, patients=patients, names=names, known=known)
    if owner == "edited" and not identifier_value(
        existing, by.identity.identifier_system("assessment")
    ):
        return "our identifier was taken away"
    return _DOUBTS[owner]


def _moved(existing: Resource, by: Authorship, known: Known | None) -> bool:
    """Whether only its subject was changed: a server that merges two records moves results too."""
    if known is None or not known.patient or by.subject:
        return _followed(existing, by)
    return _was_about(existing, by, known.patient)


def _followed(existing: Resource, by: Authorship) -> bool:
    """Whether a repository of its own merged two records and moved our result along."""
    there = by.subject and _subject(existing) == by.subject
    return bool(there) and any(_was_about(existing, by, one) for one in by.former_subjects)


def _was_about(existing: Resource, by: Authorship, patient: str) -> bool:
    before: Resource = {**existing, "subject": {"reference": patient}}
    return is_unedited(before, namespace=by.identity.namespace)


def _subject(existing: Resource) -> str:
    """The reference of the patient, without a base."""
    held = existing.get("subject")
    named = RELATIVE_REFERENCE.fullmatch(
        text_of(held.get("reference")) if isinstance(held, dict) else ""
    )
    return f"{named['type']}/{named['id']}" if named else ""


def _change(assessment: Assessment, by: Authorship, existing: Resource) -> Change | None:
    before, after = category_of(existing, by), assessment.category
    if text_of(existing.get("status")) == "entered-in-error":
        return Change("reinstated", before, after)
    system = by.identity.identifier_system("evidence-hash")
    if identifier_value(existing, system) == by.evidence_hash(assessment):
        elsewhere = by.subject and by.subject != _subject(existing)
        return Change("subject-moved", before, after, by.subject) if elsewhere else None
    return Change("evidence-changed" if before == after else "category-changed", before, after)
