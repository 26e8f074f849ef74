"""Whether the display sent with a code says something else than the code.

Displays are never compared for equality: LOINC itself has changed them. Only words that name
another thing, another specimen or another answer contradict a code; unknown words say nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.codes import CodeRow

COLUMNS = ("axis", "meaning", "word", "source")
AXES = ("subject", "specimen", "measure", "disease", "pace", "course", "answer")
SUBJECT = "subject"
# LOINC's long names and SNOMED CT's terms have 255 characters at most.
LONGEST = 300
# From here on scripts put no blanks between words: a word of them is found anywhere.
_NO_BLANKS = "\u2e80"
_MEASURES: dict[tuple[str, ...], str] = {("fraction",): "share", ("count",): "count"}
Meanings = Mapping[str, tuple[str, ...]]
"""What a text names on each axis, in the order of the text."""


class Lexicon(Struct, frozen=True):
    """The words, as one pattern and what each part of it means."""

    pattern: re.Pattern[str]
    words: tuple[tuple[str, str], ...]
    """Axis and meaning of each group of the pattern."""

    def meanings(self, text: str) -> dict[str, tuple[str, ...]]:
        """What the text names; longer words are taken before shorter ones in them."""
        found: dict[str, tuple[str, ...]] = {}
        held = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
        for match in self.pattern.finditer(held):
            axis, meaning = self.words[(match.lastindex or 1) - 1]
            if meaning not in found.get(axis, ()):
                found[axis] = (*found.get(axis, ()), meaning)
        return found


def read_lexicon(text: str, *, file: str) -> Lexicon:
    """Read the table of words; the first bad row stops the run."""
    words: dict[str, tuple[str, str]] = {}
    for row in read_rows(text, file=file, columns=COLUMNS):
        word = row["word"].casefold()
        if row["axis"] not in AXES:
            raise row.refuse(f"{row['axis']} is no axis; use one of {', '.join(AXES)}")
        if not word or not row["meaning"]:
            raise row.refuse("a row needs a word and its meaning")
        if word in words:
            raise row.refuse(f"{word} is listed twice; keep one")
        words[word] = (row["axis"], row["meaning"])
    ordered = sorted(words, key=lambda word: (-len(word), word))
    pattern = "|".join(f"({_as_pattern(word)})" for word in ordered)
    return Lexicon(re.compile(pattern), tuple(words[word] for word in ordered))


def _as_pattern(word: str) -> str:
    stem = word.removesuffix("*")
    if stem[0] >= _NO_BLANKS:
        return re.escape(stem)
    before = r"(?<!\w)" if stem[0].isalnum() else ""
    after = r"\w*" if word.endswith("*") else r"(?!\w)" if stem[-1].isalnum() else ""
    return f"{before}{re.escape(stem)}{after}"


def of_measurement(row: CodeRow, analyte: Analyte, lexicon: Lexicon) -> Meanings:
    """What the display of a measurement may name: by its table row and its analyte."""
    named = lexicon.meanings(row.display).get(SUBJECT, ())[:1]
    called = lexicon.meanings(analyte.id.replace("-", " ")).get(SUBJECT, ())[:1]
    measure = _MEASURES.get(analyte.dimensions, "")
    return {
        SUBJECT: (*named, *called),
        "specimen": (row.specimen,) if row.specimen else (),
        "measure": (measure,) if measure else (),
    }


def of_display(display: str, lexicon: Lexicon) -> Meanings:
    """What another display of a code may name, by the one our table has."""
    named = lexicon.meanings(display)
    return {**named, SUBJECT: named.get(SUBJECT, ())[:1]}


def contradiction(display: str, expected: Meanings, lexicon: Lexicon) -> str:
    """What the display says against its code; empty where it says nothing against it."""
    for axis, said in lexicon.meanings(display).items():
        meant = expected.get(axis, ())
        if meant and not set(meant) & set(said):
            return f"{axis} is {' or '.join(dict.fromkeys(meant))}, display says {', '.join(said)}"
    return ""
