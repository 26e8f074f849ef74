"""FHIR Bulk Data export over HTTP: kick-off, polling, files, and the deletion of the export.

Manifests come from our server and are asked for with our token. Files may lie elsewhere (signed
addresses of a store): the token goes only to our own origin, and only where the manifest wants it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct, structs

from fhir_remission.domain.answer.layout import printable
from fhir_remission.effects.http.auth import Headers
from fhir_remission.effects.http.origin import Base, Refused, origin_of
from fhir_remission.effects.http.retry import Persistence, asked_to_wait, persist
from fhir_remission.effects.http.transport import (
    Answer,
    Exchange,
    Limits,
    OutcomeUnknown,
    Request,
    Tls,
)
from fhir_remission.effects.process.clock import Clock
from fhir_remission.effects.server.access import FHIR_JSON
from fhir_remission.effects.server.bulk_manifest import ExportFile, Manifest, joined, read_manifest
from fhir_remission.effects.server.download import Delivered, Downloads
from fhir_remission.errors import (
    CapabilityMissing,
    LoginRefused,
    ReadIncomplete,
    RemissionError,
    RequestRefused,
    Unreachable,
)
from fhir_remission.fhir.r4.outcome import read_answer

ATTEMPTS = 5
MOST_PAGES = 1_000
LONGEST_WORDS = 300
# Without a Retry-After: often at first, a small export takes seconds; then rarely.
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Pending(Struct, frozen=True):
    """The server is still at work."""

    seconds: float
    progress: str = ""


class Gone(Struct, frozen=True):
    """The export is not there any more, or never came to be."""

    reason: str


class Trust(Struct):
    """What downloads need besides their address."""

    headers: Headers
    tls: Tls
    clock: Clock
    agent: str
    limits: Limits
    stores: frozenset[str] = frozenset()
    """Hosts besides the server, as `host` or `host:port`, on which files may lie."""


class Exporter:
    """One server's exports."""

    def __init__(self, base: Base, exchange: Exchange, how: Persistence, trust: Trust) -> None:
        self._base, self._exchange, self._how, self._trust = base, exchange, how, trust
        self._downloads = Downloads(trust.clock, how.stop, trust.limits, trust.tls)

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
            raise _refused(self._base, answer, parameters)
        target = self._base.resolve(where, against=answer.url)
        if isinstance(target, Refused):
            raise RequestRefused(
                f"status of the export: {target.reason}; if it is the server's own, name its path"
                " in source.export_paths"
            )
        return target

    def owns(self, url: str) -> bool:
        """Whether an address, remembered on disk say, is one of this server's."""
        return self._base.holds(url)

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
        failed, asked = Delivered(), 0.0
        for attempt in range(ATTEMPTS):
            if attempt:
                self._how.clock.sleep(max(asked, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)))
                self._how.stop.check()
            failed = self._download(file.url, target, with_token=with_token)
            if not failed.passing:
                return failed.reason
            asked = asked_to_wait(failed.headers, self._how.clock.now())
            if asked > min(self._how.policy.max_wait_seconds, self._how.stop.remaining()):
                raise Unreachable(f"a file is not given for {asked:.0f} s; run again to go on")
        return f"{failed.reason}, {ATTEMPTS} times"

    def close(self) -> None:
        """Close the connections."""
        self._downloads.close()
        self._exchange.close()

    def _whole(self, answer: Answer) -> Manifest:
        """A manifest with all its pages."""
        manifest = read_manifest(answer.body)
        following, seen = manifest.following, {answer.url}
        while following:
            target = self._base.resolve(following, against=answer.url)
            if isinstance(target, Refused) or target in seen:
                raise ReadIncomplete("the manifest of the export goes on where we do not follow")
            if len(seen) >= MOST_PAGES:
                raise ReadIncomplete(f"the manifest of the export has over {MOST_PAGES} pages")
            seen.add(target)
            answer = self._send(Request("GET", target, "page of the manifest"))
            if answer.status != 200:
                raise ReadIncomplete(f"a page of the manifest has status {answer.status}")
            page = read_manifest(answer.body)
            manifest = joined(manifest, page)
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

    def _download(self, url: str, target: Path, *, with_token: bool) -> Delivered:
        """One attempt."""
        place = self._base.resolve(url, against=self._base.url)
        if isinstance(place, Refused):
            if with_token:
                return Delivered(
                    f"it wants our token and lies on another server or path: {place.reason}"
                )
            place = url
            if reason := self._strange(url):
                return Delivered(reason)
        headers = self._headers(with_token=with_token)
        about = {"User-Agent": self._trust.agent, "Accept": "application/fhir+ndjson"}
        found = self._downloads.fetch(place, {**about, **headers}, target)
        self._how.stop.check()
        if found.status == 401 and with_token:
            return structs.replace(found, passing=self._trust.headers.renew(headers))
        if found.status not in (0, 200):
            return structs.replace(found, passing=found.status in _PASSING)
        return found

    def _strange(self, url: str) -> str:
        """Why a file is not fetched from there: a manifest could send us anywhere, inside too."""
        try:
            origin = origin_of(url)
        except ValueError as error:
            return f"its address {error}"
        if origin == self._base.origin:
            return ""
        if not {origin.host, f"{origin.host}:{origin.port}"} & self._trust.stores:
            return (
                f"it lies on {origin}: if that is the server's store, add {origin.host} to"
                " source.export_hosts"
            )
        # Nobody on the way reads along, or the settings allow it for the server itself.
        insecure = self._base.origin.scheme == "http"
        private = origin.scheme == "https" or origin.is_loopback or insecure
        return "" if private else "its address is not https"

    def _headers(self, *, with_token: bool) -> Mapping[str, str]:
        return self._trust.headers.current() if with_token else {}


def _refused(base: Base, answer: Answer, asked: Sequence[tuple[str, str]]) -> RemissionError:
    """What became of a kick-off, in the server's words: it knows no patient by then."""
    issues = read_answer(answer.body)
    said = printable("; ".join(one.text for one in issues if one.text))[:LONGEST_WORDS]
    codes = " ".join(dict.fromkeys(one.loggable for one in issues))
    words = f" ({printable(codes)[:LONGEST_WORDS]})" if codes else ""
    reason = f"{base.origin}: kick-off of the export: status {answer.status}{words}"
    if answer.status in _PASSING:
        return Unreachable(f"{reason}: {said or 'the server is busy'}; run again later")
    types = dict(asked).get("_type", "")
    return RequestRefused(
        f"{reason}: {said or 'no reason given'}; asked for {types}", status=answer.status
    )
