"""One HTTP request and its answer, over `requests`: timeouts, limits, redirects, no leaks.

Nothing here retries (`retry.py`) and nothing here knows FHIR. What `requests` raises holds the
URL, and so the patient: it becomes a `NoAnswer` with words of ours.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import requests
import urllib3
from msgspec import Struct
from requests.auth import AuthBase

from fhir_remission.effects.http.line import GRACE, Line, LineAdapter
from fhir_remission.effects.http.origin import Base, Refused
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.errors import RemissionError

Method = Literal["GET", "POST", "PUT", "DELETE"]
CHUNK = 64 * 1024
MAX_REDIRECTS = 3
# A FHIR searchset of like Observations compresses 20 to 60 times; a bomb, 1000 times.
MAX_RATIO = 200
RATIO_FROM = 4 * 1024 * 1024
# A page of 10 000 entries, the most that any server sends, with 200 objects in each. Bytes alone
# do not bound memory: 32 MiB hold ten million empty entries.
MAX_OBJECTS = 2_000_000


class Request(Struct, frozen=True):
    """One request; `label` is all that messages and logs may say of it."""

    method: Method
    url: str
    label: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    repeat: Literal["read", "repeatable", "once"] = "read"
    """May it be sent again when nobody knows whether it arrived?"""


class Answer(Struct, frozen=True):
    """What the server said; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class NoAnswer(Struct, frozen=True):
    """No usable answer came: never sent, lost on the way back, or refused by our own limits."""

    kind: Literal["unsent", "lost", "too-large", "untrusted", "redirected", "settings"]
    reason: str


class OutcomeUnknown(Struct, frozen=True):
    """A write went out and nobody knows whether it took effect: search before doing more."""

    reason: str


class Exchange(Protocol):
    """One attempt."""

    def send(self, request: Request) -> Answer | NoAnswer:
        """Send it once."""

    def close(self) -> None:
        """Close its connections."""


class Limits(Struct, frozen=True):
    """How long to wait and how much to accept."""

    connect_seconds: float = 5.0
    read_seconds: float = 60.0
    """From one byte to the next."""
    max_bytes: int = 32 * 1024 * 1024

    @property
    def whole_seconds(self) -> float:
        """For all of a request: connection, handshake, headers, body, redirects."""
        return self.connect_seconds + 5 * self.read_seconds


class Tls(Struct, frozen=True):
    """Whom to trust and how to prove who we are."""

    ca_bundle: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    proxy: str = ""


class Traffic:
    """What went over the wire on all chains to one server, for the run summary."""

    def __init__(self) -> None:
        self.requests = self.unsafe_requests = self.bytes_read = self.retries = 0
        self.seconds_waited = 0.0
        self._lock = threading.Lock()

    def sent(self, request: Request) -> None:
        """Count an attempt."""
        with self._lock:
            self.requests += 1
            self.unsafe_requests += request.repeat != "read"

    def read(self, size: int) -> None:
        """Count an answer, decoded."""
        with self._lock:
            self.bytes_read += size

    def retry(self, seconds: float, budget: int, share: float) -> bool:
        """Count a retry after a wait; False where the run has had as many as it may."""
        with self._lock:
            if self.retries >= budget + share * self.requests:
                return False
            self.retries += 1
            self.seconds_waited += seconds
            return True


class RequestsExchange:
    """A chain of requests: environment, netrc, cookies and redirects of a library's own are off."""

    def __init__(
        self,
        base: Base,
        auth: AuthBase,
        *,
        clock: Clock,
        limits: Limits | None = None,
        tls: Tls | None = None,
        stop: Stop | None = None,
        traffic: Traffic | None = None,
        agent: str = "fhir-remission",
    ) -> None:
        self._base, self._auth, self._clock = base, auth, clock
        self._stop = stop or Stop(clock)
        self._limits, self._tls = limits or Limits(), tls or Tls()
        self._agent = agent
        self.traffic = traffic or Traffic()
        self._line = Line(clock, self._stop)
        # No Session: it reads the whole body of a redirect, without any limit, even where it does
        # not follow (requests 2.34, `Session.send`), and looks into netrc and the environment.
        self._adapter = LineAdapter(self._line)

    def send(self, request: Request) -> Answer | NoAnswer:
        """Send it once, following at most three redirects on our own server.

        Interrupted where the run is to end; a write gets a moment more for its answer.
        """
        url, left = request.url, self._limits.whole_seconds
        for _ in range(MAX_REDIRECTS + 1):
            prepared = self._prepared(request, url)
            if isinstance(prepared, NoAnswer):
                return prepared
            began = self._clock.monotonic()
            answer = self._once(request, prepared, left)
            left -= self._clock.monotonic() - began
            if isinstance(answer, NoAnswer) or not _is_redirect(request, answer):
                return answer
            target = self._base.resolve(answer.headers["location"], against=url)
            if isinstance(target, Refused):
                return NoAnswer("redirected", f"{target.reason}: not followed")
            url = target
        return NoAnswer("redirected", f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close its connections."""
        self._line.close()
        self._adapter.close()

    def _prepared(self, request: Request, url: str) -> requests.PreparedRequest | NoAnswer:
        try:
            prepared = requests.Request(
                request.method,
                url,
                headers={"User-Agent": self._agent, **request.headers},
                data=request.body,
            ).prepare()
        except (requests.RequestException, ValueError):
            return NoAnswer("unsent", "our request could not be built")
        # `prepare` rewrites percent-encodings; a next link is the server's, byte for byte. The
        # login looks at the address that is really sent.
        prepared.url = url
        return self._auth(prepared)

    def _once(
        self, request: Request, prepared: requests.PreparedRequest, seconds: float
    ) -> Answer | NoAnswer:
        self.traffic.sent(request)
        reading = request.repeat == "read"
        with self._line.within(seconds, grace=0.0 if reading else GRACE):
            outcome = self._answered(prepared)
        if not self._line.cut:
            return outcome
        if reading:
            self._stop.check()
        return NoAnswer("lost", self._line.cut)

    def _answered(self, prepared: requests.PreparedRequest) -> Answer | NoAnswer:
        try:
            with self._adapter.send(
                prepared,
                stream=True,
                timeout=(self._limits.connect_seconds, self._limits.read_seconds),
                verify=str(self._tls.ca_bundle) if self._tls.ca_bundle else True,
                cert=certificate_of(self._tls),
                proxies={"http": self._tls.proxy, "https": self._tls.proxy}
                if self._tls.proxy
                else {},
            ) as response:
                return self._read(response, prepared.url or "")
        except RemissionError:  # a signal, in the middle of it
            raise
        except Exception as error:  # whatever a library makes of an answer that nobody thought of
            return no_answer(error)

    def _read(self, response: requests.Response, url: str) -> Answer | NoAnswer:
        limits, body, raw = self._limits, bytearray(), response.raw
        objects = 0
        for chunk in raw.stream(CHUNK, decode_content=True):
            body += chunk
            if len(body) > limits.max_bytes:
                return NoAnswer("too-large", f"answer over {limits.max_bytes >> 20} MiB")
            if len(body) > max(RATIO_FROM, MAX_RATIO * raw.tell()):
                return NoAnswer("too-large", f"answer compressed over {MAX_RATIO} times")
            objects += chunk.count(b"{")
            if objects > MAX_OBJECTS:
                return NoAnswer("too-large", f"answer of over {MAX_OBJECTS} objects")
        self.traffic.read(len(body))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, bytes(body), url)


def _is_redirect(request: Request, answer: Answer) -> bool:
    # A merged patient's read is answered with a redirect (Epic 4107); nothing else needs one.
    moved = answer.status in {301, 302, 303, 307, 308} and "location" in answer.headers
    return moved and request.method == "GET"


def certificate_of(tls: Tls) -> str | tuple[str, str] | None:
    """Our own certificate, as `requests` takes it."""
    if tls.cert_file is None:
        return None
    return (str(tls.cert_file), str(tls.key_file)) if tls.key_file else str(tls.cert_file)


# What OpenSSL calls an answer that is no TLS.
_PLAIN = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "record layer failure")
_UNTRUSTED = "its certificate or our client certificate was refused; see ca_bundle and cert_file"


def no_answer(error: Exception) -> NoAnswer:
    """Sort an exception by whether the request can have reached the server."""
    if isinstance(error, requests.exceptions.SSLError):
        if any(mark in str(error) for mark in _PLAIN):
            return NoAnswer("settings", "it answers without TLS: is that the port of https?")
        return NoAnswer("untrusted", _UNTRUSTED)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NoAnswer("unsent", "no connection in time")
    if isinstance(error, requests.exceptions.ProxyError):
        return NoAnswer("unsent", "the proxy refused or did not answer")
    if isinstance(error, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return NoAnswer("lost", "no answer in time")
    if isinstance(error, requests.exceptions.ConnectionError):
        return _connection_failure(error)
    if isinstance(error, requests.exceptions.InvalidHeader):
        # The answer's, two lengths say: ours were looked at before. It was sent.
        return NoAnswer("lost", "the answer has headers that contradict each other")
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return NoAnswer("settings", "a certificate file cannot be read; see ca_bundle, cert_file")
    if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return NoAnswer("lost", "the answer broke off")
    return NoAnswer("lost", f"the answer cannot be read ({type(error).__name__})")


def _connection_failure(error: requests.exceptions.ConnectionError) -> NoAnswer:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return NoAnswer("unsent", "no such host name")
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return NoAnswer("unsent", "connection refused")
    return NoAnswer("lost", "the connection broke")
