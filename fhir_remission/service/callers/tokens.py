"""Bearer tokens signed by somebody the settings name: checked, never trusted to say how.

RFC 8725: the algorithms are ours to choose and never symmetric, and nothing the token names is
fetched. A key that is not known is looked for once in a while, so that a new one is found and a
flood of invented ones asks nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import jwt
import requests

from fhir_remission.effects.process.clock import Clock
from fhir_remission.errors import SettingsError
from fhir_remission.service.request.refusals import Refused
from fhir_remission.settings.service import Trusted

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
LEEWAY, AGAIN, LONGEST = 30, 60.0, 3600
_LARGEST = 1 << 20


def unauthorized() -> Refused:
    """Refuse without a word on which check failed."""
    return Refused(401, "login", "the service wants a login it knows")


class Keys:
    """The public keys of an issuer, from a file or from its address."""

    def __init__(self, trusted: Trusted, clock: Clock) -> None:
        self._trusted, self._clock = trusted, clock
        self._keys: dict[str, Any] = {}
        self._looked: float | None = None
        self._lock = threading.Lock()
        url = trusted.jwks_url
        if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise SettingsError("jwks_url must be https")

    def find(self, key_id: str) -> Any:
        """The key of that name; None where there is none."""
        with self._lock:
            now = self._clock.monotonic()
            if key_id not in self._keys and (self._looked is None or now - self._looked > AGAIN):
                self._looked = now
                self._keys = self._read() or self._keys
            return self._keys.get(key_id)

    def _read(self) -> dict[str, Any]:
        try:
            if self._trusted.jwks_file is not None:
                text = self._trusted.jwks_file.read_bytes()
            else:
                text = self._fetched()
            found = jwt.PyJWKSet.from_json(text.decode())
        except (OSError, ValueError, requests.RequestException, jwt.PyJWTError):
            return {}
        return {str(one.key_id): one for one in found.keys if one.key_id}

    def _fetched(self) -> bytes:
        with requests.get(
            self._trusted.jwks_url, timeout=(3, 5), allow_redirects=False, stream=True
        ) as answer:
            answer.raise_for_status()
            found: bytes = answer.raw.read(_LARGEST, decode_content=True)
            return found


class Tokens:
    """Checks tokens of one issuer."""

    def __init__(self, trusted: Trusted, clock: Clock) -> None:
        self._trusted, self._keys = trusted, Keys(trusted, clock)

    def claims(self, token: str, audience: Sequence[str], required: Sequence[str] = ()) -> Any:
        """What a token says; refused with 401 where anything is not as it must be."""
        try:
            head = jwt.get_unverified_header(token)
            key = self._keys.find(str(head.get("kid", "")))
            if key is None or head.get("alg") not in ALGORITHMS:
                raise unauthorized()
            if key.algorithm_name and key.algorithm_name != head["alg"]:
                _same_family(key.algorithm_name, head["alg"])
            found = jwt.decode(
                token,
                key.key,
                algorithms=[head["alg"]],
                audience=list(audience),
                issuer=self._trusted.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", *required]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise unauthorized() from None
        if found["exp"] - found["iat"] > LONGEST:
            raise unauthorized()
        return found


def _same_family(expected: str, used: str) -> None:
    """A key that says no algorithm is given one by its kind; another hash of the kind will do."""
    kinds = {"RS": "RSA", "PS": "RSA", "ES": "EC"}
    if kinds.get(expected[:2]) != kinds.get(used[:2]):
        raise unauthorized()
