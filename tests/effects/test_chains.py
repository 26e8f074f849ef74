"""Several chains at once: the same results in the same order, and one end for all of them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import cast

import pytest
import structlog

from fhir_remission.effects.http.smart import TokenHeaders
from fhir_remission.effects.http.transport import Answer, NoAnswer, Request, Traffic
from fhir_remission.effects.process.clock import Stop
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.parallel_reads import AHEAD, Chains
from fhir_remission.errors import Interrupted, LoginRefused, SafetyStop, Unreachable
from tests.effects.conftest import FakeClock
from tests.effects.test_login import refused, token, tokens

Read = Callable[[FhirClient, int], int]


def chains(count: int, stop: Stop) -> Chains:
    """Chains whose clients are numbers: what is read is up to the test."""
    return Chains(cast(tuple[FhirClient, ...], tuple(range(count))), stop)


@pytest.mark.parametrize("count", [1, 2, 4, 16])
def test_results_come_in_the_order_of_the_questions(stop: Stop, count: int) -> None:
    """Whoever is faster."""

    def read(_: FhirClient, item: int) -> int:
        time.sleep(0.001 * (item * 7 % 5))
        return item * item

    assert list(chains(count, stop).in_order(read, range(40))) == [n * n for n in range(40)]
    assert not stop.asked.is_set()


def test_each_chain_is_used_by_one_thread_at_a_time(stop: Stop) -> None:
    """A Session is not made for two; and all of them are in use."""
    using: dict[object, threading.Lock] = {n: threading.Lock() for n in range(3)}
    together = threading.Barrier(3, timeout=10)

    def read(client: FhirClient, item: int) -> int:
        assert using[client].acquire(blocking=False)
        if item < 3:
            together.wait()
        time.sleep(0.001)
        using[client].release()
        return item

    assert len(list(chains(3, stop).in_order(read, range(30)))) == 30


def test_they_read_a_bounded_way_ahead(stop: Stop) -> None:
    """A judge that takes its time holds the readers up, so that memory stays small."""
    begun: list[int] = []

    def read(_: FhirClient, item: int) -> int:
        begun.append(item)
        return item

    with closing(chains(4, stop).in_order(read, itertools.count())) as reading:
        taken = [next(reading) for _ in range(10)]

    assert taken == list(range(10))
    assert max(begun) <= 10 + 4 * AHEAD
    assert stop.asked.is_set()


@pytest.mark.parametrize("count", [1, 4])
def test_an_error_comes_where_its_result_would_have_come(stop: Stop, count: int) -> None:
    """What was read before it is not lost."""

    def read(_: FhirClient, item: int) -> int:
        if item == 5:
            raise Unreachable("busy")
        return item

    taken: list[int] = []
    with pytest.raises(Unreachable, match="busy"):
        taken.extend(chains(count, stop).in_order(read, range(40)))

    assert taken == [] or taken == list(range(5))
    reading = chains(count, Stop(FakeClock())).in_order(read, range(40))
    assert [next(reading) for _ in range(5)] == list(range(5))


@pytest.mark.parametrize("alarm", [SafetyStop("a stranger"), LoginRefused("no")])
def test_an_alarm_ends_the_run_before_anything_read_earlier_is_judged(
    stop: Stop, alarm: SafetyStop | LoginRefused
) -> None:
    """It is raised at the next look at `stop`, which is before the next patient."""
    alarmed = threading.Event()

    def read(_: FhirClient, item: int) -> int:
        if item == 3:
            alarmed.set()
            raise alarm
        return item

    reading = chains(4, stop).in_order(read, range(40))
    assert next(reading) == 0
    assert alarmed.wait(10)
    assert stop.asked.wait(10)
    with pytest.raises(type(alarm), match=str(alarm)):
        stop.check()
    reading.close()


def test_a_signal_ends_chains_that_wait(stop: Stop) -> None:
    """Those in the middle of a search as well: each request asks first."""
    looked = threading.Event()

    def read(_: FhirClient, item: int) -> int:
        for _ in range(10_000):
            stop.check()
            looked.set()
            time.sleep(0.001)
        return item

    reading = chains(2, stop).in_order(read, range(8))
    threading.Thread(target=lambda: looked.wait(10) and stop.asked.set()).start()
    with pytest.raises(Interrupted):
        next(reading)


def test_the_log_of_a_chain_knows_its_run(stop: Stop) -> None:
    """Context variables do not cross threads by themselves."""
    structlog.contextvars.bind_contextvars(run_id="r1")
    try:
        seen = chains(2, stop).in_order(
            lambda _, __: structlog.contextvars.get_contextvars().get("run_id"), range(4)
        )
        assert list(seen) == ["r1"] * 4
    finally:
        structlog.contextvars.clear_contextvars()


class SlowTokens:
    """A token endpoint that takes a moment; counts what it was asked."""

    def __init__(self, answer: Callable[[int], Answer | NoAnswer]) -> None:
        self.answer, self.asked = answer, 0

    def send(self, _: Request) -> Answer | NoAnswer:
        """Answer the next one."""
        self.asked += 1
        number = self.asked
        time.sleep(0.02)
        return self.answer(number)


def at_once(count: int, do: Callable[[int], object]) -> list[object]:
    """Do something on several threads; exceptions are results."""
    found: list[object] = [None] * count
    gate = threading.Barrier(count, timeout=10)

    def work(number: int) -> None:
        gate.wait()
        try:
            found[number] = do(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return found


def _headers(clock: FakeClock, server: SlowTokens) -> TokenHeaders:
    return tokens(clock, server)  # type: ignore[arg-type]


def test_one_token_for_all_chains_and_one_new_one_when_it_is_refused(clock: FakeClock) -> None:
    """Single flight, first and on 401; who holds an old one does not throw the new one away."""
    server = SlowTokens(lambda n: token(f"t{n}"))
    headers = _headers(clock, server)

    first = at_once(8, lambda _: headers.current()["Authorization"])
    assert (server.asked, set(first)) == (1, {"Bearer t1"})
    old = {"Authorization": "Bearer t1"}
    renewed = at_once(8, lambda _: headers.renew(old) and headers.current()["Authorization"])
    assert (server.asked, set(renewed)) == (2, {"Bearer t2"})


def test_a_refused_login_is_not_tried_once_for_each_chain(clock: FakeClock) -> None:
    """Eight wrong logins in a row would lock the account."""
    server = SlowTokens(lambda _: refused(401))
    headers = _headers(clock, server)

    found = at_once(8, lambda _: headers.current())

    assert {type(one) for one in found} == {LoginRefused}
    assert server.asked == 1


def test_retries_are_one_budget_for_all_chains() -> None:
    """Counted and taken in one step."""
    traffic = Traffic()

    allowed = at_once(16, lambda _: sum(traffic.retry(0.0, 50, 0.0) for _ in range(10)))

    assert sum(cast(list[int], allowed)) == traffic.retries == 50
