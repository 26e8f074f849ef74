"""Bulk exports (FHIR Bulk Data 2): asked for, waited for, fetched as NDJSON, deleted.

The rows are those of the moment of the kick-off, as on a real server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from fhir_remission.rehearsal.server.codec import encode
from fhir_remission.rehearsal.server.dates import span
from fhir_remission.rehearsal.server.parameters import Parameter
from fhir_remission.rehearsal.server.replies import Refused, Reply, Request
from fhir_remission.rehearsal.server.search import read_search, run
from fhir_remission.rehearsal.server.store import Store, Version, instant

OPERATION, STATUS, FILES = "$export", "export-status", "export-file"
NDJSON = "application/fhir+ndjson"
# How often a status is looked at before the export is done: a client must be able to wait.
LOOKS = 1
Known = Callable[[str], dict[str, Parameter]]


class _Export(Struct):
    """One export: its files by name, what was deleted, and how often it was looked at."""

    request: str
    at: str
    files: dict[str, list[bytes]]
    deleted: list[bytes]
    looks: int = 0


class Exports:
    """The exports of one server."""

    def __init__(
        self, store: Store, *, base_url: str, now: Callable[[], datetime], known: Known, token: bool
    ) -> None:
        self._store, self._base, self._now, self._known = store, base_url, now, known
        self._token = token
        self._begun: dict[str, _Export] = {}

    def answer(self, request: Request) -> Reply | None:
        """Answer what is about an export; None where the request is about something else."""
        path = request.path
        if path and path[-1] == OPERATION and request.method == "GET":
            return self._begin(request)
        if len(path) == 2 and path[0] == STATUS:
            return self._status(request, path[1])
        if len(path) == 3 and path[0] == FILES:
            lines = self._of(path[1]).files.get(path[2])
            if lines is None:
                raise Refused(404, "not-found", "no such file")
            return Reply(200, b"".join(lines), {"Content-Type": NDJSON})
        return None

    def _begin(self, request: Request) -> Reply:
        if "respond-async" not in request.headers.get("prefer", ""):
            raise Refused(400, "invalid", "an export needs Prefer: respond-async")
        asked = dict(request.query)
        since = span(asked["_since"]) if asked.get("_since") else None
        if asked.get("_since") and since is None:
            raise Refused(400, "invalid", "_since is not an instant")
        members = self._members(request.path[:-1])
        wanted = [word for word in asked.get("_type", "").split(",") if word]
        found = self._rows(wanted, request.query, members)
        rows = [one for one in found if since is None or one.at >= since[0]]
        name = str(len(self._begun) + 1)
        self._begun[name] = _Export(
            request=f"{self._base}/{'/'.join(request.path)}",
            at=instant(self._now()),
            files=_by_type(rows),
            deleted=[] if since is None else list(_deletions(self._store, since[0], wanted)),
        )
        return Reply(202, b"", {"Content-Location": f"{self._base}/{STATUS}/{name}"})

    def _members(self, path: tuple[str, ...]) -> frozenset[str] | None:
        """The patients of a Group; None for all."""
        if path in ((), ("Patient",)):
            return None
        group = self._store.resource("Group", path[1]) if len(path) == 2 else None
        if group is None or path[0] != "Group":
            raise Refused(404, "not-found", f"nothing to export at {'/'.join(path)}")
        return frozenset(one["entity"]["reference"] for one in group.get("member", []))

    def _rows(
        self,
        wanted: Iterable[str],
        query: Iterable[tuple[str, str]],
        members: frozenset[str] | None,
    ) -> Iterator[Version]:
        filters = [value.partition("?")[::2] for name, value in query if name == "_typeFilter"]
        for kind in wanted or sorted({version.type for version in self._store.log}):
            own = [text for filtered, text in filters if filtered == kind]
            found = {
                version.id: version
                for text in own or [""]
                for version in run(self._store, self._search(kind, text))
            }
            yield from (one for one in found.values() if _concerns(one, members))

    def _search(self, kind: str, text: str) -> Any:  # noqa: ANN401 - a Search
        return read_search(kind, parse_qsl(text), known=self._known(kind))

    def _status(self, request: Request, name: str) -> Reply:
        export = self._of(name)
        if request.method == "DELETE":
            del self._begun[name]
            return Reply(202)
        export.looks += 1
        if export.looks <= LOOKS:
            return Reply(202, b"", {"X-Progress": "half of it", "Retry-After": "1"})
        manifest = {
            "transactionTime": export.at,
            "request": export.request,
            "requiresAccessToken": self._token,
            "output": [self._file(name, file, export) for file in export.files],
            "deleted": [],
            "error": [],
        }
        if export.deleted:
            export.files["deleted"] = export.deleted
            manifest["deleted"] = [{"type": "Bundle", "url": self._url(name, "deleted")}]
        return Reply(200, encode(manifest), {"Content-Type": "application/json"})

    def _file(self, name: str, file: str, export: _Export) -> dict[str, Any]:
        return {
            "type": file.removesuffix(".ndjson"),
            "url": self._url(name, file),
            "count": len(export.files[file]),
        }

    def _url(self, name: str, file: str) -> str:
        return f"{self._base}/{FILES}/{name}/{file}"

    def _of(self, name: str) -> _Export:
        try:
            return self._begun[name]
        except KeyError:
            raise Refused(404, "not-found", "no such export") from None


def _by_type(rows: Iterable[Version]) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for row in rows:
        files.setdefault(f"{row.type}.ndjson", []).append(row.raw + b"\n")
    return files


def _concerns(version: Version, members: frozenset[str] | None) -> bool:
    """Whether a resource belongs to one of these patients; what has no patient belongs to all."""
    resource = version.resource or {}
    subject = resource.get("subject") or resource.get("patient") or {}
    patient = f"Patient/{version.id}" if version.type == "Patient" else subject.get("reference", "")
    return members is None or not patient.startswith("Patient/") or patient in members


def _deletions(store: Store, since: datetime, wanted: list[str]) -> Iterator[bytes]:
    """What was deleted since, one Bundle per line as the specification has it."""
    for version in store.log:
        if (
            version.resource is None
            and version.at >= since
            and version.type in (wanted or [version.type])
        ):
            entry = {"request": {"method": "DELETE", "url": f"{version.type}/{version.id}"}}
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
            yield encode(bundle) + b"\n"
