"""Whether words say that the sample of a marrow cannot be judged, by the table of hints.

A fault is found wherever it is named and not denied: `hemodilute`, `dry tap`. That something is
missing or not fit is read only where a part of a sentence says nothing else: `no iron evaluable`
is said of iron.
"""

from __future__ import annotations

import re

from fhir_remission.domain.tables.hint_words import NONE
from fhir_remission.domain.tables.hints import Hints

_PARTS = re.compile(r"[,;()\n]|\.(?:\s|$)")
_ENDING = re.compile(r"^\w+")


def parts_of(text: str) -> list[str]:
    """What of a text says something by itself: its sentences, and what commas and the like part."""
    return [part.strip() for part in _PARTS.split(text) if part.strip()]


def poor_part(hints: Hints, text: str) -> str:
    """The part of a text that says of a sample that it cannot be judged; empty where none does."""
    return next((one for one in parts_of(text) if is_poor(hints, one)), "")


def is_of_sample(hints: Hints, text: str) -> bool:
    """Whether a text names a sample or what it is judged by, and nothing else."""
    named = any(hints.names(what, text) for what in ("sample", "particles", "fit", "spoiled"))
    return named and hints.consists("sample-alone", text)


def is_fine(hints: Hints, text: str) -> bool:
    """Whether a text says that nothing is missing, and nothing is wrong with it."""
    if not hints.consists("sample-alone", text) or poor_part(hints, text):
        return False
    fit = any(hints.names(what, text) for what in ("fit", "particles"))
    return fit or (hints.names("spoiled", text) and is_denied(hints, text))


def is_poor(hints: Hints, part: str) -> bool:
    """Whether a part of a text says so."""
    if hints.names("spoiled", part):
        return _is_spoiled(hints, part)
    if not hints.consists("sample-alone", part):
        return False
    denied = is_denied(hints, part)
    if hints.names("bad", part):
        named = any(hints.names(what, part) for what in ("sample", "fit", "tissue"))
        return named and not denied
    return denied and any(hints.names(what, part) for what in ("particles", "fit"))


def _is_spoiled(hints: Hints, part: str) -> bool:
    """Whether a fault stands there: nothing before denies it, and no answer behind it."""
    before, behind = hints.around("spoiled", part)
    behind = _ENDING.sub("", behind)
    if hints.names("slight", part) or is_denied(hints, before):
        return False
    return not (is_denied(hints, behind) and hints.consists("no-sample", behind))


def is_denied(hints: Hints, text: str) -> bool:
    """Whether a text says that something is not there."""
    return any(hints.names(what, text) for what in NONE)
