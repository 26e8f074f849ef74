"""One step, tried in every way in which what it asks and nobody knows may turn out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from fhir_remission.domain.course.budget import MOST_TRIALS
from fhir_remission.domain.course.world import Key, Move, Side, World
from fhir_remission.domain.nouns.verdicts import Proof

T = TypeVar("T")


class TooManyWays(Exception):
    """A step has more ways than are worth trying."""


class Trial:
    """One way through a step: what is asked and unknown is tried each way, by running it again."""

    def __init__(self, chosen: tuple[object, ...], ahead: frozenset[tuple[Key, Side]]) -> None:
        self._chosen = chosen
        self._made: list[object] = []
        self.untried: list[tuple[object, ...]] = []
        self.told: dict[Key, Side] = dict(ahead)
        self.asked: set[str | None] = set()
        """The kinds of things that were unknown and asked for."""
        self.looked: list[Proof] = []

    def pick(self, options: tuple[T, ...], kind: str | None = None) -> T:
        """One of the options; the others are tried by other trials."""
        if len(options) == 1:
            return options[0]
        self.asked.add(kind)
        return self._choose(options)

    def _choose(self, options: tuple[T, ...]) -> T:
        at = len(self._made)
        if at < len(self._chosen):
            found = cast(T, self._chosen[at])
        else:
            found = options[0]
            self.untried.extend((*self._made, other) for other in options[1:])
        self._made.append(found)
        return found

    def tell(self, key: Key, options: tuple[Side, ...]) -> Side:
        """How one thing turns out; the same whenever it is asked again."""
        if len(options) == 1:
            return options[0]
        self.asked.add(key[0])
        if key not in self.told:
            self.told[key] = self._choose(options)
        return self.told[key]

    def look(self, *proofs: Proof) -> None:
        """Note what was looked at."""
        self.looked.extend(proofs)


def trials(world: World, step: Callable[[Trial], Move]) -> Iterator[tuple[Move, Trial]]:
    """Every way through the step."""
    open_ends: list[tuple[object, ...]] = [()]
    for _ in range(MOST_TRIALS):
        if not open_ends:
            return
        trial = Trial(open_ends.pop(), world.ahead)
        yield step(trial), trial
        open_ends.extend(trial.untried)
    if open_ends:
        raise TooManyWays
