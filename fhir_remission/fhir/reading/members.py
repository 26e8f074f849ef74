"""What a panel, a report or a document names: which of it is not at hand, which it takes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Skipped
from fhir_remission.fhir.r4.elements import NOTHING, Reference, is_there, must_be_understood
from fhir_remission.fhir.r4.references import Index, Literal, is_id, members_of, parse_literal
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import Composition, DiagnosticReport, Entry, Observation, Resource
from fhir_remission.fhir.reading.coding import match_codes
from fhir_remission.fhir.reading.context import Context, codings_of, words_of
from fhir_remission.fhir.reading.screening import patient_of
from fhir_remission.fhir.server.queries import EVIDENCE

# A report or panel in one of these states stands for what it holds (`modified` is of R5).
LIVE = frozenset(
    {
        *("registered", "partial", "preliminary", "final"),
        *("amended", "corrected", "appended", "modified"),
    }
)
_PANELS = (DiagnosticReport, Composition, Observation)
# What these hold is held no more, or nobody knows.
_DEAD = frozenset({"entered-in-error", "cancelled", "unknown"})


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
    if not named or getattr(resource, "status", None) in _DEAD:
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
    for reference in members_of(entry.resource):
        text = reference.address
        found = index.find(reference) or index.named(reference, Observation.type_name)
        yield f"{entry.ref}{text}" if text.startswith("#") else found.ref if found else text


def disowned(entries: Iterable[Entry], index: Index) -> Mapping[str, str]:
    """Results that only a retracted report or panel holds: final by themselves, and doubtful.

    A panel that only such a one holds is as doubtful, and so is what it holds.
    """
    holds: dict[str, list[str]] = {}
    turned: dict[str, str] = {}
    unknown: set[str] = set()
    for entry in entries:
        holder = entry.resource
        for old in _replaced(holder, index):
            turned[old] = f"{old}, which holds it, is replaced by {entry.ref}"
        if not members_of(holder):
            continue
        assert isinstance(holder, _PANELS)  # noqa: S101 - nothing else names members
        status, strange = holder.status, must_be_understood(holder)
        holds[entry.ref] = list(held(entry, index))
        if not strange and status == "unknown":
            unknown.add(entry.ref)
        elif strange or status not in LIVE:
            why = f": {strange}" if strange else f", has the status {status or 'missing'}"
            turned[entry.ref] = f"{entry.ref}, which holds it{why}"
    doubtful = _below(turned, holds)
    live = {ref: holds[ref] for ref in holds.keys() - turned.keys() - unknown}
    kept = _below(dict.fromkeys(live.keys() - doubtful.keys(), ""), live) if doubtful else {}
    return {ref: why for ref, why in doubtful.items() if ref not in kept}


def _replaced(holder: Resource, index: Index) -> Iterator[str]:
    """The documents in whose place a document stands."""
    if not isinstance(holder, Composition) or holder.status not in LIVE:
        return
    for one in holder.relates_to or []:
        found = index.find(one.target_reference or one.resource_reference)
        if found is not None and "replaces" in (one.code, one.type):
            yield found.ref


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
