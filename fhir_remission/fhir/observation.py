"""One Observation to results: gates for the whole of it, then each code with its value.

Two kinds of trouble are kept apart. What never counts (a wrong status, a donor, no time) is only
`skipped`. What was reported but cannot be used is skipped too, and leaves an `Unreadable` result
behind, because absence may be assumed only of what was never reported.
"""

from __future__ import annotations

from msgspec import Struct, structs

from fhir_remission.domain.codes import CodeRow
from fhir_remission.domain.inputs import (
    Interval,
    Result,
    Skipped,
    Source,
    Standing,
    Unreadable,
)
from fhir_remission.fhir.attributes import Attributes, read_attributes
from fhir_remission.fhir.coding import Match, match_codes
from fhir_remission.fhir.context import Context, term_of
from fhir_remission.fhir.elements import Component, Valued, is_there
from fhir_remission.fhir.gates import STANDING, effective_time, never_counts
from fhir_remission.fhir.reported import Reported, has_value, read_value, understanding_of
from fhir_remission.fhir.specimen import SpecimenSays, read_specimen, report_specimen
from fhir_remission.fhir.times import Placed, Unplaced
from fhir_remission.fhir.versions import Current
from fhir_remission.fhir.wire import (
    UNREADABLE,
    Entry,
    Observation,
    components,
    contained,
)


class Part(Struct, frozen=True):
    """A code with its value: the Observation itself or one of its components."""

    valued: Valued
    match: Match
    component: bool = False


class ObservationRead(Struct, frozen=True):
    """What one Observation gave."""

    results: tuple[Result, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unplaced: tuple[Skipped, ...] = ()
    """Left out, and it may be disease or a start of therapy at any time."""
    unmapped: tuple[str, ...] = ()
    """`system|code` of what no table knows."""


class _Whole(Struct, frozen=True):
    """What holds for every part of one Observation."""

    current: Current
    standing: Standing
    placed: Placed
    specimen: SpecimenSays
    method: str
    attributes: Attributes
    has_specimen: bool
    trouble: str
    """Why no value of it can be used; empty where it can."""


def read_observation(current: Current, context: Context) -> ObservationRead:
    """Read one Observation, the latest version of it."""
    entry = current.entry
    observation = entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    parts, shape = _parts(observation, context)
    if not any(part.match.known for part in parts):
        return _unknown(current, parts, context)
    inside = contained(observation.contained)
    specimen = read_specimen(observation.specimen, inside, context)
    placed = effective_time(observation, entry.ref, specimen, context)
    never = never_counts(observation, specimen, inside, context)
    if never or isinstance(placed, Unplaced):
        reason = never or (placed.reason if isinstance(placed, Unplaced) else "")
        return ObservationRead(skipped=(Skipped(source=entry.ref, reason=reason),))
    whole = _Whole(
        current=current,
        standing=STANDING[observation.status or ""],
        placed=placed,
        specimen=specimen,
        has_specimen=observation.specimen is not None,
        method=term_of("method", observation.method, context.mappings),
        attributes=read_attributes([(p.valued, p.match) for p in parts], context.mappings),
        trouble=shape or _trouble(observation, current),
    )
    return _read_parts(parts, whole, context)


def _parts(observation: Observation, context: Context) -> tuple[list[Part], str]:
    codes = context.mappings.codes
    main = Part(valued=observation, match=match_codes(observation.code, codes))
    try:
        inner = components(observation)
    except UNREADABLE:
        return [main], "its components are not of their type"
    return [main, *(_component(part, context) for part in inner)], ""


def _component(part: Component, context: Context) -> Part:
    match = match_codes(part.code, context.mappings.codes)
    return Part(valued=part, match=match, component=True)


def _unknown(current: Current, parts: list[Part], context: Context) -> ObservationRead:
    """Without a code that means anything; a retracted one may have had one before."""
    observation = current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    for earlier in current.earlier if observation.code is None else ():
        if isinstance(earlier, Observation):
            match = match_codes(earlier.code, context.mappings.codes)
            if match.known:
                reason = f"status is {observation.status or 'missing'}"
                return ObservationRead(skipped=(Skipped(source=current.entry.ref, reason=reason),))
    return ObservationRead(unmapped=parts[0].match.codes[:1] or ("(no code)",))


def _trouble(observation: Observation, current: Current) -> str:
    if is_there(observation.modifier_extension):
        return "it carries a modifierExtension that is not understood"
    if current.disputed:
        return "two different contents claim to be its latest version"
    return ""


def _read_parts(parts: list[Part], whole: _Whole, context: Context) -> ObservationRead:
    results: list[Result] = []
    reasons: list[str] = []
    held = any(part.component and part.match.measures for part in parts)
    for part in parts:
        if not part.match.known or part.match.attribute:
            continue
        read, reason = _read_part(part, whole, context, container=held and not part.component)
        results.extend(read)
        if reason:
            reasons.append(f"component {part.match.code}: {reason}" if part.component else reason)
    if not results and not reasons and all(p.match.attribute for p in parts if p.match.known):
        reasons.append("it qualifies another result and stands alone")
    ref = whole.current.entry.ref
    return ObservationRead(
        results=tuple(results),
        skipped=tuple(Skipped(source=ref, reason=reason) for reason in dict.fromkeys(reasons)),
    )


def _read_part(
    part: Part, whole: _Whole, context: Context, *, container: bool
) -> tuple[list[Result], str]:
    match = part.match
    if match.conflict:
        problem = Reported(value=Unreadable(raw="", reason=match.conflict))
        return [_result(row, problem, whole, "") for row in match.rows], match.conflict
    if not match.rows:
        return [], match.lookalike
    row = match.rows[0]
    kind, void = _kind(row, whole, context)
    unmet = void or _unmet(row, kind)
    if unmet:
        return [], unmet
    if (container or _has_members(whole)) and not has_value(part.valued):
        return [], ""
    reported = _bounded(_judged(part, row, kind, whole, context), row, context)
    if reported is None:
        return [], "none of a subset of blasts says nothing of the others"
    return [_result(row, reported, whole, kind)], reported.problem


def _kind(row: CodeRow, whole: _Whole, context: Context) -> tuple[str, str]:
    """What was measured in, and why that voids it: its Specimen, its attributes, its report's.

    A report of marrow may hold a blood count too: its specimen speaks only for what does not
    deny it.
    """
    if whole.specimen.kind:
        return whole.specimen.kind, ""
    if row.analyte == "mrd" and whole.attributes.specimen:
        return whole.attributes.specimen, ""
    said = report_specimen(whole.current.entry.ref, context)
    if whole.has_specimen or row.specimen not in ("", said.kind):
        return "", ""
    return said.kind, said.void


def _has_members(whole: _Whole) -> bool:
    observation = whole.current.entry.resource
    return isinstance(observation, Observation) and bool(observation.has_member)


def _unmet(row: CodeRow, kind: str) -> str:
    for wanted, kinds in (
        ("specimen=blood", ("blood",)),
        ("specimen=marrow", ("marrow",)),
        ("specimen=stated", ("blood", "marrow")),
    ):
        if wanted in row.conditions and kind not in kinds:
            return f"{row.code} counts only where the Specimen says {' or '.join(kinds)}"
    return ""


def _judged(part: Part, row: CodeRow, kind: str, whole: _Whole, context: Context) -> Reported:
    comma = context.reading.decimal_comma
    understanding = understanding_of(row, context.mappings, decimal_comma=comma)
    reported = read_value(part.valued, understanding)
    trouble = whole.trouble
    if part.component and is_there(part.valued.modifier_extension):
        trouble = trouble or "it carries a modifierExtension that is not understood"
    if kind and row.specimen and kind != row.specimen:
        trouble = trouble or f"its code says {row.specimen} and its Specimen says {kind}"
    if kind == "other" and not row.specimen:
        trouble = trouble or "its Specimen is neither blood nor marrow"
    if not trouble:
        return reported
    raw = reported.original
    return Reported(value=Unreadable(raw=raw, reason=trouble), original=raw, flags=reported.flags)


def _bounded(reported: Reported, row: CodeRow, context: Context) -> Reported | None:
    """A count that leaves cells out is a lower end; a subset that is 0 says nothing."""
    value = reported.value
    if not isinstance(value, Interval) or not {"lower-bound", "adds"} & set(row.conditions):
        return reported
    if "adds" in row.conditions and value.high == 0:
        return None
    analyte = context.mappings.analytes[row.analyte]
    high = analyte.high if "fraction" in analyte.dimensions else None
    return structs.replace(
        reported, value=Interval(low=value.low, high=high, low_open=value.low_open)
    )


def _result(row: CodeRow, reported: Reported, whole: _Whole, kind: str) -> Result:
    entry: Entry = whole.current.entry
    specimen = row.specimen or kind
    unread = whole.specimen.given and not whole.specimen.kind
    method, method_flags = _method(row, whole)
    flags = (*whole.placed.flags, *reported.flags, *row.flags, *method_flags)
    mrd = row.analyte == "mrd"
    return Result(
        analyte=row.analyte,
        value=reported.value,
        when=whole.placed.when,
        source=Source(
            ref=entry.ref, version=whole.current.version, system=row.system, code=row.code
        ),
        original=reported.original,
        unit=reported.unit,
        standing=whole.standing,
        method=method,
        specimen="blood" if specimen == "blood" else "marrow" if specimen == "marrow" else "",
        draw_keys=whole.specimen.draw_keys,
        marker=row.marker,
        sensitivity=(whole.attributes.sensitivity or reported.limit) if mrd else "",
        flags=tuple(dict.fromkeys((*flags, "specimen-type-unread") if unread else flags)),
    )


def _method(row: CodeRow, whole: _Whole) -> tuple[str, tuple[str, ...]]:
    """The method of the code, of the Observation or of its attributes, where they agree."""
    said = {row.method, whole.method}
    if row.analyte == "mrd":
        said.add(whole.attributes.method)
    said.discard("")
    if len(said) > 1:
        return "", ("method-contradicted",)
    return next(iter(said), ""), ()
