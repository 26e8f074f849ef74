"""What each fault does: before the request is answered, or to the answer."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from fhir_remission.rehearsal.faults.fault_kinds import Fault
from fhir_remission.rehearsal.server.codec import decode, encode
from fhir_remission.rehearsal.server.merge import merge_patient
from fhir_remission.rehearsal.server.paging import expired
from fhir_remission.rehearsal.server.personas import PATIENT_PARAMETERS
from fhir_remission.rehearsal.server.replies import Refused, Reply, Request, outcome, refusal
from fhir_remission.rehearsal.server.service import Service

Bundle = dict[str, Any]
Before = Callable[[Fault, Request, Service], Request | Reply | None]
After = Callable[[Fault, Request, Reply, Service], Reply]


def _busy(fault: Fault, request: Request, service: Service) -> Reply:
    body = encode(outcome("throttled", "too many requests"))
    return Reply(429, body, {"Retry-After": fault.argument})


def _busy_until(fault: Fault, request: Request, service: Service) -> Reply:
    # The client's own clock decides what a date means; one second ahead is soon on any of them.
    until = datetime.now(UTC) + timedelta(seconds=1)
    body = encode(outcome("throttled", "too many requests"))
    return Reply(429, body, {"Retry-After": format_datetime(until, usegmt=True)})


def _expired(fault: Fault, request: Request, service: Service) -> Reply:
    service.pages.expire(dict(request.query)["_getpages"])
    return service.refuse(expired(service.persona.expired_status))


def _conflict(fault: Fault, request: Request, service: Service) -> Reply:
    return refusal(Refused(int(fault.name), "conflict", "somebody else was faster"))


def _flaky_login(fault: Fault, request: Request, service: Service) -> Reply:
    return Reply(400, b"", {"Content-Type": "text/html"})


def _token_used_up(fault: Fault, request: Request, service: Service) -> Reply | None:
    if service.login and service.login.used_up(request, after=int(fault.argument)):
        return refusal(Refused(401, "login", "the token has expired"))
    return None


def _without_parameter(fault: Fault, request: Request, service: Service) -> Request | None:
    def kept(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [pair for pair in pairs if pair[0].partition(":")[0] != fault.argument]

    query = tuple(kept(list(request.query)))
    body = request.body
    if request.is_search:
        form = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
        body = urlencode(kept(form)).encode()
        changed = len(parse_qsl(body.decode())) != len(form)
    else:
        changed = len(query) != len(request.query)
    return msgspec.structs.replace(request, query=query, body=body) if changed else None


def _merge(fault: Fault, request: Request, service: Service) -> Request | None:
    with service.lock:
        return request if merge_patient(service.store, asked_patient(request)) else None


BEFORE: dict[str, Before] = {
    "429": _busy,
    "429-date": _busy_until,
    "expire-page": _expired,
    "409": _conflict,
    "412": _conflict,
    "token-flaky": _flaky_login,
    "token-expires": _token_used_up,
    "ignore-param": _without_parameter,
    "merged-patient": _merge,
}


def asked_patient(request: Request) -> str:
    """Find the one patient that a request is about; empty where there is none or several."""
    if request.path[:1] == ("Patient",) and len(request.path) == 2 and request.method == "GET":
        return request.path[1]
    asked = asked_patients(request)
    return next(iter(asked)) if len(asked) == 1 else ""


def asked_patients(request: Request) -> frozenset[str]:
    """Find the patients whom a search names."""
    form = parse_qsl(request.body.decode("ascii", "replace")) if request.is_search else []
    names = PATIENT_PARAMETERS | ({"_id"} if request.path[:1] == ("Patient",) else set())
    return frozenset(
        patient.rpartition("/")[2]
        for name, text in (*request.query, *form)
        if name.partition(":")[0] in names
        for patient in text.split(",")
    )


def _next_link(bundle: Bundle) -> dict[str, str] | None:
    return next((link for link in bundle["link"] if link["relation"] == "next"), None)


def _edit(reply: Reply, change: Callable[[Bundle], bool]) -> Reply:
    """Change the Bundle of an answer; the same reply comes back where nothing was changed."""
    bundle = decode(reply.body)
    if bundle.get("type") != "searchset" or not change(bundle):
        return reply
    return msgspec.structs.replace(reply, body=encode(bundle))


def _off_origin(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    def change(bundle: Bundle) -> bool:
        link = _next_link(bundle)
        if link is None:
            return False
        other = urlsplit(fault.argument)
        link["url"] = urlunsplit(urlsplit(link["url"])._replace(scheme=other[0], netloc=other[1]))
        return True

    return _edit(reply, change)


def _relative(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    def change(bundle: Bundle) -> bool:
        link = _next_link(bundle)
        if link is None:
            return False
        link["url"] = urlunsplit(urlsplit(link["url"])._replace(scheme="", netloc=""))
        return True

    return _edit(reply, change)


def _loop(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    def change(bundle: Bundle) -> bool:
        if "_getpages" not in dict(request.query):
            return False
        here = next(link["url"] for link in bundle["link"] if link["relation"] == "self")
        links = [link for link in bundle["link"] if link["relation"] != "next"]
        bundle["link"] = [*links, {"relation": "next", "url": here}]
        return True

    return _edit(reply, change)


def _duplicate(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    def change(bundle: Bundle) -> bool:
        rows = bundle.get("entry", [])
        rows.extend(rows[:1])
        return bool(rows)

    return _edit(reply, change)


def _shifted(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    def change(bundle: Bundle) -> bool:
        before = service.pages.last_row(dict(request.query).get("_getpages", ""))
        if before is None:
            return False
        bundle["entry"] = [before, *bundle.get("entry", [])]
        return True

    return _edit(reply, change)


def _outcome_row(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    text = "some resources were left out because they could not be shown"

    def change(bundle: Bundle) -> bool:
        rows = bundle.get("entry", [])
        if not rows:
            return False
        code = service.persona.error_codes.get("incomplete", "")
        issue = outcome("incomplete", text, severity="warning", own_code=code)
        rows[-1] = {"resource": issue, "search": {"mode": "outcome"}}
        return True

    return _edit(reply, change)


def _foreign(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    by_patient = bool(asked_patients(request)) or "_getpages" in dict(request.query)

    def change(bundle: Bundle) -> bool:
        row = next((row for row in bundle.get("entry", []) if "subject" in row["resource"]), None)
        if row is None or not by_patient:
            return False
        patient = row["resource"]["subject"]["reference"].rpartition("/")[2]
        someone = {"reference": f"Patient/{patient}-somebody-else"}
        other = {**row["resource"], "id": f"{row['resource']['id']}-other", "subject": someone}
        bundle["entry"].append({**row, "resource": other})
        return True

    return _edit(reply, change)


def _server_error(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    return refusal(Refused(500, "exception", "something went wrong"))


def _lost(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    return msgspec.structs.replace(reply, lost=True)


def _truncated(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    return msgspec.structs.replace(reply, cut=len(reply.body) // 2)


def _bomb(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return Reply(200, _compressed_blanks(int(fault.argument)), headers)


@cache
def _compressed_blanks(megabytes: int) -> bytes:
    member = gzip.compress(b" " * (1024 * 1024), mtime=0)
    return member * megabytes + gzip.compress(b'{"resourceType":"Bundle"}', mtime=0)


def _empty(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    if reply.status != 201 or not reply.body:
        return reply
    return msgspec.structs.replace(reply, body=b"")


def _dropped(fault: Fault, request: Request, reply: Reply, service: Service) -> Reply:
    if not reply.body or reply.status >= 400:
        return reply
    first, _, rest = fault.argument.partition(".")
    kind, path = (first, rest) if first[:1].isupper() else ("", fault.argument)
    body = decode(reply.body)
    resources = [body, *(row.get("resource", {}) for row in body.get("entry", []))]
    wanted = [one for one in resources if kind in {"", one.get("resourceType")}]
    if not sum(_drop(one, path.split(".")) for one in wanted):
        return reply
    return msgspec.structs.replace(reply, body=encode(body))


def _drop(value: Any, path: list[str]) -> int:  # noqa: ANN401 - any JSON value
    """Delete an element wherever the path leads to; say how often."""
    if isinstance(value, list):
        return sum(_drop(item, path) for item in value)
    if not isinstance(value, dict) or path[0] not in value:
        return 0
    if len(path) > 1:
        return _drop(value[path[0]], path[1:])
    del value[path[0]]
    return 1


AFTER: dict[str, After] = {
    "off-origin-next": _off_origin,
    "relative-next": _relative,
    "next-loop": _loop,
    "duplicate-rows": _duplicate,
    "row-between-pages": _shifted,
    "outcome-in-200": _outcome_row,
    "foreign-patient": _foreign,
    "500-after-commit": _server_error,
    "lost-response": _lost,
    "truncate": _truncated,
    "gzip-bomb": _bomb,
    "empty-201": _empty,
    "drop-field": _dropped,
}
