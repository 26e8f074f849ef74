"""One worker process of an archive run: jobs as JSON lines in, results as JSON lines out."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

from fhir_remission.effects.files.spool import Spool, partition_of
from fhir_remission.effects.process.signals import end_with_parent
from fhir_remission.jobs.archive.judge import Judging, judge_partition, rows_of
from fhir_remission.jobs.archive.parts import (
    SPECIAL,
    Job,
    Judgement,
    JudgePartition,
    Moved,
    MoveRows,
    Prepare,
    Setup,
    Split,
    SplitParts,
    decode_job,
    encode,
)
from fhir_remission.jobs.archive.split import split_parts
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import judge_for


class Station:
    """What a worker keeps between two jobs."""

    def __init__(self, name: str, setup: Setup) -> None:
        self._name = name
        self._setup = setup
        self._judge: Judge = judge_for(setup.request)
        self._judging: Judging | None = None
        self._spool = Spool(Path(setup.folder), name, setup.partitions + SPECIAL)

    def prepare(self, prepare: Prepare) -> None:
        """Learn what is known only after the first pass."""
        self._judging = Judging(self._setup, prepare, self._judge)

    def do(self, job: Job) -> Split | Moved | Judgement:
        """Do one job."""
        match job:
            case SplitParts():
                mappings = self._judge.mappings
                return split_parts(job.parts, self._setup, self._spool, mappings, self._name)
            case MoveRows():
                return self._move(job)
            case JudgePartition():
                assert self._judging is not None  # noqa: S101 - prepare comes first
                return judge_partition(job, self._judging)
        raise TypeError(job)

    def undo(self) -> None:
        """Forget what the failed job left behind."""
        self._spool.discard()

    def _move(self, job: MoveRows) -> Moved:
        assert self._judging is not None  # noqa: S101 - prepare comes first
        partitions, moves = self._setup.partitions, self._judging.moves
        for row in rows_of(job.files, self._setup.folder):
            to = moves.get(row.key)
            target = partition_of((to or row.key).encode(), partitions)
            if to is not None and target != job.partition:
                self._spool.add(target, row)
        return Moved(self._name, self._spool.finish())


def serve() -> int:
    """Answer every job on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; the parent ends us
    end_with_parent()
    gc.set_threshold(100_000, 50, 50)  # the collector would walk every row again and again
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    name = lines.readline().strip().decode()
    station: Station | None = None
    for line in lines:
        job = decode_job(line)
        if isinstance(job, Setup):
            station = Station(name, job)
            continue
        assert station is not None  # noqa: S101 - setup comes first
        if isinstance(job, Prepare):
            station.prepare(job)
            continue
        try:
            out.write(_answered(station, job) + b"\n")
            out.flush()
        except BrokenPipeError:  # the parent was killed: nobody is left to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return 0


def _answered(station: Station, job: Job) -> bytes:
    try:
        return encode(station.do(job))
    except OSError as error:  # a full disk above all: this job is lost, the next may fit
        station.undo()
        return b"!" + encode(error.strerror or type(error).__name__)
