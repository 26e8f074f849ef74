"""The matrix: every persona with every fault, at the first, a middle and the last page, at each
write step, and all the time; and what must be true of each cell whatever the fault is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from fhir_remission.rehearsal.listening.server import Asked
from fhir_remission.rehearsal.server.personas import load_persona, persona_names
from tests.matrix.world import ONE_AT_A_TIME, Ran, World, world

Place = Literal[
    "page", "later page", "linking page", "write", "request", "patient", "once", "always"
]
DONE, DAMAGED, REFUSED, STOPPED, BUSY = 0, 3, 4, 5, 75
NEVER = 0  # requests count from 1


@dataclass(frozen=True)
class Trouble:
    """A fault, where it can strike, and how a run that meets it may end."""

    fault: str
    at: tuple[Place, ...]
    once: int = DONE
    """The exit code where it strikes one request, and another attempt or chunk makes up for it."""
    alone: int | None = None
    """The same where patients are read one at a time, so that nothing is read twice."""
    always: int | None = None
    """The exit code where it never stops; None: it is not tried."""
    login: bool = False

    @property
    def name(self) -> str:
        """How it is called in reports."""
        return f"{self.fault} (login)" if self.login and "skew" in self.fault else self.fault


# The documented exit code of each fault (README, "Exit codes"): 0 where the run gets over it,
# 3 where patients are left incomplete, 5 where going on could harm, 75 where nothing can be asked.
TROUBLES = (
    Trouble("off-origin-next", ("linking page",), DONE, DAMAGED, always=DAMAGED),
    Trouble("relative-next", ("linking page",), always=DONE),
    Trouble("next-loop", ("later page",), DONE, DAMAGED, always=DAMAGED),
    Trouble("expire-page:2", ("later page",), always=DAMAGED),
    Trouble("duplicate-rows", ("page",), always=DONE),
    Trouble("row-between-pages", ("later page",), always=DONE),
    Trouble("outcome-in-200", ("page",), DONE, DAMAGED, always=DAMAGED),
    Trouble("truncate:1", ("page",), always=BUSY),
    Trouble("gzip-bomb:64", ("page",), DONE, always=DAMAGED),
    Trouble("foreign-patient", ("page",), STOPPED, always=STOPPED),
    Trouble("ignore-param:patient", ("always",), always=STOPPED),
    Trouble("ignore-param:code", ("always",), always=DONE),
    Trouble("ignore-param:_id", ("always",), always=STOPPED),
    Trouble("ignore-param:_count", ("always",), always=DONE),
    Trouble("drop-field:subject", ("page",), DONE, DAMAGED, always=DAMAGED),
    Trouble("drop-field:Observation.status", ("always",), always=DONE),
    Trouble("drop-field:total", ("always",), always=DONE),
    Trouble("429:1", ("page", "write", "request"), always=BUSY),
    Trouble("429-date", ("page", "write", "request"), always=BUSY),
    Trouble("slow:5", ("page", "write"), always=DONE),
    Trouble("500-after-commit:1", ("write",), always=DONE),
    Trouble("lost-response:1", ("write",), always=DONE),
    Trouble("409", ("write",), always=BUSY),
    Trouble("412", ("write",), always=BUSY),
    Trouble("empty-201", ("always",), always=DONE),
    Trouble("token-flaky", ("once",), login=True, always=REFUSED),
    Trouble("token-expires:7", ("always",), login=True, always=DONE),
    Trouble("token-expires:1", ("always",), login=True, always=DONE),
    Trouble("clock-skew:7200", ("always",), login=True, always=REFUSED),
    Trouble("clock-skew:7200", ("always",), always=DONE),
    Trouble("clock-skew:-7200", ("always",), always=DONE),
    Trouble("merged-patient", ("patient",)),
)


@dataclass(frozen=True)
class Cell:
    """One persona, one fault, one moment."""

    persona: str
    trouble: Trouble
    place: str
    when: str
    """Request N; `1+` from the first one on; empty where the fault knows itself when."""
    sink: bool

    @property
    def spec(self) -> str:
        """The fault as `--fault` takes it."""
        return f"{self.trouble.fault}@{self.when}" if self.when else self.trouble.fault

    @property
    def name(self) -> str:
        """How it is called in reports."""
        return f"{self.persona}-{self.trouble.fault}-{self.place}"

    @property
    def expected(self) -> int:
        """The exit code."""
        if self.place == "always":
            return DONE if self.trouble.always is None else self.trouble.always
        if self.trouble.alone is not None and calm(self.persona).one_at_a_time:
            return self.trouble.alone
        return self.trouble.once


@dataclass(frozen=True)
class Calm:
    """What a run looks like that meets no fault, and where its pages and writes are."""

    ran: Ran
    content: dict[str, str]
    pages: tuple[Page, ...]
    """Those of the longest search of Observations and of the longest of another type."""
    writes: tuple[int, ...]
    patient: int
    """The first question for one patient alone; NEVER where they are read several at a time."""
    one_at_a_time: bool


@dataclass(frozen=True)
class Page:
    """One page of a search of a run without faults."""

    request: int
    number: int
    count: int
    kind: str

    @property
    def label(self) -> str:
        """Where it is."""
        where = "first" if self.number == 1 else "last" if self.number == self.count else "middle"
        return f"{where} page of {self.kind}"


@cache
def calm(persona: str, *, login: bool = False) -> Calm:
    """Run once without faults."""
    with world(persona, Path(mkdtemp(prefix="matrix-")), login=login) as quiet:
        ran = quiet.run()
        numbered = list(enumerate(quiet.source.requests, 1))
        writes = [n for n, asked in enumerate(quiet.sink.requests, 1) if asked.unsafe]
        return Calm(
            ran,
            quiet.content(),
            tuple(_longest(numbered)),
            tuple(writes),
            next((n for n, asked in numbered if _about_one(asked)), NEVER),
            persona in ONE_AT_A_TIME,
        )


def _about_one(asked: Asked) -> bool:
    """A question for one Patient: before it the whole cohort is asked who is linked to whom."""
    return b"_id=" in asked.body and b"%2C" not in asked.body


def _longest(asked: list[tuple[int, Asked]]) -> list[Page]:
    """The longest search of Observations and the longest of another type of evidence."""
    chains: list[tuple[str, list[int]]] = []
    for number, one in asked:
        if "_getpages" in one.target:
            chains[-1][1].append(number)
        else:
            kind = "Observation" if "Observation" in one.target else "another type"
            chains.append((kind if one.target.endswith("_search") else "", [number]))
    pages: list[Page] = []
    for kind in ("Observation", "another type"):
        best = max((numbers for named, numbers in chains if named == kind), key=len)
        pages += [Page(n, place, len(best), kind) for place, n in enumerate(best, 1)]
    return pages


def cells(personas: Sequence[str] = ()) -> Iterator[Cell]:
    """Every cell, or those of some personas."""
    for persona in personas or persona_names():
        for trouble in TROUBLES:
            if not _can_strike(trouble, persona):
                continue
            quiet = calm(persona, login=trouble.login)
            for place in trouble.at:
                yield from _placed(persona, trouble, place, quiet)
            if trouble.always is not None:
                on_writes = "write" in trouble.at and "page" not in trouble.at
                sink = on_writes or trouble.fault == "empty-201"
                yield Cell(persona, trouble, "always", "1+", sink)


def _can_strike(trouble: Trouble, persona: str) -> bool:
    if trouble.fault == "merged-patient":  # a question about one patient; see test_people.py
        return persona in ONE_AT_A_TIME
    if trouble.fault == "ignore-param:code":  # who refuses a search without it does not ignore it
        return "Observation" not in load_persona(persona).requires_any or persona == "oracle"
    return trouble.fault != "drop-field:total" or load_persona(persona).total


def _placed(persona: str, trouble: Trouble, place: Place, quiet: Calm) -> Iterator[Cell]:
    if place == "write":
        for step, number in enumerate(quiet.writes, 1):
            yield Cell(persona, trouble, f"write {step}", str(number), sink=True)
    elif place == "request":
        yield Cell(persona, trouble, "metadata", "1", sink=False)
    elif place == "patient":
        yield Cell(persona, trouble, "patient", str(quiet.patient), sink=False)
    elif place == "once":
        yield Cell(persona, trouble, "once", "", sink=False)
    elif place != "always":
        chosen = {p.label: p for p in reversed(quiet.pages) if _fits(place, p)}
        for label, page in chosen.items():
            yield Cell(persona, trouble, label, str(page.request), sink=False)


def _fits(place: Place, page: Page) -> bool:
    if place == "later page":
        return page.number > 1
    return place != "linking page" or page.number < page.count


def play(cell: Cell, folder: Path) -> tuple[Ran, list[str]]:
    """Run one cell: with the fault, then without; give the first run and what was wrong."""
    quiet = calm(cell.persona, login=cell.trouble.login)
    with world(cell.persona, folder, login=cell.trouble.login) as hospital:
        hospital.faults(cell.spec, sink=cell.sink)
        ran = hospital.run()
        wrong = list(_judge(cell, ran, hospital, quiet))
        hospital.heal()
        again = hospital.run()
        wrong += _after(cell, again, hospital, quiet)
        return ran, wrong


def _is_one_moved(found: dict[str, str], told: dict[str, str]) -> bool:
    """Whether the answers are the same, one of them under another record."""
    moved = [name for name in found if name not in told]
    return len(moved) == 1 and {n.removesuffix("-merged"): c for n, c in found.items()} == told


def _judge(cell: Cell, ran: Ran, hospital: World, quiet: Calm) -> Iterator[str]:
    if ran.code != cell.expected:
        yield f"exit {ran.code} instead of {cell.expected} {ran.error}"
    if not ran.fired and "clock-skew" not in cell.trouble.fault:
        yield "the fault never fired"
    for line in ran.lines:
        if line["disposition"] in {"incomplete", "failed"} and line.get("category"):
            yield f"{line['disposition']} with category {line['category']}"
    told = quiet.ran.categories()
    if cell.trouble.fault == "merged-patient":
        if not _is_one_moved(ran.categories(), told):
            yield f"not the same answers with one under another record: {ran.categories()}"
    # Without statuses everything is some result, so everybody is undecided, and that is written.
    elif cell.trouble.fault != "drop-field:Observation.status":
        yield from _unlike_a_quiet_run(cell, ran, hospital, quiet)


def _unlike_a_quiet_run(cell: Cell, ran: Ran, hospital: World, quiet: Calm) -> Iterator[str]:
    told = quiet.ran.categories()
    different = {p for p, c in ran.categories().items() if told.get(p) != c}
    if different:
        yield f"another category: {sorted(different)}"
    for name, text in hospital.content().items():
        if name not in quiet.content:
            yield f"{name} would not be there without the fault"
        elif text != quiet.content[name] and "drop-field" not in cell.trouble.fault:
            yield f"{name} would be something else without the fault"


def _after(cell: Cell, again: Ran, hospital: World, quiet: Calm) -> Iterator[str]:
    undecided = cell.trouble.fault == "drop-field:Observation.status"
    # Everybody was undecided and is not any more: so many changes at once are for a person.
    if again.code != (STOPPED if undecided else DONE):
        yield f"healed, exit {again.code} {again.error}"
    if undecided:
        return
    if cell.trouble.fault == "merged-patient":
        return
    stands = hospital.content()
    for name in sorted(stands.keys() ^ quiet.content.keys()):
        yield f"healed, {name} is {'missing' if name in quiet.content else 'too much'}"
    for name in sorted(stands.keys() & quiet.content.keys()):
        if stands[name] != quiet.content[name]:
            yield f"healed, {name} differs"
