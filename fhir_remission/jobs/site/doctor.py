"""`fhir-remission doctor`: what works between here and the servers, without reading a patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.effects.files.mapping_files import server_dirs
from fhir_remission.effects.http.smart import TokenHeaders
from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.process.logs import configure_logs
from fhir_remission.effects.process.signals import listening
from fhir_remission.effects.server.connect import Introduction, connect, introduce
from fhir_remission.errors import RemissionError
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.site.finding import Examined, Finding, failed, seen, worst
from fhir_remission.jobs.site.probes import (
    certificate_ends,
    resolve,
)
from fhir_remission.jobs.site.registration import servers_of
from fhir_remission.jobs.site.search_checks import searches
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.jobs.site.subscriptions import examined
from fhir_remission.jobs.site.sync_checks import forecast, group, sinks, site
from fhir_remission.settings import Settings
from fhir_remission.settings.model import Source as SourceSettings
from fhir_remission.version import VERSION

SOON = timedelta(days=30)
LONGEST = timedelta(minutes=10)
MAX_SKEW = timedelta(seconds=30)
PROBE_ID = "fhir-remission-write-probe"


class Request(Struct, frozen=True):
    """What the command line asked for."""

    config: Path | None
    assignments: tuple[str, ...] = ()
    write_probe: bool = False


def examine(request: Request) -> Iterator[Finding]:
    """Examine the source and every sink of its own, one finding after the other."""
    settings = settings_of(request.config, request.assignments, {})
    configure_logs(style=settings.log.format, level="error", run_id="doctor")
    clock = SystemClock()
    stop = Stop(clock, min(LONGEST, settings.run.max_runtime))
    clock.wake_on(stop)
    yield from site(settings)
    with listening(stop):
        for name, server, needs in servers_of(settings, dry_run=not request.write_probe):
            try:
                connection = connect(
                    server,
                    clock=clock,
                    stop=stop,
                    read=needs.read,
                    write=needs.write,
                    version=VERSION,
                )
            except RemissionError as error:
                stop.check()
                yield Finding(name, "settings", "fail", str(error), exit_code=error.exit_code)
                continue
            probe = request.write_probe and bool(needs.write)
            yield from _of_server(Examined(name, server, connection, clock, probe), settings)


class Report:
    """An examination as it is printed; the exit code is known when all lines are read."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._findings: list[Finding] = []

    @property
    def exit_code(self) -> int:
        """The code of the worst finding, in the order of all commands."""
        return worst(self._findings)

    def lines(self, *, as_json: bool) -> Iterator[bytes]:
        """A line per finding, or one JSON array for a support bundle."""
        for finding in self._all():
            self._findings.append(finding)
            if not as_json:
                yield f"{finding}\n".encode()
        if as_json:
            yield msgspec.json.format(msgspec.json.encode(self._findings), indent=1) + b"\n"

    def _all(self) -> Iterator[Finding]:
        yield from examine(self._request)
        yield forecast(self._findings)


def _of_server(one: Examined, settings: Settings) -> Iterator[Finding]:
    yield from _network(one)
    try:
        found = introduce(one.connection, *server_dirs(settings.mappings.dir), delta=_delta(one))
    except RemissionError as error:
        yield failed(one, "metadata", error)
        return
    profile = found.profile
    if isinstance(one.settings, SourceSettings):
        profile = structs.replace(profile, without=one.settings.without)
    yield seen(one, "metadata", "ok", _who(profile))
    yield _clock(one, found)
    token = _guarded(one, "login", lambda: _login(one))
    yield token
    if token.level == "fail":
        return
    yield from searches(one, profile)
    yield from _writes(one, profile)
    if isinstance(one.settings, SourceSettings):
        yield from group(one, settings, profile)
        try:
            yield from examined(one, settings, one.connection.client(profile))
        except RemissionError as error:
            yield failed(one, "subscriptions", error)
        yield _export(one, profile)
    yield from sinks(one, settings, profile)


def _network(one: Examined) -> Iterator[Finding]:
    origin = one.connection.base.origin
    if one.settings.proxy:
        yield seen(one, "proxy", "note", "everything goes through the configured proxy")
        return
    try:
        yield seen(one, "dns", "ok", f"{origin.host} is {resolve(one.connection)}")
        if origin.scheme == "https":
            ends = certificate_ends(one.connection)
            soon = ends - one.clock.now() < SOON
            says = f"the chain is trusted; the certificate ends {ends:%Y-%m-%d}"
            yield seen(one, "tls", "note" if soon else "ok", says, "renew it" if soon else "")
        else:
            yield seen(one, "tls", "note", "plain http", "use https where it leaves this machine")
    except OSError as error:
        check = "tls" if isinstance(error, ValueError) else "dns or tls"
        says = f"{origin}: {type(error).__name__}"
        do = "check base_url, ca_bundle, proxy and firewall"
        yield Finding(one.name, check, "fail", says, do, 75)


def _clock(one: Examined, found: Introduction) -> Finding:
    if found.server_time is None:
        return seen(one, "clock", "note", "the server sends no Date", "changes cannot be found")
    skew = found.server_time - one.clock.now()
    says = f"its clock differs from ours by {skew.total_seconds():.0f} s"
    if abs(skew) <= MAX_SKEW:
        return seen(one, "clock", "ok", says)
    return seen(one, "clock", "note", says, "set the clock of this machine by NTP")


def _login(one: Examined) -> Finding:
    headers, mode = one.connection.headers, one.settings.auth.mode
    if not isinstance(headers, TokenHeaders):
        return seen(one, "login", "ok" if mode != "none" else "note", f"auth.mode = {mode}")
    headers.current()
    return seen(one, "login", "ok", f"token granted: {headers.granted or 'no scope named'}")


def _writes(one: Examined, profile: Profile) -> Iterator[Finding]:
    says = f"takes {', '.join(profile.writable) or 'nothing'}; safest mode {profile.write_mode}"
    yield seen(one, "write", "note", f"{says}, as it says itself")
    if one.write_probe:
        yield _guarded(one, "write probe", lambda: _write_probe(one, profile))


def _export(one: Examined, profile: Profile) -> Finding:
    if profile.exports:
        return seen(one, "export", "ok", "it names $export, which `bulk` needs")
    return seen(one, "export", "note", "it names no $export: `bulk` would most likely end with 7")


def _write_probe(one: Examined, profile: Profile) -> Finding:
    client = one.connection.writing_client(profile)
    system = "https://w3id.org/fhir-remission/id/probe"
    resource: dict[str, msgspec.Raw | object] = {
        "resourceType": "Basic",
        "id": PROBE_ID,
        "identifier": [{"system": system, "value": PROBE_ID}],
        "code": {"text": "fhir-remission asks whether it may write; this may be deleted"},
    }
    if profile.write_mode == "put":
        done = client.update(resource)  # type: ignore[arg-type]
    else:
        without_id = {name: item for name, item in resource.items() if name != "id"}
        done = client.create(without_id, unless=f"identifier={system}%7C{PROBE_ID}")  # type: ignore[arg-type]
    if isinstance(done, OutcomeUnknown):
        return seen(one, "write probe", "note", "no clear answer: look for Basic by hand")
    return seen(one, "write probe", "ok", f"wrote {done.reference}", "delete it if you like")


def _guarded(one: Examined, check: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except RemissionError as error:
        return failed(one, check, error)


def _who(profile: Profile) -> str:
    return (
        f"FHIR {profile.fhir_version}, profile {profile.name}: search by {profile.search_method}, "
        f"{number_of(profile.max_patients, 'patient')} a question, changes by {profile.delta}"
    )


def _delta(one: Examined) -> str:
    return one.settings.delta if isinstance(one.settings, SourceSettings) else "auto"
