"""Between the passes: which names are one person, so that all rows of a person come together.

A merged record, a subject given by its identifier, an address that only a Bundle explains: the
first pass cannot resolve them. Here they are joined, as widely as they may belong together; who is
who is then decided by `group_by_patient` alone, which sees them side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fhir_remission.effects.files.spool import Row
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.jobs.archive.parts import Flaw

_ORPHANS = ("Observation/", "DiagnosticReport/")
_NAMED = re.compile(rb'"reference"\s*:\s*"([^"\\]*Observation/[^"\\]+)"')


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


def holders(rows: Iterable[Row], named: Iterable[Row]) -> Iterator[Row]:
    """Which reports and panels hold the results that name no patient: their key is theirs, too."""
    orphans = {row.key for row in named if row.key.startswith(_ORPHANS)}
    for row in rows if orphans else ():
        body = bytes(row.body)
        if b'"result"' not in body and b'"hasMember"' not in body:
            continue
        for name in {_relative(found[1].decode()) for found in _NAMED.finditer(body)}:
            # An orphan that holds others is joined with whichever of them says whose it is.
            if name in orphans or row.key in orphans:
                yield Row(row.task, row.number, row.key, name.encode())


def _relative(text: str) -> str:
    literal = parse_literal(text)
    return literal.relative if literal is not None else text


def moves_of(
    people: Iterable[Row],
    identities: Iterable[Row],
    named: Iterable[Row],
    held: Iterable[Row] = (),
) -> tuple[dict[str, str], frozenset[str]]:
    """Which keys are to be read together with which other key, and the names that are nobody's."""
    joined = _Joined()
    listed = list(held)
    addresses: set[str] = set()
    for row in (*listed, *people):
        name = str(row.body, "utf-8")
        joined.join(row.key, name)
        addresses |= {name} if name.startswith("urn:") else set()
    used = {row.key for row in named}
    for name in used:
        if name.startswith("urn:uuid:"):
            joined.join(name, f"Patient/{name.removeprefix('urn:uuid:')}")
    for row in identities if used else ():
        name = str(row.body, "utf-8")
        if name in used:
            joined.join(name, row.key)
    alone = {name for name in used if name.startswith(_ORPHANS)}
    found = {joined.root(row.key) for row in listed if row.key not in alone}
    nowhere = {name for name in used if name.startswith("urn:")} - addresses if addresses else set()
    lost = {name for name in alone if joined.root(name) not in found} | nowhere
    return joined.moves(), frozenset(lost)


def unassigned(name: str) -> Flaw:
    """Something that may be evidence, and that names no patient nor is held by one's report."""
    return Flaw(name, 0, "it may be evidence, and names no patient that can be resolved")
