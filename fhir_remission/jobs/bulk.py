"""A bulk export to assessments: ask, wait, fetch, judge; a run that was stopped goes on.

What the server could not give (an error file, a missing file, a count that does not match) may be
anybody's evidence, and is handed to the archive job as damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.effects.bulk import Exporter, ExportFile, Gone, Manifest, Pending
from fhir_remission.effects.clock import Clock, Stop, SystemClock, listening
from fhir_remission.effects.connect import READ_TYPES, connect
from fhir_remission.effects.logs import configure_logs
from fhir_remission.effects.spool import private_folder, remove_folder, seal
from fhir_remission.errors import ReadIncomplete, UsageError
from fhir_remission.jobs.archive import Order, Progress, Report
from fhir_remission.jobs.archive import run as run_archive
from fhir_remission.jobs.archive_parts import Flaw
from fhir_remission.jobs.site import settings_of
from fhir_remission.version import VERSION

TYPES = (
    *("Patient", "Observation", "Condition", "Procedure", "MedicationAdministration"),
    *("Medication", "DiagnosticReport", "Specimen"),
)
# Hidden, so that it is not read as data.
_STATE = ".export.json"
_EXPIRED = "status 4"
# Issues in an error file that hide nothing.
_HARMLESS = frozenset({"information", "success"})


class Asked(Struct, frozen=True):
    """Which export: the same again is the same export."""

    path: str = "Patient/$export"
    types: tuple[str, ...] = TYPES
    filters: tuple[str, ...] = ()
    since: str = ""

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query of the kick-off."""
        found = [("_outputFormat", "application/fhir+ndjson"), ("_type", ",".join(self.types))]
        found += [("_typeFilter", one) for one in self.filters]
        return (*found, ("_since", self.since)) if self.since else tuple(found)


class _Begun(Struct):
    """What is known of an export that was begun."""

    asked: Asked
    status_url: str
    manifest: Manifest | None = None


class _Issue(Struct):
    severity: str = ""
    code: str = ""


class _Outcome(Struct, rename="camel"):
    resource_type: str = ""
    issue: list[_Issue] = []


class _Request(Struct):
    method: str = ""
    url: str = ""


class _Entry(Struct):
    request: _Request | None = None


class _Deletions(Struct, rename="camel"):
    resource_type: str = ""
    entry: list[_Entry] = []


class _Named(Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""


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
    private_folder(order.out)
    folder = order.out / "export"
    kept = sorted(order.out.glob("kept-*"))
    if asked.since and not kept:
        raise UsageError(
            f"--since: {order.out} has no files of an earlier export to add to; export once"
            " without it and with --keep: changes alone are not all evidence"
        )
    begun = _begin(asked, folder, exporter)
    manifest = begun.manifest or _await(begun, folder, exporter, clock, stop, progress)
    flaws = list(_fetch(manifest, folder, exporter, progress))
    if asked.filters and not any(path.stat().st_size for path in folder.glob("*.ndjson")):
        flaws.append(Flaw("export", 0, "the filtered export is empty; that is not `no data`"))
    for refs in _deletions(manifest, folder):
        for place in kept:
            _forget(place, refs)
    missing = [target for _, target in _targets(manifest, folder) if not target.exists()]
    report = run_archive(
        structs.replace(order, paths=(*kept, folder), known_damage=tuple(flaws)), progress
    )
    if missing and not any(_EXPIRED in flaw.reason for flaw in flaws):
        return report  # the next run fetches what is missing
    exporter.cancel(begun.status_url)
    if keep and not missing:
        (folder / _STATE).unlink(missing_ok=True)
        folder.rename(order.out / f"kept-{len(kept) + 1:04d}")
    else:
        remove_folder(folder)
    return report


def export(
    asked: Asked,
    order: Order,
    config: Path,
    assignments: Sequence[str],
    *,
    keep: bool,
    max_runtime: str,
    progress: Progress,
) -> Report:
    """The same with the source of a site's settings."""
    flags = {"run.max_runtime": max_runtime} if max_runtime else {}
    settings = settings_of(config, assignments, flags)
    configure_logs(style=settings.log.format, level=settings.log.level, run_id="bulk")
    clock = SystemClock()
    stop = Stop(clock, settings.run.max_runtime)
    clock.wake_on(stop)
    read = (*READ_TYPES, "Medication", "Group")
    connection = connect(settings.source, clock=clock, stop=stop, read=read, version=VERSION)
    exporter = connection.exporter()
    try:
        with listening(stop):
            return run(asked, order, exporter, clock=clock, stop=stop, keep=keep, progress=progress)
    finally:
        exporter.close()


def _begin(asked: Asked, folder: Path, exporter: Exporter) -> _Begun:
    """The export that was begun before, if it is the same, else a new one."""
    state = folder / _STATE
    try:
        begun = msgspec.json.decode(state.read_bytes(), type=_Begun)
    except (OSError, msgspec.MsgspecError):
        begun = None
    if begun is not None and begun.asked == asked:
        return begun
    remove_folder(folder)
    private_folder(folder)
    begun = _Begun(asked, exporter.start(asked.path, asked.parameters()))
    seal(state, msgspec.json.encode(begun))
    return begun


def _await(
    begun: _Begun,
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
            seal(folder / _STATE, msgspec.json.encode(begun))
            return found
        assert isinstance(found, Pending)  # noqa: S101 - the only kind left
        if found.seconds > stop.remaining():
            raise ReadIncomplete("no time left to wait for the export; run again to go on")
        progress("exporting", turn, turn + 1)
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
            name = "".join(letter for letter in file.type if letter.isalnum()) or "File"
            yield file, folder / f"{number:05d}-{name}.{suffix}"


def _checked(file: ExportFile, target: Path) -> Iterator[Flaw]:
    if target.suffix == ".error":
        for place, line in _lines(target):
            issues = msgspec.json.decode(line, type=_Outcome).issue
            for issue in issues:
                if issue.severity not in _HARMLESS:
                    words = f"the server could not export everything: {issue.code or 'no reason'}"
                    yield Flaw(target.name, place, words)
    elif file.count is not None:
        found = sum(1 for _ in _lines(target))
        if found != file.count:
            words = f"the manifest says {file.count} resources and the file has {found}"
            yield Flaw(target.name, 0, words)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their places."""
    place = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield place, line
            place += len(line)


def _deletions(manifest: Manifest, folder: Path) -> Iterator[frozenset[str]]:
    """References of what the server deleted since the last export."""
    for _, target in _targets(manifest, folder):
        if target.suffix == ".deleted" and target.exists():
            for _, line in _lines(target):
                bundle = msgspec.json.decode(line, type=_Deletions)
                yield frozenset(one.request.url for one in bundle.entry if one.request)


def _forget(folder: Path, refs: frozenset[str]) -> None:
    """Take deleted resources out of the files of earlier exports."""
    kinds = {ref.partition("/")[0] for ref in refs}
    for path in sorted(folder.glob("*.ndjson")):
        if path.stem.partition("-")[2] not in kinds:
            continue
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out:
            out.writelines(line for _, line in _lines(path) if _ref(line) not in refs)
        partial.replace(path)


def _ref(line: bytes) -> str:
    try:
        named = msgspec.json.decode(line, type=_Named)
    except msgspec.MsgspecError:
        return ""
    return f"{named.resource_type}/{named.id}"
