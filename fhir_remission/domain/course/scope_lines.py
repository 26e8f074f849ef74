"""What stands before and around the criteria, as lines of the proof: gates, windows, repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from fhir_remission.domain.course.scope import Gate
from fhir_remission.domain.criteria.rules import Number, Sourced
from fhir_remission.domain.evaluation.windows import Window
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.therapy import Cycle


def guard(
    name: str, verdict: Verdict, rule: str, sourced: Sourced | str, proof: Proof = ()
) -> CriterionResult:
    """One line of the proof."""
    source = sourced if isinstance(sourced, str) else f"{sourced.source} [{sourced.mark}]"
    return CriterionResult(name, verdict, rule, source, proof)


def gate_line(name: str, gate: Gate, rule: str, source: str) -> CriterionResult:
    """A gate as a line of the proof."""
    verdicts = {"open": Verdict.MET, "closed": Verdict.NOT_MET, "doubt": Verdict.UNKNOWN}
    verdict = Verdict.ASSUMED if gate.assumptions else verdicts[gate.state]
    return guard(name, verdict, rule, source, gate.proof)


def phrase(number: Number) -> str:
    """The number with its unit."""
    return f"{number.value} {number.unit}"


def early_cycle(facts: Facts, marrow: Marrow) -> Cycle | None:
    """The cycle after whose start the marrow came too soon to be a response."""
    cycle = facts.therapy.latest(marrow.day - timedelta(days=1))
    if cycle is None or (marrow.day - cycle.day).days >= facts.numbers.early_marrow.days:
        return None
    return cycle


def repeats_of(facts: Facts, place: int) -> Iterator[Marrow]:
    """The marrows so soon after this one, with no start between, that they decide for it."""
    marrow, numbers = facts.marrows[place], facts.numbers
    reach = marrow.day + timedelta(days=numbers.repeat_marrow.days)
    start = facts.therapy.first_from(marrow.day)
    for later in facts.marrows_after(place, numbers.repeat_marrow.days):
        if later.day >= reach:
            return
        if later.inadequate:
            continue
        if start is not None and start.day < later.day:
            return
        yield later


def contradicting(facts: Facts, place: int) -> Marrow | None:
    """The next marrow, where it is so close that it decides, and does not agree across 5 %."""
    threshold = facts.numbers.disease_blasts.value
    here = facts.marrows[place].reaches(threshold)
    for later in repeats_of(facts, place):
        there = later.reaches(threshold)
        # An unread marrow that is clear after all would be contradicted; a clear repeat is none.
        if there is not here or here is None:
            return later if here is not None or there is not False else None
    return None


def window_lines(
    facts: Facts, marrow: Marrow, window: Window, early: Cycle | None, repeat: Marrow | None
) -> tuple[CriterionResult, ...]:
    """The window, the time since therapy and the repeat marrow, where they limit the answer."""
    numbers = facts.numbers
    lines = []
    quality = (*marrow.statement.proof, *marrow.cells.proof, *marrow.cellularity.proof)
    if quality and not marrow.inadequate:
        rule = "the sample can be judged: cells counted, cellularity, or a word on its quality"
        source = "non-evaluable: technically suboptimal sample"
        lines.append(guard("marrow-usable", Verdict.MET, rule, source, quality))
    if marrow.inadequate:
        rule = "nobody states that the sample cannot be judged"
        source = "non-evaluable: technically suboptimal sample"
        lines.append(guard("marrow-usable", Verdict.NOT_MET, rule, source, marrow.statement.proof))
    if window.cut_by:
        rule = (
            f"counts up to {phrase(numbers.window_after)} after the marrow; cut by {window.cut_by}"
        )
        lines.append(
            guard("window-whole", Verdict.NOT_MET, rule, numbers.window_after, window.cut_proof)
        )
    if early is not None:
        rule = f"at least {phrase(numbers.early_marrow)} after the start of a cycle"
        lines.append(
            guard("marrow-not-early", Verdict.NOT_MET, rule, numbers.early_marrow, early.events)
        )
    if repeat is not None:
        rule = f"no other marrow within {phrase(numbers.repeat_marrow)} that disagrees"
        lines.append(
            guard(
                "marrow-not-contradicted",
                Verdict.NOT_MET,
                rule,
                numbers.repeat_marrow,
                repeat.results,
            )
        )
    return tuple(lines)
