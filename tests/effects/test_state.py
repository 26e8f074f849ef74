"""The state: two things in one transaction, one writer, nothing said of patients when it fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import create_engine, text

from fhir_remission.effects.process.clock import Stop, timestamp
from fhir_remission.effects.state import lease as lease_module
from fhir_remission.effects.state.claim import Claim, claim_site, read_claim, rename_site
from fhir_remission.effects.state.lease import (
    LASTING,
    RENEWED_EVERY,
    Lease,
    free_lease,
    renewed,
    take_lease,
)
from fhir_remission.effects.state.state import State, open_state
from fhir_remission.effects.state.state_check import repair, unfinished
from fhir_remission.effects.state.state_copy import export_lines, import_lines
from fhir_remission.effects.state.state_rows import AssessmentRow, EvidenceRow
from fhir_remission.errors import AlreadyRunning, SafetyStop, SettingsError, Unreachable, UsageError
from tests.effects.conftest import FakeClock

TABLES = {
    *("schema_version", "lease", "watermark", "dirty", "evidence"),
    *("assessment", "outbox", "backlog", "run", "parked"),
}
POSTGRES = "FHIR_REMISSION_IT_POSTGRES"
CANARY = "Patient/CANARY-4711"


def assessment(key: str = "k1", status: str = "pending", etag: str = "") -> AssessmentRow:
    """A row of ours."""
    return AssessmentRow(key, "src", "Patient/p1", "main", "hash1", "digest1", etag, status, "r1")


def cites(key: str = "k1", ref: str = "Observation/o1") -> EvidenceRow:
    """A row of evidence."""
    return EvidenceRow("src", ref, "1", "d", key)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The state's URL, on each kind of database there is here."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    if POSTGRES not in os.environ:
        pytest.skip(f"{POSTGRES} names no database")
    return os.environ[POSTGRES]


@pytest.fixture
def state(url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """An empty state, on whose server time passes as the test says."""
    monkeypatch.setattr(lease_module, "database_time", lambda _, told: told.now())
    opened = open_state(url, clock)
    with opened.database.writing() as connection:
        for table in TABLES - {"schema_version"}:
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(
            text("UPDATE schema_version SET key_check = '', site_id = '', former_ids = ''")
        )
    yield opened
    opened.close()


def test_the_state_has_the_nine_tables_and_can_be_opened_again(
    url: str, state: State, clock: FakeClock
) -> None:
    """Migrations run once."""
    again = open_state(url, clock)
    with again.database.reading() as connection:
        inspector = connection.dialect
        assert all(inspector.has_table(connection, table) for table in TABLES)
        versions = connection.execute(text("SELECT version FROM schema_version")).all()
    again.close()

    assert [row.version for row in versions] == [1, 2, 3]


def _empty(url: str, tmp_path: Path, number: int) -> str:
    """A database without tables: a file, or a schema of its own on the server."""
    if url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / f'first-{number}.db'}"
    name = f"first_{os.getpid()}_{number}"
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{url}?options=-csearch_path%3D{name}"


def test_of_two_first_starts_one_makes_the_tables_and_the_other_waits(
    url: str, tmp_path: Path, clock: FakeClock
) -> None:
    """Two schedulers may begin in the same second on a database that is still empty."""
    fresh = [_empty(url, tmp_path, number) for number in range(15)]
    barrier = threading.Barrier(2)

    def start(_: int) -> list[str]:
        trouble = []
        for one in fresh:
            barrier.wait()
            try:
                open_state(one, clock).close()
            except SettingsError as error:
                trouble.append(str(error))
        return trouble

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(start, range(2))) == [[], []]


def test_a_newer_schema_is_refused(url: str, state: State, clock: FakeClock) -> None:
    """An old program does not write into what it does not understand."""
    with state.database.writing() as connection:
        connection.execute(
            text("INSERT INTO schema_version (version, applied_at) VALUES (99, 'later')")
        )
    try:
        with pytest.raises(SettingsError, match="newer than this program"):
            open_state(url, clock)
    finally:
        with state.database.writing() as connection:
            connection.execute(text("DELETE FROM schema_version WHERE version = 99"))


def test_the_watermark_moves_only_together_with_the_dirty_set(state: State) -> None:
    """Or a crash between the two would lose patients for ever."""
    state.advance("src", {"obs": "2026-03-01T00:00:00Z"}, {CANARY: "changed"}, "r1")

    with pytest.raises(Unreachable):
        state.advance("src", {"obs": None}, {"Patient/p2": "changed"}, "r2")  # type: ignore[dict-item]

    assert state.watermark("src", "obs") == "2026-03-01T00:00:00Z"
    assert state.watermark("src", "other") is None
    assert state.dirty("src") == {CANARY: "changed"}
    assert state.dirty("elsewhere") == {}


def test_a_patient_that_came_to_an_end_is_off_the_dirty_set_and_the_backlog(state: State) -> None:
    """Attempts are counted until then."""
    state.advance("src", {}, {"Patient/p1": "changed", "Patient/p2": "changed"}, "r1")
    state.postpone("src", "Patient/p1", "incomplete", "2026-03-02T00:00:00Z")
    state.postpone("src", "Patient/p1", "failed", "2026-03-03T00:00:00Z")
    before = state.backlog("src")

    state.clean("src", "Patient/p1", "r1")

    assert [(row.attempts, row.reason) for row in before] == [(2, "failed")]
    assert state.backlog("src") == []
    assert set(state.dirty("src")) == {"Patient/p2"}


def test_who_was_marked_again_while_being_read_stays_due(state: State) -> None:
    """An event of an engine during a run is not wiped out by the end of that run."""
    state.advance("src", {}, {"Patient/p1": "changed"}, "r1")
    state.postpone("src", "Patient/p1", "failed", "")
    state.advance("src", {}, {"Patient/p1": "asked for"}, "r2")

    state.clean("src", "Patient/p1", "r1")

    assert state.backlog("src") == []
    assert state.dirty("src") == {"Patient/p1": "asked for"}
    state.clean("src", "Patient/p1")
    assert [(row.patient, row.since_run) for row in state.marked("src")] == [("Patient/p1", "r2")]
    state.clean("src", "Patient/p1", "r2")
    assert state.marked("src") == []


def test_an_assessment_its_evidence_and_its_bundle_are_recorded_together(
    state: State, clock: FakeClock
) -> None:
    """Before anything is sent; the content is forgotten once it is."""
    lease = take_lease(state.database, clock, "src", "me")

    rows = state.plan_send(lease, [assessment()], [cites()], {"k1": '{"resourceType":"Bundle"}'})
    half_way = state.on_its_way("k1")
    state.settle(lease, [assessment(status="in-force", etag="3")], [cites()], arrived=["k1"])

    assert half_way == rows[0]
    assert half_way.bundle
    assert state.on_its_way("k1") is None
    with state.database.reading() as connection:
        kept = connection.execute(text("SELECT bundle FROM outbox")).scalar_one()
    assert kept == ""
    assert state.assessments("src", "Patient/p1", "main") == [assessment("k1", "in-force", "3")]
    assert state.cited("src") == [cites()]


def test_evidence_that_is_no_longer_cited_is_forgotten(state: State, clock: FakeClock) -> None:
    """The re-check reads what our results rest on now."""
    lease = take_lease(state.database, clock, "src", "me")
    state.settle(lease, [assessment()], [cites(ref="Observation/old")])

    state.settle(lease, [assessment()], [cites(ref="Observation/new")])

    assert [row.ref for row in state.cited("src")] == ["Observation/new"]


def test_there_is_one_writer_and_the_next_has_a_higher_fence(
    state: State, clock: FakeClock
) -> None:
    """A run that slept through its lease cannot record a send."""
    first = take_lease(state.database, clock, "src", "here", timedelta(minutes=5))
    with pytest.raises(AlreadyRunning, match="another run holds src until 2026-03-01T12:05"):
        take_lease(state.database, clock, "src", "there", timedelta(minutes=5))

    clock.sleep(301)
    second = take_lease(state.database, clock, "src", "there", timedelta(minutes=5))

    assert second.fence > first.fence
    with pytest.raises(AlreadyRunning, match="took over"):
        state.plan_send(first, [assessment()], [], {})
    with pytest.raises(AlreadyRunning, match="took over"):
        first.keep()
    first.release()
    second.keep()
    assert state.assessments("src", "Patient/p1", "main") == []


def test_nothing_but_time_frees_the_lease_of_a_run_that_died(
    state: State, clock: FakeClock
) -> None:
    """Two machines may have the same name: a lease that lives is nobody else's, whoever asks."""
    dead = take_lease(state.database, clock, "src", "here")

    clock.sleep(59)
    with pytest.raises(AlreadyRunning):
        take_lease(state.database, clock, "src", "here")
    clock.sleep(2)
    alive = take_lease(state.database, clock, "src", "there")

    assert alive.fence == dead.fence + 1


def test_a_lease_is_renewed_while_one_answer_takes_long(state: State, clock: FakeClock) -> None:
    """Every quarter of its time, by a thread of its own; not once after the run has ended."""
    lease = take_lease(state.database, clock, "src", "me")
    with renewed(lease, Stop(clock), timedelta(milliseconds=1)):
        for _ in range(5):
            clock.sleep(50)
            _until(lambda: _expires(state) >= timestamp(clock.now() + LASTING))
        with pytest.raises(AlreadyRunning):
            take_lease(state.database, clock, "src", "other")
    last = _expires(state)
    clock.sleep(50)

    assert (_expires(state), LASTING, RENEWED_EVERY) == (
        last,
        timedelta(seconds=60),
        timedelta(seconds=15),
    )


def test_a_run_that_lost_its_lease_is_asked_to_stop(state: State, clock: FakeClock) -> None:
    """While it still reads: not only when it wants to write."""
    stop = Stop(clock)
    with renewed(take_lease(state.database, clock, "src", "me"), stop, timedelta(milliseconds=1)):
        with state.database.writing() as connection:
            connection.execute(text("UPDATE lease SET fence = fence + 1"))
        _until(stop.asked.is_set)

    with pytest.raises(AlreadyRunning, match="took over src"):
        stop.check()


def test_a_database_that_is_away_for_a_moment_costs_no_lease(
    state: State, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again; what is written meanwhile is guarded by the fence."""
    stop, calls = Stop(clock), []
    lease = take_lease(state.database, clock, "src", "me")

    def away(one: Lease) -> None:
        calls.append(one)
        if len(calls) < 3:
            raise Unreachable("away")

    monkeypatch.setattr(Lease, "keep", away)
    with renewed(lease, stop, timedelta(milliseconds=1)):
        _until(lambda: len(calls) >= 4)

    assert not stop.asked.is_set()


def _expires(state: State) -> str:
    with state.database.reading() as connection:
        return str(connection.execute(text("SELECT expires_at FROM lease")).scalar_one())


def _until(true: Callable[[], bool]) -> None:
    """Wait for another thread, five seconds at most."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.005)
    pytest.fail("it never came to that")


def test_a_lease_is_measured_by_the_clock_of_the_database(
    url: str, state: State, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose own clock was wrong when it died holds the others up for a minute only."""
    monkeypatch.undo()
    wrong = FakeClock()
    wrong.passed = 365 * 86_400.0
    dead = take_lease(state.database, wrong, "src", "dead")
    held = _expires(state)
    if url.startswith("postgresql"):
        with state.database.reading() as connection:
            there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        assert timestamp(there) < held <= timestamp(there + LASTING)
        with pytest.raises(AlreadyRunning, match="release-lease"):
            take_lease(state.database, clock, "src", "alive")
    else:
        # A file is of one machine, whose clock has been set right since.
        assert take_lease(state.database, clock, "src", "alive").fence == dead.fence + 1


@pytest.mark.parametrize("ends", [121.0, 366 * 86_400.0])
def test_a_lease_beyond_twice_its_length_is_not_believed(
    state: State, clock: FakeClock, ends: float
) -> None:
    """No run takes one of so long."""
    take_lease(state.database, clock, "src", "dead")
    for seconds, believed in ((119.0, True), (ends, False)):
        with state.database.writing() as connection:
            until = timestamp(clock.now() + timedelta(seconds=seconds))
            connection.execute(text("UPDATE lease SET expires_at = :at"), {"at": until})
        if believed:
            with pytest.raises(AlreadyRunning):
                take_lease(state.database, clock, "src", "alive")
    assert take_lease(state.database, clock, "src", "alive").fence == 2


@pytest.mark.parametrize("fence", [2**63 - 1, 2**62, -1])
def test_a_fence_that_no_run_had_begins_anew(state: State, clock: FakeClock, fence: int) -> None:
    """And keeps the one out that may still hold it."""
    old = take_lease(state.database, clock, "src", "me")
    with state.database.writing() as connection:
        connection.execute(
            text("UPDATE lease SET fence = :fence, expires_at = ''"), {"fence": fence}
        )

    new = take_lease(state.database, clock, "src", "other")

    assert new.fence == 1
    new.keep()
    with pytest.raises(AlreadyRunning):
        structs.replace(old, fence=fence).keep()


def test_a_lease_that_was_freed_by_hand_stops_who_held_it(state: State, clock: FakeClock) -> None:
    """Before it records its next send."""
    held = take_lease(state.database, clock, "src", "here")

    assert free_lease(state.database, "src") == timestamp(clock.now() + LASTING)
    assert free_lease(state.database, "src") == ""
    assert free_lease(state.database, "nobody") == ""
    with pytest.raises(AlreadyRunning):
        held.keep()
    take_lease(state.database, clock, "src", "there").keep()


def test_damaged_values_cost_nobody_else(state: State, clock: FakeClock) -> None:
    """On each kind of database: what a patient's row holds is that patient's trouble."""
    lease = take_lease(state.database, clock, "src", "me")
    state.plan_send(lease, [assessment()], [cites()], {"k1": "[{"})
    state.advance("src", {"Observation": "banana"}, {}, "r1")

    told = unfinished(state, clock.now())
    mended = repair(state, clock.now())

    assert [line.partition(":")[0] for line in told[1:]] == ["1 watermark", "1 outbox"]
    assert [line.endswith(": mended") for line in mended] == [True, True]
    assert state.dirty("src") == {"Patient/p1": "state repaired"}
    assert unfinished(state, clock.now()) == ["1 results on their way, settled by the next run"]


def test_a_released_lease_is_free_and_another_source_is_its_own(
    state: State, clock: FakeClock
) -> None:
    """No waiting after a proper end."""
    take_lease(state.database, clock, "src", "here").release()

    take_lease(state.database, clock, "src", "there")
    take_lease(state.database, clock, "other", "here")


def test_another_site_key_is_a_safety_stop(state: State) -> None:
    """With another key every result would be written a second time."""
    claim_site(state.database, Claim("st-e", "check-1"))
    claim_site(state.database, Claim("st-e", "check-1"))

    with pytest.raises(SafetyStop, match="site key"):
        claim_site(state.database, Claim("st-e", "check-2"))


def test_another_site_id_is_a_safety_stop(state: State) -> None:
    """As another key would be; the way to do it on purpose is named."""
    claim_site(state.database, Claim("st-e", "check-1"))

    with pytest.raises(SafetyStop, match=r"'st-e'.*'st-m'.*rename-site"):
        claim_site(state.database, Claim("st-m", "check-1"))
    assert read_claim(state.database) == Claim("st-e", "check-1")


def test_a_state_is_claimed_by_the_first_who_has_an_id(state: State) -> None:
    """A site that only reads needs none."""
    claim_site(state.database, Claim("", "check-1"))
    claim_site(state.database, Claim("st-e", "check-1"))
    claim_site(state.database, Claim("", "check-1"))

    assert read_claim(state.database) == Claim("st-e", "check-1")


def test_a_site_is_renamed_on_purpose(state: State, clock: FakeClock) -> None:
    """It remembers what it was called, and everybody with a result is due."""
    claim_site(state.database, Claim("st-e", "check-1"))
    state.settle(
        take_lease(state.database, clock, "st-e", "x"), [assessment("k1"), assessment("k2")]
    )

    rename_site(state.database, "check-1", "st-m")
    with pytest.raises(UsageError, match="already"):
        rename_site(state.database, "check-1", "st-m")
    rename_site(state.database, "check-1", "st-e")
    rename_site(state.database, "check-1", "st-m")

    assert read_claim(state.database) == Claim("st-m", "check-1", ("st-e",))
    assert state.dirty("src") == {"Patient/p1": "renamed"}
    with pytest.raises(SafetyStop, match="site key"):
        rename_site(state.database, "check-2", "st-x")


@pytest.mark.parametrize(
    ("leases", "site_id"), [(["st-e"], "st-e"), ([], ""), (["st-e", "st-m"], ""), (["site"], "")]
)
def test_a_state_of_0_1_0_tells_its_site_by_its_lease(
    tmp_path: Path, clock: FakeClock, leases: list[str], site_id: str
) -> None:
    """One name is an id; `site` was written where there was none."""
    path = tmp_path / "old.db"
    script = resources.files("fhir_remission.effects.state") / "migrations" / "0001_tables.sql"
    with sqlite3.connect(path) as old:
        old.executescript(script.read_text(encoding="utf-8"))
        old.execute("INSERT INTO schema_version VALUES (1, '2026-10-01T00:00:00Z', 'check-1')")
        old.executemany("INSERT INTO lease VALUES (?, '', 1, '')", [(name,) for name in leases])

    opened = open_state(f"sqlite:///{path}", clock)

    assert read_claim(opened.database) == Claim(site_id, "check-1")
    opened.close()


def test_the_site_of_a_state_travels_with_it(
    state: State, tmp_path: Path, clock: FakeClock
) -> None:
    """Export and import keep who it is of."""
    claim_site(state.database, Claim("Süd", "check-1"))
    rename_site(state.database, "check-1", "Nord")
    other = open_state(f"sqlite:///{tmp_path / 'other.db'}", clock)

    import_lines(other, export_lines(state))

    assert read_claim(other.database) == Claim("Nord", "check-1", ("Süd",))
    other.close()


def test_runs_are_kept_with_exit_and_counts(state: State, clock: FakeClock) -> None:
    """A run without an end died, which the next one finds."""
    state.begin_run("r1")
    (open_one,) = state.runs()
    assert (open_one.exit, open_one.ended_at) == (-1, "")
    clock.sleep(60)
    state.begin_run("r2")
    state.end_run("r2", 3, {"classified": 2, "failed": 1})

    newest, oldest = state.runs()

    assert (newest.id, newest.exit, newest.counts) == ("r2", 3, '{"classified": 2, "failed": 1}')
    assert (oldest.id, oldest.exit, oldest.ended_at) == ("r1", 1, oldest.started_at)


def test_a_purged_patient_leaves_nothing(state: State, clock: FakeClock) -> None:
    """Every table that could name her."""
    lease = take_lease(state.database, clock, "src", "me")
    state.plan_send(lease, [assessment()], [cites()], {"k1": "{}"})
    state.advance("src", {}, {"Patient/p1": "x"}, "r1")
    state.postpone("src", "Patient/p1", "x", "")

    state.advance("src", {"read|Patient/p1": "x", "read|Patient/p10": "x"}, {}, "r1")

    state.purge("src", "Patient/p1")

    assert state.watermark("src", "read|Patient/p10") == "x"
    assert state.watermark("src", "read|Patient/p1") is None
    with state.database.reading() as connection:
        for table in ("assessment", "evidence", "outbox", "dirty", "backlog"):
            assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one() == 0


def test_not_a_byte_of_a_purged_patient_stays_in_the_file(tmp_path: Path, clock: FakeClock) -> None:
    """Deleted rows lie in free pages and in the write-ahead log until somebody clears them."""
    opened = open_state(f"sqlite:///{tmp_path / 'state.db'}", clock)
    for number in range(50):
        opened.advance("src", {}, {f"{CANARY}-{number}": "changed"}, "r1")
    for number in range(50):
        opened.purge("src", f"{CANARY}-{number}")
    opened.close()

    assert b"CANARY" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_of_many_at_once_one_gets_the_lease(url: str, state: State, clock: FakeClock) -> None:
    """From different machines in the same moment, on either database."""
    states = [open_state(url, clock) for _ in range(6)]
    barrier = threading.Barrier(len(states))

    def take(number: int) -> bool:
        barrier.wait()
        try:
            take_lease(states[number].database, clock, "src", f"host-{number}")
        except AlreadyRunning:
            return False
        return True

    with ThreadPoolExecutor(len(states)) as pool:
        taken = list(pool.map(take, range(len(states))))
    for one in states:
        one.close()

    assert taken.count(True) == 1


def test_a_constraint_error_quotes_no_patient(state: State) -> None:
    """The database says `Key (id)=(...) already exists`; we do not."""
    state.begin_run(CANARY)

    with pytest.raises(Unreachable) as caught:
        state.begin_run(CANARY)

    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "run again later" in str(caught.value)


def test_the_file_is_for_its_owner_only(tmp_path: Path, clock: FakeClock) -> None:
    """It names patients; so do its write-ahead files."""
    old = os.umask(0o022)
    try:
        opened = open_state(f"sqlite:///{tmp_path / 'd' / 'state.db'}", clock)
        opened.begin_run("r1")
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "d").iterdir()}
        opened.close()
    finally:
        os.umask(old)

    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nonsense", "expected sqlite:///file or postgresql://"),
        ("mysqlx://x/y", "expected sqlite:///file or postgresql://"),
        ("sqlite:////proc/nope/state.db", "cannot create /proc/nope"),
        ("sqlite:////dev/null", "cannot use this database"),
    ],
)
def test_a_state_that_cannot_be_opened_is_a_settings_error(
    clock: FakeClock, url: str, complaint: str
) -> None:
    """One line, before any patient is read."""
    with pytest.raises(SettingsError, match=complaint):
        open_state(url, clock)


def test_a_file_that_is_no_database_is_named_and_left_alone(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A path typed wrong must not cost a cohort list."""
    (tmp_path / "cohort.csv").write_text("patient\n" + "p1\n" * 100)

    with pytest.raises(SettingsError, match="cannot use this database"):
        open_state(f"sqlite:///{tmp_path / 'cohort.csv'}", clock)

    assert (tmp_path / "cohort.csv").read_text().startswith("patient\n")
