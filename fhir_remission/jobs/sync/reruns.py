"""Runs besides the daily one: the backlog, a full re-check, and a plan carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.state.state import open_state
from fhir_remission.errors import UsageError
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.jobs.site.site_claim import identity_of
from fhir_remission.jobs.sync.sync import Request, Run, open_run
from fhir_remission.jobs.sync.write_to_sinks import How
from fhir_remission.jobs.write_back.plan_file import read_plan


@contextmanager
def applying(request: Request, file: Path) -> Iterator[Run]:
    """Carry out exactly what a plan says, at the moment it was made for."""
    settings = settings_of(request.config, request.assignments, request.flags)
    plan = read_plan(file, identity_of(settings).key)
    if plan.of_the_past and not request.write_as_of:
        raise UsageError(
            f"{file}: made with --as-of {plan.as_of}, which had passed: --write-as-of writes it "
            "all the same; a plan without --as-of is what the daily run would do"
        )
    names = tuple(name.removeprefix("Patient/") for name in plan.patients)
    asked = structs.replace(
        request, patients=names, as_of=plan.as_of, write_as_of=True, how=How(plan=plan)
    )
    with open_run(asked) as run:
        yield run


@contextmanager
def retrying(request: Request) -> Iterator[Run | None]:
    """Read and write the patients of the backlog; None where there are none."""
    settings = settings_of(request.config, request.assignments, request.flags)
    state = open_state(settings.state.url, SystemClock())
    try:
        rows = state.backlog(settings.source.base_url)
    finally:
        state.close()
    names = tuple(row.patient.removeprefix("Patient/") for row in rows)
    if not names:
        yield None
        return
    with open_run(structs.replace(request, patients=names)) as run:
        yield run


@contextmanager
def reconciling(request: Request, *, retract_duplicates: bool) -> Iterator[Run]:
    """Read everything and everything of ours again, whatever the state remembers."""
    how = How(thorough=True, undouble=retract_duplicates)
    with open_run(structs.replace(request, how=how)) as run:
        yield run
