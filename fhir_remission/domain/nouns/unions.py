"""What belongs together: by one key, or because one names the other over any number of steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_One = TypeVar("_One")


def grouped(many: Iterable[_One], key: Callable[[_One], _Key]) -> dict[_Key, tuple[_One, ...]]:
    """Those of each key, in the order in which they come."""
    found: dict[_Key, list[_One]] = {}
    for one in many:
        found.setdefault(key(one), []).append(one)
    return {key: tuple(alike) for key, alike in found.items()}


def united(pairs: Iterable[tuple[Hashable, Hashable]]) -> Callable[[Hashable], Hashable]:
    """What stands for everything that pairs join to a thing; for one in no pair, itself."""
    parent: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        parent[root(one)] = root(other)
    return root
