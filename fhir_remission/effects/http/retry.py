"""When to send again: by method, by what came back, and never sooner than asked.

urllib3's own Retry never repeats a POST and honours Retry-After for three statuses only, so the
loop is ours. A write whose fate nobody knows is never blindly repeated unless repeating is safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from msgspec import Struct

from fhir_remission.effects.http.line import GRACE
from fhir_remission.effects.http.transport import (
    Answer,
    Exchange,
    NoAnswer,
    OutcomeUnknown,
    Request,
    Traffic,
)
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.effects.process.logs import get_logger
from fhir_remission.errors import (
    BrokeOff,
    ReadIncomplete,
    RemissionError,
    RequestRefused,
    SettingsError,
    Unreachable,
)

_LOG = get_logger()
Draw = Callable[[], float]
"""A random number in [0, 1)."""

# Not executed by definition: safe to repeat for every kind of request.
BUSY = frozenset({429, 503})
LONGEST_MEANT = 366 * 86400.0
# The server, or something before it, gave up on a request that it may have carried out.
UNCERTAIN = frozenset({408, 425, 500, 502, 504})


class RetryPolicy(Struct, frozen=True):
    """Full jitter between attempts; at most this often, this long, and this much of a run."""

    attempts: int = 5
    # Oracle Health answers 500 to permanent mistakes too: two more tries, not four.
    attempts_on_500: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    max_wait_seconds: float = 600.0
    budget: int = 50
    budget_share: float = 0.1


class TokenBucket:
    """At most `rate` requests a second over all chains to one server."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._at = max(1.0, rate), clock.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for a turn."""
        with self._lock:
            now = self._clock.monotonic()
            full = max(1.0, self._rate)
            self._tokens = min(full, self._tokens + (now - self._at) * self._rate) - 1.0
            self._at = now
            wait = max(0.0, -self._tokens / self._rate)
        if wait:
            self._clock.sleep(wait)


class Persistence(Struct):
    """All that the loop needs besides the request: shared by the chains of one server."""

    host: str
    clock: Clock
    draw: Draw
    stop: Stop
    bucket: TokenBucket
    traffic: Traffic
    renew: Callable[[], bool]
    """Get a new token; False when there is none to get."""
    policy: RetryPolicy = RetryPolicy()
    only_reads: bool = False
    """May the run end between any two requests, not only between two patients?"""


class _Attempt(Struct, frozen=True):
    """What to do after one attempt."""

    do: Literal["finish", "wait", "renew", "unknown", "fail"]
    reason: str = ""
    at_least: float = 0.0
    error: type[RemissionError] = Unreachable


def persist(request: Request, exchange: Exchange, how: Persistence) -> Answer | OutcomeUnknown:
    """Send until there is a final answer, or say that there will be none."""
    renewed, maybe_done, left = False, False, how.policy.max_wait_seconds
    for attempt in range(1, how.policy.attempts + 2):
        how.bucket.take()
        if how.only_reads or how.stop.overdue() > GRACE:
            how.stop.check()
        began = how.clock.monotonic()
        outcome = exchange.send(request)
        _log(request, outcome, attempt, how, began)
        maybe_done = maybe_done or _may_be_done(request, outcome)
        next_step = _decide(request, outcome, attempt - renewed, renewed=renewed, how=how)
        if next_step.do == "finish" and isinstance(outcome, Answer):
            return outcome
        if next_step.do == "renew" and isinstance(outcome, Answer):
            if not how.renew():
                return outcome
            renewed = True
            continue
        if next_step.do == "wait":
            next_step, seconds = _wait(next_step, attempt, left, how)
            left -= seconds
        if next_step.do != "wait":
            return _end(request, next_step, how, maybe_done=maybe_done)
    return _end(request, _Attempt("fail", "too many attempts"), how, maybe_done=maybe_done)


def _log(
    request: Request, outcome: Answer | NoAnswer, attempt: int, how: Persistence, began: float
) -> None:
    _LOG.debug(
        "request",
        server=how.host,
        label=request.label,
        method=request.method,
        attempt=attempt,
        status=outcome.status if isinstance(outcome, Answer) else outcome.kind,
        bytes=len(outcome.body) if isinstance(outcome, Answer) else 0,
        ms=round((how.clock.monotonic() - began) * 1000),
    )


def _may_be_done(request: Request, outcome: Answer | NoAnswer) -> bool:
    if request.repeat == "read":
        return False
    if isinstance(outcome, NoAnswer):
        return outcome.kind in {"lost", "too-large"}
    return outcome.status in UNCERTAIN


def _decide(
    request: Request,
    outcome: Answer | NoAnswer,
    attempt: int,
    *,
    renewed: bool,
    how: Persistence,
) -> _Attempt:
    if isinstance(outcome, NoAnswer):
        return _after_no_answer(request, outcome, attempt, how.policy)
    if outcome.status == 401 and not renewed:
        return _Attempt("renew")
    if outcome.status not in BUSY | UNCERTAIN:
        return _Attempt("finish")
    reason = f"status {outcome.status}"
    if outcome.status in UNCERTAIN and request.repeat == "once":
        return _Attempt("unknown", reason)
    if outcome.status == 500 and attempt >= how.policy.attempts_on_500:
        return _Attempt("unknown", reason) if request.repeat != "read" else _Attempt("finish")
    if attempt >= how.policy.attempts:
        return _Attempt("fail", f"{reason} after {attempt} attempts", error=BrokeOff)
    asked = asked_to_wait(outcome.headers, how.clock.now())
    return _Attempt("wait", reason, asked, error=BrokeOff)


def _after_no_answer(
    request: Request, outcome: NoAnswer, attempt: int, policy: RetryPolicy
) -> _Attempt:
    if outcome.kind == "too-large":
        return _Attempt("fail", outcome.reason, error=ReadIncomplete)
    if outcome.kind == "redirected":
        return _Attempt("fail", outcome.reason, error=RequestRefused)
    if outcome.kind == "settings":
        return _Attempt("fail", outcome.reason, error=SettingsError)
    if outcome.kind == "untrusted":
        return _Attempt("fail", outcome.reason)
    if outcome.kind == "lost" and request.repeat == "once":
        return _Attempt("unknown", outcome.reason)
    error = BrokeOff if outcome.kind == "lost" else Unreachable
    if attempt >= policy.attempts:
        return _Attempt("fail", f"{outcome.reason}, {attempt} times", error=error)
    return _Attempt("wait", outcome.reason, error=error)


def _wait(step: _Attempt, attempt: int, left: float, how: Persistence) -> tuple[_Attempt, float]:
    """Wait as long as was asked for or drawn, or turn the step into giving up; and how long.

    `left` is what all waits of one request may still take.
    """
    policy, traffic = how.policy, how.traffic
    jitter = how.draw() * min(policy.cap_seconds, policy.base_seconds * 2 ** (attempt - 1))
    seconds = max(step.at_least, min(jitter, left))
    if step.at_least > left:
        return _given_up(f"asks to wait {step.at_least:.0f} s, longer than max_wait")
    if left <= 0:
        # It answered, and not on this question: the next one may do.
        return _given_up(f"{step.reason}, {attempt} times within max_wait", step.error)
    if seconds > how.stop.remaining():
        return _given_up(f"{step.reason}; no time left in this run to wait {seconds:.0f} s")
    if not traffic.retry(seconds, policy.budget, policy.budget_share):
        return _given_up(f"{step.reason}; the run has used up its retries")
    _LOG.info("waiting", server=how.host, reason=step.reason, seconds=round(seconds, 1))
    how.clock.sleep(seconds)
    how.stop.check()
    return step, seconds


def _given_up(reason: str, error: type[RemissionError] = Unreachable) -> tuple[_Attempt, float]:
    return _Attempt("fail", reason, error=error), 0.0


def _end(request: Request, step: _Attempt, how: Persistence, *, maybe_done: bool) -> OutcomeUnknown:
    message = f"{how.host}: {request.label}: {step.reason}"
    if step.do == "unknown" or maybe_done:
        return OutcomeUnknown(message)
    raise step.error(message)


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> float:
    """Read how many seconds the server wants us to stay away: three ways to say so."""
    return max(
        _number(headers.get("x-ms-retry-after-ms", "")) / 1000,
        _number(headers.get("retry-after", "")),
        _until(headers.get("retry-after", ""), read_http_date(headers.get("date", "")) or now),
    )


def _number(text: str) -> float:
    text = text.strip()
    return _credible(float(text[:12]) if text.isascii() and text.isdigit() else 0.0)


def _until(text: str, now: datetime) -> float:
    # Its date is meant by its clock, not by ours.
    later = read_http_date(text)
    return _credible((later - now).total_seconds() if later else 0.0)


def _credible(seconds: float) -> float:
    """As long as somebody may mean; what asks for years is no answer to how long."""
    return seconds if seconds < LONGEST_MEANT else 0.0


# Beyond them sums with a date leave what a date can be.
_FIRST, _LAST = 1970, 2200


def read_http_date(text: str) -> datetime | None:
    """Read a date, in UTC; None for what is none, or lies where no server lives."""
    try:
        read = parsedate_to_datetime(text)
        if not _FIRST <= read.year <= _LAST:
            return None
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
