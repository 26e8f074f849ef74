"""Whether the words sent with a code say something else than the code.

Displays are never compared for equality: LOINC itself has changed them. Only words that name
another thing, another specimen or another answer contradict a code; unknown words say nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain

from msgspec import Struct

from fhir_remission.domain.nouns.spelling import by_first_letter
from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.codes import CodeRow

COLUMNS = ("axis", "meaning", "word", "source")
AXES = ("subject", "specimen", "measure", "way", "disease", "pace", "course", "answer")
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


class Words(Struct, frozen=True):
    """The tables as text, file and text of each; most runs see few words that are not ours."""

    tables: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=4)
def lexicon_of(words: Words) -> Lexicon:
    """The words of all tables, made when they are first needed; a bad row stops the run."""
    named: dict[str, tuple[str, str]] = {}
    tables = (read_rows(text, file=file, columns=COLUMNS) for file, text in words.tables)
    for row in chain.from_iterable(tables):
        word = row["word"].casefold()
        row.check([row["axis"]], AXES, "no axis")
        if not word or not row["meaning"]:
            raise row.refuse("a row needs a word and its meaning")
        if word in named:
            raise row.refuse(f"{word} is listed twice; keep one")
        named[word] = (row["axis"], row["meaning"])
    ordered = sorted(named, key=lambda word: (_begins_a_word(word), word[0], -len(word), word))
    inside = by_first_letter((one for one in ordered if not _begins_a_word(one)), _behind)
    begun = by_first_letter((one for one in ordered if _begins_a_word(one)), _behind)
    pattern = re.compile(rf"{inside}|(?<!\w)(?:{begun})")
    return Lexicon(pattern, tuple(named[word] for word in ordered))


def _begins_a_word(word: str) -> bool:
    return word[0].isalnum() and word[0] < _NO_BLANKS


def _behind(word: str) -> str:
    """What of a word follows its first letter, and what may follow the word."""
    stem = word.removesuffix("*")
    after = r"\w*" if word.endswith("*") else r"(?!\w)" if stem[-1].isalnum() else ""
    return f"({re.escape(stem[1:])}{'' if stem[0] >= _NO_BLANKS else after})"


def of_measurement(row: CodeRow, analyte: Analyte, lexicon: Lexicon) -> Meanings:
    """What the display of a measurement may name: by its table row and its analyte."""
    measure = _MEASURES.get(analyte.dimensions, "")
    return {
        SUBJECT: _subjects(row, lexicon),
        "specimen": (row.specimen,) if row.specimen else (),
        "measure": (measure,) if measure else (),
    }


def _subjects(row: CodeRow, lexicon: Lexicon) -> tuple[str, ...]:
    called = (row.display, row.analyte.replace("-", " "))
    return tuple(one for text in called for one in lexicon.meanings(text).get(SUBJECT, ())[:1])


@lru_cache(maxsize=1 << 11)
def against(text: str, row: CodeRow, words: Words) -> str:
    """What words beside the code of a measurement say that another is measured, or in another."""
    lexicon = lexicon_of(words)
    # What an MRD result calls itself is anything: blasts, a gene, a population.
    named = () if row.analyte == "mrd" else _subjects(row, lexicon)
    tissue = (row.specimen,) if row.specimen else ()
    return contradiction(text, {SUBJECT: named, "specimen": tissue}, lexicon)


@lru_cache(maxsize=1 << 10)
def tissues(text: str, words: Words) -> tuple[str, ...]:
    """What is named as that in which something was found, or from where it was taken."""
    return lexicon_of(words).meanings(text).get("specimen", ())


@lru_cache(maxsize=1 << 10)
def ways(text: str, words: Words) -> tuple[str, ...]:
    """By which methods something is said to have been counted."""
    return lexicon_of(words).meanings(text).get("way", ())


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
