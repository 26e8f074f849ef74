"""Fuzz every reader for some seconds each, from the kept seeds: `python -m tests.fuzz.run`.

An input that breaks a reader is left in `build/fuzz`; once mended it moves to the seeds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.fuzz.readers import READERS, SEEDS

KEPT = Path("build/fuzz")


def main() -> int:
    """Run one process per reader, as many at once as there are cores."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each reader")
    seconds = parser.parse_args().seconds
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        held = list(pool.map(partial(_holds, seconds=seconds), READERS))
    broken = [name for name, holds in zip(READERS, held, strict=True) if not holds]
    print(f"fuzzed {', '.join(READERS)}: {', '.join(broken) or 'nothing'} broke")
    return 1 if broken else 0


def _holds(name: str, seconds: int) -> bool:
    corpus = KEPT / name
    shutil.rmtree(corpus, ignore_errors=True)
    shutil.copytree(SEEDS / name, corpus)
    command = [
        *(sys.executable, "-m", "tests.fuzz.target", name, str(corpus)),
        *(f"-max_total_time={seconds}", "-max_len=16384", "-timeout=10", "-rss_limit_mb=2048"),
        *(f"-artifact_prefix={KEPT}/{name}-", "-print_final_stats=1", "-verbosity=0"),
    ]
    done = subprocess.run(
        command,
        check=False,
        timeout=seconds * 2 + 120,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # In one piece, so that two at once can be told apart.
    print(
        f"{name}, {seconds} s", done.stdout.decode(errors="replace")[-4000:], sep="\n", flush=True
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
