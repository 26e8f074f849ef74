"""The landmark: from which marrow on a course without a response is refractory."""

from __future__ import annotations

from fhir_remission.domain.course.courses import Baseline, Course
from fhir_remission.domain.criteria.rules import Rule
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow


def landmark_of(
    facts: Facts, marrow: Marrow, course: Course, baseline: Baseline
) -> tuple[Rule, Proof] | None:
    """The rule and the starts that make this the marrow of a landmark; None before one."""
    rules, opened = facts.criteria.landmark, course.opened
    # The baseline opens the course, and with it the count of its cycles.
    ground = baseline.blasts.proof
    cycles = facts.therapy.from_until(opened, marrow.day)
    if rules.cycles is not None:
        hard = [one for one in cycles if one.intensity == rules.cycles.intensity]
        if len(hard) >= rules.cycles.cycles:
            return rules.cycles, (*(event for one in hard for event in one.events), *ground)
    if rules.days is not None:
        mild = [one for one in cycles if one.intensity == rules.days.intensity]
        if mild and (marrow.day - mild[0].day).days >= rules.days.days:
            return rules.days, (*mild[0].events, *ground)
    return None
