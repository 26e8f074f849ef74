"""The patterns of hints find what a plain list of their words finds, in the same places."""

from __future__ import annotations

import re
from random import Random

from fhir_remission.domain.tables.hint_words import Tables, compiled
from fhir_remission.effects.files.mapping_files import load_mappings

BITS = ("rezidiv", "rezidivs", "spät", "blasten", "leukämie", "keine", "aml", "x", "cyta", "rabin")


def plain(tables: Tables, kind: str) -> re.Pattern[str]:
    """Every word with its own beginning and end, the longest first."""
    rows = [line.split("\t") for _, text in tables for line in text.splitlines() if line[:1] != "#"]
    found = {row[1].casefold() for row in rows if row[0] == kind}
    others = {row[1].casefold() for row in rows if row[0] == "other"}
    return re.compile(f"(?P<other>{joined(others)})|{joined(found)}")


def joined(words: set[str]) -> str:
    """One alternative for each."""
    return "|".join(
        ("" if one.startswith("*") else r"(?<!\w)")
        + re.escape(one.strip("*"))
        + ("" if one.endswith("*") else r"(?!\w)")
        for one in sorted(words, key=lambda word: (-len(word), word))
    )


def test_words_that_share_their_beginning_are_found_where_each_alone_would_be() -> None:
    """In texts of words and parts of words, grown together or apart."""
    tables, dice = load_mappings().codes.hints.tables, Random(1)
    texts = [
        "".join(f"{dice.choice(BITS)}{dice.choice(('', ' ', '-', ', '))}" for _ in range(12))
        for _ in range(400)
    ]
    for kind in ("relapse", "returns", "drug", "surely", "graft"):
        one, other = compiled(tables, kind), plain(tables, kind)
        for text in texts:
            spans = [(found.span(), found["other"]) for found in other.finditer(text)]
            assert [(found.span(), found["other"]) for found in one.finditer(text)] == spans
