"""What the ways to read a record say together: what all share is said, what differs is named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.draft import Anchor, Draft
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.possible import held_back, higher_than, missing_of, reason_of
from fhir_remission.domain.course.world import Lines, Own, Said, World, gathered, joined
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.choice import HOLDS
from fhir_remission.domain.evaluation.marrow import Evaluation, as_recorded
from fhir_remission.domain.evaluation.reached import Reached
from fhir_remission.domain.nouns.assessment import CriterionResult

NOTHING_SAID = Said(category="")
OF_A_SIDE = ("concurrent-marrow-clear", "contradicted-by-next-marrow", "inadequate-marrow")
MANY = 2
"""So many ways besides the first show their lines; all are behind what was looked at."""
UNTREATED = ("untreated", "active-disease", "relapsed", "awaiting-response")


def agreed(ground: Ground, anchor: Anchor, until: date | None, before: Draft | None) -> Draft:
    """One answer; until the next anchor's day, after the one before."""
    out = ground.out
    saids = [said for said, _ in anchor.told]
    names = list(dict.fromkeys([one.category for one in saids]))
    gate = anchor.gate
    category = _shared(ground, names, saids) if gate is None else out.undecided
    of_it = [one for one in saids if one.category == category]
    first = _as_told(ground, of_it, category) if of_it else _told_here(saids)
    candidates, higher = _left_open(ground, anchor, category)
    draft = _answered(ground, anchor, category, first, of_it)
    state, since = _state(ground, anchor, until, before)
    reached = ground.scale.merged(anchor.reached or (Reached(),))
    draft = replace(draft, state=state, since=since, reached=reached)
    return replace(
        draft,
        response_date=responded(draft),
        best=ground.scale.best(reached.shown),
        reason=reason_of(ground, anchor, category, saids, before),
        candidates=candidates,
        possible_higher=higher,
        missing=missing_of(ground, anchor, category, saids, before, higher=higher),
    )


def responded(draft: Draft) -> date | None:
    """The day of the answer; of a remission the one by which its best was proved in every way."""
    best = dict(draft.responses).get(draft.category) if draft.state == "in-remission" else None
    return best or draft.response_date


def _shared(ground: Ground, names: Sequence[str], saids: Sequence[Said]) -> str:
    """What the ways share; a remission of which only a word tells is no less than MLFS."""
    by_word = [one for one in saids if one.category == ground.out.undecided]
    proved = [name for name in names if name != ground.out.undecided]
    if by_word and proved and all(one.state == "in-remission" for one in by_word):
        row = ground.rows.get(said_of(ground, proved))
        if row is not None and row.early:
            return row.id
    return said_of(ground, names)


def _answered(
    ground: Ground, anchor: Anchor, category: str, first: Said, of_it: Sequence[Said]
) -> Draft:
    """The answer with its dates, its criteria and its flags."""
    saids = [said for said, _ in anchor.told]
    flags = flags_of(of_it or saids)
    shared, own = joined(saids), joined(of_it) if of_it else NOTHING_SAID
    remitted = {world.phase for _, world in anchor.told} == {"remission"}
    found = first.evaluation if of_it else _here(first)
    return Draft(
        kind=anchor.kind,
        day=anchor.day,
        effective=anchor.effective,
        refs=anchor.refs,
        category=category,
        response_date=own.response_date,
        first_sign=own.first_sign,
        counted=own.counted,
        evaluation=found,
        carries=first.carries,
        assumptions=own.assumptions,
        flags=flags,
        lines=_lines(
            anchor, first, flags, settled=bool(of_it), claims=category in ground.order or not of_it
        ),
        doubted=any(one.doubted for one in of_it),
        own=_own(ground, of_it),
        row=_row(ground, first, category),
        remitted=remitted and anchor.gate is None,
        began=shared.began,
        number=shared.number,
        opened=shared.opened,
        inferred=_inferred(saids, of_it),
        others=_others(found, saids, settled=bool(of_it)),
        behind=_behind(found, of_it),
    )


def _inferred(saids: Sequence[Said], of_it: Sequence[Said]) -> bool:
    """Whether the baseline is one by inference: in every way of an answer, or of none in any."""
    return all(one.inferred for one in of_it) if of_it else any(one.inferred for one in saids)


def _here(said: Said) -> Evaluation | None:
    """How a way reads this marrow, whatever stands; none where it asks no criteria of it."""
    if said.own is not None:
        return said.own.found
    return None if said.carries else said.evaluation


def _own(ground: Ground, of_it: Sequence[Said]) -> Own | None:
    """What the ways of an answer have the latest marrow say by itself; the answer where none."""
    owns = [one.own for one in of_it if one.own is not None]
    names = [one.category if one.own is None else one.own.category for one in of_it]
    if not owns:
        return None
    category = said_of(ground, list(dict.fromkeys(names)))
    return next(
        (one for one in owns if one.category == category), replace(owns[0], category=category)
    )


def _others(
    found: Evaluation | None, saids: Sequence[Said], *, settled: bool
) -> tuple[Evaluation | None, ...]:
    """What the other ways read: behind an answer they share, or else in this marrow."""
    every = [one.evaluation if settled else _here(one) for one in saids]
    return tuple(dict.fromkeys(one for one in every if one is not found))


def _behind(found: Evaluation | None, of_it: Sequence[Said]) -> tuple[Evaluation | None, ...]:
    """What other ways have behind the answer they share, where what is shown is no proof of it."""
    every = (
        one.evaluation for one in of_it
        if found is None or one.own is None or one.own.found is not found
    )  # fmt: skip
    return tuple(dict.fromkeys(one for one in every if one is not found))


def _as_told(ground: Ground, of_it: Sequence[Said], category: str) -> Said:
    """Of the ways that say the same, the first proved by what is written, unknown as it is."""
    if len({id(one.evaluation) for one in of_it}) == 1:
        return of_it[0]
    written = (one for one in of_it if _is_written(ground, one.evaluation, category))
    return next(written, of_it[0])


def _is_written(ground: Ground, found: Evaluation | None, category: str) -> bool:
    if found is None or found.row is None or found.row.id != category:
        return False
    told = as_recorded(ground.facts, found)
    return all(told[name].verdict in HOLDS for name in found.row.requires)


def _told_here(saids: Sequence[Said]) -> Said:
    """What shows best why nothing is said: an answer of this anchor, with its criteria if any."""
    here = [one for one in saids if not one.carries] or saids
    return next((one for one in here if _here(one) is not None), here[0])


def flags_of(saids: Sequence[Said]) -> tuple[str, ...]:
    """What the ways raise; what rests on the side of a marrow, only where all of them do."""
    every = dict.fromkeys([flag for one in saids for flag in one.flags])
    return tuple(
        flag for flag in every if flag not in OF_A_SIDE or all(flag in one.flags for one in saids)
    )


def said_of(ground: Ground, names: Sequence[str]) -> str:
    """What is said where the ways give these: the lowest claim of a marrow below the line."""
    rows = [ground.rows.get(name) for name in names]
    one_side = all(row is not None and row.clear for row in rows)
    if one_side:
        return max(names, key=ground.order.__getitem__)
    return names[0] if len(names) == 1 else ground.out.undecided


def _row(ground: Ground, first: Said, category: str) -> Category | None:
    found = first.evaluation
    if found is not None and found.row is not None and found.row.id == category:
        return found.row
    return ground.rows.get(category)


def _answers(ground: Ground, anchor: Anchor, category: str) -> set[str]:
    """What every way says, or names where it cannot say, with what counts may have held back."""
    undecided = ground.out.undecided
    every = set(held_back(ground, anchor.told, category))
    for said, _ in anchor.told:
        every.update(said.candidates if said.category == undecided else (said.category,))
    return every


def _left_open(
    ground: Ground, anchor: Anchor, category: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every answer that is open where none is said, and the better ones, which are among them."""
    out, gate = ground.out, anchor.gate
    if gate is not None and gate.reason in ("read-failed", "evidence-unplaced"):
        return (), ()
    if len(anchor.told) == 1 and category != out.undecided:
        (said, way), *_ = anchor.told
        if not said.held and not way.better:
            return (), ()
    named = _answers(ground, anchor, category)
    higher = higher_than(ground, category, named, [said for said, _ in anchor.told])
    every = {*named, *higher}
    if category != out.undecided or every == {out.not_evaluable}:
        return (), higher
    return in_rank(ground, every), higher


def in_rank(ground: Ground, every: Collection[str]) -> tuple[str, ...]:
    """Answers in the order of their claims; those without order stand last."""
    out = ground.out
    ranks = (*ground.order, out.relapse, out.relapse_suspected, out.refractory, out.no_response)
    rank = {name: place for place, name in enumerate(dict.fromkeys(ranks))}
    return tuple(sorted(every, key=lambda name: (rank.get(name, len(rank)), name)))


def _lines(
    anchor: Anchor, first: Said, flags: Sequence[str], *, settled: bool, claims: bool
) -> Lines:
    """The lines of the answer; where the ways differ, those of each and what was looked at."""
    alike = len({one.category for one, _ in anchor.told}) == 1
    one_way = len(anchor.told) == 1 and not anchor.asked
    if alike and (one_way or not claims):
        return first.lines

    def told() -> tuple[CriterionResult, ...]:
        others = [one for one, _ in anchor.told if one is not first and not one.carries]
        ways = [first] if settled else [first, *others[:MANY]]
        named: dict[str, CriterionResult] = {}
        for way in ways:
            # Of one way what it says last of a criterion, as where there is no other.
            own = {one.criterion: one for one in way.lines()}
            named |= {name: one for name, one in own.items() if name not in named}
        denied = "contradicted-by-next-marrow" in flags
        kept = [named[one] for one in named if denied or one != "marrow-not-contradicted"]
        found = kept if settled else [lines.doubted(one) for one in kept]
        return (*found, lines.unlike(gathered(anchor.nodes)))

    return told


def _state(
    ground: Ground, anchor: Anchor, until: date | None, before: Draft | None
) -> tuple[str, date | None]:
    """Where the course stands until the next anchor; the ways share it, or it is unknown."""
    if anchor.gate is not None:
        return "unknown", None
    states = {_state_of(ground, said, world, anchor.day, until) for said, world in anchor.told}
    if len(states) == 1:
        return states.pop()
    names = {state for state, _ in states}
    if len(names) == 1:
        return names.pop(), None
    if before is not None and before.state == "unknown":
        return "unknown", before.since
    return "unknown", anchor.day


def _state_of(
    ground: Ground, said: Said, world: World, day: date, until: date | None
) -> tuple[str, date | None]:
    """In one world: a start of therapy since the marrow whose answer stands opens a new wait."""
    if said.state not in UNTREATED:
        return said.state, said.since
    therapy, opened = ground.facts.therapy, said.opened or world.opened
    if world.place is not None:
        day = ground.facts.marrows[world.place].day
    begun = therapy.since(max(opened, day))
    if begun is not None and (until is None or begun < until):
        return "awaiting-response", begun
    earlier = therapy.until(day)
    if said.state != "active-disease" and earlier is not None and earlier >= opened:
        return "awaiting-response", earlier
    return said.state, said.since
