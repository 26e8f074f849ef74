"""What these settings ask of others: scopes to register, ports to open, keys to publish."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_remission.effects.http.origin import Origin, origin_of
from fhir_remission.effects.http.scopes import wanted_scopes
from fhir_remission.errors import SettingsError
from fhir_remission.jobs.site.servers import Needs, is_source, needs_of, repository_needs
from fhir_remission.settings import Settings
from fhir_remission.settings.model import Server
from fhir_remission.settings.service import Service

SERVERS = frozenset({"repository", "ehr-observation"})
PORTS = {"https": 443, "http": 80, "postgresql": 5432}


def registration(settings: Settings) -> Iterator[str]:
    """For the person who registers the client and the one who opens the firewall; no network."""
    for name, server, needs in servers_of(settings, dry_run=False):
        yield from _of_server(name, server, needs)
    yield "STATE"
    yield f"  {_state(settings.state.url)}"
    yield "SERVICE"
    yield from _service(settings.service)
    yield "FLOWS"
    yield "  only outgoing connections, but to what `serve` listens on; nothing else leaves"
    yield "  no patient in logs; a line for each patient in " + str(settings.audit.file)


def servers_of(settings: Settings, *, dry_run: bool) -> Iterator[tuple[str, Server, Needs]]:
    """The source, and every sink that is another server, with what is read and written there."""
    remote = {name: sink for name, sink in settings.sink.items() if sink.kind in SERVERS}
    here = [sink for sink in remote.values() if is_source(sink, settings)]
    yield "source", settings.source, needs_of(settings, here, dry_run=dry_run)
    for name, sink in remote.items():
        if not is_source(sink, settings):
            yield f"sink.{name}", sink, repository_needs(sink, dry_run=dry_run)


def _of_server(name: str, server: Server, needs: Needs) -> Iterator[str]:
    auth = server.auth
    yield name.upper()
    yield f"  address   {_address(server.base_url, f'{name}.base_url')}"
    if server.proxy:
        yield "  proxy     all of it goes through the configured proxy"
    yield f"  login     {auth.mode}" + (f", client {auth.client_id}" if auth.client_id else "")
    if auth.mode in {"smart", "secret"}:
        at = _address(auth.token_url, "token_url") if auth.token_url else "where the server says"
        yield f"  tokens    {at}"
    if auth.mode == "smart":
        yield "  keys      what `fhir-remission jwks` prints, by upload or at an address of yours"
    yield f"  reads     {', '.join(needs.read)}"
    yield f"  writes    {', '.join(needs.write) or 'nothing'}"
    if auth.mode in {"smart", "secret"}:
        if auth.scopes:
            yield f"  scopes    {' '.join(auth.scopes)}"
        else:
            yield f"  scopes v2 {' '.join(wanted_scopes(needs.read, needs.write, v2=True))}"
            yield f"  scopes v1 {' '.join(wanted_scopes(needs.read, needs.write, v2=False))}"


def _service(service: Service) -> Iterator[str]:
    """Who comes in where `serve` runs, and whom it asks itself."""
    yield f"  listens   {service.bind}, only while `serve` runs"
    asked = {
        "keys": (service.jwt.jwks_url, service.hooks.jwks_url),
        "hooks": service.hooks.fhir_servers,
        "openhim": (service.openhim.url,),
    }
    for name, urls in asked.items():
        for url in dict.fromkeys(filter(None, urls)):
            yield f"  {name:<9} {_address(url, f'service.{name}')}"
    if service.subscriptions.url:
        called = _address(service.subscriptions.url, "service.subscriptions.url")
        yield f"  called    by the source, at {called}"


def _address(url: str, key: str) -> str:
    """An address without path, login and parameters, with its port."""
    if not url:
        raise SettingsError(f"{key} is not set")
    try:
        return _with_port(origin_of(url))
    except ValueError as error:
        raise SettingsError(f"{key}: {error}") from None


def _with_port(origin: Origin) -> str:
    return f"{origin.scheme}://{origin.host}, port {origin.port or PORTS[origin.scheme]}"


def _state(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return f"a file on this machine: {rest.removeprefix('/') or 'in memory'}"
    host = rest.rpartition("@")[2].partition("/")[0].partition("?")[0]
    name, _, port = host.partition(":")
    return f"{scheme.partition('+')[0]} at {name}, port {port or 5432}"
