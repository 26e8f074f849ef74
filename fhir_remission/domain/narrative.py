"""The sentences of an assessment."""

from __future__ import annotations

from fhir_remission.domain.assessment import Assessment
from fhir_remission.domain.facts import Facts
from fhir_remission.domain.progress import Draft


def summary(found: Assessment) -> str:
    """Begins with the state."""
    return f"{found.state} ({found.category})"


def next_better(facts: Facts, draft: Draft, found: Assessment) -> str:
    """What is missing for the next better category."""
    return ""
