"""A bulk export to assessments: ask, wait, fetch, judge; a run that was stopped goes on.

What the server did not give may be anybody's evidence: the archive job gets it as damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.effects.files.audit import Audit
from fhir_remission.effects.files.private_file import private_folder
from fhir_remission.effects.files.spool import remove_folder
from fhir_remission.effects.process.clock import Clock, Stop, SystemClock
from fhir_remission.effects.process.logs import PatientHash, configure_logs, get_logger
from fhir_remission.effects.process.signals import listening
from fhir_remission.effects.server.bulk import Exporter, Gone, Pending
from fhir_remission.effects.server.bulk_manifest import ExportFile, Manifest
from fhir_remission.effects.server.connect import READ_TYPES, connect
from fhir_remission.effects.state.lock import only_run
from fhir_remission.errors import ReadIncomplete, Unreachable
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.jobs.archive.archive import Order, Progress, Report
from fhir_remission.jobs.archive.archive import run as run_archive
from fhir_remission.jobs.archive.output import patients_in
from fhir_remission.jobs.archive.parts import Flaw
from fhir_remission.jobs.bulk.kept import (
    addable,
    check_no_newcomers,
    deleted_in,
    forget,
    keep_folder,
    kept_folders,
    lines_of_file,
    replaced_in,
    type_of_file,
)
from fhir_remission.jobs.bulk.order import Asked, Begun, note_begun, read_begun
from fhir_remission.jobs.site.site import TYPES_READ, settings_of
from fhir_remission.jobs.site.site_claim import key_of
from fhir_remission.jobs.site.site_request import request_of
from fhir_remission.version import VERSION

_EXPIRED = "status 4"
_HARMLESS = frozenset({"information", "success"})  # issues that hide nothing


class _Issue(Struct):
    severity: str = ""
    code: str = ""


class _Outcome(Struct, rename="camel"):
    resource_type: str = ""
    issue: list[_Issue] = []


def run(
    asked: Asked,
    order: Order,
    exporter: Exporter,
    *,
    clock: Clock,
    stop: Stop,
    keep: bool,
    progress: Progress,
) -> Report:
    """Export, fetch, judge. `order.paths` are not read; the files lie under `order.out`."""

    def going_on(stage: str, done: int, total: int) -> None:
        stop.check()
        progress(stage, done, total)

    with only_run(private_folder(order.out) / ".bulk.lock"):
        fetched = _fetched(asked, order, exporter, clock=clock, stop=stop, progress=going_on)
        report = run_archive(fetched.order, going_on)
        if not fetched.again:  # else the next run fetches what is missing
            _close(fetched, order.out, exporter, keep=keep)
    return report


class _Fetched(Struct, frozen=True):
    """An export on disk, as the archive job is to read it."""

    order: Order
    begun: Begun
    folder: Path
    again: bool
    """Whether the server may still give what is missing."""


def _fetched(
    asked: Asked,
    order: Order,
    exporter: Exporter,
    *,
    clock: Clock,
    stop: Stop,
    progress: Progress,
) -> _Fetched:
    folder = order.out / "export"
    kept = kept_folders(order.out) if asked.since else []
    asked = addable(asked, kept) if asked.since else asked
    begun = _begin(asked, folder, exporter)
    manifest = begun.manifest or _await(begun, folder, exporter, clock, stop, progress)
    flaws = list(_fetch(manifest, folder, exporter, progress))
    check_no_newcomers(asked, kept, folder)
    flaws += [*_filtered_away(asked, folder), *_forgotten(kept, folder)]
    request = structs.replace(order.request, read=_read_types(asked, kept[0] if kept else folder))
    judged = structs.replace(
        order, paths=(*kept, folder), known_damage=tuple(flaws), request=request
    )
    missing = any(not target.exists() for _, target in _targets(manifest, folder))
    expired = any(_EXPIRED in flaw.reason for flaw in flaws)
    return _Fetched(judged, begun, folder, again=missing and not expired)


def _close(fetched: _Fetched, out: Path, exporter: Exporter, *, keep: bool) -> None:
    """Delete the export on the server, and here too unless it is whole and to be kept."""
    if not exporter.cancel(fetched.begun.status_url):
        get_logger().warning("export_not_deleted", reason="the server keeps its files")
    if keep and not fetched.order.known_damage:
        keep_folder(fetched.folder, out, fetched.begun)
    else:
        remove_folder(fetched.folder)


def export(
    asked: Asked,
    order: Order,
    config: Path,
    assignments: Sequence[str],
    *,
    keep: bool,
    flags: Mapping[str, object],
    progress: Progress,
) -> Report:
    """The same with a site's settings: its source, its criteria and its mappings."""
    settings = settings_of(config, assignments, flags)
    configure_logs(style=settings.log.format, level=settings.log.level, run_id="bulk")
    clock = SystemClock()
    stop = Stop(clock, settings.run.max_runtime)
    clock.wake_on(stop)
    read = (*READ_TYPES, "Medication", "Group")
    connection = connect(settings.source, clock=clock, stop=stop, read=read, version=VERSION)
    judged = structs.replace(order, request=request_of(settings, order.request))
    # Opened before anything is asked for: what cannot be noted is not read.
    audit = Audit(settings.audit.file, clock=clock, run_id="bulk")
    exporter = connection.exporter(settings.source.export_hosts)
    with closing(audit), closing(exporter), listening(stop):
        report = run(asked, judged, exporter, clock=clock, stop=stop, keep=keep, progress=progress)
        names = map(PatientHash(key_of(settings) or None), patients_in(order.out, order.form))
        audit.record_all("read", names, server=str(connection.base.origin), outcome="done")
    return report


def _read_types(asked: Asked, whole: Path) -> frozenset[str]:
    """Types that came whole. Without a file nobody knows whether the server has the type."""
    came = {type_of_file(path) for path in whole.glob("*.ndjson")}
    return frozenset(came & TYPES_READ - asked.filtered_types())


def _filtered_away(asked: Asked, folder: Path) -> Iterator[Flaw]:
    """An empty answer to a filter is not `no data`; with changes there may be none."""
    found = {type_of_file(path) for path in folder.glob("*.ndjson") if path.stat().st_size}
    for kind in sorted(asked.filtered_types() - found) if not asked.since else ():
        yield Flaw("export", 0, f"the filtered export of {kind} is empty; that is not `no data`")


def _forgotten(kept: Sequence[Path], folder: Path) -> Iterator[Flaw]:
    """Take out of the kept files what was deleted since, or came again without its version."""
    again = replaced_in(folder) if kept else frozenset[str]()
    for place in kept if again else ():
        forget(place, again)
    for path in sorted(folder.glob("*.deleted")):
        try:
            gone, whole = deleted_in(path)
        except UNREADABLE:
            yield Flaw(path.name, 0, "the list of what was deleted cannot be read")
            continue
        if not whole:
            yield Flaw(path.name, 0, "the list of what was deleted holds something else, too")
        for place in kept:
            forget(place, gone)


def _begin(asked: Asked, folder: Path, exporter: Exporter) -> Begun:
    """The export that was begun before, if it is the same, else a new one."""
    begun = read_begun(folder)
    if begun is not None and begun.asked == asked and exporter.owns(begun.status_url):
        return begun
    remove_folder(folder)
    private_folder(folder)
    begun = Begun(asked, exporter.start(asked.path, asked.parameters()))
    note_begun(begun, folder)
    return begun


def _await(
    begun: Begun,
    folder: Path,
    exporter: Exporter,
    clock: Clock,
    stop: Stop,
    progress: Progress,
) -> Manifest:
    turn = 0
    while True:
        stop.check()
        found = exporter.look(begun.status_url, turn)
        if isinstance(found, Gone):
            remove_folder(folder)
            raise ReadIncomplete(f"{found.reason}; run again for a new one")
        if isinstance(found, Manifest):
            begun.manifest = found
            note_begun(begun, folder)
            return found
        assert isinstance(found, Pending)  # noqa: S101 - the only kind left
        if found.seconds > stop.remaining():
            raise Unreachable("no time left to wait for the export; run again to go on")
        progress(f"exporting: {found.progress}" if found.progress else "exporting", 0, 0)
        clock.sleep(found.seconds)
        turn += 1


def _fetch(
    manifest: Manifest, folder: Path, exporter: Exporter, progress: Progress
) -> Iterator[Flaw]:
    """Bring what is not there yet; say what does not come or does not fit."""
    wanted = list(_targets(manifest, folder))
    for done, (file, target) in enumerate(wanted):
        progress("fetching", done, len(wanted))
        if not target.exists():
            reason = exporter.fetch(file, target, with_token=manifest.requires_access_token)
            if reason:
                yield Flaw(target.name, 0, f"the file was not delivered: {reason}")
                continue
        yield from _checked(file, target)
    progress("fetching", len(wanted), len(wanted))


def _targets(manifest: Manifest, folder: Path) -> Iterator[tuple[ExportFile, Path]]:
    for kind, files in (
        ("output", manifest.output),
        ("error", manifest.error),
        ("deleted", manifest.deleted),
    ):
        suffix = "ndjson" if kind == "output" else kind
        for number, file in enumerate(files):
            name = "".join(re.findall("[A-Za-z0-9]", file.type))[:64] or "File"
            yield file, folder / f"{number:05d}-{name}.{suffix}"


def _checked(file: ExportFile, target: Path) -> Iterator[Flaw]:
    if target.suffix == ".error":
        for place, line in lines_of_file(target):
            for reason in _troubles(line):
                words = f"the server could not export everything: {reason}"
                yield Flaw(target.name, place, words)
    elif file.count is not None:
        found = sum(1 for _ in lines_of_file(target))
        if found != file.count:
            told = number_of(file.count, "resource")
            words = f"the manifest says {told} and the file has {found}"
            yield Flaw(target.name, 0, words)


def _troubles(line: bytes) -> list[str]:
    try:
        issues = msgspec.json.decode(line, type=_Outcome).issue
    except UNREADABLE:
        return ["an outcome that cannot be read"]
    return [one.code or "no reason" for one in issues if one.severity not in _HARMLESS]
