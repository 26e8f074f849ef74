"""`fhir-remission doctor`: what works between here and the servers, without reading a patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from fhir_remission.effects.clock import Stop, SystemClock
from fhir_remission.effects.connect import Connection, Introduction, connect, introduce
from fhir_remission.effects.logs import configure_logs
from fhir_remission.effects.signals import listening
from fhir_remission.effects.smart import TokenHeaders
from fhir_remission.effects.tables import default_dir
from fhir_remission.effects.transport import OutcomeUnknown
from fhir_remission.errors import RemissionError
from fhir_remission.fhir.capability import Profile
from fhir_remission.fhir.queries import BY_PATIENT
from fhir_remission.jobs.finding import Finding, worst
from fhir_remission.jobs.probes import (
    NEVER,
    Probe,
    certificate_ends,
    is_followed,
    nobody,
    resolve,
    search_for_nothing,
)
from fhir_remission.jobs.servers import Needs, is_source, needs_of, repository_needs
from fhir_remission.jobs.site import settings_of
from fhir_remission.settings import Settings
from fhir_remission.settings.model import Server as ServerSettings
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


class Examined(Struct, frozen=True):
    """One server under examination."""

    name: str
    settings: ServerSettings
    connection: Connection
    clock: SystemClock
    write_probe: bool


def examine(request: Request) -> Iterator[Finding]:
    """Examine the source and every sink of its own, one finding after the other."""
    settings = settings_of(request.config, request.assignments, {})
    configure_logs(style=settings.log.format, level="error", run_id="doctor")
    clock = SystemClock()
    stop = Stop(clock, min(LONGEST, settings.run.max_runtime))
    clock.wake_on(stop)
    with listening(stop):
        for name, server, needs in _servers(settings, write_probe=request.write_probe):
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
            yield from _of_server(Examined(name, server, connection, clock, probe))


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
        for finding in examine(self._request):
            self._findings.append(finding)
            if not as_json:
                yield f"{finding}\n".encode()
        if as_json:
            yield msgspec.json.format(msgspec.json.encode(self._findings), indent=1) + b"\n"


def _servers(
    settings: Settings, *, write_probe: bool
) -> Iterator[tuple[str, ServerSettings, Needs]]:
    here = [sink for sink in settings.sink.values() if is_source(sink, settings)]
    here = [sink for sink in here if sink.kind in {"repository", "ehr-observation"}]
    yield "source", settings.source, needs_of(settings, here, dry_run=not write_probe)
    for name, sink in settings.sink.items():
        if sink.kind in {"repository", "ehr-observation"} and not is_source(sink, settings):
            yield f"sink.{name}", sink, repository_needs(sink, dry_run=not write_probe)


def _of_server(one: Examined) -> Iterator[Finding]:
    yield from _network(one)
    try:
        found = introduce(one.connection, default_dir() / "servers", delta=_delta(one))
    except RemissionError as error:
        yield _failed(one, "metadata", error)
        return
    yield _found(one, "metadata", "ok", _who(found.profile))
    yield _clock(one, found)
    token = _guarded(one, "login", lambda: _login(one))
    yield token
    if token.level == "fail":
        return
    yield from _searches(one, found.profile)
    yield from _writes(one, found.profile)


def _network(one: Examined) -> Iterator[Finding]:
    origin = one.connection.base.origin
    if one.settings.proxy:
        yield _found(one, "proxy", "note", "everything goes through the configured proxy")
        return
    try:
        yield _found(one, "dns", "ok", f"{origin.host} is {resolve(one.connection)}")
        if origin.scheme == "https":
            ends = certificate_ends(one.connection)
            soon = ends - one.clock.now() < SOON
            says = f"the chain is trusted; the certificate ends {ends:%Y-%m-%d}"
            yield _found(one, "tls", "note" if soon else "ok", says, "renew it" if soon else "")
        else:
            yield _found(one, "tls", "note", "plain http", "use https where it leaves this machine")
    except OSError as error:
        check = "tls" if isinstance(error, ValueError) else "dns or tls"
        says = f"{origin}: {type(error).__name__}"
        do = "check base_url, ca_bundle, proxy and firewall"
        yield Finding(one.name, check, "fail", says, do, 75)


def _clock(one: Examined, found: Introduction) -> Finding:
    if found.server_time is None:
        return _found(one, "clock", "note", "the server sends no Date", "changes cannot be found")
    skew = found.server_time - one.clock.now()
    says = f"its clock differs from ours by {skew.total_seconds():.0f} s"
    if abs(skew) <= MAX_SKEW:
        return _found(one, "clock", "ok", says)
    return _found(one, "clock", "note", says, "set the clock of this machine by NTP")


def _login(one: Examined) -> Finding:
    headers, mode = one.connection.headers, one.settings.auth.mode
    if not isinstance(headers, TokenHeaders):
        return _found(one, "login", "ok" if mode != "none" else "note", f"auth.mode = {mode}")
    headers.current()
    return _found(one, "login", "ok", f"token granted: {headers.granted or 'no scope named'}")


def _searches(one: Examined, profile: Profile) -> Iterator[Finding]:
    reader = one.connection.reader()
    # A code that everybody has, so that only the patient can make the answer empty.
    counts, code = ("code", "http://loinc.org|751-8"), ("code", "http://loinc.org|00000-0")
    questions = {
        "patient": ("Observation", (("patient", nobody()), counts)),
        "_id": ("Patient", (("_id", nobody()),)),
    }
    if not profile.needs_patient:
        questions["code"] = ("Observation", (code,))
        if profile.delta in {"_lastUpdated", "issued"}:
            questions[profile.delta] = ("Observation", ((profile.delta, f"ge{NEVER}"),))
    else:
        yield _found(one, "search code", "note", "not tried: this server needs a patient for it")
    if isinstance(one.settings, SourceSettings):
        without = frozenset[str](one.settings.without)
        for left in sorted(without):
            says = "never read, as source.without says: told in every answer"
            yield _found(one, f"search {left}", "note", says)
        kinds = [kind for kind in BY_PATIENT if profile.can_search(kind) and kind not in without]
        questions |= {kind: (kind, (("patient", nobody()),)) for kind in kinds}
    link = ""
    for name, (kind, parameters) in questions.items():
        try:
            probe = search_for_nothing(reader, profile, kind, parameters)
        except RemissionError as error:
            yield _failed(one, f"search {name}", error)
            continue
        link = link or probe.self_link
        yield _honoured(one, name, probe)
    yield _paging(one, link)


def _honoured(one: Examined, name: str, probe: Probe) -> Finding:
    check = f"search {name}"
    if probe.verdict == "ignored":
        do = (
            "do not run: rows of other patients would come"
            if name in {"patient", "_id", *BY_PATIENT}
            else ""
        )
        return Finding(one.name, check, "fail", "ignored: a search for nothing found rows", do, 7)
    if probe.verdict == "honoured":
        return _found(one, check, "ok", "honoured: a search for nothing found nothing")
    do = "have the login allowed to search this type" if probe.verdict == "refused" else ""
    if do and name in BY_PATIENT:
        do += ", or name it in source.without if it is never to be had"
    return Finding(one.name, check, "fail", f"the search was {probe.verdict}", do, 7)


def _paging(one: Examined, link: str) -> Finding:
    if not link:
        return _found(one, "paging", "note", "the server gives no link to itself")
    if is_followed(one.connection, link):
        return _found(one, "paging", "ok", "it calls itself by the address we use")
    return _found(
        one,
        "paging",
        "fail",
        "it calls itself by another address, so pages would not be followed",
        "if it is the same server, add that origin to rewrite_origin",
        exit_code=7,
    )


def _writes(one: Examined, profile: Profile) -> Iterator[Finding]:
    says = f"takes {', '.join(profile.writable) or 'nothing'}; safest mode {profile.write_mode}"
    yield _found(one, "write", "note", f"{says}, as it says itself")
    if one.write_probe:
        yield _guarded(one, "write probe", lambda: _write_probe(one, profile))


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
        return _found(one, "write probe", "note", "no clear answer: look for Basic by hand")
    return _found(one, "write probe", "ok", f"wrote {done.reference}", "delete it if you like")


def _guarded(one: Examined, check: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except RemissionError as error:
        return _failed(one, check, error)


def _failed(one: Examined, check: str, error: RemissionError) -> Finding:
    # The run is to end: that is no finding about the server.
    one.connection.stop.check()
    return Finding(one.name, check, "fail", str(error), exit_code=error.exit_code)


def _found(
    one: Examined, check: str, level: str, says: str, do: str = "", *, exit_code: int = 0
) -> Finding:
    return Finding(one.name, check, level, says, do, exit_code)


def _who(profile: Profile) -> str:
    return (
        f"FHIR {profile.fhir_version}, profile {profile.name}: search by {profile.search_method}, "
        f"{profile.max_patients} patients a question, changes by {profile.delta}"
    )


def _delta(one: Examined) -> str:
    return one.settings.delta if isinstance(one.settings, SourceSettings) else "auto"
