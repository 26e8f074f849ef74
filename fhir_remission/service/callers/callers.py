"""Who calls, and what that caller may ask: by mutual TLS, a key, a signed token or a proxy.

Without any of these the service answers this machine only, and no page of a browser on it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from fhir_remission.effects.process.clock import Clock
from fhir_remission.errors import SettingsError
from fhir_remission.service.callers.tokens import Tokens, unauthorized
from fhir_remission.service.request.refusals import Refused
from fhir_remission.settings import Settings
from fhir_remission.settings.service import Service

# Scopes of SMART that let a system read everything, in both versions of the standard.
_SYSTEM = re.compile(r"system/\*\.(?:r[s]?|read|\*|c?ru?d?s?)")
_PATIENT = re.compile(r"patient/\*\.(?:r[s]?|read|\*|c?ru?d?s?)")
_PLAIN = re.compile(r"[^A-Za-z0-9._@:/-]+")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class Caller(Struct, frozen=True):
    """Who calls; `patient` where only that one may be asked about (a bare id)."""

    name: str
    patient: str = ""

    def check(self, patients: Iterable[str]) -> None:
        """Refuse where this caller may not see one of these (`Patient/p1`)."""
        if self.patient and any(one != f"Patient/{self.patient}" for one in patients):
            raise _forbidden()


def _forbidden() -> Refused:
    return Refused(403, "forbidden", "this login does not reach so far")


class Callers:
    """Tells callers apart by the settings of a site."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._keys = read_keys(service.keys_file) if service.keys_file else {}
        self._tokens = Tokens(service.jwt, clock) if service.jwt.issuer else None
        if service.jwt.issuer and not service.jwt.audience:
            raise SettingsError("service.jwt.audience is not set: tokens for others would do")
        self._proxies = [ipaddress.ip_network(one, strict=False) for one in service.proxies]

    @property
    def open(self) -> bool:
        """Whether nobody has to log in."""
        held = (self._keys, self._tokens, self._service.client_ca_file, self._proxies)
        return not any(held)

    def of(self, environ: Mapping[str, Any]) -> Caller:
        """The caller of a request, or a refusal with 401 or 403."""
        address = str(environ.get("REMOTE_ADDR", ""))
        if self.open:
            _check_local(environ, address)
            return Caller("local")
        if self._from_proxy(address) and (name := self._named_by_proxy(environ)):
            return Caller(_plain(name))
        if self._service.client_ca_file:
            return Caller(_plain(_subject(environ.get("gunicorn.socket"))))
        scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized()
        return self._by_token(token.strip())

    def _by_token(self, token: str) -> Caller:
        found = ""
        for key, name in self._keys.items():  # all of them: the time tells nothing
            found = name if hmac.compare_digest(key.encode(), token.encode()) else found
        if found:
            return Caller(found)
        if self._tokens is None:
            raise unauthorized()
        claims = self._tokens.claims(token, self._service.jwt.audience)
        name = _plain(str(claims.get("client_id") or claims.get("sub") or claims["iss"]))
        scopes = str(claims.get("scope", "")).split()
        if any(_SYSTEM.fullmatch(one) or one in self._service.jwt.scopes for one in scopes):
            return Caller(name)
        patient = claims.get("patient")
        if isinstance(patient, str) and patient and any(map(_PATIENT.fullmatch, scopes)):
            return Caller(name, patient.removeprefix("Patient/"))
        raise _forbidden()

    def _from_proxy(self, address: str) -> bool:
        try:
            here = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(here in network for network in self._proxies)

    def _named_by_proxy(self, environ: Mapping[str, Any]) -> str:
        header = self._service.proxy_header.upper().replace("-", "_")
        return str(environ.get(f"HTTP_{header}", "")) if header else ""


def is_local(address: str) -> bool:
    """Whether an address is of this machine; a socket in the file system is."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address in ("", "localhost")


def check_bind(settings: Settings, *, open_to_all: bool) -> tuple[str, int]:
    """Where it listens; SettingsError where strangers could ask without a login."""
    service = settings.service
    host, _, port = service.bind.rpartition(":")
    if not port.isdigit() or not host:
        raise SettingsError("service.bind: write it as 127.0.0.1:8080")
    if open_to_all and not is_local(host):
        raise SettingsError(
            f"service.bind = {service.bind} is open to others and nobody has to log in: set "
            "service.jwt, service.keys_file, service.client_ca_file or service.proxies"
        )
    if service.client_ca_file and not service.cert_file:
        raise SettingsError("service.client_ca_file needs service.cert_file: no TLS, no clients")
    return host, int(port)


def _check_local(environ: Mapping[str, Any], address: str) -> None:
    """Nobody logs in here, so a page of a browser must not reach us, by whatever name."""
    host = urlsplit(f"//{environ.get('HTTP_HOST', 'localhost')}").hostname or ""
    origin = environ.get("HTTP_ORIGIN", "")
    if not is_local(address) or host not in _LOCAL_NAMES or origin:
        raise Refused(403, "forbidden", "without a login this service answers its own machine only")


def _subject(socket: Any) -> str:
    held = socket.getpeercert() if hasattr(socket, "getpeercert") else None
    names = {key: value for part in (held or {}).get("subject", ()) for key, value in part}
    if not names:
        raise unauthorized()
    return str(names.get("commonName") or names)


def _plain(text: str) -> str:
    return _PLAIN.sub("_", text)[:64]


def read_keys(path: Path) -> dict[str, str]:
    """The keys of a file with a name and a key a line; SettingsError where others can read it."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"service.keys_file: cannot read {path}") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsError(f"service.keys_file: everybody can read {path}: chmod o= {path}")
    keys: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < 32:
            raise SettingsError(f"{path}:{number}: give a name and a key of 32 characters or more")
        keys[words[1]] = _plain(words[0])
    return keys
