"""What a code that no row names may still mean: by its range, by its words, or by nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from fhir_remission.domain.tables.events import EventRow
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.mappings import Mappings

# What may be named that is given or done.
HINTS = ("drug", "graft", "donor-cells", "platelets", "red-cells", "transfusion", "gcsf")


class Suspected(NamedTuple):
    """The type of a resource, and the hints that make it suspicious, the worst first."""

    kind: str
    hints: tuple[str, ...]
    listed: bool = False
    """Whether it is an illness on the list of problems."""


def suspicion(
    pairs: Sequence[tuple[str, str]],
    words: tuple[str, ...],
    suspected: Suspected,
    mappings: Mappings,
) -> tuple[EventRow | None, str]:
    """What codes that no row names may still mean, and why it is only suspected.

    By the range of the code; by the code alone where its system is unknown; by its words, where it
    has some; and what has neither a code of its system nor words may be anything: the worst.
    """
    kind, hints, listed = suspected
    systems, events = mappings.systems, mappings.events
    for system, code in pairs:
        row = events.within(system, code, kind)
        if row is not None:
            return row, f"code {code} is in no table"
        near = events.perhaps(code, kind) if system not in systems.known else ()
        if near:
            return near[0], f"code {code} comes under a system that no table names"
    if words and suspected.kind == "Condition" and _is_none_of_ours(words, mappings):
        return None, ""
    # The codes of a house are names as well.
    called = (*words, *systems.house(pairs))
    if kind == "Condition" and any(word.strip() in _CAPITALS for word in words):
        return NAMED["leukaemia"], f"{words[0]} comes under no code that a table has"
    for hint in hints:
        if mappings.codes.hints.among(hint, called):
            return NAMED[hint], f"{called[0]} comes under no code that a table has"
    denied = [why for pair in pairs if (why := systems.denies(*pair))]
    # A relapse of nothing that is named is one of the illness on record, and so are blasts.
    found = mappings.codes.hints
    if listed and any(found.is_relapse(w) or "sign" in found.signs(w) for w in words):
        return NAMED[hints[0]], f"{words[0]} comes under no code that a table has"
    if words or (pairs and not denied):
        return None, ""
    return NAMED[hints[0]], f"its code cannot be read: {denied[0] if denied else 'there is none'}"


# Leukaemias by letters that are other words where they are small: `all`, `call`.
_CAPITALS = frozenset({"ALL", "cALL", "AUL", "AL"})


def _is_none_of_ours(words: Sequence[str], mappings: Mappings) -> bool:
    """Whether a diagnosis is a relative's by all of its words, or says that there is none."""
    hints = mappings.codes.hints
    return all(hints.is_of_relative(text) or hints.denies(text) for text in words)


# What something is taken for that no row names.
NAMED = {
    "leukaemia": EventRow("unread-leukaemia", "", "confirmed", None, ""),
    "lesion": EventRow("extramedullary", "", "unconfirmed", None, ""),
    "drug": EventRow("therapy-start", "", "unconfirmed", None, ""),
    "graft": EventRow("transplant", "", "unconfirmed", None, ""),
    "donor-cells": EventRow("donor-lymphocytes", "", "unconfirmed", None, ""),
    # Beside platelets red cells may have been given too.
    "platelets": EventRow("transfusion-unspecified", "", "unconfirmed", None, ""),
    "red-cells": EventRow("rbc-transfusion", "", "unconfirmed", None, ""),
    "transfusion": EventRow("transfusion-unspecified", "", "unconfirmed", None, ""),
    # The one that props up a count for longest.
    "gcsf": EventRow("gcsf-pegylated", "", "unconfirmed", None, ""),
}


def by_words(
    row: EventRow,
    words: tuple[str, ...],
    hints: Hints,
    *,
    ranged: bool,
    beside: Sequence[str] = (),
) -> EventRow:
    """What a leukaemia may be by its words; `ranged`: its code says that it is some other one.

    `beside`: what its site and stage are called.

    Where they name AML and nothing that is more than it, or nothing but a leukaemia, it is the one
    on record. Of that the words are as good as no code: no proof, and nothing against it.
    """
    if not words or any(hints.among(what, words) for what in ("not-aml", "course")):
        return row
    if any(hints.stands("returns", text) or hints.is_elsewhere(text) for text in words):
        return row
    if any(hints.names("where", text) or hints.is_relapse(text) for text in beside):
        return row
    aml = hints.among("aml", words)
    if not aml and (ranged or not all(hints.only("plain", text) for text in words)):
        return row
    unsure = ranged or hints.among("unsure", words)
    claimed = not unsure and hints.among("remission", words)
    return structs.replace(
        row,
        kind=row.kind if aml else "unspecified-leukaemia",
        detail="aml" if aml else "",
        certainty="unconfirmed" if unsure else "confirmed",
        claim="remission" if claimed else None,
        display=words[0],
    )
