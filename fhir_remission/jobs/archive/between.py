"""Between the two passes of an archive: what every worker of the second must know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from fhir_remission.effects.files.private_file import write_whole
from fhir_remission.effects.files.shared_resources import write_shared
from fhir_remission.effects.files.spool import Row, read_rows
from fhir_remission.fhir.incoming.pages import open_ends
from fhir_remission.fhir.incoming.subjects import is_identifier
from fhir_remission.jobs.archive.parts import (
    DELETED,
    IDENTITIES,
    NAMED,
    NOBODYS,
    PEOPLE,
    SHARED,
    Flaw,
    Prepare,
    Split,
    encode,
)
from fhir_remission.jobs.archive.subjects import holders, moves_of

Files = Mapping[str, int]
"""The files of one partition and how far to read them."""


class Found(Struct, frozen=True):
    """What was found, and which names are nobody's."""

    prepare: Prepare
    lost: tuple[str, ...]


def broken_off(splits: Iterable[Split]) -> Iterator[Flaw]:
    """What pages of searches lack, now that all of them are read."""
    pages = [page for split in splits for page in split.pages]
    return (Flaw(page.place, page.offset, reason) for page, reason in open_ends(pages))


def gone(deleted: Iterable[Row], lost: Iterable[str]) -> list[str]:
    """What every worker must know to be gone, broken or nobody's."""
    nobodys = {NOBODYS + name for name in lost if is_identifier(name) or name.startswith("urn:")}
    return sorted({row.key for row in deleted} | nobodys)


def prepare_judging(folder: Path, files: Sequence[Files], specials: Sequence[Files]) -> Found:
    """Who is the same person, what all may point to, and what was deleted."""

    def rows(which: Files) -> Iterator[Row]:
        for name, length in which.items():
            yield from read_rows(folder / name, length)

    named = list(rows(specials[NAMED]))

    def kept(_: frozenset[str]) -> Iterator[Row]:
        return (row for one in files for row in rows(one))

    moves, lost = moves_of(
        rows(specials[PEOPLE]), rows(specials[IDENTITIES]), named, holders(kept, named)
    )
    shared, deleted = folder / "shared.db", gone(rows(specials[DELETED]), lost)
    if specials[SHARED]:
        write_shared(shared, rows(specials[SHARED]))
    if moves:
        write_whole(folder / "moves.json", encode(moves))
    if deleted:
        write_whole(folder / "deleted.json", encode(deleted))
    prepare = Prepare(
        bases=[],
        sources=[],
        moves=str(folder / "moves.json") if moves else "",
        shared=str(shared) if specials[SHARED] else "",
        deleted=str(folder / "deleted.json") if deleted else "",
    )
    return Found(prepare, tuple(sorted(lost)))
