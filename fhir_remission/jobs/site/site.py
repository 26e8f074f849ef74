"""One site wired together for one run: settings, tables, keys, servers, state, logs, audit."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct, structs
from structlog.stdlib import BoundLogger

from fhir_remission.domain.answer.assess import Options
from fhir_remission.effects.files.audit import Audit
from fhir_remission.effects.files.mapping_files import load_categories
from fhir_remission.effects.files.panels import load_panels
from fhir_remission.effects.files.results_file import ResultsFile
from fhir_remission.effects.process.clock import Stop, SystemClock, stop_of_run
from fhir_remission.effects.process.environment import environment
from fhir_remission.effects.process.logs import PatientHash, configure_logs, get_logger
from fhir_remission.effects.process.signals import listening
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.connect import Connection
from fhir_remission.effects.state.claim import read_claim
from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.state import State, open_state
from fhir_remission.errors import SettingsError
from fhir_remission.fhir.reading.record import Reading
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.identity import Identity
from fhir_remission.jobs.judging.judging import Judge, load_judge
from fhir_remission.jobs.judging.request import WHAT_IF, is_past, moment_of
from fhir_remission.jobs.reading.members import Wanted
from fhir_remission.jobs.site.clocks import Clocks, weigh
from fhir_remission.jobs.site.servers import Server, is_source, open_sink, open_source
from fhir_remission.jobs.site.site_claim import claim_for, identity_of, key_of
from fhir_remission.jobs.site.site_files import open_to_all
from fhir_remission.jobs.site.turn import Memory, Turn
from fhir_remission.jobs.write_back.patients import OtherServer, Rule
from fhir_remission.jobs.write_back.result_rows import Place
from fhir_remission.jobs.write_back.results import ResultsSink
from fhir_remission.jobs.write_back.sink import Sink
from fhir_remission.jobs.write_back.sinks import REMOTE, results_files, taken_by
from fhir_remission.settings import Settings, load_settings, read_assignments
from fhir_remission.settings.model import Sink as SinkSettings
from fhir_remission.version import VERSION

TYPES_READ = frozenset(
    {
        *("Observation", "Condition", "Procedure", "MedicationAdministration"),
        *("DiagnosticReport", "Specimen", "Patient"),
    }
)


class Site(Struct, frozen=True):
    """Everything a run needs; nothing in it is made twice."""

    settings: Settings
    run_id: str
    clock: SystemClock
    stop: Stop
    log: BoundLogger
    patient_hash: PatientHash
    connection: Connection
    profile: Profile
    clocks: Clocks
    judge: Judge
    panels: tuple[tuple[str, str], ...]
    state: State
    lease: Lease | None
    audit: Audit
    sinks: tuple[Sink, ...]
    results: tuple[ResultsSink, ...]
    connections: tuple[Connection, ...]
    back_dated: bool = False

    @property
    def wanted(self) -> Wanted:
        """What to look for on the source."""
        reports = self.settings.source.members == "all"
        return Wanted(self.judge.mappings.codes, self.panels, reports=reports)


def settings_of(
    config: Path | None, assignments: Sequence[str], flags: Mapping[str, object]
) -> Settings:
    """Flags over environment over file over defaults."""
    if config is not None and not config.is_file():
        raise SettingsError(f"no settings file {config}: see README, `A first site`")
    return load_settings(config, {**read_assignments(assignments), **flags}, environment())


class Frame(Struct, frozen=True):
    """What a run is before anything is opened."""

    settings: Settings
    clock: SystemClock
    stop: Stop
    run_id: str
    dry_run: bool
    turn: Turn
    looking: bool = False
    back_dated: bool = False
    former: tuple[str, ...] = ()
    """Ids of the site from before it was renamed."""


@contextmanager
def open_site(
    settings: Settings,
    *,
    as_of: str,
    dry_run: bool,
    looking: bool = False,
    write_as_of: bool = False,
    patients: Sequence[str] = (),
    wait: timedelta = timedelta(0),
) -> Iterator[Site]:
    """Wire a site for one run; `looking` is with the real state and no way to write."""
    clock = SystemClock()
    run_id = f"{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    configure_logs(style=settings.log.format, level=settings.log.level, run_id=run_id)
    if loose := open_to_all(settings):
        told = ", ".join(map(str, loose))
        get_logger().warning("open_to_all", file=told, reason="everybody can read it: chmod o=")
    run = settings.run
    stop = stop_of_run(clock, settings.site.zone, run.allowed_hours, run.max_runtime)
    clock.wake_on(stop)
    judge = judge_of(settings, moment_of(as_of, settings.site.zone, clock), clock.now())
    past = is_past(as_of, judge.as_of, clock)
    if past and not (dry_run or looking or write_as_of):
        get_logger().warning("dry_run", reason=WHAT_IF)
        dry_run = True
    turn = Turn(clock, stop, run_id, patients, wait)
    frame = Frame(settings, clock, stop, run_id, dry_run, turn, looking, back_dated=past)
    with ExitStack() as stack:
        stack.enter_context(listening(stop))
        yield _wired(frame, judge, stack)


def _wired(frame: Frame, judge: Judge, stack: ExitStack) -> Site:
    settings = frame.settings
    key = key_of(settings)
    state, lease = memory = _memory(frame, key, stack)
    frame = structs.replace(frame, former=read_claim(state.database).former)
    audit = Audit(settings.audit.file, clock=frame.clock, run_id=frame.run_id)
    stack.callback(audit.close)
    server = open_source(settings, clock=frame.clock, stop=frame.stop, dry_run=frame.dry_run)
    judge = judge.where_specimens(come=server.profile.can_search("Specimen"))
    servers = {
        name: server if is_source(wanted, settings) else _sink_server(wanted, frame)
        for name, wanted in settings.sink.items()
        if wanted.kind in REMOTE
    }
    return Site(
        settings=settings,
        run_id=frame.run_id,
        clock=frame.clock,
        stop=frame.stop,
        log=get_logger(),
        patient_hash=PatientHash(key or None),
        connection=server.connection,
        profile=server.profile,
        clocks=weigh(frame.clock.now(), server, settings, state, may_write=lease is not None),
        judge=judge,
        panels=load_panels(settings.mappings.dir),
        state=state,
        lease=lease,
        audit=audit,
        sinks=tuple(_sinks(servers, server, frame, judge, memory)),
        results=_results(frame, judge, server.profile, stack),
        connections=tuple({id(to): to.connection for to in (server, *servers.values())}.values()),
        back_dated=frame.back_dated,
    )


def _sinks(
    servers: Mapping[str, Server],
    source: Server,
    frame: Frame,
    judge: Judge,
    memory: Memory,
) -> Iterator[Sink]:
    for name, to in servers.items():
        wanted = frame.settings.sink[name]
        place, client = _place(frame, judge, name, wanted, to.profile), _client(to, frame)
        if to is source:
            yield Sink(place, client, *memory)
            continue
        rule = Rule(wanted.patients, wanted.patient_system, frame.clock.now(), place.by.identity)
        asking = source.connection.client(source.profile)
        yield Sink(place, client, *memory, OtherServer(asking, client, rule))


def _sink_server(wanted: SinkSettings, frame: Frame) -> Server:
    overlay = frame.settings.mappings.dir
    return open_sink(wanted, overlay, clock=frame.clock, stop=frame.stop, dry_run=frame.dry_run)


def _client(to: Server, frame: Frame) -> FhirClient:
    """A dry run gets no client that could write."""
    if frame.dry_run or frame.looking:
        return to.connection.client(to.profile)
    return to.connection.writing_client(to.profile)


def _results(
    frame: Frame, judge: Judge, profile: Profile, stack: ExitStack
) -> tuple[ResultsSink, ...]:
    files = {} if frame.dry_run or frame.looking else results_files(frame.settings)
    return tuple(
        ResultsSink(
            _place(frame, judge, name, SinkSettings(), profile),
            stack.enter_context(closing(ResultsFile(path))),
        )
        for name, path in files.items()
    )


def _memory(frame: Frame, key: bytes, stack: ExitStack) -> Memory:
    """The state under lock and lease; a dry run forgets everything and locks nobody out."""
    if frame.dry_run:
        state = stack.enter_context(closing(open_state("sqlite://", frame.clock)))
        return Memory(state, None)
    settings = frame.settings
    state = stack.enter_context(closing(open_state(settings.state.url, frame.clock)))
    claim_for(state, settings, key)
    lease = frame.turn.take(settings, state, stack)
    return Memory(state, lease)


def _place(frame: Frame, judge: Judge, name: str, wanted: SinkSettings, profile: Profile) -> Place:
    settings = frame.settings
    taken = taken_by(profile, wanted)
    identity = structs.replace(identity_of(settings), former=frame.former)
    by = _authorship(settings, judge, frame.clock.now(), identity, wanted)
    return Place(
        name=name,
        source=settings.source.base_url,
        by=taken.told(by),
        resources=taken.resources,
        which=settings.write.which,
        run_id=frame.run_id,
        write=not (frame.dry_run or frame.looking),
        unversioned=settings.write.unversioned,
    )


def judge_of(settings: Settings, as_of: datetime, now: datetime | None = None) -> Judge:
    """The judge of these settings."""
    return load_judge(
        settings.criteria.sets,
        reading=Reading(
            zone=settings.site.zone,
            decimal_comma=settings.site.decimal_comma,
            namespace=settings.site.base,
            complete=TYPES_READ - set(settings.source.without),
            without=frozenset(settings.source.without),
            attested=frozenset(settings.evidence.absence_proves),
            rejected_are_cancelled=settings.evidence.rejected_specimens_are_cancelled,
            members_followed=True,
        ),
        zone=settings.site.zone,
        as_of=as_of,
        now=now,
        options=Options(
            accept_routine=frozenset(settings.criteria.accept_routine),
            strict=settings.criteria.strict,
        ),
        overlay=settings.mappings.dir,
    )


def authorship_of(settings: Settings, judge: Judge, computed_at: datetime) -> Authorship:
    """In whose name we write, for `classify --output bundle`."""
    return _authorship(settings, judge, computed_at, identity_of(settings), SinkSettings())


def _authorship(
    settings: Settings,
    judge: Judge,
    computed_at: datetime,
    identity: Identity,
    sink: SinkSettings,
) -> Authorship:
    return Authorship(
        identity=identity,
        categories=load_categories(),
        computed_at=computed_at.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        software_version=VERSION,
        mapping_version=judge.mappings.version,
        signer=sink.signer,
        references=sink.references,
        source_base=settings.source.base_url,
    )
