"""Before any criterion: is it AML, was the record read whole, does the marrow show a response?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import Threshold
from fhir_remission.domain.criteria.rules import Number
from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result
from fhir_remission.domain.nouns.intervals import at_least, holds
from fhir_remission.domain.nouns.verdicts import Proof, day_of
from fhir_remission.domain.record.derived import reading_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.signs import Said, answer_of
from fhir_remission.domain.record.therapy import Cycle
from fhir_remission.domain.record.wholes import WHOLE

NOTHING_BEFORE = "no-disease-or-therapy-before-marrow"


class Gate(Struct, frozen=True):
    """Open, closed (not evaluable) or in doubt (undecided), and why."""

    state: Literal["open", "closed", "doubt"]
    reason: str = ""
    proof: Proof = ()
    assumptions: tuple[Assumption, ...] = ()
    perhaps: bool = False
    """Closed, but only because a sign before it cannot be read."""


class Signs(Struct, frozen=True):
    """The first signs of leukaemia in the record."""

    full: Marrow | None
    """The first marrow full of blasts."""
    perhaps_full: tuple[Marrow, ...]
    """All that may be: of several values, not read exactly, or of a bad sample."""
    first_day: date
    """The first day on which any sign is provable; far in the future where none is."""
    proof: Proof
    possible_day: date
    """The first day on which a sign is not excluded."""
    unread: Gate | None
    """That what came and was not read may be anything, on whatever day."""
    coded: Gate | None
    """What markers and diagnoses say, on whatever day; none where there are none."""


def read_signs(facts: Facts) -> Signs:
    """Look for the first marrow full of blasts, and for the first sign of any kind."""
    full_at = facts.numbers.lineage_blasts.value
    perhaps_full = tuple(one for one in facts.marrows if one.reaches(full_at) is not False)
    full = (one for one in perhaps_full if one.reaches(full_at) and not one.inadequate)
    found = list(_seen(facts))
    sure = ((day, proof) for day, proof, is_sure in found if is_sure)
    first_day, proof = min(sure, key=lambda one: one[0], default=(date.max, ()))
    return Signs(
        next(full, None), perhaps_full, first_day, proof,
        min((day for day, *_ in found), default=date.max),
        _unread(facts),
        _out_of_scope(facts) or _of_diagnoses(facts),
    )  # fmt: skip


def _seen(facts: Facts) -> Iterator[tuple[date, Proof, bool]]:
    """What may be a sign, of each kind until the first that is one for certain."""
    line = facts.numbers.disease_blasts.value
    for marrow in facts.marrows:
        reached = marrow.reaches(line)
        sure = reached is True and not marrow.inadequate
        if reached is not False:
            yield marrow.day, marrow.results, sure
        if sure:
            break
    smears = ((draw.day, one) for draw, one in zip(facts.draws, facts.smears, strict=True))
    lesions = facts.extramedullary
    days = ((day, lesions.on(day)) for day in lesions.days if day > date.min)
    for signs in (smears, days):
        for day, sign in signs:
            if sign.state in ("present", "unknown"):
                yield day, sign.proof, sign.state == "present"
            if sign.state == "present":
                break


def diagnosis_gate(facts: Facts, signs: Signs, day: date) -> Gate:
    """Remission is said only of AML: proved by a diagnosis, or assumed of a full marrow."""
    known = signs.unread or _perhaps_treated(facts, day) or signs.coded
    if known is not None:
        return known
    named = facts.events.get("unread-leukaemia", ())
    read = "Condition" not in facts.record.without
    if read and signs.full is not None and signs.full.day <= day:
        assumed = Assumption("aml-lineage", facts.criteria.assume.aml_lineage.level)
        return Gate("open", proof=(*named, *signs.full.results), assumptions=(assumed,))
    perhaps = tuple(r for one in signs.perhaps_full if one.day <= day for r in one.results)
    return Gate("doubt", "diagnosis-unread" if named else "diagnosis-unknown", (*named, *perhaps))


def _of_diagnoses(facts: Facts) -> Gate | None:
    """What the diagnoses on record say together; none where there are none."""
    aml = facts.events.get("aml-diagnosis", ())
    others = facts.events.get("other-leukaemia", ())
    confirmed, others_confirmed = _confirmed(aml), _confirmed(others)
    if confirmed and others_confirmed:
        return Gate("doubt", "two-leukaemias", (*confirmed, *others_confirmed))
    unread = facts.events.get("unread-leukaemia", ())
    strange = tuple(one for one in unread if one.detail != "aml")
    if confirmed and strange:
        return Gate("doubt", "diagnosis-unread", (*confirmed, *strange))
    if confirmed:
        return Gate("open", proof=confirmed)
    if others_confirmed:
        return Gate("closed", "other-leukaemia", others_confirmed)
    # That it is AML by its words alone is as good as no diagnosis: what is assumed then may be.
    unspecified = facts.events.get("unspecified-leukaemia", ())
    if strange or unspecified or any(one.certainty != "confirmed" for one in unread):
        return Gate("doubt", "diagnosis-unread", (*unread, *unspecified))
    # Somebody looked: the lineage is no longer something never reported.
    if others or aml:
        return Gate("doubt", "diagnosis-unconfirmed", others or aml)
    refuted = facts.events.get("aml-refuted")
    if refuted:
        return Gate("doubt", "diagnosis-refuted", refuted)
    return None


def _unread(facts: Facts) -> Gate | None:
    """What came and was not read may be anything."""
    if facts.record.failed:
        return Gate("doubt", "read-failed")
    placeless = _placeless(facts)
    if facts.record.unplaced or placeless:
        return Gate("doubt", "evidence-unplaced", placeless)
    return None


def _placeless(facts: Facts) -> Proof:
    """What has no place among the marrows, and may stand against an answer there."""
    adverse = (one for one in facts.record.undated if _may_be_adverse(facts, one))
    return (*adverse, *facts.unordered, *facts.record.floating)


def all_else_is_placed(facts: Facts, pieces: Collection[Result | Event]) -> bool:
    """Whether nothing but these leaves everything in doubt."""
    record = facts.record
    return not (record.failed or record.unplaced) and all(
        one in pieces for one in _placeless(facts)
    )  # fmt: skip


def _may_be_adverse(facts: Facts, one: Result) -> bool:
    """Whether what has no day may stand against an answer: a low count, a sign of APL."""
    if one.analyte == "mrd":
        out_of_scope = one.marker in facts.criteria.about.out_of_scope_markers
        return out_of_scope and _says(one) != "negative"
    return _may_be_low(facts, one)


def _perhaps_treated(facts: Facts, day: date) -> Gate | None:
    """What may be a start matters where it is near."""
    for one in facts.therapy.possible:
        if is_near(facts, one, day):
            return Gate("doubt", "therapy-possible", (one,))
    return None


def is_near(facts: Facts, start: Event, day: date) -> bool:
    """Whether a start decides what a marrow of the day means."""
    numbers = facts.numbers
    past = (day - day_of(start)).days
    return -numbers.window_after.days <= past < numbers.early_marrow.days - 1


def _may_be_low(facts: Facts, count: Result) -> bool:
    """Whether a count without a day may be below what some category asks of it."""
    analyte = "platelets" if count.analyte == "platelets" else "anc"
    reading = reading_of(count)
    if count.analyte == WHOLE and isinstance(reading, Interval):
        # It may be of any draw that has none, and no part of that one is above it.
        parts = (one.own["anc"].reading for one in facts.draws if WHOLE not in one.results)
        if any(isinstance(p, Interval) and at_least(reading, p.low) is not True for p in parts):
            return True
    asked = (
        one
        for one in facts.criteria.criterion
        if isinstance(one, Threshold) and one.analyte == analyte
    )
    return not isinstance(reading, Interval) or not all(
        holds(reading, one.op, one.value) for one in asked
    )


def _confirmed(events: Sequence[Event]) -> tuple[Event, ...]:
    return tuple([one for one in events if one.certainty == "confirmed"])


def _out_of_scope(facts: Facts) -> Gate | None:
    """Any APL code, or a positive marker of APL; a marker that cannot be read leaves a doubt."""
    coded = facts.events.get("apl-diagnosis")
    if coded:
        return Gate("closed", "apl-out-of-scope", coded)
    if not facts.tested:
        return None
    found = [one for one in facts.tested if _says(one) == "positive" and one.standing == "usable"]
    if found:
        return Gate("closed", "apl-out-of-scope", tuple(found))
    doubtful = tuple(one for one in facts.tested if _says(one) != "negative")
    return Gate("doubt", "apl-not-excluded", doubtful) if doubtful else None


def _says(result: Result) -> Said:
    """What a marker says; of APL any amount is found."""
    return "positive" if result.value == Finding("low-level") else answer_of(result)


def evaluation_gate(facts: Facts, signs: Signs, marrow: Marrow) -> Gate:
    """A marrow is a response evaluation only after leukaemia or a start of therapy."""
    earlier = facts.therapy.latest(marrow.day - timedelta(days=1))
    if earlier is not None:
        return Gate("open", proof=earlier.events)
    if signs.first_day < marrow.day:
        return Gate("open", proof=signs.proof)
    diagnosed = _confirmed(facts.events.get("aml-diagnosis", ()))
    needed = timedelta(days=facts.numbers.treated_before_marrow.days)
    # One of a month is so old where the last of its days is.
    old = tuple(one for one in diagnosed if one.when and marrow.day - one.when.last_day >= needed)
    if old:
        rule = facts.criteria.assume.treated_before_marrow
        assumed = Assumption("treated-before-marrow", rule.level)
        return Gate("open", proof=old, assumptions=(assumed,))
    perhaps_old = any(one.when and marrow.day - day_of(one) >= needed for one in diagnosed)
    perhaps = signs.possible_day < marrow.day or perhaps_old
    return Gate("closed", NOTHING_BEFORE, diagnosed, perhaps=perhaps)


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
    mild = facts.numbers.early_marrow_less_intensive
    if cycle.intensity == "less-intensive" and mild is not None:
        return mild
    return facts.numbers.early_marrow


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
