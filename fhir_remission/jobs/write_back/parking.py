"""What waits for a person at one sink: remembered once, told until somebody acknowledges it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.parked_rows import ParkedRow, parked_of, settle_parked
from fhir_remission.effects.state.state import State
from fhir_remission.fhir.writing.parked import RETRACTED, Parked, author_of, stands_as
from fhir_remission.fhir.writing.patient_writes import Step
from fhir_remission.jobs.judging.summary import Outcome
from fhir_remission.jobs.write_back.planned_requests import Prospect, here
from fhir_remission.jobs.write_back.result_rows import Memory, own_name


def waited(state: State, memory: Memory) -> dict[str, Parked]:
    """What waited when we looked last, by our id."""
    return {
        row.key.rpartition("/")[2]: Parked(
            row.why, row.stands, row.evidence, released=row.word == "released"
        )
        for row in _rows(state, memory)
    }


def is_untold(state: State, memory: Memory) -> bool:
    """Whether something waits that nobody has acknowledged, or that was released since."""
    return any(row.word != "acknowledged" for row in _rows(state, memory))


def told_of_parked(
    state: State, lease: Lease | None, prospect: Prospect, outcome: Outcome
) -> Outcome:
    """Remember what waits and forget what does no longer; say whether a person knows of it all."""
    memory = prospect.memory
    before = {row.key: row for row in _rows(state, memory)}
    waiting = [
        _with_word(row, before.get(row.key))
        for row in _waiting(prospect)
        # Held under the name from before the site was renamed: that note stays the one.
        if row.why != RETRACTED or row.key in before
    ]
    there = {row.key for row in waiting}
    moved = {memory.key_of(name) for name, _ in _named_steps(prospect)} - there
    over = [
        key
        for key, row in before.items()
        if key not in there and (row.why != RETRACTED or key in moved)
    ]
    changed = [row for row in waiting if before.get(row.key) != row]
    if memory.place.write and lease is not None and (changed or over):
        settle_parked(state.database, lease, changed, over)
    parked = any(step.action.kind == "park" for step in prospect.planned.steps)
    known = parked and all(row.word == "acknowledged" for row in waiting)
    return structs.replace(outcome, acknowledged=known)


def _rows(state: State, memory: Memory) -> list[ParkedRow]:
    place = memory.place
    found = parked_of(state.database, place.source, memory.patient, place.name)
    return [row for row in found if row.key.startswith(memory.key_of(""))]


def _with_word(new: ParkedRow, before: ParkedRow | None) -> ParkedRow:
    """What a person has said holds for what she saw: that content, and that answer beside it."""
    if before is None or before.why != new.why:
        return new
    if new.why == RETRACTED:
        return before
    same = (before.stands, before.says) == (new.stands, new.says)
    word = before.word if same and before.word == "acknowledged" else "parked"
    return structs.replace(new, since=before.since, word=word)


def _waiting(prospect: Prospect) -> Iterator[ParkedRow]:
    memory, by = prospect.memory, prospect.memory.place.by
    for name, step in _named_steps(prospect):
        if step.action.kind != "park":
            continue
        stands = prospect.held.resources.get(name.rpartition("/")[2])
        yield ParkedRow(
            key=memory.key_of(name),
            source=memory.place.source,
            patient=memory.patient,
            sink=memory.place.name,
            reference=here(stands) if stands else step.reference,
            why=step.action.reason,
            who=author_of(stands),
            since=by.computed_at,
            stands=stands_as(stands, by),
            says=step.after,
        )


def _named_steps(prospect: Prospect) -> Iterable[tuple[str, Step]]:
    """Each step under the name that we gave to its resource."""
    by = prospect.memory.place.by
    names = {here(item): own_name(item, by) for item in prospect.held.resources.values()}
    return [(names.get(step.reference, step.reference), step) for step in prospect.planned.steps]
