"""What is too much for a server in one question is asked in smaller ones, and never left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from fhir_remission.effects.http.transport import Answer
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import BrokeOff, ReadIncomplete
from fhir_remission.fhir.server.queries import Query, delta_queries, observation_queries
from tests.effects.conftest import FakeClock
from tests.effects.test_client import ANC, PLATELETS, N, reading

CODES = [ANC, PLATELETS, *(("http://loinc.org", f"{n}-0") for n in range(6))]
Asked = dict[str, list[str]]
Judge = Callable[[Asked], Answer | Exception | None]


@contextmanager
def overloaded(clock: FakeClock, judge: Judge) -> Iterator[tuple[FhirClient, list[Asked]]]:
    """A client whose server answers some first pages otherwise; what was asked is kept."""
    asked: list[Asked] = []
    with reading(clock) as chain:
        original = chain.client.transport.post_search

        def post(url: str, form: str, label: str, headers: Any) -> Answer:
            asked.append(parse_qs(form))
            found = judge(asked[-1])
            if isinstance(found, Exception):
                raise found
            return found or original(url, form, label, headers)

        chain.client.transport.post_search = post  # type: ignore[method-assign]
        yield chain.client, asked


def codes_of(asked: Asked) -> int:
    """How many codes one search asked for."""
    return asked["code"][0].count(",") + 1


def wide(profile_of: FhirClient) -> Query:
    """The counts of one patient by eight codes."""
    (query,) = observation_queries(["p1"], CODES, profile_of.profile)
    return query


def failed(status: int) -> Answer:
    """An answer that is none."""
    return Answer(status, {}, b"", "")


@pytest.mark.parametrize("trouble", [failed(500), BrokeOff("no answer in time, 5 times")])
def test_a_search_by_many_codes_is_cut_until_it_is_answered(
    clock: FakeClock, trouble: Answer | Exception
) -> None:
    """Every count is found, by questions of two codes."""

    def judge(asked: Asked) -> Answer | Exception | None:
        return trouble if codes_of(asked) > 2 else None

    with overloaded(clock, judge) as (client, asked):
        found = client.search(wide(client))

    assert found.complete, found.incomplete
    assert len(found.entries) == N
    assert sorted(codes_of(one) for one in asked) == [2, 2, 2, 2, 4, 4, 8]


def test_what_the_smallest_question_breaks_off_on_is_told_and_nothing_taken_for_empty(
    clock: FakeClock,
) -> None:
    """Bounded: no question is asked twice, and the rest is not asked at all."""
    with overloaded(clock, lambda _: failed(500)) as (client, asked):
        found = client.search(wide(client))
        assert "status 500" in " ".join(found.incomplete)
        assert [codes_of(one) for one in asked] == [8, 4, 2, 1]

    with (
        overloaded(clock, lambda _: BrokeOff("no answer in time")) as (client, _),
        pytest.raises(BrokeOff),
    ):
        client.search(wide(client))


def test_a_next_link_that_is_too_long_is_not_asked_for_again_but_shortened(
    clock: FakeClock,
) -> None:
    """404 or 414 to a link that repeats the codes: fewer codes, not the same once more."""
    for status in (404, 414):
        codes: list[int] = []
        with reading(clock) as chain:
            transport = chain.client.transport
            _refuse_long_links(transport, codes, status)
            found = chain.client.search(wide(chain.client))

        assert found.complete, found.incomplete
        assert len(found.entries) == N
        assert codes == [8, 4, 4, 2, 2]


def _refuse_long_links(transport: Any, codes: list[int], status: int) -> None:
    original, first = transport.get, transport.post_search

    def get(url: str, label: str, headers: Any) -> Answer:
        return failed(status) if codes[-1] > 2 else original(url, label, headers)

    def post(url: str, form: str, label: str, headers: Any) -> Answer:
        codes.append(codes_of(parse_qs(form)))
        return first(url, form, label, headers)

    transport.get, transport.post_search = get, post


def test_a_window_is_halved_where_it_is_too_much(clock: FakeClock) -> None:
    """The rows of both halves, and the newest of them all."""

    def judge(asked: Asked) -> Answer | None:
        return None if len(asked["_lastUpdated"]) > 1 or narrow(asked) else failed(500)

    def narrow(asked: Asked) -> bool:
        return asked["_lastUpdated"][0] > "ge2000-01-02"

    with overloaded(clock, judge) as (client, asked):
        profile = msgspec.structs.replace(client.profile, delta="_lastUpdated")
        since, until = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00.000000Z"
        query = delta_queries(["p1"], [ANC], since, profile, until=until)[0]
        found = client.search(query)

    assert found.complete, found.incomplete
    assert len(found.entries) == N
    assert found.newest
    assert [len(one["_lastUpdated"]) for one in asked] == [1, 2, 1]


def test_pages_too_large_for_us_are_asked_for_with_fewer_rows(clock: FakeClock) -> None:
    """Over our own limit: a quarter of the rows, then incomplete."""

    def judge(asked: Asked) -> Exception | None:
        small = int(asked["_count"][0]) < 30
        return None if small else ReadIncomplete("answer over 32 MiB")

    with overloaded(clock, judge) as (client, asked):
        profile = msgspec.structs.replace(client.profile, page_size=100)
        (query,) = observation_queries(["p1"], [ANC], profile)
        found = client.search(query)
    assert found.complete, found.incomplete
    assert [one["_count"] for one in asked] == [["100"], ["25"]]

    with overloaded(clock, lambda _: ReadIncomplete("answer over 32 MiB")) as (client, asked):
        (query,) = observation_queries(["p1"], [ANC], profile)
        found = client.search(query)
    assert found.incomplete == ("answer over 32 MiB",)
    assert [one["_count"] for one in asked] == [["100"], ["25"], ["6"]]
