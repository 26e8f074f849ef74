"""Whose a resource is that names several patients in its versions, or none by itself.

The latest version decides; what names nobody has the patient of the report that holds it.
A result that was moved to another patient no longer counts for the first one.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_remission.fhir.incoming.subjects import UNKNOWN
from fhir_remission.fhir.incoming.versions import UNKNOWN_RANK, rank_of
from fhir_remission.fhir.r4.references import Index, members_of
from fhir_remission.fhir.r4.wire import Entry, is_withdrawn

Keyed = tuple[Entry, str]
"""An entry and the patient it names; empty where it names nobody."""


def settled(keyed: Sequence[Keyed]) -> list[Keyed]:
    """Each entry with its owner; all versions of a resource go where its latest version is."""
    owners: dict[str, str] = {}
    clashing: dict[str, list[Keyed]] = {}
    for entry, key in keyed:
        if (entry.resource.id or entry.full_url) and owners.setdefault(entry.ref, key) != key:
            clashing.setdefault(entry.ref, [])
    if not clashing:
        return list(keyed)
    kept: list[Keyed] = []
    for one in keyed:
        held = clashing.get(one[0].ref)
        (kept if held is None else held).append(one)
    for held in clashing.values():
        for versions in _by_server(held):
            kept += _with_the_latest(versions)
    return kept


def _by_server(held: Sequence[Keyed]) -> list[list[Keyed]]:
    """Two servers may use one id for two resources; without addresses there is one server."""
    bases = [one[0].full_url.removesuffix(one[0].ref) for one in held]
    if len(set(bases) - {""}) <= 1:
        return [list(held)]
    groups: dict[str, list[Keyed]] = {}
    for base, one in zip(bases, held, strict=True):
        groups.setdefault(base, []).append(one)
    return list(groups.values())


def _with_the_latest(versions: Sequence[Keyed]) -> list[Keyed]:
    """All versions to the owners of the latest one; several owners each see the dispute."""
    ranks = [rank_of(entry.resource) for entry, _ in versions]
    last = max(ranks)
    if last == UNKNOWN_RANK:
        # Nothing says that one replaces the other: ids that are unique for each patient only.
        return list(versions)
    latest = [one for one, rank in zip(versions, ranks, strict=True) if rank == last]
    if all(is_withdrawn(entry.resource) and not key for entry, key in latest):
        # Some servers show nothing else of it (US Core, general guidance): it moves nothing.
        latest = [one for one in versions if one[1]] or latest
    owners = {key for _, key in latest}
    return [(entry, key) for key in sorted(owners) for entry, _ in versions]


# Panels of panels; deeper is a mistake.
_LAYERS = 3


def through_reports(owned: list[Keyed], index: Index) -> list[Keyed]:
    """What names nobody with the patient of what holds it, a report with that of its results."""
    keys = {id(entry): key for entry, key in owned}
    held = {id(entry): found for entry, _ in owned if (found := _held(entry, index))}
    for _ in range(_LAYERS):
        for holder, members in held.items():
            named_by_them = {keys.get(id(one), UNKNOWN) for one in members} - {UNKNOWN}
            if keys[holder] == UNKNOWN and len(named_by_them) == 1:
                keys[holder] = max(named_by_them)
            for one in members:
                if keys.get(id(one)) == UNKNOWN:
                    keys[id(one)] = keys[holder]
    return [(entry, keys[id(entry)]) for entry, _ in owned]


def _held(entry: Entry, index: Index) -> list[Entry]:
    """What a report, a document or a panel names and is at hand."""
    found = (index.find(reference) for reference in members_of(entry.resource))
    return [one for one in found if one is not None]
