"""Results that a panel or a report names: which of them no search has brought."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from fhir_remission.fhir.references import Literal, parse_literal
from fhir_remission.fhir.screening import patient_of
from fhir_remission.fhir.wire import DiagnosticReport, Entry, Observation

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
    named = None
    if isinstance(resource, Observation):
        named = resource.has_member
    elif reports and isinstance(resource, DiagnosticReport):
        named = resource.result
    if not named or getattr(resource, "status", None) in _DEAD:
        return []
    found = (parse_literal(reference.reference or "") for reference in named)
    return [literal for literal in found if literal is not None]
