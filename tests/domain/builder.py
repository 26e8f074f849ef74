"""A patient's course in a few lines: day 1 is the start of therapy, 2026-01-01."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fhir_remission.domain.answer.assess import Options, assess
from fhir_remission.domain.criteria.loading import CriteriaSet, read_criteria
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import (
    Claim,
    Event,
    Finding,
    Interval,
    PatientRecord,
    Result,
    Source,
    Unreadable,
    Value,
    When,
)

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
CRITERIA = Path(__file__).parents[2] / "mappings" / "criteria"
UNITS = {"anc": "10*9/L", "platelets": "10*9/L", "wbc": "10*9/L", "marrow-cells-counted": "{#}"}


@cache
def criteria(name: str = "eln-2022") -> CriteriaSet:
    """A shipped criteria set."""
    path = CRITERIA / f"{name}.toml"
    return read_criteria(path.read_text(encoding="utf-8"), file=path.name)


def on(day: int) -> date:
    """The calendar day of a day of the course."""
    return (FIRST + timedelta(days=day - 1)).date()


def at(day: float) -> When:
    """Nine in the morning of a day; a fraction of a day is later."""
    whole = int(day // 1)
    moment = FIRST + timedelta(days=whole - 1, hours=9) + timedelta(days=day - whole)
    return When(moment, moment, moment.date(), moment.date(), moment.isoformat())


def all_day(day: int) -> When:
    """A date without a time."""
    start = FIRST + timedelta(days=day - 1)
    return When(start, start + timedelta(days=1), start.date(), start.date(), str(start.date()))


def value(raw: Any) -> Value:
    """`2`, `"<5"`, `"<=5"`, `">90"`, `"4-6"`, `"negative"` or `"?"` (unreadable) as a value."""
    if isinstance(raw, (Interval, Unreadable, Finding)):
        return raw
    text = str(raw)
    if text in ("negative", "positive", "low-level", "indeterminate"):
        return Finding(text)
    if text == "?":
        return Unreadable("see comment", "text")
    if text == "rare":
        return Interval(Decimal(0), Decimal(100), low_open=True)
    if text.startswith("<"):
        strict = not text.startswith("<=")
        return Interval(Decimal(0), Decimal(text.lstrip("<=")), high_open=strict)
    if text.startswith(">"):
        return Interval(Decimal(text.lstrip(">=")), None, low_open=not text.startswith(">="))
    low, dash, high = text.partition("-")
    return Interval(Decimal(low), Decimal(high if dash else low))


class Course:
    """Collects results and events; `record()` is the patient."""

    def __init__(self, *, diagnosed: int | None = -6, attested: bool = True) -> None:
        self.results: list[Result] = []
        self.events: list[Event] = []
        self.claims: list[Claim] = []
        self.more: dict[str, Any] = {}
        if attested:
            self.more = {
                "complete": frozenset({"Procedure", "Condition"}),
                "attested": frozenset({"rbc-transfusion", "platelet-transfusion"}),
            }
        if diagnosed is not None:
            self.event("aml-diagnosis", diagnosed)

    def result(self, analyte: str, day: float, raw: Any, **more: Any) -> Course:
        """One result."""
        ref = more.pop("ref", f"Observation/o{len(self.results) + 1}")
        code = more.pop("code", analyte)
        when = more.pop("when", None) or at(day)
        source = Source(ref, "1", "urn:test", code)
        unit = more.pop("unit", UNITS.get(analyte, "%"))
        self.results.append(Result(analyte, value(raw), when, source, str(raw), unit, **more))
        return self

    def event(self, kind: str, day: float | None, detail: str = "", **more: Any) -> Course:
        """One event."""
        ref = more.pop("ref", f"Procedure/e{len(self.events) + 1}")
        when = more.pop("when", None if day is None else at(day))
        self.events.append(
            Event(kind, when, Source(ref, "1", "urn:test", kind), detail=detail, **more)
        )
        return self

    def marrow(
        self, day: float, blasts: Any, cells: Any = 300, emd: Any = "negative", **more: Any
    ) -> Course:
        """A marrow with cells counted and extramedullary disease stated absent."""
        self.result("blasts-marrow", day, blasts, **more)
        if cells is not None:
            self.result("marrow-cells-counted", day, cells)
        if emd is not None:
            self.result("extramedullary-disease", day, emd)
        return self

    def blood(
        self, day: float, anc: Any = None, platelets: Any = None, smear: Any = 0, **more: Any
    ) -> Course:
        """A draw: counts per microlitre, and a microscopic smear unless `smear` is None."""
        if anc is not None:
            self.result("anc", day, per_litre(anc), **more)
        if platelets is not None:
            self.result("platelets", day, per_litre(platelets), **more)
        if smear is not None:
            self.result("blasts-blood", day, smear, method="manual")
        return self

    def chemo(self, day: float, detail: str = "") -> Course:
        """A start of therapy."""
        return self.event("therapy-start", day, detail)

    def mrd(self, day: float, answer: Any, **more: Any) -> Course:
        """An MRD sample: flow cytometry of marrow unless said otherwise."""
        given = {"method": "flow", "specimen": "marrow", "sensitivity": "0.01 %", **more}
        if given["sensitivity"]:
            given.setdefault("limit", Decimal("0.01"))
        return self.result("mrd", day, answer, **given)

    def claim(self, says: Any, day: float | None, text: str = "in remission") -> Course:
        """Somebody's word."""
        when = None if day is None else at(day)
        self.claims.append(Claim(Source("Condition/c", "1", "", ""), text, says, when))
        return self

    def record(self, **changes: Any) -> PatientRecord:
        """The patient."""
        record = PatientRecord(
            "Patient/p1",
            results=tuple(self.results),
            events=tuple(self.events),
            claims=tuple(self.claims),
            **self.more,
        )
        return replace(record, **changes)


def per_litre(raw: Any) -> Any:
    """Per microlitre to 10*9/L, exactly."""
    return raw if isinstance(raw, (str, Interval, Unreadable)) else Decimal(raw) / 1000


def judge(
    course: Course | PatientRecord,
    name: str | CriteriaSet = "eln-2022",
    *,
    as_of: datetime = LATER,
    **options: Any,
) -> tuple[Assessment, ...]:
    """All assessments of a course."""
    record = course.record() if isinstance(course, Course) else course
    chosen = criteria(name) if isinstance(name, str) else name
    return assess(record, chosen, as_of=as_of, zone=UTC, options=Options(**options))


def now(
    course: Course | PatientRecord, name: str | CriteriaSet = "eln-2022", **more: Any
) -> Assessment:
    """The current assessment."""
    return judge(course, name, **more)[-1]


def anchored(found: Iterable[Assessment], day: int) -> Assessment:
    """The assessment whose anchor is of this day."""
    return next(one for one in found if one.anchor.effective.startswith(str(on(day))))


def induction(*, baseline: Any = 60, **more: Any) -> Course:
    """Diagnosis, a baseline marrow on day -4 and the start of therapy on day 1."""
    return Course(**more).marrow(-4, baseline).chemo(1)


def remission(*, baseline: Any = 60, **more: Any) -> Course:
    """An induction that ends in CR on day 30."""
    return induction(baseline=baseline, **more).marrow(30, 2).blood(30, 1500, 150_000)
