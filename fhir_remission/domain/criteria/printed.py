"""A criteria set as a page for a haematologist, and what two sets say differently."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import asdict

from fhir_remission.domain.criteria.kinds import AnyCriterion, Sourced, Threshold
from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.domain.tables.analytes import ANALYTES

MARKS = {
    "V": "read in the original table",
    "V2": "read in an authoritative copy",
    "R": "recalled: check the paper before quoting",
    "S": "a transcription, a hint",
    "ours": "a decision of this project",
}
# What a row of a file holds besides the parameters of its kind.
_TOLD = {
    *("id", "name", "text", "source", "mark", "missing", "requires", "after", "when_yes"),
    *("claim", "cutoffs"),
}


def rule_of(one: AnyCriterion) -> str:
    """The rule in words: a threshold by its numbers, any other by the text of the file."""
    if isinstance(one, Threshold):
        name = ANALYTES.get(one.analyte, one.analyte)
        return f"{name} {one.op} {one.value.normalize():f} {one.unit}"
    return one.text or type(one).__name__


def page_of(criteria: CriteriaSet, width: int) -> list[str]:
    """The whole set: categories in order with what they ask, then what is applied over time."""
    about = criteria.about
    lines = [f"{about.title} ({about.id}, version {about.version})", about.paper, ""]
    lines += ["TRUST", *(f"  [{mark}] {words}" for mark, words in MARKS.items()), ""]
    lines += ["CATEGORIES, the first that holds is said"]
    known = {one.id: one for one in criteria.criterion}
    for rank, row in enumerate(criteria.category, start=1):
        lines += _category(rank, row, known)
    lines += ["", "CRITERIA, each with what is taken where nothing was reported"]
    lines += [line for one in criteria.criterion for line in _row(one.id, one, rule_of(one))]
    for title, rows in _sections(criteria):
        lines += ["", title]
        lines += [line for name, row in rows for line in _row(name, row, "")]
    return [part for line in lines for part in _wrapped(line, width)]


def differences(left: CriteriaSet, right: CriteriaSet, width: int) -> list[str]:
    """What two sets say differently, row by row: the rule, never only its source."""
    lines = [f"< {left.about.title} ({left.id})", f"> {right.about.title} ({right.id})"]
    ours, theirs = dict(_said(left)), dict(_said(right))
    section = ""
    for place in dict.fromkeys((*ours, *theirs)):
        if ours.get(place) == theirs.get(place):
            continue
        if place[0] != section:
            section = place[0]
            lines += ["", section]
        lines += [f"  {place[1]}"]
        lines += [f"    < {ours.get(place, 'not in this set')}"]
        lines += [f"    > {theirs.get(place, 'not in this set')}"]
    if not section:
        lines += ["", "no difference but in sources, names or trust marks"]
    return [part for line in lines for part in _wrapped(line, width)]


def _category(rank: int, row: Category, known: Mapping[str, AnyCriterion]) -> Iterator[str]:
    yield f"  {rank}. {row.id}{'  (a remission)' if row.remission else ''} [{row.mark}]"
    yield from (f"       {name}: {rule_of(known[name])}" for name in row.requires)
    if row.doubts:
        yield f"       provisional without: {', '.join(row.doubts)}"
    if row.mrd:
        shown = ", ".join(f"{status}: {code}" for status, code in row.mrd.items())
        yield f"       by measurable residual disease {shown}"
    if row.early:
        yield "       an early marrow may still prove it"
    yield f"       source: {row.source}"


def _row(name: str, row: Sourced, rule: str) -> Iterator[str]:
    said = rule or getattr(row, "text", "")
    yield f"  {name} [{row.mark}]{': ' if said else ''}{said}"
    if not isinstance(row, Threshold) and (detail := _parameters(row)):
        yield f"       {detail}"
    yield f"       source: {row.source}"


def _sections(criteria: CriteriaSet) -> Iterator[tuple[str, list[tuple[str, Sourced]]]]:
    """What is no category and no criterion, under the headings of the page."""
    yield "NUMBERS AND WINDOWS, applied over time", _fields(criteria.numbers)
    yield "ASSUMED, where nothing was ever reported", _fields(criteria.assume)
    yield "END OF A REMISSION", _fields(criteria.relapse)
    yield "FAILURE OF THERAPY", _fields(criteria.landmark)
    yield "ANSWERS THAT ARE NO CATEGORY", [("outcomes", criteria.outcomes)]
    cutoffs = [(f"cut-off by {one.method}, {one.unit}", one) for one in criteria.mrd.cutoffs]
    yield "MEASURABLE RESIDUAL DISEASE", [("mrd", criteria.mrd), *cutoffs]
    yield "POLICIES", [(f"{one.id} {one.name}", one) for one in criteria.policy]


def _fields(section: Struct) -> list[tuple[str, Sourced]]:
    return [(name, row) for name, row in asdict(section).items() if isinstance(row, Sourced)]


def _parameters(row: Sourced) -> str:
    shown = [
        f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in asdict(row).items()
        if name not in _TOLD and value not in ("", (), {}, None, False)
    ]
    return "; ".join(shown)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value.normalize():f}"
        case tuple():
            return ", ".join(_text(one) for one in value)
        case dict():
            return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
        case Struct():
            return f"({_parameters_of(value)})"
        case _:
            return str(value)


def _parameters_of(part: Struct) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in asdict(part).items()
        if value is not None
    )


def _said(criteria: CriteriaSet) -> Iterator[tuple[tuple[str, str], str]]:
    """Each rule under its place: what is compared, without sources and trust marks."""
    known = {one.id: one for one in criteria.criterion}
    counted: dict[str, int] = {}
    order = list(dict.fromkeys(row.id for row in criteria.category))
    yield ("CATEGORIES", "order"), ", ".join(order)
    for row in criteria.category:
        counted[row.id] = counted.get(row.id, 0) + 1
        name = row.id if counted[row.id] == 1 else f"{row.id}, way {counted[row.id]}"
        asked = "; ".join(rule_of(known[one]) for one in row.requires)
        yield ("CATEGORIES", name), f"{asked}{_parameters(row) and f' ({_parameters(row)})'}"
    for one in criteria.criterion:
        yield ("CRITERIA", one.id), f"{rule_of(one)}{_kept(one)}"
    for title, rows in _sections(criteria):
        for place, other in rows:
            words = getattr(other, "text", "")
            yield (title, place), "; ".join(part for part in (words, _parameters(other)) if part)


def _kept(one: AnyCriterion) -> str:
    """The parameters of a criterion whose words do not hold its numbers."""
    return "" if isinstance(one, Threshold) else f"; {_parameters(one)}"


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False) or [""]
