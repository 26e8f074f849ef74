"""Whose result is it: every actor that can meet our results, in any order, on one server.

Three sites (one with a copied key), one with a stolen id, two machines with one state, backups of
server and state, people, what-ifs, retractions and engines that post. Whoever acts: nothing of
another owner changes, what a person wrote stays, no result stands twice, and no run ends with 0
that left something untold. `make test` plays 500 schedules, `make long-writes` 10 000.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from fhir_remission.effects.process.clock import timestamp
from fhir_remission.jobs.sync.retract_run import retract_run
from fhir_remission.jobs.sync.write_to_sinks import How
from tests.conftest import new_seed
from tests.crash.test_crash import SERVERS
from tests.crash.world import RESULTS, Killed, Ran, World, WorldClock, _patch

SCHEDULES = int(os.environ.get("FHIR_REMISSION_OWNER_SCHEDULES", "500"))
LONG = int(os.environ.get("FHIR_REMISSION_OWNER_SCHEDULES", "10000"))
CHUNK = 50
MEMORY = Path("/dev/shm")
PATIENT = "demo-18-amended"
SITE = "https://w3id.org/fhir-remission/id/site"
PAST = "2026-02-25T00:00:00Z"
ACTED: Counter[str] = Counter()
ACTORS = (
    *("own-key", "copied-key", "same-id", "restored-server", "restored-state"),
    *("edits", "completes", "deletes", "what-if", "retraction", "posts-twice", "two-machines"),
)
DAILY = How(everybody=True)


@dataclass(frozen=True)
class FirstDay:
    """Our first run on a server of one write mode: played once, the start of each schedule."""

    world: World
    folder: Path
    log: list[Any]
    evening: datetime

    @staticmethod
    @cache
    def of(server: str) -> FirstDay:
        """Play it."""
        place = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        folder = Path(place) / "crash"
        with pytest.MonkeyPatch.context() as patch:
            world = World(folder, patch, habits=SERVERS[server], patients=(PATIENT,), name="crash")
            atexit.register(world.close)
            assert world.sync().code == 0
        with sqlite3.connect(folder / "state.db") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return FirstDay(world, folder, list(world.server.store.log), WorldClock.time)


def _restore(world: World, log: Sequence[Any]) -> None:
    """The server becomes what it was then."""
    store = world.server.store
    store.rollback(0)
    store._serial = 0
    for version in log:
        store._append(version)


class Owners(RuleBasedStateMachine):
    """One patient, one server, and everybody who has to do with her results."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.sites: dict[str, World] = {}
        self.edited: dict[str, dict[str, Any]] = {}
        self.removed: set[str] = set()
        self.later: tuple[list[Any], dict[str, dict[str, Any]], set[str]] | None = None
        self.touched = False
        """A person, a backup or a retraction had to do with it: somebody may have to look."""

    @initialize(server=st.sampled_from(sorted(SERVERS)))
    def begin(self, server: str) -> None:
        """A server of one write mode, on the evening of our first day there."""
        day = FirstDay.of(server)
        shutil.copytree(day.folder, self._folder / "crash")
        WorldClock.time = day.evening
        self.kept = (day.log, {}, set())
        self._kept_state = day.folder / "state.db"
        _restore(day.world, day.log)
        self.sites["main"] = self._world("crash", beside=day.world)

    def _world(self, name: str, folder: str = "", beside: World | None = None) -> World:
        made = World(
            self._folder / (folder or name),
            self._patch,
            patients=(PATIENT,),
            name=name,
            beside=beside or self.main,
        )
        # The effects that count are those of our site.
        _patch(self._patch, self.sites.get("main", made))
        return made

    # Actors -----------------------------------------------------------------------------------

    @rule(value=st.sampled_from((20, 62, 70, 120, 130)))
    def laboratory(self, value: int) -> None:
        """A count is corrected."""
        for resource in self.main.server.store.resources("Observation"):
            if resource["id"] == f"{PATIENT}-4-platelets":
                quantity = {**resource["valueQuantity"], "value": value}
                self.main.edit(resource, valueQuantity=quantity)

    @rule()
    def daily(self) -> None:
        """The run of our site."""
        self._run("main")

    @rule(key=st.sampled_from(("own-key", "copied-key")))
    def another_site(self, key: str) -> None:
        """Another department on the same server."""
        if key not in self.sites:
            self.sites[key] = self._world(key)
            if key == "copied-key":
                shutil.copy(self.main.folder / "site.key", self.sites[key].folder / "site.key")
        ran = self._run(key)
        assert ran.code in ((0, 3) if self.touched else (0,)), ran
        ACTED[key] += 1

    @rule()
    def stolen_id(self) -> None:
        """A copy of the settings with a new key: it must stop, whatever it finds."""
        if "same-id" not in self.sites:
            self.sites["same-id"] = self._world("crash", "stolen")
        before = self._everything()
        ran = self.sites["same-id"].sync()
        assert (ran.code, self._everything() == before) == (5, True), ran
        ACTED["same-id"] += 1

    @rule(now=st.booleans())
    def restored_server(self, now: bool) -> None:
        """The server becomes what it was, on the first day or when a backup was made."""
        if now:
            log = list(self.main.server.store.log)
            self.later = log, dict(self.edited), set(self.removed)
            return
        kept = self.later or self.kept
        log, self.edited, self.removed = kept[0], dict(kept[1]), set(kept[2])
        _restore(self.main, log)
        self.touched = True
        ACTED["restored-server"] += 1

    @rule(lost=st.booleans())
    def restored_state(self, lost: bool) -> None:
        """The state becomes what it was on the first day, or is lost."""
        state = self.main.folder / "state.db"
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (self.main.folder / name).unlink(missing_ok=True)
        if not lost:
            shutil.copy(self._kept_state, state)
        self.touched = True
        ACTED["restored-state"] += 1

    @rule(which=st.integers(0, 1))
    def edits(self, which: int) -> None:
        """Somebody writes a note into one of our results."""
        self._person(which, "edits")

    @rule(which=st.integers(0, 1))
    def completes(self, which: int) -> None:
        """Somebody signs one of our results."""
        self._person(which, "completes")

    @rule(which=st.integers(0, 1))
    def deletes(self, which: int) -> None:
        """Somebody deletes one of our results."""
        self._person(which, "deletes")

    def _person(self, which: int, how: str) -> None:
        standing = [r for r in self._results("crash") if r["status"] != "entered-in-error"]
        if len(standing) <= which:
            return
        found = standing[which]
        name = f"{found['resourceType']}/{found['id']}"
        self.touched = True
        ACTED[how] += 1
        if how == "deletes":
            self.main.server.store.delete(found["resourceType"], found["id"])
            self.edited.pop(name, None)
            self.removed.add(name)
            return
        done = "completed" if found["resourceType"] == "ClinicalImpression" else "final"
        changes = {"status": done} if how == "completes" else {}
        note = [*found.get("note", []), {"authorString": "Dr. House", "text": f"{how} it"}]
        self.edited[name] = self.main.edit(found, note=note, **changes)
        self.removed.discard(name)

    @rule()
    def what_if(self) -> None:
        """Asked as of a day that has passed: not a byte changes."""
        before = self._everything()
        assert self._run("main", as_of=PAST).code in (0, 3, 5)
        assert self._everything() == before
        ACTED["what-if"] += 1

    @rule()
    def retraction(self) -> None:
        """The last run that wrote is taken back."""
        if not (self.main.folder / "state.db").exists():
            return
        with sqlite3.connect(self.main.folder / "state.db") as connection:
            found = connection.execute(
                "SELECT r.id FROM run r JOIN assessment a ON a.run = r.id WHERE a.sink = 'main' "
                "AND a.patient <> 'Device' ORDER BY r.started_at DESC LIMIT 1"
            ).fetchone()
        if found is None:
            return
        with self._nobody_elses("crash"):
            retract_run(self.main.config, (), str(found[0]))
        self.touched = True
        self._check()
        ACTED["retraction"] += 1

    @rule()
    def engine(self) -> None:
        """A bundle of `classify` is posted twice; the second time nothing changes."""
        bundle = self._bundle()
        before = self._everything()
        with self._nobody_elses("crash"):
            self._post(bundle)
            once = self._everything()
            self._post(bundle)
        assert self._everything() == once
        assert {n: r for n, r in once.items() if n in before} == before
        self.touched = True
        self._check()
        ACTED["posts-twice"] += 1

    @rule(dies=st.booleans(), at=st.integers(1, 16))
    def two_machines(self, dies: bool, at: int) -> None:
        """Another machine of the same name with the same state database."""
        if "machine" not in self.sites:
            machine = self._world("crash", "machine")
            shutil.copy(self.main.folder / "site.key", machine.folder / "site.key")
            text = machine.config.read_text()
            url = f'[state]\nurl = "sqlite:///{self.main.folder}/state.db"\n[log]'
            machine.config.write_text(text.replace("[log]", url))
            self.sites["machine"] = machine
        other = self.sites["machine"]
        if not dies:
            codes: list[int] = []

            def meanwhile(_: Any) -> None:
                self.main.between = lambda _: None
                codes.append(other.sync().code)

            self.main.between = meanwhile
            self._run("main")
            self.main.between = lambda _: None
            assert set(codes) <= {6}, codes
        else:
            self.main.effects.arm(at, "after")
            try:
                self._run("main")
            except Killed:
                self.touched = True
                self.main.effects.arm()
                if self._lease_lives():
                    assert other.sync().code == 6
                self.main.a_minute_later()
            self.main.effects.arm()
            with self._nobody_elses("crash"):
                assert other.sync().code in (0, 3, 5)
        self._check()
        ACTED["two-machines"] += 1

    # The end ----------------------------------------------------------------------------------

    def teardown(self) -> None:
        """One living result per site, unless a person or a retraction has the word."""
        try:
            if self.sites:
                self._settle()
        finally:
            self._patch.undo()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _settle(self) -> None:
        for name in ("main", "own-key", "copied-key"):
            if name not in self.sites:
                continue
            ran = self._run(name)
            assert ran.code in (0, 3), ran
            idle = self._run(name)
            assert idle.summary["unsafe_requests"] == 0, idle
            site = "crash" if name == "main" else name
            living = [r for r in self._results(site) if r["status"] != "entered-in-error"]
            kinds = Counter(r["resourceType"] for r in living)
            assert all(times == 1 for times in kinds.values()), kinds
            line = idle.lines[0]
            if line["write"] == "none" and line["category"] != "NE":
                assert set(kinds) == set(RESULTS), (kinds, line)
                said = self._said(living)
                assert said == {line["category"]} or self.edited, (said, line["category"])

    # What holds -------------------------------------------------------------------------------

    @property
    def main(self) -> World:
        """Our site."""
        return self.sites["main"]

    def _run(self, name: str, **asked: Any) -> Ran:
        site = self.sites[name]
        with self._nobody_elses("crash" if name == "main" else name):
            ran = site.sync(**asked)
        self._check()
        if ran.code == 0 and "as_of" not in asked:
            assert self._untold(site) == [], ran
        return ran

    @contextmanager
    def _nobody_elses(self, site: str) -> Iterator[None]:
        """Whoever acts for one site leaves all others as they are."""
        before = self._foreign(site)
        yield
        assert self._foreign(site) == before

    def _foreign(self, site: str) -> dict[str, Any]:
        everything = self._everything()
        return {name: one for name, one in everything.items() if _site_of(one) not in ("", site)}

    def _everything(self) -> dict[str, dict[str, Any]]:
        store = self.main.server.store
        return {
            f"{kind}/{resource['id']}": resource
            for kind in (*RESULTS, "Device")
            for resource in store.resources(kind)
            if _site_of(resource) or kind == "Device"
        }

    def _results(self, site: str) -> list[dict[str, Any]]:
        everything = self._everything().values()
        return [r for r in everything if r["resourceType"] in RESULTS and _site_of(r) == site]

    def _untold(self, site: World) -> list[Any]:
        """What waits for a person who was not told."""
        with sqlite3.connect(site.folder / "state.db") as connection:
            return connection.execute("SELECT * FROM parked WHERE word = 'parked'").fetchall()

    def _check(self) -> None:
        """Nothing stands twice; what a person wrote or deleted is as she left it."""
        assert self.main.doubles() == []
        store = self.main.server.store
        for name, edited in self.edited.items():
            assert store.resource(*name.split("/", 1)) == edited, name
        for name in self.removed:
            assert store.resource(*name.split("/", 1)) is None, name

    def _said(self, living: list[dict[str, Any]]) -> set[str]:
        return {
            r["finding"][0]["itemCodeableConcept"]["coding"][0]["code"]
            for r in living
            if r["resourceType"] == "ClinicalImpression"
        }

    # Ways to act ------------------------------------------------------------------------------

    def _lease_lives(self) -> bool:
        with sqlite3.connect(self.main.folder / "state.db") as connection:
            rows = connection.execute("SELECT expires_at FROM lease").fetchall()
        return any(at > timestamp(WorldClock.time) for (at,) in rows)

    def _bundle(self) -> bytes:
        evidence = [
            resource
            for kind in ("Patient", "Observation", "Condition", "Procedure")
            for resource in self.main.server.store.resources(kind)
            if not _site_of(resource)
        ]
        file = self._folder / "evidence.ndjson"
        file.write_text("\n".join(json.dumps(one) for one in evidence) + "\n")
        from fhir_remission.jobs.files import classify
        from fhir_remission.jobs.judging.request import Request

        request = Request(bundle=True, config=self.main.config, complete=frozenset({"Condition"}))
        return b"".join(classify.run(str(file), request).lines)

    def _post(self, bundle: bytes) -> None:
        self.main.server._answer("POST", "/fhir", {"content-type": "application/fhir+json"}, bundle)


def _site_of(resource: dict[str, Any]) -> str:
    held = resource.get("identifier", [])
    found = next((str(i["value"]) for i in held if i.get("system") == SITE), "")
    return found.rpartition(":")[0]


@pytest.mark.timeout(600)
def test_nobody_harms_what_is_not_theirs() -> None:
    """Seeded schedules; every actor acts."""
    ACTED.clear()
    for number in range(1, SCHEDULES // CHUNK + 1):
        play(CHUNK, number=number)
    assert seldom(at_least=1) == set()


@pytest.mark.long
@pytest.mark.timeout(14400)
def test_nobody_harms_what_is_not_theirs_at_length() -> None:
    """Two hundred new seeds of 50, told one by one; every actor acts a hundred times."""
    ACTED.clear()
    first = new_seed()
    broken = []
    for number in range(first, first + LONG // CHUNK):
        try:
            play(CHUNK, number=number)
        except Exception:  # the search goes on: what else it finds is wanted as well
            traceback.print_exc(file=sys.stdout)
            broken.append(number)
    assert broken == []
    assert seldom(at_least=LONG // 100) == set()


def play(schedules: int, *, number: int) -> None:
    """Play the schedules of one seed, and tell how often each actor has acted so far."""
    run_state_machine_as_test(
        seed(number)(Owners),
        settings=settings(
            max_examples=schedules,
            stateful_step_count=5,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    told = ", ".join(f"{name} {ACTED[name]}" for name in ACTORS)
    print(f"seed {number}, {schedules} schedules: {told}", flush=True)


def seldom(*, at_least: int) -> set[str]:
    """The actors that acted less often."""
    return {name for name in ACTORS if ACTED[name] < at_least}
