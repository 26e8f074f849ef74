"""Pages of a search or history: a frozen list of versions behind random, expiring cursors."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from fhir_remission.rehearsal.server.codec import encode
from fhir_remission.rehearsal.server.replies import Refused, outcome
from fhir_remission.rehearsal.server.store import Version, instant

# A forgotten client must not fill the memory of a server that runs for days.
KEPT = 5000

Rows = Callable[[], Sequence[Version]]


class Listing(Struct, frozen=True):
    """What all pages of one answer share."""

    kind: str
    """searchset or history"""
    self_url: str
    count: int
    rows: Rows
    """Frozen rows, or the search once more where the server pages over moving data."""
    total: int | None
    notice: str = ""
    """Said in an OperationOutcome entry of the first page."""


class _Cursor(Struct, frozen=True):
    listing: Listing
    offset: int
    page: int
    expires_at: datetime


class Pages:
    """The open cursors of a server."""

    def __init__(
        self, base_url: str, *, now: Callable[[], datetime], seconds: int, expired_status: int
    ) -> None:
        self._base_url = base_url
        self._now = now
        self._seconds = seconds
        self._expired_status = expired_status
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()

    def first(self, listing: Listing) -> bytes:
        """Answer the first page of a listing."""
        return self._page(listing, offset=0, page=1, self_url=listing.self_url)

    def follow(self, token: str) -> bytes:
        """Answer the page behind a cursor; an unknown or expired one is refused."""
        cursor = self._cursors.get(token)
        if cursor is None or cursor.expires_at <= self._now():
            raise expired(self._expired_status)
        return self._page(
            cursor.listing, offset=cursor.offset, page=cursor.page, self_url=self._url(token)
        )

    def page_number(self, token: str) -> int:
        """Say which page a cursor stands for; 0 where it is unknown."""
        cursor = self._cursors.get(token)
        return cursor.page if cursor else 0

    def last_row(self, token: str) -> dict[str, Any] | None:
        """Give the entry that closed the page before the one behind a cursor."""
        cursor = self._cursors.get(token)
        if cursor is None or cursor.offset == 0:
            return None
        return _match_entry(self._base_url, cursor.listing.rows()[cursor.offset - 1])

    def expire(self, token: str) -> None:
        """Forget one cursor."""
        self._cursors.pop(token, None)

    def expire_all(self) -> None:
        """Forget every cursor, as a restart of the server would."""
        self._cursors.clear()

    def _url(self, token: str) -> str:
        return f"{self._base_url}?_getpages={quote(token)}"

    def _page(self, listing: Listing, *, offset: int, page: int, self_url: str) -> bytes:
        rows = listing.rows()
        shown = rows[offset : offset + listing.count]
        links = [{"relation": "self", "url": self_url}]
        if offset + listing.count < len(rows):
            token = self._open(listing, offset=offset + listing.count, page=page + 1)
            links.append({"relation": "next", "url": self._url(token)})
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "id": secrets.token_hex(8),
            "meta": {"lastUpdated": instant(self._now())},
            "type": listing.kind,
        }
        if listing.total is not None:
            bundle["total"] = listing.total
        bundle["link"] = links
        entry = _history_entry if listing.kind == "history" else _match_entry
        entries = [entry(self._base_url, version) for version in shown]
        if listing.notice and page == 1:
            entries.append(_notice_entry(listing.notice))
        if entries:
            bundle["entry"] = entries
        return encode(bundle)

    def _open(self, listing: Listing, *, offset: int, page: int) -> str:
        token = secrets.token_urlsafe(18)
        expires_at = self._now() + timedelta(seconds=self._seconds)
        self._cursors[token] = _Cursor(listing, offset, page, expires_at)
        if len(self._cursors) > KEPT:
            self._cursors.popitem(last=False)
        return token


def expired(status: int) -> Refused:
    """Build the refusal of a page that is gone."""
    return Refused(status, "not-found", "this page is no longer available", about="expired")


def count_only(self_url: str, total: int) -> bytes:
    """Answer `_summary=count`."""
    links = [{"relation": "self", "url": self_url}]
    return encode({"resourceType": "Bundle", "type": "searchset", "total": total, "link": links})


def _match_entry(base_url: str, version: Version) -> dict[str, Any]:
    return {
        "fullUrl": f"{base_url}/{version.type}/{version.id}",
        "resource": msgspec.Raw(version.raw),
        "search": {"mode": "match"},
    }


def _notice_entry(text: str) -> dict[str, Any]:
    return {
        "resource": outcome("informational", text, severity="warning"),
        "search": {"mode": "outcome"},
    }


def _history_entry(base_url: str, version: Version) -> dict[str, Any]:
    url = f"{version.type}/{version.id}"
    status = "204" if version.method == "DELETE" else "201" if version.number == 1 else "200"
    entry: dict[str, Any] = {"fullUrl": f"{base_url}/{url}"}
    if version.resource is not None:
        entry["resource"] = msgspec.Raw(version.raw)
    entry["request"] = {
        "method": version.method,
        "url": version.type if version.method == "POST" else url,
    }
    entry["response"] = {
        "status": status,
        "etag": f'W/"{version.number}"',
        "lastModified": instant(version.at),
    }
    return entry
