"""How little an assay finds, in all the ways in which it is written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_remission.domain.tables.sensitivities import read_limit
from fhir_remission.effects.files.mapping_files import load_mappings

WORDS = load_mappings().values.words


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        *((text, "0.01") for text in (
            "0.01 %", "0,01%", "<0.01%", "10^-4", "10-4", "1E-4", "10\u207b\u2074", "1x10^-4",
            "1 \u00d7 10-4", "1:10000", "1/10000", "1 in 10,000", "1 in 10 000", "1 zu 10.000",
            "LOD 0.01%", "0.01% of CD45+ cells", "Nachweisgrenze: 0,01 %", "1 in 10^4",
            "0.01 percent", "0.0001 1", "0.0001 {ratio}", "0.0001", "10*-4",
        )),
        ("0.05-0.1 %", "0.1"), ("10^-4 to 10^-5", "0.01"), ("0.01 %; 5 %", "5"),
        ("5 %", "5"), ("10^-2", "1"), ("1:20", "5"), ("5", "500"), ("0.01", "1"),
    ],
)  # fmt: skip
def test_a_limit_is_read_as_the_worst_that_it_can_mean(text: str, percent: str) -> None:
    """A share of cells in %; a bare number may be a share of one."""
    assert read_limit(text, WORDS, decimal_comma=False) == Decimal(percent)


@pytest.mark.parametrize(
    "text",
    ["", "poor", "see report", "unbekannt", "n/a", "> 1 %", "reduced (0.01 %)", "100 ppm", "10^4",
     "target 0.01 % not reached", "1:0", "1 in 1,00", "1.2.3 %", "0.01 % " * 40],
)  # fmt: skip
def test_any_other_word_leaves_it_unread(text: str) -> None:
    """It may say that the limit was not reached."""
    assert read_limit(text, WORDS, decimal_comma=False) is None
