"""Which servers the contract is held against: the embedded one always, real ones when asked for.

FHIR_REMISSION_SEKMET=1          start sekmet-fhir (PyPI)
FHIR_REMISSION_HAPI=1            build and start HAPI FHIR (Maven Central, JDK 17)
FHIR_REMISSION_HAPI_BASE=URL     a HAPI that runs already
FHIR_REMISSION_IT_BASE=URL       any other server; everything written is tagged as test data
"""

import contextlib
import os
import uuid
from collections.abc import Iterator

import pytest

from fhir_remission.rehearsal import EmbeddedServer
from tests.servers import hapi_server, sekmet_server
from tests.servers.rest import Rest

EXTERNAL = {
    "hapi-base": "FHIR_REMISSION_HAPI_BASE",
    "it-base": "FHIR_REMISSION_IT_BASE",
}


def _chosen() -> list[object]:
    real = pytest.mark.server
    lanes: list[object] = ["embedded"]
    if os.environ.get("FHIR_REMISSION_SEKMET"):
        lanes.append(pytest.param("sekmet", marks=real))
    if os.environ.get("FHIR_REMISSION_HAPI"):
        lanes.append(pytest.param("hapi", marks=real))
    lanes += [
        pytest.param(lane, marks=real) for lane, name in EXTERNAL.items() if os.environ.get(name)
    ]
    return lanes


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    with EmbeddedServer() as server:
        yield server.base_url


@contextlib.contextmanager
def _serving(lane: str) -> Iterator[str]:
    if lane in EXTERNAL:
        yield os.environ[EXTERNAL[lane]].rstrip("/")
        return
    starting = {
        "embedded": _embedded,
        "sekmet": sekmet_server.running,
        "hapi": hapi_server.running,
    }
    with starting[lane]() as base_url:
        yield base_url


@pytest.fixture(scope="session", params=_chosen())
def lane(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Name and base URL of one server, started for the whole session."""
    with _serving(request.param) as base_url:
        yield request.param, base_url


@pytest.fixture
def rest(lane: tuple[str, str]) -> Iterator[Rest]:
    """A plain FHIR client whose ids and tag no other test has."""
    with Rest(lane[1], mark=f"t{uuid.uuid4().hex[:12]}") as client:
        yield client
