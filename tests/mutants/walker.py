"""The pytest plugin that walks all tests once and then judges mutants in forked children."""

from __future__ import annotations

import functools
import gc
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, NoReturn

import coverage
import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from fhir_remission.jobs.judging import judging
from tests.mutants.mutations import Mutant
from tests.mutants.verdicts import Verdicts

EXAMPLES = 5
"""Of each hypothesis test: a mutant is noticed by the first few or by a test of its own."""
SLOW = 1.0
"""Seconds: a test beyond it starts programs or servers, which import the code unchanged."""
HEAVY = 0.4
"""Processor seconds: what such a test notices, ten quicker ones notice in less."""
TOO_LONG = 2
"""Seconds of one test on changed code: an endless loop."""
CHILD = 600
"""Processor seconds of one child: it judges the mutants of one function."""
MEMORY = 4 << 30
NOBODY = -1


class Walker:
    """Takes pytest's loop over the tests; `verdicts` receives what becomes of each mutant."""

    def __init__(
        self, mutants: list[Mutant], verdicts: Verdicts, domain: Path, effort: float
    ) -> None:
        self.mutants = mutants
        self.verdicts = verdicts
        self.domain = domain
        self.effort = effort
        self.items: list[pytest.Item] = []
        self.took: list[float] = []
        self.slow: set[int] = set()
        self.walks: dict[str, dict[int, set[int]]] = {}
        self.tables: dict[str, set[int]] = {}
        """The lines that reading the tables walks."""
        self.kills: Counter[int] = Counter()
        self.lately: defaultdict[str, list[int]] = defaultdict(list)
        judging.load_mappings = functools.cache(judging.load_mappings)
        judging.load_criteria = functools.cache(judging.load_criteria)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Walk, then judge."""
        signal.signal(signal.SIGVTALRM, _out_of_time)
        for item in session.items:
            _fewer_examples(item)
        self.items = list(session.items)
        self._walk()
        _caches()  # found before `gc.freeze`, which hides them
        gc.freeze()
        self._judge_all()
        return True

    def _walk(self) -> None:
        """Run every test on the original code and note its lines and its time."""
        cov = coverage.Coverage(data_file=None, include=[f"{self.domain}/*"], config_file=False)
        cov.start()
        cov.switch_context("tables")
        _read_tables()
        for place, item in enumerate(self.items):
            cov.switch_context(str(place))
            begun, worked = time.perf_counter(), time.process_time()
            failed = not passes(item, limit=0)
            self.took.append(time.process_time() - worked)
            if time.perf_counter() - begun > SLOW or self.took[-1] > HEAVY:
                self.slow.add(place)
            if failed:  # it could not tell a changed line from the original
                self.slow.add(place)
                _say(f"left out, it fails on the original code: {item.nodeid}")
        cov.stop()
        data = cov.get_data()
        for file in data.measured_files():
            lines = data.contexts_by_lineno(file)
            name = f"{Path(file).parent.name}.{Path(file).stem}"
            self.tables[name] = {line for line, seen in lines.items() if "tables" in seen}
            self.walks[name] = {
                line: {int(one) for one in seen if one.isdigit()} for line, seen in lines.items()
            }
        _say(f"{len(self.items)} tests in {sum(self.took):.1f} s")

    def _judge_all(self) -> None:
        begun = time.monotonic()
        alive = count = 0
        for _, group in groupby(self.mutants, key=lambda one: (one.module, one.function)):
            for mutant, verdict, test in self._judge(list(group)):
                count += 1
                alive += verdict not in ("killed", "timeout")
                self.verdicts.record(mutant, verdict, test)
                if count % 100 == 0:
                    spent = time.monotonic() - begun
                    _say(f"{count} of {len(self.mutants)}, {alive} alive, {spent:.0f} s")

    def _judge(self, group: Sequence[Mutant]) -> Iterator[tuple[Mutant, str, str]]:
        """The mutants of one function in a child; in another where that one dies."""
        waiting = list(group)
        while waiting:
            for answer in self._child(waiting):
                mutant = waiting.pop(0)
                if answer == NOBODY:
                    yield mutant, "survived" if self._tests_for(mutant) else "no test", ""
                else:
                    self._learn(mutant, answer)
                    yield mutant, "killed", self.items[answer].nodeid
            if waiting:
                yield waiting.pop(0), "timeout", ""

    def _child(self, mutants: Sequence[Mutant]) -> Iterator[int]:
        """The test that noticed each mutant, `NOBODY` if none did, until the child ends."""
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            self._work(mutants, theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            for line in pipe:
                yield int(line)
        os.waitpid(child, 0)

    def _work(self, mutants: Sequence[Mutant], answers: int) -> NoReturn:
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (CHILD, CHILD))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            for mutant in mutants:
                killer = self._noticed(mutant)
                if killer != NOBODY:
                    self._learn(mutant, killer)
                os.write(answers, f"{killer}\n".encode())
        finally:
            os._exit(0)

    def _noticed(self, mutant: Mutant) -> int:
        places = self._tests_for(mutant)
        reads = bool(mutant.lines & self.tables.get(mutant.module, set()))
        if not places:
            return NOBODY
        while places:
            with mutant.applied() as defined:
                if not defined:
                    return places[0]
                if reads:
                    clear_caches()
                found = next((one for one in places if not passes(self.items[one])), NOBODY)
            if reads:
                clear_caches()
            # A test that fails without the change too has noticed nothing: it ran once before.
            if found == NOBODY or passes(self.items[found]):
                return found
            places = places[places.index(found) + 1 :]
        return NOBODY

    def _tests_for(self, mutant: Mutant) -> list[int]:
        """What walks the line: first what noticed its neighbours, then what notices most."""
        walks = self.walks.get(mutant.module, {})
        every = {place for line in mutant.lines for place in walks.get(line, ())}
        if mutant.lines & self.tables.get(mutant.module, set()):
            # Tables are read once for all tests: each of them rests on what they say.
            every.update(range(len(self.items)))
        every -= self.slow
        lately = self.lately[f"{mutant.module}.{mutant.function}"]
        first = [place for place in lately[:20] if place in every]
        rest = sorted(every - set(first), key=lambda one: (-self.kills[one], self.took[one]))
        order = first + rest
        spent = accumulate(self.took[place] for place in order)
        return [place for place, sofar in zip(order, spent, strict=True) if sofar <= self.effort]

    def _learn(self, mutant: Mutant, killer: int) -> None:
        self.kills[killer] += 1
        lately = self.lately[f"{mutant.module}.{mutant.function}"]
        if killer in lately:
            lately.remove(killer)
        lately.insert(0, killer)


def passes(item: pytest.Item, limit: float = TOO_LONG) -> bool:
    """Whether a test passes, is skipped or fails as expected; a limit of 0 is none."""
    signal.setitimer(signal.ITIMER_VIRTUAL, limit, limit)  # again, where the first is swallowed
    try:
        reports = runtestprotocol(item, log=False, nextitem=None)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return all(not report.failed for report in reports)


def _out_of_time(_signal: int, _frame: Any) -> NoReturn:
    raise TimeoutError


def _read_tables() -> None:
    from fhir_remission.domain.nouns.namespace import NAMESPACE
    from fhir_remission.effects.files.mapping_files import (
        criteria_names,
        load_criteria,
        load_mappings,
    )

    load_mappings(None, namespace=NAMESPACE)
    for name in criteria_names():
        load_criteria(name)


def clear_caches() -> None:
    """Forget what the original code has read: criteria sets and tables."""
    for cached in _caches():
        cached.cache_clear()


@functools.cache
def _caches() -> list[Any]:
    kind = type(functools.cache(lambda: None))
    ours = ("fhir_remission", "tests.", "test_")
    return [
        one
        for one in gc.get_objects()
        if isinstance(one, kind)
        and (one.__module__ or "").startswith(ours)
        and one.__module__ != __name__
    ]


def _fewer_examples(item: pytest.Item) -> None:
    inner = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
    if getattr(inner, "is_hypothesis_test", False):
        given = inner._hypothesis_internal_use_settings  # type: ignore[union-attr]
        inner._hypothesis_internal_use_settings = hypothesis.settings(  # type: ignore[union-attr]
            given, max_examples=EXAMPLES, derandomize=True, database=None
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
