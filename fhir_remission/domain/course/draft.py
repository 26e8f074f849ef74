"""One anchor in every way to read the record, and what it says before it is put into words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, pairwise
from typing import NamedTuple, TypeVar

from msgspec import Struct

from fhir_remission.domain.course.scope import Gate
from fhir_remission.domain.course.world import Node, Said, World, share_remissions
from fhir_remission.domain.criteria.rules import Category, Mrd
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.evaluation.reached import Reached, Responses
from fhir_remission.domain.nouns.assessment import AnchorKind
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.mrd import Status
from fhir_remission.domain.record.mrd_history import MrdEvent

_One = TypeVar("_One")


def with_next(many: Iterable[_One]) -> Iterator[tuple[_One, _One | None]]:
    """Each with the one after it; nothing comes after the last."""
    for one, later in pairwise(chain(many, (None,))):
        assert one is not None  # noqa: S101 - only the last one is
        yield one, later


class Anchor(NamedTuple):
    """One anchor, and what each way to read the record says there."""

    kind: AnchorKind
    day: date
    effective: str
    refs: tuple[str, ...]
    told: tuple[tuple[Said, World], ...]
    nodes: tuple[Node, ...] = ()
    before: tuple[tuple[World, Said], ...] = ()
    """Where each way stood before it."""
    asked: frozenset[str | None] = frozenset()
    """The kinds of things that were unknown here."""
    gate: Gate | None = None
    """Where the diagnosis is in doubt."""
    reached: tuple[Reached, ...] = ()
    """The responses of each way."""

    @property
    def phases(self) -> set[str]:
        """The phases before it."""
        return {world.phase for world, _ in self.before}

    @property
    def lasted(self) -> bool:
        """Whether the same remissions were there before it in every way, the last ended or not."""
        return share_remissions(self.before)


class Residual(Struct, frozen=True):
    """Measurable residual disease as it stands at an anchor."""

    status: Status = "unknown"
    event: MrdEvent = "none"
    code: str = ""
    flags: tuple[str, ...] = ()
    used: Proof = ()
    history: tuple[tuple[str, date, date | None], ...] = ()
    """Events of MRD in this remission: what, since when, and until when if it has ended."""


def event_code(event: MrdEvent, rules: Mrd) -> str | None:
    """The code of a remission in which MRD has come back, or may have."""
    return {"relapse": rules.relapse, "relapse-suspected": rules.suspected}.get(event)


class Placed(NamedTuple):
    """The way to read a record that an answer is shown by, where nobody can place something."""

    facts: Facts
    sent: Mapping[Result | Event, Result | Event]
    """What was placed, as it was sent."""


class Draft(Said, frozen=True, eq=False, kw_only=True):
    """What all ways to read the record say together at one anchor; None where they differ."""

    kind: AnchorKind
    day: date
    effective: str
    refs: tuple[str, ...]
    possible_higher: tuple[str, ...] = ()
    row: Category | None = None
    remitted: bool = False
    """Whether every way is in a remission."""
    mrd: Residual = Residual()
    best: str | None = None
    reached: Reached = Reached()
    refractory: date | None = None
    """Since when the disease of the course has been refractory."""
    others: tuple[Evaluation | None, ...] = ()
    """The marrow with its window as other ways read it; None of one that asked no criteria."""
    behind: tuple[Evaluation | None, ...] = ()
    """The same of the ways that give this answer too, each by its own proof."""
    placed: Placed | None = None
    moved: bool = False
    """Whether nobody knows on which day the anchor lies."""
    closes: bool = True
    """Whether its window ends on a day that is known."""
    unlike: bool = False
    """Whether what was placed gives other claims on other days."""

    @property
    def responses(self) -> Responses:
        """The claims of the course, each with the day by which it was proved."""
        return self.reached.shown
