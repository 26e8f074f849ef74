"""One code with its value to results: in which tissue, by which method, believed or not."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import (
    UNREAD,
    Finding,
    Interval,
    Result,
    Source,
    Standing,
    Unreadable,
    Value,
)
from fhir_remission.domain.nouns.intervals import at_least_reported, at_most_reported, is_zero
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.sensitivities import read_limit
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import (
    NOTHING,
    Valued,
    must_be_understood,
)
from fhir_remission.fhir.r4.references import members_of
from fhir_remission.fhir.r4.times import NOWHERE, Placed, Unplaced
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import Entry, Observation
from fhir_remission.fhir.reading.attributes import Attributes, quality_of
from fhir_remission.fhir.reading.coding import Match, as_counted, match_codes, otherwise
from fhir_remission.fhir.reading.context import Context, extents, interpreted, term_of
from fhir_remission.fhir.reading.reported import (
    Reported,
    has_value,
    read_value,
    understanding_of,
)
from fhir_remission.fhir.reading.specimen import (
    SpecimenSays,
    report_specimen,
    torn_between,
)

BIOPSY = "biopsy"


class Part(Struct, frozen=True):
    """A code with its value: the Observation itself or one of its components."""

    valued: Valued
    match: Match
    component: bool = False


class Whole(Struct, frozen=True):
    """What holds for every part of one Observation."""

    current: Current
    standing: Standing
    placed: Placed | Unplaced
    specimen: SpecimenSays
    method: str
    attributes: Attributes
    has_specimen: bool
    trouble: str
    """Why no value of it can be used; empty where it can."""


def read_part(
    part: Part, whole: Whole, context: Context, *, container: bool
) -> tuple[list[Result], str]:
    match = part.match
    problem = match.conflict or match.unread
    if problem:
        reported = Reported(value=Unreadable(raw="", reason=problem))
        return [_result(row, reported, whole, "", context) for row in match.rows], problem
    if not match.rows:
        return [], match.lookalike
    row = as_counted(match.rows[0], part.valued.code, context.mappings.words)
    return read_row(row, part, whole, context, container=container)


def read_row(
    row: CodeRow, part: Part, whole: Whole, context: Context, *, container: bool
) -> tuple[list[Result], str]:
    """What a part says of one meaning of its code, and why something of it is left out."""
    said = specimen_of(row, whole, context)
    if said.void:
        return [], said.void
    unmet = _unmet(row, said)
    if unmet and said.kind:
        return [], unmet
    if container and not has_value(part.valued):
        return [], ""
    if _has_members(whole) and _is_heading(part, row, whole, context):
        return [], ""
    reported = _judged(part, row, said, whole, context)
    if unmet and not reported.problem:
        reported = Reported(Unreadable(reported.original, unmet), reported.original)
    unread = row.analyte == "blasts-marrow" and isinstance(reported.value, Unreadable)
    told = unread and not (whole.trouble or said.trouble)
    if told and quality_of(reported.original, context) == "negative":
        row = structs.replace(row, analyte="marrow-adequacy")
        reported = Reported(Finding("negative"), reported.original)
    bounded = _bounded(reported, row, context)
    if bounded is None:
        return [], "none of a subset of blasts says nothing of the others"
    return [_result(row, bounded, whole, said.kind, context)], bounded.problem


def specimen_of(row: CodeRow, whole: Whole, context: Context) -> SpecimenSays:
    """What was measured in: by its Specimen, its attributes, its site, its report's Specimen.

    A report of marrow may hold a blood count too: its specimen speaks only for what does not
    deny it.
    """
    own = whole.specimen
    if own.kind or own.trouble:
        return own
    if row.analyte == "mrd" and whole.attributes.specimen:
        return structs.replace(own, kind=whole.attributes.specimen)
    observation = whole.current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    site = term_of("specimen", observation.body_site, context.mappings)
    if site in ("marrow", "csf"):
        return structs.replace(own, kind=site)
    said = report_specimen(whole.current.entry.ref, context)
    if whole.has_specimen or (said.kind and row.specimen not in ("", said.kind)):
        return own
    return said


def _has_members(whole: Whole) -> bool:
    observation = whole.current.entry.resource
    return isinstance(observation, Observation) and bool(
        observation.has_member or observation.related
    )


def _is_heading(part: Part, row: CodeRow, whole: Whole, context: Context) -> bool:
    """Whether it has no value itself, and is only the heading of a result that is at hand."""
    if has_value(part.valued):
        return False
    observation = whole.current.entry.resource
    members = members_of(observation)
    inside = contained(getattr(observation, "contained", NOTHING)) if members else {}
    found = (context.index.resource(one, inside, Observation.type_name) for one in members)
    return any(
        one.analyte == row.analyte
        for member in found
        if isinstance(member, Observation)
        for one in match_codes(member.code, context.mappings.codes).rows
    )


def _unmet(row: CodeRow, said: SpecimenSays) -> str:
    for wanted, kinds in (
        ("specimen=blood", ("blood",)),
        ("specimen=marrow", ("marrow",)),
        ("specimen=stated", ("blood", "marrow")),
    ):
        if wanted in row.conditions and said.kind not in kinds:
            return f"{row.code} counts only where the Specimen says {' or '.join(kinds)}"
    return ""


def _judged(
    part: Part, row: CodeRow, said: SpecimenSays, whole: Whole, context: Context
) -> Reported:
    comma, kind = context.reading.decimal_comma, said.kind
    understanding = understanding_of(row, context.mappings, decimal_comma=comma)
    reported = _as_called(read_value(part.valued, understanding), row, part, context)
    trouble = whole.trouble or said.trouble
    if part.component:
        trouble = trouble or must_be_understood(part.valued)
    if kind and row.specimen and kind != row.specimen:
        trouble = trouble or f"its code says {row.specimen} and its Specimen says {kind}"
    trouble = (
        trouble
        or _torn(row, said, whole, context)
        or otherwise(part.valued.code, row, context.mappings.words)
    )
    if _is_none(reported.value) and row.analyte != "mrd":
        word = interpreted([part.valued.interpretation], context.mappings)
        trouble = trouble or ("its interpretation says positive" if word == "positive" else "")
    if kind == "other" and not row.specimen:
        trouble = trouble or "its Specimen is neither blood nor marrow"
    flags = reported.flags
    if said.named:
        flags = (*flags, "specimen-type-unread")
    if not trouble:
        return structs.replace(reported, flags=flags)
    raw = reported.original
    return Reported(value=Unreadable(raw=raw, reason=trouble), original=raw, flags=flags)


def _torn(row: CodeRow, said: SpecimenSays, whole: Whole, context: Context) -> str:
    """Why nobody can say in what it was measured: what is said of the tissue differs."""
    observation = whole.current.entry.resource
    assert isinstance(observation, Observation)  # noqa: S101 - the caller sorts by type
    kinds = {said.kind or row.specimen}
    if row.analyte == "mrd":
        kinds.add(whole.attributes.specimen)
    return torn_between(kinds, observation.body_site, said, context)


def _as_called(reported: Reported, row: CodeRow, part: Part, context: Context) -> Reported:
    """A value as its laboratory calls it: what is critically low is no more than its number."""
    value = reported.value
    called = extents(part.valued.interpretation, context.mappings)
    if row.analyte == "mrd" or not called or isinstance(value, Unreadable):
        return reported
    if "undecided" in called or len(called) > 1:
        doubt = "its interpretation says that it cannot be judged"
        return structs.replace(reported, value=Unreadable(reported.original, doubt))
    if not isinstance(value, Interval):
        return reported
    bound = at_most_reported(value) if "at-most" in called else at_least_reported(value)
    return structs.replace(reported, value=bound, flags=(*reported.flags, "called-critical"))


def _is_none(value: Value) -> bool:
    """Whether nothing of it is there: an answer that denies it, or a number that is 0."""
    return value == Finding("negative") or (isinstance(value, Interval) and is_zero(value))


def _bounded(reported: Reported, row: CodeRow, context: Context) -> Reported | None:
    """A count that leaves cells out is a lower end; what may be a subset and is 0 says nothing."""
    value, asked = reported.value, set(row.conditions)
    if asked & {"adds", "unnamed"} and _is_none(value):
        return None
    if "unnamed" in asked and not isinstance(value, Unreadable):
        unread = Unreadable(reported.original, "no source has the official name of its code")
        return structs.replace(reported, value=unread)
    if not isinstance(value, Interval) or not asked & {"lower-bound", "adds"}:
        return reported
    analyte = context.mappings.analytes[row.analyte]
    high = analyte.high if "fraction" in analyte.dimensions else None
    return structs.replace(reported, value=Interval(value.low, high, low_open=value.low_open))


def _result(row: CodeRow, reported: Reported, whole: Whole, kind: str, context: Context) -> Result:
    entry: Entry = whole.current.entry
    specimen = row.specimen or kind
    method, method_flags = _method(row, whole, "manual" if specimen == "blood" else "morphology")
    placed = whole.placed.flags if isinstance(whole.placed, Placed) else ()
    flags = (*placed, *reported.flags, *row.flags, *method_flags)
    mrd = row.analyte == "mrd"
    sensitivity, limit = _sensitivity(reported, whole, context) if mrd else ("", None)
    return Result(
        analyte=row.analyte,
        value=reported.value,
        when=whole.placed.when if isinstance(whole.placed, Placed) else NOWHERE,
        source=Source(
            ref=entry.ref, version=whole.current.version, system=row.system, code=row.code
        ),
        original=reported.original,
        unit=reported.unit,
        step=reported.step,
        standing=whole.standing,
        method=method,
        specimen="blood" if specimen == "blood" else "marrow" if specimen == "marrow" else "",
        draw_keys=whole.specimen.draw_keys,
        marker=_marker(row, whole),
        sensitivity=sensitivity,
        limit=limit,
        word=(whole.attributes.word or reported.word) if mrd else "",
        biopsy=whole.specimen.biopsy or whole.method == BIOPSY,
        flags=tuple(dict.fromkeys(flags)),
    )


def _marker(row: CodeRow, whole: Whole) -> str:
    """The marker of the code or of the gene that is stated; unread where they disagree."""
    gene = whole.attributes.gene if row.analyte == "mrd" else ""
    return UNREAD if row.marker and gene not in ("", UNREAD, row.marker) else row.marker or gene


def _sensitivity(reported: Reported, whole: Whole, context: Context) -> tuple[str, Decimal | None]:
    """The limit of the assay as sent, and as a number where it can be read."""
    sent = whole.attributes.sensitivity or reported.limit
    comma, words = context.reading.decimal_comma, context.mappings.values.words
    return sent, read_limit(sent, words, decimal_comma=comma) if sent else None


def _method(row: CodeRow, whole: Whole, by_eye: str) -> tuple[str, tuple[str, ...]]:
    """The method of the code, of the Observation or of its attributes, where they agree.

    `by_eye`: what microscopy is called in its tissue, by whichever word it is stated.
    """
    said = {row.method, "" if whole.method == BIOPSY else whole.method}
    if row.analyte == "mrd":
        said.add(whole.attributes.method)
    said = {by_eye if one in ("manual", "morphology") else one for one in said} - {""}
    if len(said) > 1:
        return UNREAD, ("method-contradicted",)
    return next(iter(said), ""), ()
