"""The landmark: from which marrow on a course without a response is refractory."""

from __future__ import annotations

from fhir_remission.domain.course.cases import Case
from fhir_remission.domain.course.progress import Progress
from fhir_remission.domain.course.scope_lines import guard
from fhir_remission.domain.criteria.rules import Rule
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof


def landmark_of(case: Case, progress: Progress) -> tuple[Rule, Proof] | None:
    """The rule and the starts that make this the marrow of a landmark; None before one."""
    rules, opened = case.facts.criteria.landmark, progress.course.opened
    if progress.course.relapsed or case.early is not None:
        return None
    first = case.facts.therapy.first_from(opened)
    if first is None:
        return None
    cycles = case.facts.therapy.from_until(opened, case.marrow.day)
    if rules.cycles is not None:
        hard = [one for one in cycles if one.intensity == rules.cycles.intensity]
        if len(hard) >= rules.cycles.cycles:
            return rules.cycles, tuple(event for one in hard for event in one.events)
    if rules.days is not None:
        mild = [one for one in cycles if one.intensity == rules.days.intensity]
        if mild and (case.marrow.day - mild[0].day).days >= rules.days.days:
            return rules.days, mild[0].events
    return None


def landmark_lines(
    case: Case, progress: Progress, category: str, reason: str
) -> tuple[CriterionResult, ...]:
    """The landmark, where it decides the answer."""
    found = landmark_of(case, progress)
    at_landmark = reason == "remission-not-excluded-at-landmark"
    refractory = category == case.facts.criteria.outcomes.refractory
    if found is None or not (at_landmark or refractory):
        return ()
    rule, proof = found
    verdict = Verdict.NOT_MET if refractory else Verdict.UNKNOWN
    # The baseline opens the course, and with it the count of its cycles.
    proof = (*proof, *progress.baseline.blasts.proof)
    return (guard("before-landmark", verdict, rule.text, rule, proof),)
