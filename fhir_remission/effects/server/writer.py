"""Writing to one FHIR server: what the server says, or that nobody knows."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fhir_remission.effects.http.refusal import is_done, refusal
from fhir_remission.effects.http.transport import Answer, Method, OutcomeUnknown, Request
from fhir_remission.effects.server.access import FHIR_JSON, WriteTransport
from fhir_remission.effects.server.client import FhirClient, decode_json, decoded
from fhir_remission.effects.server.paging import MAX_PAGES
from fhir_remission.fhir.r4.datatypes import RELATIVE_REFERENCE, Json, Resource, text_of
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.fhir.writing.transaction import version_of_etag

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Written(Struct, frozen=True):
    """What a single write left on the server; empty where the server did not say."""

    reference: str
    version: str
    body: Json = None
    status: int = 0


class WritingClient(FhirClient):
    """Reads and writes. A dry run never holds one."""

    def __init__(
        self, transport: WriteTransport, profile: Profile, *, max_pages: int = MAX_PAGES
    ) -> None:
        super().__init__(transport, profile, max_pages=max_pages)
        self._writing = transport

    def transaction(self, bundle: Resource, *, repeatable: bool) -> Json | OutcomeUnknown:
        """Send a transaction or batch; `repeatable` says that sending it twice is harmless.

        It is when every entry has an id of ours or a condition. The answer's own status proves
        nothing: `fhir.transaction.read_receipt` reads each entry.
        """
        request = self._request("POST", "", "transaction", bundle, {}, repeatable=repeatable)
        answer = self._writing.write(request)
        if isinstance(answer, OutcomeUnknown):
            return answer
        if not 200 <= answer.status < 300:
            raise refusal(self.host, "transaction", answer)
        return decoded(answer, self.host, "transaction")

    def update(
        self, resource: Resource, *, if_match: str = "", if_new: bool = False
    ) -> Written | OutcomeUnknown:
        """Put a resource under its own id, once; Conflict when somebody was faster."""
        kind, known = text_of(resource["resourceType"]), text_of(resource["id"])
        headers = {"If-Match": f'W/"{if_match}"'} if if_match else {}
        headers |= {"If-None-Match": "*"} if if_new else {}
        return self._write("PUT", f"/{kind}/{known}", f"update {kind}", resource, headers)

    def update_where(
        self, resource: Resource, search: str, *, if_match: str = ""
    ) -> Written | OutcomeUnknown:
        """Put a resource wherever the search finds it, once; Conflict when it finds several."""
        kind = text_of(resource["resourceType"])
        headers = {"If-Match": f'W/"{if_match}"'} if if_match else {}
        return self._write("PUT", f"/{kind}?{search}", f"update {kind}", resource, headers)

    def create(self, resource: Resource, *, unless: str = "") -> Written | OutcomeUnknown:
        """Post a resource, once, unless a search finds it: then the status is 200."""
        kind = text_of(resource["resourceType"])
        headers = {"If-None-Exist": unless} if unless else {}
        return self._write("POST", f"/{kind}", f"create {kind}", resource, headers)

    def _write(
        self,
        method: Method,
        path: str,
        label: str,
        resource: Resource,
        headers: dict[str, str],
    ) -> Written | OutcomeUnknown:
        request = self._request(method, path, label, resource, headers, repeatable=False)
        answer = self._writing.write(request)
        if isinstance(answer, OutcomeUnknown):
            return answer
        if not is_done(answer):
            raise refusal(self.host, label, answer)
        return _written(answer, resource)

    def _request(
        self,
        method: Method,
        path: str,
        label: str,
        resource: Resource,
        headers: dict[str, str],
        *,
        repeatable: bool,
    ) -> Request:
        return Request(
            method,
            self.transport.base.url + path,
            label,
            headers={"Accept": FHIR_JSON, "Content-Type": FHIR_JSON, **headers},
            body=_ENCODER.encode(resource),
            repeat="repeatable" if repeatable else "once",
        )


def _written(answer: Answer, resource: Resource) -> Written:
    """Read where it lies: from headers, because Oracle Health answers 201 with an empty body."""
    kind = text_of(resource["resourceType"])
    location = answer.headers.get("location", "") or answer.headers.get("content-location", "")
    found = RELATIVE_REFERENCE.fullmatch(location)
    body = _body(answer)
    named = body.get("id") if isinstance(body, dict) else None
    known = found["id"] if found and found["type"] == kind else text_of(named or resource.get("id"))
    etag = version_of_etag(answer.headers.get("etag", ""))
    version = etag or (found["version"] or "" if found else "") or _version(body)
    return Written(f"{kind}/{known}" if known else "", version, body, answer.status)


def _body(answer: Answer) -> Json:
    try:
        return decode_json(answer.body)
    except UNREADABLE:
        return None


def _version(body: Json) -> str:
    meta = body.get("meta") if isinstance(body, dict) else None
    return text_of(meta.get("versionId")) if isinstance(meta, dict) else ""
