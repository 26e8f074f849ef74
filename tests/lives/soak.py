"""A hospital for a year: what changes, what fails, whose clock jumps; and what stands in the end.

    python -m tests.lives.soak [--runs 200] [--seed 21]

The end must equal what a run without any memory writes on a server that holds nothing of ours.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from tests.crash.world import Ran, WorldClock, _Exchange
from tests.lives.world import Site

NAMES = tuple(f"p{number:02d}" for number in range(10))
SPARE = tuple(f"q{number}" for number in range(3))
"""Records outside the cohort, into which others are merged."""
FAILING = 0.05
# Codes of runs that may end so where requests fail and clocks are wrong; never 1, 2, 5 or 7.
FAIR = {0, 3, 75}
OWN = "https://w3id.org/fhir-remission/id/"


class Soak:
    """One life of one site."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.chance = random.Random(seed)
        self.site = Site(folder / "long", monkeypatch, (*NAMES, *SPARE))
        self.site.listed(NAMES)
        self.monkeypatch, self.folder = monkeypatch, folder
        self.merged: dict[str, str] = {}
        self.happened: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.failed = self.idle_writes = self.number = self.copies = 0
        self.failing = FAILING
        self._answer, self.site.exchange = self.site.exchange, self._flaky  # type: ignore[method-assign]

    # What goes wrong --------------------------------------------------------------------------

    def _flaky(self, request: Request) -> Answer | NoAnswer:
        """One request in twenty fails: not sent, not answered, or refused."""
        if self.chance.random() >= self.failing:
            return self._answer(request)
        self.failed += 1
        how = self.chance.choice(("unsent", "lost", "429", "500", "503", "truncated"))
        if how == "unsent":
            return NoAnswer("unsent", "connection refused")
        if how == "lost":
            self._answer(request)
            return NoAnswer("lost", "no answer in time")
        if how == "truncated" and request.url.endswith("_search"):
            answer = self._answer(request)
            return _half(answer) if isinstance(answer, Answer) else answer
        return Answer(500 if how in ("500", "truncated") else int(how), {}, b"", request.url)

    # What changes -----------------------------------------------------------------------------

    def change(self) -> None:
        """Something happens at the hospital."""
        events: tuple[Callable[[], str], ...] = (
            self.new,
            self.corrected,
            self.corrected,
            self.retracted,
            self.restored,
            self.deleted,
            self.moved,
            self.merge,
            self.unmerge,
            self.half_merge,
        )
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 3))):
            name = self.chance.choice(events)()
            if name:
                self.happened[name] += 1

    def _one(self, *, status: tuple[str, ...] = ()) -> dict[str, Any] | None:
        held = [
            one
            for name in (*NAMES, *SPARE)
            for one in self.site.about(name)
            if one["resourceType"] == "Observation" and (not status or one["status"] in status)
        ]
        return self.chance.choice(held) if held else None

    def new(self) -> str:
        """A new result, like one of before."""
        one = self._one()
        if one is None:
            return ""
        self.number += 1
        self.site.store.put({**one, "id": f"n{self.number}", "status": "final"})
        return "new"

    def corrected(self) -> str:
        """Another value in the place of one."""
        one = self._one(status=("final", "amended", "corrected"))
        if one is None or "valueQuantity" not in one:
            return ""
        value = self.chance.choice((1, 3, 40, 62, 120))
        quantity = {**one["valueQuantity"], "value": value}
        self.site.store.put({**one, "status": "corrected", "valueQuantity": quantity})
        return "corrected"

    def retracted(self) -> str:
        """It was an error."""
        one = self._one(status=("final", "amended", "corrected"))
        if one is None:
            return ""
        self.site.store.put({**one, "status": "entered-in-error"})
        return "retracted"

    def restored(self) -> str:
        """It was none."""
        one = self._one(status=("entered-in-error",))
        if one is None:
            return ""
        self.site.store.put({**one, "status": "corrected"})
        return "restored"

    def deleted(self) -> str:
        """Gone, without a word."""
        one = self._one()
        if one is None or self.chance.random() < 0.5:
            return ""
        self.site.store.delete(one["resourceType"], one["id"])
        return "deleted"

    def moved(self) -> str:
        """It was another patient's."""
        one, to = self._one(), self.chance.choice(NAMES)
        if one is None:
            return ""
        self.site.store.put({**one, "subject": {"reference": f"Patient/{to}"}})
        return "moved"

    def _free(self) -> list[str]:
        linked = {*self.merged, *self.merged.values()}
        return [name for name in (*NAMES, *SPARE) if name not in linked]

    def merge(self) -> str:
        """Two records are one person; both say so, or one of them and the other is inactive."""
        free = self._free()
        if len(free) < 2:
            return ""
        old, new = self.chance.sample(free, 2)
        self.merged[old] = new
        self.site.move(old, new)
        who = self.chance.choice(("both", "survivor", "former"))
        if who != "former":
            self.site.link(new, "replaces", old)
        if who != "survivor":
            self.site.link(old, "replaced-by", new)
        self.site.change("Patient", old, active=False)
        return f"merged ({who})"

    def half_merge(self) -> str:
        """One record names another that is in force and says nothing."""
        free = self._free()
        if len(free) < 2:
            return ""
        old, new = self.chance.sample(free, 2)
        self.merged[old] = new
        self.site.link(new, "replaces", old)
        return "merged (one-sided)"

    def unmerge(self) -> str:
        """It was a mistake; now and then one side keeps its link for a while."""
        if not self.merged:
            return ""
        old = self.chance.choice(sorted(self.merged))
        new = self.merged[old]
        self.site.change("Patient", old, link=None, active=True)
        if self.chance.random() < 0.3:
            return "unmerged on one side"
        self.site.unmerge(old, new)
        del self.merged[old]
        return "unmerged"

    # A life -----------------------------------------------------------------------------------

    def run(self) -> Ran:
        """One run, at times with a clock that jumps."""
        jump = timedelta(0)
        right = self.site.date
        if self.chance.random() < 0.08:
            jump = self.chance.choice(
                (timedelta(days=400), timedelta(days=-400), timedelta(hours=3))
            )
        if jump and self.chance.random() < 0.5:
            self.happened["the server's Date jumped"] += 1
            self.site.date = lambda: WorldClock.time + jump
            ran = self.site.run()
        elif jump:
            self.happened["our clock jumped"] += 1
            # Its own stamps do not jump: nothing is stored meanwhile unless by us.
            WorldClock.time += jump
            self.site.date = lambda: WorldClock.time - jump
            ran = self.site.run()
            WorldClock.time -= jump
        else:
            ran = self.site.run()
        self.site.date = right
        self.codes[ran.code] += 1
        assert ran.code in FAIR, (ran.code, ran.error)
        return ran

    def settle(self) -> int:
        """Runs without trouble until nothing is sent; returns how many it took."""
        self.failing = 0.0
        WorldClock.time += timedelta(hours=25)
        took, sent = 0, 1
        while sent:
            took += 1
            ran = self.site.run()
            assert ran.code in {0, 3}, (ran.code, ran.error)
            assert took < 6, "the runs never come to rest"
            sent = ran.summary["unsafe_requests"]
        for _ in range(2):
            self.idle_writes += self.site.run().summary["unsafe_requests"]
        self.failing = FAILING
        return took

    def afresh(self, which: str) -> set[tuple[str, ...]]:
        """What a site without memory writes on a server that holds nothing of ours."""
        self.copies += 1
        other = Site(self.folder / f"fresh-{self.copies}", self.monkeypatch, ())
        try:
            (other.folder / "site.key").write_bytes((self.site.folder / "site.key").read_bytes())
            ours = {version.key for version in self.site.store.log if _is_ours(version.resource)}
            for version in self.site.store.log:
                if version.key not in ours:
                    other.store._append(version)
            other.listed(NAMES)
            ran = other.run(f"write.which={which}")
            assert ran.code in {0, 3}, (ran.code, ran.error)
            return {*other.living()}
        finally:
            other.close()
            # The chains of this process go to the long-lived site again.
            _Exchange.world = self.site

    def compare(self) -> str:
        """How what stands differs from what a site without memory writes; empty where it does not.

        Results of earlier marrows stand as well: those of a site that writes the whole history.
        """
        mine = {*self.site.living()}
        missing = self.afresh("current") - mine
        beyond = mine - self.afresh("history")
        return f"missing {missing}, beyond {beyond}" if missing or beyond else ""


class Numbers(Struct, frozen=True):
    """What the process and the state weigh."""

    descriptors: int
    memory_mib: float
    state_kib: float

    def __str__(self) -> str:
        """As it is printed."""
        return (
            f"{self.descriptors} descriptors, {self.memory_mib:.0f} MiB at most, "
            f"state {self.state_kib:.0f} KiB"
        )


def numbers(site: Site) -> Numbers:
    """Open files, memory and the state's size."""
    state = sum(path.stat().st_size for path in site.folder.glob("state.db*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Numbers(len(os.listdir("/proc/self/fd")), peak / 1024, state / 1024)


def live(
    folder: Path, monkeypatch: pytest.MonkeyPatch, runs: int, seed: int, *, every: int = 25
) -> Soak:
    """Live through some runs; at times, and in the end, compare with a site without memory."""
    soak = Soak(folder, monkeypatch, seed)
    for number in range(1, runs + 1):
        soak.change()
        WorldClock.time += timedelta(hours=soak.chance.choice((0, 1, 5, 30)))
        soak.run()
        if number % every == 0 or number == runs:
            took = soak.settle()
            apart = soak.compare()
            assert not apart, f"seed {seed}, run {number}: {apart}; {soak.merged}"
            assert soak.site.doubles() == []
            assert soak.idle_writes == 0, f"seed {seed}, run {number}: an idle run wrote"
            print(f"run {number}: at rest after {took} runs; {numbers(soak.site)}", flush=True)
    return soak


def _half(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2], answer.url)


def _is_ours(one: dict[str, Any] | None) -> bool:
    held = [*(one or {}).get("identifier", ()), *(one or {}).get("meta", {}).get("tag", ())]
    return any(str(item.get("system")).startswith(OWN) for item in held)


def main() -> None:
    """The long soak of `make long-soak`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=21)
    asked = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, pytest.MonkeyPatch.context() as patch:
        soak = live(Path(folder), patch, asked.runs, asked.seed)
        print(f"{asked.runs} runs, seed {asked.seed}; exit codes {dict(soak.codes)}")
        print(f"{soak.failed} requests failed; what happened: {dict(soak.happened)}")
        print(f"unsafe requests of idle runs: {soak.idle_writes}; {numbers(soak.site)}")
        soak.site.close()


if __name__ == "__main__":
    main()
