"""Results that panels and reports name and no search brought: read by their ids, or missed.

Some servers answer a search by code without them (CDCgov/dibbs-query-connector#1030).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from fhir_remission.domain.tables.codes import CodeMap
from fhir_remission.effects.server.client import FhirClient, Found
from fhir_remission.errors import BrokeOff
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.members import Member, missing_members
from fhir_remission.fhir.server.queries import Code, Query, member_queries
from fhir_remission.fhir.server.server_profile import Profile

# Panels of panels of results; deeper is a mistake.
MAX_DEPTH = 3
# Of one patient; so many are a mistake, too, or years of daily profiles.
MAX_MEMBERS = 5000


# Anything else could be two ids in a list, or two places in an address.
PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Wanted(Struct, frozen=True):
    """What to look for."""

    codes: CodeMap
    panels: Sequence[Code] = ()
    reports: bool = True
    """Whether results are also followed that only a report names."""

    @property
    def observations(self) -> frozenset[Code]:
        """The codes of the Observations that are searched for."""
        return frozenset({*self.codes.analyte_codes(), *self.panels})


class Members(Struct):
    """What came of following the names."""

    searched: list[tuple[Query, Found]] = []
    unread: dict[str, int] = {}
    """How many named results could not be read, by patient (bare id)."""
    needed: dict[str, int] = {}
    """How many of them stand beside evidence."""
    gone: dict[str, set[str]] = {}
    """Those beside evidence that the server has no more (`Observation/o1`), by patient."""

    def miss(self, member: Member) -> None:
        """Count one that could not be read."""
        self.unread[member.patient] = self.unread.get(member.patient, 0) + 1
        if member.matters:
            self.needed[member.patient] = self.needed.get(member.patient, 0) + 1


def read_members(
    client: FhirClient, entries: Iterable[Entry], wanted: Wanted, people: frozenset[str]
) -> Members:
    """Read what the entries of some people name and do not hold, and what that names in turn."""
    following = _Following(client, wanted, people)
    new = list(entries)
    for _ in range(MAX_DEPTH):
        new = following.step(new)
    following.give_up(new)
    return following.members


class _Following:
    """From one layer of names to the next."""

    def __init__(self, client: FhirClient, wanted: Wanted, people: frozenset[str]) -> None:
        self._client, self._wanted, self._people = client, wanted, people
        self._seen: set[str] = set()
        self._broken: set[str] = set()
        self._gone: set[str] = set()
        self._counts: Counter[str] = Counter()
        self.members = Members()

    def step(self, new: Sequence[Entry]) -> list[Entry]:
        """Read what these name; return what was new in it."""
        here = [member for member in self._missing(new) if self._is_within_reach(member)]
        found = [*self._in_lists(here), *self._one_by_one(here)]
        for member in here:
            if member.literal.relative not in self._seen:
                self.members.miss(member)
        # Asked for once, whoever else names it.
        self._seen |= {member.literal.relative for member in here}
        return found

    def give_up(self, new: Sequence[Entry]) -> None:
        """Count what these name as not read."""
        for member in self._missing(new):
            self.members.miss(member)

    def _missing(self, new: Sequence[Entry]) -> list[Member]:
        self._seen.update(entry.ref for entry in new)
        base = self._client.transport.base.url
        return missing_members(new, self._seen, reports=self._wanted.reports, base=base)

    def _is_within_reach(self, member: Member) -> bool:
        """Whether it is on our server by what its address says, and not one too many."""
        base = self._client.transport.base
        url = base.resolve(member.literal.base + member.literal.relative, against=f"{base.url}/")
        self._counts[member.patient] += 1
        plain = url == f"{base.url}/{member.literal.relative}" and PLAIN_ID.fullmatch(
            member.literal.id
        )
        if plain and self._counts[member.patient] <= MAX_MEMBERS:
            return True
        self.members.miss(member)
        return False

    def _in_lists(self, here: Sequence[Member]) -> Iterator[Entry]:
        for query in self._queries(here, self._client.profile):
            yield from self._take(query, _asked(self._client.search, query))

    def _one_by_one(self, here: Sequence[Member]) -> Iterator[Entry]:
        """Ask for the rest by name: a deleted one is known to be gone, and no answer is final."""
        single = structs.replace(self._client.profile, id_lists=False)
        lost: set[str] = set()
        for member in here:
            known = member.literal.relative in self._seen or member.patient in lost
            if known or not (member.matters or self._broken & {member.literal.id}):
                continue
            for query in self._queries([member], single):
                yield from self._take(query, _asked(self._client.read_member, query))
            if member.matters and member.literal.relative in self._gone:
                self.members.gone.setdefault(member.patient, set()).add(member.literal.relative)
            if member.matters and member.literal.relative not in self._seen:
                lost.add(member.patient)

    def _queries(self, here: Iterable[Member], profile: Profile) -> list[Query]:
        ids = (member.literal.id for member in here)
        return member_queries(ids, self._people, self._wanted.observations, profile)

    def _take(self, query: Query, found: Found) -> tuple[Entry, ...]:
        if found.incomplete:
            self._broken |= query.ids
        else:
            self._gone |= found.gone
            self._seen |= found.others | found.gone
        self._seen |= {entry.ref for entry in found.entries}
        # What is missing is known by name, whatever the reason.
        self.members.searched.append((query, structs.replace(found, incomplete=())))
        return found.entries


def _asked(ask: Callable[[Query], Found], query: Query) -> Found:
    try:
        return ask(query)
    except BrokeOff as error:
        return Found(incomplete=(str(error),))
