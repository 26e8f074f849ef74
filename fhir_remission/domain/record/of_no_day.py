"""What a result means whose day is not told: one row for each analyte of `analytes.tsv`.

`disease` may be leukaemia on any of its days, and `mrd` residual disease; what is of a `sample`
may speak against any marrow or draw that it may be of (model 3.1, 4.1). These are tried on each of
their days. A `statement` that is not good is unknown on each (independence.py); a `count` is a draw
of its own that supports nothing, and may be a fall before a marrow (windows.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Literal

from fhir_remission.domain.criteria.kinds import Absent, AdequateMarrow
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.inputs import Finding, Interval, Result
from fhir_remission.domain.nouns.intervals import at_least
from fhir_remission.domain.record.marrows import BLASTS, QUALITY
from fhir_remission.domain.record.mrd import tells_of_residue

Meaning = Literal["disease", "mrd", "sample", "statement", "count"]
MEANS: Mapping[str, Meaning] = {
    "blasts-marrow": "disease",
    "blasts-marrow-equivalent": "disease",
    "blasts-blood": "disease",
    "blasts-blood-count": "disease",
    "blasts-blood-presence": "disease",
    "blasts-blood-equivalent": "disease",
    "blasts-blood-equivalent-count": "disease",
    "extramedullary-disease": "disease",
    "cns-blasts": "disease",
    "mrd": "mrd",
    "marrow-adequacy": "sample",
    "marrow-cells-counted": "sample",
    "marrow-cellularity": "sample",
    "auer-rods": "sample",
    "platelet-clumps": "sample",
    "rbc-transfusion-independence": "statement",
    "anc": "count",
    "wbc": "count",
    "platelets": "count",
    "hemoglobin": "count",
    "neutrophils-segmented": "count",
    "neutrophils-band": "count",
    "neutrophils-pct": "count",
    "neutrophils-segmented-pct": "count",
    "neutrophils-band-pct": "count",
    # No analyte of the table: a word of a differential, which counts as one.
    "differential": "count",
}
# What is said of a sample that is good; of numbers, the floors of the set decide.
_GOOD = {
    "marrow-adequacy": Finding("positive"),
    "auer-rods": Finding("negative"),
    "platelet-clumps": Finding("negative"),
}
# What each tells of.
_TELLS_OF = {**dict.fromkeys(QUALITY, BLASTS), "platelet-clumps": "platelets"}


def means(one: Result) -> Meaning:
    """Its row of the table; of what a site adds no rule asks."""
    return MEANS.get(one.analyte, "count")


def denies(one: Result, criteria: CriteriaSet) -> bool:
    """Whether it stands against nothing, whatever its day; a marrow without blasts is a marrow."""
    kind = means(one)
    if kind == "sample":
        return one.standing == "usable" and _is_good(one, criteria)
    if kind != "disease" or one.analyte == BLASTS:
        return False
    return one.value == Finding("negative") or (
        isinstance(one.value, Interval) and one.value.high == 0
    )


def _is_good(one: Result, criteria: CriteriaSet) -> bool:
    if one.analyte in _GOOD:
        return one.value == _GOOD[one.analyte]
    value, floors = one.value, _floors(one.analyte, criteria)
    return isinstance(value, Interval) and all(at_least(value, least) for least in floors)


@lru_cache
def _floors(analyte: str, criteria: CriteriaSet) -> tuple[Decimal, ...]:
    """What a set asks at least of a number that tells of the marrow's quality."""
    asked = [one for one in criteria.criterion if isinstance(one, AdequateMarrow)]
    if analyte == "marrow-cells-counted":
        return tuple(one.cells for one in asked)
    biopsy = criteria.numbers.biopsy_cellularity
    found = (*(one.cellularity for one in asked), biopsy.value if biopsy is not None else None)
    return tuple(one for one in found if one is not None)


@lru_cache
def _asks(criteria: CriteriaSet, analyte: str) -> bool:
    """Whether any rule of the set asks what is said of a sample."""
    if analyte == "auer-rods":
        return any(isinstance(one, Absent) and one.sign == analyte for one in criteria.criterion)
    return True


class Companions:
    """What a result that tells of a sample may be of."""

    def __init__(self, results: Sequence[Result], criteria: CriteriaSet) -> None:
        self.criteria, self._results = criteria, results
        self._found: dict[str, tuple[list[date], list[date]]] = {}

    def speaks(self, one: Result) -> bool:
        """Whether it may speak against an answer, whatever day it is of."""
        kind = means(one)
        if kind == "sample":
            # A marrow that cannot be judged is one, though nobody counted it.
            alone = one.analyte == "marrow-adequacy"
            return (alone or self.near(one)) and not denies(one, self.criteria)
        if kind == "mrd":
            # A negative too, which may come before a positive or after it.
            return tells_of_residue(one, self.criteria)
        return kind == "disease" and not denies(one, self.criteria)

    def near(self, one: Result) -> bool:
        """Whether a sample that it may tell of lies on any of its days."""
        if not _asks(self.criteria, one.analyte):
            return False
        firsts, lasts = self._spans(one.analyte)
        place = bisect_right(firsts, one.when.last_day)
        return place > 0 and lasts[place - 1] >= one.when.first_day

    def _spans(self, analyte: str) -> tuple[list[date], list[date]]:
        """The days of all that it tells of: each first, and the latest last up to there."""
        if analyte not in self._found:
            wanted = _TELLS_OF[analyte]
            days = (one.when for one in self._results if one.analyte == wanted)
            spans = sorted((one.first_day, one.last_day) for one in days)
            lasts = accumulate((last for _, last in spans), max)
            self._found[analyte] = [first for first, _ in spans], list(lasts)
        return self._found[analyte]
