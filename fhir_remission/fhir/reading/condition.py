"""Conditions to events and claims: a diagnosis is evidence, what is coded of its course is not."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import (
    UNREAD,
    Claim,
    Event,
    Skipped,
    Source,
)
from fhir_remission.domain.tables.events import Says
from fhir_remission.domain.tables.unmapped import NAMED
from fhir_remission.fhir.incoming.versions import DISPUTED, Current
from fhir_remission.fhir.r4.condition_extensions import OVER, histology, site_and_stage, sureness
from fhir_remission.fhir.r4.elements import CodeableConcept, Period, is_there, must_be_understood
from fhir_remission.fhir.r4.free_text import SHOWN, free_text
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time
from fhir_remission.fhir.r4.wire import Condition
from fhir_remission.fhir.reading.coding import Rows, is_lookalike, meanings, unread_leukaemia
from fhir_remission.fhir.reading.context import (
    Context,
    Worded,
    codings_of,
    happened,
    period_of,
    words_of,
)

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_NEVER = frozenset({"refuted", "entered-in-error"})
_SURE = frozenset({"confirmed", OVER})
_VERIFIED = frozenset({"confirmed", "provisional", "unconfirmed", "unknown", "differential"})
# A claim is of interest only beside a diagnosis that the criteria are about.
_CLAIMED = frozenset({"aml-diagnosis", "extramedullary", "unspecified-leukaemia"})


class EventsRead(Struct, frozen=True):
    """What one Condition, Procedure, MedicationAdministration or report gave; see the record."""

    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unplaced: tuple[Skipped, ...] = ()
    """Left out, and it may be disease or a start of therapy at any time."""
    floating: tuple[Event, ...] = ()
    unmapped: tuple[str, ...] = ()
    worded: tuple[Worded, ...] = ()


def read_condition(current: Current, context: Context) -> EventsRead:
    """Read one Condition, the latest version of it."""
    condition = current.entry.resource
    assert isinstance(condition, Condition)  # noqa: S101 - the caller sorts by type
    pairs = codings_of(condition.code, context.mappings.systems)
    rows = meanings(pairs, "Condition", context)
    told = ""
    if not rows and not is_lookalike(pairs, context):
        beside = [text for one in site_and_stage(condition) for text in words_of(one)]
        rows, told = unread_leukaemia(condition.code, pairs, context, beside)
    if not rows:
        return not_an_event(current, pairs, context)
    rows = [*rows, *_otherwise(condition, rows, context)]
    status = _codes(condition.verification_status, VERIFICATION, context)
    status |= sureness(condition, context.mappings.terms)
    # One of several that it may be is no diagnosis; that it may be AML was looked into.
    open_one = {"differential"} if any(row.kind in ADVERSE for _, row in rows) else set[str]()
    never = status & (_NEVER | open_one)
    if never:
        reason = f"verification status is {min(never)}"
        return EventsRead(
            events=_refuted(status, current, rows),
            skipped=(Skipped(source=current.entry.ref, reason=reason),),
        )
    doubt = _doubt(condition, current, status, context)
    if doubt and any(row.kind in ADVERSE for _, row in rows):
        return EventsRead(unplaced=(Skipped(source=current.entry.ref, reason=doubt),))
    if doubt:
        rows = [(pair, structs.replace(row, certainty="unconfirmed")) for pair, row in rows]
    return _events(condition, current, rows, context, status, doubt or told)


def _events(
    condition: Condition,
    current: Current,
    rows: Rows,
    context: Context,
    status: set[str],
    told: str,
) -> EventsRead:
    """What a Condition that counts says."""
    began, problem = _onset(condition, context, over=OVER in status)
    when = began.when if began else None
    ended = _placed(condition.abatement_date_time, condition.abatement_period, context)
    events = tuple(
        Event(
            kind=row.kind,
            when=when,
            source=source_of(current, pair),
            certainty=row.certainty if status <= _SURE else "unconfirmed",
            detail=row.detail,
            ended=ended.when if isinstance(ended, Placed) else None,
            original=condition.code.words if condition.code else "",
        )
        for pair, row in rows
        if row.kind
    )
    undated = [one for one in events if one.kind == "extramedullary" and not (when or one.ended)]
    reasons = [reason for reason in (told, "" if undated else problem) if reason]
    ref = current.entry.ref
    lost = problem or "nobody says when this disease was there"
    return EventsRead(
        events=tuple(one for one in events if one not in undated),
        claims=_claims(condition, current, rows, context),
        skipped=tuple(Skipped(source=ref, reason=reason) for reason in reasons),
        unplaced=(Skipped(source=ref, reason=lost),) if undated else (),
        worded=_active(condition, current, rows, began, context),
    )


# Of these a doubt leaves every answer in doubt; a diagnosis of AML in doubt proves nothing anyway.
_LEUKAEMIAS = ("apl-diagnosis", "other-leukaemia", "unread-leukaemia", "unspecified-leukaemia")
ADVERSE = frozenset({*_LEUKAEMIAS, "extramedullary"})


def _active(
    condition: Condition, current: Current, rows: Rows, when: Placed | None, context: Context
) -> tuple[Worded, ...]:
    """That the disease was there when it was told, and is no more than that: of no other one."""
    hints = context.mappings.codes.hints
    alike = all(row.detail == "aml" or row.kind == "unspecified-leukaemia" for _, row in rows)
    if not alike or not any(hints.stands("active", one) for one in words_of(condition.code)):
        return ()
    source = source_of(current, rows[0][0])
    return (Worded(source, _THERE, when, "blasts-marrow", ("blasts-marrow",), named=True),)


_THERE = "it says that the leukaemia was there, and no result of that time says what it was"


def _otherwise(condition: Condition, rows: Rows, context: Context) -> Rows:
    """The other leukaemia, or a lesion, that words or histology beside the code of AML name."""
    if not any(row.kind == "aml-diagnosis" for _, row in rows):
        return []
    hints, told = context.mappings.codes.hints, histology(condition)
    words = [text for one in (condition.code, *told) for text in words_of(one)]
    pairs = [pair for one in told for pair in codings_of(one, context.mappings.systems)]
    coded = [one for one in meanings(pairs, "Condition", context) if one[1].kind in ADVERSE]
    other = hints.among("not-aml", words) and not hints.among("aml", words)
    signs = frozenset[str]().union(*(hints.signs(hints.stated(text)) for text in words))
    named = ["leukaemia"] if (other or "apl" in signs) and not coded else []
    named += ["lesion"] if "lesion" in signs else []
    return [*coded, *((rows[0][0], NAMED[one]) for one in named)]


def not_an_event(
    current: Current, pairs: Sequence[tuple[str, str]], context: Context
) -> EventsRead:
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


def _codes(concept: CodeableConcept | str | None, system: str, context: Context) -> set[str]:
    """Codes of a status; one without a system, or a bare one, is of the required system."""
    if isinstance(concept, str):
        return {concept.strip()} - {""}
    pairs = codings_of(concept, context.mappings.systems)
    return {code for own, code in pairs if own in (system, "")}


def _doubt(condition: Condition, current: Current, status: set[str], context: Context) -> str:
    """Why nobody can say whether it counts."""
    if UNREAD in status or (condition.verification_status is not None and not status & _VERIFIED):
        return "its verification status cannot be read"
    why = must_be_understood(condition) or context.disowned.get(current.entry.ref, "")
    return why or (DISPUTED if current.disputed else "")


def _refuted(status: set[str], current: Current, rows: Rows) -> tuple[Event, ...]:
    """A refuted AML is no diagnosis; but the lineage is no longer something never reported.

    Nor is it where nobody can read which leukaemia was refuted.
    """
    if "refuted" not in status:
        return ()
    return tuple(
        Event(kind="aml-refuted", when=None, source=source_of(current, pair))
        for pair, row in rows
        if row.kind in ("aml-diagnosis", "unread-leukaemia")
    )


def _onset(condition: Condition, context: Context, *, over: bool) -> tuple[Placed | None, str]:
    placed = _placed(condition.onset_date_time, condition.onset_period, context, first=True)
    told = (condition.onset_string, condition.onset_age, condition.onset_range)
    if placed is None and any(is_there(one) for one in told):
        placed = Unplaced("its onset is no date")
    if placed is None and not over:
        placed = _placed(_recorded(condition), None, context)
    found = happened(placed, context.reading) if placed else None
    if isinstance(found, Unplaced):
        return None, found.reason
    return found, ""


def _recorded(condition: Condition) -> str | None:
    """When it was written down, under the name of whichever release."""
    return condition.recorded_date or condition.asserted_date or condition.date_recorded


def _placed(
    text: str | None, period: Period | None, context: Context, *, first: bool = False
) -> Placed | Unplaced | None:
    zone = context.reading.zone
    if text:
        return read_time(text, zone)
    if period is None:
        return None
    if first:
        # The onset lies somewhere in its period; without an end it is its start.
        return period_of(period, zone)
    return read_time(period.end, zone) if period.end else None


def said_of_course(
    rows: Rows, words: Sequence[str], context: Context
) -> list[tuple[tuple[str, str], str, Says]]:
    """What the codes of a diagnosis say of its course, or its words."""
    coded: dict[tuple[tuple[str, str], str, Says], None] = {
        (pair, row.display or pair[1], row.claim): None
        for pair, row in rows
        if row.claim is not None
    }
    if rows and not any(says == "relapse" for _, _, says in coded):
        pair = rows[0][0]
        told = [(pair, one[:SHOWN], says) for one in words if (says := _course_in(one, context))]
        coded |= dict.fromkeys(told[:1])
    return [*coded]


def _course_in(text: str, context: Context) -> Says | None:
    """That the disease is back, or goes on: what is asked or denied says neither."""
    hints = context.mappings.codes.hints
    stated, told = hints.stated(text), hints.signs(hints.stated(text))
    worse = hints.names("worse", stated) and hints.consists("worse-leukaemia", stated)
    return "relapse" if "relapse" in told else "active" if worse or "active" in told else None


def _said(
    condition: Condition, rows: Rows, context: Context
) -> list[tuple[tuple[str, str], str, Says]]:
    """The same of every coding of a Condition, its words, its stage, its status and its notes."""
    events, pairs = context.mappings.events, codings_of(condition.code, context.mappings.systems)
    own = [(pair, row) for pair in pairs for row in events.of(*pair, "Condition")]
    status = condition.clinical_status
    beside = [*site_and_stage(condition), status if isinstance(status, CodeableConcept) else None]
    words = [text for one in (condition.code, *beside) for text in words_of(one)]
    words += free_text(condition)
    return said_of_course([*rows, *own], words, context)


def _claims(
    condition: Condition,
    current: Current,
    rows: Rows,
    context: Context,
) -> tuple[Claim, ...]:
    if not any(row.kind in _CLAIMED or row.detail == "aml" for _, row in rows):
        return ()
    recorded = read_time(_recorded(condition) or "", context.reading.zone)
    when = recorded.when if isinstance(recorded, Placed) else None
    began = _onset(condition, context, over=False)[0] if when is None else None
    onset = None if began is None else began.when.first_day
    claims = [
        Claim(source_of(current, pair), said, says, when, onset)
        for pair, said, says in _said(condition, rows, context)
    ]
    for code in sorted(_codes(condition.clinical_status, CLINICAL, context)):
        source, said = source_of(current, (CLINICAL, code)), f"clinical status {code}"
        for row in context.mappings.events.of(CLINICAL, code, "Condition"):
            # Nobody sets `active` back: when it was last meant is not known.
            meant = (None, None) if row.claim == "active" else (when, onset)
            claims += [Claim(source, said, row.claim, *meant)] if row.claim else []
    return tuple(claims)
