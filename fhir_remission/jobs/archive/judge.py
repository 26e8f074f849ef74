"""The second pass of an archive: one partition in memory, its patients judged one by one.

The middle is that of every other job: `judge_entries`, with the same grouping, reading, criteria
and JSON. Here is only what brings a patient's rows together and writes the lines.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import structs

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.effects.files.private_file import write_whole
from fhir_remission.effects.files.shared_resources import Found, Shared
from fhir_remission.effects.files.spool import Row, partition_of, read_rows
from fhir_remission.fhir.incoming.damage import SINCE, Damaged, damaged, told_twice
from fhir_remission.fhir.incoming.grouping import pointers
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.references import members_of, parse_literal
from fhir_remission.fhir.r4.repeated import repeated_name
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry
from fhir_remission.fhir.writing.assessment_json import assessment_brief, write_line
from fhir_remission.jobs.archive.output import count
from fhir_remission.jobs.archive.parts import (
    BROKEN,
    DOUBTED,
    FLAW,
    HELD,
    LISTED,
    NOBODYS,
    OUTLINE,
    Flaw,
    Judgement,
    JudgePartition,
    Prepare,
    Setup,
    Tally,
)
from fhir_remission.jobs.files.classify import lines_of
from fhir_remission.jobs.judging.incoming import Incoming, Judged, judge_incoming
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.version import VERSION


class LooksUp(Protocol):
    """Where shared resources are found by name."""

    def find(self, name: str) -> Found | None:
        """The resource of that reference or address."""

    def holds(self, kind: str) -> bool:
        """Whether any resource of this type is among them."""


_MARKS = (BROKEN, NOBODYS, DOUBTED, HELD, SINCE)
_DAMAGED = msgspec.json.Decoder(Damaged)


class Judging:
    """What the second pass of one worker needs to know."""

    def __init__(self, setup: Setup, prepare: Prepare, judge: Judge) -> None:
        self.setup = setup
        self.judge = judge
        self._files = [setup.sources[number] for number in prepare.sources]
        self._bases = prepare.bases
        self.moves: Mapping[str, str] = (
            msgspec.json.decode(Path(prepare.moves).read_bytes(), type=dict[str, str])
            if prepare.moves
            else {}
        )
        self.deleted: frozenset[str] = (
            msgspec.json.decode(Path(prepare.deleted).read_bytes(), type=frozenset[str])
            if prepare.deleted
            else frozenset()
        )
        self.shared: LooksUp | None = None
        if prepare.shared:
            self.share(Shared(Path(prepare.shared)))

    def share(self, shared: LooksUp) -> None:
        """Look up there what belongs to no single patient."""
        self.shared = shared
        self.judge = self.judge.where_specimens(come=shared.holds("Specimen"))

    @cache  # noqa: B019 - a worker has one, and it is asked for each patient
    def gone(self) -> frozenset[str]:
        """The names of what was deleted: those without a mark."""
        return frozenset(one for one in self.deleted if not one.startswith(_MARKS))

    @cache  # noqa: B019
    def marked(self, mark: str) -> frozenset[str]:
        """The names among the deleted ones that carry a mark."""
        return frozenset(one[1:] for one in self.deleted if one.startswith(mark))

    @cache  # noqa: B019
    def reasons(self, mark: str) -> dict[str, str]:
        """The same with the reasons beside them."""
        return dict(one.split("\t") for one in sorted(self.marked(mark)))

    def place_of(self, row: Row) -> str:
        """Where a row was read, as `classify` names it."""
        source = self._files[row.task]
        if source.form == "document":
            return f"{source.path}{row.place}"
        return f"{source.path}:{self._bases[row.task] + row.number}{row.place}"

    def file_of(self, row: Row) -> str:
        """The file a row was read from."""
        return self._files[row.task].path

    def beside(self, entries: Sequence[Entry]) -> list[Entry]:
        """What the entries point to and do not hold: medications, devices, specimens."""
        if self.shared is None:
            return []
        held = {entry.ref for entry in entries} | {entry.full_url for entry in entries}
        found: list[Entry] = []
        # What is found may point on: a sample to the one it was made of.
        for entry in chain(entries, found):
            for reference in pointers(entry):
                for name in _names(reference.address if reference else ""):
                    if name in held:
                        continue
                    held.add(name)
                    row = self.shared.find(name)
                    resource = decode_resource(row.body) if row is not None else ""
                    if row is not None and not isinstance(resource, str):
                        found.append(Entry(resource, full_url=row.address, place=row.place))
        return found


def _names(text: str) -> list[str]:
    literal = parse_literal(text)
    names = [text, text.partition("/_history/")[0], literal.relative if literal else ""]
    return [name for name in dict.fromkeys(names) if name]


def judge_partition(job: JudgePartition, judging: Judging) -> Judgement:
    """Judge one partition and seal its lines."""
    setup = judging.setup
    tally, account, flaws = Tally(), Account(), list[Flaw]()
    lines: list[tuple[str, bytes]] = []
    for key, rows in _people(job, judging).items():
        for one in judge_person(key, rows, job, judging, flaws, account):
            count(one, tally)
            text = b"".join(printed(one, judging))
            lines.append((one.patient, text))
    lines.sort(key=lambda line: line[0])
    path = Path(setup.folder) / "parts" / f"part-{job.partition:04d}.ndjson"
    write_whole(path, b"".join(text for _, text in lines))
    return Judgement(
        partition=job.partition,
        tally=tally,
        flaws=tuple(flaws[:LISTED]),
        more_flaws=max(0, len(flaws) - LISTED),
        account=account,
    )


def rows_of(files: Mapping[str, int], folder: str) -> Iterator[Row]:
    """All rows of a partition's files."""
    for name, length in files.items():
        yield from read_rows(Path(folder) / name, length)


def _people(job: JudgePartition, judging: Judging) -> dict[str, list[Row]]:
    """The rows of each person, who may have several names."""
    people: dict[str, list[Row]] = {}
    moves, partitions = judging.moves, judging.setup.partitions
    for row in rows_of(job.files, judging.setup.folder):
        key = moves.get(row.key, row.key)
        if moves and partition_of(key.encode(), partitions) != job.partition:
            continue
        people.setdefault(key, []).append(row)
    return people


def judge_person(
    key: str,
    rows: list[Row],
    job: JudgePartition,
    judging: Judging,
    flaws: list[Flaw],
    account: Account,
) -> Iterable[Judged]:
    """A bug of ours costs the patient it met, not the archive; its words may hold data."""
    try:
        found, ended = _judged(rows, job, judging, flaws)
    except Exception as error:
        reason = f"bug: {type(error).__name__} while judging; please report it"
        flaws.append(Flaw(judging.file_of(rows[0]), rows[0].offset, reason, key))
        account.end("damaged", sum(row.kind != FLAW for row in rows))
        return [Judged(key, incomplete=reason)]
    account.add(ended)
    return found


def _judged(
    rows: list[Row], job: JudgePartition, judging: Judging, flaws: list[Flaw]
) -> tuple[Iterable[Judged], Account]:
    rows.sort(key=_order)
    given = Incoming(
        deleted=judging.gone(),
        since=ChainMap({}, judging.reasons(SINCE)),
        broken=judging.marked(BROKEN),
        doubted=ChainMap({}, judging.reasons(DOUBTED)),
        elsewhere=judging.reasons(HELD),
        nobodys=judging.marked(NOBODYS),
    )
    for row, item in _items(rows, judging):
        if item is None:
            given.account.end("irrelevant")
            continue
        given.take(item)
        if isinstance(item, Entry):
            continue
        if row.kind == FLAW:
            given.account.damaged -= 1  # counted where it was found
        else:
            patient = row.key if row.key.startswith("Patient/") else ""
            flaws.append(Flaw(judging.file_of(row), row.offset, item.reason, patient))
    answers = judge_incoming(
        given,
        judging.judge,
        beside=judging.beside(given.entries),
        withheld=job.withheld,
        doubts=job.doubts,
    )
    # What nobody could be found for among these: it is told, as everything that was damaged is.
    for item in answers.damage[len(given.damage) :] if not job.withheld else ():
        flaws.append(Flaw(judging.file_of(rows[0]), rows[0].offset, f"{item.place}: {item.reason}"))
    return answers.judged, answers.account


def _items(rows: Sequence[Row], judging: Judging) -> Iterator[tuple[Row, Entry | Damaged | None]]:
    """What the rows hold; none for an outline that is no version of another, and nobody names."""
    read = {place: _read(row, judging) for place, row in enumerate(rows) if row.kind != OUTLINE}
    asked = {rows[place].id for place in read}
    for item in read.values():
        for reference in members_of(item.resource) if isinstance(item, Entry) else ():
            literal = parse_literal(reference.address)
            asked.add(literal.id if literal else "")
    for place, row in enumerate(rows):
        found = read.get(place)
        yield row, found or (_read(row, judging) if row.id and row.id in asked else None)


def _order(row: Row) -> tuple[int, int]:
    return row.task, row.number


def _read(row: Row, judging: Judging) -> Entry | Damaged:
    place = judging.place_of(row)
    if row.kind == FLAW:
        return structs.replace(_DAMAGED.decode(row.body), place=place)
    try:
        resource = decode_resource(row.body)  # type: ignore[arg-type]
    except UNREADABLE as error:
        return damaged(bytes(row.body), place, error)
    if isinstance(resource, str):
        return Damaged(place=place, reason=f"type {resource} is not read", resource_type=resource)
    body = bytes(row.body)
    twice = repeated_name(body)
    if twice:
        return told_twice(body, place, twice)
    return Entry(resource, row.address, place)


def printed(one: Judged, judging: Judging) -> Iterator[bytes]:
    """The lines of one patient, with or without what proves them."""
    if judging.setup.evidence or one.incomplete:
        yield from lines_of([one], judging.judge, judging.setup.request)
        return
    for assessments in one.assessments:
        shown = assessments if judging.setup.request.history else assessments[-1:]
        for assessment in shown:
            yield write_line(assessment_brief(assessment, software_version=VERSION))
