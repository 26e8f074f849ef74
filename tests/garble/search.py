"""The search: seeds to breaks, breaks to answers, answers to what rose."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

from msgspec import Struct, field

from fhir_remission.errors import RemissionError
from fhir_remission.jobs.files.classify import judged_patients
from tests.garble.bases import Base, bases, judge_of_base
from tests.garble.breaks import Broken, broken
from tests.garble.exempt import WALK, exemption_of
from tests.garble.standing import NOTHING, Standing, raised, standing_of


class Lost(Exception):
    """The sum of the account does not come out."""


class Try(Struct, frozen=True):
    """One break of one case, judged by one criteria set."""

    seed: int
    base: Base
    criteria: str
    broken: Broken


class Rise(Struct, frozen=True):
    """A try whose answer became better than that of the whole case."""

    tried: Try
    before: Standing
    after: Standing

    def told(self) -> str:
        """In one line, with the seed that makes it again."""
        one = self.tried.broken
        what = f"{one.kind} {one.type} {one.path} -> {one.left[:50]!r}"
        seed, name, criteria = self.tried.seed, self.tried.base.name, self.tried.criteria
        return f"{seed:8} {name} [{criteria}] {what}: {self.before.told()} => {self.after.told()}"


class Tally(Struct):
    """What a search did: per kind how many were tried, exempt and raised."""

    tried: Counter[str] = field(default_factory=Counter)
    exempt: Counter[str] = field(default_factory=Counter)
    rises: list[Rise] = field(default_factory=list)
    walk: list[Rise] = field(default_factory=list)
    """Rises that only the walk over the course causes (`walk.tsv`)."""

    def take(self, one: Try, before: Standing, after: Standing) -> None:
        """Count one try."""
        kind = one.broken.kind
        self.tried[kind] += 1
        if not raised(before, after):
            return
        if exemption_of(one.broken, after.told()) is not None:
            self.exempt[kind] += 1
        elif exemption_of(one.broken, after.told(), WALK) is not None:
            self.walk.append(Rise(one, before, after))
        else:
            self.rises.append(Rise(one, before, after))

    def table(self) -> str:
        """The table that is printed."""
        raised_by = Counter(rise.tried.broken.kind for rise in self.rises)
        walked = Counter(rise.tried.broken.kind for rise in self.walk)
        lines = [f"{'kind':14} {'tried':>8} {'exempt':>8} {'walk':>8} {'raised':>8}"]
        for kind in sorted(self.tried):
            numbers = (self.tried[kind], self.exempt[kind], walked[kind], raised_by[kind])
            lines.append(f"{kind:14} " + " ".join(f"{number:8}" for number in numbers))
        total = (self.tried.total(), self.exempt.total(), len(self.walk), len(self.rises))
        lines.append(f"{'all':14} " + " ".join(f"{number:8}" for number in total))
        return "\n".join(lines)


def try_of(seed: int, *, prefix: str = "") -> Try | None:
    """The try of a seed; none where the draw cannot be done."""
    random = Random(seed)
    base = random.choice(bases())
    base = base.renamed(prefix) if prefix else base
    criteria = random.choice([*base.request.criteria, "eln-2022"])
    found = broken(base, random)
    return None if found is None else Try(seed, base, criteria, found)


def tries(start: int, count: int) -> Iterator[Try]:
    """That many tries from a seed on."""
    seed = start
    while count:
        found = try_of(seed)
        seed += 1
        if found is not None:
            count -= 1
            yield found


def search(every: Iterable[Try]) -> Tally:
    """Judge every try through `classify`, and keep those whose answer rose and may not."""
    tally = Tally()
    for one in every:
        try:
            after = answer(one.base, one.criteria, one.broken.body)
        except Lost as error:
            raise Lost(f"seed {one.seed}: {error}") from None
        tally.take(one, whole(one.base.name, one.criteria), after)
    return tally


@functools.cache
def whole(name: str, criteria: str) -> Standing:
    """The standing of a case that nobody broke."""
    base = next(base for base in bases() if base.name == name)
    return answer(base, criteria, base.body())


def answer(base: Base, criteria: str, body: bytes) -> Standing:
    """What `classify` says of the case's patient."""
    judge = judge_of_base(base, criteria)
    try:
        answers = judged_patients([body], "input", base.request, judge)
    except RemissionError:
        return NOTHING
    if answers.account.lost:
        raise Lost(str(answers.account))
    code = answers.exit_code
    found = next((one for one in answers.judged if one.patient == base.patient), None)
    if found is None or found.incomplete or not found.assessments[0]:
        return Standing(exit_code=code)
    return standing_of(found.assessments[0][-1], code)
