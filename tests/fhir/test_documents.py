"""Pages and files: what is good counts, what is broken is named with its place."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.issues import ISSUE_COLUMNS
from fhir_remission.effects.files.mapping_files import default_dir, load_issue_codes
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.bundle import read_page
from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.documents import Item, read_documents
from fhir_remission.fhir.incoming.grouping import group_by_patient
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record
from tests.fhir.reading import observation, tables

PERSON = {"resourceType": "Patient", "id": "p1"}


def page(*entries: dict[str, Any], **parts: Any) -> bytes:
    """A searchset."""
    return json.dumps(
        {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **parts}
    ).encode()


def entry(resource: dict[str, Any], mode: str = "match") -> dict[str, Any]:
    """An entry of a searchset."""
    return {"resource": resource, "search": {"mode": mode}}


def outcome(severity: str, code: str) -> dict[str, Any]:
    """An OperationOutcome that names a patient in its text."""
    issue = {"severity": severity, "code": code, "diagnostics": "Patient Smith"}
    details = {"coding": [{"system": "urn:epic", "code": "4119"}]}
    return {"resourceType": "OperationOutcome", "issue": [issue | {"details": details}]}


def items(text: str | bytes) -> list[Item]:
    """What a text holds."""
    body = text.encode() if isinstance(text, str) else text
    return list(read_documents([body], name="file.json", harmless=load_issue_codes()))


def refs(found: list[Item]) -> list[str]:
    """The references of what was read."""
    return [one.ref for one in found if isinstance(one, Entry)]


def test_a_page_gives_its_matches_its_next_link_and_its_total() -> None:
    """The link verbatim, whatever it is."""
    read = read_page(
        page(
            entry(observation()),
            entry(PERSON, "include"),
            link=[{"relation": "self", "url": "x"}, {"relation": "next", "url": "?a=1|2&b="}],
            total=7,
        )
    )

    assert [one.ref for one in read.entries] == ["Observation/o1", "Patient/p1"]
    assert (read.next_url, read.total, read.type) == ("?a=1|2&b=", 7, "searchset")
    assert (read.read, read.damage) == (2, ())
    assert read.ends is not None
    assert (read.ends.own, read.ends.matches) == ("x", 1)


def test_a_name_that_stands_twice_on_a_page_is_damage() -> None:
    """A facade that fills in a template may write it, and a parser keeps the last one only."""
    plain = page(entry(observation(id="a")), entry(observation(id="b")))
    twice = plain.replace(b'"status"', b'"status": "cancelled", "status"', 1)
    read = read_page(twice)

    assert not read_page(plain).damage
    assert [one.ref for one in read.entries] == ["Observation/b"]
    assert "status stands twice" in read.damage[0].reason
    beside = read_page(plain.replace(b'"entry": [', b'"entry": [{}], "entry": ['))
    assert any("entry stands twice" in one.reason for one in beside.damage)


def test_an_empty_page_is_a_page() -> None:
    """No entries, null entries, nothing but the type."""
    for body in (b'{"resourceType":"Bundle"}', b'{"resourceType":"Bundle","entry":null}', page()):
        assert read_page(body).entries == ()


@pytest.mark.parametrize("severity", ["fatal", "error", "warning", "information", "", "odd"])
def test_an_outcome_among_the_matches_may_hide_something(severity: str) -> None:
    """All but a mild one of a harmless code; its words are not kept: they may name patients."""
    codes = [row["code"] for row in issue_rows() if "|" not in row["code"]]
    harmless = load_issue_codes()

    assert len(codes) == 32  # the 31 of R4, and `success` of R5
    for code in [*codes, "odd", "", "INVALID"]:
        read = read_page(page(entry(outcome(severity, code), "outcome")))
        ((issue,),) = read.outcomes
        mild = severity in ("warning", "information")
        assert issue.hides(harmless) == (code.lower() not in harmless if mild else True)
        assert issue.hides(harmless, frozenset({"4119"})) == (not mild)
        assert issue.details == ("4119",)
        assert "Smith" not in repr(read)


def test_the_codes_that_hide_rows_follow_their_parents() -> None:
    """What is broken in the question or merely told hides nothing, everything else does."""
    rows = {row["code"]: row["parent"] for row in issue_rows()}
    mild = {code for code, parent in rows.items() if "invalid" in (code, parent)}
    vendors = {code for code in rows if "|" in code}
    assert load_issue_codes() == mild | {"informational", "success"} | vendors


EPIC = "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369"


@pytest.mark.parametrize(
    ("said", "severity", "hides"),
    [
        ([(EPIC, "4101")], "warning", False),
        ([("urn:oid:1.2.840.114350.1.13.20.3.7.2.657369", "4101")], "warning", False),
        ([(EPIC, "4101")], "error", True),
        ([(EPIC, "4119")], "warning", True),
        ([(EPIC, "4101"), (EPIC, "4119")], "warning", True),
        ([("urn:oid:1.2.840.1143501.1", "4101")], "warning", True),
        ([("urn:other", "4101")], "warning", True),
        ([("", "4101")], "warning", True),
        ([(EPIC, "")], "warning", True),
        ([], "warning", True),
    ],
)
def test_what_a_vendor_says_of_an_empty_search_hides_nothing(
    said: list[tuple[str, str]], severity: str, hides: bool
) -> None:
    """By its own code, below its own OID, and with no other code beside it."""
    codings = [{"system": system, "code": code} for system, code in said]
    issue = {"severity": severity, "code": "processing", "details": {"coding": codings}}
    told = items(page(entry({"resourceType": "OperationOutcome", "issue": [issue]}, "outcome")))

    codes = " ".join(code for _, code in said)
    assert [one.reason for one in told if isinstance(one, Damaged)] == [
        f"the server says in an OperationOutcome that something may be missing: {severity} "
        f"processing {codes}".rstrip()
    ] * hides


def issue_rows() -> list[Row]:
    """The table of issue types."""
    text = (default_dir() / "issues.tsv").read_text()
    return list(read_rows(text, file="issues.tsv", columns=ISSUE_COLUMNS))


def test_an_outcome_in_the_place_of_a_page_is_an_outcome() -> None:
    """An answer of 200 with nothing but an error."""
    read = read_page(json.dumps(outcome("error", "throttled")).encode())

    assert read.outcomes[0][0].code == "throttled"
    assert read.type == "OperationOutcome"


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"resourceType":"Patient"}', b"{}"])
def test_what_is_no_page_is_an_error(body: bytes) -> None:
    """With the name of what was read."""
    with pytest.raises(InputError, match="page 3 of Observation"):
        read_page(body, name="page 3 of Observation")


def test_one_broken_entry_costs_itself() -> None:
    """And says what it was and of whom, as far as that can be read."""
    broken = observation(status=5)
    read = read_page(page(entry(observation(id="a")), entry(broken), entry(observation(id="c"))))

    assert [one.ref for one in read.entries] == ["Observation/a", "Observation/c"]
    [damage] = read.damage
    assert (damage.resource_type, damage.subject) == ("Observation", "Patient/p1")
    assert damage.place == "the answer entry 1"


def test_other_types_are_passed_over() -> None:
    """An Encounter is no trouble."""
    read = read_page(page(entry({"resourceType": "Encounter", "status": 7})))

    assert (read.entries, read.damage) == ((), ())


def test_an_empty_text_holds_nothing() -> None:
    """And neither do blank lines."""
    assert items("") == items("\n \r\n\t\n") == []


def test_one_resource_is_read_in_one_line_or_in_many() -> None:
    """Pretty or not."""
    assert refs(items(json.dumps(PERSON))) == refs(items(json.dumps(PERSON, indent=2)))
    assert refs(items("\n\n" + json.dumps(PERSON, indent=2) + "\n")) == ["Patient/p1"]


def test_one_resource_may_have_a_type_of_its_own() -> None:
    """A Specimen alone: its `type` is a concept, where that of a Bundle is a word."""
    body = b'{"resourceType": "Specimen", "id": "s1", "type": {"text": "marrow"}}'

    [item] = read_documents([body], name="s.json")

    assert isinstance(item, Entry)
    assert item.ref == "Specimen/s1"


def test_lines_are_read_one_by_one_with_their_numbers() -> None:
    """A line may be a resource of no interest, a Bundle, or broken."""
    lines = [
        json.dumps(PERSON),
        "",
        json.dumps({"resourceType": "Encounter"}),
        page(entry(observation())).decode(),
        '{"resourceType": "Observation", "id": ',
    ]
    read = items("\r\n".join(lines))

    assert refs(read) == ["Patient/p1", "Observation/o1"]
    assert [(one.place, one.kind) for one in read if isinstance(one, Damaged)] == [
        ("file.json:5", "damaged")
    ]
    assert [one.place for one in read if isinstance(one, Entry)] == [
        "file.json:1",
        "file.json:4 entry 0",
    ]


def test_a_first_line_that_is_broken_does_not_cost_the_others() -> None:
    """Whether it is cut off or wrong."""
    for first in ('{"resourceType": "Obs', '{"resourceType": "Observation", "status": 5}'):
        read = items(f"{first}\n{json.dumps(PERSON)}\n")
        assert refs(read) == ["Patient/p1"]
        assert len(read) == 2


def test_a_bundle_with_an_entry_per_line_is_one_bundle() -> None:
    """As some programs write them."""
    text = '{"resourceType":"Bundle","entry":[\n{"resource":' + json.dumps(PERSON) + "}\n]}"

    assert refs(items(text)) == ["Patient/p1"]


def test_the_place_of_an_error_is_its_line() -> None:
    """Counted in the file, blank lines and all."""
    text = "\n" + json.dumps(PERSON, indent=1).replace('"id": "p1"', '"id": p1')

    with pytest.raises(InputError, match=r"^file\.json:4: not FHIR in JSON: "):
        items(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_element_may_be_anything(data: st.DataObject) -> None:
    """Whatever stands in the place of an element, reading ends in a value and not in an error."""
    whole = observation(
        **{
            "specimen": {"reference": "#s"},
            "contained": [{"resourceType": "Specimen", "id": "s"}],
            "meta": {"versionId": "1", "tag": []},
            "component": [{"code": {"coding": [{"system": "http://loinc.org", "code": "751-8"}]}}],
            "valueQuantity": {"value": 1, "unit": "10*9/L"},
            "valueString": None,
            "focus": [],
            "effectivePeriod": None,
        }
    )
    name = data.draw(st.sampled_from(sorted({*whole, "valueString", "effectivePeriod", "focus"})))
    if name in ("resourceType", "id"):
        return
    whole[name] = data.draw(JSON_VALUES)
    read = items(json.dumps(PERSON) + "\n" + json.dumps(whole) + "\n")
    for key, group in group_by_patient(
        [one for one in read if isinstance(one, Entry)]
    ).patients.items():
        read_record(key, group, tables(), Reading())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_end_in_something(body: bytes) -> None:
    """Items or an InputError, nothing else."""
    for text in (body, b'{"resourceType":"Patient","id":"p1"}\n' + body):
        with suppress(InputError):
            items(text)
