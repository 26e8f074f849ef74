"""Codes that can be seen to be mistyped: LOINC and SNOMED CT carry a check digit."""

from __future__ import annotations

import re

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
# A term, or an answer (LA). Parts and lists (LP, LL, LG) are not judged: no sure sample of each.
_LOINC = re.compile(r"((?:LA)?[1-9][0-9]{0,6})-([0-9])", re.ASCII)
_OTHER_LOINC = re.compile(r"(?:L[B-Z]|MTHU)[0-9]+-[0-9]", re.ASCII)
# SNOMED CT Technical Implementation Guide: 6 to 18 digits; expressions are longer than a code.
_SCTID = re.compile(r"[1-9][0-9]{5,17}", re.ASCII)
_EXPRESSION = re.compile(r"[:+|=,{(]")
_CONCEPT_PARTITIONS = ("00", "10")
# Verhoeff's tables: multiplication in the dihedral group D5, and the permutation of each place.
_TIMES = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_PERMUTED = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def mistyped(system: str, code: str) -> str:
    """Why the code cannot be one of its system; empty where nothing can be said against it."""
    if system == LOINC:
        return _loinc(code)
    if system == SNOMED:
        return _snomed(code)
    return ""


def luhn(text: str) -> int:
    """The mod-10 check digit that LOINC puts behind its numbers.

    A letter counts as its distance from the digit 0 in ASCII: every answer code in use agrees.
    """
    total = 0
    for place, character in enumerate(reversed(text)):
        value = ord(character) - ord("0")
        total += value if place % 2 else 2 * value - value // 5 * 9
    return -total % 10


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the right check digit of the others, by Verhoeff's method."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_TIMES[check][int(_PERMUTED[place % 8][int(digit)])])
    return check == 0


def _loinc(code: str) -> str:
    if _OTHER_LOINC.fullmatch(code):
        return ""
    found = _LOINC.fullmatch(code)
    if found is None:
        return "has not the form of a LOINC code"
    right = luhn(found[1])
    if int(found[2]) != right:
        return f"fails its check digit: {found[1]} would end in -{right}"
    return ""


def _snomed(code: str) -> str:
    if _EXPRESSION.search(code):
        return ""
    if not _SCTID.fullmatch(code):
        return "has not the form of a SNOMED CT identifier"
    if not verhoeff(code):
        return "fails its check digit"
    if code[-3:-1] not in _CONCEPT_PARTITIONS:
        return "is an identifier of a description or relationship, not of a concept"
    return ""
