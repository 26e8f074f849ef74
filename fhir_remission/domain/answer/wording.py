"""Words for ids in sentences; the ids themselves have their rows in `mappings/vocabulary`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.domain.nouns.verdicts import (
    Proof,
    Quantity,
    day_of,
    day_told,
    has_a_day,
    is_of_no_day,
)
from fhir_remission.domain.record.coarse_times import is_precise
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.mrd import combined


def why_of(facts: Facts, found: Assessment, reason: str) -> str:
    """Why nothing is said; a baseline of the days after the start is none of before it."""
    kind = found.anchor.kind
    if reason in OF_A_RESULT and kind in NO_DAY and undated(facts, found):
        return NO_DAY[kind]
    if reason == "before-therapy" and found.cycle is not None:
        return LATE
    return WHY.get(reason, "")


def capped_by(facts: Facts, found: Assessment) -> str:
    """Why a marrow below the line is no remission though its counts may be as of one."""
    early = {row.id for row in facts.criteria.category if row.early}
    if found.category not in early or found.anchor.kind != "marrow" or found.latest is not None:
        return ""
    return next((told for flag, told in CAPS.items() if flag in found.flags), "")


def advice(facts: Facts, name: str) -> str:
    """What is asked for; of the dead only what is written or can be."""
    if facts.record.died and name not in OF_THE_RECORD:
        return ""
    return ADVICE.get(name, IN_PART.get(name, ""))


def start_text(facts: Facts) -> str:
    """What is asked of a start of therapy: whether there was one only where that is in doubt."""
    starts = (*facts.therapy.possible, *facts.record.floating)
    sure = all(one.certainty == "confirmed" for one in starts)
    return START_DAY if sure else ADVICE["therapy-start"]


def drawn_on_no_day(facts: Facts, day: date) -> bool:
    """Whether all blood that stands on a day is told by its month."""
    draws = [facts.draws[place] for place in facts.draws_between(day, day)]
    told = any(has_a_day(many) for one in draws for many in one.results.values())
    return bool(draws) and not told


def undated(facts: Facts, found: Assessment) -> bool:
    """Whether nothing is settled at a result whose day nobody can name, such as one of a month."""
    if found.category != facts.criteria.outcomes.undecided:
        return False
    told: tuple[Result | Event, ...] = (*facts.record.results, *facts.record.events)
    longest = timedelta(hours=facts.numbers.precise.days)
    return any(
        one.when is not None and not is_precise(one.when, longest)
        for one in told if one.source.ref in found.anchor.observations
    )  # fmt: skip


def value_text(quantity: Quantity, unit: str) -> str:
    """What was read of one analyte, or why it is no number."""
    if quantity.reading is None:
        return "not reported"
    early = [one for one in quantity.proof if isinstance(one, Result) and one.standing != "usable"]
    if not isinstance(quantity.reading, Interval):
        # Whether it is only preliminary or cannot be read, it is no number that stands.
        readable = any(isinstance(one, Result) and is_of_no_day(one) for one in quantity.proof)
        unread = "of no known day" if readable else "not readable"
        word = "only preliminary" if len(early) == len(quantity.proof) else unread
        return f"{word}{when_text(quantity.proof)}"
    raised = " (treatment may have raised it)" if quantity.bounded else ""
    differs = early and quantity.reading.low != quantity.reading.high
    early_too = " (a preliminary value differs)" if differs else ""
    return f"{interval_text(quantity.reading)} {unit}{when_text(quantity.proof)}{raised}{early_too}"


def when_text(proof: Proof) -> str:
    """The last day of some results, or the month that one was told by."""
    results = [one for one in proof if not isinstance(one, Event)]
    if not results:
        return ""
    last = max(results, key=day_of)
    return f" {'of' if is_of_no_day(last) else 'on'} {day_told(last)}"


def last_sample(facts: Facts, found: Assessment) -> str:
    """What the last MRD says by itself, in brackets, where that is not what stands."""
    if found.mrd == "unknown" or found.last_mrd is None:
        return ""
    days, day = facts.mrd_days, found.last_mrd
    if any(one.analyte == "mrd" and one.when.last_day > day for one in facts.loose):
        # One that is told by its month may be what stands, and later.
        return ""
    own = facts.mrd[bisect_left(days, day) : bisect_right(days, day)]
    if not own or found.mrd in {one.status for one in own}:
        return ""
    status = combined(own)
    return f" ({'not readable' if status == 'unknown' else status} by itself)"


def last_told(facts: Facts, found: Assessment, analytes: Sequence[str], day: date | None) -> str:
    """The last day of some results; a month that one is told by, where that may be later."""
    known = str(day or "")
    loose = (one for one in facts.loose if found.current and one.analyte in analytes)
    later = [one for one in loose if day is None or one.when.last_day > day]
    if not later:
        return known
    last = max(later, key=lambda one: (one.when.last_day, one.when.first_day))
    return f"{known} or {day_told(last)}" if day and last.when.first_day <= day else day_told(last)


def may_be(candidates: Iterable[str], higher: Iterable[str]) -> str:
    """Every answer that is still open."""
    return " or ".join(dict.fromkeys((*higher, *candidates)))


def interval_text(value: Interval) -> str:
    """An interval as a laboratory would print it."""
    low = f"{value.low.normalize():f}"
    if value.high is None:
        return f">{low}" if value.low_open else f">={low}"
    high = f"{value.high.normalize():f}"
    if value.low == value.high:
        return low
    if not value.low and not value.low_open:
        return f"<{high}" if value.high_open else f"<={high}"
    return f"{low}-{high}"


def number_of(count: int, one: str, more: str = "") -> str:
    """A number of things: `1 result`, `2 results`."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"


STATES = {
    "untreated": "Untreated as far as known{since}",
    "awaiting-response": "Awaiting response to therapy{since}",
    "active-disease": "Active disease{since}",
    "in-remission": "In remission{since}",
    "relapse-suspected": "Relapse suspected{since}",
    "relapsed": "Relapsed{since}",
    "unknown": "State unknown{since}",
}
UNTREATED = "Awaiting response{since}, no start of therapy known in this course"
"""Of a response that may still grow, where nobody told of the therapy."""
DEAD = "No remission proved after therapy{since}"
DEAD_UNTREATED = "No remission proved{since}, no start of therapy known in this course"
"""Of the dead no response is awaited."""
UNORDERED = "An answer needs the day of what may lie before or after a marrow."
MRD_REPEAT = "A second positive sample of the marker in the same tissue is MRD relapse."
EVENTS = {"relapse-suspected": "MRD relapse suspected", "relapse": "MRD relapse"}
DOUBTS = {"few-cells": "provisional, for too few cells were counted in the marrow"}
"""The flags by which an answer is provisional, where no assumption says why."""
LATE = "the marrow is of the first days of therapy, which is measured against it"
NO_DAY = {
    "blood": "the day of the blood sample is not known",
    "extramedullary": "the day of what is told of extramedullary disease is not known",
}
CAPS = {
    "early-marrow": "no remission, for the marrow came too soon after the start of therapy",
    "contradicted-by-next-marrow": "no remission, for the next marrow does not agree",
}
"""The flags of a marrow that proves no remission, whatever its counts."""
OF_A_RESULT = ("blood-blasts-undecided", "extramedullary-undecided")
"""The reasons that lie in the result of the anchor itself."""
WHY = {
    "therapy-after-marrow": "no usable marrow since therapy began",
    "no-marrow": "no marrow on record",
    "no-disease-or-therapy-before-marrow": (
        "no test that showed leukaemia and no cycle of therapy before this marrow"
    ),
    "before-therapy": "the marrow is from before therapy",
    "inadequate-marrow": "the marrow was stated inadequate",
    "too-few-cells": "too few cells in the marrow",
    "early-marrow": "the marrow came too soon after the start of therapy",
    "contradicted-by-next-marrow": "the next marrow does not agree",
    "apl-out-of-scope": "acute promyelocytic leukaemia is out of scope",
    "apl-not-excluded": "a marker of acute promyelocytic leukaemia cannot be read",
    "other-leukaemia": "the diagnosis is another leukaemia",
    "two-leukaemias": "AML and another leukaemia are both confirmed",
    "diagnosis-refuted": "the diagnosis of AML is recorded as refuted",
    "diagnosis-unconfirmed": "the diagnosis is not confirmed",
    "diagnosis-unknown": "no diagnosis of AML on record",
    "read-failed": "part of the record could not be read",
    "evidence-unplaced": "something in the record cannot be placed",
    "therapy-possible": "something given near the marrow may have been chemotherapy",
    "disease-before-undecided": "whether leukaemia or therapy came before the marrow is open",
    "diagnosis-unread": "a leukaemia on record cannot be read",
    "marrow-undecided": "the marrow is not clearly below or above the line of disease",
    "blood-blasts-undecided": "whether there are blasts in the blood is not certain",
    "extramedullary-undecided": "whether there is extramedullary disease is not certain",
    "signs-undecided": "whether there is a sign of disease is not certain",
    "signs-of-disease": "signs of disease beside a clear marrow",
    "earlier-remission-unknown": (
        "whether there was a remission earlier in this course is not known"
    ),
    "remission-end-unknown": "whether the remission before had ended is not known",
    "remission-not-excluded-at-landmark": "a remission is not excluded at the landmark",
    "disease-without-marrow": "disease after remission, and no marrow",
    "too-many-unknowns": "the record is too large to be judged",
}
OF_THE_RECORD = (
    "no-disease-or-therapy-before-marrow", "apl-out-of-scope", "other-leukaemia", "two-leukaemias",
    "diagnosis-refuted", "diagnosis-unconfirmed", "diagnosis-unknown", "apl-not-excluded",
    "read-failed", "evidence-unplaced", "disease-before-undecided", "therapy-start",
    "therapy-possible", "diagnosis-unread", "earlier-response", "remission-end-unknown",
    "baseline-marrow",
)  # fmt: skip
"""The advice that asks for what is written or can be: the rest is to be done or seen yet."""
START_DAY = "From which day on therapy was given decides."
ADVICE = {
    "therapy-after-marrow": "An answer needs a marrow after the latest start of therapy.",
    "no-marrow": "An answer needs a marrow after the start of therapy.",
    "no-disease-or-therapy-before-marrow": (
        "An answer needs a diagnosis three weeks older, a diseased marrow or a start of therapy"
        " before the marrow."
    ),
    "before-therapy": "An answer needs a marrow after the start of therapy.",
    "inadequate-marrow": "An answer needs an adequate marrow.",
    "early-marrow": "An answer needs a later marrow: this one looked for hypoplasia, not response.",
    "apl-out-of-scope": "Acute promyelocytic leukaemia has criteria of its own.",
    "other-leukaemia": "These criteria are for AML only.",
    "two-leukaemias": (
        "No marrow shows which of two leukaemias it is of; if one diagnosis is wrong, retract it."
    ),
    "diagnosis-refuted": "An answer needs a confirmed diagnosis of AML.",
    "diagnosis-unconfirmed": "An answer needs a confirmed diagnosis of AML.",
    "diagnosis-unknown": "An answer needs a confirmed diagnosis of AML.",
    "apl-not-excluded": "An answer needs a readable result of the APL marker.",
    "read-failed": "An answer needs the record read to its end: run again.",
    "evidence-unplaced": "An answer needs what was left out to be readable: each is named.",
    "disease-before-undecided": (
        "An answer needs a diagnosis by its day, a diseased marrow or a start of therapy before the"
        " marrow."
    ),
    "therapy-start": "Whether therapy was given, and from which day on, decides.",
    "therapy-possible": "An answer needs to know whether what was given was chemotherapy.",
    "diagnosis-unread": (
        "Nobody can say which leukaemia it is: an answer needs a confirmed diagnosis of AML, and"
        " of every other leukaemia on record what it is."
    ),
    "marrow-undecided": "An answer needs a marrow clearly below or above the line of disease.",
    "contradicted-by-next-marrow": "The next marrow decides.",
    "blood-blasts-undecided": "An answer needs a microscopic differential or a marrow.",
    "extramedullary-undecided": "An answer needs a statement on extramedullary disease.",
    "signs-undecided": "A repeat marrow or smear decides.",
    "disease-without-marrow": "An answer needs a marrow.",
    "signs-of-disease": "An answer needs a marrow with no sign of disease beside it.",
    "repeat-blood": "A second sample with blasts is relapse; a clear smear or marrow ends it.",
    "earlier-response": (
        "An answer needs to know whether there was a remission earlier in this course."
    ),
    "remission-end-unknown": "An answer needs to know whether the remission before had ended.",
    "repeat-marrow": "A repeat marrow or smear decides.",
    "blood-blasts": "A blood differential that says whether there are blasts decides.",
    "marrow-blasts": "A marrow clearly below or above the line of disease decides.",
    "extramedullary-disease": "A statement on extramedullary disease decides.",
    "baseline-marrow": "The marrow of before therapy decides.",
}
IN_PART = {
    "auer-rods": "A readable statement on Auer rods decides.",
    "marrow-adequacy": "The cells counted or the cellularity of the marrow decide.",
    "marrow": "An answer needs a marrow after the start of therapy.",
    "aml-diagnosis": "An answer needs a confirmed diagnosis of AML.",
    "counts": "Neutrophils and platelets of one draw decide.",
    "anc": "A neutrophil count decides.",
    "platelets": "A platelet count decides.",
    "rbc-transfusions": "Whether red cells were given decides.",
    "blood-blast-count": "Blasts of the blood as a count decide.",
    "baseline-counts": "Counts of before therapy decide.",
}
"""What is missing and decides with others, where nothing more can be said of it."""
