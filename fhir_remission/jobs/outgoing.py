"""What `classify --output bundle` prints: one transaction Bundle of all results, ready to post."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.clock import SystemClock
from fhir_remission.errors import RemissionError, SettingsError
from fhir_remission.fhir.checks import check_resource
from fhir_remission.fhir.datatypes import text_of
from fhir_remission.fhir.device import build_device
from fhir_remission.fhir.patient_writes import Held, plan_writes
from fhir_remission.fhir.transaction import Write, build_transaction_for_all
from fhir_remission.jobs.judging import Judge
from fhir_remission.jobs.site import authorship_of, settings_of


def transaction_of(
    found: Iterable[tuple[Assessment, ...]], judge: Judge, config: Path | None, *, history: bool
) -> bytes:
    """Build the Bundle; ids need the site's id and key, so the settings must name them."""
    if config is None:
        raise SettingsError(
            "--output bundle needs --config with site.id and site.key_file: "
            "the ids of what is written are derived from them"
        )
    settings = settings_of(config, (), {})
    by = authorship_of(settings, judge, SystemClock().now())
    patients = [
        plan_writes(assessments, by, Held(), which="history" if history else "current").writes
        for assessments in found
    ]
    device = build_device(by)
    for resource in [device, *(write.resource for writes in patients for write in writes)]:
        wrong = check_resource(resource)
        if wrong:
            raise RemissionError(f"{text_of(resource['resourceType'])}: {wrong[0]}")
    listed: list[tuple[Write, ...]] = [writes for writes in patients if writes]
    return msgspec.json.encode(build_transaction_for_all(listed, device)) + b"\n"
