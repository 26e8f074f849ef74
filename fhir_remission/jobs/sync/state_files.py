"""`state export`, `import`, `check`, `purge`: the memory of a site, moved, looked at, cleared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fhir_remission.effects.files.site_key import read_site_key
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.state.lease import free_lease
from fhir_remission.effects.state.lock import only_run
from fhir_remission.effects.state.state import State, open_state
from fhir_remission.effects.state.state_check import repair, unfinished
from fhir_remission.effects.state.state_copy import export_lines, import_lines
from fhir_remission.errors import InputError, UsageError
from fhir_remission.jobs.site.site import open_site, settings_of
from fhir_remission.jobs.site.site_claim import claim_for, rename
from fhir_remission.jobs.site.site_files import lock_file
from fhir_remission.jobs.site.turn import lease_name
from fhir_remission.settings import Settings


def export(config: Path | None, assignments: tuple[str, ...]) -> Iterator[bytes]:
    """The state as lines."""
    with site_state(config, assignments) as (state, _):
        yield from export_lines(state)


def fill(config: Path | None, assignments: tuple[str, ...], file: Path) -> int:
    """Fill an empty state from a file; returns the number of rows."""
    with site_state(config, assignments) as (state, _):
        try:
            with file.open("rb") as lines:
                return import_lines(state, lines)
        except OSError as error:
            raise InputError(f"{file}: cannot be read: {error.strerror}") from None


def check(
    config: Path | None, assignments: tuple[str, ...], *, mend: bool
) -> tuple[list[str], bool]:
    """What was mended and what is unfinished, and whether anything still is.

    Another key than the site's is a safety stop.
    """
    with site_state(config, assignments) as (state, settings):
        if settings.site.key_file.is_file():
            claim_for(state, settings, read_site_key(settings.site.key_file))
        now = SystemClock().now()
        mended = repair(state, now) if mend else []
        left = unfinished(state, now)
        return [*mended, *left], bool(left)


def release_lease(config: Path | None, assignments: tuple[str, ...]) -> str:
    """Free the lease of the site; returns until when it was held, or nothing."""
    with site_state(config, assignments) as (state, settings):
        return free_lease(state.database, lease_name(settings))


def rename_site(config: Path | None, assignments: tuple[str, ...], new: str) -> str:
    """Give the site another id; returns what to do next."""
    settings = settings_of(config, assignments, {})
    state = open_state(settings.state.url, SystemClock())
    try:
        return rename(state, settings, new)
    finally:
        state.close()


@contextmanager
def site_state(
    config: Path | None, assignments: tuple[str, ...]
) -> Iterator[tuple[State, Settings]]:
    """The state of a site, while no run has it."""
    settings = settings_of(config, assignments, {})
    with only_run(lock_file(settings)):
        state = open_state(settings.state.url, SystemClock())
        try:
            yield state, settings
        finally:
            state.close()


def purge(config: Path | None, assignments: tuple[str, ...], patient: str) -> int:
    """Forget one patient; returns how many lines of results files went."""
    settings = settings_of(config, assignments, {})
    name = f"Patient/{patient.removeprefix('Patient/')}"
    with open_site(settings, as_of="", dry_run=False) as site:
        site.audit.record(
            "purge", site.patient_hash(name), server="state and results files", outcome="done"
        )
        removed = sum(sink.file.purge(name) for sink in site.results)
        if not site.state.purge(site.connection.base.url, name) + removed:
            raise UsageError(
                "nothing is known here of that patient: give the id of the source's Patient"
            )
        return removed
