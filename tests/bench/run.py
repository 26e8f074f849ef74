"""Our archive job beside its peers: one table of ratios, each pair on the same data.

    python -m tests.bench.run 100k 1m          make bench
    python -m tests.bench.run 20k 100k 1m 5m --all     make bench-all
    python -m tests.bench.run --smoke          make bench-smoke: wrong results fail, time never does
    python -m tests.bench.run FILE --naive     the same table for any NDJSON file

Ratios are given by wall and by processor time; on a machine that does other work too, the second
is the one to quote. A peer with a star computes the stand-in rule (`stand_in.py`), which is far
less than the criteria; where two of them count differently, the run fails. The lines go to stdout
and, as JSON, to `build/bench/results.json`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import generate, stand_in
from tests.bench.measure import Taken, measure
from tests.twin.compare import by_sql

FOLDER = Path("build/bench")
SIZES = {"smoke": 8_000, "20k": 20_000, "100k": 100_000, "1m": 1_000_000, "5m": 5_000_000}
AS_OF = "2027-01-01T00:00:00Z"
CODES = ["11150-0", "38257-2", "751-8", "777-3", "709-6", "26446-5", "extramedullary-disease"]
CQL = FOLDER / "cql/node_modules"
PEERS = [sys.executable, "-m", "tests.bench.peers"]


class Peer(NamedTuple):
    """Somebody else's way to an answer, and what of ours it is set beside."""

    key: str
    name: str
    bar: str
    ours: str
    sizes: frozenset[str]
    stand_in: bool = True
    once: bool = False
    """Slow and far away from us: one round tells enough."""


ALL = frozenset(SIZES)
NAIVE = Peer(
    "naive", "naive fhir.resources* / (b)", ">= 100", "brief", frozenset({"20k", "100k"}), once=True
)
OTHERS = (
    # It keeps every patient in memory: 180 MB at 20 k.
    Peer("cql", "cql-execution* / (b)", "", "brief", frozenset({"20k", "100k"}), once=True),
    Peer("polars", "polars, streaming* / (b)", "", "brief", ALL),
    Peer("spark", "our job on Spark local[2] / (c)", "", "full", ALL - {"20k"}, stand_in=False),
)


class Ratio(NamedTuple):
    """One row of the table."""

    size: str
    name: str
    bar: str
    wall: float
    cpu: float
    note: str


def main() -> int:
    """Measure what was asked for and print the table; 1 where answers are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", default=["100k", "1m"], metavar="SIZE")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive", action="store_true", help="fhir.resources too (a minute)")
    parser.add_argument("--all", action="store_true", help="also polars, Spark, cql-execution")
    asked = parser.parse_args()
    unknown = [one for one in asked.sizes if one not in SIZES and not Path(one).is_file()]
    if unknown:
        parser.error(f"no such size or file: {', '.join(unknown)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if asked.smoke:
        return smoke()
    rows: list[Ratio] = []
    for size in asked.sizes:
        wanted = (NAIVE, *OTHERS) if asked.all else (NAIVE,) if asked.naive else ()
        given = size not in SIZES
        peers = [one for one in wanted if (given or size in one.sizes) and is_there(one)]
        rows += compare(size, asked.rounds, peers)
        (FOLDER / "results.json").write_text(json.dumps([row._asdict() for row in rows], indent=2))
    print(table(rows))
    return 0


def smoke() -> int:
    """A small archive: the lines of `classify`, and the categories of the twin."""
    file = data("smoke")
    measure(archive(file))
    lines = (FOLDER / "out/assessments.ndjson").read_bytes()
    classify = [sys.executable, "-m", "fhir_remission", "classify", str(file), "--as-of", AS_OF]
    same = subprocess.run(classify, capture_output=True, check=True).stdout == lines
    said = (json.loads(line) for line in lines.splitlines())
    ours = {one["patient"]: one["category"] for one in said}
    twin = {patient: answer.category for patient, answer in by_sql(file).items()}
    differ = sum(ours.get(patient) != category for patient, category in twin.items())
    if floor() is not None:
        measure([str(FOLDER / "floor"), str(file), "0", str(file.stat().st_size), *CODES])
    print(f"lines of classify: {'same' if same else 'NOT THE SAME'}")
    print(f"the twin differs on {differ} of {len(twin)} patients")
    peers = [one for one in (NAIVE, *OTHERS) if one.stand_in and is_there(one)]
    check_stand_ins(file, {one.key: measure(command(one, file)) for one in peers})
    return 0 if same and not differ else 1


def compare(size: str, rounds: int, peers: Sequence[Peer]) -> list[Ratio]:
    """All pairs at one size; each round runs everything once."""
    file = data(size)
    runs: dict[str, list[Taken]] = {}
    for number in range(rounds):
        for name, commands in plan(file).items():
            runs.setdefault(name, []).append(measure(*commands))
        for one in peers:
            if not number or not one.once:
                runs.setdefault(one.key, []).append(measure(command(one, file)))
    check_stand_ins(file, {one.key: runs[one.key][0] for one in peers if one.stand_in})
    rows = [
        _first_pass(size, runs),
        _ratio(size, "(b) no evidence / DuckDB twin", "2.0 [1.0]", runs, "brief", "twin"),
        _ratio(size, "(c) full evidence / (b)", "3.0 [2.0]", runs, "full", "brief"),
        _ratio(size, "one worker / two workers", ">= 1.8", runs, "one", "brief"),
        *(_ratio(size, one.name, one.bar, runs, one.key, one.ours) for one in peers),
        _decoding(size, runs),
    ]
    if NAIVE in peers:
        rows.append(
            _ratio(size, "naive fhir.resources* / (b) of one line", "", runs, "naive", "start")
        )
    return [row for row in rows if row is not None]


def command(peer: Peer, file: Path) -> list[str]:
    """How to run a peer."""
    if peer.key == "cql":
        script = Path(__file__).with_name("cql") / "stand_in.js"
        return ["env", f"NODE_PATH={CQL}", "node", str(script), str(file)]
    more = [str(FOLDER / "spark"), AS_OF] if peer.key == "spark" else []
    return [*PEERS, peer.key, str(file), *more]


def is_there(peer: Peer) -> bool:
    """Whether a peer is installed; `make bench-all` brings them."""
    found = {
        "cql": (CQL / "cql-execution").is_dir() and shutil.which("node") is not None,
        "polars": find_spec("polars") is not None,
        "spark": find_spec("pyspark") is not None and shutil.which("java") is not None,
    }.get(peer.key, True)
    if not found:
        print(f"no {peer.key}: make bench-all installs it", file=sys.stderr)
    return found


def check_stand_ins(file: Path, taken: Mapping[str, Taken]) -> None:
    """The stand-in peers must all say what the plain loops of `stand_in.py` say."""
    if not taken:
        return
    expected = stand_in.reference(file)
    for name, one in taken.items():
        if json.loads(one.output) != expected:
            raise SystemExit(f"{name} counts {one.output.strip()}, not {json.dumps(expected)}")
    print(f"the stand-in rule: {', '.join(taken)} agree", file=sys.stderr)


def plan(file: Path) -> dict[str, list[list[str]]]:
    """What a round runs."""
    half, whole = file.stat().st_size // 2, file.stat().st_size
    runs = {
        "first": [[*PEERS, "first-pass", str(file), "2"]],
        "brief": [archive(file, "--no-evidence")],
        "full": [archive(file)],
        "one": [archive(file, "--no-evidence", "--workers", "1")],
        "twin": [[*PEERS, "twin", str(file), "2"]],
        "start": [archive(_one_line(file), "--no-evidence")],
    }
    built = floor()
    if built is not None:
        ranges = [("0", str(half)), (str(half), str(whole))]
        runs["floor"] = [[str(built), str(file), *ends, *CODES] for ends in ranges]
        runs["decode"] = [[*PEERS, "decode", str(file), *ends] for ends in ranges]
    return runs


def _one_line(file: Path) -> Path:
    """An archive that takes no time: what is left is starting three interpreters."""
    short = FOLDER / "one.ndjson"
    with file.open("rb") as lines:
        short.write_bytes(lines.readline())
    return short


def archive(file: Path, *more: str) -> list[str]:
    """Our command; what the last run left is cleared first."""
    shutil.rmtree(FOLDER / "out", ignore_errors=True)
    command = [sys.executable, "-m", "fhir_remission", "archive", str(file)]
    return [*command, "--out", str(FOLDER / "out"), "--as-of", AS_OF, *more]


def data(size: str) -> Path:
    """The archive of that size, made when it is not there; or the file that was named."""
    if size not in SIZES:
        return Path(size)
    file = FOLDER / f"{size}.ndjson"
    if not file.is_file():
        generate.write(file, SIZES[size])
    file.read_bytes() if size != "5m" else None  # into the page cache: the disk is not measured
    return file


def floor() -> Path | None:
    """The C++ program, built here; none where simdjson or a compiler is missing."""
    program, source = FOLDER / "floor", Path(__file__).with_name("floor.cpp")
    if not program.is_file() or program.stat().st_mtime < source.stat().st_mtime:
        command = ["g++", "-O3", "-march=native", "-std=c++17", str(source), "-lsimdjson", "-o"]
        try:
            subprocess.run([*command, str(program)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            print("no floor: g++ and libsimdjson-dev are needed", file=sys.stderr)
            return None
    return program


def _first_pass(size: str, runs: dict[str, list[Taken]]) -> Ratio | None:
    if "floor" not in runs:
        return None
    wall, cpu, said = _beside_floor(runs, "first")
    rate = said[0]["lines"] / median(ours["seconds"] for ours in said)
    return Ratio(size, "(a) decode and route / simdjson", "4.0 [3.0]", wall, cpu, f"{rate:,.0f}/s")


def _decoding(size: str, runs: dict[str, list[Taken]]) -> Ratio | None:
    """How much of (a) is the decoder's own, which no work on the rest can take away."""
    if "floor" not in runs:
        return None
    wall, cpu, _ = _beside_floor(runs, "decode")
    return Ratio(size, "of (a) lines and decoding / simdjson", "", wall, cpu, "nothing routed")


def _beside_floor(
    runs: dict[str, list[Taken]], key: str
) -> tuple[float, float, list[dict[str, float]]]:
    said: list[dict[str, float]] = [json.loads(taken.output) for taken in runs[key]]
    halves = 2 if key == "decode" else 1  # two processes, of which the first tells its own time
    pairs = list(zip(said, runs["floor"], strict=True))
    wall = median(ours["seconds"] / floor.wall for ours, floor in pairs)
    cpu = median(halves * ours["cpu"] / floor.cpu for ours, floor in pairs)
    return wall, cpu, said


def _ratio(
    size: str, name: str, bar: str, runs: dict[str, list[Taken]], ours: str, theirs: str
) -> Ratio:
    pairs = list(zip(runs[ours], runs[theirs], strict=False))
    wall = median(one.wall / other.wall for one, other in pairs)
    cpu = median(one.cpu / other.cpu for one, other in pairs)
    memory = (max(one.memory for one in runs[key]) for key in (ours, theirs))
    return Ratio(size, name, bar, wall, cpu, "{:.0f} / {:.0f} MB".format(*memory))


def table(rows: list[Ratio]) -> str:
    """The rows as text."""
    lines = [f"{'size':<12}{'pair':<36}{'bar':>12}{'wall':>8}{'cpu':>8}  note"]
    lines += [
        f"{Path(row.size).stem:<12}{row.name:<36}{row.bar:>12}"
        f"{row.wall:>8.2f}{row.cpu:>8.2f}  {row.note}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
