"""Read and change one resource: the interactions of the FHIR REST page, without a socket."""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from fhir_remission.rehearsal.server.parameters import Parameter, all_parameters, read_parameter
from fhir_remission.rehearsal.server.personas import Persona
from fhir_remission.rehearsal.server.references import leaves_as_sent, policy, rewrite
from fhir_remission.rehearsal.server.replies import Refused, Reply
from fhir_remission.rehearsal.server.search import read_search, run
from fhir_remission.rehearsal.server.store import Key, Store, Version

# https://hl7.org/fhir/R4/datatypes.html#id
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


class Interactions:
    """What can be done with one resource, with the habits of a persona."""

    def __init__(self, store: Store, persona: Persona, *, base_url: str) -> None:
        self.store = store
        self.persona = persona
        self.base_url = base_url
        self.pending: frozenset[Key] = frozenset()
        """What the transaction in hand is going to create: targets that exist soon enough."""
        self._parameters = {
            kind: searchable(persona, kind)
            for kind in all_parameters()
            if not persona.types or kind in persona.types
        }

    def parameters(self, kind: str) -> dict[str, Parameter]:
        """Give the search parameters of a type; a type that is not served is refused."""
        if kind not in self._parameters:
            raise Refused(404, "not-supported", f"unknown resource type {kind!r}")
        return self._parameters[kind]

    def types(self) -> list[str]:
        """List the types that are served."""
        return list(self._parameters)

    def read(self, kind: str, name: str) -> Version:
        """Find the newest version; 404 where there never was one, 410 where it was deleted."""
        self.parameters(kind)
        version = self.store.current(kind, name)
        if version is None:
            raise Refused(404, "not-found", f"no {kind}/{name}")
        if version.resource is None:
            raise Refused(self.persona.deleted_status, "deleted", f"{kind}/{name} was deleted")
        return version

    def vread(self, kind: str, name: str, number: str) -> Version:
        """Find one version."""
        self.parameters(kind)
        for version in self.store.versions(kind, name):
            if str(version.number) == number and self.persona.vread:
                if version.resource is None:
                    raise Refused(410, "deleted", f"version {number} is the deletion")
                return version
        raise Refused(404, "not-found", f"no {kind}/{name}/_history/{number}")

    def create(
        self, kind: str, resource: dict[str, Any], *, if_none_exist: str = "", name: str = ""
    ) -> Reply:
        """Create under an id of the server's choice, unless the condition finds it."""
        self._check_writable(kind, resource)
        if if_none_exist:
            if not self.persona.conditional_create:
                raise Refused(400, "not-supported", "conditional create is not supported")
            if match := self.match(kind, if_none_exist):
                return self._written(match, 200)
        resource = {field: value for field, value in resource.items() if field != "id"}
        if name:
            resource["id"] = name
        return self._written(self.store.put(self._kept(resource), method="POST"), 201)

    def update(
        self,
        kind: str,
        name: str,
        resource: dict[str, Any],
        *,
        if_match: str = "",
        if_none_match: str = "",
    ) -> Reply:
        """Replace a resource under its id, or create it there."""
        self._check_writable(kind, resource)
        if resource.get("id") != name:
            raise Refused(400, "invalid", "the id in the body is not the id in the URL")
        if not _ID.fullmatch(name):
            raise Refused(400, "invalid", f"not a FHIR id: {name!r}")
        current = self.store.current(kind, name)
        if current is None or current.resource is None:
            self._check_client_id(name)
        guarded = if_none_match == "*" and self.persona.if_none_match
        if guarded and current is not None and current.resource is not None:
            raise Refused(412, "conflict", f"{kind}/{name} exists")
        if if_match and (current is not None or self.persona.if_match_on_create):
            self._check_version(if_match, current)
        return self._replace(current, resource)

    def conditional_update(
        self, kind: str, condition: str, resource: dict[str, Any], *, if_match: str = ""
    ) -> Reply:
        """Replace the one resource that the condition finds, or create it."""
        self._check_writable(kind, resource)
        if not self.persona.conditional_update:
            raise Refused(405, "not-supported", "conditional update is not supported")
        match = self.match(kind, condition)
        asked = str(resource.get("id", ""))
        if match is None:
            if asked:
                return self.update(kind, asked, resource)
            return self.create(kind, resource)
        if asked and asked != match.id:
            raise Refused(400, "invalid", "the id in the body is not that of the match")
        if if_match:
            self._check_version(if_match, match)
        return self._replace(match, {**resource, "id": match.id})

    def delete(self, kind: str, name: str, *, if_match: str = "") -> Reply:
        """Delete a resource; doing it again, or to nothing, is fine."""
        self.parameters(kind)
        self._check_type_writable(kind)
        current = self.store.current(kind, name)
        if if_match:
            self._check_version(if_match, current)
        if current is not None and current.resource is not None:
            self.store.delete(kind, name)
        return Reply(204)

    def match(self, kind: str, condition: str) -> Version | None:
        """Find what a conditional interaction means: none, one, or refused with 412."""
        pairs = parse_condition(condition)
        if not pairs:
            raise Refused(412, "multiple-matches", "the condition is empty")
        search = read_search(kind, pairs, known=self.parameters(kind), strict=True)
        found = run(self.store, search)
        if len(found) > 1:
            raise Refused(412, "multiple-matches", f"{len(found)} {kind} match the condition")
        return found[0] if found else None

    def shown(self, version: Version, status: int = 200) -> Reply:
        """Answer with a version and its headers."""
        return Reply(status, version.raw, version_headers(version))

    def _written(self, version: Version, status: int) -> Reply:
        place = f"{self.base_url}/{version.type}/{version.id}/_history/{version.number}"
        headers = version_headers(version) | {"Location": place}
        body = b"" if self.persona.empty_writes else version.raw
        return Reply(status, body, headers)

    def _replace(self, current: Version | None, resource: dict[str, Any]) -> Reply:
        if current is None or current.resource is None:
            return self._written(self.store.put(self._kept(resource)), 201)
        kept = self._kept(resource)
        if self.persona.same_content_same_version and _same(current.resource, kept):
            return self._written(current, 200)
        return self._written(self.store.put(kept), 200)

    def _check_version(self, if_match: str, current: Version | None) -> None:
        tag = _ETAG.fullmatch(if_match.strip())
        asked = tag.group(1) if tag else if_match.strip()
        if current is None or str(current.number) != asked:
            raise Refused(self.persona.stale_status, "conflict", "the version is not the newest")

    def _check_client_id(self, name: str) -> None:
        if not self.persona.update_create:
            raise Refused(405, "not-supported", "ids are given by the server")
        if name.isdecimal() and not self.persona.numeric_client_ids:
            raise Refused(400, "invalid", "an id given by the client needs a letter")

    def _check_type_writable(self, kind: str) -> None:
        if kind in self.persona.read_only or "*" in self.persona.read_only:
            raise Refused(405, "not-supported", f"{kind} cannot be written")

    def _check_writable(self, kind: str, resource: dict[str, Any]) -> None:
        self.parameters(kind)
        if resource.get("resourceType") != kind:
            raise Refused(400, "invalid", f"the body is not a {kind}")
        self._check_type_writable(kind)
        status, known = resource.get("status"), self.persona.statuses.get(kind, ())
        if known and status not in known:
            raise Refused(422, "business-rule", f"status {status} is not supported")

    def _kept(self, resource: dict[str, Any]) -> dict[str, Any]:
        named = self.persona.keeps.get(resource["resourceType"], ())
        if named:
            stays = {"resourceType", "id", *named}
            resource = {field: value for field, value in resource.items() if field in stays}
        if leaves_as_sent(self.persona):
            return resource
        change = policy(self.persona, base_url=self.base_url, exists=self._exists)
        kept: dict[str, Any] = rewrite(resource, change)
        return kept

    def _exists(self, key: Key) -> bool:
        return key in self.pending or self.store.resource(*key) is not None


def searchable(persona: Persona, kind: str) -> dict[str, Parameter]:
    """Give the search parameters of a type that the persona has."""
    lacking = {*persona.unsearchable.get("*", ()), *persona.unsearchable.get(kind, ())}
    found = {
        name: parameter for name, parameter in all_parameters()[kind].items() if name not in lacking
    }
    for name, text in persona.adds.get(kind, {}).items():
        found[name] = read_parameter(name, *text.split(":", 1))
    return found


def version_headers(version: Version) -> dict[str, str]:
    """Give ETag and Last-Modified of a version."""
    return {
        "ETag": f'W/"{version.number}"',
        "Last-Modified": format_datetime(version.at, usegmt=True),
    }


def parse_condition(condition: str) -> list[tuple[str, str]]:
    """Read the query of a conditional interaction."""
    return parse_qsl(condition.partition("?")[2] or condition, keep_blank_values=True)


def _same(stored: dict[str, Any], sent: dict[str, Any]) -> bool:
    def content(resource: dict[str, Any]) -> dict[str, Any]:
        meta = dict(resource.get("meta", {}))
        for field in ("versionId", "lastUpdated"):
            meta.pop(field, None)
        return {**resource, "meta": meta}

    return content(stored) == content(sent)
