"""All that one patient's transaction contains: what the assessments say against what stands there.

Give it every assessment of the patient under one set of criteria, and everything of ours that the
server holds about the patient. It must not be called where the evidence was read incompletely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import Resource, identifier, reference, text_of
from fhir_remission.fhir.writing.assessment_json import Written
from fhir_remission.fhir.writing.authorship import Authorship, Change
from fhir_remission.fhir.writing.decide import Action, category_of
from fhir_remission.fhir.writing.identity import KINDS, resource_id
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.parked import Parking, marked, together
from fhir_remission.fhir.writing.provenance import build_provenance
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.retraction import retracted
from fhir_remission.fhir.writing.transaction import Write
from fhir_remission.fhir.writing.withdrawal import Withdrawal, withdrawals

EVERYTHING = ("ClinicalImpression", "Observation", "Provenance")
_WORDS: dict[str, Written] = {
    "park": "parked",
    "retract": "retracted",
    "update": "updated",
    "create": "created",
}


class Held(Struct, frozen=True):
    """What the server and our state hold about one patient.

    Keyed by our assessment identifier, which is the resource id wherever we choose ids.
    """

    resources: Mapping[str, Resource] = {}
    known: Mapping[str, Known] = {}
    deleted: frozenset[str] = frozenset()
    parking: Parking = Parking()


class Step(Struct, frozen=True):
    """What happens to one resource, for the plan, the receipt and the report."""

    reference: str
    action: Action
    before: str
    """Category that stands on the server; empty for none."""
    after: str
    """Category that will stand; empty where the resource is withdrawn."""


class PatientWrites(Struct, frozen=True):
    """The writes of one transaction, and every step that led to them, also those to do nothing."""

    writes: tuple[Write, ...]
    steps: tuple[Step, ...]

    @property
    def written(self) -> Written:
        """The one word of a line of `sync`; a parked resource outweighs the rest."""
        kinds = {step.action.kind for step in self.steps}
        return next((word for kind, word in _WORDS.items() if kind in kinds), "none")


class _Decided(Struct, frozen=True):
    """One assessment, and what to do about each of its resources."""

    assessment: Assessment
    actions: Mapping[str, Action]


def plan_writes(
    assessments: Sequence[Assessment],
    by: Authorship,
    held: Held,
    *,
    which: Literal["current", "history"] = "current",
    resources: Sequence[str] = EVERYTHING,
    own_ids: bool = True,
) -> PatientWrites:
    """Plan the transaction of one patient; `assessments` are all of them, oldest first.

    `own_ids` says that the server takes the ids that we choose.
    """
    types = tuple(name for name in KINDS if name in resources)
    decided = [
        _Decided(assessment, _actions(assessment, by, held, types))
        for assessment in _wanted(assessments, by, held, which)
    ]
    new = [d.assessment for d in decided if any(a.kind == "create" for a in d.actions.values())]
    remembered = held.parking.known(held.resources, held.known, by)
    lost = [
        held.parking.guard(one, by)
        for one in withdrawals(held.resources, remembered, assessments, new, by)
    ]
    decided = [_unless_parked(one, lost) for one in decided]
    writes: list[Write] = []
    steps: list[Step] = []
    for one in decided:
        steps += _steps(one, by, held)
        previous = _previous(one.assessment, assessments, decided, lost, by, held, own_ids=own_ids)
        writes += _written(one, by, held, previous)
    for withdrawal in lost:
        steps += _withdrawal_steps(withdrawal, by)
        writes += _taken_back(withdrawal, by)
    kept = [w for w in writes if w.resource["resourceType"] in resources]
    return PatientWrites(tuple(kept), tuple(steps))


def _wanted(
    assessments: Sequence[Assessment], by: Authorship, held: Held, which: str
) -> list[Assessment]:
    """What is to be written, and what was: an older result must follow its evidence too.

    Of two that hang on one Observation the later stands; both would undo each other for ever.
    """
    wanted = [
        one
        for one in assessments
        if one.anchor.kind != "none"
        and (which == "history" or one.current or _ids(one, by) & held.resources.keys())
    ]
    by_id = {resource_id(by.identity, "impression", one): one for one in wanted}
    return [one for one in wanted if one in by_id.values()]


def _ids(assessment: Assessment, by: Authorship) -> set[str]:
    return {resource_id(by.identity, kind, assessment) for kind in KINDS.values()}


def _actions(
    assessment: Assessment, by: Authorship, held: Held, types: Sequence[str]
) -> Mapping[str, Action]:
    found: dict[str, Action] = {}
    stand: dict[str, Resource] = {}
    places: dict[str, str] = {}
    for name in types:
        own = resource_id(by.identity, KINDS[name], assessment)
        existing = held.resources.get(own)
        place = f"{name}/{existing['id'] if existing else own}"
        places[name] = place
        if existing:
            stand[place] = existing
        known, deleted = held.known.get(own), own in held.deleted
        found[place] = held.parking.decide(assessment, by, own, existing, known, deleted=deleted)
    settled = together(found, stand, by, after=assessment.category)
    return {name: settled[place] for name, place in places.items()}


def _unless_parked(one: _Decided, lost: Sequence[Withdrawal]) -> _Decided:
    """What replaces a resource that somebody edited must wait for that person too."""
    for withdrawal in lost:
        if withdrawal.parked and withdrawal.replaced_by == one.assessment:
            parked = Action("park", withdrawal.parked)
            return _Decided(one.assessment, dict.fromkeys(one.actions, parked))
    return one


def _previous(
    assessment: Assessment,
    assessments: Sequence[Assessment],
    decided: Sequence[_Decided],
    lost: Sequence[Withdrawal],
    by: Authorship,
    held: Held,
    *,
    own_ids: bool,
) -> Resource | None:
    """What this one replaces; else the last before it that is in force or written with it."""
    for withdrawal in lost:
        if withdrawal.replaced_by == assessment and withdrawal.impression:
            return reference(withdrawal.impression)
    created = [one.assessment for one in decided if _creates(one)]
    found: Resource | None = None
    for earlier in assessments[: assessments.index(assessment)]:
        own = resource_id(by.identity, "impression", earlier)
        stands = held.resources.get(own)
        if earlier in created:
            found = reference(f"ClinicalImpression/{own}") if own_ids else _by_identifier(own, by)
        elif stands and stands.get("status") != "entered-in-error":
            found = reference(f"ClinicalImpression/{stands['id']}")
    return found


def _by_identifier(own: str, by: Authorship) -> Resource:
    """A reference that stays true, and our content the same, whatever id the server gives."""
    system = by.identity.identifier_system("assessment")
    return {"type": "ClinicalImpression", "identifier": identifier(system, own)}


def _creates(one: _Decided) -> bool:
    action = one.actions.get("ClinicalImpression")
    return action is not None and action.kind == "create"


def _steps(one: _Decided, by: Authorship, held: Held) -> list[Step]:
    steps: list[Step] = []
    for name, action in one.actions.items():
        own = resource_id(by.identity, KINDS[name], one.assessment)
        before = category_of(held.resources[own], by) if own in held.resources else ""
        steps.append(Step(f"{name}/{own}", action, before, one.assessment.category))
    return steps


def _written(one: _Decided, by: Authorship, held: Held, previous: Resource | None) -> list[Write]:
    """The resources of one assessment that must be written, and one Provenance of them all.

    Its targets are all resources of the assessment, also one that an earlier attempt had written:
    the Provenance is the same however often a run was interrupted.
    """
    writes: list[Write] = []
    targets: list[Resource] = []
    for name, action in one.actions.items():
        built = _build(name, one.assessment, by, action, previous)
        stands = held.resources.get(text_of(built["id"]), {})
        server_id = text_of(stands.get("id"))
        targets.append({**built, "id": server_id or built["id"]})
        if action.kind in ("create", "update"):
            writes.append(Write(built, action.if_match, server_id))
        elif action.kind == "mark" and action.change:
            targets[-1] = marked(stands, by, action.change)
            writes.append(Write(targets[-1], action.if_match, server_id))
    if not writes:
        return []
    change = next((action.change for action in one.actions.values() if action.change), None)
    provenance = build_provenance(targets, by, assessment=one.assessment, change=change)
    return [*writes, Write(provenance)]


def _build(
    name: str,
    assessment: Assessment,
    by: Authorship,
    action: Action,
    previous: Resource | None,
) -> Resource:
    if name == "ClinicalImpression":
        return build_impression(assessment, by, change=action.change, previous=previous)
    return build_observation(assessment, by, change=action.change, before=action.before)


def _withdrawal_steps(withdrawal: Withdrawal, by: Authorship) -> list[Step]:
    return [
        Step(f"{old['resourceType']}/{old['id']}", action, category_of(old, by), "")
        for old, action in withdrawal.resources
    ]


def _taken_back(withdrawal: Withdrawal, by: Authorship) -> list[Write]:
    writes = [
        Write(_last_form(old, action.kind, action.change, by), action.if_match, text_of(old["id"]))
        for old, action in withdrawal.resources
        if action.change is not None
    ]
    if not writes:
        return []
    change = next(action.change for _, action in withdrawal.resources if action.change)
    provenance = build_provenance([write.resource for write in writes], by, change=change)
    return [*writes, Write(provenance)]


def _last_form(old: Resource, kind: str, change: Change, by: Authorship) -> Resource:
    return marked(old, by, change) if kind == "mark" else retracted(old, by, change)
