"""Reading a server that goes wrong: complete, or named as incomplete, and never somebody else's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import requests

from fhir_remission.effects.files.mapping_files import default_dir
from fhir_remission.effects.process.clock import Stop
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.connect import Connection, connect, introduce
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.errors import (
    Conflict,
    LoginRefused,
    ReadIncomplete,
    RequestRefused,
    SafetyStop,
    Unreachable,
)
from fhir_remission.fhir.incoming.versions import latest
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.fhir.server.queries import Query, by_ids, observation_queries
from fhir_remission.rehearsal.listening.server import EmbeddedServer
from fhir_remission.settings import Server
from tests.effects.conftest import FakeClock

ANC = ("http://loinc.org", "751-8")
PLATELETS = ("http://loinc.org", "777-3")
N = 25
PERSONAS = ("generic", "hapi", "epic", "oracle", "azure", "blaze", "sekmet")


def observation(name: str, patient: str = "p1", code: tuple[str, str] = ANC) -> dict[str, Any]:
    """One count."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": code[0], "code": code[1]}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-03-01T08:00:00Z",
        "valueQuantity": {"value": 1.2, "unit": "10*9/L"},
    }


def cohort() -> list[dict[str, Any]]:
    """Two patients, 25 counts each, and codes that nobody asks for."""
    patients = [{"resourceType": "Patient", "id": name} for name in ("p1", "p2")]
    counts = [observation(f"{p['id']}-o{i}", p["id"]) for p in patients for i in range(N)]
    others = [observation(f"x{i}", "p1", ("http://loinc.org", "718-7")) for i in range(5)]
    return [*patients, *counts, *others]


class Chain:
    """A server with its faults, and a client that does not really wait."""

    def __init__(self, server: EmbeddedServer, connection: Connection, client: FhirClient) -> None:
        self.server, self.connection, self.client = server, connection, client

    @property
    def query(self) -> Query:
        """All neutrophil counts of p1, ten a page."""
        return observation_queries(["p1"], [ANC], self.client.profile)[0]


@contextmanager
def reading(
    clock: FakeClock, *faults: str, persona: str = "generic", page_size: int = 10, **options: object
) -> Iterator[Chain]:
    """Serve the cohort and introduce ourselves before the faults begin."""
    with EmbeddedServer(resources=cohort(), persona=persona) as server:
        settings = Server.model_validate({"base_url": server.base_url, "rate": "9999/s", **options})
        stop = Stop(clock, timedelta(hours=8))
        connection = connect(settings, clock=clock, stop=stop, draw=lambda: 0.5)
        known = introduce(connection, default_dir() / "servers").profile
        profile = msgspec.structs.replace(known, page_size=page_size)
        server.faults.set(faults)
        yield Chain(server, connection, connection.client(profile))


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_search_is_read_to_its_last_page_on_every_kind_of_server(
    clock: FakeClock, persona: str
) -> None:
    """The value that decides may stand on page three."""
    with reading(clock, persona=persona) as chain:
        found = chain.client.search(chain.query)

    assert found.complete, found.incomplete
    assert {e.ref for e in found.entries} == {f"Observation/p1-o{i}" for i in range(N)}
    assert found.pages == 3
    assert found.newest


@pytest.mark.parametrize(
    "fault",
    [
        *("relative-next", "duplicate-rows", "expire-page:2", "expire-page:3", "429:3"),
        *("429-date", "truncate:2", "lost-response:2", "slow:1", "row-between-pages"),
    ],
)
def test_faults_that_can_be_overcome_leave_no_trace(clock: FakeClock, fault: str) -> None:
    """Relative links, doubled rows, expired cursors, busy servers, broken answers."""
    with reading(clock, fault) as chain:
        found = chain.client.search(chain.query)
        fired = chain.server.faults.fired

    assert found.complete, found.incomplete
    assert {f"Observation/p1-o{i}" for i in range(N)} <= {e.ref for e in found.entries}
    assert sum(fired.values()) or fault.startswith("lost-response")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("off-origin-next", "leads to"),
        ("next-loop", "in a circle"),
        ("outcome-in-200", "the server reports"),
    ],
)
def test_faults_that_cannot_be_overcome_make_the_read_incomplete(
    clock: FakeClock, fault: str, reason: str
) -> None:
    """Never an answer that looks whole."""
    with reading(clock, fault) as chain:
        found = chain.client.search(chain.query)

    assert not found.complete
    assert reason in " ".join(found.incomplete)


def test_a_page_that_stays_lost_makes_the_read_incomplete(clock: FakeClock) -> None:
    """Two restarts, then the truth."""
    with reading(clock) as chain:
        whole = chain.client.search(chain.query)
        start = chain.server.requests[-1]
        chain.server.faults.set([f"expire-page:2@{n}" for n in range(1, 40)])
        found = chain.client.search(chain.query)

    assert whole.complete
    assert start.status == 200
    assert not found.complete
    assert "expired or broke off again and again" in " ".join(found.incomplete)


def test_a_gzip_bomb_is_no_page(clock: FakeClock) -> None:
    """Dropped by our own limit: incomplete, and the process still small."""
    with reading(clock, "gzip-bomb") as chain:
        found = chain.client.search(chain.query)

    assert "compressed over" in " ".join(found.incomplete) or "MiB" in " ".join(found.incomplete)


def test_a_server_that_ignores_the_patient_is_a_safety_stop(clock: FakeClock) -> None:
    """Exit 5, naming the type and no patient."""
    with reading(clock, "ignore-param:patient") as chain, pytest.raises(SafetyStop) as caught:
        chain.client.search(chain.query)

    assert "search Observation" in str(caught.value)
    assert "p2" not in str(caught.value)


def test_a_foreign_row_among_ours_is_a_safety_stop(clock: FakeClock) -> None:
    """One is enough."""
    with reading(clock, "foreign-patient") as chain, pytest.raises(SafetyStop):
        chain.client.search(chain.query)


def test_a_server_that_ignores_the_code_only_costs_time(clock: FakeClock) -> None:
    """Rows beside the question are dropped and counted."""
    with reading(clock, "ignore-param:code") as chain:
        found = chain.client.search(chain.query)

    assert found.complete
    assert (len(found.entries), found.beside) == (N, 5)


def test_rows_of_a_linked_record_are_not_foreign(clock: FakeClock) -> None:
    """After a merge the server answers with the survivor's rows."""
    with reading(clock, "ignore-param:patient") as chain:
        found = chain.client.search(chain.query, linked=frozenset({"p2"}))

    assert len(found.entries) == 2 * N


def test_the_page_cap_makes_the_read_incomplete(clock: FakeClock) -> None:
    """A cap is not an end."""
    with reading(clock, max_pages=1) as chain:
        found = chain.client.search(chain.query)

    assert "more than 1 pages" in " ".join(found.incomplete)


def test_a_refused_search_is_incomplete_and_not_empty(clock: FakeClock) -> None:
    """HAPI and Epic answer 400 to what they do not like: that is not `no results`."""
    with reading(clock, persona="epic") as chain:
        found = chain.client.search(Query("Observation", (("patient", "p1"),)))

    assert not found.complete
    assert "status 400" in " ".join(found.incomplete)


def test_nothing_found_is_complete(clock: FakeClock) -> None:
    """No data is no error."""
    with reading(clock) as chain:
        found = chain.client.search(
            observation_queries(["p1"], [PLATELETS], chain.client.profile)[0]
        )

    assert found.complete
    assert found.entries == ()


def test_patients_and_codes_stay_out_of_addresses(clock: FakeClock) -> None:
    """POST _search, so that access logs on the way hold no patient."""
    with reading(clock) as chain:
        chain.client.search(chain.query)
        targets = [asked.target for asked in chain.server.requests]

    # Whole words: a cursor is random, and may well hold a p and a 1.
    named = re.compile(r"(?<![A-Za-z0-9_-])(p1|751-8)(?![A-Za-z0-9_-])")
    assert not any(named.search(target) for target in targets)


def test_a_server_without_post_search_is_asked_with_get(clock: FakeClock) -> None:
    """404 or 405 to POST _search: remembered for the type, not asked again."""
    with reading(clock) as chain:
        transport = chain.client.transport
        posted: list[str] = []
        original = transport.post_search

        def refuse(url: str, form: str, label: str, headers: Any) -> Any:
            posted.append(url)
            answer = original(url, form, label, headers)
            return msgspec.structs.replace(answer, status=405)

        transport.post_search = refuse  # type: ignore[method-assign]
        first = chain.client.search(chain.query)
        chain.client.search(chain.query)

    assert first.complete
    assert len(posted) == 1


def test_the_first_page_is_never_from_a_cache(clock: FakeClock) -> None:
    """HAPI keeps identical searches for a minute."""
    with reading(clock) as chain:
        chain.client.search(chain.query)
        searches = [a for a in chain.server.requests if a.target.endswith("_search")]

    assert {name.lower(): v for name, v in searches[0].headers.items()}[
        "cache-control"
    ] == "no-cache"


def test_named_resources_are_read_in_chunks(clock: FakeClock) -> None:
    """Specimens and panel members by `_id` list."""
    with reading(clock) as chain:
        queries = by_ids("Observation", [f"p1-o{i}" for i in range(N)], chain.client.profile)
        found = chain.client.search(queries[0])

    assert len(queries) == 1
    assert len(found.entries) == N


@pytest.mark.parametrize("exact", [True, False])
def test_a_total_larger_than_what_came_is_incomplete(clock: FakeClock, *, exact: bool) -> None:
    """16 million announced, 4 million written, and the run said done (Data Pipes #1109).

    Of a server whose totals are estimates it is a warning.
    """
    with reading(clock) as chain:
        client = chain.client
        client.profile = msgspec.structs.replace(client.profile, total_is_exact=exact)
        transport = chain.client.transport
        original = transport.post_search

        def announce_more(url: str, form: str, label: str, headers: Any) -> Any:
            answer = original(url, form, label, headers)
            body = answer.body.replace(b'"total":25', b'"total":31')
            return msgspec.structs.replace(answer, body=body)

        transport.post_search = announce_more  # type: ignore[method-assign]
        found = chain.client.search(chain.query)

    said = "31 announced, 25 received"
    assert (found.incomplete, found.estimate) == (((said,), "") if exact else ((), said))


def test_messages_name_host_type_and_codes_only(clock: FakeClock) -> None:
    """404 of a read: no id, no address."""
    with reading(clock) as chain, pytest.raises(RequestRefused) as caught:
        chain.client.read("Observation", "CANARY-4711")

    assert caught.value.status == 404
    assert "CANARY" not in str(caught.value)
    assert "read Observation: status 404" in str(caught.value)


def test_a_login_that_is_refused_ends_the_run(clock: FakeClock) -> None:
    """Exit 4, no retry."""
    with EmbeddedServer(resources=cohort(), auth=True) as server:
        settings = Server.model_validate({"base_url": server.base_url, "rate": "9999/s"})
        connection = connect(settings, clock=clock, stop=Stop(clock))
        profile = introduce(connection, default_dir() / "servers").profile
        with pytest.raises(LoginRefused, match="status 401"):
            connection.client(profile).search(observation_queries(["p1"], [ANC], profile)[0])


def test_a_server_that_is_not_there_is_unreachable(clock: FakeClock) -> None:
    """Exit 75, after five attempts."""
    settings = Server.model_validate({"base_url": "http://127.0.0.1:9/fhir", "rate": "9999/s"})
    connection = connect(settings, clock=clock, stop=Stop(clock), draw=lambda: 0.5)

    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9: metadata: connection refused"):
        introduce(connection, default_dir() / "servers")


def test_the_servers_clock_is_known_before_the_first_search(clock: FakeClock) -> None:
    """Watermarks are made of it; ours may be wrong."""
    with EmbeddedServer(faults=["clock-skew:3600"]) as server:
        settings = Server.model_validate({"base_url": server.base_url, "rate": "9999/s"})
        connection = connect(settings, clock=clock, stop=Stop(clock))
        first = introduce(connection, default_dir() / "servers").server_time
        server.faults.stop()
        second = introduce(connection, default_dir() / "servers").server_time

    assert first is not None
    assert second is not None
    assert first - second > timedelta(minutes=59)


def test_a_history_tells_what_changed_and_what_is_gone(clock: FakeClock) -> None:
    """Over all pages; the newest version of each decides."""
    with reading(clock) as chain:
        client = writing(chain)
        client.update(observation("p2-o1", "p2"))
        client.update(observation("p1-o1"))
        requests.delete(f"{chain.server.base_url}/Observation/p1-o1", timeout=5)
        requests.delete(f"{chain.server.base_url}/Observation/p1-o2", timeout=5)
        changes = chain.client.history("Observation", "2000-01-01T00:00:00Z")

    assert changes.incomplete == ()
    assert changes.deleted == {"Observation/p1-o1", "Observation/p1-o2"}
    assert changes.changed["Observation/p2-o1"] == "Patient/p2"
    assert len(changes.changed) == 2 * N + 5 - 2


def test_resources_of_ours_are_read_back_whole_or_not_at_all(clock: FakeClock) -> None:
    """With every field, over all pages; a page that is lost is an error and not a shorter list."""
    with reading(clock) as chain:
        whole = chain.client.search_whole(chain.query)
        chain.server.faults.set(["outcome-in-200"])
        with pytest.raises(ReadIncomplete, match="the server reports"):
            chain.client.search_whole(chain.query)

    assert len(whole) == N
    assert whole[0]["valueQuantity"] == {"value": Decimal("1.2"), "unit": "10*9/L"}


# Writing ------------------------------------------------------------------------------------------


def writing(chain: Chain) -> WritingClient:
    """A client that may write."""
    return chain.connection.writing_client(chain.client.profile)


def test_a_reading_client_has_no_way_to_write(clock: FakeClock) -> None:
    """A dry run is a type, not a flag."""
    with reading(clock) as chain:
        for thing in (chain.client, chain.client.transport):
            names = {name for name in dir(thing) if not name.startswith("_")}
            assert not names & {"write", "create", "update", "update_where", "transaction", "send"}
        with pytest.raises(SafetyStop):
            chain.client.transport.post_search(f"{chain.server.base_url}/Observation", "", "x", {})
        assert not chain.server.requests.unsafe


@pytest.mark.parametrize("persona", ["generic", "oracle"])
def test_a_create_says_where_it_lies_even_without_a_body(clock: FakeClock, persona: str) -> None:
    """Oracle answers 201 with headers only."""
    with reading(clock, persona=persona) as chain:
        resource: dict[str, Json] = observation("ignored")
        del resource["id"]
        written = writing(chain).create(resource)

    assert not isinstance(written, type(None))
    assert written.reference.startswith("Observation/")  # type: ignore[union-attr]
    assert written.version == "1"  # type: ignore[union-attr]


def test_a_lost_create_is_unknown_and_sent_once(clock: FakeClock) -> None:
    """Nobody knows: the caller searches before doing more."""
    with reading(clock, "lost-response:1") as chain:
        outcome = writing(chain).create(observation("new"))
        unsafe = chain.server.requests.unsafe

    assert type(outcome).__name__ == "OutcomeUnknown"
    assert len(unsafe) == 1


def test_a_lost_put_is_not_sent_again(clock: FakeClock) -> None:
    """Somebody may have edited it meanwhile: the caller looks first."""
    with reading(clock, "lost-response:1") as chain:
        written = writing(chain).update(observation("mine"))
        unsafe = chain.server.requests.unsafe

    assert type(written).__name__ == "OutcomeUnknown"
    assert len(unsafe) == 1


@pytest.mark.parametrize("fault", ["409", "412"])
def test_somebody_faster_is_a_conflict(clock: FakeClock, fault: str) -> None:
    """409 and 412 alike."""
    with reading(clock, fault) as chain, pytest.raises(Conflict):
        writing(chain).update(observation("p1-o1"), if_match="1")


def test_a_stale_version_is_a_conflict(clock: FakeClock) -> None:
    """If-Match guards what a person may have edited."""
    with reading(clock) as chain:
        client = writing(chain)
        client.update(observation("p1-o1"), if_match="1")
        with pytest.raises(Conflict):
            client.update(observation("p1-o1"), if_match="1")


def test_a_transaction_comes_back_as_it_was_answered(clock: FakeClock) -> None:
    """Every entry's own status, for the receipt."""
    bundle: dict[str, Json] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": observation("t1"),
                "request": {"method": "PUT", "url": "Observation/t1"},
            }
        ],
    }
    with reading(clock) as chain:
        answer = writing(chain).transaction(bundle, repeatable=True)

    assert isinstance(answer, dict)
    assert answer["type"] == "transaction-response"


@pytest.mark.parametrize("first", ["1.2", "9.9"])
def test_a_row_that_comes_in_two_contents_is_kept_in_both(clock: FakeClock, first: str) -> None:
    """The last one that came would have been believed; which counts is decided by version."""
    with reading(clock) as chain:
        transport = chain.client.transport
        original = transport.post_search

        def say_twice(url: str, form: str, label: str, headers: Any) -> Any:
            answer = original(url, form, label, headers)
            bundle = json.loads(answer.body)
            row = bundle["entry"][0]
            other = {**row, "resource": {**row["resource"], "valueQuantity": {"value": 9.9}}}
            both = [row, other] if first == "1.2" else [other, row]
            bundle["entry"] = [*both, *bundle["entry"][1:], *both]
            return msgspec.structs.replace(answer, body=json.dumps(bundle).encode())

        transport.post_search = say_twice  # type: ignore[method-assign]
        found = chain.client.search(chain.query)

    assert found.complete, found.incomplete
    assert len(found.entries) == N + 1
    assert found.account.duplicate == 2
    disputed = [one.entry.ref for one in latest(found.entries) if one.disputed]
    assert len(disputed) == 2
    assert len(set(disputed)) == 1
