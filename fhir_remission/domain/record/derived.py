"""The counts of one draw: measured, or neutrophils derived from the same draw, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fhir_remission.domain.criteria.rules import Numbers
from fhir_remission.domain.nouns.inputs import Finding, Interval, Result, Unreadable
from fhir_remission.domain.nouns.intervals import (
    Reading,
    at_least_reported,
    product,
    scaled,
    spanned,
    total,
)
from fhir_remission.domain.nouns.verdicts import NOTHING, Proof, Quantity

Results = Mapping[str, tuple[Result, ...]]


def counted(results: Results, numbers: Numbers) -> dict[str, Quantity]:
    """The counts a criterion can ask for; one that was never reported has no reading."""
    plain = {
        name: measured(results[name]) if name in results else NOTHING
        for name in ("wbc", "hemoglobin", "blasts-blood")
    }
    return {**plain, "anc": _anc(results, numbers), "platelets": _platelets(results)}


def measured(results: tuple[Result, ...]) -> Quantity:
    """Several values of one analyte are the interval that spans them.

    A preliminary one beside one that stands only widens it: it supports nothing that the other
    does not, and leaves open what it denies.
    """
    if not results:
        return NOTHING
    if len(results) == 1:
        return Quantity(reading_of(results[0]), results)
    stands = any(one.standing == "usable" for one in results)
    return Quantity(spanned([reading_of(one, beside=stands) for one in results]), results)


def reading_of(result: Result, *, beside: bool = False) -> Reading:
    """The value as something to compare; what is preliminary, and beside nothing, supports none."""
    if result.standing == "preliminary" and not beside:
        return Unreadable(result.original, "preliminary")
    if isinstance(result.value, Finding):
        return Unreadable(result.original, "a word where a number is asked")
    return result.value


def _platelets(results: Results) -> Quantity:
    quantity = measured(results.get("platelets", ()))
    clumps = results.get("platelet-clumps", ())
    return clumped(quantity, clumps) if any(map(may_be_clumped, clumps)) else quantity


def may_be_clumped(one: Result) -> bool:
    """Whether a word on clumps is anything but a final denial."""
    return one.value != Finding("negative") or one.standing != "usable"


def clumped(platelets: Quantity, clumps: tuple[Result, ...]) -> Quantity:
    """Where platelets clump, nobody knows how many there are."""
    if platelets.reading is None:
        return platelets
    doubt = Unreadable(platelets.proof[0].original, "platelet clumps")
    return Quantity(doubt, (*platelets.proof, *clumps))


def _anc(results: Results, numbers: Numbers) -> Quantity:
    """A measured count wins, whether or not it can be read; then the most direct sum."""
    if "anc" in results:
        return measured(results["anc"])
    if "neutrophils-segmented" in results:
        return _whole(results, ("neutrophils-segmented", "neutrophils-band"))
    if "wbc" not in results:
        return NOTHING
    cells = measured(results["wbc"])
    for names in (
        ("neutrophils-segmented-pct", "neutrophils-band-pct"),
        ("neutrophils-pct",),
    ):
        if names[0] in results:
            return _times(cells, _whole(results, names), numbers.percent.value)
    return NOTHING


def _whole(results: Results, names: tuple[str, ...]) -> Quantity:
    """The sum of the parts; where the last part is not known, a lower bound."""
    parts = [measured(results.get(name, ())) for name in names]
    proof: Proof = tuple(one for part in parts for one in part.proof)
    first = parts[0].reading
    if not isinstance(first, Interval):
        return Quantity(first, proof, derived=True)
    summed = first
    for part in parts[1:]:
        known = isinstance(part.reading, Interval)
        summed = total(summed, part.reading) if known else at_least_reported(summed)  # type: ignore[arg-type]
    return Quantity(summed, proof, derived=True)


def _times(cells: Quantity, share: Quantity, percent: Decimal) -> Quantity:
    """So many percent of the cells; where one of them is not known, the same of the product."""
    counted, reading = cells.reading, share.reading
    if not isinstance(counted, Interval):
        reading = counted
    elif isinstance(reading, Interval):
        reading = product(counted, scaled(reading, percent))
    return Quantity(reading, (*cells.proof, *share.proof), derived=True)
