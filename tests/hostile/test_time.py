"""Time is kept: whatever a server drips and wherever, a request, a run and a process end."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from fhir_remission.effects.http.auth import Credentials, Fixed
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.transport import Limits, NoAnswer, Request, RequestsExchange
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.errors import Interrupted
from tests.hostile.evil import DRIPS, Evil, at, no_handshake, waited
from tests.hostile.processes import (
    AS_OF,
    PATIENTS,
    SOON,
    Ended,
    HostileSite,
    evil_site,
    side_by_side,
)

LIMITS = Limits(connect_seconds=0.5, read_seconds=0.4)
assert LIMITS.whole_seconds == 2.5


def exchange(base_url: str, stop: Stop | None = None) -> RequestsExchange:
    """An exchange with little patience."""
    base = read_base(base_url)
    login = Credentials(Fixed({}), None)
    return RequestsExchange(base, login, clock=SystemClock(), stop=stop, limits=LIMITS)


def asked(evil: Evil, stop: Stop | None = None, **how: str) -> tuple[float, object]:
    """One request, how long it took and what came of it."""
    one = exchange(evil.base_url, stop)
    url = f"{evil.base_url}/Observation"
    request = Request("GET", url, "search", **how)  # type: ignore[arg-type]
    try:
        return waited(lambda: one.send(request))
    finally:
        one.close()


def test_a_request_has_a_deadline_over_all_of_it_whatever_drips() -> None:
    """Status line, headers, `100 Continue`, body, packed body, chunks: each byte in good time."""

    def one(phase: str) -> tuple[float, object]:
        with Evil(lambda _: DRIPS[phase]) as evil:
            return asked(evil)

    phases = list(DRIPS)
    found = side_by_side([lambda phase=phase: one(phase) for phase in phases])

    for phase, (seconds, outcome) in zip(phases, found, strict=True):  # type: ignore[misc]
        assert isinstance(outcome, NoAnswer), phase
        assert outcome.kind == "lost", phase
        assert seconds < 4, phase


def test_a_handshake_that_never_ends_is_cut_like_anything_else() -> None:
    """TLS has taken the socket away by then."""
    base = read_base("https://127.0.0.1:1/fhir")
    with Evil(lambda _: None, on_connect=no_handshake) as evil:
        url = evil.base_url.replace("http:", "https:")
        one = RequestsExchange(
            base, Credentials(Fixed({}), None), clock=SystemClock(), limits=LIMITS
        )
        seconds, outcome = waited(lambda: one.send(Request("GET", url, "search")))
        one.close()

    assert isinstance(outcome, NoAnswer)
    assert seconds < 4


@pytest.mark.parametrize("phase", ["silence", "headers", "gzip body"])
def test_a_run_that_is_to_end_cuts_a_read_at_once_and_gives_a_write_a_moment(phase: str) -> None:
    """What a write came to is worth waiting for a little; a read can be done again."""

    def one(repeat: str) -> tuple[float, object]:
        stop = Stop(SystemClock(), timedelta(hours=1))
        with Evil(lambda _: DRIPS[phase]) as evil:
            threading.Thread(target=lambda: evil.first.wait(5) and stop.asked.set()).start()
            patient = RequestsExchange(
                read_base(evil.base_url),
                Credentials(Fixed({}), None),
                clock=SystemClock(),
                stop=stop,
            )
            request = Request("GET", f"{evil.base_url}/x", "x", repeat=repeat)  # type: ignore[arg-type]
            try:
                return waited(lambda: patient.send(request))
            finally:
                patient.close()

    (reading, read), (writing, written) = side_by_side(  # type: ignore[misc]
        [lambda: one("read"), lambda: one("once")]
    )

    assert isinstance(read, Interrupted)
    assert reading < 1.5
    assert written == NoAnswer("lost", "the run is to end")
    assert 2 < writing < 4


# Whole commands -------------------------------------------------------------------------------

# Where the evil begins, by what stands in the address: the first and a later question.
PLACES = {"metadata": "metadata", "search": "Observation", "late search": "Specimen"}
COMMANDS: dict[str, tuple[str, ...]] = {
    "retract": ("retract", "--run", "none"),
    "sync": ("sync", "--as-of", AS_OF),
    "dry run": ("sync", "--dry-run", "--as-of", AS_OF),
    "plan": ("plan", "--as-of", AS_OF),
    "reconcile": ("reconcile",),
    "explain": ("explain", "--patient", PATIENTS[0], "--as-of", AS_OF),
    "doctor": ("doctor",),
    "bulk": ("bulk", "--out", "export"),
}
IMPATIENT = 'source: read_timeout = "2s"\nrun: max_runtime = "{}"'


def check_consistent(site: HostileSite, ended: Ended, good_base: str) -> None:
    """The state can be read, and the next run on a good server does all that is left."""
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr
    site.point_to(good_base)
    again = site.run("sync", "--as-of", AS_OF)
    assert again.code == 0, again.stderr
    assert site.run("state", "check").code == 0


def ended_by(
    folder: Path, command: str, phase: str, place: str, how: str, *, check: bool = True
) -> Ended:
    """Run a command against a server that drips somewhere; end it by a signal or its deadline."""
    part = "$export" if command == "bulk" else PLACES[place]
    settings = IMPATIENT.format("4s" if how == "max_runtime" else "10m")
    with evil_site(folder, at(part, DRIPS[phase]), settings) as (site, evil, good):
        signals = [] if how == "max_runtime" else [getattr(signal, how)]
        ended = site.run(*COMMANDS[command], until=evil.first if signals else None, signals=signals)
        if check:
            check_consistent(site, ended, good.base_url)
    return ended


def judged(ended: Ended, how: str) -> None:
    """The right code, in time; where all cores are taken a process waits for its turn as well."""
    soon = SOON * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    if how == "max_runtime":
        # Starting the interpreter is not counted by the run itself.
        assert ended.seconds < 4 + soon + 1, ended
        assert ended.code == 75, ended
    else:
        assert ended.seconds < soon, ended
        assert ended.code == 128 + getattr(signal, how), ended


def test_sync_ends_in_time_in_any_phase(tmp_path: Path) -> None:
    """By SIGTERM and by its deadline, and the next run does the rest."""
    cases = [
        ("sync", "gzip body", "late search", "SIGTERM"),
        ("sync", "headers", "metadata", "max_runtime"),
        ("bulk", "100 Continue", "metadata", "SIGTERM"),
        ("doctor", "silence", "metadata", "SIGINT"),
        ("explain", "headers", "search", "SIGTERM"),
    ]
    found = side_by_side(
        [
            lambda case=case, place=place: ended_by(tmp_path / str(place), *case, check=not place)
            for place, case in enumerate(cases)
        ]
    )

    for case, ended in zip(cases, found, strict=True):
        judged(ended, case[-1])  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["SIGTERM", "max_runtime"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_ends_in_time_in_every_phase(
    command: str, how: str, tmp_path: Path
) -> None:
    """Each command, each drip, at the first question and a later one."""
    places = ["metadata"] if command in ("bulk", "retract") else ["metadata", "search"]
    cases = [(phase, place) for phase in DRIPS for place in places]
    ends = []
    for number, (phase, place) in enumerate(cases):
        check = number % 6 == 0
        folder = tmp_path / str(number)
        ended = ended_by(folder, command, phase, place, how, check=check)
        judged(ended, how)
        ends.append(ended.seconds)
    print(f"{command}, {how}: {len(cases)} drips, the slowest end after {max(ends):.1f} s")
