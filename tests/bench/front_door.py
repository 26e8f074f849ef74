"""What calling from Python costs: `python -m tests.bench.front_door [BEFORE]`.

1 000 calls of `classify` in a loop by today's code and by that of the commit BEFORE, 1 000 calls
of a `Classifier`, and as many loads of today's tables: what each call paid before they were kept.
The judge of BEFORE with its tables in hand is the bound: no front door makes a call cheaper.
Rounds of all kinds take turns, each in a process of its own, so that a busy machine hits all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
CASE = ROOT / "fixtures/cases/complete-remission/bundle.json"
ROUNDS, CALLS, STARTS = 5, 200, 5
BEFORE = "ef79387"  # the last commit whose `classify` loaded the tables at each call

TIMED = """
import sys, time
from pathlib import Path
body, as_of = Path(sys.argv[1]).read_bytes(), "2026-10-01T00:00:00Z"
{prepare}
start = time.perf_counter()
for _ in range(int(sys.argv[2])):
    {call}
print(time.perf_counter() - start)
"""
LOOP = ("from fhir_remission import classify", "classify(body, as_of=as_of)")
KEPT = (
    "from fhir_remission import Classifier; judge = Classifier(as_of=as_of); judge(body)",
    "judge(body)",
)
LOADED = (
    "from fhir_remission import Classifier",
    "Classifier(as_of=as_of)(body)",
)
BOUND = (
    "from fhir_remission.jobs.classify import Request, judge_for, judged_patients;"
    " asked = Request(criteria=('eln-2022',), as_of=as_of); judge = judge_for(asked)",
    "judged_patients([body], 'input', asked, judge)",
)


def timed(tree: Path, way: tuple[str, str], calls: int) -> float:
    """Milliseconds of a call, the loading of the first one among them."""
    script = TIMED.format(prepare=way[0], call=way[1])
    return 1000 * float(_python(tree, "-c", script, str(CASE), str(calls))) / calls


def started(tree: Path) -> float:
    """Seconds of the command from start to end, with nothing to do."""
    script = (
        "import subprocess, sys, time; start = time.perf_counter();"
        "subprocess.run([sys.executable, '-m', 'fhir_remission', 'version'],"
        " stdout=subprocess.DEVNULL, check=True); print(time.perf_counter() - start)"
    )
    return float(_python(tree, "-c", script))


def _python(tree: Path, *arguments: str) -> str:
    """Run with the package of a tree, with the libraries of this environment."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=tree, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def measure(before: Path) -> None:
    """Print the table."""
    ways = {
        "classify, before": (before, LOOP, CALLS),
        "the judge alone, before": (before, BOUND, CALLS),
        "loading at each call, today's tables": (ROOT, LOADED, CALLS // 10),
        "classify": (ROOT, LOOP, CALLS),
        "Classifier": (ROOT, KEPT, CALLS),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    starts: dict[str, list[float]] = {"before": [], "after": []}
    for _ in range(ROUNDS):
        for name, (tree, way, calls) in ways.items():
            found[name].append(timed(tree, way, calls))
        for name, tree in (("before", before), ("after", ROOT)):
            starts[name].append(min(started(tree) for _ in range(STARTS)))
    kept = median(found["classify"])
    for name, times in found.items():
        once = median(times)
        print(f"{name:38} {once:8.2f} ms a call  {once / kept:6.1f} times classify")
    print("start-up: " + ", ".join(f"{min(s):.3f} s {name}" for name, s in starts.items()))


def main() -> None:
    """Measure against a commit that is checked out for it."""
    commit = sys.argv[1] if len(sys.argv) > 1 else BEFORE
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        add = ["git", "worktree", "add", "--quiet", "--detach", str(tree), commit]
        subprocess.run(add, cwd=ROOT, check=True)
        try:
            measure(tree)
        finally:
            remove = ["git", "worktree", "remove", "--force", str(tree)]
            subprocess.run(remove, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
