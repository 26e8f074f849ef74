"""Measurable residual disease: each sample's status, the suffix of a remission, and its relapse."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import CriteriaSet, Cutoff, Mrd
from fhir_remission.domain.nouns.inputs import UNREAD, Finding, Interval, Result
from fhir_remission.domain.nouns.intervals import ZERO, above, at_least, is_zero
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.signs import agreed

Status = Literal["negative", "low-level", "positive", "unknown"]
Assay = tuple[str, str]
"""Marker and method."""
Series = tuple[str, str, str]
"""Tissue, marker and method."""
FOUND = ("positive", "low-level")

# How the assay of a result is called that nobody names, or names in words nobody knows.
UNKNOWN = ("", UNREAD)


class MrdSample(Struct, frozen=True):
    """One MRD result, judged by itself."""

    day: date
    status: Status
    result: Result
    flags: tuple[str, ...] = ()
    void: bool = False
    """Whether the sample was said to be inadequate: it says nothing, and takes nothing back."""

    @property
    def assay(self) -> Assay:
        """What makes two samples comparable besides the tissue."""
        return (self.result.marker, self.result.method)

    @property
    def series(self) -> Series:
        """What it is one of: tissue and assay."""
        return (self.result.specimen, *self.assay)


def read_mrd(results: Iterable[Result], criteria: CriteriaSet) -> tuple[MrdSample, ...]:
    """All MRD samples of a patient in order of time; results come in the order of `order_of`."""
    every = list(results)
    stated = grouped((one for one in every if one.analyte == "marrow-adequacy"), day_of)
    found = []
    samples = (one for one in every if one.analyte == "mrd")
    for one in (one for one in samples if tells_of_residue(one, criteria)):
        adequacy = agreed(stated.get(one.when.first_day, ())).state
        void = one.specimen == "marrow" and adequacy in ("absent", "unknown")
        sample = sample_of(one, criteria.mrd, void=void)
        found.append(replace(sample, void=one.specimen == "marrow" and adequacy == "absent"))
    return tuple(found)


def is_clonal(result: Result, rules: Mrd) -> bool:
    """Whether gene and assay tell of clonal haematopoiesis, which is no residual disease."""
    return result.marker in rules.no_mrd and result.method in rules.no_mrd_by


def tells_of_residue(result: Result, criteria: CriteriaSet) -> bool:
    """Clonal haematopoiesis is none, and a marker of a leukaemia out of scope tells of that one."""
    others = criteria.about.out_of_scope_markers
    return result.marker not in others and not is_clonal(result, criteria.mrd)


def sample_of(result: Result, rules: Mrd, *, void: bool) -> MrdSample:
    """One result, judged by itself."""
    status = "unknown" if void else _status(result, rules)
    flags = []
    if _disagrees(result, status):
        flags.append("mrd-interpretation-disagrees")
        status = "positive" if status == "positive" else "unknown"
    if status == "negative":
        short = _shortcoming(result, rules)
        flags += [short] if short else []
        if short and short != "mrd-sensitivity-unknown":
            status = "unknown"
    return MrdSample(result.when.first_day, status, result, tuple(flags))


def _shortcoming(result: Result, rules: Mrd) -> str:
    """What a negative lacks: by what, in which tissue, of what, down to how little?

    Only a sensitivity that nobody speaks of is no more than a flag. Where any detectable amount of
    an assay is positive, it must find what the cut-offs of the others ask for.
    """
    if result.method in UNKNOWN or not result.specimen or result.marker == UNREAD:
        return "mrd-assay-or-tissue-unknown"
    if not result.sensitivity:
        return "mrd-sensitivity-unknown"
    if result.limit is None:
        return "mrd-sensitivity-unread"
    asked = [one for one in rules.cutoffs if one.positive_from]
    own = [one for one in asked if one.method == result.method]
    least = max((one.positive_from for one in own or asked), default=result.limit)
    return "mrd-not-sensitive" if result.limit > least else ""


def _disagrees(result: Result, status: Status) -> bool:
    """Whether the laboratory calls a result what it is not; a word not understood may do so."""
    if status == "negative":
        return result.word in ("positive", "abnormal", "unclear")
    return status == "positive" and result.word == "negative"


def _status(result: Result, rules: Mrd) -> Status:
    if result.standing == "preliminary":
        return "unknown"
    value = result.value
    if isinstance(value, Finding):
        if value.answer == "indeterminate":
            return "unknown"
        low = value.answer == "low-level"
        return "positive" if low and not rules.low_level else value.answer
    return _measured(value, result, rules) if isinstance(value, Interval) else "unknown"


def _measured(value: Interval, result: Result, rules: Mrd) -> Status:
    if is_zero(value):
        return "negative"
    cutoff = next(
        (one for one in rules.cutoffs if (one.method, one.unit) == (result.method, result.unit)),
        None,
    )
    if cutoff is None:
        # Detectable by an assay without a cut-off of its own.
        return "positive" if above(value, ZERO) else "unknown"
    reaches = at_least(value, cutoff.positive_from)
    if reaches is True:
        return "positive" if above(value, ZERO) else "unknown"
    if reaches is None:
        return "unknown"
    return _below(value, cutoff, rules)


def _below(value: Interval, cutoff: Cutoff, rules: Mrd) -> Status:
    if not (cutoff.low_level and rules.low_level):
        return "negative"
    return "low-level" if above(value, ZERO) else "unknown"


def suffix_status(
    samples: Sequence[MrdSample], days: Sequence[date], marrow: date, since: date, rules: Mrd
) -> tuple[Status, tuple[MrdSample, ...]]:
    """MRD that goes with a marrow: any positive decides, a negative needs all of them."""
    reach = timedelta(days=rules.window_days)
    first = max(marrow - reach, since)
    near = samples[bisect_left(days, first) : bisect_right(days, marrow + reach)]
    used = tuple(one for one in near if has_say(one, rules) or _may_count(one, rules))
    return combined([_beside(one, rules) for one in used]), used


def _beside(sample: MrdSample, rules: Mrd) -> MrdSample:
    """What is sure of it beside a remission: a positive that may not count leaves it open."""
    return sample if has_say(sample, rules) else replace(sample, status="unknown")


def _may_count(sample: MrdSample, rules: Mrd) -> bool:
    """Whether what may be a positive of blood would count, were its marker or assay known."""
    result = sample.result
    return (
        sample.status in ("positive", "unknown")
        and result.marker in ("", *rules.blood_markers)
        and result.method in (*UNKNOWN, *rules.blood_by)
        and bool(rules.blood_markers)
    )


def has_say(sample: MrdSample, rules: Mrd) -> bool:
    """Whether tissue and assay of a sample let it speak beside a remission."""
    return _of_tissue(sample.result, rules) and _counts(sample, rules)


def _of_tissue(result: Result, rules: Mrd) -> bool:
    """Whether the sample's tissue counts beside a remission, for its marker and its assay."""
    if result.specimen in ("", *rules.tissues):
        return True
    return result.marker in rules.blood_markers and result.method in rules.blood_by


def _counts(sample: MrdSample, rules: Mrd) -> bool:
    """Whether a sample has a say beside a remission: a clear one only by an assay of the set."""
    clear = sample.status in ("negative", "low-level")
    return not (clear and rules.suffix_by) or sample.result.method in rules.suffix_by


def combined(samples: Sequence[MrdSample]) -> Status:
    """The status several samples have together."""
    found = {one.status for one in samples}
    order: tuple[Status, ...] = ("positive", "unknown", "low-level", "negative")
    return next((one for one in order if one in found), "unknown")


def as_one(samples: Iterable[MrdSample]) -> list[MrdSample]:
    """The samples of one day, one for each tissue and assay: what any of them found decides.

    Of several levels the lowest is surely there, and a second result is no second sample.
    """
    return [_joined(many) for many in grouped(samples, attrgetter("series")).values()]


def _joined(many: Sequence[MrdSample]) -> MrdSample:
    found = [one for one in many if one.status in FOUND]
    if not found:
        return min(many, key=lambda one: one.status != "negative")
    levels = [(one.result.value.low, place) for place, one in enumerate(found)
              if isinstance(one.result.value, Interval)]  # fmt: skip
    lowest = found[min(levels)[1]] if levels else found[0]
    return replace(lowest, status=combined(found))


def is_confirmed(samples: Sequence[MrdSample], rules: Mrd, began: date, day: date) -> bool:
    """Whether two negatives of one tissue, none positive between, lie far enough apart."""
    first = began - timedelta(days=rules.window_days)
    days: dict[str, list[date]] = {}
    for one in (one for one in samples if one.day >= first and has_say(one, rules)):
        if one.status in FOUND and one.day > day:
            break
        days = {} if one.status in FOUND else days
        if one.status == "negative":
            days.setdefault(one.result.specimen, []).append(one.day)
    apart = timedelta(days=rules.confirm_days)
    return any(max(found) - min(found) >= apart for found in days.values())
