"""SMART Backend Services and OAuth2 client credentials: one token, renewed by one caller at a time.

https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode

import jwt
import msgspec
from msgspec import Struct

from fhir_remission.effects.http.keys import SigningKey
from fhir_remission.effects.http.login_words import oauth_error, proofs_in, words_of
from fhir_remission.effects.http.origin import Base, origin_of
from fhir_remission.effects.http.retry import read_http_date
from fhir_remission.effects.http.scopes import missing_scopes
from fhir_remission.effects.http.transport import Answer, Exchange, NoAnswer, Request
from fhir_remission.effects.process.clock import Clock
from fhir_remission.errors import LoginRefused, SettingsError, Unreachable
from fhir_remission.fhir.r4.wire import UNREADABLE

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The limit is five minutes after `exp`; servers whose clock is ahead count from theirs.
LIFETIME = timedelta(minutes=4)
# A server whose clock is behind by milliseconds refuses an `iat` in its future.
BACKDATED = timedelta(seconds=5)
ATTEMPTS = 3
BUSY = frozenset({429, 500, 502, 503, 504})
MAX_TOKEN_SECONDS = 24 * 3600.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,65536}=*")


class Discovery(Struct, frozen=True):
    """What of `.well-known/smart-configuration` we use."""

    token_endpoint: str = ""
    capabilities: tuple[str, ...] = ()

    @property
    def has_v2_scopes(self) -> bool:
        """Say whether scopes are written as `.rs`, not as `.read`."""
        return "permission-v2" in self.capabilities and "permission-v1" not in self.capabilities


class _Token(Struct, frozen=True):
    access_token: str
    expires_in: float | str | None = None
    scope: str | None = None


def discover(base: Base, exchange: Exchange, clock: Clock) -> Discovery:
    """Read the server's SMART configuration; empty when it has none.

    A server that is away or busy is Unreachable: that it has none nobody knows.
    """
    request = Request("GET", f"{base.url}/.well-known/smart-configuration", "SMART configuration")
    answer, attempt = exchange.send(request), 1
    while isinstance(answer, NoAnswer) or answer.status in BUSY:
        if attempt == ATTEMPTS or _is_untrusted(answer):
            raise _no_answer(str(base.origin), "SMART configuration", answer)
        clock.sleep(float(attempt))
        answer, attempt = exchange.send(request), attempt + 1
    if answer.status != 200:
        return Discovery()
    try:
        return msgspec.json.decode(answer.body, type=Discovery)
    except UNREADABLE:
        return Discovery()


def _is_untrusted(outcome: Answer | NoAnswer) -> bool:
    return isinstance(outcome, NoAnswer) and outcome.kind == "untrusted"


def _no_answer(host: str, label: str, outcome: Answer | NoAnswer) -> LoginRefused | Unreachable:
    """A certificate that is not trusted is the same in an hour; everything else may pass."""
    if _is_untrusted(outcome):
        return LoginRefused(f"{host}: {label}: {_reason(outcome)}")
    return Unreachable(f"{host}: {label}: {_reason(outcome)}; run again later")


def _reason(outcome: Answer | NoAnswer) -> str:
    return outcome.reason if isinstance(outcome, NoAnswer) else f"status {outcome.status}"


def token_url(configured: str, base: Base, found: Discovery) -> str:
    """Choose the token endpoint: the configured one, else a discovered one on the same origin."""
    url = configured or found.token_endpoint
    try:
        origin = origin_of(url)
    except ValueError:
        raise SettingsError(
            f"{base.origin} does not say where tokens come from: set auth.token_url"
        ) from None
    if origin.scheme != "https" and not origin.is_loopback:
        raise SettingsError(f"the token endpoint at {origin} is not https: set auth.token_url")
    if not configured and origin != base.origin:
        raise SettingsError(
            f"{base.origin} sends us to {origin} for tokens: confirm it by setting auth.token_url"
        )
    return url


class TokenHeaders:
    """A bearer token, renewed before it ends and once when the server refuses it."""

    def __init__(
        self,
        url: str,
        exchange: Exchange,
        form: Callable[[], Mapping[str, str]],
        *,
        clock: Clock,
        wanted: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url, self._exchange, self._form, self._clock = url, exchange, form, clock
        self._wanted, self._headers = wanted, headers or {}
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = float("-inf")
        self._refused = ""
        self._proofs: tuple[str, ...] = ()
        """What the last request proved us with: never to be told."""
        self.granted = ""

    def current(self) -> Mapping[str, str]:
        """Return the header, getting a token when there is none or it is about to end."""
        with self._lock:
            if self._clock.monotonic() >= self._renew_at:
                self._get()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Get a new token, unless another chain has replaced the refused one already."""
        with self._lock:
            if refused.get("Authorization") == f"Bearer {self._token}":
                self._get()
            return True

    def _get(self) -> None:
        if self._refused:
            # Other chains wait for the same token: asking again for each would look like an attack.
            raise LoginRefused(self._refused)
        try:
            self._ask()
        except LoginRefused as error:
            self._refused = str(error)
            raise

    def _ask(self) -> None:
        succeeded_before = bool(self._token)
        for attempt in range(1, ATTEMPTS + 1):
            # Each attempt carries a new assertion: a replayed `jti` is refused.
            outcome = self._exchange.send(self._request())
            if isinstance(outcome, Answer) and outcome.status == 200:
                return self._keep(outcome)
            again = succeeded_before or _may_pass(outcome)
            if attempt == ATTEMPTS or _is_untrusted(outcome) or not again:
                raise self._refusal(outcome)
            self._clock.sleep(float(attempt))
        return None

    def _request(self) -> Request:
        form = self._form()
        self._proofs = proofs_in(form, self._headers)
        body = urlencode(form).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return Request("POST", self._url, "token", headers={**kind, **self._headers}, body=body)

    def _keep(self, answer: Answer) -> None:
        try:
            read = msgspec.json.decode(answer.body, type=_Token)
            lasts = max(0.0, min(float(read.expires_in or 300), MAX_TOKEN_SECONDS))
        except (*UNREADABLE, ValueError):
            raise LoginRefused(f"{self._host}: the token answer is not what OAuth2 says") from None
        self.granted = read.scope if read.scope is not None else " ".join(self._wanted)
        missing = missing_scopes(self._wanted, self.granted)
        if missing:
            raise LoginRefused(
                f"{self._host}: the token lacks {' '.join(missing)}: have them granted"
            )
        if not _TOKEN.fullmatch(read.access_token):
            # RFC 6750, 2.1. Anything else could be a header of its own.
            raise LoginRefused(f"{self._host}: the token has characters that no token has")
        early = max(min(30.0, lasts / 2), lasts / 10)
        self._token, self._renew_at = read.access_token, self._clock.monotonic() + lasts - early

    @property
    def _host(self) -> str:
        return str(origin_of(self._url))

    def _refusal(self, outcome: Answer | NoAnswer) -> LoginRefused | Unreachable:
        if isinstance(outcome, NoAnswer) or outcome.status in BUSY:
            return _no_answer(self._host, "token", outcome)
        asked = f"; asked for {' '.join(self._wanted)}" if self._wanted else ""
        words = words_of(outcome.body, self._proofs)
        return LoginRefused(
            f"{self._host}: no token: status {outcome.status} {words}"
            f"{_skew(outcome, self._clock)}: check client_id, key and scopes{asked}"
        )


def assertion_form(
    client_id: str,
    key: SigningKey,
    url: str,
    scopes: tuple[str, ...],
    *,
    clock: Clock,
    jti: Callable[[], str],
) -> Mapping[str, str]:
    """Build the form of one token request with a freshly signed assertion."""
    now = clock.now()
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": url,
        "jti": jti(),
        "iat": int((now - BACKDATED).timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    signed = jwt.encode(claims, key.private, algorithm=key.alg, headers={"kid": key.kid})
    return {
        "grant_type": "client_credentials",
        "scope": " ".join(scopes),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    }


def secret_form(scopes: tuple[str, ...]) -> Mapping[str, str]:
    """Build the form of a token request that is proved by a client secret."""
    return {"grant_type": "client_credentials"} | ({"scope": " ".join(scopes)} if scopes else {})


def secret_headers(client_id: str, secret: str) -> Mapping[str, str]:
    """Prove ourselves to the token endpoint with a secret (RFC 6749, 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _may_pass(outcome: Answer | NoAnswer) -> bool:
    if isinstance(outcome, NoAnswer) or outcome.status in BUSY:
        return True
    # Epic now and then answers 400 without a reason to what works a second later
    # (smart-on-fhir/cumulus-fhir-support, auth.py). A refusal that is meant names its error.
    return outcome.status == 400 and not oauth_error(outcome.body)


def _skew(answer: Answer, clock: Clock) -> str:
    theirs = read_http_date(answer.headers.get("date", ""))
    skew = (theirs - clock.now()).total_seconds() if theirs is not None else 0.0
    return f", its clock differs from ours by {skew:.0f} s" if abs(skew) > 2 else ""
