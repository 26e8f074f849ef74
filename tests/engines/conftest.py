"""The service that engines call; they are run where FHIR_REMISSION_ENGINES is 1."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_remission import Classifier
from tests.engines.running import Hesitant, hesitant
from tests.service.conftest import case, parameters
from tests.service.process import Process

AS_OF = "2026-06-30T00:00:00Z"
NAME = "complete-remission"
COMMAND = str(Path(sys.executable).parent / "fhir-remission")
RECORD = json.dumps(parameters(case(NAME), record="complete", asOf=AS_OF)).encode()
# Header with which a caller would give away a patient, if an engine handed it on.
CANARY = "Zebulon-Canary-77"

if os.environ.get("FHIR_REMISSION_ENGINES") != "1":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """`fhir-remission serve` as a process of its own."""
    running = Process(tmp_path_factory.mktemp("served"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def service(served: Process) -> Iterator[Hesitant]:
    """The same behind somebody who hesitates where a test says so."""
    with hesitant(served.port) as held:
        yield held


@pytest.fixture(scope="session")
def expected() -> bytes:
    """The line of the record, as the judge says it."""
    (line,) = Classifier(as_of=AS_OF)(case(NAME))
    return line.to_json()
