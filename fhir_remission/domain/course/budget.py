"""How much work one record may ask for; a record that asks for more is not judged at all.

Counted in steps, never in time: the same record has the same answer on every machine.
"""

from __future__ import annotations

from datetime import date, timedelta

from fhir_remission.domain.course.draft import Draft
from fhir_remission.domain.course.scope import diagnosis_gate, read_signs
from fhir_remission.domain.record.facts import Facts

# Some seconds of one core. Ten years with a marrow a month and counts every day ask for 70 000.
MOST_STEPS = 1_000_000
# So many ways of one step are tried, and so many courses are told apart at once.
MOST_TRIALS = 512
MOST_WORLDS = 256
# A step of all of them together is tried in so many ways: two seconds of one core.
MOST_MOVES = 8192
# In so many ways what nobody can place is put into the record.
MOST_PLACINGS = 1000
# Together they may take so many steps: two tenths of a second of one core, four seconds at worst.
MOST_PLACED_STEPS = 100_000
# So many unreadable smears or draws of one window are tried both ways.
FEW = 3
# A draw that is tried with a marrow costs as much as so many anchors that are carried on to it.
_TRIED = 30


def asks_too_much(facts: Facts) -> bool:
    """Whether a record asks for more than is worth while."""
    return bool(facts.marrows) and steps_of(facts) > MOST_STEPS


def steps_of(facts: Facts) -> int:
    """Steps that judging takes at most: each draw with each marrow, each anchor for each later."""
    before = timedelta(days=facts.numbers.window_before.days)
    after = timedelta(days=facts.numbers.window_after.days)
    days = facts.marrow_days
    tried = sum(len(facts.draws_between(day - before, day + after)) for day in days)
    anchors = len(days)
    return _TRIED * tried + anchors * anchors // 2 + len(facts.draws) + len(facts.mrd)


def unjudged(facts: Facts) -> Draft:
    """The one answer to a record that asks for too much: everything is possible, nothing said."""
    outcomes = facts.criteria.outcomes
    gate = diagnosis_gate(facts, read_signs(facts), date.max)
    last = facts.marrows[-1]
    closed = gate.state == "closed"
    return Draft(
        kind="marrow",
        day=last.day,
        effective=last.effective,
        refs=last.refs,
        category=outcomes.not_evaluable if closed else outcomes.undecided,
        reason=gate.reason if closed else "too-many-unknowns",
        candidates=() if closed else tuple(row.id for row in facts.criteria.category if row.claim),
        doubted=True,
    )
