"""A cohort from its printed lines: who stands where, responses, times, and what to order next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

from fhir_remission.domain.answer.page_parts import Words
from fhir_remission.report.entries import Line, age_of
from fhir_remission.report.exact import Share, median_time, share
from fhir_remission.report.glance import OUTSIDE

# Best response tables as trials report them; each holds the one before it.
COMPOSITES = (
    ("CR", ("CR",)),
    ("CR + CRh", ("CR", "CRh")),
    ("CRc (CR, CRh, CRi)", ("CR", "CRh", "CRi")),
    ("ORR (CRc, MLFS, PR)", ("CR", "CRh", "CRi", "MLFS", "PR")),
)
REMISSIONS = COMPOSITES[2][1]
RESPONSES = COMPOSITES[-1][1]
MARROW_DUE = frozenset(
    {
        *("no-marrow", "therapy-after-marrow", "early-marrow", "inadequate-marrow"),
        *("too-few-cells", "disease-without-marrow", "marrow-undecided"),
    }
)
CONFIRM_DAYS = 28


class Person(Struct, frozen=True):
    """One patient by one criteria set: every line, oldest first; the last is the answer."""

    patient: str
    lines: tuple[Line, ...]

    @property
    def now(self) -> Line:
        """The current answer; of somebody who could not be judged it has no category."""
        return self.lines[-1]

    @property
    def judged(self) -> bool:
        """Whether there is an answer."""
        return "category" in self.now

    @property
    def dead(self) -> bool:
        """Whether the record says that the patient has died."""
        return "deceased" in self.now.get("flags", ())

    @property
    def best(self) -> str:
        """The best response ever proved; empty where none was."""
        told = [self.now.get("best_response"), *(line.get("category") for line in self.lines)]
        reached = [one for one in told if one in RESPONSES]
        return min(reached, key=RESPONSES.index) if reached else ""

    @property
    def remission_since(self) -> date | None:
        """When the first remission began, as far as the lines say."""
        states = [x["state_since"] for x in self.lines if x.get("state") == "in-remission"]
        reached = [
            one["date"]
            for line in self.lines
            for one in line.get("responses", ())
            if one["category"] in REMISSIONS
        ]
        known = [day for one in (*states, *reached) if (day := _day(one)) is not None]
        return min(known) if known else None

    @property
    def relapsed_on(self) -> date | None:
        """When the first relapse after a remission was."""
        since = self.remission_since
        for line in self.lines:
            day = _day(line.get("state_since")) or _day(line.get("response_date"))
            if line.get("state") == "relapsed" and day and (since is None or day > since):
                return day
        return None

    @property
    def as_of(self) -> date | None:
        """The day the answer speaks for."""
        return _day(self.now.get("as_of"))

    @property
    def last_seen(self) -> date | None:
        """The last day on which anything was measured."""
        days = [_day(self.now.get(f"last_{one}")) for one in ("marrow", "blood", "mrd")]
        known = [one for one in days if one is not None]
        return max(known) if known else None


class Order(Struct, frozen=True):
    """Something to order for somebody."""

    what: str
    patient: str
    detail: str


class Cohort(Struct, frozen=True):
    """What the pages of a cohort say."""

    criteria: str
    people: tuple[Person, ...]
    counts: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    responses: tuple[tuple[str, Share], ...]
    times: tuple[tuple[str, int, int, int | None], ...]
    """What, events, still without one, median in days (None: not reached)."""
    orders: tuple[Order, ...]
    outside: int
    unjudged: int
    as_of: str


def cohorts_of(lines: Iterable[Line], words: Words) -> tuple[Cohort, ...]:
    """A cohort for each criteria set of the lines."""
    held: dict[str, dict[str, list[Line]]] = {}
    for line in lines:
        own = held.setdefault(line["criteria"]["id"], {})
        own.setdefault(line["patient"], []).append(line)
    return tuple(_cohort(name, people, words) for name, people in sorted(held.items()))


def _cohort(criteria: str, held: Mapping[str, Sequence[Line]], words: Words) -> Cohort:
    people = tuple(
        Person(name, tuple(sorted(own, key=age_of))) for name, own in sorted(held.items())
    )
    judged = [one for one in people if one.judged]
    outside = [one for one in judged if one.now["reason"] in OUTSIDE]
    inside = [one for one in judged if one.now["reason"] not in OUTSIDE]
    return Cohort(
        criteria=criteria,
        people=people,
        counts=tuple(_counts(judged, words)),
        responses=tuple(
            (name, share(sum(one.best in codes for one in inside), len(inside)))
            for name, codes in COMPOSITES
        ),
        times=tuple(_times(judged)),
        orders=tuple(sorted(_all_orders(judged, words), key=lambda o: (o.what, o.patient))),
        outside=len(outside),
        unjudged=len(people) - len(judged),
        as_of=max((str(one.now["as_of"])[:10] for one in judged), default=""),
    )


def _counts(
    judged: Sequence[Person], words: Words
) -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    names = words.categories
    for title, key, concept in (("State", "state", "state"), ("Category", "category", "category")):
        held = Counter(str(one.now[key]) for one in judged)
        yield title, _ranked(held, lambda name, c=concept: names.display(c, name))
    yield "MRD", _ranked(Counter(str(one.now["mrd"]) for one in judged), _mrd_word)
    missing = Counter(name for one in judged for name in one.now["missing"])
    yield "Missing input", _ranked(missing, lambda name: words.sentence("missing", name))


def _ranked(held: Counter[str], word: object) -> tuple[tuple[str, int], ...]:
    told = word if callable(word) else str
    return tuple((told(name), many) for name, many in sorted(held.items(), key=_often))


def _often(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def _mrd_word(name: str) -> str:
    return {"unknown": "not known"}.get(name, name)


def _times(judged: Sequence[Person]) -> Iterator[tuple[str, int, int, int | None]]:
    """From the first remission; deaths have no date in a line, so they are counted at what was last
    seen, and said to be."""
    known = [(one, since) for one in judged if (since := one.remission_since) is not None]
    relapses, deaths = [], []
    for one, since in known:
        end = one.last_seen or one.as_of or since
        relapse = one.relapsed_on
        relapses.append((max(((relapse or end) - since).days, 0), relapse is not None))
        deaths.append((max((end - since).days, 0), one.dead))
    for name, times in (("relapse", relapses), ("death", deaths)):
        events = sum(seen for _, seen in times)
        yield name, events, len(times) - events, median_time(times)


def _all_orders(judged: Sequence[Person], words: Words) -> Iterator[Order]:
    for one in judged:
        if not one.dead and one.now["reason"] not in OUTSIDE:
            yield from _orders(one, words)


def _orders(one: Person, words: Words) -> Iterator[Order]:
    now = one.now
    for name in now["missing"]:
        yield Order(words.sentence("missing", name), one.patient, now["next_better"])
    if "mrd-unconfirmed" in now["flags"]:
        last = _day(now["last_mrd"])
        due = f"from {last + timedelta(days=CONFIRM_DAYS)}" if last else ""
        yield Order("MRD to confirm", one.patient, due)
    if now["reason"] in MARROW_DUE and "marrow" not in now["missing"]:
        yield Order("marrow due", one.patient, now["next_better"])
    if now["stale"]:
        yield Order("follow-up due: no recent marrow and no recent count", one.patient, _seen(now))
    if now["state"] == "relapse-suspected":
        yield Order("relapse to confirm or to clear", one.patient, now["next_better"])


def _seen(now: Line) -> str:
    return f"last marrow {now['last_marrow'] or 'none'}, last count {now['last_blood'] or 'none'}"


def _day(text: object) -> date | None:
    told = str(text or "")[:10]
    return date.fromisoformat(told) if len(told) == len("2026-01-01") else None
