"""Marrow evaluations: one a day, with its blast reading and what is known of its quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.inputs import UNREAD, Interval, Result, Unreadable
from fhir_remission.domain.nouns.intervals import ZERO, above, at_least, hull, is_zero, point, total
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import NOTHING, SILENT, Quantity, SignReading
from fhir_remission.domain.record.derived import measured
from fhir_remission.domain.record.signs import agreed, said, sign_of

BLASTS = "blasts-marrow"
QUALITY = ("marrow-adequacy", "marrow-cells-counted", "marrow-cellularity", "auer-rods")
EQUIVALENT = "blasts-marrow-equivalent"
_OF_MARROW = frozenset((BLASTS, EQUIVALENT, *QUALITY))
Scales = Mapping[tuple[str, str], Result | None]
"""Per source of a result its baseline, where that may be a fraction sent as percent."""


class Marrow(Struct, frozen=True):
    """One marrow: everything reported of it on one day."""

    day: date
    end: datetime
    effective: str
    results: tuple[Result, ...]
    blasts: Quantity = NOTHING
    statement: SignReading = SILENT
    """Adequacy as somebody stated it: absent means stated inadequate."""
    cells: Quantity = NOTHING
    cellularity: Quantity = NOTHING
    auer: SignReading = SILENT
    flags: tuple[str, ...] = ()

    @property
    def refs(self) -> tuple[str, ...]:
        """The resources of the marrow, sorted; the anchor's identity."""
        return tuple(sorted({one.source.ref for one in self.results}))

    @property
    def inadequate(self) -> bool:
        """Whether somebody stated that the sample cannot be judged."""
        return self.statement.state == "absent"

    @property
    def questioned(self) -> bool:
        """Whether a word on the sample's quality says, or may say, that it cannot be judged."""
        return self.statement.state in ("absent", "unknown")

    @property
    def certain(self) -> bool:
        """Whether there was a marrow beyond doubt: counted for good, or stated inadequate."""
        for one in self.results:
            if one.analyte == BLASTS and one.standing == "usable":
                return True
        return self.inadequate

    @property
    def stands(self) -> bool:
        """Whether beyond doubt there was a marrow, and one that can be judged."""
        return self.certain and not self.questioned

    @property
    def stands_in(self) -> bool:
        """Whether its percentage stands in for another method's: it proves no "below" (1.5)."""
        assumes = self.blasts.assumes
        return assumes is not None and assumes.cls == "material"

    def reaches(self, threshold: Decimal) -> bool | None:
        """Whether blasts are at or above the threshold; None where that is not certain."""
        if not isinstance(self.blasts.reading, Interval):
            return None
        return at_least(self.blasts.reading, threshold)


def read_marrows(
    results: Iterable[Result],
    criteria: CriteriaSet,
    first_start: date | None,
    *,
    equivalents: bool = False,
) -> tuple[Marrow, ...]:
    """All marrows of a patient in order of time; the results come in the order of `order_of`.

    `equivalents`: whether promonocytes may count as blasts.
    """
    line = criteria.numbers.disease_blasts.value
    wanted = _OF_MARROW if equivalents else _OF_MARROW - {EQUIVALENT}
    held = _with_called([one for one in results if one.analyte in wanted], line)
    kept = [one for one in held if not _idle(one, line)]
    scales = _scales([one for one in kept if one.analyte == BLASTS], criteria, first_start)
    homes: dict[str, date] = {}
    for one in kept:
        if one.analyte == BLASTS:
            homes.update((key, one.when.first_day) for key in one.draw_keys)
    groups: dict[date, list[Result]] = {}
    for one in kept:
        day = one.when.first_day
        if one.analyte != BLASTS:
            day = min([homes[key] for key in one.draw_keys if key in homes], default=day)
        groups.setdefault(day, []).append(one)
    marrows = (_marrow(day, groups[day], scales, criteria) for day in sorted(groups))
    return tuple(one for one in marrows if one.blasts.reading is not None or one.questioned)


def _with_called(results: Sequence[Result], line: Decimal) -> list[Result]:
    """A count that its words alone call one may be a marrow of any answer, unless others agree."""
    sides: dict[date, set[bool | None]] = {}
    for one in results:
        if one.analyte == BLASTS and one.source.system:
            sides.setdefault(one.when.first_day, set()).add(_side(one, line))
    return [
        one
        if one.analyte != BLASTS
        or one.source.system
        or isinstance(one.value, Unreadable)
        or sides.get(one.when.first_day) == {_side(one, line)}
        else replace(one, value=Unreadable(one.original, "only its words say what it is"))
        for one in results
    ]


def _side(result: Result, line: Decimal) -> bool | None:
    return at_least(result.value, line) if isinstance(result.value, Interval) else None


def _idle(result: Result, line: Decimal) -> bool:
    """A preliminary count below the line of disease: it supports nothing and blocks nothing."""
    if result.standing != "preliminary" or result.analyte != BLASTS:
        return False
    return isinstance(result.value, Interval) and at_least(result.value, line) is False


def _marrow(day: date, results: Sequence[Result], scales: Scales, criteria: CriteriaSet) -> Marrow:
    judged, more = _by_sample(results, criteria)
    kinds = grouped(judged, attrgetter("analyte"))
    blasts, flags = _blasts(kinds.get(BLASTS, ()), scales, criteria)
    blasts = _with_equivalents(blasts, kinds.get(EQUIVALENT, ()), criteria)
    statement = _adequacy(kinds.get("marrow-adequacy", ()))
    if statement.state == "unknown" and blasts.reading is not None:
        # Whether the sample was any good is in doubt, so its number proves nothing.
        doubt = Unreadable(statement.proof[0].original, "adequacy was reported and is unclear")
        blasts = replace(blasts, reading=doubt, proof=(*blasts.proof, *statement.proof))
    return Marrow(
        day=day,
        end=max([one.when.end for one in results]),
        effective=results[0].when.text,
        results=tuple(results),
        blasts=blasts,
        statement=statement,
        cells=measured(kinds.get("marrow-cells-counted", ())),
        cellularity=measured(kinds.get("marrow-cellularity", ())),
        auer=sign_of(kinds.get("auer-rods", ())),
        flags=(*flags, *more),
    )


def _by_sample(
    results: Sequence[Result], criteria: CriteriaSet
) -> tuple[Sequence[Result], tuple[str, ...]]:
    """What of a marrow is judged: where its aspirate cannot be, an adequate biopsy of the day.

    A word on quality that names no sample is the aspirate's, once a biopsy reports its own blasts.
    """
    cored = [one for one in results if one.biopsy and one.analyte == BLASTS]
    least = criteria.numbers.biopsy_cellularity
    if not cored or least is None:
        return results, ()
    words = [one for one in results if one.analyte == "marrow-adequacy"]
    of_aspirate = _adequacy([one for one in words if not one.biopsy])
    usable = _adequacy([one for one in words if one.biopsy]).state not in ("absent", "unknown")
    cellularity = measured(
        tuple(one for one in results if one.analyte == "marrow-cellularity")
    ).reading
    dense = isinstance(cellularity, Interval) and at_least(cellularity, least.value) is True
    aspirated = any(one.analyte == BLASTS and not one.biopsy for one in results)
    if of_aspirate.state not in ("absent", "unknown") and aspirated:
        return results, ()
    # Blasts that it shows are there, however little of it was looked at.
    line, counted = criteria.numbers.disease_blasts.value, measured(tuple(cored)).reading
    clear = isinstance(counted, Interval) and at_least(counted, line) is False
    if not usable or (clear and not dense):
        return results, ()
    own = [one for one in results if one.biopsy or one.analyte not in (BLASTS, *QUALITY)]
    whole = [one for one in results if one.analyte == "marrow-cellularity" and not one.biopsy]
    return [*own, *whole], ("marrow-by-biopsy",)


def _with_equivalents(blasts: Quantity, found: Sequence[Result], criteria: CriteriaSet) -> Quantity:
    """Blasts with and without what may count as blasts, where both may reach the line."""
    own = blasts.reading if blasts.reading is not None else point(ZERO)
    if not found or not isinstance(own, Interval):
        return blasts
    proof = (*blasts.proof, *found)
    read = measured(tuple(found)).reading
    if not isinstance(read, Interval):
        doubt = Unreadable(found[0].original, "what may count as blasts cannot be read")
        return replace(blasts, reading=doubt, proof=proof)
    both = total(own, read)
    if at_least(both, criteria.numbers.disease_blasts.value) is False:
        return blasts
    return replace(blasts, reading=hull((own, both)), proof=proof)


def _adequacy(results: Sequence[Result]) -> SignReading:
    """Adequacy as stated; what is preliminary cannot approve the sample, only doubt it."""
    if not results:
        return SILENT
    final = agreed(one for one in results if one.standing != "preliminary")
    doubts = tuple(
        one
        for one in results
        if one.standing == "preliminary" and said(replace(one, standing="usable")) != "positive"
    )
    if final.state == "absent" or not doubts:
        return final
    return SignReading("unknown", (*final.proof, *doubts))


def _blasts(
    results: Sequence[Result], scales: Scales, criteria: CriteriaSet
) -> tuple[Quantity, tuple[str, ...]]:
    """The percentage by the method the set names; the other method only where that is missing."""
    # One whose method is not stated, or not understood, may be by the method of the others.
    wanted = [one for one in results if one.method in (criteria.about.blast_method, "", UNREAD)]
    if {one.method for one in wanted} == {UNREAD}:
        wanted = []
    chosen = tuple(wanted or results)
    if not chosen:
        return NOTHING, ()
    quantity = measured(chosen)
    if not wanted:
        name = f"{chosen[0].method}-as-{criteria.about.blast_method}"
        level = criteria.assume.other_blast_method.level
        quantity = replace(quantity, assumes=Assumption(name, level))
    doubtful = [scales.get((one.source.system, one.source.code)) for one in chosen]
    baseline = next(filter(None, doubtful), None)
    if baseline is not None:
        refused = Unreadable(chosen[0].original, "may be a fraction sent as percent")
        proof = quantity.proof if baseline in chosen else (*quantity.proof, baseline)
        return replace(quantity, reading=refused, proof=proof), ("blasts-scale-doubtful",)
    others = [one for one in results if one not in wanted] if wanted else []
    return quantity, _apart(quantity, others, criteria) if others else ()


def _apart(quantity: Quantity, others: Sequence[Result], criteria: CriteriaSet) -> tuple[str, ...]:
    """A flag where the other method lies on the other side of the line of disease (1.5)."""
    line = criteria.numbers.disease_blasts.value
    readings = [quantity.reading, *(one.value for one in others)]
    sides = {at_least(one, line) for one in readings if isinstance(one, Interval)}
    return ("blast-methods-disagree",) if {True, False} <= sides else ()


def _scales(results: Sequence[Result], criteria: CriteriaSet, first_start: date | None) -> Scales:
    """The baseline of each source, where it may be a fraction and none of its values denies it."""
    ceiling = criteria.numbers.fraction_ceiling.value
    doubts: dict[tuple[str, str], Result | None] = {}
    disproved: set[tuple[str, str]] = set()
    for one in results:
        source = (one.source.system, one.source.code)
        baseline = first_start is not None and one.when.first_day <= first_start
        doubts.setdefault(source, one if baseline and _may_be_fraction(one, ceiling) else None)
        if isinstance(one.value, Interval) and above(one.value, ceiling):
            disproved.add(source)
    return {source: None if source in disproved else one for source, one in doubts.items()}


def _may_be_fraction(result: Result, ceiling: Decimal) -> bool:
    """Whether the value may lie above nothing and below the ceiling."""
    if not isinstance(result.value, Interval):
        return True
    return not is_zero(result.value) and at_least(result.value, ceiling) is not True
