"""What one criterion looks at, in a few words: a marrow, a draw, and the course behind them.

Every value carries its own result, so that a test can ask which of them a verdict rests on.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, TypeVar

from msgspec.structs import replace

from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.evaluation.criterion import judge_all
from fhir_remission.domain.evaluation.views import Background, Near, View
from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import Judgement, Proof, Quantity, SignReading, order_of
from fhir_remission.domain.record.derived import reading_of
from fhir_remission.domain.record.lasting import Lasting, lasting
from fhir_remission.domain.record.marrows import Marrow
from tests.domain.builder import Course, criteria, on

Found = TypeVar("Found", Result, Event)
Told = tuple[str, list[str]]
"""A verdict, and what it rests on."""
SIGN = {
    "blood-blasts": "blasts-blood",
    "extramedullary-disease": "extramedullary-disease",
    "auer-rods": "auer-rods",
}


def in_order(things: Iterable[Found]) -> list[Found]:
    """Results or events in the one order in which a record is read."""
    return sorted(things, key=order_of)


def given(events: Iterable[Event]) -> dict[str, Lasting]:
    """What was given by kind, as the facts hold it."""
    kinds = grouped(in_order(events), attrgetter("kind"))
    return {kind: lasting(many) for kind, many in kinds.items()}


def result(analyte: str, raw: Any, day: float = 30, **more: Any) -> Result:
    """One result."""
    return Course(diagnosed=None).result(analyte, day, raw, **more).results[0]


def event(kind: str, day: float | None, **more: Any) -> Event:
    """One event."""
    return Course(diagnosed=None).event(kind, day, **more).events[0]


def amount(analyte: str, raw: Any, day: float = 30, **more: Any) -> Quantity:
    """A quantity that one result says; `more` are its properties. None: nothing was reported."""
    if raw is None:
        return Quantity()
    one = result(analyte, raw, day)
    return Quantity(reading_of(one), (one,), **more)


def sign(name: str, state: Any, day: float = 30, **more: Any) -> SignReading:
    """A sign of leukaemia; silent signs have no proof."""
    proof: Proof = () if state == "silent" else (result(SIGN.get(name, name), "?", day),)
    return SignReading(state, proof, **more)


def sight(
    *,
    blasts: Any = 2,
    cells: Any = 300,
    cellularity: Any = None,
    statement: str = "silent",
    anc: Any = "1.5",
    platelets: Any = 150,
    background: Background | None = None,
    near: tuple[Near, ...] = (),
    independence: str = "silent",
    recorded: frozenset[str] = frozenset(),
    **more: Any,
) -> View:
    """A complete remission of day 30; a test changes what it is about.

    `more` are further quantities by analyte (underscores for hyphens), or signs by name.
    """
    first = result("blasts-marrow", blasts) if blasts is not None else result("marrow-adequacy", 1)
    marrow = Marrow(
        day=on(30),
        end=first.when.end,
        effective=first.when.text,
        results=(first,),
        blasts=amount("blasts-marrow", blasts),
        statement=sign("marrow-adequacy", statement),
        cells=amount("marrow-cells-counted", cells),
        cellularity=amount("marrow-cellularity", cellularity),
    )
    named = {name.replace("_", "-"): value for name, value in more.items()}
    signs = {name: sign(name, named.pop(name, "absent")) for name in SIGN}
    quantities = {
        "blasts-marrow": marrow.blasts,
        "anc": amount("anc", anc),
        "platelets": amount("platelets", platelets),
        **{name: amount(name, value) for name, value in named.items()},
    }
    return View(
        marrow,
        background or Background(),
        quantities,
        signs,
        near,
        sign("rbc-transfusion-independence", independence),
        recorded,
        on(30),
    )


def with_sign(view: View, name: str, reading: SignReading) -> View:
    """The same view with one sign read otherwise."""
    return replace(view, signs={**view.signs, name: reading})


def with_quantity(view: View, name: str, quantity: Quantity) -> View:
    """The same view with one quantity read otherwise."""
    return replace(view, quantities={**view.quantities, name: quantity})


def judgement(
    criterion: str, view: View, name: str | CriteriaSet = "eln-2022", *, strict: bool = False
) -> Judgement:
    """One criterion of a set at one view."""
    chosen = criteria(name) if isinstance(name, str) else name
    return judge_all(chosen, view, strict=strict)[criterion]


def told(
    criterion: str, view: View, name: str | CriteriaSet = "eln-2022", *, strict: bool = False
) -> Told:
    """The verdict, and the analytes and kinds of event it rests on, with their days."""
    found = judgement(criterion, view, name, strict=strict)
    return found.verdict.value, cited(found.proof)


def cited(proof: Proof) -> list[str]:
    """`anc 30` for a result of day 30, `rbc-transfusion` for an event without a day."""
    first = on(0)
    return sorted(
        f"{one.analyte if isinstance(one, Result) else one.kind}"
        + (f" {(one.when.first_day - first).days}" if one.when is not None else "")
        for one in proof
    )


def assumption(criterion: str, view: View, name: str = "eln-2022") -> Assumption | None:
    """What the verdict assumes."""
    return judgement(criterion, view, name).assumption
