"""What MRD has shown in a remission: its return, by tissue and assay, and the end of that."""

from __future__ import annotations

from datetime import date, timedelta
from operator import itemgetter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import Mrd
from fhir_remission.domain.nouns.inputs import Interval, Result
from fhir_remission.domain.nouns.intervals import EXACT, at_least
from fhir_remission.domain.record.mrd import FOUND, Assay, MrdSample, Series

_SERIES = itemgetter(0)
MrdEvent = Literal["none", "relapse-suspected", "relapse"]


class Return(Struct, frozen=True):
    """MRD that has come back in one tissue by one assay."""

    since: date
    """The day of the positive that raised the suspicion, or that confirmed it."""
    confirmed: bool = False
    cleared: date | None = None
    """The first negative since then, where nothing of the marker was found after it."""


class MrdHistory(Struct, frozen=True):
    """What MRD has shown since the remission began, and whether it has come back."""

    returns: tuple[tuple[Series, Return], ...] = ()
    """What has come back and has not ended, by tissue and assay."""
    negatives: tuple[tuple[Assay, date], ...] = ()
    """Assays that have been negative, in whatever tissue, since which day."""
    lowest: tuple[tuple[Series, Interval], ...] = ()
    """The lowest positive level by tissue and assay."""
    low_level: bool = False
    """Whether any sample was low-level: from then on a rise is looked for."""
    flags: tuple[str, ...] = ()
    past: tuple[tuple[date, date], ...] = ()
    """Relapses of MRD that have ended: the day that confirmed each, and the day of its end."""

    @property
    def event(self) -> MrdEvent:
        """Relapse where any return was confirmed, suspected where one waits for that."""
        if any(one.confirmed for _, one in self.returns):
            return "relapse"
        return "relapse-suspected" if self.returns else "none"

    @property
    def event_day(self) -> date | None:
        """Since when: the first day of those that make it so."""
        confirmed = self.event == "relapse"
        days = (one.since for _, one in self.returns if one.confirmed == confirmed)
        return min(days, default=None)

    def told(self, *, standing: bool) -> tuple[tuple[str, date, date | None], ...]:
        """Each relapse that has ended with its two days, and what stands now, if that is asked."""
        past = tuple(("relapse", *one) for one in self.past)
        day = self.event_day if standing else None
        return past if day is None else (*past, (self.event, day, None))

    def after(self, sample: MrdSample, rules: Mrd) -> MrdHistory:
        """The history with one more sample."""
        if sample.status == "negative":
            return self._cleared(sample, rules)
        if sample.status in FOUND:
            return self._detected(sample, rules)
        return replace(self, flags=())

    def _cleared(self, sample: MrdSample, rules: Mrd) -> MrdHistory:
        """A suspicion ends with a negative, a relapse with two, weeks apart, of its own series."""
        returns, past = dict(self.returns), self.past
        known = returns.pop(sample.series, None)
        if known is not None and known.confirmed:
            first = known.cleared or sample.day
            if sample.day - first < timedelta(days=rules.confirm_days):
                returns[sample.series] = replace(known, cleared=first)
            else:
                past = (*past, (known.since, sample.day))
        negatives = {sample.assay: sample.day, **dict(self.negatives)}
        return replace(
            self, returns=tuple(sorted(returns.items(), key=_SERIES)),
            negatives=tuple(sorted(negatives.items())), past=past, flags=(),
        )  # fmt: skip

    def _detected(self, sample: MrdSample, rules: Mrd) -> MrdHistory:
        key, value = sample.series, sample.result.value
        # Of one day none comes after the other.
        before = dict(self.negatives).get(sample.assay, sample.day) < sample.day
        returned = rules.negative_to_positive and before and sample.status == "positive"
        lowest = dict(self.lowest)
        risen = self.low_level and _risen(sample.result, lowest.get(key), rules)
        if isinstance(value, Interval):
            lowest[key] = min(value, lowest.get(key, value), key=lambda one: one.low)
        # What is found of a marker by an assay, in whatever tissue, takes back its first negative.
        returns = {
            series: replace(one, cleared=None) if series[1:] == sample.assay else one
            for series, one in self.returns
        }
        known = returns.get(key)
        if (returned or risen) and (known is None or not known.confirmed):
            returns[key] = Return(sample.day, confirmed=known is not None)
        other = bool(self.negatives) and sample.assay not in dict(self.negatives)
        return replace(
            self, returns=tuple(sorted(returns.items(), key=_SERIES)),
            lowest=tuple(sorted(lowest.items(), key=_SERIES)),
            low_level=self.low_level or sample.status == "low-level",
            flags=("mrd-other-assay",) if other else (),
        )  # fmt: skip


def _risen(result: Result, lowest: Interval | None, rules: Mrd) -> bool:
    """Whether a level is so many times the lowest that is known of its series."""
    value = result.value
    if rules.rise_factor is None or result.method != rules.rise_method or lowest is None:
        return False
    if not isinstance(value, Interval) or lowest.high is None:
        return False
    return at_least(value, EXACT.multiply(lowest.high, rules.rise_factor)) is True
