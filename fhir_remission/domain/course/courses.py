"""Where a course of disease begins, what it is measured against, and when it is refractory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct, structs

from fhir_remission.domain.criteria.rules import Rule
from fhir_remission.domain.evaluation.marrow import blast_count
from fhir_remission.domain.evaluation.views import Background
from fhir_remission.domain.nouns.intervals import spanned
from fhir_remission.domain.nouns.verdicts import (
    NOTHING,
    SILENT,
    Proof,
    Quantity,
    SignReading,
    day_of,
)
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.signs import Memory
from fhir_remission.domain.record.therapy import Cycle


class Course(Struct, frozen=True):
    """One course: from diagnosis or relapse until the next relapse."""

    opened: date
    surely: date
    """The day by which it has begun for certain; earlier marrows are of another story."""
    certain: bool
    """Whether what came before is known well enough to name a baseline."""
    relapsed: bool = False
    """Whether a relapse opened it."""
    relapse_blasts: Quantity = NOTHING
    """The marrow that proved the relapse, if a marrow did."""


class Baseline(Struct, frozen=True):
    """The pre-treatment marrow of a course."""

    blasts: Quantity
    last_day: date | None
    """Marrows up to this day are pre-treatment, not responses."""
    inferred: bool
    start: Cycle | None
    late: bool = False
    """Whether it lies after the start: therapy had to begin before anybody could look."""


def first_course(facts: Facts) -> Course:
    """The course that begins with the diagnosis, or with the first marrow full of blasts."""
    diagnosed = [
        day_of(one)
        for one in facts.events.get("aml-diagnosis", ())
        if one.when is not None and one.certainty == "confirmed"
    ]
    openings = [(day, True) for day in diagnosed]
    openings.extend(_opening_marrows(facts, min(diagnosed, default=None)))
    if not openings:
        known = (*facts.marrow_days, *facts.therapy.days, *facts.draw_days)
        first = min(known, default=date.min)
        return Course(first, date.min, certain=True)
    opened, _ = min(openings)
    surely = min((day for day, sure in openings if sure), default=date.max)
    # A marrow that cannot be read may have opened the course earlier; that matters only where
    # another start of therapy would then be the first.
    certain = facts.therapy.first_from(opened) is facts.therapy.first_from(surely)
    if surely == date.max:
        surely = date.min
    return Course(opened, surely, certain)


def _opening_marrows(facts: Facts, diagnosed: date | None) -> list[tuple[date, bool]]:
    """Marrows that open a course, or may: full of blasts, or diseased shortly before diagnosis."""
    numbers = facts.numbers
    full, diseased = numbers.lineage_blasts.value, numbers.disease_blasts.value
    reach = timedelta(days=numbers.before_diagnosis.days)
    found: list[tuple[date, bool]] = []
    for marrow in facts.marrows:
        near = diagnosed is not None and diagnosed - reach <= marrow.day <= diagnosed
        answer = marrow.reaches(diseased if near else full)
        if answer is not False and marrow.blasts.reading is not None and not marrow.inadequate:
            found.append((marrow.day, answer is True))
            if answer:
                break
    return found


def memory_of(facts: Facts, course: Course) -> Memory:
    """For how long what was said of lesions holds in this course."""
    numbers = facts.numbers
    return Memory(
        lesions_since(facts, course),
        numbers.extramedullary_silence.days,
        numbers.extramedullary_denial.days,
    )


def lesions_since(facts: Facts, course: Course) -> date:
    """From when on extramedullary disease belongs to the course and is not history.

    A sarcoma is often what leads to the diagnosis: told shortly before it, it belongs to it, as a
    diseased marrow of those days does.
    """
    if course.relapsed:
        return course.opened
    return _back(course.opened, facts.numbers.before_diagnosis.days)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=days) if (day - date.min).days > days else date.min


def baseline_of(facts: Facts, course: Course) -> Baseline:
    """The latest marrow up to the first start of therapy, or the first ones if none is known.

    Where something may have been an earlier start, it is whatever both allow.
    """
    start = facts.therapy.first_from(course.opened)
    surely = _from_start(facts, course, start)
    possible = facts.therapy.possible_from(course.opened, None if start is None else start.day)
    if not possible:
        return surely
    others = [_from_start(facts, course, one).blasts for one in possible]
    return structs.replace(surely, blasts=_one_of(surely.blasts, others))


def _one_of(surely: Quantity, others: Sequence[Quantity]) -> Quantity:
    """What a quantity may be that is one of several."""
    differing = [one for one in others if one.reading != surely.reading]
    if not differing:
        return surely
    every = (surely, *differing)
    proof = tuple(dict.fromkeys(event for one in every for event in one.proof))
    known = all(one.reading is not None for one in every)
    return Quantity(spanned([one.reading for one in every]) if known else None, proof)


def _from_start(facts: Facts, course: Course, start: Cycle | None) -> Baseline:
    if start is None:
        return _inferred(facts, course)
    days = facts.marrow_days
    first, after = bisect_left(days, course.opened), bisect_right(days, start.day)
    candidates = _usable(facts.marrows[first:after])
    late = _after_start(facts, start.day) if not candidates else None
    if late is not None:
        return Baseline(
            _trusted(late.blasts, course), late.day, inferred=False, start=start, late=True
        )
    blasts = candidates[-1].blasts if candidates else NOTHING
    return Baseline(_trusted(blasts, course), start.day, inferred=False, start=start)


def _after_start(facts: Facts, start: date) -> Marrow | None:
    """The first marrow soon after an emergency start, which had changed nothing yet."""
    reach = facts.numbers.baseline_after_start
    if reach is None:
        return None
    later = _usable(facts.marrows[bisect_right(facts.marrow_days, start) :])
    return later[0] if later and (later[0].day - start).days <= reach.days else None


def _usable(marrows: Sequence[Marrow]) -> list[Marrow]:
    """Those that can be judged."""
    return [one for one in marrows if not one.inadequate]


def _inferred(facts: Facts, course: Course) -> Baseline:
    """Without a known start: the diseased marrows of the first two weeks of disease."""
    if course.relapsed:
        # A graft is no cycle, and yet somebody named what followed the relapse.
        known = facts.therapy.since(course.opened) is not None
        blasts = _trusted(course.relapse_blasts, course)
        return Baseline(blasts, None, inferred=not known, start=None)
    threshold = facts.numbers.disease_blasts.value
    usable = _usable(facts.marrows[bisect_left(facts.marrow_days, course.opened) :])
    first = next((one for one in usable if one.reaches(threshold) is not False), None)
    if first is None:
        return Baseline(NOTHING, None, inferred=True, start=None)
    reach = first.day + timedelta(days=facts.numbers.baseline_inferred.days)
    early = [one for one in usable if first.day <= one.day <= reach]
    undecided = any(one.reaches(threshold) is None for one in early)
    diseased = [one for one in early if one.reaches(threshold)]
    blasts = NOTHING if undecided or not diseased else diseased[-1].blasts
    # After a graft or cells of a donor no marrow is of before all therapy.
    begun = facts.therapy.since(course.opened)
    treated = begun is not None and begun < first.day
    last = diseased[-1].day if diseased and not treated else None
    return Baseline(_trusted(blasts, course), last, inferred=True, start=None)


def _trusted(blasts: Quantity, course: Course) -> Quantity:
    return blasts if course.certain else Quantity(None, blasts.proof)


def background_of(
    facts: Facts, course: Course, baseline: Baseline, prior: SignReading
) -> Background:
    """What the course says before one of its marrows is looked at."""
    start = baseline.start
    lesion, draws = SILENT, list[Draw]()
    if start is not None:
        first = _back(course.opened, facts.numbers.window_after.days)
        draws = [facts.draws[one] for one in facts.draws_between(first, start.day)]
        # A lesion of before the course is no lesion of it, and yet is not new.
        since = _back(course.opened, facts.numbers.before_diagnosis.days)
        lasting = (start.day - since).days
        lesion = facts.extramedullary.at(start.day, Memory(since, lasting, lasting))
    return Background(
        baseline=baseline.blasts,
        baseline_counts={
            name: _last(one.own[name] for one in reversed(draws)) for name in ("anc", "platelets")
        },
        baseline_blood_blasts=_last(blast_count(one, facts) for one in reversed(draws)),
        prior_remission=prior,
        therapy_since=None if start is None else start.day,
        therapy_proof=() if start is None else start.events,
        lesion_before_therapy=lesion,
    )


def _last(counts: Iterable[Quantity]) -> Quantity:
    """The last that was reported: they come with the latest first."""
    return next((one for one in counts if one.reading is not None), NOTHING)


def landmark_of(
    facts: Facts, marrow: Marrow, course: Course, baseline: Baseline
) -> tuple[Rule, Proof] | None:
    """The rule and the starts that make this the marrow of a landmark; None before one."""
    rules, opened = facts.criteria.landmark, course.opened
    # The baseline opens the course, and with it the count of its cycles.
    ground = baseline.blasts.proof
    cycles = facts.therapy.from_until(opened, marrow.day)
    if rules.cycles is not None:
        hard = [one for one in cycles if one.intensity == rules.cycles.intensity]
        if len(hard) >= rules.cycles.cycles:
            return rules.cycles, (*(event for one in hard for event in one.events), *ground)
    if rules.days is not None:
        mild = [one for one in cycles if one.intensity == rules.days.intensity]
        if mild and (marrow.day - mild[0].day).days >= rules.days.days:
            return rules.days, (*mild[0].events, *ground)
    return None
