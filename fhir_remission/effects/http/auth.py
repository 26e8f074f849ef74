"""Credentials that go below the configured base address and nowhere else.

They are attached to each request by its own address, never to a session: a session header
follows every absolute `next` link, wherever it leads.
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from requests import PreparedRequest
from requests.auth import AuthBase

from fhir_remission.effects.http.origin import Base
from fhir_remission.errors import SettingsError
from fhir_remission.settings import Auth

# Control characters besides the line ends of a key file, and bytes that were no UTF-8.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# RFC 9110, 5.6.2.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Headers(Protocol):
    """Where the headers that prove who we are come from."""

    def current(self) -> Mapping[str, str]:
        """Return them, getting a token when there is none or it is about to end."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Get a new token for the one a 401 refused; False when there is nothing to get."""


class Fixed:
    """Headers that never change: basic, a static header, or none."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def current(self) -> Mapping[str, str]:
        """Return them."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Say that there is nothing to get."""
        return False


class Credentials(AuthBase):
    """Attaches headers to one chain's requests, as far as they go to this server."""

    def __init__(self, headers: Headers, base: Base | None) -> None:
        self._headers, self._base = headers, base
        self._used: Mapping[str, str] = {}

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Attach the headers if the request goes where they belong."""
        if self._base is not None and self._base.holds(request.url or ""):
            self._used = self._headers.current()
            request.headers.update(self._used)
        return request

    def renew(self) -> bool:
        """Get a new token after a 401; False when there is nothing to get."""
        return self._headers.renew(self._used)


def fixed_headers(auth: Auth, base: Base, *, allow_insecure: bool) -> Fixed:
    """Build the headers of the modes that need no token."""
    if auth.mode == "none":
        if not base.origin.is_loopback and not allow_insecure:
            raise SettingsError(
                f"no login is configured for {base.origin}: set auth.mode, or allow_insecure = true"
            )
        return Fixed({})
    if auth.mode == "mtls":
        if auth.cert_file is None:
            raise SettingsError("auth.mode = mtls needs auth.cert_file")
        return Fixed({})
    if auth.mode == "basic":
        pair = f"{needed(auth.client_id, 'auth.client_id')}:{secret_of(auth)}"
        return Fixed({"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})
    secret = secret_of(auth)
    if not (secret.isascii() and secret.isprintable()) or not _HEADER.fullmatch(auth.header):
        raise SettingsError("auth.mode = header: auth.header or its secret is no HTTP header")
    return Fixed({auth.header: secret})


def secret_of(auth: Auth) -> str:
    """Return the secret from the environment, a file or a command."""
    text = auth.secret.get_secret_value() or _from_file(auth.key_file) or _from_command(auth)
    if _UNSENDABLE.search(text):
        raise SettingsError(f"auth.mode = {auth.mode}: the secret has characters that are no text")
    if not text:
        raise SettingsError(
            f"auth.mode = {auth.mode} needs a secret: set ...__AUTH__SECRET, "
            "...__AUTH__SECRET_FILE, auth.key_file or auth.key_command"
        )
    return text


def needed(value: str, key: str) -> str:
    """Return the value, or say which key is missing."""
    if not value:
        raise SettingsError(f"{key} is not set")
    return value


def _from_file(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"auth.key_file: cannot read {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"auth.key_file: {path} is no text: a PEM or JWK is needed") from None


def _from_command(auth: Auth) -> str:
    if not auth.key_command:
        return ""
    try:
        # An argument list from the settings, no shell.
        done = subprocess.run(  # noqa: S603
            auth.key_command, capture_output=True, check=True, timeout=30, text=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        # Its output may hold the secret, so only the kind of failure is told.
        raise SettingsError(
            f"auth.key_command failed ({type(error).__name__}); run it by hand"
        ) from None
    return done.stdout.strip()
