"""What a server kept of what it was given: dropped, changed and added elements, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.writing.identity import SERVER_OWNED, canonical_text

How = Literal["dropped", "changed", "added"]


class Differences(Struct, frozen=True):
    """Element paths, each once; all empty: the server kept everything."""

    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.dropped or self.changed or self.added)


def differences(sent: Resource, stored: Resource) -> Differences:
    """Compare content; versions, narrative, spelling and the order of lists say nothing."""
    found = list(_compare(_own(sent), _own(stored), ""))
    return Differences(*(_of(found, how) for how in ("dropped", "changed", "added")))


def _own(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in SERVER_OWNED}


def _of(found: Iterable[tuple[How, str]], how: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for kind, path in found if kind == how))


def _compare(sent: Json, stored: Json, path: str) -> Iterator[tuple[How, str]]:
    if canonical_text(sent) == canonical_text(stored):
        return
    if isinstance(sent, dict) and isinstance(stored, dict):
        for name in sorted(sent.keys() | stored.keys()):
            below = f"{path}.{name}".lstrip(".")
            if name not in stored:
                yield "dropped", below
            elif name not in sent:
                yield "added", below
            else:
                yield from _compare(sent[name], stored[name], below)
    elif isinstance(sent, list) and isinstance(stored, list):
        yield from _compare_lists(sent, stored, path)
    else:
        yield "changed", path


def _compare_lists(sent: list[Json], stored: list[Json], path: str) -> Iterator[tuple[How, str]]:
    """Items that have no equal are compared in their order; a shorter list dropped the rest."""
    here, there = [canonical_text(x) for x in sent], [canonical_text(x) for x in stored]
    left = [item for item, text in zip(sent, here, strict=True) if text not in there]
    right = [item for item, text in zip(stored, there, strict=True) if text not in here]
    for one, other in zip(left, right, strict=False):
        yield from _compare(one, other, path)
    if len(left) > len(right):
        yield "dropped", path
    if len(right) > len(left):
        yield "added", path
