"""What the main job needs of a FHIR server, held against every server we can start.

The embedded server must not prove only itself: the assertions are the same for sekmet and HAPI.
Where R4 leaves a choice, the assertion allows what R4 allows, and says so.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import sleep
from urllib.parse import quote

import pytest

from tests.servers.rest import (
    LOINC,
    TAG_SYSTEM,
    Rest,
    ids,
    next_url,
    put_entry,
    version,
    without_id,
)

# 409 and 412 both say "not the newest version" (https://hl7.org/fhir/R4/http.html#concurrency).
CONFLICT = {409, 412}


@pytest.fixture
def record(rest: Rest) -> Rest:
    """A patient with seven Observations, another with one."""
    other = rest.observation("other", subject={"reference": f"Patient/{rest.id('q')}"})
    days = [f"2026-03-{day:02d}T08:00:00Z" for day in range(1, 6)]
    counts = [
        rest.observation(f"anc{number}", effectiveDateTime=day)
        for number, day in enumerate(days, start=1)
    ]
    rows = [
        rest.patient("p"),
        rest.patient("q"),
        *counts,
        rest.observation("plt", code="777-3", effectiveDateTime="2026-03-06"),
        rest.observation("old", code="6690-2", effectiveDateTime="2026-01-02T03:04:05+01:00"),
        other,
    ]
    answer = rest.bundle("transaction", *(put_entry(row) for row in rows))
    assert answer.status_code == 200, answer.text
    return rest


def test_capabilities(rest: Rest) -> None:
    """The CapabilityStatement names version 4.0.x or 4.3.x and the types that we read and write."""
    answer = rest.ask("GET", "metadata")

    statement = answer.json()
    assert statement["fhirVersion"].startswith(("4.0", "4.3"))
    types = {kind["type"] for kind in statement["rest"][0]["resource"]}
    assert {"Patient", "Observation", "Condition", "ClinicalImpression", "Provenance"} <= types


def test_search_by_code_list(record: Rest) -> None:
    """A list of `system|code` finds each of them and nothing else."""
    found = record.ids("Observation", code=f"{LOINC}|777-3,{LOINC}|6690-2")

    assert found == ["old", "plt"]


def test_search_by_code_of_another_system(record: Rest) -> None:
    """A code is matched with its system, never alone."""
    assert record.ids("Observation", code="http://example.org/other|777-3") == []


@pytest.mark.parametrize("form", ["{}", "Patient/{}"])
def test_search_by_patient(record: Rest, form: str) -> None:
    """`patient` takes a bare id and a reference."""
    assert record.ids("Observation", patient=form.format(record.id("q"))) == ["other"]


def test_search_by_subject_and_several_patients(record: Rest) -> None:
    """`subject` takes a reference, `patient` a list."""
    both = f"{record.id('p')},{record.id('q')}"

    assert record.ids("Observation", subject=f"Patient/{record.id('q')}") == ["other"]
    assert len(record.ids("Observation", patient=both)) == 8


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["ge2026-03-05T00:00:00Z"], ["anc5", "other", "plt"]),
        (["gt2026-03-04T08:00:00Z", "lt2026-03-06T00:00:00Z"], ["anc5"]),
        (["2026-03-06"], ["plt"]),
        (["le2026-01-02T02:04:05Z"], ["old"]),
        (["lt2026-01-02T02:04:05Z"], []),
    ],
)
def test_search_by_date(record: Rest, dates: list[str], expected: list[str]) -> None:
    """Dates are compared as instants, whatever their zone or precision."""
    answer = record.ask("GET", "Observation", params={"_tag": record.tag, "date": dates})

    found = sorted(name.removeprefix(f"{record.mark}-") for name in ids(answer.json()))
    assert found == expected


def test_search_by_last_updated(record: Rest) -> None:
    """`_lastUpdated` finds what changed since, by the clock of the server's Date header."""
    clock = parsedate_to_datetime(record.ask("GET", "metadata").headers["Date"])
    before, after = clock - timedelta(hours=1), clock + timedelta(hours=1)

    assert len(record.ids("Observation", _lastUpdated=f"ge{_instant(before)}")) == 8
    assert record.ids("Observation", _lastUpdated=f"ge{_instant(after)}") == []


def test_search_by_id_identifier_and_status(record: Rest) -> None:
    """`_id` takes a list, `identifier` a system and value, `status` a code."""
    listed = f"{record.id('plt')},{record.id('old')}"
    identifier = f"{TAG_SYSTEM}|{record.id('plt')}"

    assert record.ids("Observation", _id=listed) == ["old", "plt"]
    assert record.ids("Observation", identifier=identifier) == ["plt"]
    assert record.ids("Observation", status="entered-in-error") == []


@pytest.mark.parametrize("post", [False, True], ids=["get", "post"])
def test_pages(record: Rest, post: bool) -> None:
    """Pages end, and hold every match exactly once, for GET and for POST `_search`."""
    first = record.search("Observation", post=post, code=f"{LOINC}|751-8", _count="2")

    pages = record.pages(first)
    found = [name for page in pages for name in ids(page)]
    assert len(pages) == 3
    assert all(len(ids(page)) == 2 for page in pages)
    assert len(set(found)) == len(found) == 6


def test_sorted_by_last_updated(record: Rest) -> None:
    """`_sort=_lastUpdated` gives the latest change last."""
    # Two changes within one millisecond have the same time, and no order.
    sleep(0.002)
    record.put(record.observation("anc1", status="amended"))

    pages = record.pages(record.search("Observation", _sort="_lastUpdated", _count="3"))
    assert [name for page in pages for name in ids(page)][-1] == record.id("anc1")


def test_total_of_a_count(record: Rest) -> None:
    """`_summary=count` answers with the number and no rows."""
    bundle = record.search("Observation", _summary="count")

    assert bundle["total"] == 8
    assert not bundle.get("entry")


def test_post_search_finds_what_get_finds(record: Rest) -> None:
    """A search in a form body is the same search."""
    asked = {"patient": record.id("p"), "code": f"{LOINC}|751-8,{LOINC}|777-3"}

    by_get = ids(record.search("Observation", **asked))
    by_post = ids(record.search("Observation", post=True, **asked))
    assert sorted(by_post) == sorted(by_get)
    assert len(by_post) == 6


def test_unknown_parameter_is_refused_when_strict(rest: Rest) -> None:
    """`Prefer: handling=strict` turns an unknown parameter into 400."""
    strict = {"Prefer": "handling=strict"}

    answer = rest.ask("GET", "Observation", params={"no-such": "1"}, headers=strict)

    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_decimals_survive(rest: Rest) -> None:
    """A stored decimal comes back as the same number."""
    rest.put(rest.patient())
    quantity = {"value": 0.99, "unit": "10*9/L"}
    rest.put(rest.observation("o", valueQuantity=quantity))

    read = rest.ask("GET", f"Observation/{rest.id('o')}")
    assert '"value":0.99' in read.text.replace(" ", "").replace("\n", "")


def test_client_chosen_id(rest: Rest) -> None:
    """PUT to a new id creates there, with ETag and version 1; again it makes version 2."""
    rest.put(rest.patient())

    created = rest.put(rest.observation("o"))
    updated = rest.put(rest.observation("o", status="amended"))
    assert (created.status_code, version(created)) == (201, "1")
    assert (updated.status_code, version(updated)) == (200, "2")


def test_update_with_another_id_is_refused(rest: Rest) -> None:
    """The id of the body must be the id of the URL."""
    answer = rest.ask("PUT", f"Patient/{rest.id('x')}", body=rest.patient("y"))

    assert answer.status_code in {400, 422}


def test_stale_if_match_changes_nothing(rest: Rest) -> None:
    """An update against an old version is refused; against the newest it succeeds."""
    rest.put(rest.patient())
    first = version(rest.put(rest.observation("o")))
    rest.put(rest.observation("o", status="amended"))

    stale = rest.put(rest.observation("o", status="corrected"), If_Match=f'W/"{first}"')
    read = rest.ask("GET", f"Observation/{rest.id('o')}")
    good = rest.put(rest.observation("o", status="corrected"), If_Match=f'W/"{version(read)}"')
    assert stale.status_code in CONFLICT
    assert read.json()["status"] == "amended"
    assert good.status_code == 200


def test_conditional_create(rest: Rest) -> None:
    """`If-None-Exist` creates once; the second answer is 200 and adds nothing."""
    rest.put(rest.patient())
    condition = {"If-None-Exist": f"identifier={TAG_SYSTEM}|{rest.id('ci')}"}
    body = without_id(rest.impression("ci"))

    first = rest.ask("POST", "ClinicalImpression", body=body, headers=condition)
    second = rest.ask("POST", "ClinicalImpression", body=body, headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert len(ids(rest.search("ClinicalImpression"))) == 1


def test_conditional_update(rest: Rest) -> None:
    """PUT with a condition creates, then updates the one match."""
    rest.put(rest.patient())
    identifier = quote(f"{TAG_SYSTEM}|{rest.id('ci')}", safe="")
    path = f"ClinicalImpression?identifier={identifier}"
    body = without_id(rest.impression("ci"))

    created = rest.ask("PUT", path, body=body)
    updated = rest.ask("PUT", path, body=body | {"summary": "Relapsed 2026-07-01"})
    found = rest.search("ClinicalImpression")
    assert (created.status_code, updated.status_code) == (201, 200)
    assert [row["resource"]["summary"] for row in found["entry"]] == ["Relapsed 2026-07-01"]


def test_conditional_update_of_several_is_refused(rest: Rest) -> None:
    """A condition that finds two is 412 and changes neither."""
    rest.put(rest.patient())
    for name in ("a", "b"):
        rest.put(rest.observation(name))
    path = f"Observation?_tag={quote(rest.tag, safe='')}"

    answer = rest.ask("PUT", path, body=without_id(rest.observation("c", status="amended")))

    assert answer.status_code == 412
    assert rest.ids("Observation", status="amended") == []


def test_transaction_receipt(rest: Rest) -> None:
    """A transaction answers every entry in order, with status and location."""
    entries = [put_entry(rest.patient()), put_entry(rest.observation("o"))]

    receipt = rest.bundle("transaction", *entries).json()

    assert receipt["type"] == "transaction-response"
    assert [row["response"]["status"][:3] for row in receipt["entry"]] == ["201", "201"]
    places = [row["response"]["location"] for row in receipt["entry"]]
    assert [f"Patient/{rest.id('p')}" in places[0], f"Observation/{rest.id('o')}" in places[1]] == [
        True,
        True,
    ]


def test_transaction_resolves_urns(rest: Rest) -> None:
    """A reference to another entry's `urn:uuid` becomes a real reference."""
    urn = "urn:uuid:0b7d2a52-7f5c-4d7a-9a4a-3c1f2e5d6b70"
    condition = f"identifier={TAG_SYSTEM}|{rest.id('p')}"
    patient = {
        "fullUrl": urn,
        "resource": without_id(rest.patient()),
        "request": {"method": "POST", "url": "Patient", "ifNoneExist": condition},
    }
    observation = put_entry(rest.observation("o", subject={"reference": urn}))

    for _ in range(2):
        answer = rest.bundle("transaction", patient, observation)
        assert answer.status_code == 200, answer.text
    found = ids(rest.search("Patient"))
    read = rest.ask("GET", f"Observation/{rest.id('o')}").json()
    assert len(found) == 1
    assert read["subject"]["reference"] == f"Patient/{found[0]}"


def test_transaction_rolls_back(rest: Rest) -> None:
    """One entry that cannot be done undoes all: nothing is created, nothing changed."""
    rest.put(rest.patient())
    first = version(rest.put(rest.observation("o")))
    rest.put(rest.observation("o", status="amended"))
    entries = [
        put_entry(rest.observation("new")),
        put_entry(rest.impression("ci")),
        put_entry(rest.observation("o", status="corrected"), ifMatch=f'W/"{first}"'),
    ]

    answer = rest.bundle("transaction", *entries)

    assert 400 <= answer.status_code < 500, answer.text
    assert rest.ask("GET", f"Observation/{rest.id('new')}").status_code == 404
    assert rest.ask("GET", f"ClinicalImpression/{rest.id('ci')}").status_code == 404
    assert rest.ask("GET", f"Observation/{rest.id('o')}").json()["status"] == "amended"


def test_transaction_with_good_if_match(rest: Rest) -> None:
    """`ifMatch` with the newest version lets the entry through."""
    rest.put(rest.patient())
    newest = version(rest.put(rest.observation("o")))
    entry = put_entry(rest.observation("o", status="amended"), ifMatch=f'W/"{newest}"')

    receipt = rest.bundle("transaction", entry)

    assert receipt.status_code == 200, receipt.text
    assert rest.ask("GET", f"Observation/{rest.id('o')}").json()["status"] == "amended"


def test_batch_entries_stand_alone(rest: Rest) -> None:
    """In a batch a bad entry costs only itself."""
    # Of a resource that exists: HAPI ignores ifMatch on a PUT that creates.
    rest.put(rest.patient("q"))
    stale = put_entry(rest.patient("q"), ifMatch='W/"99"')

    receipt = rest.bundle("batch", put_entry(rest.patient()), stale).json()

    statuses = [row["response"]["status"][:1] for row in receipt["entry"]]
    assert statuses == ["2", "4"]
    assert rest.ask("GET", f"Patient/{rest.id('p')}").status_code == 200


def test_rewriting_by_client_ids_adds_nothing(rest: Rest) -> None:
    """The same transaction of client ids sent again leaves one of each, Provenance too."""
    target = {"reference": f"ClinicalImpression/{rest.id('ci')}"}
    provenance = {
        "resourceType": "Provenance",
        "id": rest.id("pr"),
        "meta": rest.meta(),
        "target": [target],
        "recorded": "2026-03-13T08:00:00Z",
        "agent": [{"who": {"display": "contract test"}}],
    }
    rows = [rest.patient(), rest.impression("ci"), provenance]

    for _ in range(2):
        answer = rest.bundle("transaction", *(put_entry(row) for row in rows))
        assert answer.status_code == 200, answer.text
    assert len(ids(rest.search("ClinicalImpression"))) == 1
    assert len(ids(rest.search("Provenance"))) == 1


def test_instance_history(rest: Rest) -> None:
    """`_history` of a resource lists its versions, newest first, and each can be read."""
    rest.put(rest.patient())
    rest.put(rest.observation("o"))
    rest.put(rest.observation("o", status="amended"))

    listed = rest.ask("GET", f"Observation/{rest.id('o')}/_history").json()
    first = rest.ask("GET", f"Observation/{rest.id('o')}/_history/1").json()
    assert listed["type"] == "history"
    assert [row["resource"]["status"] for row in listed["entry"]] == ["amended", "final"]
    assert first["status"] == "final"


def test_type_history_shows_deletions(rest: Rest) -> None:
    """`_history` of a type since a moment shows the change and the deletion."""
    clock = parsedate_to_datetime(rest.ask("GET", "metadata").headers["Date"])
    rest.put(rest.patient())
    rest.put(rest.observation("o"))
    rest.ask("DELETE", f"Observation/{rest.id('o')}")

    since = {"_since": _instant(clock - timedelta(seconds=2)), "_count": "200"}
    listed = rest.ask("GET", "Observation/_history", params=since).json()
    mine = [row for row in listed["entry"] if rest.id("o") in str(row)]
    assert mine[0]["request"]["method"] == "DELETE"
    assert len(mine) == 2


def test_deleted_is_gone(rest: Rest) -> None:
    """A deleted resource is 410, not found by a search, and may come back by PUT."""
    rest.put(rest.patient())
    rest.put(rest.observation("o"))

    rest.ask("DELETE", f"Observation/{rest.id('o')}").raise_for_status()

    gone = rest.ask("GET", f"Observation/{rest.id('o')}")
    assert (gone.status_code, gone.json()["resourceType"]) == (410, "OperationOutcome")
    assert rest.ids("Observation") == []
    assert rest.put(rest.observation("o")).status_code in {200, 201}


def test_never_existed_is_404(rest: Rest) -> None:
    """An id that never was is 404 with an OperationOutcome."""
    answer = rest.ask("GET", f"Patient/{rest.id('nobody')}")

    assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


def test_not_json_is_400(rest: Rest) -> None:
    """A body that is not JSON is 400 with an OperationOutcome."""
    headers = {"Content-Type": "application/fhir+json"}

    answer = rest.ask("PUT", f"Patient/{rest.id('p')}", data=b'{"resource', headers=headers)

    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


def test_last_page_has_no_next(record: Rest) -> None:
    """A search that fits in one page has no next link."""
    assert next_url(record.search("Observation", _count="50")) is None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
