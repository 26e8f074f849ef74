"""What a panel, a report or a document names: which of it is not at hand, which it takes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Skipped
from fhir_remission.fhir.incoming.holders import (
    DEAD,
    LIVE,
    all_taken_back,
    is_given_up,
)
from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.elements import NOTHING, Reference, is_there, must_be_understood
from fhir_remission.fhir.r4.references import (
    Index,
    Literal,
    holds_of,
    is_id,
    members_of,
    names_of,
    parse_literal,
)
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry, Observation, Resource
from fhir_remission.fhir.reading.coding import match_codes
from fhir_remission.fhir.reading.context import Context, codings_of, words_of
from fhir_remission.fhir.reading.screening import patient_of
from fhir_remission.fhir.server.queries import EVIDENCE

_PANELS = (DiagnosticReport, Composition, Observation)


class Member(Struct, frozen=True):
    """A result that is named and not at hand."""

    literal: Literal
    patient: str
    """The bare id of the patient whose panel or report names it."""
    matters: bool
    """Whether it stands beside evidence, so that it may well be some itself."""


def missing_members(
    entries: Iterable[Entry], seen: Collection[str], *, reports: bool, base: str = ""
) -> list[Member]:
    """List the results that are named and not `seen` (`Observation/o1` under `base`), each once.

    A panel comes from a search for our codes, so its members may be ours. A report may be of
    anything: its results count like that where one of them is at hand.
    """
    named: dict[tuple[str, str], Member] = {}
    for entry in entries:
        literals = _named(entry, reports=reports)
        if not literals:
            continue
        at_hand = [one.relative in seen and one.base in ("", f"{base}/") for one in literals]
        matters = any(at_hand) or isinstance(entry.resource, Observation)
        patient = patient_of(entry.resource) or ""
        for literal, here in zip(literals, at_hand, strict=True):
            key = (patient, literal.base + literal.relative)
            known = here or (key in named and named[key].matters)
            if literal.type == "Observation" and not known:
                named[key] = Member(literal, patient, matters)
    return list(named.values())


def _named(entry: Entry, *, reports: bool) -> list[Literal]:
    resource = entry.resource
    named = members_of(resource) if reports or isinstance(resource, Observation) else []
    if not named or getattr(resource, "status", None) in DEAD:
        return []
    found = (parse_literal(reference.address) for reference in named)
    return [literal for literal in found if literal is not None]


def missing_in(entries: Iterable[Entry], context: Context) -> list[Skipped]:
    """The results that are named beside evidence and are not at hand: they may be any."""
    missing = []
    for entry in entries:
        holder = entry.resource
        named = members_of(holder)
        if holder.strange and _may_hold(holder, context):
            reason = f"it has {holder.strange}, which FHIR does not know: it may name results"
            missing.append(Skipped(entry.ref, reason))
        if not named:
            if isinstance(holder, DiagnosticReport) and _is_empty(holder, context):
                missing.append(Skipped(entry.ref, "a report of an input that holds no result"))
            continue
        why = _missing if getattr(holder, "status", None) in LIVE else _untold
        inside = contained(getattr(holder, "contained", NOTHING))
        kind = Observation.type_name
        found = [(one, context.index.resource(one, inside, kind)) for one in named]
        matters = why is _untold or any(
            _is_evidence(one, context) for one in (holder, *(r for _, r in found))
        )
        reasons = (why(one, resource, context) for one, resource in found if matters)
        missing += [Skipped(source=entry.ref, reason=reason) for reason in reasons if reason]
    return missing


def _may_hold(resource: Resource, context: Context) -> bool:
    """Whether it is a report of an input or of anything, or a panel: what may name results."""
    if isinstance(resource, DiagnosticReport):
        pairs = codings_of(resource.code, context.mappings.systems)
        plain = bool(pairs) and all(one in context.mappings.systems.known for one, _ in pairs)
        return not plain or _is_evidence(resource, context)
    return isinstance(resource, Observation) and _is_panel(resource, context)


def _missing(reference: Reference, resource: Resource | None, context: Context) -> str:
    """Why what is at hand is not what a reference names; empty where it is."""
    text = reference.address
    if resource is None:
        named = text or reference.display or "a result"
        literal = parse_literal(text)
        return f"{named}, which it names, is not at hand" if _may_be_any(literal, context) else ""
    version = text.rpartition("/_history/")[2] if "/_history/" in text else ""
    held = (resource.meta.version_id if resource.meta else None) or ""
    older = version.isdecimal() and held.isdecimal() and int(held) < int(version)
    return f"{text}, which it names, is newer than what is at hand" if older else ""


def _untold(reference: Reference, resource: Resource | None, _: Context) -> str:
    """Why a holder that is withdrawn may take any result back; empty where it says which."""
    literal = parse_literal(reference.address)
    if resource is not None or (literal is not None and is_id(literal.id)):
        return ""
    return "withdrawn, and nobody can tell which result it names"


def _may_be_any(literal: Literal | None, context: Context) -> bool:
    """Whether what is not at hand may be a result: one that was asked for and not kept is none."""
    reading = context.reading
    if reading.members_followed:
        return literal is not None and literal.relative in reading.members_gone
    return literal is None or literal.type in EVIDENCE


def _is_empty(report: DiagnosticReport, context: Context) -> bool:
    """Whether a report that stands is called an input and neither names nor contains anything."""
    empty = report.status in LIVE and not is_there(report.contained)
    return empty and bool(match_codes(report.code, context.mappings.codes).rows)


def _is_evidence(resource: Resource | None, context: Context) -> bool:
    """Whether it is a result that some criterion reads, or what holds some by its code.

    A report or panel of which nobody can read what it is may hold any.
    """
    if not isinstance(resource, Observation | DiagnosticReport):
        return False
    codes = context.mappings.codes
    match = match_codes(resource.code, codes)
    if match.rows or not members_of(resource):
        return bool(match.rows)
    return bool(match.lookalike or match.unread) or _is_panel(resource, context)


def _is_panel(resource: Observation | DiagnosticReport, context: Context) -> bool:
    codes = context.mappings.codes
    if not codes.panels.isdisjoint(codings_of(resource.code, codes.systems)):
        return True
    return any(codes.hints.names("panel", text) for text in words_of(resource.code))


def held(entry: Entry, index: Index) -> Iterator[str]:
    """The results that a report or panel holds, by their reference."""
    for reference in holds_of(entry.resource):
        text = reference.address
        found = index.find(reference) or index.named(reference, Observation.type_name)
        yield f"{entry.ref}{text}" if text.startswith("#") else found.ref if found else text


def disowned(
    entries: Sequence[Entry], index: Index, elsewhere: Mapping[str, str]
) -> Mapping[str, str]:
    """Results that only a retracted report or panel holds: final by themselves, and doubtful.

    A panel that only such a one holds is as doubtful, and so is what it holds. `elsewhere` are the
    names that other patients' holders take back.
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
    named = {**elsewhere, **all_taken_back(entries)}
    above = _named_so(entries, named) if named else {}
    doubtful = {**above, **_below({**above, **turned}, holds)}
    live = {ref: holds[ref] for ref in holds.keys() - turned.keys() - unknown}
    kept = _below(dict.fromkeys(live.keys() - doubtful.keys(), ""), live) if doubtful else {}
    return {ref: why for ref, why in doubtful.items() if ref not in kept}


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


def _named_so(entries: Iterable[Entry], named: Mapping[str, str]) -> dict[str, str]:
    """The entries that bear one of these names."""
    found = ((entry.ref, name) for entry in entries for name in sorted(names_of(entry)))
    return {ref: named[name] for ref, name in found if name in named}


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
