"""What is reckoned from a course besides its answer: time, transfusions, the fall of MRD.

Printed on the page alone, each with what it rests on; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, localcontext

from fhir_remission.domain.answer.page_parts import Page
from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.inputs import Event, Interval
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.lasting import last_day_of
from fhir_remission.domain.record.mrd import MrdSample

PRODUCTS = {"red cells": "rbc-transfusion", "platelets": "platelet-transfusion"}
UNNAMED = "transfusion-unspecified"
TENTH = Decimal(1).scaleb(-1)


def reckoned(page: Page) -> list[tuple[str, str]]:
    """Rows of the head: how long the remission lasts, how long it took, and transfusions."""
    now, rows = page.now, list[tuple[str, str]]()
    today = date.fromisoformat(now.clock.as_of.partition("T")[0])
    lasts = now.state == "in-remission" and not page.facts.record.died
    if lasts and now.state_since is not None:
        taken = _cycles(page)
        after = f", reached in cycle {taken}{page.of_course}" if taken else ""
        rows.append(("Duration", f"{_days(now.state_since, today)}{after}"))
    return [*rows, *(("Transfused", one) for one in _transfusions(page, today))]


def _cycles(page: Page) -> int | None:
    """The cycle in which the remission that lasts was reached."""
    began = page.now.state_since
    of_it = (
        one.cycle.number
        for one in page.history
        if one.state == "in-remission" and one.state_since == began and one.cycle is not None
    )
    return next(of_it, None)


def _transfusions(page: Page, today: date) -> Iterator[str]:
    """Per product the last one, and for how long there was none; where they are recorded."""
    facts = page.facts
    for name, kind in PRODUCTS.items():
        if kind not in facts.record.attested or "Procedure" not in facts.record.complete:
            continue
        events = [*facts.events.get(kind, ()), *facts.events.get(UNNAMED, ())]
        if any(one.when is None for one in events):
            continue
        given = [one for one in events if day_of(one) <= today]
        last = max(given, key=lambda one: (last_day_of(one), day_of(one)), default=None)
        if last is not None:
            yield f"{name}: {_independent(last, today)}"


def _independent(last: Event, today: date) -> str:
    unnamed = ", a product not named" if last.kind == UNNAMED else ""
    over = last.ended or last.when
    assert over is not None  # noqa: S101 - the others are left out by the caller
    cited, latest = f"[{last.source.ref}]{unnamed}", min(over.last_day, today)
    if over.first_day >= latest:
        return f"last {latest} {cited}, {_days(latest, today)} without"
    if len(over.text) < len(str(today)):
        return f"last {over.text} {cited}, at least {_days(latest, today)} without"
    return f"last {over.first_day} or later {cited}"


def _days(first: date, last: date) -> str:
    return number_of((last - first).days, "day")


def kinetics(page: Page) -> list[str]:
    """MRD by marker, assay and tissue: each level, and its fall from the first and the lowest."""
    series: dict[tuple[str, str, str, str], list[tuple[MrdSample, Decimal]]] = {}
    for sample in page.facts.mrd:
        value, one = sample.result.value, sample.result
        if isinstance(value, Interval) and value.low == value.high and not sample.void:
            series.setdefault((one.marker, one.method, one.specimen, one.unit), []).append(
                (sample, value.low)
            )
    lines: list[str] = []
    for (marker, method, specimen, _), levels in sorted(series.items()):
        if len(levels) > 1:
            lines += page.wrap(_named(marker, method, specimen), first="  ")
            lines += page.table(list(_levels(levels, page.facts.therapy.first_at_latest)), indent=2)
    return (
        ["MRD KINETICS: in powers of ten, against before therapy and the lowest so far", *lines]
        if lines
        else []
    )


def _named(marker: str, method: str, specimen: str) -> str:
    words = (marker, f"by {method}" if method else "", f"in {specimen}" if specimen else "")
    return " ".join(one for one in words if one) or "assay and tissue not said"


def _levels(
    levels: Sequence[tuple[MrdSample, Decimal]], therapy: date | None
) -> Iterator[tuple[str, ...]]:
    first = levels[0]
    untreated = therapy is None or first[0].day <= therapy
    lowest: Decimal | None = None
    for sample, level in levels:
        base = first[1] if untreated and sample is not first[0] else None
        told = [
            f"{_change(level, other)} from {name}"
            for name, other in (("before therapy", base), ("the lowest", lowest))
            if other and level
        ]
        yield (
            str(sample.day), f"{level.normalize():f} {sample.result.unit}".strip(),
            "; ".join(told) or ("not detected" if not level else ""),
            f"[{sample.result.source.ref}]",
        )  # fmt: skip
        if level and (lowest is None or level < lowest):
            lowest = level


def _change(level: Decimal, other: Decimal) -> str:
    with localcontext() as context:
        powers = context.divide(level, other).log10().normalize()
        return f"{powers.quantize(TENTH):+f}"
