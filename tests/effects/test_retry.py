"""When a request is sent again: by its kind, by what came back, never sooner than asked."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Literal

import msgspec
import pytest

from fhir_remission.effects.http.retry import (
    Persistence,
    RetryPolicy,
    TokenBucket,
    asked_to_wait,
    persist,
)
from fhir_remission.effects.http.transport import (
    Answer,
    NoAnswer,
    OutcomeUnknown,
    Request,
    Traffic,
)
from fhir_remission.effects.process.clock import Stop
from fhir_remission.errors import Interrupted, ReadIncomplete, RequestRefused, Unreachable
from tests.effects.conftest import FakeClock

Kind = Literal["read", "repeatable", "once"]
LOST = NoAnswer("lost", "no answer in time")
UNSENT = NoAnswer("unsent", "connection refused")


class Scripted:
    """An exchange that answers from a list, the last one for ever."""

    def __init__(self, *outcomes: Answer | NoAnswer) -> None:
        self.outcomes, self.sent = list(outcomes), 0

    def send(self, request: Request) -> Answer | NoAnswer:
        """Answer the next one."""
        self.sent += 1
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


def status(code: int, **headers: str) -> Answer:
    """An answer of nothing but a status."""
    return Answer(code, {k.replace("_", "-"): v for k, v in headers.items()}, b"", "https://x/y")


@pytest.fixture
def how(clock: FakeClock, stop: Stop) -> Persistence:
    """The loop's surroundings: draws of one half, no token to renew."""
    return Persistence(
        host="https://x",
        clock=clock,
        draw=lambda: 0.5,
        stop=stop,
        bucket=TokenBucket(1e9, clock),
        traffic=Traffic(),
        renew=lambda: False,
        policy=RetryPolicy(),
    )


def request(repeat: Kind) -> Request:
    """A request of one kind."""
    return Request("GET", "https://x/y", "search Observation", repeat=repeat)


Verdict = Literal["again", "final", "unknown"]


@pytest.mark.parametrize(
    ("outcome", "read", "repeatable", "once"),
    [
        (UNSENT, "again", "again", "again"),
        (LOST, "again", "again", "unknown"),
        (status(502), "again", "again", "unknown"),
        (status(504), "again", "again", "unknown"),
        (status(408), "again", "again", "unknown"),
        (status(425), "again", "again", "unknown"),
        (status(429), "again", "again", "again"),
        (status(503), "again", "again", "again"),
        (status(500), "again", "again", "unknown"),
        (status(400), "final", "final", "final"),
        (status(403), "final", "final", "final"),
        (status(404), "final", "final", "final"),
        (status(409), "final", "final", "final"),
        (status(410), "final", "final", "final"),
        (status(412), "final", "final", "final"),
        (status(422), "final", "final", "final"),
        (status(401), "final", "final", "final"),
    ],
    ids=lambda value: str(getattr(value, "status", getattr(value, "kind", value))),
)
@pytest.mark.parametrize("kind", ["read", "repeatable", "once"])
def test_what_happens_after_one_bad_attempt(
    how: Persistence,
    outcome: Answer | NoAnswer,
    read: Verdict,
    repeatable: Verdict,
    once: Verdict,
    kind: Kind,
) -> None:
    """The whole table: a plain POST is never repeated when it may have been carried out."""
    expected = {"read": read, "repeatable": repeatable, "once": once}[kind]
    exchange = Scripted(outcome, status(200))

    result = persist(request(kind), exchange, how)

    if expected == "again":
        assert isinstance(result, Answer)
        assert (result.status, exchange.sent) == (200, 2)
    elif expected == "final":
        assert result is outcome
    else:
        assert isinstance(result, OutcomeUnknown)
        assert exchange.sent == 1


def test_a_server_that_stays_busy_ends_the_run_for_now(how: Persistence) -> None:
    """Five attempts, then exit 75, naming host and kind of request and nothing else."""
    exchange = Scripted(status(503))

    with pytest.raises(Unreachable, match=r"^https://x: search Observation: status 503 after 5"):
        persist(request("read"), exchange, how)

    assert exchange.sent == 5


def test_a_500_is_tried_three_times_and_then_is_the_answer(how: Persistence) -> None:
    """Oracle Health answers 500 to permanent mistakes: one patient's loss, not the run's."""
    exchange = Scripted(status(500))

    result = persist(request("read"), exchange, how)

    assert isinstance(result, Answer)
    assert (result.status, exchange.sent) == (500, 3)


def test_a_write_that_may_have_happened_is_unknown_when_attempts_run_out(how: Persistence) -> None:
    """Lost once and refused as busy from then on: nobody knows."""
    assert isinstance(
        persist(request("repeatable"), Scripted(LOST, status(503)), how), OutcomeUnknown
    )
    assert isinstance(persist(request("repeatable"), Scripted(status(500)), how), OutcomeUnknown)
    with pytest.raises(Unreachable):
        persist(request("repeatable"), Scripted(status(503)), how)


def test_full_jitter_grows_to_its_cap(how: Persistence, clock: FakeClock) -> None:
    """Half of 1, 2, 4, 8 seconds with draws of one half."""
    with pytest.raises(Unreachable):
        persist(request("read"), Scripted(UNSENT), how)

    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


def test_retry_after_is_never_undercut(how: Persistence, clock: FakeClock) -> None:
    """A server that wants 120 s gets 120 s, whatever we would have waited."""
    persist(request("read"), Scripted(status(429, retry_after="120"), status(200)), how)

    assert clock.slept == [120.0]


def test_retry_after_is_read_in_all_its_forms(clock: FakeClock) -> None:
    """Seconds, an HTTP date, Azure's milliseconds; the longest of them counts."""
    later = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True)

    assert asked_to_wait({"retry-after": "7"}, clock.now()) == 7.0
    assert asked_to_wait({"retry-after": later}, clock.now()) == 90.0
    ahead = format_datetime(clock.now() + timedelta(seconds=60), usegmt=True)
    assert asked_to_wait({"retry-after": later, "date": ahead}, clock.now()) == 30.0
    assert asked_to_wait({"x-ms-retry-after-ms": "1500"}, clock.now()) == 1.5
    assert asked_to_wait({"x-ms-retry-after-ms": "1500", "retry-after": "2"}, clock.now()) == 2.0


@pytest.mark.parametrize("odd", ["", "soon", "-5", "١٢", "1e9", "Wed, 99 Foo 2026", "٣", "9" * 400])
def test_an_odd_retry_after_does_no_harm(clock: FakeClock, odd: str) -> None:
    """Neither an exception nor a negative wait."""
    assert asked_to_wait({"retry-after": odd, "x-ms-retry-after-ms": odd}, clock.now()) >= 0.0


def test_a_wait_longer_than_allowed_ends_the_run(how: Persistence, clock: FakeClock) -> None:
    """Hours of Retry-After are the scheduler's to wait, not ours."""
    exchange = Scripted(status(503, retry_after="7200"))

    with pytest.raises(Unreachable, match="7200 s, longer than max_wait"):
        persist(request("read"), exchange, how)

    assert (exchange.sent, clock.slept) == (1, [])


def test_a_wait_beyond_the_deadline_ends_the_run_at_once(
    how: Persistence, clock: FakeClock
) -> None:
    """There is no point in sleeping into one's own deadline."""
    short = msgspec.structs.replace(how, stop=Stop(clock, timedelta(seconds=30)))

    with pytest.raises(Unreachable, match="no time left in this run"):
        persist(request("read"), Scripted(status(429, retry_after="60")), short)

    assert clock.slept == []


def test_retries_are_budgeted_over_the_run(how: Persistence) -> None:
    """A server that fails every other request does not keep us for a night."""
    meagre = msgspec.structs.replace(how, policy=RetryPolicy(budget=3, budget_share=0.0))
    for _ in range(3):
        persist(request("read"), Scripted(status(503), status(200)), meagre)

    with pytest.raises(Unreachable, match="used up its retries"):
        persist(request("read"), Scripted(status(503), status(200)), meagre)


def test_a_signal_during_a_wait_ends_the_run(how: Persistence) -> None:
    """SIGTERM need not wait for the server."""
    how.stop.asked.set()

    with pytest.raises(Interrupted):
        persist(request("read"), Scripted(status(503)), how)


def test_a_token_is_renewed_once(how: Persistence) -> None:
    """A second 401 is the answer."""
    renewed: list[int] = []

    def renew() -> bool:
        renewed.append(1)
        return True

    renewing = msgspec.structs.replace(how, renew=renew)
    good = persist(request("once"), Scripted(status(401), status(201)), renewing)
    bad = persist(request("read"), Scripted(status(401)), renewing)

    assert isinstance(good, Answer)
    assert isinstance(bad, Answer)
    assert (good.status, bad.status, len(renewed)) == (201, 401, 2)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (NoAnswer("too-large", "answer over 32 MiB"), ReadIncomplete),
        (NoAnswer("redirected", "leads elsewhere"), RequestRefused),
        (NoAnswer("untrusted", "its certificate was refused"), Unreachable),
    ],
)
def test_what_no_retry_can_help_is_told_at_once(
    how: Persistence, outcome: NoAnswer, error: type[Exception]
) -> None:
    """One attempt, and the error that says whose move it is."""
    exchange = Scripted(outcome)

    with pytest.raises(error):
        persist(request("read"), exchange, how)

    assert exchange.sent == 1


def test_the_bucket_spaces_requests_out(clock: FakeClock) -> None:
    """Ten a second: a burst of ten, then a tenth of a second each."""
    bucket = TokenBucket(10.0, clock)

    for _ in range(30):
        bucket.take()

    assert clock.passed == pytest.approx(2.0)
