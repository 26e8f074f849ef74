"""Time is kept: whatever a server drips and wherever, a request, a run and a process end."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from fhir_remission.effects.http.auth import Credentials, Fixed
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.transport import Limits, NoAnswer, Request, RequestsExchange
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.errors import Interrupted
from tests.hostile.crossing import cold, crossed, judged
from tests.hostile.evil import DRIPS, Evil, no_handshake, waited
from tests.hostile.processes import side_by_side

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


def test_a_command_ends_in_time_in_any_phase(tmp_path: Path) -> None:
    """By a signal and by its deadline, as whole processes; the cross of all is in `test_cross`."""
    cases = [
        ("sync", "gzip body", "late search", "SIGTERM"),
        ("sync", "headers", "metadata", "max_runtime"),
        ("bulk", "100 Continue", "$export", "SIGTERM"),
        ("doctor", "silence", "metadata", "SIGINT"),
        ("explain", "headers", "search", "SIGTERM"),
        ("apply", "body", "write", "SIGTERM"),
        ("retry", "chunks", "search", "SIGINT"),
    ]
    found = side_by_side(
        [
            lambda case=case, place=place: crossed(tmp_path / str(place), *case, ran=cold)
            for place, case in enumerate(cases)
        ]
    )

    for case, ended in zip(cases, found, strict=True):
        judged(ended, case[-1])  # type: ignore[arg-type]
