"""What holds each result, and which results nothing holds that stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.holders import LIVE, all_taken_back, is_given_up
from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.elements import must_be_understood
from fhir_remission.fhir.r4.references import (
    Index,
    holds_of,
    members_of,
    names_of,
    parse_literal,
)
from fhir_remission.fhir.r4.type_names import TYPE_NAMES
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry, Observation, Resource
from fhir_remission.fhir.reading.context import Reading
from fhir_remission.fhir.reading.members import beside, may_be_any, may_be_of_any

_PANELS = (DiagnosticReport, Composition, Observation)
_HOLDING = frozenset(one.type_name for one in _PANELS)


def held(entry: Entry, index: Index) -> Iterator[str]:
    """The results that a report or panel holds, by their reference."""
    for reference in holds_of(entry.resource):
        text = reference.address
        found = index.find(reference) or index.named(reference, Observation.type_name)
        yield beside(entry, text) if text.startswith("#") else found.ref if found else text


def disowned(
    entries: Sequence[Entry], index: Index, reading: Reading, mappings: Mappings
) -> Mapping[str, str]:
    """Results that only a retracted report or panel holds: final by themselves, and doubtful.

    A panel that only such a one holds is as doubtful, and so is what it holds. What such a one
    names and is not at hand may have held any result of that day.
    """
    holds: dict[str, list[str]] = {}
    turned: dict[str, str] = {}
    unknown: set[str] = set()
    for entry in entries:
        if not holds_of(entry.resource):
            continue
        holds.setdefault(entry.ref, []).extend(held(entry, index))
        if why := _lost(entry):
            turned[entry.ref] = f"{entry.ref}, which holds it{why}"
        elif getattr(entry.resource, "status", None) == "unknown":
            unknown.add(entry.ref)
    above = _named_so(entries, all_taken_back(entries), reading.elsewhere)
    lost = {**above, **turned}
    doubtful = {
        **_of_that_day(entries, lost, index, reading, mappings),
        **above,
        **_below(lost, holds),
    }
    live = {ref: holds[ref] for ref in holds.keys() - turned.keys() - unknown}
    kept = _below(dict.fromkeys(live.keys() - doubtful.keys(), ""), live) if doubtful else {}
    return {ref: why for ref, why in doubtful.items() if ref not in kept}


def _of_that_day(
    entries: Sequence[Entry],
    lost: Mapping[str, str],
    index: Index,
    reading: Reading,
    mappings: Mappings,
) -> dict[str, str]:
    """The results that may have been held by what a lost holder names and is not at hand."""
    found: dict[str, str] = {}
    for entry in entries if lost else ():
        holder = entry.resource
        if entry.ref not in lost or not may_be_of_any(holder, mappings):
            continue
        literals = (parse_literal(one.address) for one in members_of(holder) if not index.find(one))
        named = [one for one in literals if one is not None]
        # A type that FHIR does not have may be any.
        gone = [one for one in named if one.type in _HOLDING or one.type not in TYPE_NAMES]
        if any(may_be_any(one, reading) for one in gone):
            why = f"{lost[entry.ref]}; what it names is not at hand, and may hold this"
            found.update((one.ref, why) for one in entries if _is_near(one.resource, holder))
    return found


def _is_near(result: Resource, holder: Resource) -> bool:
    """Whether a result is of the day of a holder, by all that they say of it."""
    if not isinstance(result, Observation) or members_of(result):
        return False
    one, other = _day(result), _day(holder)
    return one is None or other is None or abs(one - other) <= timedelta(days=1)


def _day(resource: Resource) -> date | None:
    text = getattr(resource, "effective_date_time", None) or ""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _lost(entry: Entry) -> str:
    """Why a holder does not stand for what it holds; empty where it does, or nobody knows."""
    holder = entry.resource
    assert isinstance(holder, _PANELS)  # noqa: S101 - nothing else names members
    if strange := must_be_understood(holder):
        return f": {strange}"
    if is_given_up(holder):
        return ", says that another stands in its place"
    if holder.status in LIVE or holder.status == "unknown":
        return ""
    return f", has the status {holder.status or 'missing'}"


def _named_so(
    entries: Iterable[Entry], own: Mapping[str, str], elsewhere: Mapping[str, str]
) -> dict[str, str]:
    """The entries that bear one of these names; those from elsewhere may be very many."""
    if not own and not elsewhere:
        return {}
    found = ((entry.ref, name) for entry in entries for name in sorted(names_of(entry)))
    return {
        ref: own.get(name) or elsewhere[name]
        for ref, name in found
        if name in own or name in elsewhere
    }


def _below(above: Mapping[str, str], holds: Mapping[str, list[str]]) -> dict[str, str]:
    """What these hold, and what that holds, with what is said of the first that does."""
    found: dict[str, str] = {}
    waiting = deque(above.items())
    while waiting:
        holder, why = waiting.popleft()
        new = [one for one in holds.get(holder, ()) if one not in found]
        found.update(dict.fromkeys(new, why))
        waiting += [(one, why) for one in new]
    return found
