"""Leaves what is marked long to those who ask for it, and makes each try of `make test` the same.

`FHIR_REMISSION_SEARCH=1` draws anew at each run, as `make long` does.
"""

from __future__ import annotations

import os
import secrets

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

SEARCHING = bool(os.environ.get("FHIR_REMISSION_SEARCH"))


def new_seed() -> int:
    """The seed that `FHIR_REMISSION_SEED` gives, or one that nobody has tried."""
    return int(os.environ.get("FHIR_REMISSION_SEED") or secrets.randbelow(10**9))


hypothesis.settings.register_profile("search", deadline=None, database=None)
hypothesis.settings.register_profile("same", deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile("search" if SEARCHING else "same")
if not SEARCHING:
    # Hypothesis draws numbers and texts that stand in the modules imported so far, at any seed:
    # which those are depends on the tests that the worker happened to run before.
    providers._get_local_constants = Constants


# Two minutes each: begun last, one of them would keep a core waiting for the other.
FIRST = ("tests/crash/test_owners.py", "tests/crash/test_faults.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest; skip what is marked long unless markers were chosen."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
    if config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run with -m long"))
