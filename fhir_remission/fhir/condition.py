"""Conditions to events and claims: a diagnosis is evidence, what is coded of its course is not."""

from __future__ import annotations

from msgspec import Struct

from fhir_remission.domain.events import EventRow
from fhir_remission.domain.inputs import Certainty, Claim, Event, Skipped, Source, When
from fhir_remission.fhir.context import Context, codings_of, period_of
from fhir_remission.fhir.elements import CodeableConcept, Period, is_there
from fhir_remission.fhir.times import Placed, Unplaced, read_time
from fhir_remission.fhir.versions import Current
from fhir_remission.fhir.wire import Condition

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_NEVER = frozenset({"refuted", "entered-in-error", "differential"})
# A claim is of interest only beside a diagnosis that the criteria are about.
_CLAIMED = frozenset({"aml-diagnosis", "extramedullary"})


class EventsRead(Struct, frozen=True):
    """What one Condition, Procedure or MedicationAdministration gave."""

    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unplaced: tuple[Skipped, ...] = ()
    """Left out, and it may be disease or a start of therapy at any time."""
    unmapped: tuple[str, ...] = ()


def read_condition(current: Current, context: Context) -> EventsRead:
    """Read one Condition, the latest version of it."""
    condition = current.entry.resource
    assert isinstance(condition, Condition)  # noqa: S101 - the caller sorts by type
    pairs = codings_of(condition.code)
    rows = meanings(pairs, "Condition", context)
    if not rows:
        return not_an_event(current, pairs, context)
    never = _never_counts(condition, current)
    if never:
        return EventsRead(
            events=_refuted(condition, current, rows),
            skipped=(Skipped(source=current.entry.ref, reason=never),),
        )
    when, problem = _onset(condition, context)
    ended = _placed(condition.abatement_date_time, condition.abatement_period, context)
    claims = _claims(condition, current, rows, pairs, context)
    events = tuple(
        Event(
            kind=row.kind,
            when=when,
            source=source_of(current, pair),
            certainty=_certainty(condition, row),
            detail=row.detail,
            ended=ended.when if isinstance(ended, Placed) else None,
            original=_words(condition.code),
        )
        for pair, row in rows
        if row.kind
    )
    skipped = (Skipped(source=current.entry.ref, reason=problem),) if problem else ()
    return EventsRead(events=events, claims=claims, skipped=skipped)


def meanings(
    pairs: list[tuple[str, str]], resource_type: str, context: Context
) -> list[tuple[tuple[str, str], EventRow]]:
    """What the codings mean as events, each kind once."""
    found: dict[str, tuple[tuple[str, str], EventRow]] = {}
    for pair in pairs:
        for row in context.mappings.events.of(*pair, resource_type):
            found.setdefault(row.kind, (pair, row))
    return list(found.values())


def not_an_event(current: Current, pairs: list[tuple[str, str]], context: Context) -> EventsRead:
    """Without an event: skipped where a code only looks like one, else counted."""
    for pair in pairs:
        lookalike = context.mappings.codes.lookalikes.get(pair)
        if lookalike is not None:
            reason = f"code {pair[1]} is not read: {lookalike.reason}"
            return EventsRead(skipped=(Skipped(source=current.entry.ref, reason=reason),))
    return EventsRead(unmapped=tuple(f"{system}|{code}" for system, code in pairs[:1]))


def source_of(current: Current, pair: tuple[str, str]) -> Source:
    """The version and code an event comes from."""
    return Source(ref=current.entry.ref, version=current.version, system=pair[0], code=pair[1])


def _codes(concept: CodeableConcept | None, system: str) -> set[str]:
    """Codes of a status; one without a system is taken as of the required system."""
    return {code for own, code in codings_of(concept) if own in (system, "")}


def _never_counts(condition: Condition, current: Current) -> str:
    status = _codes(condition.verification_status, VERIFICATION) & _NEVER
    if status:
        return f"verification status is {min(status)}"
    if is_there(condition.modifier_extension):
        return "it carries a modifierExtension that is not understood"
    if current.disputed:
        return "two different contents claim to be its latest version"
    return ""


def _refuted(
    condition: Condition, current: Current, rows: list[tuple[tuple[str, str], EventRow]]
) -> tuple[Event, ...]:
    """A refuted AML is no diagnosis; but the lineage is no longer something never reported."""
    if "refuted" not in _codes(condition.verification_status, VERIFICATION):
        return ()
    return tuple(
        Event(kind="aml-refuted", when=None, source=source_of(current, pair))
        for pair, row in rows
        if row.kind == "aml-diagnosis"
    )


def _certainty(condition: Condition, row: EventRow) -> Certainty:
    concept = condition.verification_status
    if concept is None or _codes(concept, VERIFICATION) == {"confirmed"}:
        return row.certainty
    return "unconfirmed"


def _onset(condition: Condition, context: Context) -> tuple[When | None, str]:
    placed = _placed(condition.onset_date_time, condition.onset_period, context, first=True)
    if placed is None:
        placed = _placed(condition.recorded_date, None, context)
    if isinstance(placed, Unplaced):
        return None, placed.reason
    return (placed.when, "") if placed else (None, "")


def _placed(
    text: str | None, period: Period | None, context: Context, *, first: bool = False
) -> Placed | Unplaced | None:
    zone = context.reading.zone
    if text:
        return read_time(text, zone)
    if period is None:
        return None
    end = period.start if first else period.end
    if end:
        return read_time(end, zone)
    return period_of(period, zone) if first else None


def _claims(
    condition: Condition,
    current: Current,
    rows: list[tuple[tuple[str, str], EventRow]],
    pairs: list[tuple[str, str]],
    context: Context,
) -> tuple[Claim, ...]:
    if not any(row.kind in _CLAIMED for _, row in rows):
        return ()
    recorded = read_time(condition.recorded_date or "", context.reading.zone)
    when = recorded.when if isinstance(recorded, Placed) else None
    claims = [
        Claim(
            source=source_of(current, pair), text=row.display or pair[1], says=row.claim, when=when
        )
        for pair, row in rows
        if row.claim
    ]
    for code in sorted(_codes(condition.clinical_status, CLINICAL)):
        for row in context.mappings.events.of(CLINICAL, code, "Condition"):
            if row.claim:
                claims.append(
                    Claim(
                        source=source_of(current, (CLINICAL, code)),
                        text=f"clinical status {code}",
                        says=row.claim,
                        # Nobody sets this status back: when it was last meant is not known.
                        when=None if row.claim == "active" else when,
                    )
                )
    return tuple(claims)


def _words(concept: CodeableConcept | None) -> str:
    if concept is None:
        return ""
    displays = (coding.display or coding.code or "" for coding in concept.coding or [])
    return concept.text or next(displays, "")
