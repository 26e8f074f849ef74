"""Transactions, all or nothing, and batches, each entry on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from fhir_remission.rehearsal.server.codec import decode, encode
from fhir_remission.rehearsal.server.interactions import Interactions
from fhir_remission.rehearsal.server.references import rewrite
from fhir_remission.rehearsal.server.replies import Refused, Reply, refusal
from fhir_remission.rehearsal.server.store import Key

# https://hl7.org/fhir/R4/http.html#trules: the order in which entries are processed.
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}

Search = Callable[[str], Reply]


class Entry(Struct, frozen=True):
    """One entry of the Bundle, its request taken apart."""

    place: int
    full_url: str
    method: str
    kind: str
    name: str
    condition: str
    resource: dict[str, Any]
    if_match: str
    if_none_match: str
    if_none_exist: str
    url: str


def run_bundle(
    interactions: Interactions, bundle: dict[str, Any], search: Search, *, representation: bool
) -> Reply:
    """Run a transaction or batch Bundle and answer with its receipt."""
    kind = bundle.get("type")
    persona = interactions.persona
    allowed = {"transaction": persona.transaction, "batch": persona.batch}
    if bundle.get("resourceType") != "Bundle" or kind not in allowed:
        raise Refused(400, "invalid", "not a transaction or batch Bundle")
    if not allowed[str(kind)]:
        raise Refused(405, "not-supported", f"{kind} is not supported")
    items = bundle.get("entry", [])
    if persona.max_entries and len(items) > persona.max_entries:
        raise Refused(413, "too-costly", f"more than {persona.max_entries} entries")
    numbered = list(enumerate(items))
    if kind == "batch":
        replies = [_run_alone(interactions, place, item, search) for place, item in numbered]
    else:
        entries = [_read_entry(place, item) for place, item in numbered]
        replies = _run_together(interactions, entries, search)
    receipt = {
        "resourceType": "Bundle",
        "type": f"{kind}-response",
        "entry": [_receipt(reply, representation=representation) for reply in replies],
    }
    return Reply(200, encode(receipt))


def _read_entry(place: int, item: Any) -> Entry:  # noqa: ANN401 - as sent
    request = item.get("request") if isinstance(item, dict) else None
    if not isinstance(request, dict) or "method" not in request or "url" not in request:
        raise Refused(400, "required", f"entry {place} has no request")
    method, url = str(request["method"]), str(request["url"])
    path, _, condition = url.partition("?")
    kind, _, name = path.strip("/").partition("/")
    if method not in ORDER or (method in {"POST", "PUT"} and "resource" not in item):
        raise Refused(400, "invalid", f"entry {place} cannot be run: {method} {url}")
    return Entry(
        place=place,
        full_url=str(item.get("fullUrl", "")),
        method=method,
        kind=kind,
        name=name,
        condition=condition,
        resource=item.get("resource", {}),
        if_match=str(request.get("ifMatch", "")),
        if_none_match=str(request.get("ifNoneMatch", "")),
        if_none_exist=str(request.get("ifNoneExist", "")),
        url=url,
    )


def _run_alone(interactions: Interactions, place: int, item: object, search: Search) -> Reply:
    mark = interactions.store.mark()
    try:
        return _run(interactions, _read_entry(place, item), "", search)
    except Refused as refused:
        interactions.store.rollback(mark)
        return refusal(refused)


def _run_together(interactions: Interactions, entries: list[Entry], search: Search) -> list[Reply]:
    store = interactions.store
    mark = store.mark()
    replies: dict[int, Reply] = {}
    place = 0
    try:
        names = _plan(interactions, entries)
        interactions.pending = frozenset(names.values())
        resolve = _resolver(interactions, entries, names)
        for entry in sorted(entries, key=lambda entry: ORDER[entry.method]):
            place = entry.place
            ready = msgspec.structs.replace(entry, resource=resolve(entry.resource))
            name = names[entry.place][1]
            replies[entry.place] = _run(interactions, ready, name, search)
    except Refused as refused:
        store.rollback(mark)
        text = f"entry {place}: {refused}; the transaction was rolled back"
        raise Refused(refused.status, refused.code, text) from None
    finally:
        interactions.pending = frozenset()
    return [replies[entry.place] for entry in entries]


def _plan(interactions: Interactions, entries: list[Entry]) -> dict[int, Key]:
    """Decide under which id each entry will be found; two entries for one id are refused."""
    names: dict[int, Key] = {}
    for entry in entries:
        names[entry.place] = (entry.kind, _planned_name(interactions, entry))
    written = [names[entry.place] for entry in entries if entry.method != "GET"]
    if len(set(written)) != len(written):
        raise Refused(400, "duplicate", "two entries are about the same resource")
    return names


def _planned_name(interactions: Interactions, entry: Entry) -> str:
    condition = entry.if_none_exist if entry.method == "POST" else entry.condition
    asks = condition and entry.method != "GET"
    if asks and (match := interactions.match(entry.kind, condition)):
        return match.id
    if entry.name:
        return entry.name
    given = str(entry.resource.get("id", "")) if entry.method == "PUT" else ""
    return given or interactions.store.new_id(entry.kind)


def _resolver(
    interactions: Interactions, entries: list[Entry], names: dict[int, Key]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    targets = {
        entry.full_url: "/".join(names[entry.place])
        for entry in entries
        if entry.full_url.startswith("urn:")
    }

    def change(text: str) -> str:
        if "?" in text and "://" not in text:
            kind, _, condition = text.partition("?")
            match = interactions.match(kind, condition)
            if match is None:
                raise Refused(412, "not-found", f"no {kind} for a conditional reference")
            return f"{kind}/{match.id}"
        return targets.get(text, text)

    return lambda resource: rewrite(resource, change)


def _run(interactions: Interactions, entry: Entry, name: str, search: Search) -> Reply:
    if entry.method == "POST":
        return interactions.create(
            entry.kind, entry.resource, if_none_exist=entry.if_none_exist, name=name
        )
    if entry.method == "PUT" and not entry.name:
        if name and "id" not in entry.resource:
            found = interactions.match(entry.kind, entry.condition)
            if found is None:  # the id is the server's choice, not the client's
                return interactions.create(entry.kind, entry.resource, name=name)
        resource = {**entry.resource, "id": name} if name else entry.resource
        return interactions.conditional_update(
            entry.kind, entry.condition, resource, if_match=entry.if_match
        )
    if entry.method == "PUT":
        return interactions.update(
            entry.kind,
            entry.name,
            entry.resource,
            if_match=entry.if_match,
            if_none_match=entry.if_none_match,
        )
    if entry.method == "DELETE":
        return interactions.delete(entry.kind, entry.name, if_match=entry.if_match)
    return search(entry.url)


def _receipt(reply: Reply, *, representation: bool) -> dict[str, Any]:
    response: dict[str, Any] = {"status": str(reply.status)}
    for header, field in (("Location", "location"), ("ETag", "etag")):
        if header in reply.headers:
            response[field] = reply.headers[header]
    if reply.status >= 400:
        response["outcome"] = msgspec.Raw(reply.body)
    elif "ETag" in reply.headers and reply.body:
        response["lastModified"] = decode(reply.body)["meta"]["lastUpdated"]
    entry: dict[str, Any] = {}
    searched = "ETag" not in reply.headers
    if reply.body and reply.status < 400 and (representation or searched):
        entry["resource"] = msgspec.Raw(reply.body)
    entry["response"] = response
    return entry
