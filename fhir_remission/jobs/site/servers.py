"""The servers of a site: which login scopes each needs, and what each said of itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct, structs

from fhir_remission.effects.files.mapping_files import server_dirs
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.effects.server.connect import READ_TYPES, Connection, connect, introduce
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.settings import Settings
from fhir_remission.settings.model import Server as ServerSettings
from fhir_remission.settings.model import Sink as SinkSettings
from fhir_remission.settings.model import Source as SourceSettings
from fhir_remission.version import VERSION


class Server(Struct, frozen=True):
    """A server and how to talk to it."""

    connection: Connection
    profile: Profile
    time: datetime | None
    """Its clock before the first question; None where it does not say."""


class Needs(Struct, frozen=True):
    """The types that are read from a server, and those that are written to it."""

    read: tuple[str, ...]
    write: tuple[str, ...] = ()


def open_source(settings: Settings, *, clock: Clock, stop: Stop, dry_run: bool) -> Server:
    """Reach the server that evidence is read from; it may be a sink too."""
    sinks = [one for one in settings.sink.values() if _is_server(one) and is_source(one, settings)]
    needs = needs_of(settings, sinks, dry_run=dry_run)
    return _open(settings.source, needs, settings.mappings.dir, clock, stop)


def open_sink(
    sink: SinkSettings, overlay: Path | None, *, clock: Clock, stop: Stop, dry_run: bool
) -> Server:
    """Reach a server that results go to and that is not the source."""
    return _open(sink, repository_needs(sink, dry_run=dry_run), overlay, clock, stop)


def repository_needs(sink: SinkSettings, *, dry_run: bool) -> Needs:
    """What is asked of a server that only results go to: its Patients, and what we write."""
    written = _results([sink])
    stubs = {"Patient"} if sink.patients == "stub" else set()
    return Needs(
        tuple(sorted({*written, "Patient"})), () if dry_run else tuple(sorted(written | stubs))
    )


def needs_of(settings: Settings, sinks: Iterable[SinkSettings], *, dry_run: bool) -> Needs:
    """What the configured queries ask of a source that is also these sinks."""
    written = _results(sinks)
    cohort = {"Group"} if settings.cohort.kind == "group" else set()
    read = tuple(sorted({*READ_TYPES, *cohort, *written}))
    return Needs(read, () if dry_run else tuple(sorted(written)))


def is_source(sink: SinkSettings, settings: Settings) -> bool:
    """Whether results go to where the evidence comes from."""
    return not sink.base_url or sink.base_url == settings.source.base_url


def _is_server(sink: SinkSettings) -> bool:
    return sink.kind in {"repository", "ehr-observation"}


def _results(sinks: Iterable[SinkSettings]) -> set[str]:
    return {kind for sink in sinks for kind in (*sink.resources, "Device")}


def _open(
    settings: ServerSettings, needs: Needs, overlay: Path | None, clock: Clock, stop: Stop
) -> Server:
    connection = connect(
        settings, clock=clock, stop=stop, read=needs.read, write=needs.write, version=VERSION
    )
    source = settings if isinstance(settings, SourceSettings) else SourceSettings()
    found = introduce(connection, *server_dirs(overlay), delta=source.delta)
    profile = structs.replace(found.profile, without=source.without)
    return Server(connection, profile, found.server_time)
