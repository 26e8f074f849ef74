"""Which searches are sent: chunked by number and length, escaped, shaped by the profile."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.domain.nouns.namespace import INPUTS, NAMESPACE
from fhir_remission.domain.tables.codes import CodeMap
from fhir_remission.fhir.incoming.bundle import read_page
from fhir_remission.fhir.incoming.screening import patient_of, screen
from fhir_remission.fhir.server.queries import (
    Query,
    by_ids,
    code_chunks,
    condition_cohort,
    delta_queries,
    encoded,
    evidence_queries,
    narrower,
    observation_queries,
    patients_query,
    token,
    with_smaller_pages,
)
from fhir_remission.fhir.server.server_profile import Profile

LOINC = "http://loinc.org"
CODES = [(LOINC, f"{n}-{n % 10}") for n in range(1000, 1120)]
PROFILE = Profile()
SIXTY = Profile(max_codes=60)


def test_all_evidence_of_a_chunk_is_asked_for() -> None:
    """Every type that criteria read, each for exactly these patients."""
    queries = evidence_queries(["p1", "p2"], CodeMap({}, {}), PROFILE, panels=CODES[:60])

    kinds = [query.resource_type for query in queries]
    assert kinds == [
        *("Observation", "Observation", "Condition", "Procedure"),
        *("MedicationAdministration", "DiagnosticReport", "Specimen"),
    ]
    assert all(query.patients == {"p1", "p2"} for query in queries)
    assert dict(queries[0].parameters)["patient"] == "p1,p2"
    assert dict(patients_query(["p1", "p2"]).parameters)["_id"] == "p1,p2"


def test_a_type_the_server_does_not_have_is_not_asked_for() -> None:
    """Not every EHR has Specimen; then its silence proves nothing and nothing is asked."""
    profile = msgspec.structs.replace(PROFILE, searchable=("Observation", "Condition", "Patient"))

    queries = evidence_queries(["p1"], CodeMap({}, {}), profile, panels=CODES[:1])

    assert [q.resource_type for q in queries] == ["Observation", "Condition"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_code_lists_are_cut_by_number_and_by_encoded_length(method: Literal["get", "post"]) -> None:
    """414 and 400 for long lists (hapi #6457, fhircore #2529)."""
    profile = msgspec.structs.replace(PROFILE, search_method=method)
    long_ones = [(f"http://hospital.example/{'x' * 90}", code) for _, code in CODES]

    for codes in (CODES, long_ones):
        chunks = list(code_chunks(codes, profile))
        assert sorted(code for chunk in chunks for code in chunk) == sorted(set(codes))
        for chunk in chunks:
            assert len(chunk) <= 50
            listed = encoded((("code", ",".join(token(code) for code in chunk)),))
            assert len(listed) <= (1800 if method == "get" else 8192) + len("code=")


def test_category_is_used_only_where_codes_alone_are_refused() -> None:
    """And then several reads are combined."""
    profile = msgspec.structs.replace(PROFILE, code_alone=False, categories=("laboratory", "exam"))

    queries = observation_queries(["p1"], CODES, profile)

    assert [dict(q.parameters)["category"] for q in queries] == ["laboratory", "exam"]
    assert all(q.codes == frozenset() for q in queries)


def test_changes_are_asked_for_the_way_the_server_can() -> None:
    """_lastUpdated for every type, issued for Observations only, otherwise not at all."""
    since = "2026-03-01T00:00:00Z"
    until = "2026-03-05T00:00:00.000000Z"
    updated = msgspec.structs.replace(PROFILE, delta="_lastUpdated")
    issued = msgspec.structs.replace(PROFILE, delta="issued")
    by_update = delta_queries(["p1"], CODES[:1], since, updated, until=until)
    by_issue = delta_queries(["p1"], CODES[:1], since, issued, until=until)

    assert {q.resource_type for q in by_update} >= {"Observation", "Condition", "Procedure"}
    assert all(dict(q.parameters)["_lastUpdated"] == f"ge{since}" for q in by_update)
    assert [dict(q.parameters)["issued"] for q in by_issue] == [f"ge{since}"]
    assert delta_queries(["p1"], CODES[:1], since, PROFILE, until=until) == []


def test_a_window_is_cut_in_two_that_meet_and_the_newer_one_stays_open() -> None:
    """Nothing falls between them, and what comes after `until` is still found."""
    since, until = "2026-03-01T00:00:00Z", "2026-03-05T00:00:00.000000Z"
    profile = msgspec.structs.replace(PROFILE, delta="_lastUpdated")
    whole = delta_queries(["p1"], CODES[:1], since, profile, until=until)[0]

    older, newer = narrower(whole)

    bounds = [[v for k, v in q.parameters if k == "_lastUpdated"] for q in (older, newer)]
    assert bounds == [[f"ge{since}", "lt2026-03-03T00:00:00Z"], ["ge2026-03-03T00:00:00Z"]]
    assert older.codes == newer.codes == whole.codes
    assert narrower(older)[0].window == (
        "_lastUpdated",
        since,
        "2026-03-02T00:00:00Z",
    )
    minute = delta_queries(["p1"], CODES[:1], "2026-03-04T23:59:00Z", profile, until=until)[0]
    assert narrower(minute) == ()


@given(count=st.integers(1, 60))
def test_codes_are_cut_in_two_that_ask_for_the_same(count: int) -> None:
    """A search without bounds in time is never cut by time: that would lose undated results."""
    (whole,) = observation_queries(["p1"], CODES[:count], SIXTY)

    parts = narrower(whole)

    assert not parts if len(set(CODES[:count])) < 2 else len(parts) == 2
    asked = [code for q in parts for code in dict(q.parameters)["code"].split(",")]
    if parts:
        assert sorted(asked) == sorted(dict(whole.parameters)["code"].split(","))
        assert parts[0].codes | parts[1].codes == whole.codes
        assert not parts[0].codes & parts[1].codes
        assert all(q.patients == whole.patients for q in parts)


def test_pages_are_made_smaller_until_they_are_small() -> None:
    """Rows a page, never the question."""
    (whole,) = observation_queries(["p1"], CODES[:1], PROFILE)

    (smaller,) = with_smaller_pages(whole)

    assert dict(smaller.parameters) == dict(whole.parameters) | {"_count": "25"}
    assert with_smaller_pages(with_smaller_pages(smaller)[0]) == ()
    assert with_smaller_pages(patients_query(["p1"])) == ()


def test_a_cohort_by_condition_names_no_patient() -> None:
    """And filters by code, page by page."""
    (query,) = condition_cohort([("http://hl7.org/fhir/sid/icd-10-cm", "C92.0")], PROFILE)

    assert query.patients == frozenset()
    assert dict(query.parameters) == {
        "code": "http://hl7.org/fhir/sid/icd-10-cm|C92.0",
        "_count": "100",
    }


def test_named_resources_come_fifty_at_a_time_or_one_by_one() -> None:
    """`_id` lists where they are known to work."""
    ids = [f"s{n}" for n in range(120)]

    assert [len(q.parameters[0][1].split(",")) for q in by_ids("Specimen", ids, PROFILE)] == [
        *(50, 50, 20)
    ]
    single = msgspec.structs.replace(PROFILE, id_lists=False)
    assert len(by_ids("Specimen", ids, single)) == 120


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_what_is_decoded(system: str, code: str) -> None:
    """Plus, ampersand, percent, quotes, umlauts."""
    system = system.encode("utf-8", "replace").decode()
    parameters = (("code", f"{system}|{code}"), ("_count", "5"))

    assert tuple(parse_qsl(encoded(parameters), keep_blank_values=True)) == parameters


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ((LOINC, "751-8"), "http://loinc.org|751-8"),
        (("", "ANC"), "|ANC"),
        (("urn:x", "a,b|c$d\\e"), "urn:x|a\\,b\\|c\\$d\\\\e"),
    ],
)
def test_separators_inside_a_code_are_escaped(code: tuple[str, str], written: str) -> None:
    """https://hl7.org/fhir/R4/search.html#escaping."""
    assert token(code) == written


# Looking again at what came -----------------------------------------------------------------------


def entry(**fields: object) -> dict[str, object]:
    """One row of p1's neutrophils, changed."""
    resource = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "751-8"}]},
        "subject": {"reference": "Patient/p1"},
    }
    return {"resource": resource | fields}


def screened(row: dict[str, object], query: Query | None = None) -> str:
    """What becomes of one row in a search for p1's neutrophils."""
    asked = query or Query("Observation", (), frozenset({"p1"}), frozenset({(LOINC, "751-8")}))
    body = msgspec.json.encode({"resourceType": "Bundle", "type": "searchset", "entry": [row]})
    result = screen(read_page(body).entries, asked, frozenset())
    if result.kept:
        return "kept"
    return "foreign" if result.foreign else "beside" if result.beside else "unattributed"


@pytest.mark.parametrize(
    ("row", "becomes"),
    [
        (entry(), "kept"),
        (entry(subject={"reference": "https://x/r4/Patient/p1"}), "kept"),
        (entry(subject={"reference": "Patient/p1/_history/3"}), "kept"),
        (entry(subject={"reference": "Patient/p11"}), "foreign"),
        (entry(subject={"reference": "https://x/r4/Patient/p2"}), "foreign"),
        (entry(subject={"reference": "XPatient/p1"}), "unattributed"),
        (entry(subject={"identifier": {"value": "p1"}}), "unattributed"),
        (entry(subject={"reference": "#contained"}), "unattributed"),
        (entry(subject={"reference": "Group/p1"}), "unattributed"),
        (entry(subject=None), "unattributed"),
        (entry(subject=None, status="entered-in-error", code=None), "kept"),
        (entry(code={"coding": [{"system": LOINC, "code": "718-7"}]}), "beside"),
        (
            entry(code={"coding": [{"system": "urn:oid:2.16.840.1.113883.6.1", "code": "751-8"}]}),
            "kept",
        ),
        (
            entry(
                code={"coding": [{"system": LOINC, "code": "58410-2"}]},
                component=[{"code": {"coding": [{"system": LOINC, "code": "751-8"}]}}],
            ),
            "kept",
        ),
        (entry(code={"coding": [{"system": LOINC, "code": "751- 8"}]}), "kept"),
        (entry(code={"coding": [{"system": LOINC, "code": "75h1-8"}]}), "kept"),
        (
            entry(
                code={
                    "coding": [{"system": f"{NAMESPACE}{INPUTS}", "code": "marrow-adequa cy"}],
                }
            ),
            "kept",
        ),
        (entry(code={"text": "Neutrophils"}), "kept"),
        (entry(component="not a list"), "kept"),
        (entry(resourceType="Specimen"), "beside"),
    ],
)
def test_a_row_is_kept_only_if_it_answers_the_question(
    row: dict[str, object], becomes: str
) -> None:
    """Patient, type and code are checked here, whatever the server did with the parameters."""
    assert screened(row) == becomes


def test_a_patient_is_about_itself() -> None:
    """A Patient that nobody asked for is as foreign as its results."""
    query = Query("Patient", (), frozenset({"p1"}))

    assert screened({"resource": {"resourceType": "Patient", "id": "p1"}}, query) == "kept"
    assert screened({"resource": {"resourceType": "Patient", "id": "p2"}}, query) == "foreign"


@pytest.mark.parametrize("name", ["e" * 90, "a_b.c-d", "eXAMPLE3", "007"])
def test_ids_are_taken_as_they_come(name: str) -> None:
    """Longer than FHIR allows, or with an underscore: Epic sends such."""
    row = entry(subject={"reference": f"Patient/{name}"}, id=name)
    asked = Query("Observation", (), frozenset({name}), frozenset({(LOINC, "751-8")}))

    assert screened(row, asked) == "kept"
    assert screened(row) == "foreign"


def test_the_subject_of_any_resource_is_found() -> None:
    """For the dirty set of a delta that names no patient."""
    body = msgspec.json.encode({"resourceType": "Bundle", "entry": [entry()]})

    assert patient_of(read_page(body).entries[0].resource) == "p1"
