"""SMART system scopes: the least that are needed, and which of them were not granted."""

from __future__ import annotations

from collections.abc import Iterable


def wanted_scopes(read: Iterable[str], write: Iterable[str], *, v2: bool) -> tuple[str, ...]:
    """Derive the least scopes that let us read and write these resource types."""
    reading = "rs" if v2 else "read"
    # Nothing is ever deleted.
    writing = "cu" if v2 else "write"
    scopes = [f"system/{kind}.{reading}" for kind in sorted(set(read))]
    return (*scopes, *(f"system/{kind}.{writing}" for kind in sorted(set(write))))


def missing_scopes(wanted: Iterable[str], granted: str) -> tuple[str, ...]:
    """Return the scopes that no granted one covers; v1 and v2 spellings count alike."""
    have = [_scope(word) for word in granted.split() if "/" in word]
    needed = [(scope, kind, rights - {"d"}) for scope in wanted for kind, rights in [_scope(scope)]]
    return tuple(
        scope
        for scope, kind, rights in needed
        if not any(named in {kind, "*"} and rights <= held for named, held in have)
    )


def _scope(word: str) -> tuple[str, frozenset[str]]:
    kind, _, rights = word.partition("/")[2].partition("?")[0].rpartition(".")
    return kind, frozenset({"read": "rs", "write": "cud", "*": "cruds"}.get(rights, rights))
