"""The latest version of each resource first, its status after: a retracted value never returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from fhir_remission.fhir.r4.elements import Meta
from fhir_remission.fhir.r4.times import Placed, read_time
from fhir_remission.fhir.r4.wire import READ_TYPES, Entry, Resource

_NEVER = datetime.min.replace(tzinfo=UTC)
Rank = tuple[datetime, int]
DISPUTED = "two different contents claim to be its latest version"
UNKNOWN_RANK: Rank = (_NEVER, -1)


class Current(Struct, frozen=True):
    """The latest version of a resource, and what came before it."""

    entry: Entry
    earlier: tuple[Resource, ...] = ()
    disputed: bool = False
    """Two different contents claim to be the latest version."""

    @property
    def version(self) -> str:
        """The version as the server names it; empty where it does not."""
        meta = self.entry.resource.meta
        return (meta.version_id if meta else None) or ""


def latest(entries: Iterable[Entry]) -> list[Current]:
    """One entry per resource, in a stable order whatever the order of arrival.

    Of a resource whose latest version is disputed each content is given: any may be the true one,
    and what the others are about must not be taken for never reported.
    """
    versions: dict[tuple[str, int], list[Entry]] = {}
    for number, entry in enumerate(entries):
        known = bool(entry.resource.id or entry.full_url or entry.place)
        versions.setdefault((entry.ref, 0 if known else number), []).append(entry)
    return [one for _, held in sorted(versions.items()) for one in _current(held)]


def _current(held: list[Entry]) -> list[Current]:
    if len(held) == 1:
        return [Current(entry=held[0])]
    ranked = sorted(held, key=lambda entry: rank_of(entry.resource))
    rank = rank_of(ranked[-1].resource)
    # The last of equal contents: it is the one that was always named.
    claims = {
        _content(one.resource): one for one in ranked if not follows(rank, rank_of(one.resource))
    }
    return [
        Current(
            entry=entry,
            earlier=tuple(one.resource for one in ranked if one is not entry),
            disputed=len(claims) > 1,
        )
        for _, entry in sorted(claims.items())
    ]


def follows(later: Rank, earlier: Rank) -> bool:
    """Whether one version plainly came after another: by time, else by number.

    What says neither may be newer than anything.
    """
    if _NEVER not in (later[0], earlier[0]) and later[0] != earlier[0]:
        return later[0] > earlier[0]
    return min(later[1], earlier[1]) >= 0 and later[1] > earlier[1]


def _content(resource: Resource) -> bytes:
    """What is read of it: another narrative of the same version is no other content."""
    read = READ_TYPES[resource.type_name].__struct_fields__
    return msgspec.json.encode([getattr(resource, name) for name in read if name != "meta"])


def rank_text(rank: Rank) -> str:
    """A rank as it is kept beside a name: of two, the later stands later; empty if not known."""
    if rank == UNKNOWN_RANK:
        return ""
    return f"{rank[0].isoformat(timespec='microseconds')} {rank[1] + 1:020d}"


def restored(entries: Iterable[Entry], since: Mapping[str, str]) -> set[str]:
    """What was written after it was deleted, by name."""
    return {
        one.ref
        for one in (entries if since else ())
        if since.get(one.ref) and follows(rank_of(one.resource), _rank_read(since[one.ref]))
    }


def _rank_read(text: str) -> Rank:
    time, _, version = text.partition(" ")
    return datetime.fromisoformat(time), int(version) - 1


def rank_of(resource: Resource) -> Rank:
    """Time of the last change, then the version where it is a number (ids are opaque)."""
    return UNKNOWN_RANK if resource.meta is None else rank(resource.meta)


def rank(meta: Meta) -> Rank:
    """Where a version stands, by what is said of it."""
    placed = read_time(meta.last_updated or "", UTC)
    changed = placed.when.start if isinstance(placed, Placed) else _NEVER
    version = meta.version_id or ""
    return changed, int(version) if version.isascii() and version.isdigit() else -1
