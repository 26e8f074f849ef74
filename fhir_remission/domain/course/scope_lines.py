"""What stands before and around the criteria, as lines of the proof: gates, windows, repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from fhir_remission.domain.course.scope import Gate
from fhir_remission.domain.criteria.kinds import Sourced
from fhir_remission.domain.criteria.rules import Number
from fhir_remission.domain.evaluation.windows import Window
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.therapy import Cycle

LESS_INTENSIVE = "less-intensive"


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
    verdict = Verdict.UNKNOWN if gate.perhaps else verdict
    return guard(name, verdict, rule, source, gate.proof)


def phrase(number: Number) -> str:
    """The number with its unit."""
    return f"{number.value} {number.unit}"


def early_cycle(facts: Facts, marrow: Marrow) -> Cycle | None:
    """The cycle after whose start the marrow came too soon to be a response.

    A graft and what is given for it are no cycle, and clear a marrow all the same.
    """
    before = marrow.day - timedelta(days=1)
    for cycle in (facts.therapy.latest(before), facts.therapy.latest_of_graft(before)):
        # Day 1 is the first day of therapy.
        if cycle is not None and (marrow.day - cycle.day).days + 1 < early_for(facts, cycle).days:
            return cycle
    return None


def at_early_marrows(facts: Facts) -> dict[date, tuple[bool, Proof]]:
    """The days of marrows that came too early: whether one was surely there, and what says so."""
    found: dict[date, tuple[bool, Proof]] = {}
    for marrow in facts.marrows:
        cycle = early_cycle(facts, marrow)
        if cycle is not None:
            found[marrow.day] = (marrow.certain, (*marrow.results, *cycle.events))
    return found


def early_for(facts: Facts, cycle: Cycle) -> Number:
    """The day of a cycle from which on a marrow may show a response."""
    numbers = facts.numbers
    mild = numbers.early_marrow_less_intensive
    known = cycle.intensity == LESS_INTENSIVE and mild is not None
    return mild if known and mild is not None else numbers.early_marrow


def repeats_of(facts: Facts, place: int) -> Iterator[int]:
    """The marrows so soon after this one, with no start between, that they decide for it."""
    marrow, numbers = facts.marrows[place], facts.numbers
    reach = marrow.day + timedelta(days=numbers.repeat_marrow.days)
    start = facts.therapy.first_from(marrow.day)
    near = facts.marrows_after(place, numbers.repeat_marrow.days)
    for at, later in enumerate(near, start=place + 1):
        if later.day >= reach:
            return
        if later.inadequate:
            continue
        if start is not None and start.day < later.day:
            return
        yield at


def window_lines(
    facts: Facts, marrow: Marrow, window: Window, early: Cycle | None, repeat: Marrow | None
) -> tuple[CriterionResult, ...]:
    """The window, the time since therapy and the repeat marrow, where they limit the answer."""
    numbers = facts.numbers
    lines = []
    source = "non-evaluable: technically suboptimal sample"
    quality = (*marrow.statement.proof, *marrow.cells.proof, *marrow.cellularity.proof)
    if marrow.questioned:
        rule = "nobody states that the sample cannot be judged"
        verdict = Verdict.NOT_MET if marrow.inadequate else Verdict.UNKNOWN
        lines.append(guard("marrow-usable", verdict, rule, source, marrow.statement.proof))
    elif quality:
        rule = "the sample can be judged: cells counted, cellularity, or a word on its quality"
        lines.append(guard("marrow-usable", Verdict.MET, rule, source, quality))
    if window.cut_by:
        rule = (
            f"counts up to {phrase(numbers.window_after)} after the marrow; cut by {window.cut_by}"
        )
        lines.append(
            guard("window-whole", Verdict.NOT_MET, rule, numbers.window_after, window.cut_proof)
        )
    if early is not None:
        number = early_for(facts, early)
        rule = f"on day {number.value} of therapy or later, counted from its first"
        lines.append(guard("marrow-not-early", Verdict.NOT_MET, rule, number, early.events))
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
