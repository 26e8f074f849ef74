"""From settings to clients: one server, several chains, one login, one rate limit."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct, structs

from fhir_remission.effects.http.auth import Credentials, Fixed, Headers, fixed_headers
from fhir_remission.effects.http.origin import Base, path_of, read_base
from fhir_remission.effects.http.refusal import is_done, refusal
from fhir_remission.effects.http.retry import (
    Draw,
    Persistence,
    RetryPolicy,
    TokenBucket,
    read_http_date,
)
from fhir_remission.effects.http.tls_files import check_tls_files
from fhir_remission.effects.http.transport import Answer, Limits, RequestsExchange, Tls, Traffic
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.effects.process.environment import ignore_key_log
from fhir_remission.effects.server.access import Reader, Writer
from fhir_remission.effects.server.bulk import Exporter, Trust
from fhir_remission.effects.server.client import FhirClient, decoded
from fhir_remission.effects.server.parallel_reads import Chains
from fhir_remission.effects.server.server_families import choose_profile, load_families
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.errors import (
    CapabilityMissing,
    LoginRefused,
    ReadIncomplete,
    RequestRefused,
)
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.fhir.r4.encodings import named
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.settings import Server, Source

READ_TYPES = (
    "Condition",
    "DiagnosticReport",
    "MedicationAdministration",
    "Observation",
    "Patient",
    "Procedure",
    "Specimen",
)


class Connection(Struct, frozen=True):
    """One server: what all chains to it share."""

    settings: Server
    base: Base
    headers: Headers
    clock: Clock
    stop: Stop
    draw: Draw
    bucket: TokenBucket
    traffic: Traffic
    policy: RetryPolicy
    agent: str

    def reader(self) -> Reader:
        """Open a chain that can only read."""
        login = self._login()
        how = structs.replace(self._persistence(login), only_reads=True)
        return Reader(self.base, self._exchange(login), how)

    def writer(self) -> Writer:
        """Open a chain that can also write."""
        login = self._login()
        return Writer(self.base, self._exchange(login), self._persistence(login))

    def client(self, profile: Profile) -> FhirClient:
        """Open a reading client: the only one a dry run gets."""
        return FhirClient(self.reader(), profile, max_pages=self.settings.max_pages)

    def chains(self, profile: Profile) -> Chains:
        """Open as many reading clients as the settings allow to be used at once."""
        count = self.settings.connections
        return Chains(tuple(self.client(profile) for _ in range(count)), self.stop)

    def writing_client(self, profile: Profile) -> WritingClient:
        """Open a writing client."""
        return WritingClient(self.writer(), profile, max_pages=self.settings.max_pages)

    def exporter(self, hosts: Iterable[str] = ()) -> Exporter:
        """Open a chain for bulk exports, which may also delete them; files may lie on `hosts`."""
        settings = self.settings
        paths = settings.export_paths if isinstance(settings, Source) else ()
        base = structs.replace(self.base, beside=tuple(path_of(one) for one in paths))
        login = Credentials(self.headers, base)
        exchange = self._exchange(login, base)
        tls, limits = _tls(settings), _limits(settings)
        trust = Trust(self.headers, tls, self.clock, self.agent, limits, frozenset(hosts))
        how = structs.replace(self._persistence(login), only_reads=True)
        return Exporter(base, exchange, how, trust)

    def _login(self) -> Credentials:
        return Credentials(self.headers, self.base)

    def _exchange(self, login: Credentials, base: Base | None = None) -> RequestsExchange:
        return RequestsExchange(
            base or self.base,
            login,
            clock=self.clock,
            stop=self.stop,
            limits=_limits(self.settings),
            tls=_tls(self.settings),
            traffic=self.traffic,
            agent=self.agent,
        )

    def _persistence(self, login: Credentials) -> Persistence:
        return Persistence(
            host=str(self.base.origin),
            clock=self.clock,
            draw=self.draw,
            stop=self.stop,
            bucket=self.bucket,
            traffic=self.traffic,
            renew=login.renew,
            policy=self.policy,
        )


class Introduction(Struct, frozen=True):
    """What a server said before the first search."""

    profile: Profile
    server_time: datetime | None
    """Its clock, which watermarks are made of; ours may be wrong."""


def connect(
    settings: Server,
    *,
    clock: Clock,
    stop: Stop,
    draw: Draw = random.random,
    read: Iterable[str] = READ_TYPES,
    write: Iterable[str] = (),
    version: str = "",
) -> Connection:
    """Prepare a server of the settings; only a SMART login asks it where tokens come from."""
    ignore_key_log()
    check_tls_files(settings)
    base = read_base(
        settings.base_url,
        rewrite_origin=settings.rewrite_origin,
        allow_insecure=settings.allow_insecure,
    )
    agent = f"fhir-remission/{version}" if version else "fhir-remission"
    traffic = Traffic()
    # Tokens travel over the same trust and proxy as everything else, without a token themselves.
    tokens = RequestsExchange(
        base,
        Credentials(Fixed({}), None),
        clock=clock,
        stop=stop,
        limits=_limits(settings),
        tls=_tls(settings),
        traffic=traffic,
        agent=agent,
    )
    headers = _headers(settings, base, clock, tuple(read), tuple(write), tokens)
    return Connection(
        settings=settings,
        base=base,
        headers=headers,
        clock=clock,
        stop=stop,
        draw=draw,
        bucket=TokenBucket(settings.rate, clock),
        traffic=traffic,
        policy=RetryPolicy(max_wait_seconds=settings.max_wait.total_seconds()),
        agent=agent,
    )


def introduce(connection: Connection, *servers: Path, delta: str = "auto") -> Introduction:
    """Ask the server what it can do and choose the profile, of the folders `servers`, to use it."""
    reader = connection.reader()
    host = str(connection.base.origin)
    try:
        answer = reader.get(f"{connection.base.url}/metadata", "metadata", {})
    except RequestRefused as error:  # a redirect away from the server that the settings name
        raise CapabilityMissing(f"{error}; or write it into base_url") from None
    profile = choose_profile(
        _statement(answer, host),
        load_families(*servers),
        setting=connection.settings.profile,
        delta=delta,
    )
    return Introduction(profile, read_http_date(answer.headers.get("date", "")))


def _statement(answer: Answer, host: str) -> Json:
    """The CapabilityStatement; whatever else stands at /metadata is no FHIR server of ours."""
    if answer.status == 403:
        raise LoginRefused(f"{host}: metadata: status 403: check the login and its scopes")
    if not is_done(answer):
        error = refusal(host, "metadata", answer)
        if isinstance(error, RequestRefused):
            raise CapabilityMissing(f"{error}: is this the base URL of a FHIR server?")
        raise error
    try:
        return decoded(answer, host, "metadata")
    except ReadIncomplete as error:
        ask = "" if named(answer.body) else ": is this the base URL of a FHIR server?"
        raise CapabilityMissing(f"{error}{ask}") from None


def _limits(settings: Server) -> Limits:
    return Limits(
        settings.connect_timeout.total_seconds(),
        settings.read_timeout.total_seconds(),
        settings.max_page_mib * 1024 * 1024,
    )


def _tls(settings: Server) -> Tls:
    mutual = settings.auth.mode == "mtls"
    return Tls(
        ca_bundle=settings.ca_bundle,
        cert_file=settings.auth.cert_file if mutual else None,
        key_file=settings.auth.key_file if mutual else None,
        proxy=settings.proxy,
    )


def _headers(
    settings: Server,
    base: Base,
    clock: Clock,
    read: tuple[str, ...],
    write: tuple[str, ...],
    exchange: RequestsExchange,
) -> Headers:
    if settings.auth.mode not in {"smart", "secret"}:
        return fixed_headers(settings.auth, base, allow_insecure=settings.allow_insecure)
    # The JWT and key libraries take 0.1 s to load: only where they are used.
    from fhir_remission.effects.http.login import token_headers

    return token_headers(settings, base, clock, exchange, read, write)
