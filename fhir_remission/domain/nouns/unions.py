"""What belongs together because one names the other, over any number of steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable


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
