"""Which deletions of a history stand, and which a write undid.

A history is written from the newest to the oldest (http://hl7.org/fhir/R4/http.html#history), but
not by everybody: what its entries say of themselves goes before where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from fhir_remission.fhir.incoming.damage import Deleted
from fhir_remission.fhir.incoming.envelope import BundleEntry
from fhir_remission.fhir.incoming.retractions import Doubted
from fhir_remission.fhir.incoming.versions import UNKNOWN_RANK, Rank, follows, rank, rank_text
from fhir_remission.fhir.r4.elements import Meta

NO_ORDER = "a history does not say whether it was deleted before that or after"
_MOST = 500
"""Of a resource that was written and deleted more often, each beside each takes too long."""
_ETAG = re.compile(r'(?:W/)?"?(\d+)"?')


class Step(Struct, frozen=True):
    """One entry of a history: of what, when, and where it deleted it."""

    ref: str
    rank: Rank
    place: str = ""


def step(entry: BundleEntry, ref: str, known: Rank = UNKNOWN_RANK, place: str = "") -> Step:
    """What an entry is, by the answer to it, else by what its resource says of itself."""
    if entry.response is not None:
        etag = _ETAG.fullmatch((entry.response.etag or "").strip())
        said = rank(Meta(etag[1] if etag else None, entry.response.last_modified))
        time = said[0] if said[0] != UNKNOWN_RANK[0] else known[0]
        known = (time, said[1] if etag else known[1])
    return Step(ref, known, place)


def deletions(steps: Sequence[Step]) -> Iterator[Deleted | Doubted]:
    """What was deleted, whether that stands, and of what nobody can tell."""
    of_one: dict[str, list[Step]] = {}
    for one in steps:
        of_one.setdefault(one.ref, []).append(one)
    for ref, many in of_one.items():
        gone = [(at, one) for at, one in enumerate(many) if one.place]
        if gone and len(many) > _MOST:
            yield from (Deleted(ref, one.place, undone=True) for _, one in gone)
            yield Doubted(ref, NO_ORDER)
            continue
        for at, one in gone:
            yield from _deletion(one, _writes(many[:at]), _writes(many[at:]))


def _deletion(
    gone: Step, above: Sequence[Rank], below: Sequence[Rank]
) -> Iterator[Deleted | Doubted]:
    """One deletion between the writes of the same resource that stand above and below it."""
    restored = any(follows(one, gone.rank) for one in (*above, *below))
    unordered = [one for one in above if not follows(gone.rank, one)]
    yield Deleted(gone.ref, gone.place, restored or bool(unordered), rank_text(gone.rank))
    said = any(one != UNKNOWN_RANK for one in (gone.rank, *unordered))
    if unordered and said and not restored and all(follows(gone.rank, one) for one in below):
        yield Doubted(gone.ref, NO_ORDER)


def _writes(steps: Sequence[Step]) -> list[Rank]:
    return [one.rank for one in steps if not one.place]
