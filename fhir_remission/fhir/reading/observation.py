"""One Observation to results: gates for the whole of it, then each code with its value.

Three kinds of trouble are kept apart. What never counts (a retraction, a donor) is only `skipped`.
What was reported but cannot be used is skipped too, and leaves an `Unreadable` result behind,
because absence may be assumed only of what was never reported. What cannot even be placed, because
its time or its code cannot be read, is `unplaced`: it may be anything, at any time.
"""

from __future__ import annotations

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import (
    UNREAD,
    Event,
    Finding,
    Interval,
    Result,
    Skipped,
    Standing,
    Unreadable,
)
from fhir_remission.fhir.incoming.versions import DISPUTED, Current
from fhir_remission.fhir.r4.decoding import components
from fhir_remission.fhir.r4.elements import Component, must_be_understood
from fhir_remission.fhir.r4.references import members_of
from fhir_remission.fhir.r4.times import Placed, Unplaced
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import UNREADABLE, Observation
from fhir_remission.fhir.reading.attributes import method_of, read_attributes
from fhir_remission.fhir.reading.coding import LIKE_INPUT, match_codes, names_of
from fhir_remission.fhir.reading.conclusions import diagnoses, match_value
from fhir_remission.fhir.reading.context import Context, Worded
from fhir_remission.fhir.reading.observation_status import (
    NO_STATUS,
    STANDING,
    contradicted,
    doubt_of,
    found_at,
    is_empty,
    never_counts,
    standing_of,
)
from fhir_remission.fhir.reading.part import (
    BIOPSY,
    Part,
    Whole,
    read_part,
    read_row,
    specimen_of,
)
from fhir_remission.fhir.reading.relevance import remarks_of
from fhir_remission.fhir.reading.reported import has_value
from fhir_remission.fhir.reading.specimen import is_biopsy, read_specimen, report_specimen
from fhir_remission.fhir.reading.worded import support_told, told_beside, told_by_result


class ObservationRead(Struct, frozen=True):
    """What one Observation gave."""

    results: tuple[Result, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unplaced: tuple[Skipped, ...] = ()
    """Left out, and it may be disease or a start of therapy at any time."""
    unmapped: tuple[str, ...] = ()
    """`system|code` of what no table knows."""
    resembling: tuple[str, ...] = ()
    """The same where its words read like an input."""
    undated: tuple[Result, ...] = ()
    """Counts and MRD that have no place in time."""
    events: tuple[Event, ...] = ()
    """Other leukaemias that it says were found, confirmed by nobody."""
    worded: tuple[Worded, ...] = ()
    specimen_assumed: bool = False
    """What it reports was measured in a Specimen that is named, and nobody sends any."""


def read_observation(current: Current, context: Context) -> ObservationRead:
    """Read one Observation, the latest version of it."""
    entry = current.entry
    observation = entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    parts, shape = _parts(observation, context)
    if not any(part.match.known for part in parts) and not shape:
        return _remarked(_unknown(current, parts, context), parts, current, context)
    inside = contained(observation.contained)
    specimen = read_specimen(observation.specimen, inside, context)
    never = never_counts(observation, specimen, inside, context)
    if never and not any(part.match.rows or part.match.lookalike for part in parts):
        return _unknown(current, parts, context)
    if never:
        return ObservationRead(skipped=(Skipped(source=entry.ref, reason=never),))
    held = [(part.valued, part.match) for part in parts]
    whole = Whole(
        current=current,
        standing=standing_of(observation, context.mappings.codes.hints),
        placed=found_at(observation, entry.ref, context, specimen),
        specimen=specimen,
        has_specimen=observation.specimen is not None,
        method=_method_said(observation, context),
        attributes=read_attributes(held, context.mappings),
        trouble=shape
        or _trouble(observation, current)
        or contradicted(held, context.mappings)
        or doubt_of(observation, entry.ref, inside, context),
    )
    read = _read_parts(parts, whole, context)
    assumed = specimen if whole.has_specimen else report_specimen(entry.ref, context)
    strange = _of_the_house(parts[0])
    return structs.replace(
        read,
        events=_diagnoses(parts, whole, context) + support_told(parts, whole, context),
        worded=told_by_result(parts, whole, context),
        unmapped=strange,
        resembling=strange,
        unplaced=read.unplaced + ((Skipped(entry.ref, shape),) if shape else ()),
        specimen_assumed=assumed.assumed
        and any(not isinstance(one.value, Unreadable) for one in read.results),
    )


def _remarked(
    read: ObservationRead, parts: list[Part], current: Current, context: Context
) -> ObservationRead:
    """With what stands in words beside a result that means nothing itself."""
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    if observation.status not in STANDING or observation.focus or not remarks_of(observation):
        return read
    at = found_at(observation, current.entry.ref, context)
    return structs.replace(read, worded=told_beside(parts, current, at, context))


def _diagnoses(parts: list[Part], whole: Whole, context: Context) -> tuple[Event, ...]:
    signs = [part.valued for part in parts if part.match.unread and part.match.rows]
    when = whole.placed.when if isinstance(whole.placed, Placed) else None
    return diagnoses(signs, whole.current, when, context.mappings)


def _of_the_house(part: Part) -> tuple[str, ...]:
    """The code of a house that nobody has mapped, and that reads like an input."""
    return part.match.codes[:1] if LIKE_INPUT in (part.match.unread or part.match.called) else ()


def _method_said(observation: Observation, context: Context) -> str:
    """The method as a term; one that is said and not understood is `unread`."""
    concept = observation.method
    if concept is None:
        return ""
    found = method_of(concept, context.mappings)
    return found or (BIOPSY if is_biopsy(concept, context) else UNREAD)


def _parts(observation: Observation, context: Context) -> tuple[list[Part], str]:
    main = Part(valued=observation, match=match_value(observation, context.mappings))
    try:
        inner = components(observation)
    except UNREADABLE:
        return [main], "its components are not of their type"
    return [main, *(_component(part, context) for part in inner)], ""


def _component(part: Component, context: Context) -> Part:
    return Part(valued=part, match=match_value(part, context.mappings), component=True)


def _unknown(current: Current, parts: list[Part], context: Context) -> ObservationRead:
    """Without a code that means anything; a retracted one may have had one before."""
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    for earlier in current.earlier if observation.code is None else ():
        if isinstance(earlier, Observation):
            match = match_codes(earlier.code, context.mappings.codes)
            if match.known:
                reason = f"status is {observation.status}" if observation.status else NO_STATUS
                return ObservationRead(skipped=(Skipped(source=current.entry.ref, reason=reason),))
    unmapped = parts[0].match.codes[:1] or ("(no code)",)
    hints = context.mappings.codes.hints
    words = names_of(observation.code, context.mappings.systems)
    alike = any(hints.among(what, words) for what in ("input", "tissue"))
    whole = [part.valued for part in parts] if observation.status in STANDING else []
    events = diagnoses(whole, current, None, context.mappings) if len(whole) > 1 else ()
    return ObservationRead(unmapped=unmapped, resembling=unmapped if alike else (), events=events)


def _trouble(observation: Observation, current: Current) -> str:
    return must_be_understood(observation) or (DISPUTED if current.disputed else "")


def _read_parts(parts: list[Part], whole: Whole, context: Context) -> ObservationRead:
    results: list[Result] = []
    reasons: list[str] = []
    lost: list[str] = []
    inner = {row.analyte for part in parts[1:] for row in part.match.rows}
    panel = any(part.match.measures for part in parts[1:])
    for part in parts:
        if not part.match.known or part.match.attribute:
            continue
        about = f"component {part.match.code}: " if part.component else ""
        nothing = _nothing_in(part, parts, whole)
        if nothing:
            reasons.append(f"{about}{nothing}")
            continue
        silent = not part.component and not has_value(part.valued)
        if part.match.unread and not part.match.rows:
            if not (silent and panel):
                lost.append(f"{about}{part.match.unread}")
            continue
        if part.match.called and silent and (panel or members_of(whole.current.entry.resource)):
            continue
        read, reason = _read_one(part, whole, context, inner)
        results.extend(read)
        if reason:
            reasons.append(f"{about}{reason}")
    if not results and not reasons and not lost and _qualifies(parts):
        reasons.append("it qualifies another result and stands alone")
    ref = whole.current.entry.ref
    undated: list[Result] = []
    if isinstance(whole.placed, Unplaced):
        adverse = any(_may_be_adverse(one) for one in results)
        (lost if adverse else reasons).append(whole.placed.reason)
        undated = [one for one in results if _is_count(one) or one.analyte == "mrd"]
        results = []
    return ObservationRead(
        undated=tuple(undated),
        results=tuple(results),
        skipped=tuple(Skipped(source=ref, reason=reason) for reason in dict.fromkeys(reasons)),
        unplaced=tuple(Skipped(source=ref, reason=reason) for reason in dict.fromkeys(lost)),
    )


def _nothing_in(part: Part, parts: list[Part], whole: Whole) -> str:
    """Why a code has no result; that of the whole has one where any component may have one."""
    if whole.trouble or getattr(whole.current.entry.resource, "status", None) != "registered":
        return ""
    asked = [part] if part.component else parts
    empty = all(is_empty(one.valued) for one in asked)
    return "it is registered, and has no result yet" if empty else ""


def _read_one(
    part: Part, whole: Whole, context: Context, inner: set[str]
) -> tuple[list[Result], str]:
    if part.match.called:
        return _read_called(part, whole, context)
    held = not part.component and any(row.analyte in inner for row in part.match.rows if inner)
    return read_part(part, whole, context, container=held)


# Of these a value that cannot be read is another measure of the same cells: a share, a volume.
_COUNTED = frozenset({"anc", "platelets", "wbc"})


def _read_called(part: Part, whole: Whole, context: Context) -> tuple[list[Result], str]:
    """What may speak against a remission of what is known by its words alone, as if preliminary."""
    standing: Standing = "preliminary" if whole.standing == "usable" else whole.standing
    found: list[Result] = []
    for row in part.match.rows:
        kind = specimen_of(row, whole, context).kind
        other = kind in ("blood", "marrow") or row.analyte in _COUNTED
        if not (kind and other and row.specimen not in ("", kind)):
            found += read_row(row, part, whole, context, container=False)[0]
    may_block = [
        structs.replace(one, standing=standing)
        for one in found
        if one.analyte not in _COUNTED or isinstance(one.value, Interval) or whole.trouble
    ]
    return may_block, part.match.called


def _qualifies(parts: list[Part]) -> bool:
    return all(part.match.attribute for part in parts if part.match.known)


# What these say cannot count against a remission, or is asked for and missed where it is gone.
# MRD never moves the category: the criteria say what a sample without a day does to `mrd`.
_HARMLESS = frozenset({"hemoglobin", "rbc-transfusion-independence", "mrd"})
_COUNTS = frozenset({"anc", "wbc", "platelets", "neutrophils-segmented", "neutrophils-band"})
_REASSURING = {"marrow-adequacy": "positive"}
# Clear ones, too: they may prove a remission, and what came after it would be no relapse without.
_DECIDING = frozenset({"blasts-marrow", "blasts-blood", "blasts-blood-presence"})


def _is_count(result: Result) -> bool:
    """Whether it is a count with a threshold: the criteria say whether it is low."""
    return result.analyte in _COUNTS


def _may_be_adverse(result: Result) -> bool:
    """Whether a result that has no place in time could stand against a remission."""
    value = result.value
    if result.analyte in _DECIDING:
        return True
    if result.analyte in _HARMLESS or _is_count(result):
        return False
    if isinstance(value, Finding):
        return value.answer != _REASSURING.get(result.analyte, "negative")
    if isinstance(value, Interval):
        return value.high is None or value.high > 0
    return True
