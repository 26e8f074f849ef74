"""Break things and see what rises: `python -m tests.garble.run --tries 3000 --seed 1`.

Prints per kind how many breaks were tried, how many of the rises are exempt (`exempt.tsv`), and
how many are faults; each fault with the seed that makes it again (`--show SEED`).
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.garble.search import Tally, answer, search, tries, try_of, whole
from tests.garble.through import through_archive, through_sync


def main() -> int:
    """Search; 1 where something rose."""
    parser = argparse.ArgumentParser(prog="tests.garble.run", description=__doc__)
    parser.add_argument("--tries", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, help="print the input of one seed")
    parser.add_argument("--lines", type=int, default=200, help="how many rises to print")
    parser.add_argument("--through", choices=("classify", "archive", "sync"), default="classify")
    asked = parser.parse_args()
    if asked.show is not None:
        return _show(asked.show)
    start = time.perf_counter()
    tally = _searched(asked.through, asked.seed, asked.tries)
    for rise in tally.walk[: asked.lines]:
        print("walk", rise.told())
    for rise in tally.rises[: asked.lines]:
        print(rise.told())
    print(tally.table())
    print(f"{time.perf_counter() - start:.1f} s")
    return 1 if tally.rises else 0


def _searched(through: str, seed: int, count: int) -> Tally:
    if through == "archive":
        return through_archive(seed, count)
    return through_sync(seed, count) if through == "sync" else search(tries(seed, count))


def _show(seed: int) -> int:
    one = try_of(seed)
    if one is None:
        print("this draw cannot be done")
        return 2
    print(one.broken.body.decode())
    before, after = (
        whole(one.base.name, one.criteria),
        answer(one.base, one.criteria, one.broken.body),
    )
    about = f"{one.broken.kind} {one.broken.type} {one.broken.path} -> {one.broken.left!r}"
    print(
        f"{one.base.name} {one.criteria} {about}: {before.told()} => {after.told()}",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
