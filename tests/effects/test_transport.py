"""One exchange over real sockets: limits, redirects, and words that hold no address."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from requests import PreparedRequest
from requests.auth import AuthBase

from fhir_remission.effects.http.auth import Credentials, Fixed
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.transport import (
    Answer,
    Limits,
    NoAnswer,
    Request,
    RequestsExchange,
    Tls,
)
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.bundle import next_link, read_page

Behaviour = Callable[[BaseHTTPRequestHandler], None]
CANARY = "CANARY-MRN-4711"


class Recording:
    """A loopback server that does as told and remembers what it saw."""

    def __init__(self, behave: Behaviour) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        recording = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                recording.seen.append((self.path, headers))
                length = int(headers.get("content-length", "0"))
                self.rfile.read(length)
                behave(self)

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def serving(behave: Behaviour) -> Iterator[Recording]:
    """Run a recording server in another thread."""
    recording = Recording(behave)
    thread = threading.Thread(target=recording.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield recording
    finally:
        recording.server.shutdown()
        recording.server.server_close()
        thread.join()


def reply(
    body: bytes = b"{}", *, status: int = 200, headers: dict[str, str] | None = None
) -> Behaviour:
    """Answer always the same."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def exchange_with(url: str, **options: object) -> RequestsExchange:
    """An exchange with a token for this server."""
    base = read_base(f"{url}/fhir")
    auth: AuthBase = Credentials(Fixed({"Authorization": "Bearer TOKEN"}), base)
    return RequestsExchange(base, auth, clock=SystemClock(), **options)  # type: ignore[arg-type]


def get(url: str) -> Request:
    """A read whose address holds a canary."""
    return Request("GET", f"{url}/fhir/Observation?patient={CANARY}", "search Observation")


def sent(url: str, **options: object) -> Answer | NoAnswer:
    """Send one canary read."""
    exchange = exchange_with(url, **options)
    try:
        return exchange.send(get(url))
    finally:
        exchange.close()


def test_an_answer_comes_back_whole_and_is_counted() -> None:
    """Status, headers in lower case, decoded body, and the traffic."""
    body = gzip.compress(b'{"a": 1}')
    with serving(reply(body, headers={"Content-Encoding": "gzip", "ETag": 'W/"3"'})) as server:
        exchange = exchange_with(server.url)
        answer = exchange.send(get(server.url))
        exchange.close()

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b'{"a": 1}', 'W/"3"')
    assert (exchange.traffic.requests, exchange.traffic.bytes_read) == (1, 8)
    assert server.seen[0][1]["authorization"] == "Bearer TOKEN"


def test_netrc_and_proxy_variables_of_the_machine_do_not_reach_us(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With trust_env a .netrc entry silently replaces a Bearer token."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(reply()) as server:
        answer = sent(server.url)

    assert isinstance(answer, Answer)
    assert server.seen[0][1]["authorization"] == "Bearer TOKEN"


def test_the_address_arrives_as_the_server_wrote_it() -> None:
    """A next link is opaque: nothing in it is decoded or tidied."""
    query = "?ct=abc==&x=%2B%2b&y=a%7Cb&z=%22%41"
    with serving(reply()) as server:
        exchange = exchange_with(server.url)
        exchange.send(Request("GET", f"{server.url}/fhir{query}", "search Observation"))
        exchange.close()

    # urllib3 writes percent-encodings in capitals; they mean the same (RFC 3986, 6.2.2.1).
    assert server.seen[0][0] == f"/fhir{query}".replace("%2b", "%2B")


def test_a_redirect_on_the_same_server_is_followed_for_reads() -> None:
    """Epic answers the read of a merged patient so."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/fhir/Patient/old":
            reply(status=307, headers={"Location": "/fhir/Patient/new"})(handler)
        else:
            reply(b'"new"')(handler)

    with serving(behave) as server:
        exchange = exchange_with(server.url)
        answer = exchange.send(Request("GET", f"{server.url}/fhir/Patient/old", "read Patient"))
        exchange.close()

    assert isinstance(answer, Answer)
    assert answer.body == b'"new"'
    assert server.seen[1][1]["authorization"] == "Bearer TOKEN"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_not_followed(status: int) -> None:
    """Not even without the token: the address itself names the patient."""
    with serving(reply()) as other:
        target = f"{other.url}/fhir/Observation?patient={CANARY}"
        with serving(reply(status=status, headers={"Location": target})) as server:
            answer = sent(server.url)

    assert isinstance(answer, NoAnswer)
    assert answer.kind == "redirected"
    assert other.url in answer.reason
    assert CANARY not in answer.reason
    assert other.seen == []


def test_redirects_without_end_are_given_up() -> None:
    """Three, not more."""
    with serving(reply(status=302, headers={"Location": "/fhir/Observation?again"})) as server:
        answer = sent(server.url)

    assert isinstance(answer, NoAnswer)
    assert len(server.seen) == 4


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_is_never_redirected(method: str) -> None:
    """Its redirect is an answer like any other."""
    with serving(reply(status=307, headers={"Location": "/fhir/elsewhere"})) as server:
        exchange = exchange_with(server.url)
        answer = exchange.send(
            Request(method, f"{server.url}/fhir/Observation", "create", body=b"{}")  # type: ignore[arg-type]
        )
        exchange.close()

    assert isinstance(answer, Answer)
    assert (answer.status, len(server.seen)) == (307, 1)


def test_an_answer_over_the_cap_is_dropped_while_it_streams() -> None:
    """Bytes are counted decoded."""
    body = gzip.compress(b"[" + b"1234567," * 200_000 + b"1]", compresslevel=1)
    with serving(reply(body, headers={"Content-Encoding": "gzip"})) as server:
        answer = sent(server.url, limits=Limits(max_bytes=1 << 20))

    assert answer == NoAnswer("too-large", "answer over 1 MiB")


def test_a_gzip_bomb_is_dropped_long_before_the_cap() -> None:
    """A thousand to one is no searchset."""
    body = gzip.compress(b"0" * (24 << 20))
    with serving(reply(body, headers={"Content-Encoding": "gzip"})) as server:
        answer = sent(server.url)

    assert answer == NoAnswer("too-large", "answer compressed over 200 times")


def test_more_objects_than_any_page_holds_are_dropped_while_they_stream() -> None:
    """Few bytes each, and a list of ten million in memory."""
    body = b'{"entry":[' + b"{}," * 2_100_000 + b"{}]}"
    with serving(reply(body)) as server:
        answer = sent(server.url)

    assert isinstance(answer, NoAnswer)
    assert (answer.kind, answer.reason) == ("too-large", "answer of over 2000000 objects")


def test_a_body_of_brackets_is_no_page_and_no_crash() -> None:
    """Depth has an end of its own: the decoder's."""
    deep = b'{"resourceType":"Bundle","entry":[{"resource":'
    whole = deep + b"[" * 200_000 + b"]" * 200_000 + b"}]}"
    for body in (b"[" * 3_000_000, deep + b'{"a":' * 200_000, whole):
        with pytest.raises(InputError, match="not a FHIR Bundle"):
            read_page(body)
        assert next_link(body) == ""


def _cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{}")
    handler.close_connection = True


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def _bad_gzip(handler: BaseHTTPRequestHandler) -> None:
    reply(b"no gzip at all", headers={"Content-Encoding": "gzip"})(handler)


def _silence(_: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(0.6)


def _nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("behave", [_cut_short, _hang_up, _bad_gzip, _silence, _nonsense])
def test_a_broken_answer_is_lost_and_says_nothing_of_the_request(behave: Behaviour) -> None:
    """What `requests` raises holds the address: none of it gets out."""
    with serving(behave) as server:
        answer = sent(server.url, limits=Limits(read_seconds=0.2))

    assert isinstance(answer, NoAnswer)
    assert answer.kind == "lost"
    assert CANARY not in answer.reason


def test_a_body_that_trickles_is_given_up() -> None:
    """Each byte comes in time, the answer never does."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b" " * 1000)
                handler.wfile.flush()
                threading.Event().wait(0.02)
        except OSError:
            pass

    with serving(behave) as server:
        answer = sent(server.url, limits=Limits(connect_seconds=0.2, read_seconds=0.1))

    assert answer == NoAnswer("lost", "no whole answer in time")


def test_what_was_never_sent_is_known_to_be_unsent() -> None:
    """So that even a plain create may be tried again."""
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        port = unbound.getsockname()[1]

    refused = sent(f"http://127.0.0.1:{port}")

    assert refused == NoAnswer("unsent", "connection refused")


def test_a_server_without_tls_on_that_port_is_told_apart(tmp_path: Path) -> None:
    """No retry helps; the message names the settings that do."""
    with serving(reply()) as server:
        answer = sent(server.url.replace("http:", "https:"))

    assert isinstance(answer, NoAnswer)
    assert answer.kind == "settings"
    missing = sent("https://127.0.0.1:1", tls=Tls(ca_bundle=tmp_path / "missing.pem"))
    assert isinstance(missing, NoAnswer)
    assert "ca_bundle" in missing.reason


def test_a_proxy_that_does_not_answer_is_named() -> None:
    """Per server, by setting."""
    answer = sent("http://127.0.0.1:9", tls=Tls(proxy="http://127.0.0.1:9"))

    assert answer == NoAnswer("unsent", "the proxy refused or did not answer")


def test_credentials_go_to_allowed_origins_only() -> None:
    """Whatever address a request has been given."""
    base = read_base("https://fhir.example/r4")
    auth = Credentials(Fixed({"Authorization": "Bearer TOKEN"}), base)

    def attached(url: str) -> bool:
        request = PreparedRequest()
        request.prepare(method="GET", url=url)
        return "Authorization" in auth(request).headers

    assert attached("https://fhir.example:443/r4/x")
    assert not attached("https://fhir.example:444/r4/x")
    assert not attached("http://fhir.example/r4/x")
    assert not attached("https://fhir.example.evil/r4/x")


def test_an_address_in_another_alphabet_is_sent_encoded() -> None:
    """A server may put a search back into its next link unencoded."""
    with serving(reply()) as server:
        exchange = exchange_with(server.url)
        answer = exchange.send(Request("GET", f"{server.url}/fhir?name=Müller|ä", "search Patient"))
        exchange.close()

    assert isinstance(answer, Answer)
    assert server.seen[0][0] == "/fhir?name=M%C3%BCller%7C%C3%A4"
