"""Whether every command prints the bytes that another commit prints, over all of `fixtures/`.

    python -m tests.same_output.compare COMMIT     make same-output BASE=COMMIT

For changes that must not be seen from outside, such as moving modules: both are recorded now, on
the same fixtures, and every call that differs is named. Ends with 1 where one does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("record.py")


def recorded(checkout: Path) -> dict[str, str]:
    """What that checkout prints on the fixtures of this one."""
    line = [sys.executable, str(RECORD), str(checkout), str(ROOT / "fixtures")]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The calls that print something else, or that only one of them knows."""
    return sorted(name for name in before.keys() | after if before.get(name) != after.get(name))


def main(commit: str) -> int:
    """Record both and name what differs."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        tree = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*tree, "add", "--quiet", "--detach", str(base), commit], check=True)
        try:
            before, after = recorded(base), recorded(ROOT)
        finally:
            subprocess.run([*tree, "remove", "--force", str(base)], check=True)
    other = differing(before, after)
    for name in other:
        print(f"differs: {name}")
    print(f"{len(before)} calls at {commit}, {len(after)} here, {len(other)} differ")
    return 1 if other or not before else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
