"""What every command prints over `fixtures/`, as digests: run in one checkout, printed as JSON.

    python tests/same_output/record.py CHECKOUT FIXTURES

It imports nothing of the tests, so that an older commit can be recorded by the same script.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

AS_OF = ["--as-of", "2026-10-01T00:00:00Z"]
SETS = ["--criteria", "eln-2022,eln-2017,iwg-2003,healthtree-2024"]
COMMANDS = (
    *("", "archive", "bulk", "plan", "apply", "retry", "reconcile", "retract", "purge", "doctor"),
    *("jwks", "version", "classify", "explain", "sync", "demo", "rehearse", "state", "mappings"),
    *("mappings check", "mappings export", "key", "config", "config show", "state export"),
)


def calls(fixtures: Path, out: Path) -> Iterator[tuple[str, list[str]]]:
    """Every call by its name, with arguments that are the same in every checkout."""
    for command in COMMANDS:
        yield f"{command} --help", [*command.split(), "--help"]
    for case in sorted(fixtures.glob("cases/*/bundle.json")):
        name = case.parent.name
        yield f"classify {name}", ["classify", str(case), *AS_OF, *SETS, "--history"]
        yield f"explain {name}", ["explain", str(case), *AS_OF]
    for odd in sorted(fixtures.glob("hostile/*")):
        yield f"classify {odd.name}", ["classify", str(odd), *AS_OF]
        yield f"mappings check {odd.name}", ["mappings", "check", str(odd)]
    archive = ["archive", str(fixtures / "cases"), "--out", str(out / "results"), *AS_OF]
    yield "archive cases", archive
    yield "mappings export", ["mappings", "export", "--out", str(out / "exported")]
    yield "no such set", ["classify", str(fixtures / "cases"), "--criteria", "none"]
    yield "no such file", ["classify", "nowhere.json"]


def record(checkout: Path, fixtures: Path) -> dict[str, str]:
    """The digest of stdout, stderr and exit code of each call, and of the files that were made."""
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    os.environ["COLUMNS"] = "100"
    from fhir_remission.cli.main import main

    found = {}
    with tempfile.TemporaryDirectory() as made:
        for name, arguments in calls(fixtures, Path(made)):
            found[name] = _digest(_printed(main, arguments), (fixtures, checkout, made))
        for path in sorted(Path(made).rglob("*")):
            if path.is_file() and path.name != "summary.json":
                place = str(path.relative_to(made))
                found[place] = _digest(path.read_bytes(), (fixtures, checkout, made))
    return found


def _printed(main: object, arguments: list[str]) -> bytes:
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)  # type: ignore[operator]
        except SystemExit as ended:
            code = ended.code
    out.flush()
    err.flush()
    return b"%s\0%s\0%d" % (out.buffer.getvalue(), err.buffer.getvalue(), code or 0)


def _digest(body: bytes, places: tuple[Path | str, ...]) -> str:
    """Without the paths of this checkout, its fixtures and the made files."""
    for at, place in enumerate(places):
        body = body.replace(str(place).encode(), b"PLACE%d" % at)
    return hashlib.sha256(body).hexdigest()[:16]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(record(*(Path(one).resolve() for one in sys.argv[1:]))))
