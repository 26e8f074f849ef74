"""Resources that others published are read, where somebody keeps them beside the checkout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.incoming.grouping import group_by_patient
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record
from tests.facts import beside
from tests.fhir.reading import shown, tables


def records(*paths: Path) -> list[PatientRecord]:
    """The records of some files."""
    entries = [
        item
        for path in paths
        for item in read_documents([path.read_bytes()], name=path.name)
        if isinstance(item, Entry)
    ]
    grouped = group_by_patient(entries)
    assert not grouped.unassigned
    return [read_record(key, group, tables(), Reading()) for key, group in grouped.patients.items()]


def test_a_synthetic_population_is_read_without_loss() -> None:
    """Every blood count becomes a result in the unit of its analyte."""
    folder = beside("testdata/synthea-cbc")
    read = records(folder / "Patient.ndjson", folder / "Observation.ndjson")
    results = Counter(result.analyte for record in read for result in record.results)

    assert set(results) == {"wbc", "hemoglobin", "platelets"}
    assert not [skip for record in read for skip in record.skipped]
    assert {r.unit for record in read for r in record.results} == {"10*9/L", "g/dL"}


def test_a_blood_count_of_a_national_profile_is_read() -> None:
    """Counts and their report; red cells are counted as unmapped."""
    folder = beside("testdata/uscore-cbc")
    [read] = records(*sorted(folder.glob("*.json")))
    values = {result.analyte: (shown(result), result.unit) for result in read.results}

    assert set(values) == {"wbc", "hemoglobin", "platelets"}
    assert len(read.unmapped) == 5


def test_cord_blood_is_no_neutrophil_count() -> None:
    """A published example with a look-alike code."""
    [read] = records(beside("testdata/cibmtr/Observation-Neutrophils.json"))

    assert not read.results
    assert [skip.reason for skip in read.skipped] == ["code 74398-9 is not read: cord blood"]


def test_a_report_and_its_results_are_read() -> None:
    """The standard's own example: results without a time are dated by their report, one draw."""
    [read] = records(beside("testdata/hl7-r4/diagnosticreport-example.json"))

    assert {one.analyte for one in read.results} >= {"hemoglobin", "wbc", "platelets"}
    assert {one.draw_keys for one in read.results} == {("DiagnosticReport/101",)}
    assert {one.flags for one in read.results} == {
        ("time-from-report",),
        # Called very low (LU) by the laboratory.
        ("time-from-report", "called-critical"),
    }


@pytest.mark.parametrize("name", ["condition-example", "observation-example"])
def test_the_examples_of_the_standard_are_of_no_interest(name: str) -> None:
    """A burn and a body weight."""
    [read] = records(beside(f"testdata/hl7-r4/{name}.json"))

    assert (read.results, read.events, read.skipped) == ((), (), ())
    assert len(read.unmapped) == 1


def test_decimals_far_beyond_every_assay_break_nothing() -> None:
    """The standard's torture test of numbers, which has no subject."""
    body = beside("testdata/hl7-r4/observation-decimal.json").read_bytes()
    grouped = group_by_patient(
        [item for item in read_documents([body], name="d") if isinstance(item, Entry)]
    )

    assert [skip.source for skip in grouped.unassigned] == ["Observation/decimal"]
