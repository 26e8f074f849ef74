"""Notifications of R4 rest-hooks and of the R5 backport, read for whom they may be about.

Nothing that stands in one is evidence: a forged or late one costs a reading, no more.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from fhir_remission.errors import SettingsError
from fhir_remission.fhir.r4.references import is_id

Kind = Literal["event", "handshake", "heartbeat", "error"]
# Of one notification no more than this is looked at.
MOST = 1000


class Notice(Struct, frozen=True):
    """What a notification says: whom to read (`Patient/p1`), or that somebody is to be read."""

    kind: Kind = "event"
    patients: frozenset[str] = frozenset()
    key: str = ""
    """Subscription and number of the event, by which it is known again; empty where it has none."""


class _Reference(Struct):
    reference: str = ""


class _Resource(Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""
    type: str = ""
    status: str = ""
    subject: _Reference | None = None
    patient: _Reference | None = None
    entry: list[Any] = []
    parameter: list[Any] = []
    subscription: _Reference | None = None
    notification_event: list[Any] = []


_RESOURCE = msgspec.json.Decoder(_Resource)


def read_notice(body: bytes, path: str = "") -> Notice:
    """Read a notification; what cannot be read is an event about nobody in particular."""
    try:
        held = _RESOURCE.decode(body) if body.strip() else _Resource()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        held = _Resource()
    if held.resource_type == "Bundle" and held.type in ("history", "subscription-notification"):
        return _of_bundle(held)
    named = {f"Patient/{path.partition('/')[2]}"} if path.startswith("Patient/") else set()
    return Notice(patients=_sound(named | _subjects(held)))


def _of_bundle(bundle: _Resource) -> Notice:
    entries = [one for one in bundle.entry[:MOST] if isinstance(one, dict)]
    held = [one["resource"] for one in entries if isinstance(one.get("resource"), dict)]
    status = held[0] if held else {}
    told = _told(status)
    kind = str(told.get("type", ""))
    if kind in ("handshake", "heartbeat"):
        return Notice("handshake" if kind == "handshake" else "heartbeat")
    named = {str(one) for one in told["focus"]}
    for one in held[1:]:
        try:
            named |= _subjects(msgspec.convert(one, _Resource))
        except msgspec.ValidationError:
            continue
    number = str(told.get("number", ""))
    key = f"{told.get('subscription', '')}|{number}" if number else ""
    failed = told.get("status") == "error"
    return Notice("error" if failed else "event", _sound(named), key)


def _told(status: dict[str, Any]) -> dict[str, Any]:
    """The status of R5, or of R4, where the same stands in Parameters."""
    found: dict[str, Any] = {"focus": []}
    if status.get("resourceType") == "SubscriptionStatus":
        found |= {key: status.get(key) for key in ("type", "status")}
        found["subscription"] = _literal(status.get("subscription"))
        for event in _dicts(status.get("notificationEvent")):
            found["number"] = event.get("eventNumber", "")
            found["focus"].append(_literal(event.get("focus")))
        return found
    for one in _dicts(status.get("parameter")):
        name = one.get("name")
        if name in ("type", "status"):
            found[name] = one.get("valueCode") or one.get("valueString")
        elif name == "subscription":
            found[name] = _literal(one.get("valueReference"))
        elif name == "notification-event":
            _add_event(found, _dicts(one.get("part")))
    return found


def _add_event(found: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    for part in parts:
        if part.get("name") == "event-number":
            found["number"] = next((v for k, v in part.items() if k.startswith("value")), "")
        elif part.get("name") == "focus":
            found["focus"].append(_literal(part.get("valueReference")))


def _dicts(held: Any) -> list[dict[str, Any]]:
    listed = held[:MOST] if isinstance(held, list) else []
    return [one for one in listed if isinstance(one, dict)]


def _literal(held: Any) -> str:
    found = held.get("reference") if isinstance(held, dict) else ""
    return found if isinstance(found, str) else ""


def _subjects(held: _Resource) -> set[str]:
    named = {one.reference for one in (held.subject, held.patient) if one is not None}
    return named | ({f"Patient/{held.id}"} if held.resource_type == "Patient" else set())


def _sound(named: set[str]) -> frozenset[str]:
    """Those that are Patients of a server, as `Patient/p1`, however they were addressed."""
    tails = {one.partition("/_history/")[0].rpartition("Patient/")[2] for one in named
             if "Patient/" in one}  # fmt: skip
    return frozenset(f"Patient/{one}" for one in tails if is_id(one))


def read_secrets(path: Path) -> tuple[str, ...]:
    """The secrets that prove a sender; several are good while one is replaced."""
    try:
        found = tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"service.subscriptions.secret_file: cannot read {path}") from None
    # Medplum cuts a header at its second colon.
    if not found or any(len(one) < 32 or ":" in one for one in found):
        raise SettingsError(f"{path}: give secrets of 32 characters or more, without a colon")
    return found


def is_proved(given: str, secrets: tuple[str, ...]) -> bool:
    """Whether one of the secrets was given; the time it takes tells nothing."""
    text = given.removeprefix("Bearer ").strip().encode()
    return any([hmac.compare_digest(text, one.encode()) for one in secrets])  # noqa: C419
