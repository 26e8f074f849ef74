"""SMART Backend Services against a server that checks signatures, times, names and scopes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from fhir_remission.effects.http.keys import public_jwks, read_signing_key
from fhir_remission.effects.http.smart import TokenHeaders, assertion_form
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server.access import Reader
from fhir_remission.effects.server.connect import Connection, connect
from fhir_remission.errors import LoginRefused
from fhir_remission.settings import Server
from tests.effects.conftest import FakeClock
from tests.effects.test_login import KEYS
from tests.servers import sekmet_server

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not os.environ.get("FHIR_REMISSION_SEKMET"), reason="no sekmet lane"),
]


@pytest.fixture(scope="module")
def sekmet() -> Iterator[str]:
    """A server that knows a client for each algorithm, and one that may read Patients only."""
    known = {alg: {"jwks": public_jwks([read_signing_key(KEYS[alg])])} for alg in KEYS}
    clients = [{"client_id": alg, "scopes": "system/*.*", **jwks} for alg, jwks in known.items()]
    narrow = {"scopes": "system/Patient.rs"}
    clients += [{"client_id": f"narrow-{alg}", **narrow, **jwks} for alg, jwks in known.items()]
    with sekmet_server.running(smart_clients=clients) as url:
        yield url


def logged_in(
    url: str, client_id: str, *, token_url: str = "", clock: FakeClock | None = None
) -> Connection:
    """A connection by the key of an algorithm."""
    used = clock or SystemClock()
    auth = {
        "mode": "smart",
        "client_id": client_id,
        "secret": KEYS[client_id.removeprefix("narrow-")],
        "token_url": token_url,
    }
    settings = Server.model_validate({"base_url": url, "rate": "9999/s", "auth": auth})
    return connect(settings, clock=used, stop=Stop(used), draw=lambda: 0.0)


def searched(connection: Connection) -> int:
    """Search once with the token; return the status."""
    reader: Reader = connection.reader()
    url = f"{connection.base.url}/Observation?_count=1"
    return reader.get(url, "search Observation", {}).status


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_both_algorithms_are_accepted(sekmet: str, alg: str) -> None:
    """Discovery, signed assertion, token, search."""
    assert searched(logged_in(sekmet, alg)) == 200


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_for_another_audience_is_refused(sekmet: str, alg: str) -> None:
    """The same endpoint under another name is another audience."""
    root = sekmet.removesuffix("/fhir").replace("127.0.0.1", "localhost")

    with pytest.raises(LoginRefused, match="no token: status 401 invalid_client"):
        searched(logged_in(sekmet, alg, token_url=f"{root}/auth/token"))


@pytest.mark.parametrize("alg", KEYS)
def test_an_expired_assertion_is_refused_and_the_skew_is_told(sekmet: str, alg: str) -> None:
    """Our clock is an hour behind."""
    clock = FakeClock()
    clock.time = SystemClock().now() - timedelta(hours=1)

    with pytest.raises(LoginRefused, match="its clock differs from ours by 3"):
        searched(logged_in(sekmet, alg, clock=clock))


@pytest.mark.parametrize("alg", KEYS)
def test_a_replayed_assertion_is_refused(sekmet: str, alg: str) -> None:
    """Which is why each attempt signs a new one."""
    connection = logged_in(sekmet, alg)
    assert isinstance(connection.headers, TokenHeaders)
    url = connection.headers._url
    key, clock = read_signing_key(KEYS[alg]), SystemClock()
    form = assertion_form(
        alg, key, url, ("system/Patient.rs",), clock=clock, jti=lambda: f"same-{alg}"
    )
    first, second = (
        TokenHeaders(url, connection.headers._exchange, lambda: form, clock=clock, wanted=())
        for _ in range(2)
    )

    first.current()
    with pytest.raises(LoginRefused, match="invalid_client"):
        second.current()


@pytest.mark.parametrize("alg", KEYS)
def test_scopes_that_are_not_granted_are_found_at_the_login(sekmet: str, alg: str) -> None:
    """A client that may read Patients only."""
    with pytest.raises(LoginRefused, match=r"the token lacks .*system/Observation"):
        searched(logged_in(sekmet, f"narrow-{alg}"))


def test_without_a_login_the_door_is_shut(sekmet: str) -> None:
    """The tests above can fail."""
    clock = SystemClock()
    settings = Server.model_validate({"base_url": sekmet})
    connection = connect(settings, clock=clock, stop=Stop(clock), draw=lambda: 0.0)

    assert searched(connection) == 401
