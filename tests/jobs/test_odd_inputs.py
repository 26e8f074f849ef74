"""A proved remission and one thing against it, told as converters and servers tell it.

None of these may leave the remission proved with exit 0; the base alone does.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.errors import UsageError
from fhir_remission.jobs.files.classify import judged_patients, run
from fhir_remission.jobs.judging.request import Request, judge_for

CASE = Path("fixtures/cases/relapse-in-a-period-without-end/bundle.json")
REQUEST = Request(as_of="2026-10-01T00:00:00Z", complete=frozenset({"Procedure"}))
Node = dict[str, Any]
LOINC, OWN = "http://loinc.org", "https://w3id.org/fhir-remission/CodeSystem/input"


def concept(code: str, system: str = LOINC) -> Node:
    return {"coding": [{"system": system, "code": code}]}


def resources() -> tuple[list[Node], Node]:
    """What proves the remission, and the marrow of its relapse."""
    held = [entry["resource"] for entry in json.loads(CASE.read_text())["entry"]]
    (relapse,) = (one for one in held if one["id"] == "marrow-rel")
    relapse = {**relapse, "effectiveDateTime": "2026-06-10"}
    relapse.pop("effectivePeriod")
    return [one for one in held if one["id"] != "marrow-rel"], relapse


def relapse(**parts: Any) -> Node:
    made = resources()[1]
    if any(name.startswith(("value", "_value", "extension")) for name in parts):
        made.pop("valueQuantity")
    return {name: value for name, value in {**made, **parts}.items() if value is not ...}


def resource(kind: str, **parts: Any) -> Node:
    about: Node = {"subject": {"reference": "Patient/p1"}, "id": "odd"}
    if kind != "Condition":
        about["status"] = "final"
    return {"resourceType": kind, **about, **parts}


def bundle(held: list[Any], kind: str = "collection", **parts: Any) -> Node:
    return {"resourceType": "Bundle", "type": kind, "entry": held, **parts}


def with_entry(**entry: Any) -> Node:
    return bundle([*({"resource": one} for one in resources()[0]), entry])


def added(*more: Node) -> Node:
    return bundle([{"resource": one} for one in (*resources()[0], *more)])


def changed(name: str, **parts: Any) -> Node:
    """The proof with one of its resources changed."""
    return bundle(
        [{"resource": {**one, **parts} if one["id"] == name else one} for one in resources()[0]]
    )


def enveloped(**parts: Any) -> Node:
    return bundle([{"resource": one} for one in resources()[0]], "searchset", **parts)


def outcome(severity: str, code: str) -> Node:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


def report(**parts: Any) -> Node:
    return resource("DiagnosticReport", code={"text": "KM"}, **parts)


def claimed_in(given: Node) -> set[str]:
    """The remissions that are said of somebody though nothing is said of the input."""
    answers = judged_patients([json.dumps(given).encode()], "input", REQUEST, judge_for(REQUEST))
    latest = [one.assessments[0][-1] for one in answers.judged if one.assessments]
    claims = {one.category for one in latest} & {"CR", "CRh", "CRi"}
    return claims if answers.exit_code == 0 else set()


def in_an_aliquot(*parents: Node) -> Node:
    """The proof with its marrow measured in a sample that was made of another one."""
    given = changed("marrow-d32", specimen={"reference": "Specimen/s"})
    aliquot = resource("Specimen", parent=[{"reference": "Specimen/s0"}])
    made = ({**aliquot, "id": "s", "status": "available"}, *parents)
    return {**given, "entry": [*given["entry"], *({"resource": one} for one in made)]}


DRAWN = {"resourceType": "Specimen", "id": "s0", "subject": {"reference": "Patient/p1"}}
CELLS = {"code": concept("38257-2"), "valueQuantity": {"value": 500, "unit": "{#}"}}
CHEMO = concept("367336001", "http://snomed.info/sct")
ODD: dict[str, Callable[[], Node]] = {
    # A value where no element of FHIR holds it, in something that holds other things.
    "value-beside-a-component": lambda: added(relapse(valueDecimal=45, component=[CELLS])),
    "value-beside-a-member": lambda: added(
        relapse(valueDecimal=45, hasMember=[{"reference": "Observation/cells-4"}])
    ),
    "value-masked-with-a-component": lambda: added(relapse(_valueQuantity={}, component=[CELLS])),
    "unread-code-with-a-value-and-a-component": lambda: added(
        relapse(code={"text": "Blasten"}, component=[CELLS])
    ),
    # What may turn the meaning of all the rest.
    "rules-of-the-diagnosis": lambda: changed("dx", implicitRules="http://example.org/rules"),
    "rules-of-a-bundle": lambda: enveloped(implicitRules="http://example.org/rules"),
    "deleted-state": lambda: changed(
        "marrow-d32",
        meta={"extension": [{"url": "http://a.example/data-extensions/deleted-state"}]},
    ),
    "label-in-words": lambda: changed("anc-6", meta={"security": [{"display": "redacted"}]}),
    # What a sample was made of.
    "made-of-a-rejected-sample": lambda: in_an_aliquot({**DRAWN, "status": "unsatisfactory"}),
    "made-of-a-sample-that-is-not-here": in_an_aliquot,
    # Lesions under codes and words that tables hardly have.
    "sarcoma-of-orphanet": lambda: added(
        resource(
            "Condition", code=concept("86850", "http://www.orpha.net"), onsetDateTime="2026-06-10"
        )
    ),
    **{
        f"lesion-{words}": lambda words=words: added(  # type: ignore[misc]
            resource("Condition", code={"text": words}, onsetDateTime="2026-06-10")
        )
        for words in ("Granulozytäres Sarkom", "ZNS-Befall", "Extramedullary disease of the skin")
    },
    # What FHIR has no such element for.
    "report-with-results-misspelt": lambda: added(
        report(results=[{"reference": "Observation/anc-6"}])
    ),
    "component-with-more": lambda: added(
        relapse(
            component=[
                {
                    "code": concept("11150-0"),
                    "valueQuantity": {"value": 1, "unit": "%"},
                    "dataAbsentReson": {"text": "clotted"},
                }
            ],
            valueQuantity=...,
        )
    ),
    "quantity-with-more": lambda: changed(
        "marrow-d32",
        valueQuantity={"value": 2, "unit": "%", "comparatr": ">"},
    ),
    # Words of other languages, and of none that the table has.
    **{
        f"words-{words}": lambda words=words: added(relapse(code={"text": words}))  # type: ignore[misc]
        for words in (
            *("Blastenanteil", "Blastes médullaires", "Blastos en médula ósea", "Blasti sangue"),
            *("cellules blastiques", "芽球", "Бласты", "Unreife Zellen", "Rezidiv", "KM"),
        )
    },
    "words-of-a-house-code": lambda: added(
        relapse(code={"coding": [{"system": "urn:lab", "code": "X", "display": "Blasten KM"}]})
    ),
    "code-with-its-system": lambda: added(relapse(code=concept("http://loinc.org|11150-0", ""))),
    "code-with-a-leading-zero": lambda: added(relapse(code=concept("011150-0"))),
    "sarcoma-in-french": lambda: added(
        resource("Condition", code={"text": "Sarcome myéloïde"}, onsetDateTime="2026-06-10")
    ),
    "chloroma": lambda: added(
        resource("Condition", code={"text": "Chlorom"}, onsetDateTime="2026-06-10")
    ),
    # Times that stand for none, and states that nobody knows.
    **{
        f"zero-{zero}": lambda zero=zero: added(relapse(effectiveDateTime=zero))  # type: ignore[misc]
        for zero in ("1900-01-01", "1970-01-01T00:00:00Z", "1753-01-01", "1899-12-30")
    },
    **{
        f"start-{state}": lambda state=state: added(  # type: ignore[misc]
            resource("Procedure", status=state, code=CHEMO, performedDateTime="2026-02-06")
        )
        for state in ("on-hold", "unknown", "suspended")
    },
    # Whose it is.
    **{
        f"of-{whose}": lambda whose=whose: added(relapse(subject={"reference": whose}))  # type: ignore[misc]
        for whose in (
            "Patient/null",
            "Patient/undefined",
            "Person/p1",
            "Encounter/e",
            "Patient?a=b",
        )
    },
    "of-an-identifier": lambda: added(relapse(subject={"identifier": {"value": "p1"}})),
    "of-a-person-in-focus": lambda: added(relapse(focus=[{"reference": "Patiente/donor"}])),
    # What it lies in.
    "parameters": lambda: added(
        {"resourceType": "Parameters", "parameter": [{"name": "r", "resource": relapse()}]}
    ),
    "parameters-part": lambda: added(
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "a", "part": [{"name": "b", "resource": relapse()}]}],
        }
    ),
    "contained-in-an-encounter": lambda: added(resource("Encounter", contained=[relapse(id="o")])),
    "contained-bundle": lambda: added(report(contained=[{**bundle([]), "id": "b"}])),
    "contained-twice": lambda: added(
        report(contained=[{**report(contained=[relapse(id="o")]), "id": "d"}])
    ),
    "contained-condition": lambda: added(
        report(
            contained=[
                {
                    **resource("Condition", code={"text": "Chlorom"}, onsetDateTime="2026-06-10"),
                    "id": "c",
                }
            ]
        )
    ),
    "bundle-misspelt": lambda: added(
        {"resourceType": "Bundle", "type": "searchset", "Entry": [{"resource": relapse()}]}
    ),
    "bundle-with-more": lambda: enveloped(entries=[{"resource": relapse()}]),
    "entry-with-more": lambda: with_entry(resource={"resourceType": "Basic"}, other=relapse()),
    # What a server says of its answer.
    "issues-of-the-bundle": lambda: enveloped(issues=outcome("warning", "incomplete")),
    "outcome-of-an-answer": lambda: with_entry(
        resource={"resourceType": "Basic"},
        response={"status": "200", "outcome": outcome("warning", "incomplete")},
    ),
    "issue-in-capitals": lambda: with_entry(resource=outcome("WARNING", "INCOMPLETE")),
    "issue-of-no-known-code": lambda: with_entry(resource=outcome("warning", "partial-results")),
    "next-in-capitals": lambda: enveloped(link=[{"relation": "Next", "url": "http://x"}]),
    "next-without-address": lambda: enveloped(link=[{"relation": "next"}]),
    "link-of-no-kind": lambda: enveloped(link=[{"rel": "next", "href": "http://x"}]),
    "patch": lambda: with_entry(
        request={"method": "PATCH", "url": "Observation/anc-6"},
        resource={"resourceType": "Parameters"},
    ),
    # What is named.
    "panel-of-nothing": lambda: added(
        relapse(code=concept("57021-8"), valueX=..., hasMember=[{"reference": "Observation/x"}])
    ),
    "report-of-words": lambda: added(report(result=[{"display": "Blasten 45 %"}])),
    "report-of-a-newer-version": lambda: added(
        report(result=[{"reference": "Observation/anc-6/_history/9"}])
    ),
    "report-of-an-input-without-result": lambda: added(
        {**report(conclusion="45 %"), "code": concept("11150-0")}
    ),
    "version-without-its-type": lambda: with_entry(
        resource={
            **copy.deepcopy(next(one for one in resources()[0] if one["id"] == "anc-6")),
            "resourceType": None,
            "subject": {"reference": "Patient/other"},
        }
    ),
}


_AT, _HB = '"valueQuantity": {"value": 45', '"code": {"text": "Hb"}, '
_TWO = '[{"resource": RELAPSE, "resource": {"resourceType": "Basic"}}, '
TWICE: dict[str, tuple[str, str]] = {
    "value": (_AT, f'"valueQuantity": {{"value": 45}}, {_AT.replace("45", "0")}'),
    "code": (_AT, f"{_HB}{_AT}"),
    "entry": ('"entry": [', '"entry": [{"resource": RELAPSE}], "entry": ['),
    "resource": ('"entry": [', f'"entry": {_TWO}'),
}


@pytest.mark.parametrize("as_lines", [False, True])
@pytest.mark.parametrize("name", TWICE)
def test_a_name_that_stands_twice_is_told(name: str, *, as_lines: bool) -> None:
    """Parsers keep the last, and the first may be a relapse."""
    whole = name in ("value", "code")
    old, new = TWICE[name]
    text = json.dumps(added(relapse()) if whole else added())
    assert old in text
    before, _, after = text.rpartition(old) if whole else text.partition(old)
    made = (before + new + after).replace("RELAPSE", json.dumps(relapse()))
    given = f"{made}\n{json.dumps(resources()[0][0])}\n" if as_lines else made
    answers = judged_patients([given.encode()], "input", REQUEST, judge_for(REQUEST))

    assert answers.exit_code == 3
    assert all(one.incomplete for one in answers.judged)
    assert "stands twice" in " ".join(answers.complaints)


def test_a_sample_made_of_a_good_one_is_good() -> None:
    """An aliquot is no doubt by itself."""
    assert claimed_in(in_an_aliquot({**DRAWN, "status": "available"})) == {"CR"}


# What stands against one count: the other still proves an incomplete remission.
ODD_COUNT: dict[str, Callable[[], Node]] = {
    "rules": lambda: changed("anc-6", implicitRules="http://example.org/rules"),
    "modifier-of-its-report": lambda: added(
        report(modifierExtension=[{"url": "x"}], result=[{"reference": "Observation/anc-6"}])
    ),
}


def test_the_proof_alone_is_a_proved_remission() -> None:
    """Else nothing of the rest says anything."""
    assert claimed_in(added()) == {"CR"}


@pytest.mark.parametrize("name", ODD_COUNT)
def test_what_stands_against_a_count_takes_it_away(name: str) -> None:
    """What is left is said, and what that count may have proved as well."""
    answers = judged_patients(
        [json.dumps(ODD_COUNT[name]()).encode()], "input", REQUEST, judge_for(REQUEST)
    )
    latest = answers.judged[0].assessments[0][-1]

    assert (latest.category, latest.possible_higher) == ("CRi", ("CR", "CRh"))
    assert [one.source for one in latest.skipped] == ["Observation/anc-6"]


@pytest.mark.parametrize("name", ODD)
def test_what_stands_against_it_is_told_or_blocks(name: str) -> None:
    """However it is told."""
    assert claimed_in(ODD[name]()) == set()


def test_a_resource_in_the_wrong_place_may_be_anybodys() -> None:
    """What stands in the right place beside it says nothing of it."""
    given = json.dumps(ODD["entry-with-more"]()).encode()
    answers = judged_patients([given], "input", REQUEST, judge_for(REQUEST))

    assert [one.incomplete for one in answers.judged] == [
        "evidence may be missing: input entry 10: a resource under other"
    ]


@pytest.mark.parametrize("name", ["anc-6", "marrow-d32"])
def test_an_element_that_fhir_does_not_have_makes_a_result_doubtful(name: str) -> None:
    """It may be any element, misspelt; with `_`, it goes with one that FHIR has."""
    strange = changed(name, statuss="entered-in-error")
    plain = changed(name, _status={"id": "a"}, note=[{"text": "x"}], fhir_comments=["x"])

    assert "CR" not in claimed_in(strange)
    assert claimed_in(plain) == {"CR"}


def test_an_element_that_fhir_does_not_have_is_named() -> None:
    """So that whoever sends it can mend it."""
    given = json.dumps(changed("dx", verificationstatus={"text": "refuted"})).encode()
    answers = judged_patients([given], "input", REQUEST, judge_for(REQUEST))
    (skipped,) = answers.judged[0].assessments[0][-1].skipped

    assert skipped.reason == "it has verificationstatus, which FHIR does not know"


def test_what_stands_on_a_server_is_asked_for_with_a_bundle_alone() -> None:
    """Else nobody would look at it."""
    with pytest.raises(UsageError, match="add that, or leave --base out"):
        run("nowhere.json", Request(base=Path("stands.json")))
