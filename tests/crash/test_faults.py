"""Whatever goes wrong on a write, in whatever order: nothing twice, nobody's edit lost.

`make test` plays 500 schedules, `make long` 10 000; both print how often each fault fired.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conftest import new_seed
from tests.crash.test_crash import SERVERS
from tests.crash.world import Killed, World, WorldClock

SCHEDULES = int(os.environ.get("FHIR_REMISSION_SCHEDULES", "500"))
PATIENT = "demo-18-amended"
FIRED: Counter[str] = Counter()
FAULTS = ("500-after-commit", "lost-response", "409", "412", "empty-201", "500-before")
MEANWHILE = ("nothing", "person", "reindex", "competitor", "second-run", "clock-back", "clock-on")
WANTED = {
    *("500-after-commit", "lost-response", "409", "412", "empty-201", "500-before"),
    *("person", "reindex", "competitor", "second-run", "clock-back", "clock-on"),
    *("killed", "dropped-field"),
    *("partial", "lost-state", "clock-refused"),
}


class WriteBack(RuleBasedStateMachine):
    """One patient, one server, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self._patch = pytest.MonkeyPatch()
        self._folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.edits: dict[str, dict[str, Any]] = {}
        self.world: World | None = None
        self.latest = WorldClock.time
        """The furthest that the clock of the site has ever been before it went back."""
        self.unsure = False
        """A server that rewrites, and a version between a lost answer and our look at it: that this
        was nobody's edit cannot be known, so it may be parked."""

    @initialize(server=st.sampled_from(sorted(SERVERS)), drops=st.booleans())
    def begin(self, server: str, drops: bool) -> None:
        """A server of one write mode, which may drop an element."""
        self._mode = server
        self.world = World(
            self._folder / "site", self._patch, habits=SERVERS[server], patients=(PATIENT,)
        )
        if drops:
            self.world.drops = {"ClinicalImpression": ("description",)}
            FIRED["dropped-field"] += 1
        shutil.copytree(self._folder / "site", self._folder / "other")

    def corrected(self, value: int) -> None:
        """The laboratory corrects the platelets."""
        assert self.world
        for resource in self.world.server.store.resources("Observation"):
            if resource["id"] == f"{PATIENT}-4-platelets":
                quantity = {**resource["valueQuantity"], "value": value}
                self.world.edit(resource, valueQuantity=quantity)

    @rule(status=st.sampled_from(("entered-in-error", "final")))
    def withdrawn_or_back(self, status: str) -> None:
        """All evidence goes, or comes back."""
        assert self.world
        for resource in self.world.server.store.resources("Observation"):
            if resource["id"].startswith(PATIENT) and resource["status"] != status:
                self.world.edit(resource, status=status)

    @rule(
        value=st.sampled_from((20, 62, 70, 120, 130)),
        fault=st.sampled_from((*FAULTS, "")),
        at=st.sampled_from((1, 2, 1, 3)),
        meanwhile=st.sampled_from(MEANWHILE),
        before=st.sampled_from((1, 2, 1, 3)),
    )
    def run(self, value: int, fault: str, at: int, meanwhile: str, before: int) -> None:
        """One run in which one thing goes wrong, and something happens meanwhile."""
        assert self.world
        self.corrected(value)
        self._arm(fault, at, meanwhile, before)
        ran = self.world.sync()
        self._disarm(fault)
        assert ran.code in (0, 3, 5, 75), ran
        self._check()

    @rule(at=st.integers(1, 24), when=st.sampled_from(("before", "after")))
    def killed(self, at: int, when: str) -> None:
        """The machine goes down at some effect."""
        assert self.world
        self.world.effects.arm(at, when)
        try:
            self.world.sync()
        except Killed:
            FIRED["killed"] += 1
        self.world.effects.arm()
        self.world.a_minute_later()
        self._check()

    @rule()
    def lost_state(self) -> None:
        """Somebody deletes the state; a server that rewrites would make that a person's matter."""
        assert self.world
        state = self.world.folder / "state.db"
        if state.exists() and not self.world.drops:
            for name in ("state.db", "state.db-wal", "state.db-shm"):
                (self.world.folder / name).unlink(missing_ok=True)
            FIRED["lost-state"] += 1

    def teardown(self) -> None:
        """In the end all is as one undisturbed run would have it."""
        try:
            if self.world is not None:
                self._settle(self.world)
        finally:
            if self.world is not None:
                self.world.close()
            self._patch.undo()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _settle(self, world: World) -> None:
        self._clock_set(world)
        ran = world.sync()
        parked = ran.lines[0]["write"] == "parked"
        assert ran.code == (3 if parked and (self.edits or self.unsure) else 0), ran
        self._check()
        idle = world.sync()
        assert idle.summary["unsafe_requests"] == 0
        if not (self.edits or parked):
            stands = [r for r in world.results(PATIENT) if r["status"] != "entered-in-error"]
            said = {
                r["finding"][0]["itemCodeableConcept"]["coding"][0]["code"]
                for r in stands
                if r["resourceType"] == "ClinicalImpression"
            }
            category = idle.lines[0]["category"]
            assert said == ({category} if category != "NE" else set()), (said, category)
            assert world.unfinished() == []

    def _clock_set(self, world: World) -> None:
        """A run that refuses a clock that went back writes nothing; then somebody sets it."""
        if WorldClock.time >= self.latest:
            return
        stood = len(world.server.store.log)
        ran = world.sync()
        assert ran.code in (0, 3, 75), ran
        if ran.code == 75:
            assert "set the clock" in ran.error
            assert len(world.server.store.log) == stood
            FIRED["clock-refused"] += 1
        WorldClock.time = self.latest

    # What goes wrong --------------------------------------------------------------------------

    def _arm(self, fault: str, at: int, meanwhile: str, before: int) -> None:
        world = self.world
        assert world
        asked = 0

        def between(_: Any) -> None:
            nonlocal asked
            asked += 1
            if asked == before:
                world.between = lambda _: None
                self._happens(meanwhile)

        world.between = between
        if fault == "500-before":
            world.refuse_at = at
        elif fault in ("500-after-commit", "lost-response"):
            world.server.faults.set([f"{fault}:{at}"])
        elif fault:
            world.server.faults.set([fault])

    def _disarm(self, fault: str) -> None:
        assert self.world
        fired = sum(self.world.server.faults.fired.values())
        if fault == "500-before":
            FIRED[fault] += self.world.refused
            if self.world.refused and self._mode.endswith(("one-by-one", "search")):
                FIRED["partial"] += 1
        elif fault:
            FIRED[fault] += fired
        self.world.refuse_at = self.world.refused = 0
        self.world.server.faults.set([])
        self.world.between = lambda _: None

    def _happens(self, what: str) -> None:
        world = self.world
        assert world
        standing = [r for r in world.results(PATIENT) if r["status"] != "entered-in-error"]
        if what == "person" and standing:
            edited = world.edit(standing[0], summary="I disagree", issued="2020-01-01T00:00:00Z")
            self.edits[f"{edited['resourceType']}/{edited['id']}"] = edited
        elif what == "reindex" and standing:
            # A new version of the same content, of a person's edit as well: from then on that
            # version must stand, so a rewrite of ours under the same words is still seen.
            written = world.edit(standing[0])
            name = f"{written['resourceType']}/{written['id']}"
            if name in self.edits:
                self.edits[name] = written
            self.unsure = self.unsure or bool(world.drops)
        elif what == "competitor":
            # The same site with a state of its own, as after a restore to another machine. Where
            # a server has no conditions, two such writers cannot know of each other.
            if self._mode == "search" or world.drops:
                return
            config, world.config = world.config, self._folder / "other" / "site.toml"
            world.sync()
            world.config = config
        elif what == "second-run":
            assert world.sync().code == 6
        elif what in ("clock-back", "clock-on"):
            self.latest = max(self.latest, WorldClock.time)
            WorldClock.time += timedelta(days=-3 if what == "clock-back" else 3)
        else:
            return
        FIRED[what] += 1

    def _check(self) -> None:
        """Nothing stands twice, and what a person wrote stands as she wrote it."""
        assert self.world
        assert self.world.doubles() == []
        for name, edited in self.edits.items():
            assert self.world.server.store.resource(*name.split("/", 1)) == edited


def test_a_clock_that_went_back_in_the_last_run() -> None:
    """The next run refuses and writes nothing; once the clock is set, all is as it should be."""
    FIRED.clear()
    site = WriteBack()
    try:
        site.begin(drops=False, server="put-one-by-one")
        site.run(at=1, before=1, fault="409", meanwhile="nothing", value=120)
        site.killed(at=9, when="before")
        site.run(at=3, before=1, fault="409", meanwhile="nothing", value=70)
        site.killed(at=23, when="after")
        site.run(at=3, before=1, fault="", meanwhile="clock-back", value=130)
    finally:
        site.teardown()

    assert FIRED["clock-refused"] == 1


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("server", sorted(SERVERS))
def test_a_reindex_of_what_a_person_wrote_is_left_as_it_is(server: str, drops: bool) -> None:
    """The server gives her words a new version; the runs after it write nothing over that one."""
    site = WriteBack()
    try:
        site.begin(drops=drops, server=server)
        site.run(at=1, before=9, fault="", meanwhile="nothing", value=62)
        for meanwhile, value in (("person", 20), ("reindex", 120), ("reindex", 62)):
            site._happens(meanwhile)
            site.run(at=1, before=1, fault="", meanwhile=meanwhile, value=value)
        assert site.edits
    finally:
        site.teardown()


@pytest.mark.timeout(600)
def test_faults_on_write() -> None:
    """Seeded schedules; every fault fires."""
    FIRED.clear()
    play(SCHEDULES, number=0)
    assert seldom(at_least=1) == set()


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_faults_on_write_at_length() -> None:
    """Twenty new seeds of 500, told one by one; every fault fires a hundred times."""
    FIRED.clear()
    first = new_seed()
    for number in range(first, first + 20):
        play(500, number=number)
    assert seldom(at_least=100) == set()


def play(schedules: int, *, number: int) -> None:
    """Play the schedules of one seed, and tell how often each fault has fired so far."""
    run_state_machine_as_test(
        seed(number)(WriteBack),
        settings=settings(
            max_examples=schedules,
            stateful_step_count=6,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    told = ", ".join(f"{name} {times}" for name, times in sorted(FIRED.items()))
    print(f"seed {number}, {schedules} schedules: {told}", flush=True)


def seldom(*, at_least: int) -> set[str]:
    """The faults that fired less often."""
    return {name for name in WANTED if FIRED[name] < at_least}
