"""Every way in which what nobody can place lies in the record (model 0, 3.4).

A start of therapy, a marrow, a smear or a lesion that is told by its month is put on each of its
days; a start without any time, on each day that differs for any evidence; what may have been no
start is left out as well. More ways than can be walked are not told apart: then nothing is said.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from itertools import chain, product
from math import prod
from typing import NamedTuple

from msgspec.structs import replace

from fhir_remission.domain.answer.possible_days import Days, Piece, Way, is_of_mrd
from fhir_remission.domain.course.budget import MOST_PLACED_STEPS, MOST_PLACINGS, steps_of
from fhir_remission.domain.course.scope import all_else_is_placed, is_near
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, Result
from fhir_remission.domain.nouns.unions import grouped, united
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import BLASTS, QUALITY
from fhir_remission.domain.record.therapy import START


class Placings(NamedTuple):
    """The record in each way, and what was placed as it was sent."""

    records: list[PatientRecord]
    sent: dict[Piece, Piece]


def placings(facts: Facts, as_of: datetime) -> Placings | None:
    """The record in each way of what is in doubt; None where nothing is, or ways are too many.

    Denials are the first to be left out: without them nothing better is said. Then residual
    disease, which is unknown then; then what lies near no marrow, and stands on the first day that
    it may be of.
    """
    named = in_doubt(facts)
    if not named or not facts.marrows or facts.criteria.withholds_after_start:
        return None
    idle, loose = {*facts.idle}, {*facts.coarse} - {*facts.unordered}
    told = [one for one in named if not idle.issuperset(one)]
    morphologic = [one for one in told if not is_of_mrd(one)]
    near = [one for one in morphologic if not loose.issuperset(one)]
    tried = (_placings(facts, one, as_of) for one in (named, told, morphologic, near) if one)
    return next((found for found in tried if found is not None), None)


def _placings(facts: Facts, named: Sequence[Way], as_of: datetime) -> Placings | None:
    left = {one for group in named for one in group}
    if not all_else_is_placed(facts, left):
        return None
    rest = tuple(one for one in facts.record.events if one not in left)
    days, steps = Days(facts, rest, as_of.date()), steps_of(facts)
    adrift = sorted((one for one in named if days.adrift(one)), key=lambda one: day_of(one[0]))
    settled = [one for one in named if one not in adrift]
    options: list[list[Way]] = [days.apart(adrift)]
    for group in settled:
        options.append(list(days.ways(group)))
        many = prod(map(len, options))
        if many > MOST_PLACINGS or many * steps > MOST_PLACED_STEPS:
            return None
    results = tuple(one for one in facts.record.results if one not in left)
    base = replace(facts.record, floating=(), results=results, events=rest)
    ways = zip((tuple(chain.from_iterable(adrift)), *settled), options, strict=True)
    every = ((group, way) for group, many in ways for way in many)
    sent = {new: one for group, way in every for new, one in zip(way, group, strict=False)}
    return Placings([_with(base, chain(*one)) for one in product(*options)], sent)


def _with(base: PatientRecord, placed: Iterable[Piece]) -> PatientRecord:
    """The record with what was placed in one way."""
    results, events = list(base.results), list(base.events)
    for one in placed:
        if isinstance(one, Result):
            results.append(one)
        else:
            events.append(one)
    return replace(base, results=tuple(results), events=tuple(events))


def in_doubt(facts: Facts) -> list[Way]:
    """What is in doubt; what one unknown code names is a start each time, or never."""
    if not (facts.unordered or facts.record.floating or facts.therapy.possible or facts.coarse):
        return []
    every = dict.fromkeys((*facts.unordered, *facts.record.floating, *facts.coarse))
    single = [one for one in every if isinstance(one, Event)]
    results = [one for one in facts.coarse if isinstance(one, Result)]
    codes = {
        _drug(one) for one in facts.therapy.possible
        if any(is_near(facts, one, day) for day in facts.marrow_days)
    }  # fmt: skip
    unsure = (
        one for one in dict.fromkeys(facts.record.events)
        if one.kind == START and one.certainty != "confirmed" and one not in single
        and _drug(one) in codes
    )  # fmt: skip
    speaking = {*facts.signs, *facts.idle}
    return [
        *_samples(results, speaking),
        *((one,) for one in single),
        *grouped(unsure, _drug).values(),
    ]


def _samples(coarse: Sequence[Result], speaking: Container[Result]) -> list[Way]:
    """Results of one month that move together: those of one resource, specimen or accession.

    What is said of a marrow without naming it goes with the count of the month, if there is one.
    """
    root = united(
        ((one.when, one.source.ref), (one.when, key)) for one in coarse for key in one.draw_keys
    )
    groups = [*map(list, grouped(coarse, lambda one: root((one.when, one.source.ref))).values())]
    counted = (many for many in groups if any(one.analyte == BLASTS for one in many))
    homes = grouped(counted, lambda many: many[0].when)
    samples: list[list[Result]] = []
    for many in groups:
        home = homes.get(many[0].when, ())
        if len(home) == 1 and all(one.analyte in QUALITY for one in many):
            home[0].extend(many)
        elif any(one in speaking for one in many):
            samples.append(many)
    return [tuple(many) for many in samples]


def _drug(one: Event) -> tuple[str, str, str]:
    return one.source.system, one.source.code, one.original
