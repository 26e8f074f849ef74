"""Reading one FHIR server: complete or not at all, and nothing but what was asked for."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from fhir_remission.effects.access import ReadTransport
from fhir_remission.effects.origin import Refused
from fhir_remission.effects.refusal import is_done, refusal, vendor_codes
from fhir_remission.effects.transport import Answer
from fhir_remission.errors import InputError, ReadIncomplete, RequestRefused, SafetyStop
from fhir_remission.fhir.bundle import Damaged, Page, read_page
from fhir_remission.fhir.capability import Profile
from fhir_remission.fhir.datatypes import Json, Resource, objects, text_of
from fhir_remission.fhir.queries import Query, encoded
from fhir_remission.fhir.screening import screen
from fhir_remission.fhir.wire import UNREADABLE, Entry

# HAPI answers an identical search from a cache for 60 s unless told not to
# (server_jpa/configuration.md, "Search Result Caching").
FIRST_PAGE = {"Cache-Control": "no-cache"}
EXPIRED = frozenset({404, 410, 414})
NO_POST_SEARCH = frozenset({404, 405, 415, 501})
MAX_RESTARTS = 2
MAX_PAGES = 10_000


class Found(Struct, frozen=True):
    """All matches of one search, and every reason why some may be missing."""

    entries: tuple[Entry, ...] = ()
    incomplete: tuple[str, ...] = ()
    damage: tuple[Damaged, ...] = ()
    pages: int = 0
    beside: int = 0
    """Rows dropped here because they were not asked for."""
    newest: str = ""
    """The latest `meta.lastUpdated` seen."""

    @property
    def complete(self) -> bool:
        """Say whether silence about something means that the server has nothing of it."""
        return not self.incomplete and not self.damage


class _Reading(Struct):
    """What one search has brought so far, over restarts."""

    entries: dict[str, Entry]
    incomplete: list[str]
    damage: dict[str, Damaged]
    pages: int = 0
    beside: int = 0
    total: int = 0
    restarts: int = 0

    def found(self) -> Found:
        """Close the account."""
        received = len(self.entries) + self.beside + len(self.damage)
        if self.total > received:
            self.incomplete.append(f"{self.total} announced, {received} received")
        stamps = (entry.resource.meta for entry in self.entries.values())
        newest = max((meta.last_updated or "" for meta in stamps if meta), default="")
        return Found(
            tuple(self.entries.values()),
            tuple(dict.fromkeys(self.incomplete)),
            tuple(self.damage.values()),
            self.pages,
            self.beside,
            newest,
        )


class FhirClient:
    """Reads from one server over one chain of requests."""

    def __init__(
        self, transport: ReadTransport, profile: Profile, *, max_pages: int = MAX_PAGES
    ) -> None:
        self.transport, self.profile = transport, profile
        self._max_pages = max_pages
        self._get_only: set[str] = set()

    @property
    def host(self) -> str:
        """The server's origin, as messages name it."""
        return str(self.transport.base.origin)

    def read(self, resource_type: str, logical_id: str) -> Json:
        """Read one resource; RequestRefused carries 404 (unknown) or 410 (deleted)."""
        url = f"{self.transport.base.url}/{resource_type}/{logical_id}"
        return self._json(url, f"read {resource_type}")

    def search(self, query: Query, *, linked: frozenset[str] = frozenset()) -> Found:
        """Run one search to its last page; what could not be read is named, not left out."""
        reading = _Reading({}, [], {})
        try:
            while not self._all_pages(query, linked, reading):
                reading.restarts += 1
                reading.beside = 0
                if reading.restarts > MAX_RESTARTS:
                    reading.incomplete.append("pages expired or broke off again and again")
                    break
        except (ReadIncomplete, RequestRefused) as error:
            reading.incomplete.append(str(error))
        return reading.found()

    def search_whole(self, query: Query) -> list[Resource]:
        """Run one search for resources of ours, with all their fields; all of them or an error."""
        label = f"search {query.resource_type}"
        found: list[Resource] = []
        seen: set[str] = set()
        answer = self._first(query, label)
        while True:
            if not is_done(answer):
                raise refusal(self.host, label, answer)
            bundle = decoded(answer, self.host, label)
            page = read_page(answer.body, name=label)
            found += _resources(bundle, query)
            if not page.next_url:
                return found
            reading = _Reading({}, [], {})
            url = self._next_url(page.next_url, answer.url, seen, reading)
            if url is None:
                raise ReadIncomplete(f"{self.host}: {label}: {reading.incomplete[0]}")
            answer = self.transport.get(url, label, self.profile.read_headers)

    def _all_pages(self, query: Query, linked: frozenset[str], reading: _Reading) -> bool:
        """Follow the pages in a loop; False asks for a restart from the first one."""
        label = f"search {query.resource_type}"
        seen: set[str] = set()
        answer = self._first(query, label)
        while True:
            if answer.status != 200:
                return self._give_up(answer, label, reading, later=bool(seen))
            page = self._page(answer, f"{label} page {len(seen) + 1}")
            if page is None:
                return False
            reading.pages += 1
            self._take(page, query, linked, reading)
            if not page.next_url:
                return True
            url = self._next_url(page.next_url, answer.url, seen, reading)
            if url is None:
                return True
            answer = self.transport.get(url, label, self.profile.read_headers)

    def _first(self, query: Query, label: str) -> Answer:
        headers = {**FIRST_PAGE, **self.profile.read_headers}
        url = f"{self.transport.base.url}/{query.resource_type}"
        form = encoded(query.parameters)
        if self.profile.search_method == "post" and query.resource_type not in self._get_only:
            answer = self.transport.post_search(f"{url}/_search", form, label, headers)
            if answer.status not in NO_POST_SEARCH:
                return answer
            # Epic: POST _search is reliable for some types only (CDCgov/dibbs-query-connector#966).
            self._get_only.add(query.resource_type)
        return self.transport.get(f"{url}?{form}", label, headers)

    def _give_up(self, answer: Answer, label: str, reading: _Reading, *, later: bool) -> bool:
        error = refusal(self.host, label, answer)
        if not isinstance(error, RequestRefused):
            raise error
        expired = vendor_codes(answer) & set(self.profile.expired_codes)
        if (later and answer.status in EXPIRED) or expired:
            return False
        reading.incomplete.append(str(error))
        return True

    def _page(self, answer: Answer, label: str) -> Page | None:
        try:
            return read_page(answer.body, name=label)
        except InputError:
            # Cut off or not FHIR: perhaps only this once.
            return None

    def _take(self, page: Page, query: Query, linked: frozenset[str], reading: _Reading) -> None:
        rows = screen(page.entries, query, linked)
        if rows.foreign:
            raise SafetyStop(
                f"{self.host}: search {query.resource_type}: {rows.foreign} rows of patients that "
                "nobody asked for: does the server ignore the patient? Nothing of it is used"
            )
        if rows.unattributed:
            reading.incomplete.append(f"{rows.unattributed} rows that name no patient")
        reading.beside += rows.beside
        reading.total = max(reading.total, page.total or 0) if self.profile.total_is_exact else 0
        reading.entries.update((entry.ref, entry) for entry in rows.kept)
        reading.damage.update((damage.place, damage) for damage in page.damage)
        known = set(self.profile.incomplete_codes)
        reading.incomplete += [
            f"the server reports {issue.code or 'an issue'} among the matches"
            for issue in page.outcomes
            if issue.hides or known.intersection(issue.details)
        ]
        if page.type == "OperationOutcome":
            reading.incomplete.append("the server sent an OperationOutcome instead of a page")

    def _next_url(self, link: str, against: str, seen: set[str], reading: _Reading) -> str | None:
        url = self.transport.base.resolve(link, against=against)
        if isinstance(url, Refused):
            reading.incomplete.append(f"{url.reason}: not followed, no token sent")
        elif url in seen:
            reading.incomplete.append("the links to the next page run in a circle")
        elif len(seen) >= self._max_pages:
            reading.incomplete.append(f"more than {self._max_pages} pages")
        else:
            seen.add(url)
            return url
        return None

    def _json(self, url: str, label: str) -> Json:
        answer = self.transport.get(url, label, self.profile.read_headers)
        if not is_done(answer):
            raise refusal(self.host, label, answer)
        return decoded(answer, self.host, label)


_JSON = msgspec.json.Decoder(float_hook=Decimal)


def decode_json(body: bytes) -> Json:
    """Decode JSON with exact decimals; errors are `bundle.UNREADABLE`."""
    read: Json = _JSON.decode(body)
    return read


def decoded(answer: Answer, host: str, label: str) -> Json:
    """Decode the answer's body, or say that the read is incomplete."""
    try:
        return decode_json(answer.body)
    except UNREADABLE:
        raise ReadIncomplete(f"{host}: {label}: the answer is not JSON") from None


def _resources(bundle: Json, query: Query) -> list[Resource]:
    """The matches of a page, whole; of the patients who were asked for, where any were."""
    entries = objects(bundle.get("entry")) if isinstance(bundle, dict) else ()
    found = [item for entry in entries if isinstance(item := entry.get("resource"), dict)]
    return [
        item
        for item in found
        if item.get("resourceType") == query.resource_type and _is_about(item, query.patients)
    ]


def _is_about(item: Resource, patients: frozenset[str]) -> bool:
    subject = item.get("subject")
    named = text_of(subject.get("reference")) if isinstance(subject, dict) else ""
    return not patients or named.rpartition("/")[2] in patients
