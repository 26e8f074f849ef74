"""One command against a server that turns evil somewhere, and what must hold after it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fhir_remission.rehearsal import EmbeddedServer
from tests.hostile.evil import DRIPS, Asked, Behaviour, Evil, Wire, say
from tests.hostile.processes import AS_OF, PATIENTS, SOON, Ended, HostileSite, evil_site, ran
from tests.hostile.warm import LostStatus, ran_warm

NOW = ("--as-of", AS_OF)
WRITING = (*NOW, "--write-as-of")
COMMANDS: dict[str, tuple[str, ...]] = {
    "sync": ("sync", *WRITING),
    "dry run": ("sync", "--dry-run", *NOW),
    "plan": ("plan", *NOW),
    "apply": ("apply", "--plan", "plan.json", "--write-as-of"),
    "retry": ("retry",),
    "reconcile": ("reconcile",),
    "retract": ("retract", "--run"),
    "explain": ("explain", "--patient", PATIENTS[0], *NOW),
    "doctor": ("doctor",),
    "bulk": ("bulk", "--out", "export"),
}
# Where the evil begins: at the first question, at a later one, or at the first write.
PLACES = {
    **dict.fromkeys(COMMANDS, ("metadata", "search")),
    **dict.fromkeys(("sync", "apply", "retry"), ("metadata", "search", "write")),
    "retract": ("metadata", "result", "write"),
    "bulk": ("$export",),
}
IN_TARGET = {"search": "Observation", "late search": "Specimen", "result": "ClinicalImpression"}
RUNTIME = 4.0
IMPATIENT = 'source: read_timeout = "{}s"\nrun: max_runtime = "{}"'
Runs = Callable[..., Ended]


@dataclass
class Turning:
    """A rule that does nothing until it is armed."""

    rule: Callable[[Asked], Behaviour | None] = lambda _: None
    armed: bool = field(default=False)

    def __call__(self, asked: Asked) -> Behaviour | None:
        """The behaviour where one is armed."""
        return self.rule(asked) if self.armed else None


def cold(arguments: list[str], folder: Path, **how: Any) -> Ended:
    """A process that begins as for anybody."""
    signals, until = how.get("signals", ()), how.get("until")
    return ran([sys.executable, "-m", "fhir_remission", *arguments], folder, until, signals)


def crossed(
    folder: Path, command: str, phase: str, place: str, how: str, *, ran: Runs = ran_warm
) -> Ended:
    """Run the case; once more, from the beginning, where nobody can say how a process ended."""
    try:
        return _crossed(folder / "first", command, phase, place, how, ran=ran)
    except LostStatus:
        return _crossed(folder / "again", command, phase, place, how, ran=ran)


def _crossed(
    folder: Path, command: str, phase: str, place: str, how: str, *, ran: Runs = ran_warm
) -> Ended:
    """Run a command against a server that drips somewhere; end it by a signal or its deadline.

    Afterwards the server is good again: the next run does all that is left, once.
    """
    turning = Turning()
    # Both grow alike: a request is given up after five times its limit, later than a run ends.
    times = min(8, round(_busy()))
    longer = RUNTIME * (times - 1)
    runtime = f"{RUNTIME + longer:.0f}s" if how == "max_runtime" else "10m"
    with evil_site(folder, turning, IMPATIENT.format(2 * times, runtime)) as (site, evil, good):
        arguments = [*COMMANDS[command], *_prepared(site, turning, command)]
        turning.rule, turning.armed = _there(place, DRIPS[phase], evil), True
        evil.first.clear()
        signals = [] if how == "max_runtime" else [getattr(signal, how)]
        ended = ran(
            [*arguments, "--config", str(site.config)],
            folder,
            until=evil.first if signals else None,
            signals=signals,
        )
        assert evil.first.is_set(), f"it never came to where the evil begins: {ended}"
        turning.armed = False
        check_consistent(site, ended, good, written=place == "write")
    return replace(ended, seconds=ended.seconds - longer) if how == "max_runtime" else ended


def judged(ended: Ended, how: str) -> None:
    """The right code, in time; where all cores are taken a process waits for its turn as well."""
    soon = SOON * _busy()
    if how == "max_runtime":
        # Starting the interpreter is not counted by the run itself.
        assert ended.seconds < RUNTIME + soon + 1, ended
        assert ended.code == 75, ended
    else:
        assert ended.seconds < soon, ended
        assert ended.code == 128 + getattr(signal, how), ended


def _busy() -> float:
    """How much longer all takes here than on a quiet machine."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def check_consistent(
    site: HostileSite, ended: Ended, good: EmbeddedServer, *, written: bool
) -> None:
    """The state can be read, and the next run does all that is left; nothing stands twice."""
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr
    told = patient(site)
    for unsafe_allowed in (True, False) if written else (True,):
        again = ran_warm(["sync", *WRITING, "--summary", "summary.json", *told], site.folder)
        assert again.code == 0, again.stderr
        summary = json.loads((site.folder / "summary.json").read_text())
        assert unsafe_allowed or summary["unsafe_requests"] == 0, summary
    checked = ran_warm(["state", "check", *told[:2]], site.folder)
    assert checked.code == 0, (checked, ended)
    names = Counter(
        held["value"]
        for resource in good.store.resources("ClinicalImpression")
        for held in resource.get("identifier", [])
        if held["system"].endswith("/id/assessment") and resource["status"] != "entered-in-error"
    )
    assert set(names.values()) == {1}, names


def patient(site: HostileSite) -> tuple[str, ...]:
    """The site's settings with all the time that a busy machine may need."""
    return ("--config", str(site.config), "--set", "run.max_runtime=10m")


def _prepared(site: HostileSite, turning: Turning, command: str) -> tuple[str, ...]:
    """What a command needs of the days before: a plan, people left to retry, a run to take back."""
    told = patient(site)
    if command == "apply":
        assert ran_warm(["plan", "--out", "plan.json", *NOW, *told], site.folder).code == 0
    if command == "retry":
        turning.rule, turning.armed = _there("search", say(b"{}", 400)), True
        assert ran_warm(["sync", *WRITING, *told], site.folder).code == 3
        turning.armed = False
    if command == "retract":
        first = ran_warm(["sync", *WRITING, "--summary", "first.json", *told], site.folder)
        assert first.code == 0, first.stderr
        return (str(json.loads((site.folder / "first.json").read_text())["run_id"]),)
    return ()


def _there(
    place: str, behave: Behaviour, evil: Evil | None = None
) -> Callable[[Asked], Behaviour | None]:
    """Behave so at a place; a write is carried out first, and its answer drips."""

    def carried_out(asked: Asked, wire: Wire) -> None:
        if evil is not None:
            evil.handed_on(asked)
        behave(asked, wire)

    def rule(asked: Asked) -> Behaviour | None:
        if place == "write":
            search = "_search" in asked.target or "$" in asked.target
            writes = asked.method in ("PUT", "POST") and not search
            return carried_out if writes else None
        return behave if IN_TARGET.get(place, place) in asked.target else None

    return rule
