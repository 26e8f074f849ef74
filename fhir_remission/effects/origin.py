"""Where a URL leads, decided by parsing: which ones may carry our token, which we follow.

String comparison is not enough: `https://fhir.example@evil/`, `https://fhir.example.evil/`,
`/r4/../admin`, `https://fhir.example:443:443/` all begin like the server's own address.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Struct

from fhir_remission.errors import SettingsError

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Percent-encoded dots and slashes are decoded by some servers and proxies and not by others, so
# one and the same path could mean two places.
_ENCODED = ("%2e", "%2f", "%5c")


class Origin(Struct, frozen=True):
    """Scheme, host and port, normalised."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Write it without a default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_loopback(self) -> bool:
        """Say whether it never leaves this machine."""
        return self.host in _LOOPBACK


def origin_of(url: str) -> Origin:
    """Parse the origin of a URL; ValueError for what should not be followed at all."""
    _refuse_strange(url)
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("is not an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("carries user information")
    if parts.netloc.endswith(":"):
        raise ValueError("has an empty port")
    return Origin(parts.scheme, _host(parts), parts.port or _PORTS[parts.scheme])


def _refuse_strange(url: str) -> None:
    if "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("has a backslash, space or control character")


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".").lower()
    return host if host.isascii() else host.encode("idna").decode("ascii")


def path_of(url: str) -> str:
    """Return the path after dot-segment removal; ValueError when it could mean two places."""
    path = urlsplit(url).path or "/"
    if any(mark in path.lower() for mark in _ENCODED):
        raise ValueError("has an encoded dot or slash in its path")
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


class Refused(Struct, frozen=True):
    """A link that is not followed, so that no token leaves; `reason` names origins only."""

    reason: str


class Base(Struct, frozen=True):
    """A FHIR server's base address, and the other origins it is known to call itself by."""

    url: str
    origin: Origin
    path: str
    aliases: tuple[tuple[Origin, str], ...] = ()

    def resolve(self, link: str, *, against: str) -> str | Refused:
        """Return the address a link leads to on our server, or why it is not followed."""
        try:
            # `urljoin` and `urlsplit` drop control characters instead of refusing them.
            _refuse_strange(link)
            target = urljoin(against, link)
            origin = origin_of(target)
            path = path_of(target)
        except ValueError as error:
            return Refused(f"a link from {self.origin} {error}")
        if origin == self.origin:
            return (
                target if self._holds(path) else Refused(f"a link leaves the base path of {origin}")
            )
        for alias, prefix in self.aliases:
            if origin == alias and (path + "/").startswith(prefix + "/"):
                return self._moved(target, path[len(prefix) :])
        return Refused(
            f"a link from {self.origin} leads to {origin}; if that is the same server, add it to "
            "rewrite_origin"
        )

    def _holds(self, path: str) -> bool:
        return (path.rstrip("/") + "/").startswith(self.path + "/")

    def _moved(self, target: str, rest: str) -> str:
        # The query stays byte for byte as the server wrote it (`==`, `%2B`, `|`).
        _, mark, query = target.partition("?")
        path = self.url.rstrip("/") + (rest if rest.startswith("/") or not rest else f"/{rest}")
        return path + mark + query


def read_base(
    url: str, *, rewrite_origin: Iterable[str] = (), allow_insecure: bool = False
) -> Base:
    """Read the base address of the settings; plain http only on this machine."""
    try:
        origin, path = origin_of(url), path_of(url).rstrip("/")
    except ValueError as error:
        raise SettingsError(f"base_url {error}: write it as https://host/path") from None
    if urlsplit(url).query or urlsplit(url).fragment:
        raise SettingsError("base_url has a query or fragment: write it as https://host/path")
    if origin.scheme == "http" and not origin.is_loopback and not allow_insecure:
        raise SettingsError(f"base_url {origin} is not https; allow_insecure = true permits it")
    aliases = tuple(_alias(alias, path) for alias in rewrite_origin)
    return Base(url.rstrip("/"), origin, path, aliases)


def _alias(url: str, path: str) -> tuple[Origin, str]:
    try:
        own = path_of(url).rstrip("/")
        return origin_of(url), own or path
    except ValueError as error:
        raise SettingsError(f"rewrite_origin {error}: write it as http://internal:8080") from None
