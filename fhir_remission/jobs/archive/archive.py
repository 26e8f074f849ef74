"""Whole archives to assessments: split by patient on disk, then judged partition by partition.

    inputs -> parts -> workers -> partition files -> workers -> one line per patient

Memory does not grow with the input, and what is printed is what `classify` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.plain_text import plain
from fhir_remission.effects.files.private_file import not_written, private_folder, write_whole
from fhir_remission.effects.files.spool import partition_of, remove_folder
from fhir_remission.effects.files.workers import Answer, Workers
from fhir_remission.effects.state.lock import only_run
from fhir_remission.errors import UsageError
from fhir_remission.jobs.archive.between import broken_off, prepare_judging
from fhir_remission.jobs.archive.journal import Header, Journal, boot_id
from fhir_remission.jobs.archive.output import Format, Summary, merge, summary_of
from fhir_remission.jobs.archive.parts import (
    SPECIAL,
    At,
    Flaw,
    Judgement,
    JudgePartition,
    Moved,
    MoveRows,
    Part,
    Prepare,
    Result,
    Setup,
    Split,
    SplitParts,
    decode_result,
    encode,
)
from fhir_remission.jobs.archive.subjects import unassigned
from fhir_remission.jobs.archive.work_plan import (
    batches,
    cut,
    find_sources,
    partitions_for,
    prepared,
)
from fhir_remission.jobs.judging.columns import needs_parquet
from fhir_remission.jobs.judging.incoming import UNATTRIBUTED
from fhir_remission.jobs.judging.request import Request, judge_for

_WORKER = "fhir_remission.jobs.archive.worker"
Progress = Callable[[str, int, int], None]
Batch = tuple[Part, ...]


class Order(Struct, frozen=True):
    """What the command line asked for."""

    paths: tuple[Path, ...]
    out: Path
    request: Request
    workers: int = 2
    evidence: bool = True
    accept_damage: bool = False
    known_damage: tuple[Flaw, ...] = ()
    """What is known to be missing before anything is read, such as a file of an export."""
    form: Format = "ndjson"


class Report(Struct, frozen=True):
    """What came of the run."""

    summary: Summary
    exit_code: int


def run(order: Order, progress: Progress) -> Report:
    """Judge everybody in the archive; write `assessments.FORMAT` and `summary.json`."""
    if order.form == "parquet":
        needs_parquet()
    for folder in (order.out, order.request.overlay or order.out):
        if plain(str(folder)) != str(folder):  # workers are told of it in JSON
            raise UsageError(f"{plain(str(folder))}: give this folder a name in plain letters")
    private_folder(order.out)
    with only_run(order.out / ".lock"):
        judge = judge_for(order.request)
        sources = find_sources(order.paths, but=order.out)
        work = order.out / ".work"
        setup = Setup(
            request=order.request,
            folder=str(work),
            partitions=partitions_for(sources),
            sources=sources,
            evidence=order.evidence,
        )
        header = Header(
            setup=setup,
            accept_damage=order.accept_damage,
            known_damage=order.known_damage,
            workers=order.workers,
            tables=judge.mappings.version,
            boot=boot_id(),
            as_of=judge.as_of.isoformat(),
        )
        try:
            journal = Journal(work, header)
            # A run that goes on keeps its moment: one output, one `as_of`.
            request = structs.replace(order.request, as_of=journal.as_of)
            return _Run(order, structs.replace(setup, request=request), journal, progress).go()
        except OSError as error:
            raise not_written(order.out, error, kept="finished parts are kept") from None


class _Run:
    """One run over one output folder."""

    def __init__(self, order: Order, setup: Setup, journal: Journal, progress: Progress) -> None:
        self._order = order
        self._setup = setup
        self._journal = journal
        self._progress = progress
        self._parts = cut(setup.sources, order.workers)
        self._flaws: list[Flaw] = list(order.known_damage)
        self._total = _size(self._parts)
        self._done = 0
        self._started = 0

    def go(self) -> Report:
        """Both passes, what lies between them, and the files at the end."""
        with Workers(_WORKER, self._order.workers, self._name) as workers:
            workers.greet(encode(self._setup))
            self._split(workers)
            files, specials = self._files()
            splits = list(self._journal.splits.values())
            found = prepare_judging(Path(self._setup.folder), files, specials)
            self._flaws.extend(unassigned(name) for name in found.lost)
            prepare = prepared(found.prepare, self._parts, splits)
            workers.greet(encode(prepare))
            if prepare.moves:
                self._move(workers, files, prepare)
            self._judge(workers, files)
        return self._finish()

    def _name(self) -> bytes:
        self._started += 1
        return f"rows-{self._journal.runs}-{self._started}".encode()

    def _split(self, workers: Workers) -> None:
        known = self._journal.known()
        todo = [part for part in self._parts if part.index not in known]
        self._done = self._total - _size(todo)
        self._progress("reading", self._done, self._total)
        failed = self._read(workers, batches(todo, self._setup.sources))
        # Which of several files it was shows when each is read alone.
        self._read(workers, [(part,) for batch in failed for part in batch])
        splits = self._journal.splits.values()
        self._flaws += [flaw for split in splits for flaw in split.flaws]
        self._flaws += broken_off(splits)

    def _read(self, workers: Workers, todo: list[Batch]) -> list[Batch]:
        """Read these batches; return those of several files that could not be."""
        jobs = [(batch[0].index, encode(SplitParts(batch))) for batch in todo]
        by_job = {batch[0].index: batch for batch in todo}
        failed: list[Batch] = []
        for answer in workers.run(jobs):
            batch = by_job[answer.job]
            if answer.outcome != "done" and len(batch) > 1:
                failed.append(batch)
                continue
            place = At(self._setup.sources[batch[0].source].path, batch[0].low)
            result = self._taken(answer, place, len(batch))
            if isinstance(result, Split):
                self._journal.note(result)
            self._done += _size(batch)
            self._progress("reading", self._done, self._total)
        return failed

    def _taken(self, answer: Answer, place: At, files: int = 1) -> Result | None:
        """The result of a job, and what has to be said of it."""
        if answer.outcome == "died":
            self._flaws.append(
                Flaw(*place, f"{number_of(answer.deaths, 'worker')} died while reading it")
            )
            return None
        if answer.outcome == "refused":
            reason = msgspec.json.decode(answer.body, type=str)
            words = f"it could not be read, or its rows could not be written: {reason}"
            self._flaws.append(Flaw(*place, words))
            return None
        if answer.deaths:
            what = "it" if files == 1 else f"it or one of the {files - 1} files after it"
            again = f"a worker died while reading {what}; read again by another, nothing is missing"
            self._flaws.append(Flaw(*place, again, harmless=True))
        return decode_result(answer.body)

    def _files(self) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
        """The files of each partition and of what lies beside them, with their lengths."""
        count = self._setup.partitions
        files: list[dict[str, int]] = [{} for _ in range(count + SPECIAL)]
        for name, lengths in self._journal.lengths().items():
            for number, length in enumerate(lengths):
                if length:
                    files[number][f"{name}.{number:04d}"] = length
        return files[:count], files[count:]

    def _move(self, workers: Workers, files: list[dict[str, int]], prepare: Prepare) -> None:
        moves = msgspec.json.decode(Path(prepare.moves).read_bytes(), type=dict[str, str])
        count = self._setup.partitions
        sources = sorted({partition_of(key.encode(), count) for key in moves})
        jobs = [(one, encode(MoveRows(one, files[one]))) for one in sources]
        lengths: dict[str, list[int]] = {}
        for answer in workers.run(jobs):
            result = self._taken(answer, At(f"partition {answer.job}", 0))
            if isinstance(result, Moved):
                known = lengths.setdefault(result.spool, result.lengths)
                lengths[result.spool] = [
                    max(pair) for pair in zip(known, result.lengths, strict=True)
                ]
        for name, found in lengths.items():
            for number, length in enumerate(found[:count]):
                if length:
                    files[number][f"{name}.{number:04d}"] = length

    def _judge(self, workers: Workers, files: Sequence[Mapping[str, int]]) -> None:
        withheld, doubts = self._verdict()
        todo = [one for one in range(len(files)) if one not in self._journal.judgements]
        jobs = [
            (one, encode(JudgePartition(one, dict(files[one]), doubts, withheld)))
            for one in todo
            if files[one]
        ]
        done = len(files) - len(jobs)
        self._progress("judging", done, len(files))
        for answer in workers.run(jobs):
            result = self._taken(answer, At(f"partition {answer.job}", 0))
            if isinstance(result, Judgement):
                self._journal.note(result)
            done += 1
            self._progress("judging", done, len(files))
        for judgement in self._journal.judgements.values():
            self._flaws.extend(judgement.flaws)

    def _verdict(self) -> tuple[str, tuple[str, ...]]:
        """What damage that nobody can attribute means for everybody."""
        hiding = sorted(
            (one.file, one.offset, one.reason) for one in self._flaws if one.hides_anybodys
        )
        if not hiding:
            return "", ()
        if self._order.accept_damage:
            return "", (UNATTRIBUTED,)
        file, offset, reason = hiding[0]
        return f"{file} at byte {offset}: {reason}", ()

    def _finish(self) -> Report:
        folder = Path(self._setup.folder)
        unjudged = any(flaw.file.startswith("partition ") for flaw in self._flaws)
        parts = sorted((folder / "parts").glob("part-*.ndjson"))
        merge(parts, self._order.out, self._order.form)
        summary = summary_of(
            self._setup,
            self._journal.splits.values(),
            self._journal.judgements.values(),
            self._flaws,
            accepted=self._order.accept_damage,
        )
        told = msgspec.json.format(encode(summary), indent=2)
        write_whole(self._order.out / "summary.json", told)
        if not unjudged:
            remove_folder(folder)
        lost = Account(**summary.entries).lost and not unjudged
        return Report(summary, 3 if self._flaws or unjudged or lost else 0)


def _size(parts: Iterable[Part]) -> int:
    return sum(part.high - part.low for part in parts)
