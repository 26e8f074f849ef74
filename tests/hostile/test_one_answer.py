"""One bad answer costs one patient, or one file; everybody else of the run is judged."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fhir_remission.cli.main import main
from fhir_remission.effects.http.auth import Credentials, Fixed
from fhir_remission.effects.http.login_words import proofs_in, words_of
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.transport import Limits, NoAnswer, Request, RequestsExchange
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server.connect import connect
from fhir_remission.errors import LoginRefused, RemissionError, SettingsError, Unreachable
from fhir_remission.settings import Auth, Server
from tests.hostile.evil import Asked, Behaviour, Evil, Rule, drip_body, raw, say, silent
from tests.hostile.processes import AS_OF, PATIENTS, evil_site

VICTIM, *OTHERS = PATIENTS
EMPTY: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "entry": []}


def page(**fields: Any) -> bytes:
    """A page of nothing, with something in it."""
    return json.dumps({**EMPTY, **fields}).encode()


def following(url: str) -> Behaviour:
    """A page whose next one lies there."""
    return say(page(link=[{"relation": "next", "url": url}]))


BOMB = gzip.compress(b" " * (48 << 20))
ANSWERS: dict[str, Behaviour] = {
    "a next link to an equivalent host": following("http://１２７.0.0.1/fhir?page=2"),
    "a next link with a soft hyphen": following("http://127.0.0.1\u00ad/fhir?page=2"),
    "a next link that is no text": say(
        b'{"resourceType":"Bundle","link":[{"relation":"next","url":"\\ud800"}]}'
    ),
    "a next link of a megabyte": following("http://127.0.0.1/fhir?" + "x" * (1 << 20)),
    "a Retry-After beyond the years": say(b"", 429, [("Retry-After", "9" * 300)]),
    "a Retry-After in a year of five digits": say(
        b"", 503, [("Retry-After", "Fri, 31 Dec 99999 23:59:59 GMT")]
    ),
    "a Retry-After in a zone of its own": say(
        page(), 400, [("Retry-After", "Fri, 31 Dec 9999 23:59:59 -9999")]
    ),
    "a Date of no time": say(page(), 400, [("Date", "Fri, 31 Dec 9999 23:59:59 +9959")]),
    "a redirect with a bomb": say(
        BOMB, 302, [("Location", "http://127.0.0.1:9/"), ("Content-Encoding", "gzip")]
    ),
    "a redirect to an equivalent host": say(b"", 302, [("Location", b"http://\xef\xbc\x91/x")]),
    "a redirect to itself": say(b"", 302, [("Location", "/fhir/Observation/_search")]),
    "a bomb": say(BOMB, 200, [("Content-Encoding", "gzip")]),
    "brackets": say(b"[" * 200_000),
    "no UTF-8": say(b'{"resourceType":"Bundle","entry":[{"fullUrl":"\xff"}]}'),
    "a number without end": say(b'{"resourceType":"Bundle","total":1e999999999}'),
    "headers without end": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n"),
    "a header of a megabyte": raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n"),
    "a status of words": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status of many digits": raw(b"HTTP/1.1 99999999999 OK\r\n\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    "a length of words": raw(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}"),
    "a chunk of words": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "an unknown packing": say(b"{}", 200, [("Content-Encoding", "gzip, zstd, br, x-evil")]),
    "packed many times": say(b"\x1f\x8b", 200, [("Content-Encoding", ", ".join(["gzip"] * 9))]),
    "a cookie of bytes": say(page(), 400, [("Set-Cookie", b"\xff\x00=\x80; Expires=\xff")]),
}
IMPATIENT = (
    'source: read_timeout = "1s"\nsource: connect_timeout = "1s"\n'
    'source: connections = 1\nsource: profile = "generic"\nsource: delta = "none"'
)


def about(patient: str, behave: Behaviour) -> Rule:
    """Behave so where an Observation of this patient is asked for."""

    def rule(asked: Asked) -> Behaviour | None:
        told = asked.target + asked.body.decode("latin-1")
        return behave if "Observation" in asked.target and patient in told else None

    return rule


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "sleep", lambda *_: None)


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("name", ANSWERS)
def test_one_bad_answer_costs_one_patient(
    name: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A line that says incomplete for her, an answer for everybody else, and exit 3."""
    with evil_site(tmp_path, about(VICTIM, ANSWERS[name]), IMPATIENT, persona="epic") as (
        site,
        _,
        _,
    ):
        site.config.write_text(site.config.read_text().replace('"repository"', '"dry-run"'))
        code = main(["sync", "--dry-run", "--as-of", AS_OF, "--config", str(site.config)])
    out, err = capsysbinary.readouterr()
    lines = {json.loads(line)["patient"]: json.loads(line) for line in out.splitlines()}

    assert b"bug" not in err, err
    assert code == 3, err
    assert lines[f"Patient/{VICTIM}"]["disposition"] == "incomplete"
    assert "category" not in lines[f"Patient/{VICTIM}"]
    for one in OTHERS:
        assert lines[f"Patient/{one}"]["disposition"] == "classified"


# The login --------------------------------------------------------------------------------------

CONFIGURED: dict[str, tuple[Behaviour, type[RemissionError], int]] = {
    "busy": (say(b"", 503), Unreachable, 75),
    "broken": (say(b"", 500), Unreachable, 75),
    "silent": (silent, Unreachable, 75),
    "dripping": (drip_body, Unreachable, 75),
    "reset": (lambda _, wire: wire.reset(), Unreachable, 75),
    "absent": (say(b"", 404), SettingsError, 2),
    "an equivalent host": (
        say('{"token_endpoint":"https://１２７.0.0.1/token"}'.encode()),
        *(SettingsError, 2),
    ),
    "brackets": (say(b"[" * 100_000), SettingsError, 2),
}


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("name", CONFIGURED)
def test_where_tokens_come_from(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away is asked again later; one that names no place needs the settings."""
    behave, kind, code = CONFIGURED[name]
    limits = Limits(connect_seconds=0.2, read_seconds=0.4)
    monkeypatch.setattr("fhir_remission.effects.server.connect._limits", lambda _: limits)
    clock = SystemClock()
    with Evil(lambda _: behave) as evil:
        server = Server(base_url=evil.base_url, auth=Auth(mode="secret", client_id="c", secret="s"))
        with pytest.raises(kind) as caught:
            connect(server, clock=clock, stop=Stop(clock))

    assert caught.value.exit_code == code


@pytest.mark.usefixtures("_no_waiting")
def test_a_login_that_is_not_there_or_not_trusted() -> None:
    """Nobody listens: 75. A certificate that nobody trusts: 4, the same in an hour."""
    clock = SystemClock()

    def connected(url: str) -> None:
        auth = Auth(mode="secret", client_id="c", secret="s")
        connect(Server(base_url=url, auth=auth), clock=clock, stop=Stop(clock))

    with pytest.raises(Unreachable, match="connection refused"):
        connected("http://127.0.0.1:9/fhir")
    with Evil(lambda _: None, tls=self_signed()) as evil, pytest.raises(LoginRefused) as caught:
        connected(evil.base_url)
    assert caught.value.exit_code == 4


def self_signed() -> Any:
    """A context with a certificate of nobody."""
    import ssl
    import tempfile

    from tests.effects.test_tls import certificate, written

    with tempfile.TemporaryDirectory() as folder:
        cert, key = written(Path(folder), "evil", certificate("evil"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
    return context


WORDS = (
    b'{"error":"invalid_scope","error_description":"scope system/Foo.rs\\u001b[2J\\r\\nunknown"}'
)


def refusal(rule: Callable[[Asked], Behaviour], secret: str) -> str:
    """What is told of a login that this server refuses."""
    clock = SystemClock()
    with Evil(rule) as evil:
        auth = Auth(mode="secret", client_id="c", secret=secret, token_url=f"{evil.origin}/token")
        server = Server(base_url=evil.base_url, auth=auth)
        connection = connect(server, clock=clock, stop=Stop(clock), read=("Patient",))
        with pytest.raises(LoginRefused) as caught:
            connection.headers.current()
    return str(caught.value)


def test_what_a_login_says_stands_in_the_line() -> None:
    """Its words, cleaned, and the scopes that were asked for."""

    def rule(asked: Asked) -> Behaviour:
        return say(WORDS, 400) if "token" in asked.target else say(b"{}")

    told = refusal(rule, "s")

    assert "invalid_scope" in told
    assert "scope system/Foo.rs" in told
    assert "unknown" in told
    assert "asked for system/Patient.read" in told
    assert told.isprintable()


SECRET = "s3cr3t of+the client"
ECHOES: dict[str, Callable[[Asked], str]] = {
    "the secret": lambda _: f"no client has {SECRET}",
    "a part of it": lambda _: f"it begins with {SECRET[:8]}",
    "as it is sent": lambda _: quote(SECRET, safe=""),
    "the header": lambda asked: asked.headers["authorization"],
    "the header unpacked": lambda asked: base64.b64decode(
        asked.headers["authorization"].removeprefix("Basic ")
    ).decode(),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_login_that_repeats_our_secret_is_not_quoted(echo: str) -> None:
    """Its words stand in logs, and doctor prints them."""

    def rule(asked: Asked) -> Behaviour:
        if "token" not in asked.target:
            return say(b"{}", 404)
        said = {"error": "invalid_client", "error_description": ECHOES[echo](asked)}
        return say(json.dumps(said).encode(), 401)

    told = refusal(rule, SECRET)

    assert "its words repeat what proves us" in told
    assert SECRET[:8] not in told
    assert base64.b64encode(SECRET[-9:].encode()).decode() not in told


def test_a_login_that_repeats_our_assertion_is_not_quoted() -> None:
    """It is good for four more minutes, for whoever has the log."""
    assertion = "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJjIn0.c2lnbmVk"
    body = json.dumps({"error_description": f"cannot verify {assertion[:20]}..."}).encode()

    said = words_of(body, proofs_in({"client_assertion": assertion}, {}))

    assert assertion[:8] not in said


def test_a_redirect_is_not_unpacked_without_limit() -> None:
    """The library's Session did: a small answer with a Location took all memory."""
    with Evil(lambda _: ANSWERS["a redirect with a bomb"]) as evil:
        one = RequestsExchange(
            read_base(evil.base_url),
            Credentials(Fixed({}), None),
            clock=SystemClock(),
            limits=Limits(max_bytes=1 << 20),
        )
        outcome = one.send(Request("GET", f"{evil.base_url}/x", "x"))
        one.close()

    assert isinstance(outcome, NoAnswer)
    assert outcome.kind in ("too-large", "redirected")
