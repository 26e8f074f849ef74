"""A SMART Backend Services login: every claim of an assertion, and its signature where asked.

A wrong audience, a long lifetime, a used `jti` or another key fails as on a real server. Who can
look at signatures is handed in: this server itself needs the standard library only.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fhir_remission.rehearsal.server.codec import decode, encode
from fhir_remission.rehearsal.server.replies import Refused, Reply, Request

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html: no more than 5 minutes.
MAX_SECONDS = 300
SMART = (".well-known", "smart-configuration")
Signed = Callable[[str], str]
"""What is wrong with the signature of an assertion; empty where nothing is."""
OPEN = (("metadata",), SMART, ("token",))


class Login:
    """Gives tokens and asks for them."""

    def __init__(
        self, base_url: str, *, now: Callable[[], datetime], signed: Signed | None = None
    ) -> None:
        self.token_url = f"{base_url}/token"
        self._signed = signed
        self._now = now
        self._used: Counter[str] = Counter()
        self._tokens: set[str] = set()
        self._seen: set[str] = set()

    def answer(self, request: Request) -> Reply | None:
        """Answer what is about the login, refuse what has no token, leave the rest."""
        if request.path == SMART:
            return Reply(200, encode(self._configuration()))
        if request.path == ("token",) and request.method == "POST":
            return self._token(request)
        if request.path in OPEN:
            return None
        token = _bearer(request)
        if token not in self._tokens:
            raise Refused(401, "login", "no valid token")
        self._used[token] += 1
        return None

    def used_up(self, request: Request, *, after: int) -> bool:
        """Withdraw a token that was used often enough; say whether this request holds one."""
        token = _bearer(request)
        if token in self._tokens and self._used[token] >= after:
            self._tokens.discard(token)
            return True
        return False

    def _configuration(self) -> dict[str, Any]:
        return {
            "token_endpoint": self.token_url,
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": ["system/*.rs", "system/*.cruds"],
            "capabilities": ["client-confidential-asymmetric", "permission-v2", "permission-v1"],
        }

    def _token(self, request: Request) -> Reply:
        form = parse_qs(request.body.decode("ascii", "replace"))
        asked = {name: values[0] for name, values in form.items()}
        if asked.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type")
        if asked.get("client_assertion_type") == ASSERTION:
            if problem := self._problem(asked.get("client_assertion", "")):
                return _refused("invalid_client", problem)
        elif self._signed is not None:
            return _refused("invalid_client", "this server wants a signed assertion")
        elif not request.headers.get("authorization", "").startswith("Basic "):
            return _refused("invalid_client", "no assertion and no secret")
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        granted = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": MAX_SECONDS,
            "scope": asked.get("scope", ""),
        }
        return Reply(200, encode(granted), {"Content-Type": "application/json"})

    def _problem(self, assertion: str) -> str:
        claims = _claims(assertion)
        if claims is None:
            return "the assertion is not a JWT"
        if self._signed is not None and (problem := self._signed(assertion)):
            return problem
        seconds = float(claims.get("exp", 0)) - self._now().timestamp()
        if not 0 < seconds <= MAX_SECONDS:
            return "exp is in the past or too far ahead"
        if claims.get("aud") != self.token_url or claims.get("iss") != claims.get("sub"):
            return "wrong aud, iss or sub"
        name = str(claims.get("jti", ""))
        if not name or name in self._seen:
            return "jti is missing or was used before"
        self._seen.add(name)
        return ""


def _claims(assertion: str) -> dict[str, Any] | None:
    parts = assertion.split(".")
    if len(parts) != 3:
        return None
    try:
        return decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, Refused):
        return None


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _refused(error: str, text: str = "") -> Reply:
    body = encode({"error": error, "error_description": text})
    return Reply(400, body, {"Content-Type": "application/json"})
