"""The printed line: its shape is the published schema, its bytes depend on the assessment alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from fhir_remission.domain.nouns.assessment import (
    Anchor,
    Assessment,
    ClaimNote,
    CriterionResult,
    CycleDay,
    DrawNote,
    Latest,
    MrdEventNote,
    Verdict,
)
from fhir_remission.domain.nouns.inputs import (
    Event,
    Finding,
    Interval,
    Result,
    Skipped,
    Source,
    Unreadable,
)
from fhir_remission.fhir.writing.assessment_json import (
    Outcome,
    assessment_brief,
    assessment_document,
    decimal_text,
    sync_document,
    unjudged_document,
    write_line,
)
from tests.fhir.samples import (
    complete_remission,
    criterion,
    diagnosis,
    not_evaluable,
    relapse,
    result,
    when,
)

SCHEMAS = Path(__file__).parents[2] / "fhir_remission/schema"
SCHEMA = json.loads((SCHEMAS / "assessment-2.json").read_text("utf-8"))
PUBLISHED_FIRST = "45ed7950310d42c1bc4975601d046c73087f0ce3df1a54c99370fa13715fe25f"
HASH = "a" * 64


def document(assessment: Assessment) -> dict[str, Any]:
    """As classify prints it."""
    return assessment_document(assessment, evidence_hash=HASH, software_version="0.1.0")


def valid(line: bytes | dict[str, Any]) -> bool:
    """Whether the published schema accepts the line."""
    content = json.loads(line) if isinstance(line, bytes) else line
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(content)


def evidence_of_every_kind() -> CriterionResult:
    """Every shape that a cited input can have."""
    base = result("Observation/x", "anc", "1", "2026-03-01")
    replace = msgspec.structs.replace
    undated = Event("therapy-start", None, Source("cohort.csv:12", "", "", ""), original="")
    return criterion(
        "anc-recovered",
        Verdict.UNKNOWN,
        base,
        replace(base, value=Interval(Decimal(500), None, low_open=True), original=">500"),
        replace(base, value=Interval(Decimal(0), Decimal("5.00"), high_open=True)),
        replace(base, value=Unreadable("???", "not a number"), unit=""),
        replace(base, value=Finding("low-level"), unit=""),
        diagnosis(),
        undated,
    )


def with_a_latest_marrow() -> Assessment:
    """A remission kept over a marrow that says less, in its second course, MRD gone and back."""
    latest = Latest(
        "MLFS",
        Anchor("marrow", "2026-05-01", ("Observation/m3",)),
        ("counts-below-criteria",),
        (evidence_of_every_kind(),),
    )
    return complete_remission(
        latest=latest,
        responses=(("CRi", date(2026, 3, 10)), ("CR", date(2026, 3, 12))),
        remission_number=2,
        cycle=CycleDay(2, 28),
        mrd_history=(MrdEventNote("relapse", date(2026, 4, 1), date(2026, 5, 1)),),
    )


@pytest.mark.parametrize(
    "assessment",
    [
        complete_remission(),
        relapse(),
        not_evaluable(),
        complete_remission(criteria_results=(evidence_of_every_kind(),)),
        complete_remission(mrd="negative", code="CR_MRDneg"),
        complete_remission(mrd="positive", mrd_event="relapse", code="MRD_RELAPSE"),
        complete_remission(
            category="IND", code="IND", candidates=("CR", "NR"), possible_higher=("CR",)
        ),
        complete_remission(
            claims=(ClaimNote(Source("Condition/c1", "1", "", ""), "in remission", agrees=None),)
        ),
        with_a_latest_marrow(),
    ],
)
def test_every_assessment_fits_the_schema(assessment: Assessment) -> None:
    """Classify and sync lines alike."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(write_line(document(assessment))))
    outcome = Outcome("classified", write="created", locations=("ClinicalImpression/a/_history/1",))
    assert valid(write_line(sync_document(document(assessment), outcome)))


def test_without_proof_the_latest_marrow_has_none() -> None:
    """The brief line says what the latest marrow gives, not on what."""
    brief = assessment_brief(with_a_latest_marrow(), software_version="0.1.0")
    assert brief["latest"] == {
        "category": "MLFS",
        "anchor": {"kind": "marrow", "effective": "2026-05-01"},
        "flags": ["counts-below-criteria"],
    }
    assert brief["responses"] == [
        {"category": "CRi", "date": "2026-03-10"},
        {"category": "CR", "date": "2026-03-12"},
    ]


def test_the_first_schema_stays_as_it_was_published() -> None:
    """Who reads lines of version 0.1.0 still finds it, to the byte."""
    raw = (SCHEMAS / "assessment-1.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == PUBLISHED_FIRST


def test_the_schema_is_a_schema() -> None:
    """Draft 2020-12 itself accepts it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_keys_come_in_the_order_of_the_schema() -> None:
    """At the top and in every object below."""

    def ordered(value: Any, schema: dict[str, Any]) -> None:
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
        for option in schema.get("oneOf", ()):
            if option.get("type") != "null" and value is not None:
                ordered(value, option)
        if isinstance(value, dict) and "properties" in schema:
            assert list(value) == [name for name in schema["properties"] if name in value]
            for name, item in value.items():
                ordered(item, schema["properties"][name])
        if isinstance(value, list):
            for item in value:
                ordered(item, schema["items"])

    everything = msgspec.structs.replace(
        with_a_latest_marrow(), criteria_results=(evidence_of_every_kind(),)
    )
    ordered(document(everything), SCHEMA)
    ordered(sync_document(document(everything), Outcome("classified")), SCHEMA)
    ordered(
        unjudged_document("Patient/p1", "eln-2022", "1", Outcome("failed"), software_version="0"),
        SCHEMA,
    )


@pytest.mark.parametrize("disposition", ["incomplete", "failed"])
def test_what_was_not_judged_has_no_category(disposition: Any) -> None:
    """And the schema refuses one that has."""
    outcome = Outcome(disposition, reason="Observation was not read to the end")
    line = unjudged_document("Patient/p1", "eln-2022", "2022.1", outcome, software_version="0.1.0")
    assert valid(line)
    assert "category" not in line
    assert "state" not in line
    assert not valid({**line, "category": "CR"})
    assert not valid(sync_document(document(complete_remission()), outcome))


@pytest.mark.parametrize(
    "change",
    [
        {"category": "REMISSION"},
        {"code": "CR_MRDmaybe"},
        {"surprise": 1},
        {"evidence_hash": "short"},
        {"response_date": "12.03.2026"},
        {"disposition": "classified"},
        {"schema": "1"},
        {"anchor": {"kind": "marrow"}},
    ],
)
def test_the_schema_refuses_other_shapes(change: dict[str, Any]) -> None:
    """A schema that accepts everything would prove nothing."""
    assert not valid({**document(complete_remission()), **change})


@pytest.mark.parametrize("name", list(SCHEMA["else"]["required"]))
def test_the_schema_wants_every_key(name: str) -> None:
    """No key may go missing unnoticed."""
    line = document(complete_remission())
    del line[name]
    assert not valid(line)


def test_the_vocabulary_of_the_schema_is_that_of_the_types() -> None:
    """Verdicts in code and schema are the same."""
    verdicts = SCHEMA["$defs"]["criterion"]["properties"]["verdict"]["enum"]
    assert set(verdicts) == {verdict.value for verdict in Verdict}


def test_lists_are_sorted_and_bytes_repeat() -> None:
    """The order in which pages arrived cannot be seen."""
    one = evidence_of_every_kind()
    skipped = (Skipped("Observation/b", "x"), Skipped("Observation/a", "x"))
    draws = (DrawNote("2026-03-12", True, "a"), DrawNote("2026-03-04", False, "b"))
    claims = tuple(
        ClaimNote(Source(r, "", "", ""), "t", None) for r in ("Condition/b", "Condition/a")
    )

    def line(step: int) -> bytes:
        turned = msgspec.structs.replace(one, evidence=one.evidence[::step])
        return write_line(
            document(
                complete_remission(
                    criteria_results=(turned,),
                    skipped=skipped[::step],
                    draws=draws[::step],
                    claims=claims[::step],
                    policies=(("a", "1"), ("b", "2"))[::step],
                )
            )
        )

    assert line(1) == line(-1)
    assert line(1).endswith(b"}\n")
    assert line(1).count(b"\n") == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.20", "1.2"),
        ("1200", "1200"),
        ("1.2E+3", "1200"),
        ("0.00", "0"),
        ("1E-15", "0.000000000000001"),
        ("0.678", "0.678"),
        ("100", "100"),
    ],
)
def test_decimals_are_written_out(number: str, text: str) -> None:
    """Exact, without exponent, without zeros that say nothing."""
    assert decimal_text(Decimal(number)) == text


def test_an_interval_keeps_its_open_ends() -> None:
    """`<5` stays below 5, and `>500` has no upper end."""
    base = result("Observation/x", "anc", "1", "2026-03-01")
    below = Interval(Decimal(0), Decimal("5.0"), high_open=True)
    above = Interval(Decimal(500), None, low_open=True)
    values = []
    for value in (below, above):
        held: Result = msgspec.structs.replace(base, value=value)
        shown = document(complete_remission(criteria_results=(criterion("c", Verdict.MET, held),)))
        values.append(shown["criteria_results"][0]["evidence"][0]["value"])
    assert values == [
        {"low": "0", "high": "5", "low_open": False, "high_open": True, "unit": "10*9/L"},
        {"low": "500", "high": None, "low_open": True, "high_open": False, "unit": "10*9/L"},
    ]


def test_times_are_utc_with_z() -> None:
    """Whatever zone they came in."""
    held = msgspec.structs.replace(
        result("Observation/x", "anc", "1", "2026-03-01"), when=when("2026-03-01T08:00:00+01:00")
    )
    shown = document(complete_remission(criteria_results=(criterion("c", Verdict.MET, held),)))
    assert shown["criteria_results"][0]["evidence"][0]["effective"]["start"] == (
        "2026-03-01T07:00:00Z"
    )


def test_printing_loads_no_model_library() -> None:
    """Classify must start in 0.4 s; pydantic alone takes half of it."""
    code = (
        "import sys, fhir_remission.fhir.writing.assessment_json;"
        "import fhir_remission.fhir.writing.patient_writes, fhir_remission.fhir.writing.checks;"
        "print([m for m in sys.modules if m.split('.')[0] in ('pydantic', 'fhir', 'requests')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
