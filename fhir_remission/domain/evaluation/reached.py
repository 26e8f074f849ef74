"""The responses of a course and their days: in one way to read the record, and in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.marrow import Evaluation

Responses = tuple[tuple[str, date], ...]
"""Each response with its day, in order of time."""


class Reached(NamedTuple):
    """What one way to read the record has reached.

    A response is reached on the day that proves it, if nothing better stands on that day: in a
    remission its best, before one what the latest marrow has proved so far. So a lesser response is
    listed only where it came before the better one: CRi and then CR, but not the CRi that another
    draw or a later marrow of a CR proves as well, nor the MLFS of a nadir in remission.
    """

    own: Responses = ()
    before: Responses = ()
    """Those of the course whose remission ended, which stand until the next has its own."""

    @property
    def shown(self) -> Responses:
        """The responses that stand."""
        return self.own or self.before

    def ended(self) -> Reached:
        """After a relapse, or a remission that was taken back."""
        return Reached((), self.shown)


class Scale:
    """The claims of a set, the best first."""

    def __init__(self, rows: Mapping[str, Category]) -> None:
        self._rank = {name: rank for rank, name in enumerate(rows) if rows[name].claim}
        self._clear = {name for name, row in rows.items() if row.clear}

    def best(self, responses: Responses) -> str | None:
        """The best of them."""
        return min((name for name, _ in responses), key=self._rank.__getitem__, default=None)

    def below(self, answer: str, found: Evaluation) -> Iterator[tuple[str, date]]:
        """What the draws of a window prove for certain that is less than its answer."""
        for one in found.tried:
            names = one.choice.ways.keys()
            if names != {answer} and self._rank.keys() >= names:
                yield max(names, key=self._rank.__getitem__), one.view.day

    def after(self, own: Responses, new: Iterable[tuple[str, date]], *, within: bool) -> Responses:
        """With what a marrow has proved; in a remission its best is kept."""
        known, last = dict(own), len(self._rank)
        stands = min([self._rank[name] for name in known], default=last) if within else last
        for name, day in self._in_order(one for one in new if one[0] in self._rank):
            if self._rank[name] < stands:
                known.setdefault(name, day)
                stands = self._rank[name]
        return self._in_order(known.items())

    def in_every(self, many: Sequence[Responses]) -> Responses:
        """What all ways have reached, since the day by which each has proved it, or better."""
        found, better = [], date.max
        names = {name for one in many for name, _ in one}
        for name in sorted(names, key=self._rank.__getitem__):
            days = [self._by(one, name) for one in many]
            day = max(days)
            clear = name in self._clear
            if day < (better if clear else date.max):
                found.append((name, day))
                better = day if clear else better
        return self._in_order(found)

    def _by(self, responses: Responses, name: str) -> date:
        """The first day of a claim, or of one above it on its side of the line of disease."""
        rank, clear = self._rank, name in self._clear
        return min(
            (day for one, day in responses
             if one == name or (clear and one in self._clear and rank[one] < rank[name])),
            default=date.max,
        )  # fmt: skip

    def merged(self, many: Sequence[Reached]) -> Reached:
        """What several ways say together; of a course that is the next one in some of them, what
        they share may be of the one before."""
        if len(many) == 1 or len(set(many)) == 1:
            return many[0]
        own = self.in_every([one.own for one in many])
        return Reached(own, self.in_every([one.before or one.own for one in many]))

    def _in_order(self, many: Iterable[tuple[str, date]]) -> Responses:
        return tuple(sorted(many, key=lambda one: (one[1], self._rank[one[0]])))
