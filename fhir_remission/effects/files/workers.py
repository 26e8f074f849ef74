"""Worker processes that take one job after the other as JSON lines; one that dies is replaced.

They are started fresh instead of forked, and load only what their module imports. A pool of the
standard library waits for ever for a worker that was killed, or gives up all of them.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, cast

from msgspec import Struct

Outcome = Literal["done", "refused", "died"]
# A job that kills two workers is the cause.
TRIES = 2


class Answer(Struct, frozen=True):
    """What came of one job."""

    job: int
    outcome: Outcome
    body: bytes
    deaths: int = 0


class Worker:
    """One process, started when it is first needed."""

    def __init__(self, module: str, greeting: Sequence[bytes]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", f"import sys, {module} as m; sys.exit(m.serve())"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.job: int | None = None
        self._rest = b""
        for line in greeting:
            self.send(line)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """What to wait for."""
        assert self._process.stdout is not None  # noqa: S101 - piped above
        return self._process.stdout.fileno()

    def send(self, line: bytes) -> None:
        """Give one line; a dead worker is noticed when its answer is read."""
        assert self._process.stdin is not None  # noqa: S101 - piped above
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def receive(self) -> tuple[list[bytes], bool]:
        """The lines that came, and whether the worker is gone."""
        data = os.read(self.fileno(), 1 << 20)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines, not data

    def close(self) -> None:
        """Tell it that no more will come."""
        assert self._process.stdin is not None  # noqa: S101 - piped above
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self, *, at_once: bool = False) -> None:
        """Let it finish and go, or make it."""
        self.close()
        if at_once:
            self._process.kill()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Workers:
    """A few processes that share a list of jobs."""

    def __init__(self, module: str, count: int, name: Callable[[], bytes]) -> None:
        self._module = module
        self._count = count
        self._name = name
        self._greetings: list[bytes] = []
        self._workers: list[Worker] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:  # all of them first: they go side by side
            worker.close()
        for worker in self._workers:
            # Where the run is ended nobody waits for what a worker is at.
            worker.end(at_once=kind is not None)

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [worker.pid for worker in self._workers]

    def greet(self, line: bytes) -> None:
        """Tell every worker, those that start later too, something that needs no answer."""
        self._greetings.append(line)
        for worker in self._workers:
            worker.send(line)

    def run(self, jobs: Iterable[tuple[int, bytes]]) -> Iterator[Answer]:
        """Do all jobs, in any order; answers come as they are done."""
        waiting = deque(jobs)
        deaths: dict[int, int] = {}
        bodies = dict(waiting)
        with selectors.DefaultSelector() as selector:
            for worker in self._workers[: len(waiting)]:
                selector.register(worker, selectors.EVENT_READ, worker)
                self._give(worker, waiting)
            while waiting and len(self._workers) < self._count:
                self._start(selector, waiting)
            while selector.get_map():
                for key, _ in selector.select():
                    worker = cast(Worker, key.data)
                    lines, gone = worker.receive()
                    for line in lines:
                        answered, worker.job = worker.job, None
                        yield _answer(answered or 0, line, deaths)
                    if gone:
                        yield from self._bury(worker, selector, waiting, bodies, deaths)
                    elif worker.job is None and not self._give(worker, waiting):
                        selector.unregister(worker)

    def _start(self, selector: selectors.BaseSelector, waiting: deque[tuple[int, bytes]]) -> None:
        worker = Worker(self._module, [self._name(), *self._greetings])
        self._workers.append(worker)
        selector.register(worker, selectors.EVENT_READ, worker)
        self._give(worker, waiting)

    def _give(self, worker: Worker, waiting: deque[tuple[int, bytes]]) -> bool:
        if not waiting:
            return False
        worker.job, body = waiting.popleft()
        worker.send(body)
        return True

    def _bury(
        self,
        worker: Worker,
        selector: selectors.BaseSelector,
        waiting: deque[tuple[int, bytes]],
        bodies: dict[int, bytes],
        deaths: dict[int, int],
    ) -> Iterator[Answer]:
        selector.unregister(worker)
        self._workers.remove(worker)
        worker.end()
        job = worker.job
        if job is not None:
            deaths[job] = deaths.get(job, 0) + 1
            if deaths[job] < TRIES:
                waiting.append((job, bodies[job]))
            else:
                yield Answer(job, "died", b"", deaths[job])
        if waiting:
            self._start(selector, waiting)


def _answer(job: int, line: bytes, deaths: dict[int, int]) -> Answer:
    refused = line.startswith(b"!")
    return Answer(job, "refused" if refused else "done", line[refused:], deaths.get(job, 0))
