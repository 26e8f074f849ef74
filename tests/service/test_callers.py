"""Who may call: nobody from elsewhere without a login, and each login only as far as it reaches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fhir_remission.errors import SettingsError
from fhir_remission.service.callers.callers import check_bind, read_keys
from fhir_remission.service.callers.rates import Rates
from fhir_remission.service.request.refusals import Refused
from fhir_remission.settings import Settings
from fhir_remission.settings.service import Service
from tests.service.conftest import OPERATION, Serve, case

CR = case("complete-remission")
ISSUER, AUDIENCE = "https://login.example.org", "https://remission.example.org"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP384R1())
LONG = "k" * 40
SETTINGS = f"""
[service.jwt]
issuer = "{ISSUER}"
audience = ["{AUDIENCE}"]
jwks_file = "jwks.json"
scopes = ["remission"]
"""


def jwks(folder: Path) -> None:
    """The public keys of the issuer."""
    rsa_key = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    ec_key = jwt.algorithms.ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True)
    keys = [{**rsa_key, "kid": "one"}, {**ec_key, "kid": "two"}]
    (folder / "jwks.json").write_text(json.dumps({"keys": keys}))


def token(key: Any = KEY, kid: str = "one", alg: str = "RS384", **claims: Any) -> str:
    """A token as the issuer makes it, with these claims instead; None leaves one out."""
    now = int(time.time())
    made = {
        **{"iss": ISSUER, "aud": AUDIENCE, "sub": "engine", "iat": now, "exp": now + 300},
        "scope": "system/*.rs",
        **claims,
    }
    held = {name: value for name, value in made.items() if value is not None}
    return jwt.encode(held, key, algorithm=alg, headers={"kid": kid})


def bearer(text: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {text}"}


def test_without_a_login_only_this_machine_is_answered(serve: Serve) -> None:
    """Another address, a name that resolves here, and a page of a browser are 403."""
    served = serve()
    assert served.ask("POST", OPERATION, CR).status_code == 200
    for headers in ({"Origin": "https://evil.example"}, {"Host": "rebound.example"}):
        assert served.ask("POST", OPERATION, CR, headers=headers).status_code == 403
    there = served._client.simulate_get("/metadata", host="127.0.0.1", remote_addr="10.0.0.9")
    assert there.status_code == 403
    probe = served._client.simulate_get("/health/live", host="x", remote_addr="10.0.0.9")
    assert probe.status_code == 200


@pytest.mark.parametrize("bind", ["0.0.0.0:8080", "10.0.0.1:80", "[::]:8080", ":8080", "x:http"])
def test_it_does_not_listen_to_strangers_without_a_login(bind: str) -> None:
    """The command ends with 2 before anybody is answered."""
    with pytest.raises(SettingsError):
        check_bind(Settings(service=Service(bind=bind)), open_to_all=True)


@pytest.mark.parametrize("bind", ["127.0.0.1:8080", "[::1]:8080", "localhost:0"])
def test_loopback_needs_none(bind: str) -> None:
    """Whatever name loopback has."""
    assert check_bind(Settings(service=Service(bind=bind)), open_to_all=True)


@pytest.mark.parametrize(
    "good",
    [
        token,
        lambda: token(CURVE, "two", "ES384"),
        lambda: token(alg="RS256"),
        lambda: token(aud=["https://other.example", AUDIENCE]),
        lambda: token(scope="openid remission"),
        lambda: token(scope="system/*.read"),
        lambda: token(scope="system/*.cruds"),
    ],
)
def test_a_good_token_opens(serve: Serve, tmp_path: Path, good: Any) -> None:
    """By any algorithm of ours, any of several audiences, SMART scopes of both versions."""
    jwks(tmp_path)
    served = serve(SETTINGS)
    answer = served.ask("POST", OPERATION, CR, headers=bearer(good()))
    assert answer.status_code == 200, answer.text
    assert served.audited[0]["server"] == "caller:engine"


def _tampered() -> str:
    head, _, sign = token().split(".")
    return f"{head}.{token(sub='root').split('.')[1]}.{sign}"


def _none() -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "scope": "system/*.r"}
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "one"})


def _symmetric() -> str:
    return token("a" * 64, alg="HS256")


BAD = {
    "nothing": lambda: "",
    "rubbish": lambda: "abc.def.ghi",
    "none": _none,
    "symmetric": _symmetric,
    "another key": lambda: token(OTHER),
    "an unknown key": lambda: token(OTHER, "three"),
    "no key named": lambda: token(kid=""),
    "tampered": _tampered,
    "over": lambda: token(exp=int(time.time()) - 120, iat=int(time.time()) - 600),
    "not yet": lambda: token(nbf=int(time.time()) + 600),
    "for years": lambda: token(exp=int(time.time()) + 10**8),
    "for others": lambda: token(aud="https://other.example"),
    "for nobody": lambda: token(aud=None),
    "of others": lambda: token(iss="https://evil.example"),
    "without end": lambda: token(exp=None),
    "without begin": lambda: token(iat=None),
    "an algorithm of another kind": lambda: token(CURVE, "one", "ES384"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_401_and_says_no_more(serve: Serve, tmp_path: Path, name: str) -> None:
    """All alike: nobody learns which check failed."""
    jwks(tmp_path)
    answer = serve(SETTINGS).ask("POST", OPERATION, CR, headers=bearer(BAD[name]()))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json["issue"][0]["diagnostics"] == "the service wants a login it knows"


@pytest.mark.parametrize(
    "scope", ["", "openid", "system/Patient.r", "user/*.rs", "patient/*.rs", "system/*.c", 7]
)
def test_a_login_that_does_not_reach_so_far_is_403(
    serve: Serve, tmp_path: Path, scope: Any
) -> None:
    """Scopes that do not open everything; a patient's without a patient, too."""
    jwks(tmp_path)
    answer = serve(SETTINGS).ask("POST", OPERATION, CR, headers=bearer(token(scope=scope)))
    assert answer.status_code == 403


def test_the_token_of_a_patient_opens_that_patient_only(serve: Serve, tmp_path: Path) -> None:
    """By id before anything is read, and by record before anything is said."""
    jwks(tmp_path)
    served = serve(SETTINGS)
    own = bearer(token(scope="patient/*.rs", patient="frida"))
    other = bearer(token(scope="patient/*.rs", patient="somebody-else"))

    assert served.ask("POST", OPERATION, CR, headers=own).status_code == 200
    assert served.ask("POST", OPERATION, CR, headers=other).status_code == 403
    path = "/Patient/frida/$classify-remission"
    assert served.ask("GET", path, headers=other).status_code == 403
    assert served.ask("GET", path, headers=own).status_code == 501
    assert [line["server"] for line in served.audited] == ["caller:engine"]


def test_a_login_is_wanted_on_loopback_too_once_there_is_one(serve: Serve, tmp_path: Path) -> None:
    """A proxy on this machine would make everybody local."""
    jwks(tmp_path)
    assert serve(SETTINGS).ask("POST", OPERATION, CR).status_code == 401
    assert serve(SETTINGS).ask("GET", "/metrics").status_code == 401
    assert serve(SETTINGS).ask("GET", "/nothing").status_code == 401


def test_a_key_of_the_file_opens(serve: Serve, tmp_path: Path) -> None:
    """The caller goes by its name, and several keys may be good while one is replaced."""
    keys = tmp_path / "callers.keys"
    keys.write_text(f"# old and new\nmirth {LONG}\nmirth {'n' * 32}\n")
    keys.chmod(0o600)
    served = serve('[service]\nkeys_file = "callers.keys"\n')
    for key in (LONG, "n" * 32):
        assert served.ask("POST", OPERATION, CR, headers=bearer(key)).status_code == 200
    for key in (LONG[:-1], LONG + "k", "", "mirth"):
        assert served.ask("POST", OPERATION, CR, headers=bearer(key)).status_code == 401
    assert {line["server"] for line in served.audited} == {"caller:mirth"}


@pytest.mark.parametrize("text", ["mirth short", f"mirth {LONG} more", LONG])
def test_a_bad_line_of_the_key_file_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    """And a file that everybody can read is none."""
    keys = tmp_path / "callers.keys"
    keys.write_text(text)
    keys.chmod(0o600)
    with pytest.raises(SettingsError, match=r"callers\.keys:1"):
        read_keys(keys)
    keys.write_text(f"mirth {LONG}")
    keys.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod"):
        read_keys(keys)


def test_a_proxy_names_the_caller_from_its_own_address_only(serve: Serve) -> None:
    """The same header from elsewhere opens nothing."""
    served = serve('[service]\nproxies = ["10.0.0.0/30"]\nproxy_header = "X-Remote-User"\n')

    def status(address: str, **headers: str) -> int:
        found = served._client.simulate_get(
            "/metadata", host="x", remote_addr=address, headers=headers
        )
        return int(found.status_code)

    assert status("10.0.0.1", **{"X-Remote-User": "dr-who"}) == 200
    assert status("10.0.0.1") == 401
    assert status("10.0.0.9", **{"X-Remote-User": "dr-who"}) == 401
    assert status("127.0.0.1", **{"X-Remote-User": "dr-who"}) == 401


class Frozen:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        """The time."""
        return self.at


def test_each_caller_has_its_rate() -> None:
    """One that asks too much is told to wait, and costs the others nothing."""
    clock = Frozen()
    rates = Rates(2.0, clock)  # type: ignore[arg-type]
    for _ in range(4):
        rates.check("loud")
    with pytest.raises(Refused) as refused:
        rates.check("loud")
    assert refused.value.status == 503
    assert refused.value.retry_after == 1
    rates.check("quiet")
    clock.at = 0.5
    rates.check("loud")


def test_rates_of_many_callers_stay_few() -> None:
    """Invented names fill no memory."""
    rates = Rates(1.0, Frozen())  # type: ignore[arg-type]
    for number in range(10_000):
        rates.check(str(number))
    assert len(rates._held) <= 4096


def test_too_many_requests_are_503_not_429(serve: Serve) -> None:
    """NiFi does not repeat 429."""
    served = serve('[service]\nrate = "1/h"\n')
    statuses = [served.ask("GET", "/metadata").status_code for _ in range(3)]
    assert statuses[0] == 200
    assert statuses[-1] == 503
