"""A history in lines a person can read: each answer with its day, state, dates and open questions.

marrow 30: CR, in-remission since 30, responded 30
blood 100: RELAPSE_SUSPECTED, relapse-suspected since 100, first sign 100, ask repeat-blood
"""

from __future__ import annotations

from datetime import date
from typing import Any

from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import Course, criteria, judge, on
from tests.domain.sights import Told, cited


def day(when: date | None) -> int | None:
    """The day of the course."""
    return None if when is None else (when - on(0)).days


def anchored_on(one: Assessment) -> str:
    """Kind and day of the anchor."""
    said = one.anchor.effective
    return one.anchor.kind + (f" {day(date.fromisoformat(said[:10]))}" if said else "")


def line(one: Assessment) -> str:
    """One answer."""
    since = "" if one.state_since is None else f" since {day(one.state_since)}"
    parts = [one.code, f"{one.state}{since}"]
    if one.category != one.code:
        parts[0] = f"{one.category} as {one.code}"
    if one.response_date is not None:
        parts.append(f"responded {day(one.response_date)}")
    if one.first_sign is not None:
        parts.append(f"first sign {day(one.first_sign)}")
    if one.reason:
        parts.append(one.reason)
    if one.candidates:
        parts.append(f"may be {'/'.join(one.candidates)}")
    if one.possible_higher:
        parts.append(f"perhaps {'/'.join(one.possible_higher)}")
    if one.missing:
        parts.append(f"ask {' '.join(one.missing)}")
    return f"{anchored_on(one)}: {', '.join(parts)}"


def story(course: Course, name: str | CriteriaSet = "eln-2022", **options: Any) -> list[str]:
    """Every answer of a course, oldest first."""
    return [line(one) for one in judge(course, name, **options)]


def guards(one: Assessment, name: str | CriteriaSet = "eln-2022") -> dict[str, Told]:
    """The lines of the proof that are no criterion of the set: gates, limits and rules."""
    chosen = criteria(name) if isinstance(name, str) else name
    own = {row.id for row in chosen.criterion}
    return {
        row.criterion: (row.verdict.value, cited(row.evidence))
        for row in one.criteria_results
        if row.criterion not in own or row.rule.startswith("no remission before: after")
    }


def proof(one: Assessment, criterion: str) -> Told:
    """One line of the proof."""
    row = next(row for row in one.criteria_results if row.criterion == criterion)
    return row.verdict.value, cited(row.evidence)
