"""One marrow and its surroundings: what limits it, and how it is looked at."""

from __future__ import annotations

from typing import NamedTuple

from fhir_remission.domain.course.courses import background_of, memory_of
from fhir_remission.domain.course.progress import Draft, Progress
from fhir_remission.domain.course.scope import Gate, Signs, diagnosis_gate, evaluation_gate
from fhir_remission.domain.course.scope_lines import (
    contradicting,
    early_cycle,
    gate_line,
    window_lines,
)
from fhir_remission.domain.evaluation.marrow import Evaluation, Look, evaluate
from fhir_remission.domain.evaluation.windows import Window, window_of
from fhir_remission.domain.nouns.assessment import Assumption, CriterionResult
from fhir_remission.domain.nouns.verdicts import Proof, SignReading, SignState
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.therapy import Cycle


class Case(NamedTuple):
    """One marrow, and everything around it that decides how it is looked at."""

    facts: Facts
    place: int
    marrow: Marrow
    window: Window
    early: Cycle | None
    repeat: Marrow | None
    diseased: bool | None
    """Whether its blasts are at or above the line of disease; None where that is open."""
    diagnosis: Gate
    gate: Gate
    """Whether it is a response evaluation at all."""
    strict: bool
    withheld: bool = False
    """Whether blasts after it may have been a relapse, so that it proves no remission."""

    @property
    def capped(self) -> bool:
        """Whether it can prove no remission, whatever the counts."""
        contradicted = self.repeat is not None and self.diseased is not True
        return self.withheld or self.early is not None or contradicted


def read_case(facts: Facts, signs: Signs, place: int, *, strict: bool) -> Case:
    """Look at the surroundings of a marrow."""
    marrow = facts.marrows[place]
    return Case(
        facts=facts,
        place=place,
        marrow=marrow,
        window=window_of(facts, place),
        early=early_cycle(facts, marrow),
        repeat=contradicting(facts, place),
        diseased=marrow.reaches(facts.numbers.disease_blasts.value),
        diagnosis=diagnosis_gate(facts, signs, marrow.day),
        gate=evaluation_gate(facts, signs, marrow),
        strict=strict,
    )


def guards_of(case: Case) -> tuple[CriterionResult, ...]:
    """The gates and limits of the case as lines of the proof."""
    scope = "remission is said only of acute myeloid leukaemia; APL is out of scope"
    before = "leukaemia or a start of therapy is documented before the marrow"
    return (
        gate_line("aml-diagnosis", case.diagnosis, scope, "title and scope of the criteria"),
        gate_line(
            "response-evaluation", case.gate, before, "a response needs something to respond"
        ),
        *window_lines(case.facts, case.marrow, case.window, case.early, case.repeat),
    )


def limits_of(case: Case) -> tuple[str, ...]:
    """The flags that the surroundings raise."""
    flags = list(case.marrow.flags)
    if case.early is not None:
        flags.append("early-marrow")
    if case.repeat is not None:
        flags.append("contradicted-by-next-marrow")
    return tuple(flags)


def draft_of(
    case: Case,
    after: Progress,
    category: str,
    *,
    flags: tuple[str, ...] = (),
    guards: tuple[CriterionResult, ...] = (),
    **more: object,
) -> Draft:
    """A draft at this marrow."""
    marrow = case.marrow
    return Draft(
        "marrow",
        marrow.day,
        marrow.effective,
        marrow.refs,
        after,
        category,
        flags=(*limits_of(case), *flags),
        guards=(*guards_of(case), *guards),
        **more,  # type: ignore[arg-type]
    )


def prior_sign(progress: Progress, *, claimed: bool) -> SignReading:
    """Whether a remission came earlier in this course."""
    if progress.remission is not None:
        return SignReading("present", progress.remission.proof)
    if progress.withdrawn:
        return SignReading("present", progress.withdrawn)
    if progress.maybe_remission or claimed:
        return SignReading("unknown", trail=progress.maybe)
    return SignReading("absent")


def look_at(case: Case, progress: Progress, *, claimed: bool) -> Evaluation:
    """Judge the marrow with its window against the rows that it may prove."""
    rows = case.facts.criteria.category
    if case.capped:
        rows = tuple(row for row in rows if row.early)
    background = background_of(
        case.facts, progress.course, progress.baseline, prior_sign(progress, claimed=claimed)
    )
    memory = memory_of(case.facts, progress.course)
    look = Look(rows, memory, background, case.strict)
    return evaluate(case.facts, case.place, case.window, look)


def counted(case: Case) -> Proof:
    """The counts of every draw that may be read with the marrow."""
    counts = (case.facts.draws[one].own.values() for one in case.window.looked)
    return tuple(p for own in counts for one in own for p in one.proof)


def smears_of_day(case: Case) -> list[SignReading]:
    """What the draws of the marrow's own day say of blasts."""
    facts, day = case.facts, case.marrow.day
    return [facts.smears[one] for one in facts.draws_between(day, day)]


def smeared(case: Case) -> set[SignState]:
    """What microscopy of the blood says on the marrow's own day, where it says anything."""
    return {one.state for one in smears_of_day(case)} - {"silent", "automated"}


def blasts_after(case: Case, found: Evaluation) -> bool:
    """Whether blood of the window held blasts after the marrow, or may have: a relapse, perhaps."""
    last = found.blood.last
    return last is not None and case.facts.draws[last].day > case.marrow.day


def assumptions_of(
    case: Case, progress: Progress, found: Evaluation, category: str
) -> tuple[Assumption, ...]:
    """All that was assumed: by the criteria, of the diagnosis, of the therapy."""
    outcomes = case.facts.criteria.outcomes
    if category == outcomes.undecided:
        return ()
    every = {*found.assumptions, *case.diagnosis.assumptions, *case.gate.assumptions}
    asks = found.row.needs_therapy if found.row is not None else category == outcomes.no_response
    if asks and progress.baseline.start is None and not progress.course.relapsed:
        rule = case.facts.criteria.assume.therapy_before_marrow
        every.add(Assumption("therapy-before-marrow", rule.level))
    return tuple(sorted(every, key=lambda one: (one.id, one.cls)))
