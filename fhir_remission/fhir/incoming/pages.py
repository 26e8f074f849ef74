"""Whether the pages of a search are all here: by their links to each other and by their totals.

A page is known by its own address, which the one before it names as next, or which the one after
it names as previous. Nothing else makes two Bundles pages of one search.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from fhir_remission.domain.nouns.unions import united
from fhir_remission.fhir.incoming.damage import Damaged


class PageEnds(Struct, frozen=True):
    """Where a page stands among the others of its search, and how much of it came."""

    place: str
    own: str = ""
    next_url: str = ""
    previous: str = ""
    total: int | None = None
    matches: int = 0
    offset: int = 0
    """The byte of the file in which it begins, where `place` names no more than the file."""

    @property
    def reason(self) -> str:
        """Why there is more than this page has; empty where it is all."""
        if self.next_url:
            return "one page of several: the next one is not here"
        if self.previous:
            return "the last page of several: those before it are not here"
        if self.total is not None and self.total > self.matches:
            return f"{self.total} announced, {self.matches} received"
        return ""

    @property
    def is_one_of_many(self) -> bool:
        """Whether it lacks something, or another page may lead to it."""
        return bool(self.own or self.reason)

    def at(self, place: str, offset: int) -> PageEnds:
        """The same, found there."""
        return structs.replace(self, place=place, offset=offset)


def open_ends(pages: Sequence[PageEnds]) -> Iterator[tuple[PageEnds, str]]:
    """The pages without all others of their search, and why there is more."""
    if not any(one.reason for one in pages):
        return
    whole: set[str] = set()
    for search in _searches([one for one in pages if one.own]):
        if _is_whole(search):
            whole.update(one.own for one in search)
    for one in pages:
        if one.reason and one.own not in whole:
            yield one, one.reason


def lacking(pages: Sequence[PageEnds]) -> Iterator[Damaged]:
    """The same as damage of a whole Bundle."""
    return (Damaged(one.place, reason, "incomplete") for one, reason in open_ends(pages))


def _searches(pages: Iterable[PageEnds]) -> list[list[PageEnds]]:
    """The pages that lead to each other, each once however often it came."""
    distinct = {one.at("", 0): None for one in pages}
    root = united(
        (link, one.own) for one in distinct for link in (one.next_url, one.previous) if link
    )
    groups: dict[Hashable, list[PageEnds]] = {}
    for one in distinct:
        groups.setdefault(root(one.own), []).append(one)
    return list(groups.values())


def _is_whole(search: Sequence[PageEnds]) -> bool:
    """Whether every link leads to another page of them, and no total says that there are more."""
    owns = {one.own for one in search}
    if len(owns) < len(search):
        return False  # one address for two different answers: it names no search
    before = {one.previous: one.own for one in search if one.previous}
    after = {one.next_url: one.own for one in search if one.next_url}
    for one in search:
        follows = one.next_url in owns or one.own in before
        comes = one.previous in owns or one.own in after
        if (one.next_url and not follows) or (one.previous and not comes):
            return False
    starts = sum(not one.previous and one.own not in after for one in search)
    ends = sum(not one.next_url and one.own not in before for one in search)
    announced = max((one.total or 0 for one in search), default=0)
    return (starts, ends) == (1, 1) and announced <= sum(one.matches for one in search)
