"""One card: state and category, what is missing, where the page is.

A pop-up at each opened chart is a danger of its own (Oracle shows `critical` as one), so nothing
here is critical.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Literal

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.version import VERSION

Indicator = Literal["info", "warning"]
LONGEST = 139
# State of the course: how it is shown. What a clinician should not miss is a warning.
INDICATORS: dict[str, Indicator] = {
    "active-disease": "info",
    "awaiting-response": "info",
    "in-remission": "info",
    "relapse-suspected": "warning",
    "relapsed": "warning",
    "unknown": "info",
    "untreated": "info",
}
_MARKED = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~])")


def card_of(assessment: Assessment, links: list[dict[str, str]]) -> dict[str, Any]:
    """The card of one assessment."""
    card: dict[str, Any] = {
        "uuid": str(uuid.uuid4()),
        "summary": summary_of(assessment),
        "detail": detail_of(assessment),
        "indicator": INDICATORS[assessment.state],
        "source": {"label": f"fhir-remission {VERSION}, {assessment.criteria_id}"},
    }
    return {**card, "links": links} if links else card


def summary_of(assessment: Assessment) -> str:
    """State, since when, and category, in fewer than 140 characters."""
    since = f" since {assessment.state_since}" if assessment.state_since else ""
    open_ = ", provisional" if assessment.provisional else ""
    text = f"AML {assessment.state.replace('-', ' ')}{since}: {assessment.category}{open_}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def detail_of(assessment: Assessment) -> str:
    """The sentence of the answer, what is missing for a better one, and what it rests on."""
    parts = [_plain(assessment.summary)]
    if assessment.missing:
        parts.append(f"**Missing:** {_plain(', '.join(map(str, assessment.missing)))}")
    if assessment.next_better:
        parts.append(_plain(assessment.next_better))
    if assessment.assumptions:
        names = ", ".join(one.id.replace("-", " ") for one in assessment.assumptions)
        parts.append(f"**Assumed:** {_plain(names)}")
    parts.append("Computed by an algorithm; decision support, not a diagnosis.")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """A text in which nothing is markup."""
    return _MARKED.sub(r"\\\1", text)
