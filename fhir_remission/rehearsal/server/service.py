"""Routes: which interaction a request means, and its answer; still no socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from fhir_remission.rehearsal.server.capability import capability_statement
from fhir_remission.rehearsal.server.codec import decode, encode
from fhir_remission.rehearsal.server.dates import span
from fhir_remission.rehearsal.server.export import Exports
from fhir_remission.rehearsal.server.interactions import Interactions
from fhir_remission.rehearsal.server.login import Login
from fhir_remission.rehearsal.server.merge import surviving_patient
from fhir_remission.rehearsal.server.paging import Listing, Pages, count_only
from fhir_remission.rehearsal.server.personas import Persona, check_query
from fhir_remission.rehearsal.server.replies import Refused, Reply, Request, refusal
from fhir_remission.rehearsal.server.search import Search, read_search, run
from fhir_remission.rehearsal.server.store import Store, Version, instant
from fhir_remission.rehearsal.server.transaction import run_bundle

Query = Sequence[tuple[str, str]]


class Service:
    """One server's answers to requests, one at a time."""

    def __init__(
        self,
        store: Store,
        persona: Persona,
        *,
        base_url: str,
        now: Callable[[], datetime],
        login: Login | None = None,
    ) -> None:
        self.store = store
        self.persona = persona
        self.base_url = base_url
        self.interactions = Interactions(store, persona, base_url=base_url)
        self.pages = Pages(
            base_url,
            now=now,
            seconds=persona.page_seconds,
            expired_status=persona.expired_status,
        )
        self.login = login
        self._exports = Exports(
            store,
            base_url=base_url,
            now=now,
            known=self.interactions.parameters,
            token=login is not None,
        )
        self._now = now
        self.lock = threading.RLock()

    def answer(self, request: Request) -> Reply:
        """Answer one request; what cannot be done is an OperationOutcome."""
        with self.lock:
            mark = self.store.mark()
            try:
                reply = (self.login and self.login.answer(request)) or self._route(request)
            except Refused as refused:
                self.store.rollback(mark)
                return self.refuse(refused)
        if request.is_write and "return=minimal" in request.headers.get("prefer", ""):
            return msgspec.structs.replace(reply, body=b"") if request.path else reply
        return reply

    def refuse(self, refused: Refused) -> Reply:
        """Answer a refusal, with the persona's own code where it has one."""
        return refusal(refused, own_code=self.persona.error_codes.get(refused.about, ""))

    def date(self) -> str:
        """Give the server's clock as it stands in a Date header."""
        return format_datetime(self._now().astimezone(UTC), usegmt=True)

    def _route(self, request: Request) -> Reply:
        path = request.path
        if not path:
            return self._root(request)
        if path == ("metadata",) and request.method == "GET":
            return Reply(200, encode(self._capabilities()))
        exported = self._exports.answer(request)
        if exported is not None:
            return exported
        if "_history" in path and request.method == "GET":
            return self._history_route(request)
        if len(path) == 2 and path[1] == "_search" and request.method == "POST":
            return self._post_search(request)
        if len(path) == 1:
            return self._type_route(request, path[0])
        if len(path) == 2:
            return self._instance_route(request, *path)
        raise Refused(404, "not-found", f"nothing at {'/'.join(path)}")

    def _root(self, request: Request) -> Reply:
        if request.method == "POST":
            representation = "return=representation" in request.headers.get("prefer", "")
            bundle = decode(request.body)
            return run_bundle(
                self.interactions, bundle, self._entry_get, representation=representation
            )
        tokens = dict(request.query)
        if request.method == "GET" and "_getpages" in tokens:
            return Reply(200, self.pages.follow(tokens["_getpages"]))
        raise _not_allowed(request)

    def _type_route(self, request: Request, kind: str) -> Reply:
        if request.method == "GET":
            return self._search(kind, request.query, strict=_strict(request))
        if request.method == "POST":
            condition = request.headers.get("if-none-exist", "")
            return self.interactions.create(kind, decode(request.body), if_none_exist=condition)
        if request.method == "PUT":
            return self.interactions.conditional_update(
                kind,
                urlencode(request.query),
                decode(request.body),
                if_match=request.headers.get("if-match", ""),
            )
        raise _not_allowed(request)

    def _instance_route(self, request: Request, kind: str, name: str) -> Reply:
        if request.method == "GET":
            return self._read(request, kind, name)
        if_match = request.headers.get("if-match", "")
        if request.method == "PUT":
            return self.interactions.update(
                kind,
                name,
                decode(request.body),
                if_match=if_match,
                if_none_match=request.headers.get("if-none-match", ""),
            )
        if request.method == "DELETE":
            return self.interactions.delete(kind, name, if_match=if_match)
        raise _not_allowed(request)

    def _read(self, request: Request, kind: str, name: str) -> Reply:
        version = self.interactions.read(kind, name)
        if self.persona.merged_status and (survivor := surviving_patient(version.resource or {})):
            merged = Refused(self.persona.merged_status, "not-found", "merged", about="merged")
            place = {"Location": f"{self.base_url}/{survivor}"}
            return msgspec.structs.replace(self.refuse(merged), headers=place)
        reply = self.interactions.shown(version)
        if request.headers.get("if-none-match") == reply.headers["ETag"]:
            return Reply(304, b"", reply.headers)
        return reply

    def _entry_get(self, url: str) -> Reply:
        """Answer a GET inside a Bundle."""
        path, _, query = url.partition("?")
        kind, _, name = path.strip("/").partition("/")
        if name:
            return self.interactions.shown(self.interactions.read(kind, name))
        return self._search(kind, parse_qsl(query, keep_blank_values=True), strict=False)

    def _post_search(self, request: Request) -> Reply:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if not self.persona.post_search:
            raise Refused(415, "not-supported", "searches by POST are not supported")
        if content_type != "application/x-www-form-urlencoded":
            raise Refused(415, "not-supported", f"cannot read a search sent as {content_type!r}")
        try:
            form = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
        except UnicodeDecodeError:
            raise Refused(400, "invalid", "the form is not URL-encoded") from None
        pairs = [*request.query, *form]
        return self._search(request.path[0], pairs, strict=_strict(request))

    def _search(self, kind: str, query: Query, *, strict: bool) -> Reply:
        known = self.interactions.parameters(kind)
        check_query(self.persona, kind, query)
        strict = strict or self.persona.unknown_parameter == "refused"
        search = read_search(kind, query, known=known, strict=strict)
        if self.persona.newest_first and not search.sort:
            search = msgspec.structs.replace(search, sort="-_lastUpdated")
        rows = run(self.store, search)
        self_url = f"{self.base_url}/{kind}?{urlencode(search.used)}".rstrip("?")
        if search.only_total:
            return Reply(200, count_only(self_url, len(rows)))
        return Reply(200, self.pages.first(self._listing(search, rows, self_url)))

    def _listing(self, search: Search, rows: list[Version], self_url: str) -> Listing:
        persona = self.persona
        asked = search.count or persona.default_count
        cut = asked > persona.max_count and persona.over_max_outcome
        return Listing(
            kind="searchset",
            self_url=self_url,
            count=min(asked, persona.max_count),
            rows=(lambda: rows) if persona.snapshot_pages else lambda: run(self.store, search),
            total=len(rows) if persona.total else None,
            notice=f"_count was cut to {persona.max_count}" if cut else "",
        )

    def _history_route(self, request: Request) -> Reply:
        path = request.path
        if len(path) == 4 and path[2] == "_history":
            return self.interactions.shown(self.interactions.vread(path[0], path[1], path[3]))
        if not self.persona.history or path[-1] != "_history" or len(path) > 3:
            raise Refused(404, "not-supported", "no such history")
        if len(path) > 1:
            self.interactions.parameters(path[0])
        if len(path) == 3 and not self.store.versions(path[0], path[1]):
            raise Refused(404, "not-found", f"no {path[0]}/{path[1]}")
        return self._history(path[:-1], dict(request.query))

    def _history(self, place: tuple[str, ...], asked: dict[str, str]) -> Reply:
        since = span(asked.get("_since", "0001"))
        if since is None:
            raise Refused(400, "invalid", "_since is not an instant")
        rows = [
            version
            for version in reversed(self.store.log)
            if version.key[: len(place)] == place and version.at >= since[0]
        ]
        url = "/".join((self.base_url, *place, "_history"))
        wanted = asked.get("_count", "")
        count = int(wanted) if wanted.isdecimal() and int(wanted) else self.persona.default_count
        listing = Listing(
            kind="history",
            self_url=f"{url}?{urlencode(asked)}".rstrip("?"),
            count=min(count, self.persona.max_count),
            rows=lambda: rows,
            total=len(rows),
        )
        return Reply(200, self.pages.first(listing))

    def _capabilities(self) -> dict[str, Any]:
        parameters = {
            kind: self.interactions.parameters(kind) for kind in self.interactions.types()
        }
        date = instant(self._now().astimezone(UTC))
        return capability_statement(self.persona, parameters, base_url=self.base_url, date=date)


def _strict(request: Request) -> bool:
    return "handling=strict" in request.headers.get("prefer", "")


def _not_allowed(request: Request) -> Refused:
    place = "/".join(request.path) or "the base"
    return Refused(405, "not-supported", f"{request.method} is not allowed on {place}")
