"""The Subscriptions of a site at its source: made, renewed, switched off, and looked at.

They carry no payload: what stands in a notification would never be evidence, and so none travels.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from fhir_remission.effects.files.mapping_files import server_dirs
from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.process.logs import configure_logs
from fhir_remission.effects.process.signals import listening
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.connect import connect, introduce
from fhir_remission.errors import RequestRefused, SettingsError, Unreachable
from fhir_remission.fhir.r4.datatypes import Resource, text_of
from fhir_remission.jobs.site.finding import Examined, Finding, seen
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.settings import Settings
from fhir_remission.version import VERSION

TYPES = (
    *("Observation", "Condition", "Procedure", "MedicationAdministration"),
    *("DiagnosticReport", "Specimen", "Patient"),
)
LONGEST = timedelta(minutes=5)
# A Subscription that ends within this is renewed by the next call, and told by doctor.
SOON = timedelta(hours=24)


def subscribe(config: Path | None, assignments: tuple[str, ...], *, remove: bool) -> Iterator[str]:
    """Make, renew or switch off the Subscriptions; a line for each says what was done.

    Ours are known by their ids, which hold the site's, so that doing it again changes nothing.
    """
    settings = settings_of(config, assignments, {})
    configure_logs(style=settings.log.format, level=settings.log.level, run_id="subscribe")
    secret = "" if remove else _secret(settings)
    clock = SystemClock()
    stop = Stop(clock, LONGEST)
    with listening(stop):
        connection = connect(
            settings.source,
            clock=clock,
            stop=stop,
            read=("Subscription",),
            write=("Subscription",),
            version=VERSION,
        )
        profile = introduce(connection, *server_dirs(settings.mappings.dir)).profile
        client = connection.writing_client(profile)
        for kind in _kinds(settings):
            stands = _standing(client, subscription_id(settings, kind))
            if remove and stands is None:
                continue
            wanted = _off(stands) if remove and stands else _wanted(settings, kind, secret, clock)
            if isinstance(client.update(wanted), OutcomeUnknown):
                raise Unreachable(f"nobody knows what became of the Subscription of {kind}")
            how = "switched off" if remove else "renewed" if stands else "made"
            yield f"{kind}: Subscription/{wanted['id']} {how}"


def examined(one: Examined, settings: Settings, client: FhirClient) -> Iterator[Finding]:
    """Whether each Subscription is active, of our address, and lasts; only where there may be."""
    if not settings.service.subscriptions.url:
        return
    for kind in _kinds(settings):
        check, stands = f"subscription {kind}", _standing(client, subscription_id(settings, kind))
        problem = "there is none" if stands is None else _problem(stands, settings, one.clock.now())
        do = "run `fhir-remission subscribe`" if problem else ""
        yield seen(one, check, "note" if problem else "ok", problem or "active", do)


def subscription_id(settings: Settings, kind: str) -> str:
    """The id of ours for one type."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in settings.site.id)
    return f"fhir-remission-{plain[:24]}-{kind.lower()}"


def _kinds(settings: Settings) -> list[str]:
    return [kind for kind in TYPES if kind not in settings.source.without]


def _secret(settings: Settings) -> str:
    wanted = settings.service.subscriptions
    if not wanted.url or wanted.secret_file is None:
        raise SettingsError(
            "set service.subscriptions.url, where the source reaches `serve` (its /notify), and "
            "service.subscriptions.secret_file"
        )
    try:
        words = wanted.secret_file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"cannot read {wanted.secret_file}") from None
    if not words:
        raise SettingsError(f"{wanted.secret_file} holds no secret")
    return words[0]


def _standing(client: FhirClient, name: str) -> Resource | None:
    try:
        found = client.read("Subscription", name)
    except RequestRefused as error:
        if error.status in (404, 410):
            return None
        raise
    return found if isinstance(found, dict) else None


def _wanted(settings: Settings, kind: str, secret: str, clock: SystemClock) -> Resource:
    ends = clock.now() + settings.service.subscriptions.lasting
    return {
        "resourceType": "Subscription",
        "id": subscription_id(settings, kind),
        "status": "requested",
        "end": ends.replace(microsecond=0).isoformat(),
        "reason": f"fhir-remission {settings.site.id}: {kind} has changed",
        "criteria": f"{kind}?",
        "channel": {
            "type": "rest-hook",
            "endpoint": settings.service.subscriptions.url,
            "header": [f"Authorization: Bearer {secret}"],
        },
    }


def _off(stands: Resource) -> Resource:
    """The last form: a client may write only `requested` and `off`."""
    return {**stands, "status": "off"}


def _problem(stands: Resource, settings: Settings, now: datetime) -> str:
    channel = stands.get("channel")
    endpoint = channel.get("endpoint") if isinstance(channel, dict) else ""
    if stands.get("status") != "active":
        return f"its status is {text_of(stands.get('status')) or 'missing'}"
    if endpoint != settings.service.subscriptions.url:
        return "it calls another address"
    try:
        ends = datetime.fromisoformat(text_of(stands.get("end")))
    except ValueError:
        return ""
    return "it ends soon" if ends - now < SOON else ""
