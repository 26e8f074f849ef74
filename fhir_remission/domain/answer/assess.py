"""The one entry: a patient's record, a criteria set and options in, the assessments out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.answer.finish import Segment, finish, nothing, policies_of
from fhir_remission.domain.answer.placements import placings
from fhir_remission.domain.answer.together import Walked, together
from fhir_remission.domain.course import budget
from fhir_remission.domain.course.draft import Draft, with_next
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.ways import beginning, walk
from fhir_remission.domain.criteria.loading import CriteriaSet, with_policies
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.domain.record.facts import Facts, read_facts


class Options(Struct, frozen=True):
    """How far answers may rest on what was never reported."""

    accept_routine: frozenset[str] = frozenset()
    """Routine assumptions that no longer make an answer provisional."""
    strict: bool = False
    """Assume nothing: what was never reported is unknown."""
    policies: Mapping[str, str] = {}
    """Policy name to value, where the site departs from the default."""
    current_only: bool = False
    """Work out the last assessment alone, where nobody asks for the ones before it."""


def assess(
    record: PatientRecord,
    criteria: CriteriaSet,
    *,
    as_of: datetime,
    zone: tzinfo = UTC,
    options: Options = Options(),  # noqa: B008 - frozen
) -> tuple[Assessment, ...]:
    """Every assessment of a patient in order of time; the last one is current."""
    criteria = _chosen(criteria, tuple(sorted(options.policies.items())))
    strict = options.strict or ("strict", "yes") in policies_of(criteria)
    facts = read_facts(record, criteria, as_of)
    accepted = frozenset() if strict else options.accept_routine
    today = as_of.astimezone(zone).date()
    too_much = budget.asks_too_much(facts)
    drafts = (budget.unjudged(facts),) if too_much else _drafts(facts, as_of, strict=strict)
    shown = deque(_segments(drafts, accepted), maxlen=1 if options.current_only else None)
    if not shown:
        return (nothing(facts, beginning(facts), as_of, today),)
    return tuple(finish(facts, segment, as_of, today) for segment in shown)


def _drafts(facts: Facts, as_of: datetime, *, strict: bool) -> Iterable[Draft]:
    """The walk through the record, or what all walks say where a start may lie elsewhere."""
    found = placings(facts, as_of)
    if found is None:
        return walk(facts, strict=strict)
    walked = []
    for record in found.records:
        placed = read_facts(record, facts.criteria, as_of)
        walked.append(Walked(placed, beginning(placed), list(walk(placed, strict=strict))))
    return together(Ground(facts, strict=strict), walked, found.sent)


def _segments(drafts: Iterable[Draft], accepted: frozenset[str]) -> Iterator[Segment]:
    """Each answer until the next one's day."""
    for draft, later in with_next(drafts):
        yield Segment(draft, None if later is None else later.day, accepted)


@lru_cache
def _chosen(criteria: CriteriaSet, policies: tuple[tuple[str, str], ...]) -> CriteriaSet:
    return with_policies(criteria, dict(policies))


__all__ = ["Options", "assess"]
