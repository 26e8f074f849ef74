"""One closed grammar for the units of counts: [multiplier] [cells] / volume, and nothing beside.

The words stand in `mappings/unit_words.tsv`. A unit that follows the grammar has an exact power of
ten per litre; one that is made of its words and may mean two things is refused with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import Row, read_rows

COLUMNS = ("part", "word", "exponent", "only_with", "refused", "language", "source")
PARTS = ("multiplier", "cells", "volume")
LITRE = "l"
# Powers of ten per litre in which cells other than red ones are counted: 10^12 is red cells, and
# fewer than 10^6 with a multiplier (`10*3/L`) is usually a slip for another volume.
_RED_CELLS = 12
_COUNTED = (6, 7, 8, 9, 10, 11)


class UnitWord(Struct, frozen=True):
    """One row of `unit_words.tsv`."""

    part: str
    word: str
    exponent: int
    only_with: tuple[str, ...]
    refused: str


class Power(Struct, frozen=True):
    """A unit that was understood: ten to this exponent, per litre."""

    exponent: int


class Refused(Struct, frozen=True):
    """Why a value could not be converted; `foreign`: beside another unit, this one denies it."""

    reason: str
    foreign: bool = False


class UnitWords(Struct, frozen=True, eq=False):
    """The words by part, and the pattern they make. Hashed as the one object it is."""

    multipliers: dict[str, UnitWord]
    volumes: dict[str, UnitWord]
    pattern: re.Pattern[str]
    of_cells: re.Pattern[str]

    def less_cells(self, unit: str) -> str:
        """A share in its normal form less the cells it is of: `% of cells`, `%{WBC}` is `%`."""
        return self.of_cells.sub("", unit)

    def read(self, unit: str) -> Power | Refused | None:
        """What a unit in its normal form says; None where it is not made of these words."""
        return _read(self, unit)


# ------------------------------------------------------------------------------ normal form

# Superscripts are brought to `^` before NFKC, which would make 109 of them.
_SUPERSCRIPT = re.compile("10([\u207a\u207b]?)([\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,2})")
_SUPERSCRIPT_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", "⁺")
# A superscript that became a blank: `x10 3/uL`.
_BLANK_POWER = re.compile(r"(?<![\d.,])10 (\d{1,2})(?![\d.,])")
# Letters that stand for another one, after NFKC: micro, times, minus, division, Cyrillic ha.
_LETTERS = str.maketrans(
    {
        "\u03bc": "u", "\u00d7": "x", "\u2715": "x", "\u0445": "x", "\u0425": "x", "\u2217": "*",
        "\u2212": "-", "\u2215": "/", "\u2044": "/", "\u00b7": ".", "\u200b": "", "\ufeff": "",
    }
)  # fmt: skip
# UCUM: text in braces carries no meaning.
LONGEST = 200
CUT = " ¶"
_ANNOTATION = re.compile(r"\.?\{[^{}]*\}")
_PER = re.compile(r"\s*\bper\b\s*", re.IGNORECASE)
_LONE_GIGA = re.compile(r"(?<![^\W\d_])G(?=\s*/)")
_BLANKS = re.compile(r"\s+")
_DOTS = re.compile(r"\.(?=/|$)|(?<=cu)\.(?=mm)")
# `10^9.L-1`: a unit to the power of minus one.
_TO_MINUS_ONE = re.compile(r"(?<=[^/])\.?(ul|ml|nl|mm3|l|л)\^?-1$")


def normalised(unit: str) -> str:
    """One spelling for all that differ only in letters, case, blanks and dots."""
    if len(unit) > LONGEST:
        # No unit; the mark keeps its beginning from being one.
        return f"{unit[:20].strip()}{CUT}"
    text = _SUPERSCRIPT.sub(_raised, unit)
    text = unicodedata.normalize("NFKC", text).translate(_LETTERS).strip()
    text = _BLANK_POWER.sub(r"10^\1", text.replace("\\S\\", "^"))
    text = _LONE_GIGA.sub("giga", _PER.sub("/", text)).lower()
    text = _DOTS.sub("", _BLANKS.sub("", text)).lstrip(".")
    return _TO_MINUS_ONE.sub(r"/\1", text).replace("10**", "10*").replace("10^", "10*")


def without_annotations(unit: str) -> str:
    """The normal form less what stands in braces."""
    return normalised(unit if len(unit) > LONGEST else _ANNOTATION.sub("", unit))


def _raised(found: re.Match[str]) -> str:
    return "10^" + (found[1] + found[2]).translate(_SUPERSCRIPT_DIGITS)


# ---------------------------------------------------------------------------------- grammar

_POWER = r"10(?:[*~xs]|e\*?|exp)\+?\d{1,2}|10\*?\(\d{1,2}\)|10\[\d{1,2}\]|e\+?\d{1,2}"
_LOST_SUPERSCRIPT = re.compile(r"x?10(?:[2-9]|1[0-2])(/.*)?")


@lru_cache(maxsize=1 << 10)
def _read(words: UnitWords, unit: str) -> Power | Refused | None:
    found = words.pattern.fullmatch(unit)
    if _LOST_SUPERSCRIPT.fullmatch(unit):
        return Refused("a lost superscript, or the number itself")
    if found is None or not unit:
        return None
    if not found["volume"]:
        return Refused("no volume is named")
    if found["ten"]:
        return Refused("no power of ten is named")
    if not found["per"]:
        return Refused("nothing is counted per volume")
    return _understood(words, found)


def _understood(words: UnitWords, found: re.Match[str]) -> Power | Refused:
    name, volume = found["word"] or "", words.volumes[found["volume"]]
    word = words.multipliers.get(name)
    if word is not None and word.refused:
        return Refused(word.refused, foreign=True)
    if volume.refused and name not in volume.only_with:
        return Refused(volume.refused)
    shorthand = (found["power"] or "").startswith("e")
    if volume.exponent and (shorthand or (word is not None and LITRE in word.only_with)):
        return Refused(f"{name or found['power']} is written before a litre only", foreign=True)
    multiplier = word.exponent if word is not None else _raised_to(found["power"])
    return _counted(multiplier, volume.exponent)


def _raised_to(power: str | None) -> int:
    return int(_NUMBERS.findall(power)[-1]) if power else 0


_NUMBERS = re.compile(r"\d+")


def _counted(multiplier: int, volume: int) -> Power | Refused:
    """The power per litre, where cells are counted in it."""
    exponent = multiplier + volume
    if exponent >= _RED_CELLS:
        return Refused("a unit of red cells; scaling it would be a guess", foreign=True)
    if multiplier and exponent not in _COUNTED:
        return Refused("so few cells in this volume: usually another volume is meant", foreign=True)
    return Power(exponent)


# ------------------------------------------------------------------------------------ table


def read_unit_words(text: str, *, file: str) -> list[tuple[Row, UnitWord]]:
    """Read the rows of a table of unit words, each checked by itself."""
    return [(row, _word(row)) for row in read_rows(text, file=file, columns=COLUMNS)]


def merge_unit_words(rows: Iterable[tuple[Row, UnitWord]]) -> UnitWords:
    """Make one grammar; a word that contradicts another stops the run and names its line."""
    merged: dict[str, UnitWord] = {}
    for row, entry in rows:
        if merged.setdefault(entry.word, entry) != entry:
            raise row.refuse(f"{entry.word} is listed twice; keep one")
    parts = {part: [one for one in merged.values() if one.part == part] for part in PARTS}
    cells = _any_of(parts["cells"])
    return UnitWords(
        multipliers={one.word: one for one in parts["multiplier"]},
        volumes={one.word: one for one in parts["volume"]},
        pattern=_pattern(*(_any_of(parts[part]) for part in PARTS)),
        of_cells=re.compile(rf"(?<=.)(?:of)?(?:\{{(?:{cells})\}}|(?:{cells}))$"),
    )


def _pattern(multiplier: str, cells: str, volume: str) -> re.Pattern[str]:
    """The shape of a unit; every part may be missing, so that a cut-off unit is seen as one."""
    return re.compile(
        rf"(?:1?[x*])?(?:{cells})?(?:1?[x*])?"
        rf"(?:(?P<power>{_POWER})|(?P<word>{multiplier})|(?P<ten>10))?(?:{cells})?"
        rf"(?P<per>/1?)?(?P<volume>{volume})?"
    )


def _any_of(words: Iterable[UnitWord]) -> str:
    """An alternative of all words, the longest first."""
    return "|".join(re.escape(one.word) for one in sorted(words, key=lambda one: -len(one.word)))


def _word(row: Row) -> UnitWord:
    row.check([row["part"]], PARTS, "no part of a unit")
    word = normalised(row["word"])
    if not word:
        raise row.refuse("a row without a word")
    if not row["exponent"].isdecimal() and not (row["refused"] and not row["exponent"]):
        raise row.refuse("a word that is read needs an exponent of ten")
    return UnitWord(
        part=row["part"],
        word=word,
        exponent=int(row["exponent"] or 0),
        only_with=tuple(normalised(one) for one in row.listed("only_with")),
        refused=row["refused"],
    )
