"""No pattern of ours takes time out of proportion: a call of it hears no signal or deadline."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import fhir_remission

PIECES = [
    "a",
    "0",
    " ",
    '"',
    "\\",
    '\\"',
    "-",
    ".",
    ",",
    "<",
    "/",
    "a ",
    "0.",
    "1,",
    "a-",
    "\n",
    "(",
    "%",
]
LONG = 20_000


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Every compiled pattern that a module of ours holds."""
    for found in pkgutil.walk_packages(fhir_remission.__path__, "fhir_remission."):
        if found.name.endswith("__main__") or ".spark" in found.name:
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{found.name}.{name}", value


def test_no_pattern_takes_more_than_its_share_of_a_long_text() -> None:
    """Repeated pieces with an end that fits nothing: where backtracking shows."""
    slow: list[str] = []
    count = 0
    for name, pattern in patterns():
        count += 1
        for piece in PIECES:
            text = piece * (LONG // len(piece)) + "\x01"
            began = time.process_time()
            told = text if isinstance(pattern.pattern, str) else text.encode()
            pattern.match(told)  # type: ignore[arg-type]
            pattern.fullmatch(told)  # type: ignore[arg-type]
            if time.process_time() - began > 0.5:
                slow.append(f"{name} on {piece!r}: {time.process_time() - began:.1f} s")
                break

    assert count > 30
    assert slow == []
