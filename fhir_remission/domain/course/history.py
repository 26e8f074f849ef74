"""From anchor to anchor: what was answered before, the best of a course, and its MRD."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from fhir_remission.domain.course.agreement import agreed, in_rank
from fhir_remission.domain.course.draft import Anchor, Draft, Residual, event_code, with_next
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.scope import at_early_marrows, diagnosis_gate, early_cycle
from fhir_remission.domain.course.world import share_remissions
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.mrd import (
    FOUND,
    MrdSample,
    Status,
    as_one,
    combined,
    has_say,
    is_confirmed,
    suffix_status,
)
from fhir_remission.domain.record.mrd_history import MrdHistory


class Told:
    """What has been said so far."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.refractory: date | None = None
        self.mrd = Followed(ground)

    def drafts(self, anchors: Iterable[Anchor]) -> Iterator[Draft]:
        """One draft for each anchor, and the wait that a policy asks for."""
        before: Draft | None = None
        for anchor, later in with_next(anchors):
            draft = agreed(self.ground, anchor, later.day if later else None, before)
            before = self._told(draft)
            yield before
            waiting = self._waiting(before, anchor) if later is None else None
            if waiting is not None:
                yield waiting

    def _told(self, draft: Draft) -> Draft:
        out = self.ground.out
        flags = draft.flags
        if draft.remitted and self.refractory and draft.row is not None and draft.row.remission:
            flags = (*flags, "after-refractory")
        if draft.category == out.refractory and out.refractory:
            self.refractory = self.refractory or draft.day
        mrd = self.mrd.at(draft)
        found = replace(draft, flags=flags, mrd=mrd, refractory=self.refractory)
        if out.relapse and draft.category == out.relapse:
            self.refractory = None
        return found

    def _waiting(self, last: Draft, anchor: Anchor) -> Draft | None:
        """Before the first remission of a course a start asks for the next marrow, by policy."""
        facts, out = self.ground.facts, self.ground.out
        settled = last.category in (out.not_evaluable, out.relapse)
        if settled or not facts.criteria.withholds_after_start:
            return None
        phases = {world.phase for _, world in anchor.told}
        if phases == {"remission"}:
            return None
        cycle = facts.therapy.first_from(last.day)
        if cycle is None or diagnosis_gate(facts, self.ground.signs, cycle.day).state != "open":
            return None
        open_end = bool(phases & {"remission", "unproved"})
        lasted = share_remissions((world, said) for said, world in anchor.told)
        named, higher = _while_waiting(self.ground, last, anchor) if open_end else ((), ())
        unknown = "remission-end-unknown" if lasted else "earlier-remission-unknown"
        return Draft(
            kind="none", day=cycle.day, effective="", refs=(), missing=("marrow",),
            category=out.undecided if open_end else out.not_evaluable,
            state="unknown" if open_end else "awaiting-response", candidates=named,
            since=last.since, best=last.best, reached=last.reached,
            reason=unknown if open_end else "therapy-after-marrow", possible_higher=higher,
        )  # fmt: skip


def _while_waiting(
    ground: Ground, last: Draft, anchor: Anchor
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Nothing until the next marrow, or what stands in a remission or after it, where there may
    have been one; and the better ones."""
    out, rows = ground.out, ground.rows
    stands = {one for one in (out.relapse, out.relapse_suspected) if one}
    stands.update(name for name, row in rows.items() if row.remission)
    named = stands & {last.category, *last.candidates, *last.possible_higher}
    higher = tuple(name for name in ground.order if name in named)
    if not {world.phase for _, world in anchor.told} <= {"remission", "relapsed"}:
        named.add(out.not_evaluable)
    return in_rank(ground, named), higher


def _bare(row: Category | None) -> str:
    """The code of a remission of whose MRD nothing is known."""
    return row.mrd.get("unknown", "") if row is not None and row.remission else ""


class Followed:
    """MRD of a remission: what its samples have shown since it began."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.early = at_early_marrows(ground.facts) if ground.facts.mrd else {}
        # Of a marrow that may not have been there nobody knows whether its sample may speak.
        self.samples = [
            one if one.day not in self.early else replace(one, status="unknown")
            for one in ground.facts.mrd if not self.early.get(one.day, (False, ()))[0]
        ]  # fmt: skip
        self.days = [one.day for one in self.samples]
        self._begin(None)

    def _begin(self, began: date | None) -> None:
        self.began = began
        self.history = MrdHistory()
        self.status: Status = "unknown"
        self.beside: tuple[MrdSample, ...] = ()
        """The samples of the latest marrow that had any: the code is theirs."""
        self.marrow: Proof = ()
        """That marrow."""
        self.agrees = True
        """Whether the latest samples leave it standing."""
        self.added = date.max
        """The last day whose samples the history holds."""
        self.flags: tuple[str, ...] = ()

    def at(self, draft: Draft) -> Residual:
        """The MRD at this anchor; nothing where not every way is in one remission."""
        if not draft.remitted:
            self._begin(None)
            return Residual()
        found, unplaced = self._placed(draft), self.ground.facts.unplaced_mrd
        if not unplaced:
            return found
        code = _bare(draft.row) if found.event == "none" else found.code
        used = (*found.used, *unplaced)
        return replace(found, status="unknown", code=code, flags=(), used=used)

    def _placed(self, draft: Draft) -> Residual:
        """What the samples show whose day is known."""
        if not self.ground.facts.mrd:
            return Residual(code=_bare(draft.row))
        if draft.kind == "marrow":
            return self._at_marrow(draft)
        if draft.kind == "mrd":
            return self._at_sample(draft)
        return self._shown(draft)

    def _at_marrow(self, draft: Draft) -> Residual:
        facts, row = self.ground.facts, draft.row
        rules, marrow = facts.criteria.mrd, facts.marrows[bisect_left(facts.marrow_days, draft.day)]
        used: tuple[MrdSample, ...] = ()
        if row is not None and row.remission and early_cycle(facts, marrow) is None:
            cycle = facts.therapy.latest(draft.day - timedelta(days=1))
            since = cycle.day if cycle is not None else date.min
            status, used = suffix_status(self.samples, self.days, draft.day, since, rules)
            new = draft.began is None or draft.began != self.began
            if new:
                self._begin(draft.began)
            if used or new:
                self.beside, self.status, self.agrees = used, status, True
                self.marrow = marrow.results
                self.flags = self._flags(used, row)
            self._heard(draft.day)
            for day in dict.fromkeys(one.day for one in used if new and one.day < draft.day):
                self._add_day([one for one in used if one.day == day], row)
        told = self._shown(draft, (*(one.result for one in used), *self._silenced(draft.day)))
        self._add_until(draft.day, row)
        self._add_day(self._of_day(draft.day), row)
        self.added = draft.day
        event = self._shown(draft)
        return replace(told, event=event.event, code=event.code, history=event.history)

    def _silenced(self, day: date) -> Proof:
        """The samples near a marrow that say nothing beside it, with their early marrows."""
        facts = self.ground.facts
        reach = timedelta(days=facts.criteria.mrd.window_days)
        return tuple(
            told for one in facts.mrd if abs(one.day - day) <= reach and one.day in self.early
            for told in (one.result, *self.early[one.day][1])
        )  # fmt: skip

    def _flags(self, used: Sequence[MrdSample], row: Category) -> tuple[str, ...]:
        """Those of the samples; a negative waits for a second one, weeks apart."""
        facts = self.ground.facts
        rules = facts.criteria.mrd
        flags = {flag for one in used for flag in one.flags}
        asks = rules.needs_confirmation and self._code(row) == row.mrd.get("negative")
        if asks and used:
            # Of a remission that nobody dated, the samples beside its marrow are the first.
            began = self.began or min(one.day for one in self.beside)
            if not is_confirmed(self.samples, rules, began, max(one.day for one in used)):
                flags.add("mrd-unconfirmed")
        return tuple(sorted(flags))

    def _add_day(self, samples: Sequence[MrdSample], row: Category | None) -> set[str]:
        """Those of one day, and their flags: what is found is looked at last."""
        flags = set[str]()
        for one in sorted(as_one(samples), key=lambda one: one.status in FOUND):
            self._add(one, row)
            flags.update(self.history.flags)
        return flags

    def _add_until(self, day: date, row: Category | None) -> None:
        """Those between its marrow and the counts that prove the remission, which are no anchors:
        they go with the marrow, and what comes after is compared with them."""
        days, marrows = self.ground.facts.mrd_days, self.ground.facts.marrow_days
        between = days[bisect_right(days, self.added) : bisect_left(days, day)]
        for each in (one for one in dict.fromkeys(between) if one not in marrows):
            self._add_day(self._of_day(each), row)

    def _add(self, sample: MrdSample, row: Category | None) -> None:
        rules = self.ground.facts.criteria.mrd
        if not rules.only_after or self._code(row) in rules.only_after:
            self.history = self.history.after(sample, rules)

    def _at_sample(self, draft: Draft) -> Residual:
        """All reports of one day: none comes after the other, and any positive decides."""
        row, samples = draft.row, self._of_day(draft.day)
        known = self.added == draft.day
        self._add_until(draft.day, row)
        flags = set(self.flags) if known else set[str]()
        if not known:
            flags.update(self._add_day(samples, row))
        self.added = draft.day
        others = tuple(one for one in samples if one not in self.beside)
        self.agrees = all(self._agrees(one) for one in others)
        if others:
            self.status = combined(others)
        if row is not None and self.agrees:
            flags.update(self._flags(samples, row))
        else:
            flags.update(flag for one in samples for flag in one.flags)
        self.flags = tuple(sorted(flags))
        # A sample that goes with a marrow speaks with the others of it, not by itself.
        together = () if others == samples else (*self.beside, *samples)
        used = [one.result for one in together or samples]
        proof = (*dict.fromkeys(used), *(self.marrow if together else ()))
        return replace(self._shown(draft, proof), status=self.status)

    def _heard(self, day: date) -> None:
        """A positive of a marrow's day that does not go with it is one as on any day."""
        own = self.samples[bisect_left(self.days, day) : bisect_right(self.days, day)]
        against = [one for one in own if one not in self.beside and not self._agrees(one)]
        if against:
            self.status, self.agrees, self.flags = combined(against), False, ()

    def _of_day(self, day: date) -> Sequence[MrdSample]:
        """The samples of a day."""
        facts = self.ground.facts
        first, after = bisect_left(facts.mrd_days, day), bisect_right(facts.mrd_days, day)
        return facts.mrd[first:after]

    def _code(self, row: Category | None) -> str:
        """The code by the samples beside the marrow; far from one a sample gives none."""
        return row.mrd.get(combined(self.beside), row.id) if row is not None else ""

    def _agrees(self, sample: MrdSample) -> bool:
        """Whether a sample leaves standing what those beside the marrow said."""
        if sample.void or not (
            has_say(sample, self.ground.facts.criteria.mrd) or sample.status == "positive"
        ):
            return True
        return sample.status == combined(self.beside)

    def _shown(self, draft: Draft, used: Proof = ()) -> Residual:
        rules, row = self.ground.facts.criteria.mrd, draft.row
        said = row is not None and row.remission
        event = self.history.event if said else "none"
        return Residual(
            status=self.status if said else "unknown",
            event=event,
            flags=self.flags if said else (),
            code=event_code(event, rules) or (said and self.agrees and self._code(row))
            or draft.category, used=used,
            history=self.history.told(standing=said),
        )  # fmt: skip
