"""Questions to a server that touch no patient: counts of nothing, and addresses it calls itself."""

from __future__ import annotations

import secrets
import socket
import ssl
from datetime import UTC, datetime

from msgspec import Struct

from fhir_remission.effects.http.origin import Refused
from fhir_remission.effects.http.transport import Answer
from fhir_remission.effects.server.access import Reader
from fhir_remission.effects.server.client import decode_json
from fhir_remission.effects.server.connect import Connection
from fhir_remission.fhir.r4.datatypes import Json, objects, text_of
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.server.queries import Parameters, encoded
from fhir_remission.fhir.server.server_profile import Profile

NEVER = "2999-01-01T00:00:00Z"
STRICT = {"Prefer": "handling=strict"}


class Probe(Struct, frozen=True):
    """What a search for nothing brought."""

    verdict: str
    """honoured, ignored, refused, or unclear."""
    self_link: str = ""
    status: int = 200


def resolve(connection: Connection) -> str:
    """Look up the host's address; OSError where there is none."""
    found = socket.getaddrinfo(connection.base.origin.host, connection.base.origin.port)
    return str(found[0][4][0])


def certificate_ends(connection: Connection) -> datetime:
    """Shake hands as the settings say, and read when the certificate ends; OSError otherwise."""
    origin, bundle = connection.base.origin, connection.settings.ca_bundle
    context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
    auth = connection.settings.auth
    if auth.cert_file is not None:
        context.load_cert_chain(auth.cert_file, auth.key_file)
    with (
        socket.create_connection((origin.host, origin.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=origin.host) as secure,
    ):
        held = secure.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(held["notAfter"])), UTC)


def search_for_nothing(
    reader: Reader, profile: Profile, kind: str, parameters: Parameters
) -> Probe:
    """Search so that an honest answer is empty, and ask for the count only: rows would be PHI."""
    answer = _counted(reader, profile, kind, parameters)
    if answer.status != 200:
        return Probe("refused", status=answer.status)
    try:
        bundle = decode_json(answer.body)
    except UNREADABLE:
        return Probe("unclear")
    return Probe(_verdict(bundle), _self_link(bundle))


def count_of(reader: Reader, profile: Profile, codes: str) -> int | None:
    """How many Observations of these codes there are, whoever's; None where it is not said."""
    answer = _counted(reader, profile, "Observation", (("code", codes),))
    try:
        bundle = decode_json(answer.body) if answer.status == 200 else None
    except UNREADABLE:
        return None
    total = bundle.get("total") if isinstance(bundle, dict) else None
    return total if isinstance(total, int) else None


def _counted(reader: Reader, profile: Profile, kind: str, parameters: Parameters) -> Answer:
    """Ask for the count only, and to be refused rather than answered something else."""
    kept = (pair for pair in parameters if pair[0] != "_count")
    asked = (*kept, ("_summary", "count"))
    url, label = f"{reader.base.url}/{kind}", f"probe {kind}"
    if profile.search_method == "post":
        return reader.post_search(f"{url}/_search", encoded(asked), label, STRICT)
    return reader.get(f"{url}?{encoded(asked)}", label, STRICT)


def nobody() -> str:
    """An id that no patient has."""
    return f"fhir-remission-nobody-{secrets.token_hex(8)}"


def is_followed(connection: Connection, link: str) -> bool:
    """Whether links like this one lead to where we go on reading."""
    return not isinstance(connection.base.resolve(link, against=connection.base.url), Refused)


def _verdict(bundle: Json) -> str:
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return "unclear"
    matches = [e for e in objects(bundle.get("entry")) if "resource" in e]
    total = bundle.get("total")
    if matches or (isinstance(total, int) and total > 0):
        return "ignored"
    return "honoured"


def _self_link(bundle: Json) -> str:
    links = objects(bundle.get("link")) if isinstance(bundle, dict) else ()
    return next((text_of(link.get("url")) for link in links if link.get("relation") == "self"), "")
