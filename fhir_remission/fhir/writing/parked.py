"""Results that wait for a person, and what is ours beside them.

A result whose ClinicalImpression or Observation somebody edited, deleted or retracted is not
written again. Its other half is ours and would go on saying what no longer holds: it gets a note
and becomes preliminary, once. What is theirs is never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, structs

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import Json, Resource, objects, text_of, version_of
from fhir_remission.fhir.writing.authorship import (
    Authorship,
    Change,
    sealed,
    taken_elements,
    versions_of,
)
from fhir_remission.fhir.writing.decide import Action, category_of, decide
from fhir_remission.fhir.writing.explanation import note
from fhir_remission.fhir.writing.identity import KINDS, content_digest, resource_id
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.retraction import sent_back
from fhir_remission.fhir.writing.withdrawal import Withdrawal, own_id

RETRACTED = "retracted on purpose; it holds until its evidence changes or it is released"
UNVERSIONED = (
    "the server keeps no versions, so what somebody writes meanwhile would be lost; "
    "write.unversioned says what to do"
)
_OPEN = {"ClinicalImpression": "in-progress", "Observation": "preliminary"}


class Parked(Struct, frozen=True):
    """What our state remembers of a result that waits for a person."""

    why: str
    stands: str = ""
    """Digest of what stood there; empty where nothing did."""
    evidence: str = ""
    """Fingerprint of what a retracted result rested on; empty: unknown, so it holds."""
    released: bool = False
    """A person has said that what stood there then may be written over."""

    def holds(self, assessment: Assessment) -> bool:
        """Whether a retraction still holds."""
        same = self.evidence in ("", fingerprint(versions_of(assessment)))
        return self.why == RETRACTED and same and not self.released


def fingerprint(cited: Iterable[tuple[str, str]]) -> str:
    """Evidence in one word: resources and their versions, not what was concluded from them."""
    return hashlib.sha256(repr(sorted(set(cited))).encode()).hexdigest()


def stands_as(existing: Resource | None, by: Authorship) -> str:
    """The digest of what stands; empty where nothing does."""
    return "" if existing is None else content_digest(existing, namespace=by.identity.namespace)


class Parking(Struct, frozen=True):
    """What waited for a person when we looked last, by our ids, and how to guard what stands."""

    parked: Mapping[str, Parked] = {}
    unversioned: Literal["park", "compare"] = "park"

    def decide(
        self,
        assessment: Assessment,
        by: Authorship,
        own: str,
        existing: Resource | None,
        known: Known | None,
        *,
        deleted: bool,
    ) -> Action:
        """Decide about one resource, knowing what a person has said of it."""
        if assessment.anchor.kind != "none" and self._is_held(assessment, by, own):
            return Action("park", RETRACTED)
        if self._is_released(own, existing, by):
            return decide(assessment, by, existing, _as_ours(existing, by, known))
        return self._guarded(decide(assessment, by, existing, known, deleted=deleted), existing)

    def _is_held(self, assessment: Assessment, by: Authorship, own: str) -> bool:
        """Whether a retraction holds, also one from before the site was renamed."""
        names = [own]
        for kind in KINDS.values():
            if resource_id(by.identity, kind, assessment) == own:
                names += (
                    resource_id(structs.replace(by.identity, site_id=site), kind, assessment)
                    for site in by.identity.former
                )
        found = (self.parked.get(name) for name in names)
        return any(one is not None and one.holds(assessment) for one in found)

    def known(
        self, resources: Mapping[str, Resource], known: Mapping[str, Known], by: Authorship
    ) -> Mapping[str, Known]:
        """What our state remembers; what a person released counts as ours."""
        released = {
            own: _as_ours(existing, by, known.get(own))
            for own, existing in resources.items()
            if self._is_released(own, existing, by)
        }
        return {**known, **released}

    def guard(self, withdrawal: Withdrawal, by: Authorship) -> Withdrawal:
        """The same rules for what is taken back."""
        places = {f"{old['resourceType']}/{old['id']}": old for old, _ in withdrawal.resources}
        actions = {
            place: action
            if self._is_released(own_id(old, by), old, by)
            else self._guarded(action, old)
            for (place, old), (_, action) in zip(places.items(), withdrawal.resources, strict=True)
        }
        after = withdrawal.replaced_by.category if withdrawal.replaced_by else ""
        settled = together(actions, places, by, after=after)
        pairs = tuple((old, settled[place]) for place, old in places.items())
        return structs.replace(withdrawal, resources=pairs)

    def _is_released(self, own: str, existing: Resource | None, by: Authorship) -> bool:
        """Whether a person said that exactly this may be written over."""
        parked = self.parked.get(own)
        return parked is not None and parked.released and parked.stands == stands_as(existing, by)

    def _guarded(self, action: Action, existing: Resource | None) -> Action:
        """Park what would go over something whose version nobody can name."""
        writes = action.kind in ("update", "retract") and existing is not None
        if writes and self.unversioned == "park" and not version_of(existing or {}):
            return Action("park", UNVERSIONED)
        return action


def _as_ours(existing: Resource | None, by: Authorship, known: Known | None) -> Known:
    """What stands counts as if it had been read back from what we wrote."""
    return structs.replace(known or Known(""), content_digest=stands_as(existing, by))


def together(
    actions: Mapping[str, Action],
    held: Mapping[str, Resource],
    by: Authorship,
    *,
    after: str,
) -> Mapping[str, Action]:
    """Keep the resources of one assessment together, by name: if one is parked, none is written.

    What stands beside it and would have changed is marked instead; `after` is what it would say.
    """
    waits = next((name for name, action in actions.items() if action.kind == "park"), None)
    if waits is None:
        return actions
    return {
        name: action
        if action.kind in ("park", "none")
        else _marking(action, held.get(name), by, waits, actions[waits].reason, after)
        for name, action in actions.items()
    }


def _marking(
    action: Action, existing: Resource | None, by: Authorship, waits: str, why: str, after: str
) -> Action:
    if existing is None:
        return Action("park", why)
    change = Change("sibling-parked", category_of(existing, by), after, successor=waits)
    if any(text_of(held.get("text")) == change.sentence for held in objects(existing.get("note"))):
        return Action("none", "marked already")
    return structs.replace(action, kind="mark", reason=why, change=change)


def marked(existing: Resource, by: Authorship, change: Change) -> Resource:
    """The resource as preliminary, with a note that a person has to look at the one beside it."""
    kind = text_of(existing.get("resourceType"))
    opening = Change("sibling-parked", successor=change.successor).opening
    kept: list[Json] = [
        held
        for held in objects(existing.get("note"))
        if not text_of(held.get("text")).startswith(opening)
    ]
    status = _OPEN[kind] if not by.statuses or _OPEN[kind] in by.statuses else existing["status"]
    resource: Resource = {
        **sent_back(existing),
        "status": status,
        "note": [*kept, note(change.sentence, by)],
    }
    return sealed(taken_elements(resource, by), by)


def author_of(resource: Resource | None) -> str:
    """Who says to have written it last, as far as the resource tells; else empty."""
    held = resource or {}
    notes = list(objects(held.get("note")))
    named = [
        *(_name(one.get("authorReference")) or text_of(one.get("authorString")) for one in notes),
        _name(held.get("assessor")),
        *(_name(one) for one in objects(held.get("performer"))),
    ]
    return next((one for one in reversed(named) if one and "fhir-remission" not in one), "")[:100]


def _name(held: Json) -> str:
    if not isinstance(held, dict):
        return ""
    return text_of(held.get("display")) or text_of(held.get("reference"))
