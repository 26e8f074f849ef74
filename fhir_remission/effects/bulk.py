"""FHIR Bulk Data export over HTTP: kick-off, polling, files, and the deletion of the export.

Manifests come from our server and are asked for with our token. Files may lie elsewhere (signed
addresses of a store): the token goes only to our own origin, and only where the manifest wants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urljoin

import requests
import urllib3
from msgspec import Struct

from fhir_remission.effects.access import FHIR_JSON
from fhir_remission.effects.auth import Headers
from fhir_remission.effects.bulk_manifest import ExportFile, Manifest, read_manifest
from fhir_remission.effects.clock import Clock
from fhir_remission.effects.origin import Base, Refused, origin_of
from fhir_remission.effects.private_file import FULL, new_file, not_written
from fhir_remission.effects.retry import Persistence, asked_to_wait, persist
from fhir_remission.effects.transport import Answer, Exchange, OutcomeUnknown, Request, Tls
from fhir_remission.errors import (
    CapabilityMissing,
    LoginRefused,
    ReadIncomplete,
    RequestRefused,
    Unreachable,
)

ATTEMPTS = 5
CONNECT_SECONDS, READ_SECONDS = 10.0, 120.0
# Without a Retry-After: often at first, a small export takes seconds; then rarely.
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Pending(Struct, frozen=True):
    """The server is still at work."""

    seconds: float
    progress: str = ""


class Gone(Struct, frozen=True):
    """The export is not there any more, or never came to be."""

    reason: str


class _Failure(Struct, frozen=True):
    """Why a file did not come, and whether asking again may help."""

    reason: str
    passing: bool = False
    wait: float = 0.0
    """Seconds the server wants us to stay away."""


class Trust(Struct):
    """What downloads need besides their address."""

    headers: Headers
    tls: Tls
    clock: Clock
    agent: str
    stores: frozenset[str] = frozenset()
    """Hosts besides the server, as `host` or `host:port`, on which files may lie."""


class Exporter:
    """One server's exports."""

    def __init__(self, base: Base, exchange: Exchange, how: Persistence, trust: Trust) -> None:
        self._base, self._exchange, self._how, self._trust = base, exchange, how, trust

    def start(self, path: str, parameters: Sequence[tuple[str, str]]) -> str:
        """Ask for an export; return the address to look at it."""
        query = "&".join(f"{name}={quote(value, safe=',:')}" for name, value in parameters)
        answer = self._send(
            Request(
                "GET",
                f"{self._base.url}/{path}?{query}",
                "kick-off of the export",
                headers={"Accept": FHIR_JSON, "Prefer": "respond-async"},
            )
        )
        if answer.status in (404, 405, 501):
            raise CapabilityMissing(
                f"{self._base.origin}: has no {path}; see the operations it names in /metadata"
            )
        where = answer.headers.get("content-location", "")
        if answer.status != 202 or not where:
            raise _refused(self._base, "kick-off of the export", answer)
        target = self._placed(where, against=answer.url)
        if isinstance(target, Refused):
            raise RequestRefused(f"status of the export: {target.reason}")
        return target

    def _placed(self, link: str, *, against: str) -> str | Refused:
        """Where a link leads on our server; Epic exports beside its base path.

        `.../api/FHIR/R4` is its base, `.../api/FHIR/BulkRequest/1` the status of an export.
        """
        target = self._base.resolve(link, against=against)
        try:
            beside = urljoin(against, link)
            return beside if origin_of(beside) == self._base.origin else target
        except ValueError:
            return target

    def look(self, status_url: str, turn: int) -> Pending | Manifest | Gone:
        """How far the export is."""
        accept = {"Accept": "application/json"}
        answer = self._send(Request("GET", status_url, "status of the export", headers=accept))
        if answer.status == 202:
            asked = asked_to_wait(answer.headers, self._how.clock.now())
            wait = asked or min(LONGEST_WAIT, FIRST_WAIT * 2**turn)
            return Pending(wait, answer.headers.get("x-progress", "")[:80])
        if answer.status in (404, 410):
            return Gone("the export has expired or was deleted")
        if answer.status != 200:
            return Gone(f"the export failed with status {answer.status}")
        return self._whole(answer)

    def cancel(self, status_url: str) -> bool:
        """Delete the export on the server; whether it did."""
        request = Request("DELETE", status_url, "deletion of the export", repeat="repeatable")
        try:
            answer = persist(request, self._exchange, self._how)
        except Unreachable:
            return False  # the answers are out; what is left is the server's to clear away
        return isinstance(answer, Answer) and answer.status in (200, 202, 204, 404, 410)

    def fetch(self, file: ExportFile, target: Path, *, with_token: bool) -> str:
        """Bring one file to disk whole; why not, or nothing."""
        failed, asked = None, 0.0
        for attempt in range(ATTEMPTS):
            if attempt:
                self._how.clock.sleep(max(asked, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)))
                self._how.stop.check()
            failed = self._download(file.url, target, with_token=with_token)
            if failed is None or not failed.passing:
                return failed.reason if failed else ""
            asked = failed.wait
            if asked > min(self._how.policy.max_wait_seconds, self._how.stop.remaining()):
                raise Unreachable(f"a file is not given for {asked:.0f} s; run again to go on")
        return f"{failed.reason}, {ATTEMPTS} times" if failed else ""

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def _whole(self, answer: Answer) -> Manifest:
        """A manifest with all its pages."""
        manifest = read_manifest(answer.body)
        following, seen = manifest.following, {answer.url}
        while following:
            target = self._placed(following, against=answer.url)
            if isinstance(target, Refused) or target in seen:
                raise ReadIncomplete("the manifest of the export goes on where we do not follow")
            seen.add(target)
            answer = self._send(Request("GET", target, "page of the manifest"))
            if answer.status != 200:
                raise ReadIncomplete(f"a page of the manifest has status {answer.status}")
            page = read_manifest(answer.body)
            manifest = Manifest(
                transaction_time=manifest.transaction_time,
                requires_access_token=manifest.requires_access_token,
                output=(*manifest.output, *page.output),
                error=(*manifest.error, *page.error),
                deleted=(*manifest.deleted, *page.deleted),
            )
            following = page.following
        return manifest

    def _send(self, request: Request) -> Answer:
        answer = persist(request, self._exchange, self._how)
        if isinstance(answer, OutcomeUnknown):
            raise Unreachable(answer.reason)
        if answer.status in (401, 403):
            raise LoginRefused(
                f"{self._base.origin}: {request.label}: status {answer.status}; servers that ask"
                " for more than the types want source.auth.scopes, such as system/*.rs"
            )
        return answer

    def _download(self, url: str, target: Path, *, with_token: bool) -> _Failure | None:
        """One attempt."""
        place = self._placed(url, against=self._base.url)
        if isinstance(place, Refused):
            if with_token:
                return _Failure("it wants our token and lies on another server")
            place = url
            if reason := self._strange(url):
                return _Failure(reason)
        headers = self._headers(with_token=with_token)
        try:
            with self._open(place, headers) as response:
                if response.status_code == 401 and with_token:
                    return _Failure("status 401", self._trust.headers.renew(headers))
                if response.status_code != 200:
                    return self._refusal(response)
                _store(response.raw.stream(1 << 20, decode_content=True), target)
        except _FAILURES as error:
            return _Failure(f"broken off ({type(error).__name__})", passing=True)
        return None

    def _strange(self, url: str) -> str:
        """Why a file is not fetched from there: a manifest could send us anywhere, inside too."""
        try:
            origin = origin_of(url)
        except ValueError as error:
            return f"its address {error}"
        if not {origin.host, f"{origin.host}:{origin.port}"} & self._trust.stores:
            return (
                f"it lies on {origin}: if that is the server's store, add {origin.host} to"
                " source.export_hosts"
            )
        # Nobody on the way reads along, or the settings allow it for the server itself.
        insecure = self._base.origin.scheme == "http"
        private = origin.scheme == "https" or origin.is_loopback or insecure
        return "" if private else "its address is not https"

    def _refusal(self, response: requests.Response) -> _Failure:
        given = {name.lower(): text for name, text in response.headers.items()}
        status = response.status_code
        wait = asked_to_wait(given, self._how.clock.now())
        return _Failure(f"status {status}", status in _PASSING, wait)

    def _headers(self, *, with_token: bool) -> Mapping[str, str]:
        return self._trust.headers.current() if with_token else {}

    def _open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        tls = self._trust.tls
        session = requests.Session()
        session.trust_env = False
        return session.get(
            url,
            headers={
                "User-Agent": self._trust.agent,
                "Accept": "application/fhir+ndjson",
                **headers,
            },
            stream=True,
            allow_redirects=False,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=str(tls.ca_bundle) if tls.ca_bundle else True,
            proxies={"http": tls.proxy, "https": tls.proxy} if tls.proxy else {},
        )


def _store(pieces: Iterator[bytes], target: Path) -> None:
    try:
        with new_file(target) as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        if error.errno not in FULL:  # then it is the connection that failed
            raise
        raise not_written(target.parent, error, kept="fetched files are kept") from None


def _refused(base: Base, label: str, answer: Answer) -> RequestRefused:
    reason = f"{base.origin}: {label}: status {answer.status}"
    return RequestRefused(reason, status=answer.status)
