"""A plan as a file: what would be written, resource by resource, sealed with the site key."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.errors import InputError, SafetyStop
from fhir_remission.fhir.r4.datatypes import text_of
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.writing.identity import identifier_value
from fhir_remission.jobs.write_back.planned_requests import Prospect, here
from fhir_remission.jobs.write_back.result_rows import own_name, status_of

_LABEL = b"fhir-remission plan v1"


class Entry(Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One resource: what would happen to it, and the version that this was decided on."""

    sink: str
    patient: str
    criteria: str
    reference: str
    operation: str
    if_match: str
    evidence_hash: str
    before: str
    after: str
    why: str


class PlanFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What `plan` found."""

    site: str
    as_of: str
    cohort: int
    entries: tuple[Entry, ...]
    of_the_past: bool = False
    """Made with an `--as-of` that had passed: what would have been said then."""
    hmac: str = ""

    @property
    def patients(self) -> tuple[str, ...]:
        """Whom it is about."""
        return tuple(sorted({entry.patient for entry in self.entries}))

    @property
    def changed(self) -> int:
        """How many patients would change category."""
        moved = {
            e.patient
            for e in self.entries
            if e.operation in ("update", "retract") and e.before != e.after
        }
        return len(moved)


def entries_of(prospect: Prospect) -> list[Entry]:
    """What a prospect would do, one entry per resource."""
    by = prospect.memory.place.by
    system = by.identity.identifier_system("evidence-hash")
    writes = {own_name(w.resource, by): w for w in prospect.planned.writes}
    writes |= {here(w.resource): w for w in prospect.planned.writes}
    found = _stub_of(prospect)
    for step in prospect.planned.steps:
        write = writes.get(step.reference)
        found.append(
            Entry(
                sink=prospect.memory.place.name,
                patient=prospect.memory.patient,
                criteria=prospect.memory.criteria_id,
                reference=step.reference,
                operation=step.action.kind,
                if_match=write.if_match if write else "",
                evidence_hash=identifier_value(write.resource, system) if write else "",
                before=step.before,
                after=step.after,
                why=step.action.reason,
            )
        )
    return found


def _stub_of(prospect: Prospect) -> list[Entry]:
    """The Patient that a repository lacks and that would be written first."""
    if prospect.subject.missing is None or not prospect.planned.writes:
        return []
    memory, where = prospect.memory, prospect.subject.reference
    why = "nobody has the identifier"
    return [Entry(memory.place.name, memory.patient, "", where, "create", "", "", "", "", why)]


def seal_plan(plan: PlanFile, key: bytes) -> PlanFile:
    """The plan with its seal."""
    return structs.replace(plan, hmac=_seal(plan, key))


def read_plan(path: Path, key: bytes) -> PlanFile:
    """Read a plan and make sure that nobody changed it and that it is of this site."""
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=PlanFile)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UNREADABLE as error:
        raise InputError(f"{path}: not a plan: {text_of(str(error))}") from None
    if not hmac.compare_digest(plan.hmac.encode(), _seal(plan, key).encode()):
        raise SafetyStop(f"{path}: changed since it was made, or made with another site key")
    return plan


def check_plan(
    plan: PlanFile, prospects: Sequence[Prospect], is_done: Callable[[Entry], bool]
) -> None:
    """Refuse where the world has moved since the plan was made.

    What an interrupted `apply` has done already is as it should be.
    """
    wanted = {_name(entry): entry for entry in plan.entries if entry.operation != "none"}
    found = {
        _name(entry): entry
        for prospect in prospects
        for entry in entries_of(prospect)
        if entry.operation != "none"
    }
    moved = [name for name, entry in found.items() if wanted.get(name) != entry]
    there = {name: how for prospect in prospects for name, how in _standing(prospect).items()}
    gone = [
        name
        for name, entry in wanted.items()
        if name not in found
        and entry.operation != "park"
        # A stub that is not missing any more.
        and not entry.reference.startswith("Patient/")
        and there.get(name) != _wanted(entry)
        and not is_done(entry)
    ]
    if moved or gone:
        raise SafetyStop(
            f"the world has moved: {len({*moved, *gone})} of {len(wanted)} entries of the plan "
            "are not as they were; make a new plan"
        )


def _standing(prospect: Prospect) -> dict[tuple[str, str], tuple[str, str]]:
    """Status and hash of what was read back: a run that died may have sent it unrecorded."""
    place = prospect.memory.place
    system = place.by.identity.identifier_system("evidence-hash")
    return {
        (place.name, name): (status_of(held), identifier_value(held, system))
        for held in prospect.held.resources.values()
        for name in (own_name(held, place.by), here(held))
    }


def _wanted(entry: Entry) -> tuple[str, str]:
    withdrawn = entry.operation == "retract"
    return "entered-in-error" if withdrawn else "standing", entry.evidence_hash


def _name(entry: Entry) -> tuple[str, str]:
    return entry.sink, entry.reference


def _seal(plan: PlanFile, key: bytes) -> str:
    told = msgspec.json.encode(structs.replace(plan, hmac=""))
    return hmac.new(hmac.digest(key, _LABEL, "sha256"), told, "sha256").hexdigest()
