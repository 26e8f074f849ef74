"""Gates, limits and rules of the course as lines of the proof, made where an answer is printed."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from fhir_remission.domain.course.scope import Gate, early_for
from fhir_remission.domain.course.step import Case
from fhir_remission.domain.course.world import Lines, Said
from fhir_remission.domain.criteria.kinds import Sourced
from fhir_remission.domain.criteria.rules import Number, Rule
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof

Line = CriterionResult
LANDMARK = "before-landmark"
REFRACTORY = "before refractory disease: "
FAILS = (Verdict.NOT_MET, Verdict.UNKNOWN)
POOR = "non-evaluable: technically suboptimal sample"
UNREAD = "what cannot be read proves nothing"
READ_WHOLE = ("read-failed", "evidence-unplaced")
RELAPSES = ("no-relapse-in-marrow", "no-relapse-in-blood", "no-relapse-outside-marrow")
OF_A_WAY = (*RELAPSES, LANDMARK, "remission-kept", "marrow-decides")
"""What decides only in the ways in which it does."""


def around(case: Case) -> tuple[Line, ...]:
    """The gates and limits of the marrow."""
    before = "blasts, a lesion or therapy seen before the marrow, or a diagnosis weeks before it"
    needed = "a response needs something to respond"
    return (
        _scope(case.diagnosis),
        _of_gate("response-evaluation", case.gate, before, needed),
        *_limits(case),
    )


def guard(
    name: str, verdict: Verdict, rule: str, sourced: Sourced | str, proof: Proof = ()
) -> Line:
    """One line of the proof."""
    source = sourced if isinstance(sourced, str) else f"{sourced.source} [{sourced.mark}]"
    return CriterionResult(name, verdict, rule, source, proof)


def _of_gate(name: str, gate: Gate, rule: str, source: str) -> Line:
    verdicts = {"open": Verdict.MET, "closed": Verdict.NOT_MET, "doubt": Verdict.UNKNOWN}
    verdict = Verdict.ASSUMED if gate.assumptions else verdicts[gate.state]
    verdict = Verdict.UNKNOWN if gate.perhaps else verdict
    return guard(name, verdict, rule, source, gate.proof)


def _scope(gate: Gate) -> Line:
    """Whether these criteria speak of it: named by what is in doubt, if anything is."""
    if gate.reason in READ_WHOLE:
        rule = "all that came can be read, and placed among the rest in time"
        return _of_gate("record-read", gate, rule, UNREAD)
    if gate.reason == "therapy-possible":
        rule = "of all that was given near the marrow it is known whether it is therapy"
        return _of_gate("therapy-known", gate, rule, UNREAD)
    rule = "remission is said only of acute myeloid leukaemia; APL is out of scope"
    return _of_gate("aml-diagnosis", gate, rule, "title and scope of the criteria")


def _limits(case: Case) -> Iterator[Line]:
    """The sample, and the window, the time since therapy and the repeat where they limit it."""
    marrow, window, numbers = case.marrow, case.window, case.facts.numbers
    quality = (*marrow.statement.proof, *marrow.cells.proof, *marrow.cellularity.proof)
    if marrow.questioned:
        rule = "nobody states that the sample cannot be judged"
        verdict = Verdict.NOT_MET if marrow.inadequate else Verdict.UNKNOWN
        yield guard("marrow-usable", verdict, rule, POOR, marrow.statement.proof)
    elif quality:
        rule = "the sample can be judged: cells counted, cellularity, or a word on its quality"
        yield guard("marrow-usable", Verdict.MET, rule, POOR, quality)
    if window.cut_by:
        number = numbers.window_after
        rule = f"counts up to {_told(number)} after the marrow; cut by {window.cut_by}"
        yield guard("window-whole", Verdict.NOT_MET, rule, number, window.cut_proof)
    if case.early is not None:
        number = early_for(case.facts, case.early)
        rule = f"on day {number.value} of therapy or later, counted from its first"
        yield guard("marrow-not-early", Verdict.NOT_MET, rule, number, case.early.events)
    if case.repeat is not None:
        number, results = numbers.repeat_marrow, case.repeat.results
        rule = f"no other marrow within {_told(number)} that disagrees"
        yield guard("marrow-not-contradicted", Verdict.NOT_MET, rule, number, results)


def _told(number: Number) -> str:
    return f"{number.value} {number.unit}"


def at(case: Case | None, *more: Line) -> Lines:
    """The surroundings of the marrow, if there is one, and what else decided."""
    return lambda: (*(around(case) if case is not None else ()), *more)


def seen_on(case: Case) -> Proof:
    """All that was looked at on the day of the marrow."""
    facts, day = case.facts, case.marrow.day
    smears = (p for one in facts.draws_between(day, day) for p in facts.smears[one].proof)
    return (*case.marrow.results, *smears, *facts.extramedullary.on(day).proof)


def had_remission(kept: Said) -> Line:
    """The remission after which partial remission and progression are not tested."""
    rule = "no remission before: after one, partial remission and progression are not tested"
    verdict = Verdict.NOT_MET if kept.ground else Verdict.UNKNOWN
    return guard("no-prior-remission", verdict, rule, "order of evaluation", kept.ground)


def relapse_rule(name: str, rule: Rule, proof: Proof, *, proved: bool = True) -> Line:
    """A relapse rule: not met, there is one; not known, a sign of one."""
    verdict = Verdict.NOT_MET if proved else Verdict.UNKNOWN
    return guard(name, verdict, f"no {rule.text}", rule, proof)


def landmark(verdict: Verdict, rule: Rule, proof: Proof) -> Line:
    """The landmark from which no remission is refractory disease."""
    return guard(LANDMARK, verdict, f"{REFRACTORY}{rule.text}", rule, proof)


def undecided(name: str, text: str, proof: Proof) -> Line:
    """What could not be read."""
    return guard(name, Verdict.UNKNOWN, text, UNREAD, proof)


def doubted(line: Line) -> Line:
    """A rule that one way breaks and another does not."""
    decided = line.criterion in OF_A_WAY and line.verdict is not Verdict.MET
    return replace(line, verdict=Verdict.UNKNOWN, source=UNREAD) if decided else line


def quality(case: Case) -> tuple[Line, ...]:
    """Too few cells; counts as of a remission would make up for them."""
    proof = (*case.marrow.cells.proof, *case.marrow.cellularity.proof)
    if not proof:
        return ()
    rule = "enough cells were counted, or cellularity makes up for it"
    draws = (case.facts.draws[one].own.values() for one in case.window.places)
    counts = (p for own in draws for one in own for p in one.proof)
    return (guard("marrow-usable", Verdict.NOT_MET, rule, POOR, (*proof, *counts)),)


def taken_back(proof: Proof) -> Line:
    """What took a remission back where no relapse is defined."""
    text = "no disease after the remission: it takes it back, for the set defines no relapse"
    return guard("remission-kept", Verdict.NOT_MET, text, "order of evaluation", proof)


def not_begun(case: Case, lineage: Number) -> Line:
    """The course that had not begun yet."""
    diagnosed = case.facts.events.get("aml-diagnosis", ())
    rule = "the course has begun: diagnosis or a marrow full of blasts before this marrow"
    return guard("response-evaluation", Verdict.NOT_MET, rule, lineage, diagnosed)


def silent(case: Case, found: Evaluation | None = None) -> Line:
    """The marrow that leaves the answer to the one before, with the signs that keep it from one."""
    rule = "the latest marrow gives an answer of its own"
    seen = seen_on(case)
    if found is not None:
        signs = (found.judgements[one] for one in sorted(plan_of(case.facts.criteria).signs))
        seen += tuple(p for one in signs if one.verdict in FAILS for p in one.proof)
    proof = tuple(dict.fromkeys(seen))
    return guard("marrow-decides", Verdict.NOT_MET, rule, "order of evaluation", proof)


def unlike(proof: Proof) -> Line:
    """What the record leaves open, and would give another course."""
    text = "what is unknown leaves no other answer open"
    return undecided("course-known", text, proof)
