"""Following the pages of one search to the last one, in a loop, on our own server only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial

from msgspec import Struct

from fhir_remission.effects.files.mapping_files import load_issue_codes
from fhir_remission.effects.http.origin import Refused
from fhir_remission.effects.http.refusal import refusal, vendor_codes
from fhir_remission.effects.http.transport import Answer
from fhir_remission.effects.server.access import ReadTransport
from fhir_remission.errors import (
    BrokeOff,
    InputError,
    ReadIncomplete,
    RequestRefused,
    Unreachable,
)
from fhir_remission.fhir.incoming.bundle import Page, next_link, read_page
from fhir_remission.fhir.r4.encodings import named
from fhir_remission.fhir.server.queries import Query, encoded, narrower, with_smaller_pages
from fhir_remission.fhir.server.server_profile import Profile

# HAPI answers an identical search from a cache for 60 s unless told not to
# (server_jpa/configuration.md, "Search Result Caching").
FIRST_PAGE = {"Cache-Control": "no-cache"}
EXPIRED = frozenset({404, 410})
# A next link that repeats the question may be longer than the server or a proxy takes: 414, and
# 404 from some (microsoft/fhir-server#2250, #1567). The same question would bring the same link.
TOO_LONG = frozenset({404, 414})
NO_POST_SEARCH = frozenset({404, 405, 415, 501})
MAX_RESTARTS = 2
MAX_CUTS = 4
MAX_PAGES = 10_000

Take = Callable[[Page, Answer], None]


class Gaps(Struct):
    """Why some of a search may be missing."""

    reasons: list[str]
    refused: bool = False
    """The search as such is not allowed or not known here; nothing of it was begun."""
    cut: Callable[[Query], tuple[Query, ...]] | None = None
    """How to ask smaller questions that may get through."""
    broke: BrokeOff | None = None
    """The server broke off on it; nobody has said yet what that means."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.reasons and self.broke is None


class Pages:
    """Pages of searches on one chain; remembers which types cannot be searched by POST."""

    def __init__(self, transport: ReadTransport, profile: Profile, max_pages: int) -> None:
        self._transport, self._profile, self._max_pages = transport, profile, max_pages
        self._host = str(transport.base.origin)
        self._get_only: set[str] = set()
        self._harmless = load_issue_codes()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="page")

    def close(self) -> None:
        """End the thread that asks ahead."""
        self._ahead.shutdown(wait=False)

    def follow(self, query: Query, take: Take) -> Gaps:
        """Hand every page to `take`, over restarts; return why some may be missing.

        What is too much for the server in one question is asked in smaller ones. BrokeOff when it
        breaks off on the smallest, too.
        """
        gaps = self._in_parts(query, take, MAX_CUTS)
        if gaps.broke is not None:
            raise gaps.broke
        return gaps

    def _in_parts(self, query: Query, take: Take, cuts: int) -> Gaps:
        gaps = self._over_restarts(query, take)
        if gaps.cut is None or gaps.whole or not cuts:
            return gaps
        for part in gaps.cut(query):
            gaps = self._in_parts(part, take, cuts - 1)
            if not gaps.whole:
                break
        return gaps

    def _over_restarts(self, query: Query, take: Take) -> Gaps:
        gaps = Gaps([])
        try:
            for _ in range(MAX_RESTARTS + 1):
                if self._to_the_end(query, take, gaps):
                    return gaps
                if gaps.cut is not None and gaps.cut(query):
                    break
            gaps.cut = narrower
            gaps.reasons.append("pages expired or broke off again and again")
        except BrokeOff as error:
            gaps.cut, gaps.broke = narrower, error
        except ReadIncomplete as error:
            gaps.cut = with_smaller_pages
            gaps.reasons.append(str(error))
        except RequestRefused as error:
            gaps.reasons.append(str(error))
        return gaps

    def _to_the_end(self, query: Query, take: Take, gaps: Gaps) -> bool:
        """Follow the pages once; False asks for a restart from the first one."""
        label = f"search {query.resource_type}"
        seen: set[str] = set()
        answer = self._first(query, label)
        while True:
            if answer.status != 200:
                return self._is_final(answer, label, gaps, later=bool(seen))
            place = f"{label} page {len(seen) + 1}"
            url = self._next(next_link(answer.body), answer.url, seen, gaps.reasons)
            with self._asked_ahead(url, label) as following:
                page = _read(answer, place)
                if page is None:
                    return False
                take(page, answer)
                gaps.reasons += self._hidden(page)
            if following is None:
                return True
            answer = following.result()

    @contextmanager
    def _asked_ahead(self, url: str | None, label: str) -> Iterator[Future[Answer] | None]:
        """Ask for the next page while this one is read: a server's pause is our time to work."""
        if url is None:
            yield None
            return
        ask = partial(self._transport.get, url, label, self._profile.read_headers)
        following = self._ahead.submit(copy_context().run, ask)
        try:
            yield following
        finally:
            # One request at a time, whatever became of this page.
            wait([following])

    def _first(self, query: Query, label: str) -> Answer:
        headers = {**FIRST_PAGE, **self._profile.read_headers}
        url = f"{self._transport.base.url}/{query.resource_type}"
        form = encoded(query.parameters)
        if self._can_post(query.resource_type):
            answer = self._transport.post_search(f"{url}/_search", form, label, headers)
            if answer.status not in NO_POST_SEARCH:
                return answer
            # Epic: POST _search is reliable for some types only (CDCgov/dibbs-query-connector#966).
            self._get_only.add(query.resource_type)
        return self._transport.get(f"{url}?{form}", label, headers)

    def _can_post(self, path: str) -> bool:
        by_post = self._profile.search_method == "post" and path not in self._get_only
        return by_post and not path.endswith("/_history")

    def _is_final(self, answer: Answer, label: str, gaps: Gaps, *, later: bool) -> bool:
        error = refusal(self._host, label, answer)
        if not isinstance(error, RequestRefused):
            raise error
        codes = vendor_codes(answer)
        if codes & set(self._profile.tomorrow_codes):
            raise Unreachable(f"{error}: the server takes no more questions today")
        expired = codes & set(self._profile.expired_codes)
        if later and answer.status in TOO_LONG and not expired:
            gaps.cut = narrower
        if (later and answer.status in EXPIRED | TOO_LONG) or expired:
            return False
        if answer.status >= 500:
            gaps.cut = narrower
        gaps.reasons.append(str(error))
        gaps.refused = not later and 400 <= answer.status < 500
        return True

    def _hidden(self, page: Page) -> list[str]:
        """Say what a page of status 200 admits to have left out."""
        known = {*self._profile.incomplete_codes, *self._profile.forbidden_codes}
        hidden = [
            f"the server reports {issue.code or 'an issue'} among the matches"
            for outcome in page.outcomes
            for issue in outcome
            if known.intersection(issue.details)
            or issue.hides(self._harmless, frozenset(self._profile.harmless_codes))
        ]
        if page.type == "OperationOutcome":
            hidden.append("the server sent an OperationOutcome instead of a page")
        return hidden

    def _next(self, link: str, against: str, seen: set[str], reasons: list[str]) -> str | None:
        if not link:
            return None
        url = self._transport.base.resolve(link, against=against)
        if isinstance(url, Refused):
            reasons.append(f"{url.reason}: not followed, no token sent")
        elif url in seen:
            reasons.append("the links to the next page run in a circle")
        elif len(seen) + 1 >= self._max_pages:
            reasons.append(f"more than {self._max_pages} pages")
        else:
            seen.add(url)
            return url
        return None


def _read(answer: Answer, name: str) -> Page | None:
    try:
        return read_page(answer.body, name=name)
    except InputError:
        said = named(answer.body)
        if said:
            raise ReadIncomplete(f"{name}: the answer is {said}") from None
        # Cut off or not FHIR: perhaps only this once.
        return None
