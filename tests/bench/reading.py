"""What reading costs: requests of an idle run, a first read beside the clock, pages beside bytes.

    python -m tests.bench.reading              make bench-reading, and part of make bench

Ratios, each with the goal it is held against; none of them is asserted anywhere.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import msgspec
import requests

from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.effects.files.panels import load_panels
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server.connect import Connection, connect, introduce
from fhir_remission.fhir.server.queries import chunked, delta_queries, observation_queries
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.reading.evidence import read_all
from fhir_remission.jobs.reading.members import Wanted
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort
from tests.bench.write_back import _site

CHAINS = 4
SECONDS = 0.05


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    _say(*_idle(asked.patients), "1")
    _say(*_first_read(asked.patients), "1.15")
    _say(*_page(asked.pages, asked.rounds), "2.5")
    return 0


def _say(name: str, ratio: float, note: str, goal: str) -> None:
    print(f"reading  {name:<42} {ratio:6.2f}  (goal {goal})  {note}", flush=True)


# An idle run --------------------------------------------------------------------------------------


def _idle(count: int) -> tuple[str, float, str]:
    """Data requests of a run with nothing to do, against one for each question that there is."""
    cohort = bulk_cohort(count, 10)
    days = [timedelta(days=1)]
    with (
        tempfile.TemporaryDirectory() as place,
        # Loaded yesterday: what is new comes with every look for changes, because looks overlap.
        EmbeddedServer(
            resources=cohort, persona="hapi", now=lambda: datetime.now(UTC) - sum(days, timedelta())
        ) as server,
    ):
        days.clear()
        config = _site(Path(place), server.base_url, count)
        _run(config)
        before = len(server.requests)
        _run(config)
        asked = [one.target for one in server.requests[before:]]
    data = [target for target in asked if not target.endswith("/metadata")]
    profile = Profile(delta="_lastUpdated", page_size=200, max_patients=50)
    least = sum(
        len(_questions(chunk, profile)) for chunk in chunked([str(n) for n in range(count)], 50)
    )
    note = f"{len(data)} requests, {least} = query groups x code chunks x patient chunks"
    return f"data requests, idle, {count} patients", len(data) / least, note


def _questions(patients: tuple[str, ...], profile: Profile) -> list[object]:
    since, until = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    codes = sorted(_wanted().observations)
    return list(delta_queries(patients, codes, since, profile, until=until))


def _wanted() -> Wanted:
    return Wanted(load_mappings().codes, load_panels())


def _run(config: Path) -> None:
    with open_run(Request(config=config)) as run:
        for _ in run.lines():
            pass
        assert run.exit_code == 0, run.exit_code


# A server of pages --------------------------------------------------------------------------------


@contextmanager
def _pages(milliseconds: float, *, results: int = 60) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.pages", "--milliseconds", str(milliseconds)]
    command += ["--results", str(results)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def _connected(base: str) -> tuple[Connection, Profile]:
    from fhir_remission.settings import Server

    settings = Server.model_validate({"base_url": base, "rate": "100000/s", "connections": CHAINS})
    clock = SystemClock()
    connection = connect(settings, clock=clock, stop=Stop(clock))
    return connection, introduce(connection, default_dir() / "servers").profile


def _first_read(count: int) -> tuple[str, float, str]:
    """All evidence of all patients from a server that takes 50 ms a page, on four chains."""
    patients = [f"p{number:05d}" for number in range(count)]
    wanted = _wanted()
    with _pages(SECONDS * 1000) as base:
        connection, profile = _connected(base)
        chains = connection.chains(profile)
        chunks = chunked(patients, profile.max_patients)
        began, cpu = time.perf_counter(), time.process_time()
        rows = sum(
            len(evidence.entries)
            for found in read_all(chains, chunks, wanted)
            for evidence in found.values()
        )
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        asked = requests.get(f"{base}/requests", timeout=5).json()
        floor = _bare_ratio(base)
    ideal = asked * SECONDS / CHAINS
    note = (
        f"{took:.1f} s for {asked} pages, {rows} rows, cpu {cpu:.1f} s; "
        f"bare GETs on as many threads: {floor:.2f}"
    )
    return f"first read, {CHAINS} chains, 50 ms a page", took / ideal, note


def _bare_ratio(base: str, each: int = 50) -> float:
    """The same for GETs whose bytes nobody reads: what this machine makes of 50 ms just now."""

    def fetch(number: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for page in range(each):
                url = f"{base}?p={','.join(f'p{n}' for n in range(4))}&c=751-8&n={page % 2}"
                assert len(session.get(url, timeout=10).content) > number

    began = time.perf_counter()
    with ThreadPoolExecutor(CHAINS) as pool:
        list(pool.map(fetch, range(CHAINS)))
    return (time.perf_counter() - began) / (each * SECONDS)


def _page(pages: int, rounds: int) -> tuple[str, float, str]:
    """Processor time of a page of 200 results, against fetching and decoding its bytes."""
    ratios: list[tuple[float, float, float]] = []
    with _pages(0, results=pages * 200) as base:
        connection, profile = _connected(base)
        _search_cpu(connection, profile, pages)
        for _ in range(rounds):
            ours = _search_cpu(connection, profile, pages)
            bare = _bare_cpu(base, profile, pages)
            ratios.append((ours / bare, ours, bare))
    ratio, ours, bare = median(ratios)
    note = f"{ours / pages * 1000:.2f} ms a page; GET + msgspec {bare / pages * 1000:.2f} ms"
    return "cpu of a page of 200 entries", ratio, note


def _search_cpu(connection: Connection, profile: Profile, pages: int) -> float:
    client = connection.client(profile)
    codes = sorted(_wanted().observations)[:1]
    (query,) = observation_queries(["p1"], codes, profile)
    began = time.process_time()
    found = client.search(query)
    took = time.process_time() - began
    assert found.complete, found.incomplete
    assert found.pages == pages, found.pages
    return took


def _bare_cpu(base: str, profile: Profile, pages: int) -> float:
    code = sorted(_wanted().observations)[0][1]
    urls = [f"{base}?p=p1&c={code}&n={number}" for number in range(pages)]
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{base}/metadata", timeout=5)
        began = time.process_time()
        for url in urls:
            msgspec.json.decode(session.get(url, timeout=5).content)
        return time.process_time() - began


if __name__ == "__main__":
    raise SystemExit(main())
