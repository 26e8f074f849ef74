"""Between the passes: which names are one person, so that all rows of a person come together.

A merged record, a subject given by its identifier, an address that only a Bundle explains: the
first pass cannot resolve them. Here they are joined, as widely as they may belong together; who is
who is then decided by `group_by_patient` alone, which sees them side by side.
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_remission.effects.spool import Row


class _Joined:
    """Names that belong together, by union and find."""

    def __init__(self) -> None:
        self._over: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The name that stands for all that are joined with this one."""
        while (over := self._over.get(name, name)) != name:
            self._over[name] = self._over.get(over, over)
            name = over
        return name

    def join(self, one: str, other: str) -> None:
        """Let two names stand for the same."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._over[high] = low

    def moves(self) -> dict[str, str]:
        """Every name that another one stands for."""
        return {name: self.root(name) for name in self._over if self.root(name) != name}


def moves_of(
    people: Iterable[Row], identities: Iterable[Row], named: Iterable[Row]
) -> dict[str, str]:
    """Which keys are to be read together with which other key."""
    joined = _Joined()
    for row in people:
        joined.join(row.key, str(row.body, "utf-8"))
    used = {row.key for row in named}
    for row in identities if used else ():
        name = str(row.body, "utf-8")
        if name in used:
            joined.join(name, row.key)
    return joined.moves()
