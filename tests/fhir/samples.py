"""Assessments and the resources around them, as the tests of the writing side need them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from fhir_remission.domain.nouns.assessment import (
    Anchor,
    Assessment,
    Assumption,
    Clock,
    CriterionResult,
    DrawNote,
    Verdict,
)
from fhir_remission.domain.nouns.inputs import Event, Interval, Result, Skipped, Source, When
from fhir_remission.domain.tables.categories import Categories, read_categories
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.identity import Identity

TABLE = Path(__file__).parents[2] / "mappings" / "categories.tsv"
IDENTITY = Identity(site_id="st-e", key=b"k" * 32)


def categories() -> Categories:
    """The shipped table."""
    return read_categories(TABLE.read_text(encoding="utf-8"), file=TABLE.name)


def authorship(**changes: Any) -> Authorship:
    """An unsigned run on the same server."""
    by = Authorship(
        identity=IDENTITY,
        categories=categories(),
        computed_at="2026-03-20T04:00:00Z",
        software_version="0.1.0",
        mapping_version="m1",
    )
    return msgspec.structs.replace(by, **changes)


def when(text: str) -> When:
    """A day, or an instant in UTC."""
    if len(text) == 10:
        start = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return When(start, start + timedelta(days=1), start.date(), start.date(), text)
    start = datetime.fromisoformat(text)
    return When(start, start, start.date(), start.date(), text)


def result(
    ref: str, analyte: str, value: str, at: str, *, version: str = "1", unit: str = "10*9/L"
) -> Result:
    """One result with an exact value."""
    number = Decimal(value)
    return Result(
        analyte=analyte,
        value=Interval(number, number),
        when=when(at),
        source=Source(ref, version, "http://loinc.org", f"code-of-{analyte}"),
        original=f"{value} {unit}",
        unit=unit,
    )


def diagnosis(ref: str = "Condition/c1", kind: str = "aml-diagnosis") -> Event:
    """A confirmed diagnosis."""
    return Event(kind, when("2026-01-10"), Source(ref, "1", "icd", "C92.0"), original="C92.0")


def criterion(name: str, verdict: Verdict, *evidence: Result | Event) -> CriterionResult:
    """One criterion with its evidence."""
    return CriterionResult(name, verdict, f"rule of {name}", "ELN 2022, table 6", evidence)


def complete_remission(**changes: Any) -> Assessment:
    """A CR of an ordinary course: marrow, counts and diagnosis, EMD assumed absent."""
    marrow = result("Observation/m1", "blasts-marrow", "2", "2026-03-01", unit="%")
    counts = (
        result("Observation/o1", "anc", "1.20", "2026-03-12T08:00:00+00:00", version="2"),
        result("Observation/o2", "platelets", "150", "2026-03-12T08:00:00+00:00"),
    )
    built = Assessment(
        patient="Patient/p1",
        criteria_id="eln-2022",
        criteria_version="2022.1",
        state="in-remission",
        state_since=date(2026, 3, 12),
        category="CR",
        best_response="CR",
        mrd="unknown",
        mrd_event="none",
        code="CR",
        provisional=True,
        confidence="routine",
        assumptions=(Assumption("extramedullary-disease-absent", "routine"),),
        possible_higher=(),
        candidates=(),
        missing=("mrd",),
        lineages_below=(),
        flags=("adequacy-from-counts",),
        anchor=Anchor("marrow", "2026-03-01", ("Observation/m1",)),
        response_date=date(2026, 3, 12),
        first_sign=None,
        window_closes=date(2026, 3, 15),
        last_marrow=date(2026, 3, 1),
        last_blood=date(2026, 3, 12),
        last_mrd=None,
        current=True,
        clock=Clock("2026-03-20T04:00:00Z", window_open=False, stale=False),
        criteria_results=(
            criterion("aml-confirmed", Verdict.MET, diagnosis()),
            criterion("blasts-below-5", Verdict.MET, marrow),
            criterion("anc-recovered", Verdict.MET, counts[0]),
            criterion("platelets-recovered", Verdict.MET, counts[1]),
            criterion("no-extramedullary-disease", Verdict.ASSUMED),
            criterion("mrd-negative", Verdict.UNKNOWN),
        ),
        skipped=(Skipped("Observation/o9", "status is entered-in-error"),),
        policies=(("window-days", "14"), ("absence", "routine")),
        draws=(DrawNote("2026-03-12T08:00:00Z", chosen=True, reason="first that proves CR"),),
        claims=(),
        summary="In remission since 2026-03-12 (CR, MRD not known), last marrow 2026-03-01.",
        next_better="An MRD result would decide CR_MRDneg.",
    )
    return msgspec.structs.replace(built, **changes)


def relapse(**changes: Any) -> Assessment:
    """The marrow after it: 40 percent blasts."""
    marrow = result("Observation/m2", "blasts-marrow", "40", "2026-09-01", unit="%")
    return complete_remission(
        **{
            "state": "relapsed",
            "state_since": date(2026, 9, 1),
            "category": "RELAPSE",
            "code": "RELAPSE",
            "anchor": Anchor("marrow", "2026-09-01", ("Observation/m2",)),
            "response_date": date(2026, 9, 1),
            "criteria_results": (
                criterion("aml-confirmed", Verdict.MET, diagnosis()),
                criterion("blasts-below-5", Verdict.NOT_MET, marrow),
            ),
            "summary": "Relapsed since 2026-09-01.",
            **changes,
        }
    )


def not_evaluable(**changes: Any) -> Assessment:
    """A patient with nothing to assess."""
    return complete_remission(
        **{
            "state": "unknown",
            "state_since": None,
            "category": "NE",
            "best_response": None,
            "code": "NE",
            "anchor": Anchor("none", ""),
            "response_date": None,
            "window_closes": None,
            "criteria_results": (),
            "summary": "State unknown: nothing to assess.",
            "reason": "no-marrow",
            **changes,
        }
    )
