"""What the steps of an archive run tell each other, all of it JSON: plans, parts and results."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct, field

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.jobs.judging.request import Request

# Rows of these kinds lie in the partition files.
RESOURCE, FLAW, OUTLINE = range(3)
# Files behind those of the partitions: who is the same person, under which names, which of the
# names were used, what belongs to no single patient, and what was deleted.
PEOPLE, IDENTITIES, NAMED, SHARED, DELETED = range(5)
SPECIAL = 5
BROKEN = "!"
NOBODYS = "?"
DOUBTED = "~"
HELD = "^"
"""Marks among the names of what was deleted, which every worker knows: some version of it cannot be
read; an identifier that names nobody; something else takes it back, or what holds it does (both
with a tab and the reason)."""
WITHDRAWN = "withdrawn"
"""Of a name that was used: what it names is evidence of nothing by itself."""
LISTED = 1000


class Source(Struct, frozen=True):
    """One input file as it was found."""

    path: str
    """As messages name it."""
    size: int
    changed: int
    """Time of its last change in nanoseconds."""
    packing: str = ""
    form: Literal["lines", "document", "nothing"] = "lines"
    raw: bytes = b""
    """Its name where that is no UTF-8, and so no text of JSON."""

    @property
    def place(self) -> Path:
        """Where it lies."""
        return Path(os.fsdecode(self.raw or self.path))


class Part(Struct, frozen=True):
    """A stretch of one input: what one worker reads at a time."""

    index: int
    source: int
    low: int
    high: int


class At(NamedTuple):
    """Where something stands: a file or a partition, and the byte in it."""

    file: str
    offset: int


class Flaw(Struct, frozen=True):
    """Damage as the summary names it."""

    file: str
    offset: int
    reason: str
    patient: str = ""
    """Whose evidence it may hide; empty where nobody can tell."""
    harmless: bool = False
    """Nothing is hidden by it: it was made good, or is of a type that is no evidence."""

    @property
    def hides_anybodys(self) -> bool:
        """Whether it may hide evidence, and nobody can tell whose."""
        return not self.patient and not self.harmless


class Split(Struct, frozen=True, tag="split"):
    """What came of a batch of parts."""

    parts: tuple[int, ...]
    spool: str
    lengths: list[int]
    """Of each file of the spool, when the batch was finished."""
    lines: int = 0
    kept: int = 0
    flaws: tuple[Flaw, ...] = ()
    more_flaws: int = 0
    pages: tuple[PageEnds, ...] = ()
    """Pages of searches; whether all of each are here shows when all parts are read."""
    named: bool = False
    """Whether a subject was given by its identifier only."""
    unmapped: dict[str, int] = {}
    account: Account = field(default_factory=Account)
    """What was read, and where that ended of which no row was kept."""


class Setup(Struct, frozen=True, tag="setup"):
    """What every worker knows from the start."""

    request: Request
    folder: str
    partitions: int
    sources: tuple[Source, ...]
    evidence: bool = True


class SplitParts(Struct, frozen=True, tag="split"):
    """Read a batch of parts and send their resources to the partitions."""

    parts: tuple[Part, ...]


class MoveRows(Struct, frozen=True, tag="move"):
    """Bring the rows of one partition that belong to people in others there."""

    partition: int
    files: dict[str, int]
    """The partition's files and how far to read them."""


class Moved(Struct, frozen=True, tag="moved"):
    """What came of it."""

    spool: str
    lengths: list[int]


class JudgePartition(Struct, frozen=True, tag="judge"):
    """Judge the patients of one partition."""

    partition: int
    files: dict[str, int]
    doubts: tuple[str, ...] = ()
    withheld: str = ""
    """Why nobody is judged, where damage may have hidden evidence of anybody."""


class Prepare(Struct, frozen=True, tag="prepare"):
    """What is known only after all parts are split."""

    bases: list[int]
    """Lines of the file before each part."""
    sources: list[int]
    """The source of each part."""
    moves: str = ""
    shared: str = ""
    deleted: str = ""


class Tally(Struct):
    """What a cohort looks like, in counts."""

    patients: int = 0
    incomplete: int = 0
    states: dict[str, int] = {}
    categories: dict[str, int] = {}
    response_months: dict[str, int] = {}
    missing: dict[str, int] = {}
    unmapped: dict[str, int] = {}
    refused_units: dict[str, int] = {}
    results: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the cohort."""
        self.patients += other.patients
        self.incomplete += other.incomplete
        self.results += other.results
        for mine, theirs in zip(self._counts(), other._counts(), strict=True):
            for key, many in theirs.items():
                mine[key] = mine.get(key, 0) + many

    def ordered(self) -> Tally:
        """The same, the most frequent first."""
        for counts in self._counts():
            pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            counts.clear()
            counts.update(pairs)
        return self

    def _counts(self) -> tuple[dict[str, int], ...]:
        return (
            self.states,
            self.categories,
            self.response_months,
            self.missing,
            self.unmapped,
            self.refused_units,
        )


class Judgement(Struct, frozen=True, tag="judgement"):
    """What came of one partition; the lines lie in `parts/`."""

    partition: int
    tally: Tally
    flaws: tuple[Flaw, ...] = ()
    more_flaws: int = 0
    account: Account = field(default_factory=Account)
    """Where the rows of the partition ended."""


Result = Split | Moved | Judgement
Job = Setup | SplitParts | MoveRows | Prepare | JudgePartition


def decode_path(kind: type[Any], text: str) -> Any:  # noqa: ANN401 - what msgspec asks for
    """Paths are text in JSON."""
    return kind(text)


encode = msgspec.json.Encoder(enc_hook=str).encode
decode_job = msgspec.json.Decoder(Job, dec_hook=decode_path).decode
decode_result: Callable[[bytes], Result] = msgspec.json.Decoder(Result).decode
