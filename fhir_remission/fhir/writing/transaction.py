"""One transaction per patient: what is sent, and what the server really did with it.

Order in a Bundle: Observation, ClinicalImpression, Provenance, so that a server that checks
references meets every target before what points at it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote

from msgspec import Struct

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.fhir.r4.datatypes import RELATIVE_REFERENCE, Json, Resource, objects, text_of
from fhir_remission.fhir.r4.outcome import Issue, is_failure, read_issues
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.identity import identifier_value

Mode = Literal["put", "conditional-update", "conditional-create", "search"]

_ORDER = ("Device", "Observation", "ClinicalImpression", "Provenance")
# HAPI 8 gives a bare `1` in the entries of a transaction-response.
_VERSION = re.compile(r'(?:(?:W/)?"(?P<version>[^"]*)"|(?P<bare>[A-Za-z0-9\-.]+))')


class Write(Struct, frozen=True):
    """One resource to be written; `if_match` is the version it replaces, empty for a new one."""

    resource: Resource
    if_match: str = ""
    server_id: str = ""
    """Its id at the server, once known; some servers give ids themselves."""


class EntryReceipt(Struct, frozen=True):
    """What the server answered about one entry."""

    reference: str
    version: str
    status: int
    issues: tuple[Issue, ...] = ()

    @property
    def done(self) -> bool:
        """Whether this entry was carried out."""
        return 200 <= self.status < 300 and not is_failure(self.issues)


class Receipt(Struct, frozen=True):
    """What became of one transaction; anything in `problems` means: do not trust it."""

    entries: tuple[EntryReceipt, ...]
    problems: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether every entry was carried out and accounted for."""
        return not self.problems and all(entry.done for entry in self.entries)


def in_order(writes: Iterable[Write]) -> list[Write]:
    """The writes, targets before what points at them: the order of the entries of a Bundle."""
    return sorted(writes, key=lambda w: _ORDER.index(text_of(w.resource.get("resourceType"))))


def build_transaction(
    writes: Iterable[Write],
    *,
    mode: Mode = "put",
    namespace: str = NAMESPACE,
    if_none_match: bool = False,
) -> Resource:
    """The transaction Bundle of these writes; `if_none_match` where the server honours it."""
    ordered = in_order(writes)
    entries: list[Json] = [_entry(w, mode, namespace, if_none_match=if_none_match) for w in ordered]
    names = {_name(write.resource): _target(write, mode) for write in ordered}
    moved = {name: target for name, target in names.items() if name != target}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": redirected(entries, moved) if moved else entries,
    }


def build_transaction_for_all(
    writes: Sequence[Write], device: Resource, namespace: str = NAMESPACE
) -> Resource:
    """One transaction Bundle of all results, ready to post, whoever posts it and how often.

    What is new is created unless it is there: an update without a version would overwrite.
    """
    bundle = build_transaction(
        [Write(device), *writes], mode="conditional-create", namespace=namespace
    )
    for entry in objects(bundle["entry"]):
        resource, request = entry["resource"], entry["request"]
        if isinstance(resource, dict) and isinstance(request, dict) and _is_first(resource):
            # Where the result stands already, this one would speak of a content it did not get.
            about = _tag_of(resource, f"{namespace}/id/about")
            request["ifNoneExist"] = _searched("_tag", f"{namespace}/id/about|{about}")
    return bundle


def _is_first(resource: Resource) -> bool:
    """Whether it is the Provenance of what was created."""
    activity = resource.get("activity")
    codings = objects(activity.get("coding")) if isinstance(activity, dict) else ()
    return any(coding.get("code") == "CREATE" for coding in codings)


def _tag_of(resource: Resource, system: str) -> str:
    meta = resource.get("meta")
    tags = objects(meta.get("tag")) if isinstance(meta, dict) else ()
    return next((text_of(tag.get("code")) for tag in tags if tag.get("system") == system), "")


def not_taken(writes: Iterable[Write], by: Authorship) -> str:
    """Why a sink that takes only some statuses will not take these; empty where it will."""
    for write in writes if by.statuses else ():
        kind, status = write.resource["resourceType"], text_of(write.resource.get("status"))
        if kind == "Observation" and status not in by.statuses:
            name = f"{kind}/{write.server_id or write.resource['id']}"
            return f"the EHR takes no status {status}: {name} has to be withdrawn there by hand"
    return ""


def read_receipt(sent: Resource, answer: Json) -> Receipt:
    """Read every entry of the answer: the outer 200 proves nothing."""
    if not isinstance(answer, dict) or answer.get("resourceType") != "Bundle":
        issues = tuple(issue.loggable for issue in read_issues(answer))
        return Receipt((), issues or ("the answer to a transaction is not a Bundle",))
    requests = [item for item in _entries(sent) if isinstance(item, dict)]
    answers = list(objects(answer.get("entry")))
    if len(requests) != len(answers):
        problem = f"{number_of(len(requests), 'entry', 'entries')} sent, {len(answers)} answered"
        return Receipt(tuple(_receipt({}, item) for item in answers), (problem,))
    pairs = list(zip(requests, answers, strict=True))
    receipts = tuple(_receipt(asked, answered) for asked, answered in pairs)
    problems = [
        text
        for (asked, _), receipt in zip(pairs, receipts, strict=True)
        if (text := _problem(asked, receipt))
    ]
    return Receipt(receipts, tuple(problems))


def version_of_etag(etag: str) -> str:
    """`3` of `W/"3"`; empty where there is none."""
    found = _VERSION.fullmatch(etag.strip())
    return (found["version"] or found["bare"] or "") if found else ""


def etag_of(version: str) -> str:
    """`W/"3"` of `3`: what If-Match wants."""
    return f'W/"{version}"'


def search_for(resource: Resource, namespace: str = NAMESPACE) -> str:
    """The search that finds this very resource: by identifier, or by tag where it has none."""
    system = f"{namespace}/id/assessment"
    name = "_tag" if resource["resourceType"] == "Provenance" else "identifier"
    value = identifier_value(resource, system) or text_of(resource.get("id"))
    return _searched(name, f"{system}|{value}")


def _searched(name: str, token: str) -> str:
    return f"{name}={quote(token, safe=':/')}"


def _entry(write: Write, mode: Mode, namespace: str, *, if_none_match: bool = False) -> Json:
    resource, kind = write.resource, text_of(write.resource.get("resourceType"))
    if mode == "put" or write.server_id:
        known = write.server_id or resource["id"]
        request: Resource = {"method": "PUT", "url": f"{kind}/{known}"}
        if if_none_match and not write.server_id and kind != "Provenance":
            request["ifNoneMatch"] = "*"
        return {"resource": {**resource, "id": known}, "request": _guarded(request, write)}
    search = search_for(resource, namespace)
    if mode == "conditional-update" and kind != "Provenance":
        request = _guarded({"method": "PUT", "url": f"{kind}?{search}"}, write)
    else:
        request = {"method": "POST", "url": kind, "ifNoneExist": search}
    without_id = {name: item for name, item in resource.items() if name != "id"}
    return {"fullUrl": _urn(resource), "resource": without_id, "request": request}


def _guarded(request: Resource, write: Write) -> Resource:
    return {**request, "ifMatch": etag_of(write.if_match)} if write.if_match else request


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _urn(resource: Resource) -> str:
    """The same resource has the same urn in every attempt."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _name(resource))}"


def _target(write: Write, mode: Mode) -> str:
    """What stands for the resource inside the Bundle: its id, or its urn until it has one."""
    if write.server_id:
        return f"{write.resource['resourceType']}/{write.server_id}"
    return _name(write.resource) if mode == "put" else _urn(write.resource)


def redirected(value: Json, names: dict[str, str]) -> Json:
    """Point references among our own entries at the ids that the server will give."""
    if isinstance(value, list):
        return [redirected(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {name: redirected(item, names) for name, item in value.items()}
    literal = value.get("reference")
    if isinstance(literal, str) and literal in names:
        changed["reference"] = names[literal]
    return changed


def _entries(bundle: Resource) -> list[Json]:
    held = bundle.get("entry")
    return held if isinstance(held, list) else []


def _receipt(asked: Resource, answered: Resource) -> EntryReceipt:
    held = answered.get("response")
    response = held if isinstance(held, dict) else {}
    found = RELATIVE_REFERENCE.fullmatch(text_of(response.get("location")))
    etag = version_of_etag(text_of(response.get("etag")))
    return EntryReceipt(
        reference=f"{found['type']}/{found['id']}" if found else _asked_for(asked),
        version=etag or (found["version"] or "" if found else ""),
        status=_status(text_of(response.get("status"))),
        issues=read_issues(response.get("outcome")) + read_issues(answered.get("resource")),
    )


def _status(text: str) -> int:
    head = text.strip()[:3]
    return int(head) if len(head) == 3 and head.isascii() and head.isdigit() else 0


def _asked_for(asked: Resource) -> str:
    """Where a server names no location, the id that we gave is the location."""
    request = asked.get("request")
    url = text_of(request.get("url")) if isinstance(request, dict) else ""
    return url if RELATIVE_REFERENCE.fullmatch(url) else ""


def _problem(asked: Resource, receipt: EntryReceipt) -> str:
    named = _asked_for(asked)
    if not receipt.done:
        codes = "; ".join(issue.loggable for issue in receipt.issues)
        return (
            f"{named or receipt.reference or 'an entry'}: status {receipt.status} {codes}".strip()
        )
    if named and receipt.reference != named:
        return f"{named} was written as {receipt.reference}"
    return "" if receipt.reference else "an entry was written and no location given"
