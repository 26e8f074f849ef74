"""The site that is served: its settings, its judge, its source, its access audit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from fhir_remission.effects.files.audit import Audit
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.process.logs import PatientHash
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.jobs.site.site_claim import identity_of
from fhir_remission.service.answering.judging import Judging
from fhir_remission.service.answering.source import Source


class ServedSite:
    """What the requests of one process share."""

    def __init__(self, config: Path | None, assignments: tuple[str, ...] = ()) -> None:
        self.clock = SystemClock()
        self.config, self.assignments = config, assignments
        self.settings = settings_of(config, assignments, {})
        self.run_id = f"{self.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        # Results are named by the key of the site: without it there are none to hand out.
        self.patient_hash = PatientHash(identity_of(self.settings).key)
        self.judging = Judging(self.settings, self.clock)
        self.source = Source(config, assignments, self.settings, self.judging)
        self.stopping = False
        self._audit: Audit | None = None

    def open(self) -> None:
        """Load tables and open the audit, in the process that serves."""
        self.judging.warm()
        self._audit = Audit(self.settings.audit.file, clock=self.clock, run_id=self.run_id)

    def audit(self, patients: Iterable[str], caller: str) -> None:
        """A line for each patient (`Patient/p1`) of whom something was told to somebody."""
        if self._audit is None:
            self.open()
        assert self._audit is not None  # noqa: S101
        names = [self.patient_hash(one) for one in patients]
        self._audit.record_all("read", names, server=f"caller:{caller}", outcome="told")
