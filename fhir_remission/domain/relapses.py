"""How a remission ends: by relapse, by doubt, or withdrawn where a set defines no relapse."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.assessment import CriterionResult, Verdict
from fhir_remission.domain.courses import Course, baseline_of
from fhir_remission.domain.facts import Facts
from fhir_remission.domain.guards import guard
from fhir_remission.domain.mrd import MrdHistory
from fhir_remission.domain.progress import Progress, moved
from fhir_remission.domain.rules import Rule
from fhir_remission.domain.verdicts import NOTHING, Proof, Quantity


def doubted(progress: Progress, day: date, undecided: str) -> Progress:
    """Something may have ended the remission: only a newly proved one settles it."""
    return moved(
        progress, "unknown", day, doubt=True, category=undecided, row=None, carried=None,
        response_date=None,
    )  # fmt: skip


def remission_line(progress: Progress) -> CriterionResult:
    proof = progress.remission.proof if progress.remission is not None else ()
    rule = "after a remission of this course, partial remission and progression are not tested"
    return guard("no-prior-remission", Verdict.NOT_MET, rule, "order of evaluation", proof)


def rule_line(name: str, rule: Rule, proof: Proof) -> CriterionResult:
    """A relapse rule that has been fulfilled, as a line of the proof."""
    return guard(name, Verdict.MET, rule.text, rule, proof)


def first_sign_of(progress: Progress, day: date) -> date:
    """The first sign of the relapse that this day completes."""
    signs = [one.day for one in progress.samples if one.sure]
    return min([day, *signs, *([progress.suspected_on] if progress.suspected_on else [])])


def relapse(
    facts: Facts, progress: Progress, day: date, blasts: Quantity = NOTHING, proof: Proof = ()
) -> Progress:
    """Haematologic relapse: the course ends, and a new one opens with this baseline."""
    course = Course(
        number=progress.course.number + 1,
        opened=day,
        certain=not progress.doubt,
        relapsed=True,
        relapse_blasts=blasts,
    )
    return Progress(
        course=course,
        baseline=baseline_of(facts, course),
        state="relapsed",
        since=day,
        relapse_day=day,
        first_sign=first_sign_of(progress, day),
        relapse_proof=proof or blasts.proof,
        ended_best=progress.best,
        category=facts.criteria.outcomes.relapse,
        response_date=day,
    )


def withdraw(progress: Progress, day: date, category: str) -> Progress:
    """A set without relapse rules: disease takes the remission back."""
    proof = progress.remission.proof if progress.remission is not None else progress.withdrawn
    return moved(
        replace(progress, remission=None, withdrawn=proof, mrd=MrdHistory(), samples=()),
        "active-disease",
        day,
        category=category,
        row=None,
        carried=None,
        response_date=None,
        doubt=False,
        unclear=False,
    )
