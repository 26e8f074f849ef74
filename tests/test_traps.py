"""Every trap that the fact sheet of criteria names has a case that shows what is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fhir_remission.domain.nouns.tsv import read_rows
from tests import facts

ROOT = Path(__file__).parent.parent
TRAPS = ROOT / "fixtures" / "traps.tsv"
CASES = {path.name for path in (ROOT / "fixtures" / "cases").iterdir() if path.is_dir()}
ROWS = list(read_rows(TRAPS.read_text(), file=TRAPS.name, columns=("place", "trap", "cases")))
# Rows of those sections that name no trap: they hold nothing that a course could show.
NO_TRAP = {
    "7 EBMT": "could not be read",
    "7 ELN 2024 less-intensive": "a classification of genetic risk: it changes no category",
    "8 sample": "how a sample is drawn and sent",
    "8 CBF": "a schedule of samples",
    "9 other trial windows": "a parameter: tests/domain/test_criteria_files.py",
    "12 FHIR: KIP TreatmentResponseEvaluation, NMDP diseasestage, NZ SACT AML response": (
        "code systems only: told as disease-stage code systems"
    ),
    "12 OICR data-dictionary validator": "told as data-dictionary validator",
    "12 SDTM mapper add_bor_category": "told as SDTM mapper",
    "12 SAS formats with AMLBR list": "told as SAS formats",
    "12 21_aml_composite_response.R": "told as composite response",
    "12 IWG_Criteria class in a clinical-trial documentation service": "told as IWG_Criteria",
    "12 trial-endpoint catalogue HematologicCriteria.ELN": "told as trial-endpoint catalogue",
    "12 classify_AML_Response_ELN2022 in a public Streamlit hematology app": "told by letter",
}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['place']}: {row['trap']}" for row in ROWS])
def test_a_trap_has_its_cases(row: dict[str, str]) -> None:
    """Each case that the table names is there."""
    named = row["cases"].split()
    assert named
    assert set(named) <= CASES


def test_no_trap_is_told_twice() -> None:
    """One row for each trap."""
    told = [(row["place"], row["trap"]) for row in ROWS]
    assert len(told) == len(set(told)) >= 80


def test_every_row_of_the_sections_is_a_trap_or_is_said_to_be_none() -> None:
    """Sections 7 to 9 and 12 of the fact sheet, where somebody keeps it beside the checkout."""
    text = facts.beside("clinical/criteria.md").read_text(encoding="utf-8")
    places = {row["place"] for row in ROWS} | set(NO_TRAP)
    for section in ("7", "8", "9", "12"):
        names = rows_of(text, section)
        assert len(names) >= 8, section
        for name in (f"{section} {name}" for name in names):
            assert any(place == name or place.startswith(f"{name} ") for place in places), name


def rows_of(text: str, section: str) -> list[str]:
    """The first cells of the tables of a section, without marks and code signs."""
    body = re.split(rf"^## {section}\. ", text, flags=re.M)[1].split("\n## ")[0]
    cells = [line.split("|")[1].strip() for line in body.splitlines() if line.startswith("| ")]
    plain = [re.sub(r"[`*]|\(.*?\)|\".*?\"", "", cell).strip() for cell in cells]
    return [cell for cell in plain if cell not in ("body", "topic", "rule", "implementation", "")]
