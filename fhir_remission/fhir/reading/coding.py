"""The codings of one code against the table: one meaning, none, or a contradiction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import UNREAD
from fhir_remission.domain.tables.codes import CodeMap, CodeRow
from fhir_remission.domain.tables.displays import Words, against, ways
from fhir_remission.domain.tables.events import EventRow
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.systems import Systems
from fhir_remission.domain.tables.unmapped import NAMED, Suspected, by_words, suspicion
from fhir_remission.fhir.r4.elements import CodeableConcept
from fhir_remission.fhir.reading.context import Context, codings_of, words_of

LIKE_INPUT = ", and reads like an input"
ATTRIBUTES = frozenset({"mrd-method", "mrd-specimen", "mrd-sensitivity"})


class Match(Struct, frozen=True):
    """What a code means."""

    rows: tuple[CodeRow, ...] = ()
    """One row; several, one per analyte, where the codings contradict each other."""
    lookalike: str = ""
    """Why a code that resembles an input is none."""
    conflict: str = ""
    unread: str = ""
    """Why the code cannot be read although it may be an input: of `rows`, or of anything."""
    called: str = ""
    """Why what `rows` say is known by its words alone: it supports nothing, and may block."""
    codes: tuple[str, ...] = ()
    """All codings as `system|code`."""

    @property
    def known(self) -> bool:
        """Whether any table knows the code, or nobody can say that it is no input."""
        return bool(self.rows or self.lookalike or self.unread)

    @property
    def attribute(self) -> bool:
        """Whether the code only qualifies another result."""
        return bool(self.rows) and self.rows[0].analyte in ATTRIBUTES

    @property
    def measures(self) -> bool:
        """Whether the code has a value of its own."""
        return bool(self.rows) and self.rows[0].analyte not in ATTRIBUTES

    @property
    def code(self) -> str:
        """The code to name it by."""
        return self.codes[0].rpartition("|")[2] if self.codes else "without a code"


def names_of(concept: CodeableConcept | None, systems: Systems) -> tuple[str, ...]:
    """What a concept is called: its words, and the codes of a house, which are names as well."""
    return (*words_of(concept), *systems.house(codings_of(concept, systems)))


def named_by(code: CodeableConcept | None, mappings: Mappings) -> tuple[str, ...]:
    """What a code is called, by whoever sent it and by the table."""
    alike = (mappings.codes.lookalikes.get(pair) for pair in codings_of(code, mappings.systems))
    return (*names_of(code, mappings.systems), *(one.display for one in alike if one))


def is_report(code: CodeableConcept | None, mappings: Mappings) -> bool:
    """Whether a code is that of a report of a marrow, which nothing but its results counts."""
    rows = (mappings.codes.lookalikes.get(pair) for pair in codings_of(code, mappings.systems))
    report = any(row.reason.startswith("a report") for row in rows if row)
    return report and mappings.codes.hints.among("tissue", named_by(code, mappings))


def match_codes(concept: CodeableConcept | None, codes: CodeMap) -> Match:
    """Look every coding up; all that are known must say the same.

    A code that cannot be read is some code: which, may be said by its words, or by nothing.
    """
    sent = () if concept is None else [(c.system, c.code) for c in concept.coding or () if c.code]
    pairs, match = _as_sent(tuple(sent), codes)
    if match.unread and not match.rows:
        if not _is_something_else(concept, codes):
            return match
        match = structs.replace(match, unread="")
    elif match.known or any(system in codes.systems.known for system, _ in pairs):
        return match
    # What a house calls by a code that nobody has mapped, or by words alone.
    called = names_of(concept, codes.systems)
    if pairs and any(codes.hints.among(kind, called) for kind in ("input", "count")):
        why = f"code {pairs[0][1]} is in no table{LIKE_INPUT}"
        return structs.replace(match, unread=why)
    if support_named(called, codes.hints):
        return structs.replace(match, lookalike=f"{called[0]} is what was given, and no result")
    return match


def support_named(names: Sequence[str], hints: Hints) -> str:
    """What of that which raises a count names say was given, as a table names it; or nothing."""
    if hints.among("not-then", names):
        return ""
    if hints.among("gcsf", names):
        return "gcsf"
    platelets = hints.among("platelets", names)
    if not hints.among("transfusion", names) and not (platelets and hints.among("giving", names)):
        return ""
    return "transfusion" if platelets or not hints.among("red-cells", names) else "red-cells"


def otherwise(concept: CodeableConcept | None, row: CodeRow, words: Words) -> str:
    """Why nobody can say what was measured: the words beside a code may name something else."""
    told = (against(text, row, words) for text in words_of(concept))
    return next((f"its code and its words differ: {why}" for why in told if why), "")


def as_counted(row: CodeRow, concept: CodeableConcept | None, words: Words) -> CodeRow:
    """Blasts by the method that stands in the words of their code: no microscope saw others.

    That they were counted by hand is said by a code or a method, not by words.
    """
    if not row.analyte.startswith("blasts"):
        return row
    said = {way for text in words_of(concept) for way in ways(text, words)}
    if said <= {"by-hand", _WAY.get(row.method)}:
        return row
    alone = said.pop() if len(said) == 1 and not row.method else UNREAD
    return structs.replace(row, method=alone)


_WAY = {"manual": "by-hand", "morphology": "by-hand", "automated": "automated", "flow": "flow"}
_EVIDENT = ("tissue", "count")
_LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f]")


def _is_something_else(concept: CodeableConcept | None, codes: CodeMap) -> bool:
    """Whether the words of a code that cannot be read say that it is no input.

    Words in letters that the table of hints does not have say nothing.
    """
    words = [text for text in words_of(concept) if _LETTERS.search(text)]
    hints = codes.hints
    if not words or hints.among("input", words):
        return False
    return hints.among("not-blasts", words) or not any(hints.among(one, words) for one in _EVIDENT)


# A laboratory sends the same few codes again and again.
@lru_cache(maxsize=1 << 11)
def _as_sent(
    sent: tuple[tuple[str | None, str], ...], codes: CodeMap
) -> tuple[tuple[tuple[str, str], ...], Match]:
    """What codings mean as they were sent, and as the tables name them."""
    pairs = codes.systems.codings(sent)
    return pairs, _match(pairs, codes)


def _match(pairs: tuple[tuple[str, str], ...], codes: CodeMap) -> Match:
    rows: list[CodeRow] = []
    alike: list[str] = []
    for pair in pairs:
        row = codes.rows.get(pair)
        lookalike = codes.lookalikes.get(pair)
        if row is not None:
            rows.append(row)
        elif lookalike is not None:
            alike.append(f"code {pair[1]} is not read: {lookalike.reason}")
    names = tuple(f"{system}|{code}" for system, code in pairs)
    strange = _strange(pairs, codes)
    if not rows and not alike:
        why = _unread(pairs, strange, codes)
        return Match(rows=_one_per_analyte(strange), unread=why, codes=names)
    if not rows:
        return Match(lookalike=alike[0], codes=names)
    conflict = _conflict([*rows, *strange], alike)
    if conflict:
        return Match(rows=_one_per_analyte([*rows, *strange]), conflict=conflict, codes=names)
    return Match(rows=(_merged(rows),), codes=names)


def _strange(pairs: tuple[tuple[str, str], ...], codes: CodeMap) -> list[CodeRow]:
    """What codes may mean that come under a system nobody knows."""
    unknown = (code for system, code in pairs if system not in codes.systems.known)
    return [row for code in unknown for row in codes.bare.get(code, ())]


def _unread(pairs: tuple[tuple[str, str], ...], strange: list[CodeRow], codes: CodeMap) -> str:
    """Why a code cannot be read that may be an input; empty where it is plainly another code."""
    if strange:
        return f"code {strange[0].code} comes under a system that no table names"
    if not pairs:
        return "it has no code"
    for system, code in pairs:
        why = codes.systems.denies(system, code)
        if why:
            return f"code {code} {why}"
    return ""


def _conflict(rows: list[CodeRow], alike: list[str]) -> str:
    for field in ("analyte", "specimen", "marker"):
        said = sorted({str(getattr(row, field)) for row in rows} - {""})
        if len(said) > 1:
            return f"its codes say {' and '.join(said)}"
    return f"its codes contradict each other: {alike[0]}" if alike else ""


def _one_per_analyte(rows: list[CodeRow]) -> tuple[CodeRow, ...]:
    return tuple({row.analyte: row for row in rows}.values())


def _merged(rows: list[CodeRow]) -> CodeRow:
    """What the codings say together; a condition holds only where every coding has it."""
    if len(rows) == 1:
        return rows[0]
    first = min(rows, key=lambda row: len(row.conditions))
    methods = {row.method for row in rows} - {""}
    return structs.replace(
        first,
        specimen=max(row.specimen for row in rows),
        marker=max(row.marker for row in rows),
        method=next(iter(methods)) if len(methods) == 1 else "",
        conditions=tuple(c for c in first.conditions if all(c in row.conditions for row in rows)),
        flags=tuple(flag for flag in first.flags if all(flag in row.flags for row in rows)),
    )


Rows = list[tuple[tuple[str, str], EventRow]]
"""What codes mean as events, each with its coding."""


def meanings(pairs: Sequence[tuple[str, str]], resource_type: str, context: Context) -> Rows:
    """What the codings mean as events, each kind once."""
    found: dict[str, tuple[tuple[str, str], EventRow]] = {}
    for pair in pairs:
        for row in context.mappings.events.of(*pair, resource_type):
            found.setdefault(row.kind, (pair, row))
    return list(found.values())


def is_lookalike(pairs: Sequence[tuple[str, str]], context: Context) -> bool:
    """Whether a table says of one of the codes that it is no event."""
    return any(pair in context.mappings.codes.lookalikes for pair in pairs)


_MAY_BE = "it may be a leukaemia"
_SAYS_NO_MORE = "it says no more than the diagnosis that is on record"


def unread_leukaemia(
    concept: CodeableConcept | None,
    pairs: Sequence[tuple[str, str]],
    context: Context,
    beside: Sequence[str] | None = None,
) -> tuple[Rows, str]:
    """The leukaemia that a code no row names may be; `beside`: words of a diagnosis beside it."""
    words = words_of(concept)
    mappings = context.mappings
    suspected = Suspected("Condition", ("leukaemia",), listed=beside is not None)
    row, why = suspicion(pairs, words, suspected, mappings)
    if row is None:
        return [], ""
    ranged = any(mappings.events.within(*pair, "Condition") for pair in pairs)
    if not ranged:
        row = NAMED["leukaemia"]
    pair = pairs[0] if pairs else ("", "")
    if row.kind != "unread-leukaemia":
        return [(pair, row)], why
    row = by_words(row, words, mappings.codes.hints, ranged=ranged, beside=beside or ())
    strange = row.kind == "unread-leukaemia" and row.detail != "aml"
    return [(pair, row)], f"{why}: {_MAY_BE if strange else _SAYS_NO_MORE}"
