"""Where a URL leads, decided by parsing: which ones may carry our token, which we follow.

String comparison is not enough: `https://fhir.example@evil/`, `https://fhir.example.evil/`,
`/r4/../admin`, `https://fhir.example:443:443/` all begin like the server's own address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from msgspec import Struct

from fhir_remission.errors import SettingsError

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Servers and proxies decode a path once, twice or not at all, so one path may mean several places.
_MOST_DECODINGS = 4
_BETWEEN = re.compile(r"[/\\]")


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
    # A full-width or otherwise equivalent letter makes another host of it in the next library.
    if not url.isascii():
        raise ValueError("has a character that no address has")
    if "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("has a backslash, space or control character")


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def path_of(url: str) -> str:
    """Return the path after the removal of dot segments."""
    kept: list[str] = []
    for segment in (urlsplit(url).path or "/").split("/")[1:]:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def lies_below(path: str, base: str) -> bool:
    """Say whether a path lies below a base path in every way that a server may read it.

    Dot segments, doubled and backward slashes, `;` parameters (Tomcat drops them) and encodings
    are resolved; a path that leaves the base on its way is not below it, wherever it ends.
    """
    floor = [name for name in base.split("/") if name]
    try:
        return all(_stays(one, floor) for one in _readings(path))
    except ValueError:
        return False


def _readings(path: str) -> Iterator[str]:
    """The path as it stands, decoded, decoded again; ValueError where there is no end of it."""
    for _ in range(_MOST_DECODINGS):
        if any(letter < " " or letter == "\x7f" for letter in path):
            raise ValueError("hides a control character")
        yield path
        decoded = unquote(path, errors="strict")
        if decoded == path:
            return
        path = decoded
    raise ValueError("is encoded again and again")


def _stays(path: str, floor: list[str]) -> bool:
    kept: list[str] = []
    for segment in _BETWEEN.split(path):
        name = segment.partition(";")[0]
        if name == "..":
            if len(kept) <= len(floor):
                return False
            kept.pop()
        elif name not in ("", "."):
            kept.append(name)
    return kept[: len(floor)] == floor


class Refused(Struct, frozen=True):
    """A link that is not followed, so that no token leaves; `reason` names origins only."""

    reason: str


class Base(Struct, frozen=True):
    """A FHIR server's base address, and the other origins it is known to call itself by."""

    url: str
    origin: Origin
    path: str
    aliases: tuple[tuple[Origin, str], ...] = ()
    beside: tuple[str, ...] = ()
    """Other paths of the same server that the settings name as its own."""

    def resolve(self, link: str, *, against: str) -> str | Refused:
        """Return the address a link leads to on our server, or why it is not followed."""
        try:
            # `urljoin` and `urlsplit` drop control characters instead of refusing them.
            _refuse_strange(link)
            target = urljoin(against, link)
            origin = origin_of(target)
            path = urlsplit(target).path or "/"
        except ValueError as error:
            return Refused(f"a link from {self.origin} {error}")
        if origin == self.origin:
            return (
                target if self._holds(path) else Refused(f"a link leaves the base path of {origin}")
            )
        plain = path_of(target)
        for alias, prefix in self.aliases:
            if origin == alias and lies_below(path, prefix) and plain.startswith(prefix):
                return self._moved(target, plain[len(prefix) :])
        return Refused(
            f"a link from {self.origin} leads to {origin}; if that is the same server, add it to "
            "rewrite_origin"
        )

    def holds(self, url: str) -> bool:
        """Say whether an address is on this server below its base path: there our token may go."""
        try:
            return origin_of(url) == self.origin and self._holds(urlsplit(url).path or "/")
        except ValueError:
            return False

    def _holds(self, path: str) -> bool:
        return any(lies_below(path, one) for one in (self.path, *self.beside))

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
