"""What the counts of a day make of what is told of it in words.

A count of that day says what it was. Three things no count takes back: a share of blasts from the
line of disease on, that the disease is back where nothing else is said, and that the sample cannot
be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_remission.domain.nouns.inputs import Finding, Result, Skipped, Unreadable
from fhir_remission.fhir.r4.times import Placed
from fhir_remission.fhir.reading.conclusions import BLASTS
from fhir_remission.fhir.reading.context import Worded
from fhir_remission.fhir.reading.worded import ADEQUACY

SAID = "it names a sign of disease in words, and a count of that day says what it was"
AGAINST = "it states a share of blasts, or a relapse, that the count of that day does not"


def settled(
    told: Iterable[Worded], results: Sequence[Result]
) -> tuple[list[Result], list[Skipped], list[Skipped]]:
    """What no result says, as unknowns of its time; all that is told; what has no time."""
    unknown: list[Result] = []
    gaps: list[Skipped] = []
    nowhere: list[Skipped] = []
    refs = {one.source.ref for one in results}
    for one in told:
        counts = [result for result in results if _says(result, one)]
        for count in _unjudged(one, counts, results):
            unknown.append(_inadequate(one, count))
            gaps.append(Skipped(one.source.ref, f"its sample is called {one.poor}"))
        if not one.reason or (not one.named and (counts or one.held & refs)):
            continue
        if counts and not one.against:
            gaps.append(Skipped(one.source.ref, SAID))
            continue
        gap = Skipped(one.source.ref, AGAINST if counts else one.reason)
        gaps.append(gap)
        if one.placed is None:
            nowhere.append(gap)
        else:
            unknown.append(_unread(one, one.placed))
    return unknown, gaps, nowhere


def _says(result: Result, told: Worded) -> bool:
    if told.placed is None or result.standing != "usable" or result.analyte not in told.by:
        return False
    when = told.placed.when
    return result.when.first_day <= when.last_day and when.first_day <= result.when.last_day


def _unjudged(told: Worded, counts: Sequence[Result], results: Sequence[Result]) -> list[Result]:
    """The counts of blasts of a sample that is said not to be one that can be judged."""
    if not told.poor:
        return []
    of_marrow = counts if ADEQUACY in told.by else []
    inside = [one for one in results if one.source.ref in told.held]
    return [one for one in of_marrow or inside if one.analyte == BLASTS]


def _inadequate(told: Worded, count: Result) -> Result:
    return Result(
        analyte=ADEQUACY,
        value=Finding("negative"),
        when=count.when,
        source=told.source,
        original=told.poor,
        specimen="marrow",
        draw_keys=count.draw_keys,
        flags=count.flags,
    )


def _unread(told: Worded, placed: Placed) -> Result:
    """What words tell of, as a result of its time that supports nothing and may block."""
    return Result(
        analyte=told.analyte,
        value=Unreadable(raw="", reason=told.reason),
        when=placed.when,
        source=told.source,
        original="in words",
        standing="preliminary",
        flags=placed.flags,
    )
