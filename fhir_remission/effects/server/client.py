"""Reading one FHIR server: complete or not at all, and nothing but what was asked for."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.effects.files.mapping_files import load_issue_codes
from fhir_remission.effects.http.refusal import is_done, refusal
from fhir_remission.effects.http.transport import Answer
from fhir_remission.effects.server.access import ReadTransport
from fhir_remission.effects.server.history import Changes, read_change
from fhir_remission.effects.server.paging import MAX_PAGES, Gaps, Pages
from fhir_remission.errors import InputError, ReadIncomplete, RequestRefused, SafetyStop
from fhir_remission.fhir.incoming.bundle import Page, read_page
from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.pages import lacking
from fhir_remission.fhir.incoming.screening import Screened, screen
from fhir_remission.fhir.r4.datatypes import Json, Resource, objects, text_of
from fhir_remission.fhir.r4.encodings import named
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry
from fhir_remission.fhir.server.queries import Parameters, Query, encoded
from fhir_remission.fhir.server.server_profile import Profile


class Found(Struct, frozen=True):
    """All matches of one search, and every reason why some may be missing."""

    entries: tuple[Entry, ...] = ()
    incomplete: tuple[str, ...] = ()
    damage: tuple[Damaged, ...] = ()
    pages: int = 0
    refused: bool = False
    """The server does not allow or not know such a search; nothing was begun."""
    others: frozenset[str] = frozenset()
    """Rows dropped here because they were not asked for."""
    newest: str = ""
    """The latest `meta.lastUpdated` seen."""
    estimate: str = ""
    """A total larger than what came, of a server whose totals are estimates."""
    account: Account = field(default_factory=Account)
    """How many rows came, and where those ended that are not among the entries."""
    gone: frozenset[str] = frozenset()
    """What the server says it has no more."""
    doubted: dict[str, str] = {}  # what another row takes back, by name, and why

    @property
    def beside(self) -> int:
        """How many rows were dropped."""
        return len(self.others)

    @property
    def complete(self) -> bool:
        """Say whether silence about something means that the server has nothing of it."""
        return not self.incomplete and not self.damage


class _Reading(Struct):
    """What one search has brought so far, over restarts; the same row twice is one row.

    The same name with another content is a row of its own: another version, or a server that
    contradicts itself. Which of them counts is decided where versions are ranked.
    """

    entries: dict[str, Entry] = {}
    others: list[Entry] = []
    """Further contents under a name that is among them."""
    contents: dict[str, set[bytes]] = {}
    """All contents of names that came more than once."""
    beside: set[str] = set()
    included: set[str] = set()
    """What a total does not count."""
    damage: dict[str, Damaged] = {}
    doubted: dict[str, str] = {}
    pages: int = 0
    total: int = 0
    account: Account = field(default_factory=Account)
    harmless: frozenset[str] = frozenset()
    """Codes by which this server says nothing of the rows."""

    def add(self, page: Page, rows: Screened) -> None:
        """Take one page in."""
        self.pages += 1
        self.total = max(self.total, page.total or 0)
        repeated = sum(self._is_repeated(entry) for entry in rows.kept)
        if len(rows.kept) < len(page.entries):
            self.beside |= {one.ref for one in page.entries} - {one.ref for one in rows.kept}
        self.included.update(entry.ref for entry in page.entries if entry.included)
        self.damage.update((one.place, one) for one in (*page.damage, *lacking(page.inner)))
        self.doubted.update((one.ref, one.reason) for one in page.doubted)
        self._end(page, rows, repeated=repeated)

    def _is_repeated(self, entry: Entry) -> bool:
        """Whether the very same row came before; else it is kept."""
        first = self.entries.setdefault(entry.ref, entry)
        if first is entry:
            return False
        came = self.contents.setdefault(entry.ref, {msgspec.json.encode(first.resource)})
        content = msgspec.json.encode(entry.resource)
        if content in came:
            return True
        came.add(content)
        self.others.append(entry)
        return False

    def _end(self, page: Page, rows: Screened, *, repeated: int) -> None:
        """Account for everything on a page but the rows that are kept."""
        table, known = load_issue_codes(), self.harmless
        hidden = sum(any(one.hides(table, known) for one in each) for each in page.outcomes)
        self.account.add(
            Account(
                read=page.read,
                duplicate=repeated,
                used=page.used,
                irrelevant=page.irrelevant + rows.beside + len(page.outcomes) - hidden,
                unassigned=rows.unattributed,
                damaged=sum(one.kind != "incomplete" for one in page.damage) + hidden,
                deleted=len(page.deleted),
            )
        )

    def found(self, gaps: Gaps, *, total_is_exact: bool) -> Found:
        """Close the account."""
        reasons, estimate = gaps.reasons, ""
        matched = (self.entries.keys() | self.beside) - self.included
        received = len(matched) + sum(one.kind != "incomplete" for one in self.damage.values())
        if self.total > received:
            short = f"{self.total} announced, {received} received"
            reasons += [short] if total_is_exact else []
            estimate = "" if total_is_exact else short
        if self.account.unassigned:
            reasons.append(f"rows that name no patient: {self.account.unassigned}")
        every = (*self.entries.values(), *self.others)
        return Found(
            every,
            tuple(dict.fromkeys(reasons)),
            tuple(self.damage.values()),
            self.pages,
            gaps.refused,
            frozenset(self.beside),
            max((m.last_updated or "" for one in every if (m := one.resource.meta)), default=""),
            estimate,
            self.account,
            doubted=self.doubted,
        )


class FhirClient:
    """Reads from one server over one chain of requests."""

    def __init__(
        self, transport: ReadTransport, profile: Profile, *, max_pages: int = MAX_PAGES
    ) -> None:
        self.transport, self.profile = transport, profile
        self._pages = Pages(transport, profile, max_pages)

    @property
    def host(self) -> str:
        """The server's origin, as messages name it."""
        return str(self.transport.base.origin)

    def close(self) -> None:
        """Close the chain's connections."""
        self._pages.close()
        self.transport.close()

    def read(self, resource_type: str, logical_id: str, *, below: str = "") -> Json:
        """Read one resource; RequestRefused carries 404 (unknown) or 410 (deleted).

        `below` is the rest of the address: `/_history` reads its versions.
        """
        url = f"{self.transport.base.url}/{resource_type}/{quote(logical_id, safe='')}{below}"
        label = f"read {resource_type}"
        answer = self.transport.get(url, label, self.profile.read_headers)
        if not is_done(answer):
            raise refusal(self.host, label, answer)
        return decoded(answer, self.host, label)

    def search(self, query: Query, *, linked: frozenset[str] = frozenset()) -> Found:
        """Run one search to its last page; what could not be read is named, not left out."""
        reading = _Reading(harmless=frozenset(self.profile.harmless_codes))

        def take(page: Page, _: Answer) -> None:
            self._take(page, query, linked, reading)

        gaps = self._pages.follow(query, take)
        return reading.found(gaps, total_is_exact=self.profile.total_is_exact)

    def read_member(self, query: Query) -> Found:
        """Read the one resource whose id a query names, screened like a row of a search."""
        (name,) = query.ids
        label = f"read {query.resource_type}"
        url = f"{self.transport.base.url}/{query.resource_type}/{quote(name, safe='')}"
        answer = self.transport.get(url, label, self.profile.read_headers)
        reading = _Reading(harmless=frozenset(self.profile.harmless_codes))
        if not is_done(answer):
            error = refusal(self.host, label, answer)
            if not isinstance(error, RequestRefused):
                raise error
            gone = frozenset({f"{query.resource_type}/{name}"} if answer.status == 410 else ())
            return Found(incomplete=() if gone else (str(error),), gone=gone)
        body = b'{"resourceType":"Bundle","entry":[{"resource":' + answer.body + b"}]}"
        try:
            self._take(read_page(body, name=label), query, frozenset(), reading)
        except InputError as error:
            return Found(incomplete=(str(error),))
        return reading.found(Gaps([]), total_is_exact=False)

    def _take(self, page: Page, query: Query, linked: frozenset[str], reading: _Reading) -> None:
        rows = screen(page.entries, query, linked)
        if rows.foreign:
            raise SafetyStop(
                f"{self.host}: search {query.resource_type}: {rows.foreign} rows of patients "
                "that nobody asked for: does the server ignore the patient? Nothing of it is "
                "used"
            )
        reading.add(page, rows)

    def history(self, resource_type: str, since: str) -> Changes:
        """List what was changed and what was deleted since a moment of the server's clock."""
        seen: dict[str, str] = {}
        deleted: set[str] = set()

        def take(_: Page, answer: Answer) -> None:
            bundle = decoded(answer, self.host, f"history of {resource_type}")
            for entry in objects(bundle.get("entry") if isinstance(bundle, dict) else None):
                read_change(entry, seen, deleted)

        path = f"{resource_type}/_history"
        parameters = (("_since", since), ("_count", str(self.profile.page_size)))
        gaps = self._pages.follow(Query(path, parameters), take)
        return Changes(seen, frozenset(deleted), tuple(gaps.reasons))

    def search_whole(self, query: Query) -> list[Resource]:
        """Run one search for resources of ours, with all their fields; all of them or an error."""
        found: dict[str, Resource] = {}
        total = 0

        def take(page: Page, answer: Answer) -> None:
            nonlocal total
            total = max(total, page.total or 0)
            bundle = decoded(answer, self.host, f"search {query.resource_type}")
            found.update(_resources(bundle))

        reasons = self._pages.follow(query, take).reasons
        if self.profile.total_is_exact and total > len(found):
            reasons.append(f"{total} announced, {len(found)} received")
        if reasons:
            raise ReadIncomplete(f"{self.host}: search {query.resource_type}: {reasons[0]}")
        return [resource for resource in found.values() if _answers(resource, query)]

    def sample(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        """The first rows of a search that names no patient: whether there are any."""
        asked = encoded((*parameters, ("_count", "1")))
        url = f"{self.transport.base.url}/{resource_type}?{asked}"
        label = f"search {resource_type}"
        answer = self.transport.get(url, label, self.profile.read_headers)
        if not is_done(answer):
            raise refusal(self.host, label, answer)
        found = _resources(decoded(answer, self.host, label)).values()
        return [item for item in found if item.get("resourceType") == resource_type]


_JSON = msgspec.json.Decoder(float_hook=Decimal)


def decode_json(body: bytes) -> Json:
    """Decode JSON with exact decimals; errors are `wire.UNREADABLE`."""
    read: Json = _JSON.decode(body)
    return read


def decoded(answer: Answer, host: str, label: str) -> Json:
    """Decode the answer's body, or say that the read is incomplete."""
    try:
        return decode_json(answer.body)
    except UNREADABLE:
        said = named(answer.body) or "not JSON"
        raise ReadIncomplete(f"{host}: {label}: the answer is {said}") from None


def _resources(bundle: Json) -> dict[str, Resource]:
    """The resources of a page, whole, by what they are called."""
    entries = objects(bundle.get("entry")) if isinstance(bundle, dict) else ()
    found = (item for entry in entries if isinstance(item := entry.get("resource"), dict))
    return {
        f"{text_of(item.get('resourceType'))}/{text_of(item.get('id'))}": item for item in found
    }


def _answers(item: Resource, query: Query) -> bool:
    """Whether it is of the type, and about a patient, that was asked for."""
    subject = item.get("subject")
    named = text_of(subject.get("reference")) if isinstance(subject, dict) else ""
    about = not query.patients or named.rpartition("/")[2] in query.patients
    return about and item.get("resourceType") == query.resource_type
