"""How a remission ends: by relapse, by doubt, or withdrawn where a set defines no relapse."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course.courses import Course, baseline_of, lesions_since
from fhir_remission.domain.course.progress import Progress, moved
from fhir_remission.domain.course.scope_lines import guard
from fhir_remission.domain.criteria.rules import Rule
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import NOTHING, Proof, Quantity, day_of, gathered, longer
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.mrd import MrdHistory


def doubted(progress: Progress, day: date, undecided: str, proof: Proof) -> Progress:
    """Something may have ended the remission: only a newly proved one settles it."""
    return moved(
        progress, "unknown", day, doubts=longer(progress.doubts, proof), category=undecided,
        row=None, carried=None, response_date=None,
    )  # fmt: skip


def remission_line(progress: Progress) -> CriterionResult:
    proof = progress.remission.proof if progress.remission is not None else ()
    rule = "after a remission of this course, partial remission and progression are not tested"
    return guard("no-prior-remission", Verdict.NOT_MET, rule, "order of evaluation", proof)


PRIOR_LINE = guard(
    "no-prior-remission",
    Verdict.UNKNOWN,
    "no remission earlier in this course",
    "order of evaluation",
)
"""What may have been a remission before; where it is printed `proof_lines` adds the evidence."""


def rule_line(
    name: str, rule: Rule, proof: Proof, verdict: Verdict = Verdict.NOT_MET
) -> CriterionResult:
    """A relapse rule as a line of the proof: not met, the patient is not free of relapse."""
    return guard(name, verdict, rule.text, rule, proof)


def undecided_line(name: str, text: str, proof: Proof) -> CriterionResult:
    """What could not be read, as a line of the proof."""
    return guard(name, Verdict.UNKNOWN, text, "what cannot be read proves nothing", proof)


def withdrawn_line(proof: Proof) -> CriterionResult:
    """What took a remission back where no relapse is defined."""
    text = "disease after a remission takes it back; the set defines no relapse"
    return guard("remission-kept", Verdict.NOT_MET, text, "order of evaluation", proof)


def first_sign_of(progress: Progress, day: date) -> date:
    """The first sign of the relapse that this day completes."""
    signs = [one.day for one in progress.samples if one.sure]
    return min([day, *signs, *([progress.suspected_on] if progress.suspected_on else [])])


def relapse(
    facts: Facts, progress: Progress, day: date, blasts: Quantity = NOTHING, proof: Proof = ()
) -> Progress:
    """Haematologic relapse: the course ends, and a new one opens with this baseline."""
    earliest = _first_doubt(progress, day)
    start = facts.therapy.first_from(day)
    course = Course(
        number=progress.course.number + 1,
        opened=day,
        surely=day,
        # The baseline lies before the first start; which one that is depends on the day.
        certain=not progress.doubt
        or (start is not None and facts.therapy.first_from(earliest) is start),
        relapsed=True,
        # Where an earlier relapse is not excluded, its lesions may be of this course.
        lesions_from=lesions_since(facts, progress.course) if progress.doubt else None,
        relapse_blasts=blasts,
    )
    # Where the relapse may have been an earlier one, a marrow between may have been a remission.
    between = any(earliest < one < day for one in facts.marrow_days)
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
        maybe=progress.doubts,
        maybe_since=day if between else None,
    )


def _first_doubt(progress: Progress, day: date) -> date:
    """The first day on which the remission may have ended; the day itself where none is."""
    return min([day, *(day_of(one) for one in gathered(progress.doubts))])


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
        doubts=None,
        unclear=False,
    )
