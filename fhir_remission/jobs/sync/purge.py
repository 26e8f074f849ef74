"""Forgetting a patient here: state and results files. The audit keeps the keyed hash."""

from __future__ import annotations

from pathlib import Path

from fhir_remission.errors import UsageError
from fhir_remission.jobs.site.site import open_site, settings_of


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
