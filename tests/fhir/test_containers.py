"""What a Bundle may hold besides resources; nothing of it vanishes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.effects.files.mapping_files import load_issue_codes
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.damage import Damaged, Deleted
from fhir_remission.fhir.incoming.documents import Item, read_documents
from fhir_remission.fhir.incoming.entries import MAX_DEPTH
from fhir_remission.fhir.incoming.pages import PageEnds, open_ends
from fhir_remission.fhir.r4.wire import Entry
from tests.fhir.reading import observation

Node = dict[str, Any]
INCLUDED: Node = {
    "resource": {"resourceType": "Patient", "id": "p"},
    "search": {"mode": "include"},
}
MATCHED: Node = {"resource": {"resourceType": "Encounter"}, "search": {"mode": "match"}}


def named(name: str) -> Node:
    return {**observation(), "id": name}


ROW: Node = {"resource": named("o1")}


def bundle(*entries: Any, kind: str = "searchset", **more: Any) -> Node:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def read(document: Node, *lines: Node) -> tuple[list[Item], Account]:
    """What a document, or several in lines, holds, and the account of it."""
    text = "\n".join(json.dumps(one) for one in (document, *lines))
    account = Account()
    hiding = load_issue_codes()
    items = list(read_documents([text.encode()], name="in", harmless=hiding, account=account))
    return items, account


def refs(items: list[Item]) -> list[str]:
    return [one.ref for one in items if isinstance(one, Entry)]


def reasons(items: list[Item]) -> list[str]:
    ends = [one for one in items if isinstance(one, PageEnds)]
    lost = [one.reason for one in items if isinstance(one, Damaged)]
    return [*lost, *(reason for _, reason in open_ends(ends))]


@pytest.mark.parametrize(
    "kind", ["batch-response", "message", "history", "document", "collection", "searchset"]
)
def test_bundles_within_bundles_are_read(kind: str) -> None:
    """To any depth within the limit; what wraps is no entry."""
    answered: Node = {"response": {"status": "200 OK"}} if kind == "batch-response" else {}
    inner = bundle({**ROW, **answered}, {"resource": {"resourceType": "Encounter"}, **answered})
    inner["type"] = kind
    outer = bundle({"resource": bundle({"resource": inner})}, kind="collection")

    items, account = read(outer)

    assert (refs(items), reasons(items)) == (["Observation/o1"], [])
    assert (account.read, account.irrelevant) == (2, 1)


def test_bundles_deeper_than_the_limit_are_damage() -> None:
    """Not an endless descent, and not silence."""
    found = bundle(ROW)
    for _ in range(MAX_DEPTH + 1):
        found = bundle({"resource": found})

    items, account = read(bundle(ROW, *found["entry"]))

    assert refs(items) == ["Observation/o1"]
    assert reasons(items) == [f"Bundles within Bundles more than {MAX_DEPTH} deep"]
    assert account.read == 2
    with pytest.raises(InputError, match=f"more than {MAX_DEPTH} deep"):
        read(found)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"status": "500 Internal Server Error"}, "the server answered 500 to what was asked for"),
        ({"status": "404"}, "the server answered 404 to what was asked for"),
        ({}, "an answer without a status: what was asked for is not known"),
        (None, "an answer without a status: what was asked for is not known"),
        ({"status": "OK"}, "an answer without a status: what was asked for is not known"),
    ],
)
def test_an_answer_of_a_batch_that_failed(response: Node | None, reason: str) -> None:
    """What was asked for is not known, whatever stands beside it."""
    failed: Node = {} if response is None else {"response": response}
    ok = {**ROW, "response": {"status": "200"}}

    items, _ = read(bundle(ok, failed, kind="batch-response"))

    assert (refs(items), reasons(items)) == (["Observation/o1"], [reason])


def test_a_batch_that_wrote_has_nothing_to_show() -> None:
    """201 and 204 without a resource are no loss; 200 without one is, and what is yet to come."""
    statuses = ("201 Created", "204", "200", "202", "HTTP/1.1 403")
    written = [{"response": {"status": status}} for status in statuses]

    items, account = read(
        bundle(ROW | {"response": {"status": "200"}}, *written, kind="batch-response")
    )

    assert reasons(items) == [
        "the server answered 200 and no resource to what was asked for",
        "the server answered 202 and no resource to what was asked for",
        "the server answered 403 to what was asked for",
    ]
    assert (account.read, account.irrelevant) == (6, 2)


@pytest.mark.parametrize(
    "lost",
    [
        {},
        {"resource": None},
        {"fullUrl": "urn:uuid:1"},
        {"Resource": named("o1")},
        named("o1"),
        {"resource": named("o1"), "search": {"mode": "outcome"}},
        {"resource": {"resourceType": "Observatoin", "id": "o1"}},
        {"resource": {"id": "o1"}},
        {"resource": []},
        7,
        None,
    ],
)
def test_an_entry_that_is_no_resource_is_damage(lost: Any) -> None:
    """Beside good ones it is named; it is not as if it had never come."""
    items, account = read(bundle(ROW, lost))

    assert refs(items) == ["Observation/o1"]
    assert len(reasons(items)) == 1
    assert account.read == 2


def test_nothing_but_entries_without_resources_is_refused() -> None:
    """It is another format, and says so."""
    with pytest.raises(InputError, match="no entry is read: in entry 0: it holds no resource"):
        read(bundle(named("o1"), named("o2")))


@pytest.mark.parametrize(
    ("total", "entries", "short"),
    [
        (2, [ROW], True),
        (1, [ROW], False),
        (
            2,
            [
                ROW,
                {"resource": {"resourceType": "Patient", "id": "p"}, "search": {"mode": "include"}},
            ],
            True,
        ),
        (2, [ROW, {"resource": {"resourceType": "Encounter"}, "search": {"mode": "match"}}], False),
        (None, [ROW], False),
    ],
)
def test_a_total_larger_than_what_came(total: int | None, entries: list[Node], short: bool) -> None:
    """Included entries are not counted by a total; nested Bundles are asked as well."""
    one = bundle(*entries, total=total)
    for whole in (one, bundle({"resource": one}, kind="collection")):
        items, _ = read(whole)
        assert reasons(items) == (["2 announced, 1 received"] if short else [])


def test_a_next_link_within_a_nested_bundle() -> None:
    """It was not followed either."""
    inner = bundle(ROW, link=[{"relation": "next", "url": "x"}])

    items, _ = read(bundle({"resource": inner}, kind="batch-response") | {"type": "collection"})

    assert reasons(items) == ["one page of several: the next one is not here"]


@pytest.mark.parametrize("code", ["REDACTED", "SUBSETTED", "MASKED", " redacted "])
@pytest.mark.parametrize("element", ["security", "tag"])
def test_a_bundle_that_says_that_rows_were_held_back(code: str, element: str) -> None:
    """Its matches are read, and it is incomplete."""
    items, _ = read(bundle(ROW, meta={element: [{"code": code}]}))

    assert refs(items) == ["Observation/o1"]
    assert "rows were held back" in reasons(items)[0]
    assert read(bundle(ROW, meta={element: [{"code": "TEST"}]}))[0] == read(bundle(ROW))[0]


@pytest.mark.parametrize(
    "url",
    [
        "Observation/o1",
        "https://ehr.example/fhir/Observation/o1",
        "Observation/o1/_history/3",
        "/Observation/o1",
    ],
)
@pytest.mark.parametrize("kind", ["history", "transaction"])
def test_a_deletion_is_told(url: str, kind: str) -> None:
    """By whichever address; in a line of its own as in a file of a bulk export."""
    gone = {"request": {"method": "DELETE", "url": url}}

    items, account = read(named("o2"), bundle(gone, kind=kind))

    assert [one for one in items if isinstance(one, Deleted)] == [
        Deleted("Observation/o1", "in:2 entry 0")
    ]
    assert account.read == 2


def test_a_deletion_that_does_not_say_of_what() -> None:
    """A conditional one may have deleted anything."""
    gone = {"request": {"method": "DELETE", "url": "Observation?code=751-8"}}

    items, _ = read(bundle(ROW, gone, kind="transaction"))

    assert reasons(items) == ["a deletion that does not say of what"]


def test_what_was_deleted_and_made_again_is_there() -> None:
    """A history runs from the newest to the oldest."""
    made = {**ROW, "request": {"method": "PUT", "url": "Observation/o1"}}
    gone = {"request": {"method": "DELETE", "url": "Observation/o1"}}

    again, _ = read(bundle(made, gone, kind="history"))
    dead, _ = read(bundle(gone, made, kind="history"))

    assert [one.undone for one in again if isinstance(one, Deleted)] == [True]
    assert [one.undone for one in dead if isinstance(one, Deleted)] == [False]


def test_an_outcome_in_a_line_of_its_own() -> None:
    """As hiding as within a Bundle."""
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "value"}],
    }

    items, account = read(named("o1"), outcome, named("o2"))

    assert refs(items) == ["Observation/o1", "Observation/o2"]
    assert "error value" in reasons(items)[0]
    assert account.read == 3


def of_search(own: str, count: int = 2, total: int | None = 4, **links: str) -> Node:
    """A page of a search: its own address, how many rows it has, and where others are."""
    said = [{"relation": name, "url": url} for name, url in {"self": own, **links}.items() if url]
    rows = [{"resource": named(f"o-{own}-{number}")} for number in range(count)]
    return bundle(*rows, link=said, **({} if total is None else {"total": total}))


FIRST, LAST = of_search("s?p=1", next="s?p=2"), of_search("s?p=2", previous="s?p=1")
MISSING = "one page of several: the next one is not here"
BEFORE = "the last page of several: those before it are not here"
PAGES: dict[str, tuple[list[Node], list[str]]] = {
    "all": ([FIRST, LAST], []),
    "in any order": ([LAST, FIRST], []),
    "one of them twice": ([FIRST, LAST, FIRST], []),
    "without a link back": ([FIRST, of_search("s?p=2")], []),
    "without totals": (
        [of_search("s?p=1", total=None, next="s?p=2"), of_search("s?p=2", total=None)], []),
    "the next address is written otherwise": (
        [of_search("s?p=1", next="s?p=2&key=x"), of_search("s?p=2", prev="s?p=1")], []),
    "two searches": (
        [FIRST, LAST, of_search("t?p=1", next="t?p=2"), of_search("t?p=2", previous="t?p=1")], []),
    "three pages": (
        [of_search("s?p=1", total=6, next="s?p=2"), of_search("s?p=3", total=6, previous="s?p=2"),
         of_search("s?p=2", total=6, next="s?p=3", previous="s?p=1")], []),
    "the first alone": ([FIRST], [MISSING]),
    "the last alone": ([LAST], [BEFORE]),
    "the first twice": ([FIRST, FIRST], [MISSING, MISSING]),
    "the one in the middle is gone": (
        [of_search("s?p=1", total=6, next="s?p=2"),
         of_search("s?p=3", total=6, previous="s?p=2")], [MISSING, BEFORE]),
    "the second of three alone": (
        [of_search("s?p=2", total=6, next="s?p=3", previous="s?p=1")], [MISSING]),
    "all links, and fewer rows than announced": (
        [FIRST, of_search("s?p=2", 1, previous="s?p=1")], [MISSING, BEFORE]),
    "another search of the same total": (
        [FIRST, of_search("t?p=2", previous="t?p=1")], [MISSING, BEFORE]),
    "another search that is whole": ([FIRST, of_search("t", 4)], [MISSING]),
    "two halves without addresses": (
        [of_search("", next="s?p=2"), of_search("", previous="s?p=1")], [MISSING, BEFORE]),
    "the next is itself": ([of_search("s?p=1", 4, next="s?p=1")], [MISSING]),
    "a circle": (
        [of_search("s?p=1", next="s?p=2"), of_search("s?p=2", next="s?p=1")], [MISSING, MISSING]),
    "one address for two answers": (
        [FIRST, LAST, of_search("s?p=2", 1, previous="s?p=1")], [MISSING, BEFORE, BEFORE]),
    "an address for two whole answers": ([of_search("s", 4), of_search("s", 3, 3)], []),
    "two go on at one place": (
        [FIRST, LAST, of_search("s?p=0", next="s?p=2")], [MISSING, BEFORE, MISSING]),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_a_search_are_whole_where_each_leads_to_the_other(name: str) -> None:
    """Saved one after the other in one file, and as Bundles within one."""
    pages, lacks = PAGES[name]

    assert reasons(read(*pages)[0]) == lacks
    held = bundle(*({"resource": one} for one in pages), kind="collection")
    assert reasons(read(held)[0]) == lacks
