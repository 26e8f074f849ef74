"""What a panel, a report or a document names and is not at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Result, Skipped, Source, Unreadable
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.holders import DEAD, LIVE
from fhir_remission.fhir.incoming.screening import patient_of
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.elements import NOTHING, Reference, is_there
from fhir_remission.fhir.r4.references import Literal, is_id, members_of, parse_literal
from fhir_remission.fhir.r4.times import Placed, Unplaced
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, contained
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry, Observation, Resource
from fhir_remission.fhir.reading.coding import match_codes
from fhir_remission.fhir.reading.conclusions import UNKNOWN
from fhir_remission.fhir.reading.context import (
    Context,
    Reading,
    codings_of,
    happened,
    report_time,
    words_of,
)
from fhir_remission.fhir.reading.observation_status import effective_time
from fhir_remission.fhir.reading.specimen import SpecimenSays
from fhir_remission.fhir.server.queries import EVIDENCE


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
    anything: its results count like that where one of them is at hand. What a withdrawn one names
    is looked for, as it may hold others.
    """
    named: dict[tuple[str, str], Member] = {}
    for entry in entries:
        literals = _named(entry, reports=reports)
        if not literals:
            continue
        at_hand = [one.relative in seen and one.base in ("", f"{base}/") for one in literals]
        stands = getattr(entry.resource, "status", None) not in DEAD
        matters = stands and (any(at_hand) or isinstance(entry.resource, Observation))
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
    found = (parse_literal(reference.address) for reference in named)
    return [literal for literal in found if literal is not None]


def missing_in(entries: Iterable[Entry], context: Context) -> list[Skipped]:
    """The results that are named beside evidence and are not at hand: they may be any."""
    missing = []
    for entry in entries:
        holder = entry.resource
        named = _named_in(holder)
        if holder.strange and _may_hold(holder, context.mappings):
            reason = f"it has {holder.strange}, which FHIR does not know: it may name results"
            missing.append(Skipped(entry.ref, reason))
        if not named:
            if isinstance(holder, DiagnosticReport) and _is_empty(holder, context.mappings):
                missing.append(Skipped(entry.ref, "a report of an input that holds no result"))
            continue
        why = _missing if getattr(holder, "status", None) in LIVE else _untold
        inside = contained(getattr(holder, "contained", NOTHING))
        kind = Observation.type_name
        at_hand = (context.index.resource(one, inside, kind) for one in named)
        found = [
            (one, resource or _contained_beside(one, entry, context))
            for one, resource in zip(named, at_hand, strict=True)
        ]
        matters = why is _untold or _matters(holder, found, context)
        reasons = (why(one, resource, context) for one, resource in found if matters)
        missing += [Skipped(source=entry.ref, reason=reason) for reason in reasons if reason]
    return missing


def place_gaps(
    gaps: Iterable[Skipped], current: Iterable[Current], context: Context
) -> tuple[list[Result], list[Skipped]]:
    """What may be missing as unknowns at the time of the panel or report that names it.

    Blasts, as nothing else that it may hold says more against a remission. The rest, as what is
    withdrawn or nobody dated, may be of any time.
    """
    holders = {one.entry.ref: one for one in current}
    found: list[Result] = []
    nowhere: list[Skipped] = []
    for gap in gaps:
        holder = holders[gap.source]
        placed = _time_of(holder.entry, context)
        if not isinstance(placed, Placed):
            nowhere.append(gap)
            continue
        found += [
            Result(
                analyte=analyte,
                value=Unreadable(raw="", reason=gap.reason),
                when=placed.when,
                source=Source(gap.source, holder.version, "", ""),
                original="not at hand",
                standing="preliminary",
            )
            for analyte, _ in UNKNOWN
        ]
    return found, nowhere


def _time_of(entry: Entry, context: Context) -> Placed | Unplaced | None:
    """When what stands says that it was true."""
    holder = entry.resource
    if getattr(holder, "status", None) not in LIVE:
        return None
    if isinstance(holder, DiagnosticReport):
        placed = report_time(holder, context.reading.zone)
        return placed and happened(placed, context.reading)
    if isinstance(holder, Observation):
        said = effective_time(holder, entry.ref, SpecimenSays(), context)
        return happened(said, context.reading)
    return None


def beside(entry: Entry, text: str) -> str:
    """What lies under `#id` within an entry, or beside it within the same one, as it is called."""
    return f"{entry.ref.partition('#')[0]}{text}"


def _contained_beside(reference: Reference, entry: Entry, context: Context) -> Resource | None:
    found = context.index.by_ref.get(beside(entry, reference.address))
    return found.resource if found is not None and reference.address.startswith("#") else None


def _named_in(holder: Resource) -> list[Reference]:
    """What must be at hand: not what came in the same document and is of a type that is not read.

    The document of a report says again what its results say, where it has any.
    """
    if isinstance(holder, DiagnosticReport) and holder.result:
        return holder.result
    came = holder.came or [] if isinstance(holder, Composition) else []
    return [one for one in members_of(holder) if one.address not in came]


def _matters(
    holder: Resource, found: Sequence[tuple[Reference, Resource | None]], context: Context
) -> bool:
    """Whether what a holder names may be evidence: beside some, or where nothing says it is not."""
    mappings, here = context.mappings, [resource for _, resource in found]
    if any(_is_evidence(one, mappings) for one in (holder, *here)):
        return True
    lost = [one for one, resource in found if resource is None]
    if any(_is_called_evidence(one, mappings) for one in lost):
        return True
    return bool(lost) and not any(here) and may_be_of_any(holder, mappings)


def _is_called_evidence(reference: Reference, mappings: Mappings) -> bool:
    """Whether what is not at hand is called blasts or marrow by what names it."""
    called, hints = reference.display or "", mappings.codes.hints
    return any(hints.names(what, called) for what in ("input", "tissue"))


def may_be_of_any(holder: Resource, mappings: Mappings) -> bool:
    """Whether its code leaves open what it holds."""
    if not isinstance(holder, Observation | DiagnosticReport):
        return isinstance(holder, Composition)
    pairs = codings_of(holder.code, mappings.systems)
    plain = bool(pairs) and all(one in mappings.systems.known for one, _ in pairs)
    return not plain or _is_evidence(holder, mappings)


def _may_hold(resource: Resource, mappings: Mappings) -> bool:
    """Whether it is a report of an input or of anything, or a panel: what may name results."""
    if isinstance(resource, DiagnosticReport):
        return may_be_of_any(resource, mappings)
    return isinstance(resource, Observation) and _is_panel(resource, mappings)


def _missing(reference: Reference, resource: Resource | None, context: Context) -> str:
    """Why what is at hand is not what a reference names; empty where it is."""
    text = reference.address
    if resource is None:
        named = text or reference.display or "a result"
        literal = parse_literal(text)
        return (
            f"{named}, which it names, is not at hand"
            if may_be_any(literal, context.reading)
            else ""
        )
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


def may_be_any(literal: Literal | None, reading: Reading) -> bool:
    """Whether what is not at hand may be a result: one that was asked for and not kept is none."""
    if literal is not None and literal.type == Composition.type_name:
        return True  # nobody asks for these
    if reading.members_followed:
        return literal is not None and literal.relative in reading.members_gone
    return literal is None or literal.type in EVIDENCE or literal.type not in TYPE_NAMES


def _is_empty(report: DiagnosticReport, mappings: Mappings) -> bool:
    """Whether a report that stands is called an input and neither names nor contains anything."""
    empty = report.status in LIVE and not is_there(report.contained)
    return empty and bool(match_codes(report.code, mappings.codes).rows)


def _is_evidence(resource: Resource | None, mappings: Mappings) -> bool:
    """Whether it is a result that some criterion reads, or what holds some by its code.

    A report or panel of which nobody can read what it is may hold any.
    """
    if not isinstance(resource, Observation | DiagnosticReport):
        return False
    codes = mappings.codes
    match = match_codes(resource.code, codes)
    if match.rows or not members_of(resource):
        return bool(match.rows)
    return bool(match.lookalike or match.unread) or _is_panel(resource, mappings)


def _is_panel(resource: Observation | DiagnosticReport, mappings: Mappings) -> bool:
    codes = mappings.codes
    if not codes.panels.isdisjoint(codings_of(resource.code, codes.systems)):
        return True
    return codes.hints.among("panel", words_of(resource.code))
