"""Resources and all their versions in memory; knows nothing of HTTP, searches or Bundles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from fhir_remission.rehearsal.server.codec import encode

Key = tuple[str, str]
Index = Callable[[dict[str, Any]], Iterable[Hashable]]


class Version(Struct, frozen=True, eq=False):
    """One version of one resource; `resource` is None where it was deleted."""

    type: str
    id: str
    number: int
    at: datetime
    method: str
    resource: dict[str, Any] | None
    raw: bytes

    @property
    def key(self) -> Key:
        """Type and logical id."""
        return self.type, self.id


def instant(at: datetime) -> str:
    """Write a time as a FHIR instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """Versions by resource, a log of every change, and an index of the newest versions."""

    def __init__(self, *, now: Callable[[], datetime], index: Index) -> None:
        self.log: list[Version] = []
        self._now = now
        self._index = index
        self._versions: dict[Key, list[Version]] = {}
        self._types: defaultdict[str, dict[str, Version]] = defaultdict(dict)
        self._found: defaultdict[Hashable, dict[str, None]] = defaultdict(dict)
        self._serial = 0

    def put(self, resource: dict[str, Any], *, method: str = "PUT") -> Version:
        """Store a resource, under its id or a new one, as its next version."""
        kind = resource["resourceType"]
        name = resource.get("id") or self.new_id(kind)
        at = self._now()
        number = len(self._versions.get((kind, name), ())) + 1
        meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": instant(at)}
        stored = {"resourceType": kind, "id": name, "meta": meta}
        stored |= {field: value for field, value in resource.items() if field not in stored}
        return self._append(Version(kind, name, number, at, method, stored, encode(stored)))

    def delete(self, kind: str, name: str) -> Version:
        """Mark a resource as deleted; its versions stay."""
        number = len(self._versions[kind, name]) + 1
        return self._append(Version(kind, name, number, self._now(), "DELETE", None, b""))

    def load(self, resources: Iterable[dict[str, Any]]) -> None:
        """Store resources in their order; an id that comes again is a new version."""
        for resource in resources:
            self.put(resource)

    def current(self, kind: str, name: str) -> Version | None:
        """Find the newest version, which may say that the resource is deleted."""
        versions = self._versions.get((kind, name))
        return versions[-1] if versions else None

    def versions(self, kind: str, name: str) -> list[Version]:
        """List all versions, oldest first."""
        return self._versions.get((kind, name), [])

    def of_type(self, kind: str) -> Iterator[Version]:
        """Give the newest version of every resource of a type that is not deleted."""
        return iter(tuple(self._types[kind].values()))

    def found(self, kind: str, key: Hashable) -> list[Version]:
        """Give the newest versions that the index has under this key."""
        return [self._types[kind][name] for name in self._found.get((kind, key), ())]

    def resource(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give the newest content of a resource, or None where there is none."""
        version = self.current(kind, name)
        return version.resource if version else None

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Give the newest content of every resource of a type."""
        return [version.resource for version in self.of_type(kind) if version.resource]

    def new_id(self, kind: str) -> str:
        """Choose an id that no resource of this type has or had."""
        self._serial += 1
        while (kind, str(self._serial)) in self._versions:
            self._serial += 1
        return str(self._serial)

    def mark(self) -> int:
        """Remember this moment for `rollback`."""
        return len(self.log)

    def rollback(self, mark: int) -> None:
        """Undo every change since the mark, as if it had never been asked for."""
        while len(self.log) > mark:
            version = self.log.pop()
            self._forget(version)
            versions = self._versions[version.key]
            versions.pop()
            if versions:
                self._show(versions[-1])
            else:
                del self._versions[version.key]

    def _append(self, version: Version) -> Version:
        versions = self._versions.setdefault(version.key, [])
        if versions:
            self._forget(versions[-1])
        versions.append(version)
        self._show(version)
        self.log.append(version)
        return version

    def _show(self, version: Version) -> None:
        if version.resource is None:
            return
        self._types[version.type][version.id] = version
        for key in self._index(version.resource):
            self._found[version.type, key][version.id] = None

    def _forget(self, version: Version) -> None:
        if version.resource is None:
            return
        self._types[version.type].pop(version.id, None)
        for key in self._index(version.resource):
            self._found[version.type, key].pop(version.id, None)
