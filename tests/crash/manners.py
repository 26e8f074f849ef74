"""Ways in which servers treat what they are given that no persona has: one change each.

A manner changes what is stored, what is asked or what is answered; the world around it is as ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from tests.crash.world import World

Resource = dict[str, Any]


def _same(resource: Resource) -> Resource:
    return resource


def _asked(request: Request) -> Request:
    return request


def _answered(_: Request, answer: Answer) -> Answer:
    return answer


class Manner(Struct, frozen=True):
    """What a server does to a resource it stores, to a request, to an answer."""

    stores: Callable[[Resource], Resource] = _same
    asked: Callable[[Request], Request] = _asked
    answers: Callable[[Request, Answer], Answer] = _answered


def live_with(world: World, manner: Manner) -> None:
    """This world's server behaves so from now on, towards programs; people see what is stored."""
    put, exchange = world.server.store.put, world._answered

    def storing(resource: Resource, **rest: Any) -> Any:
        return put(manner.stores(json.loads(json.dumps(resource))), **rest)

    def answering(request: Request) -> Answer | NoAnswer:
        answer = exchange(manner.asked(request))
        return answer if isinstance(answer, NoAnswer) else manner.answers(request, answer)

    world.server.store.put = storing  # type: ignore[method-assign]
    world._answered = answering  # type: ignore[method-assign]


# What is stored -------------------------------------------------------------------------------


def _identifiers(change: Callable[[list[Resource]], list[Resource]]) -> Manner:
    def stores(resource: Resource) -> Resource:
        held = resource.get("identifier")
        return {**resource, "identifier": change(held)} if isinstance(held, list) else resource

    return Manner(stores=stores)


def _untagged(resource: Resource) -> Resource:
    kept = {name: v for name, v in resource.get("meta", {}).items() if name != "tag"}
    return {**resource, "meta": kept} if "meta" in resource else resource


def _sourced(resource: Resource) -> Resource:
    added = {"source": "urn:other:engine#4711", "profile": ["http://example.org/p"]}
    return {**resource, "meta": {**resource.get("meta", {}), **added}}


def _narrated(resource: Resource) -> Resource:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    return {**resource, "text": text}


def _extended(resource: Resource) -> Resource:
    return {**resource, "extension": [{"url": "http://example.org/seen", "valueBoolean": True}]}


def _absolute(base: str) -> Callable[[Resource], Resource]:
    def stores(resource: Resource) -> Resource:
        subject = resource.get("subject", {}).get("reference", "")
        if not subject.startswith("Patient/"):
            return resource
        return {**resource, "subject": {**resource["subject"], "reference": f"{base}/{subject}"}}

    return stores


def _displayed(resource: Resource) -> Resource:
    if "subject" not in resource:
        return resource
    return {**resource, "subject": {**resource["subject"], "display": "Doe, Jane"}}


# What is answered -----------------------------------------------------------------------------


def _header(name: str, change: Callable[[str], str]) -> Callable[[Request, Answer], Answer]:
    def answers(_: Request, answer: Answer) -> Answer:
        kept = dict(answer.headers)
        if name in kept:
            told = change(kept.pop(name))
            kept |= {name: told} if told else {}
        return structs.replace(answer, headers=kept)

    return answers


def _body(change: Callable[[Any], Any]) -> Callable[[Request, Answer], Answer]:
    def answers(request: Request, answer: Answer) -> Answer:
        if not answer.body or "metadata" in request.url:
            return answer
        return structs.replace(answer, body=json.dumps(change(json.loads(answer.body))).encode())

    return answers


def _strong(etag: str) -> str:
    return etag.removeprefix("W/")


def _bare(etag: str) -> str:
    return _strong(etag).strip('"')


def no_history(request: Request, answer: Answer) -> Answer:
    if "/_history" not in request.url:
        return answer
    return Answer(404, {}, b'{"resourceType":"OperationOutcome"}', request.url)


def short_history(request: Request, answer: Answer) -> Answer:
    """The version in force and no other."""
    if "/_history" not in request.url:
        return answer
    bundle = json.loads(answer.body)
    return structs.replace(
        answer, body=json.dumps({**bundle, "entry": bundle["entry"][:1]}).encode()
    )


def deaf(request: Request) -> Request:
    """If-Match is not heard, neither as a header nor in an entry."""
    kept = {n: v for n, v in request.headers.items() if n.lower() != "if-match"}
    body = request.body
    if body and b'"ifMatch"' in body:
        bundle = json.loads(body)
        for entry in bundle.get("entry", []):
            entry.get("request", {}).pop("ifMatch", None)
        body = json.dumps(bundle).encode()
    return structs.replace(request, headers=kept, body=body)


def _less(bundle: Any) -> Any:
    """An answer to a transaction that misses its last entry."""
    if isinstance(bundle, dict) and bundle.get("type") in (
        "transaction-response",
        "batch-response",
    ):
        return {**bundle, "entry": bundle["entry"][:-1]}
    return bundle


def _located(request: Request, answer: Answer) -> Answer:
    """Locations of another host, as behind a proxy that rewrites nothing."""
    told = answer.headers.get("location", "")
    place = "http://inside.example:8080/fhir/" + "/".join(told.split("/")[-4:])
    headers = {**answer.headers, "location": place} if told else answer.headers
    return structs.replace(answer, headers=headers)


MANNERS: dict[str, Manner] = {
    "none": Manner(),
    "upper-case values": _identifiers(
        lambda held: [{**one, "value": str(one.get("value", "")).upper()} for one in held]
    ),
    "values cut": _identifiers(
        lambda held: [{**one, "value": str(one.get("value", ""))[:20]} for one in held]
    ),
    "systems renamed": _identifiers(
        lambda held: [
            {**o, "system": str(o.get("system", "")).replace("https:", "http:")} for o in held
        ]
    ),
    "lower-case systems": _identifiers(
        lambda held: [{**one, "system": str(one.get("system", "")).lower()} for one in held]
    ),
    "identifiers turned round": _identifiers(lambda held: held[::-1]),
    "an identifier added": _identifiers(
        lambda held: [*(o for o in held if o.get("system") != "urn:mine"), {"system": "urn:mine"}]
    ),
    "use and type added": _identifiers(
        lambda held: [{**one, "use": "official", "type": {"text": "ID"}} for one in held]
    ),
    "untagged": Manner(stores=_untagged),
    "sourced": Manner(stores=_sourced),
    "narrated": Manner(stores=_narrated),
    "extended": Manner(stores=_extended),
    "absolute subjects": Manner(stores=_absolute("http://inside.example:8080/fhir")),
    "displayed": Manner(stores=_displayed),
    "strong ETag": Manner(answers=_header("etag", _strong)),
    "bare ETag": Manner(answers=_header("etag", _bare)),
    "no ETag": Manner(answers=_header("etag", lambda _: "")),
    "an ETag of words": Manner(answers=_header("etag", lambda _: 'W/"abc/def"')),
    "no Location": Manner(answers=_header("location", lambda _: "")),
    "inner Location": Manner(answers=_located),
    "no history": Manner(answers=no_history),
    "deaf to If-Match": Manner(asked=deaf),
    "one entry less": Manner(answers=_body(_less)),
}
