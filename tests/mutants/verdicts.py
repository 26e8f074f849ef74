"""What became of each mutant, kept between runs, and the score."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.mutations import Mutant

KILLED = ("killed", "timeout")
ENOUGH = 90
"""The score in percent below which the run fails."""


class Verdicts:
    """A file with a line per mutant: digest of the changed function, verdict, test, name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, tuple[str, str]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                key, verdict, test, _ = line.split("\t", 3)
                if self.found.get(key, ("", ""))[0] not in KILLED:
                    self.found[key] = (verdict, test)

    def settled(self, mutant: Mutant, *, again: bool) -> bool:
        """Whether the mutant needs no run: killed before, or survived and not asked for again."""
        verdict = self.found.get(digest(mutant), ("", ""))[0]
        return verdict in KILLED or bool(verdict and not again)

    def killer(self, mutant: Mutant) -> str:
        """The test that killed it the last time."""
        return self.found.get(digest(mutant), ("", ""))[1]

    def record(self, mutant: Mutant, verdict: str, test: str) -> None:
        """Remember at once: a run may be stopped at any time."""
        key = digest(mutant)
        self.found[key] = (verdict, test)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(f"{key}\t{verdict}\t{test}\t{mutant.name}\n")

    def report(self, mutants: Iterable[Mutant], known: dict[str, str]) -> int:
        """Print survivors and the score; 0 when it is enough and every survivor is explained."""
        score: Counter[str] = Counter()
        unknown = 0
        for mutant in mutants:
            verdict = self.found.get(digest(mutant), ("not run", ""))[0]
            if verdict not in KILLED and mutant.name in known:
                verdict = "equivalent"
            score[verdict] += 1
            if verdict in ("survived", "no test"):
                unknown += 1
                print(f"{verdict}: {mutant.name}".replace("\t", "  "))
        judged = score.total() - score["equivalent"] - score["not run"]
        killed = sum(score[name] for name in KILLED)
        print(", ".join(f"{count} {name}" for name, count in sorted(score.items())))
        print(f"score: {100 * killed / max(judged, 1):.2f} % of {judged} that a test could notice")
        return int(100 * killed < ENOUGH * judged)


def digest(mutant: Mutant) -> str:
    """The same as long as the function and the change are."""
    text = f"{mutant.module}\n{mutant.function}\n{mutant.source}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def equivalents(path: Path) -> dict[str, str]:
    """Mutants that behave as the original, by name, with the reason."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return {f"{module}.{function}\t{diff}": reason for module, function, diff, reason in rows}
