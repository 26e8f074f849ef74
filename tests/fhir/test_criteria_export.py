"""A set written out as CQL and FHIR: from its file alone, with nothing that it does not say."""

import base64
import json
import re
from pathlib import Path

import pytest

from fhir_remission.cli.main import main
from fhir_remission.domain.criteria.loading import read_criteria
from fhir_remission.domain.criteria.printed import rule_of
from fhir_remission.effects.files.mapping_files import (
    criteria_names,
    default_dir,
    load_criteria,
    load_mappings,
)
from fhir_remission.errors import TableError
from fhir_remission.fhir.criteria_export.answers import rows
from fhir_remission.fhir.criteria_export.library_text import Library, library, library_name
from fhir_remission.fhir.criteria_export.spelling import folded
from fhir_remission.fhir.criteria_export.values import unit_factors, value_sets

NS = "https://w3id.org/fhir-remission"
ELN = (default_dir() / "criteria" / "eln-2022.toml").read_text(encoding="utf-8")


def written(text: str) -> Library:
    """The library of a set that is given as a file's text."""
    return library(read_criteria(text, file="ours.toml"), load_mappings(), NS)


@pytest.mark.parametrize("name", criteria_names())
def test_every_criterion_and_category_is_defined_with_mark_and_source(name: str) -> None:
    """Above each definition stand its rule, how surely it was read, and where."""
    criteria = load_criteria(name)
    text = library(criteria, load_mappings(), NS).text

    for one in criteria.criterion:
        assert f"[{one.mark}] {one.source}" in told_in(block(text, f"Criterion {one.id}"))
    for row in criteria.category:
        assert f"[{row.mark}] {row.source}" in told_in(block(text, f"Category {row.id}"))
        assert f'define "Is {row.id}"' in text
    assert text.count("{") == text.count("}")
    assert "$" not in text.replace("?$'", "").replace("+)?$'", "")


def test_what_cql_cannot_judge_is_named_and_never_known() -> None:
    """ELN 2017 asks how counts have grown: its PD is never said, and excluded where it fails."""
    made = library(load_criteria("eln-2017"), load_mappings(), NS)
    lost = ("counts-not-improved", "blood-blasts-risen", "new-extramedullary-disease")

    assert made.inexpressible == lost
    named = made.text.split('define "Not expressible"')[1].split("List<String>")[0]
    assert all(f"'{one}'" in named for one in lost)
    assert 'define "Criterion counts-not-improved":\n  null as Boolean' in made.text
    for one in lost[1:]:
        judged = " ".join(block(made.text, f"Criterion {one}"))
        assert "known only where it fails" in judged
        assert "null as Boolean else false" in judged
        assert "true" not in judged
    assert library(load_criteria("eln-2022"), load_mappings(), NS).inexpressible == ()


def test_numbers_of_a_site_reach_the_library() -> None:
    """Odd thresholds, another window and hostile words: what the file says, and no more."""
    text = ELN.replace("value = 1.0\n", "value = 0.9999\n").replace('id = "eln-2022"', 'id = "x-1"')
    text = text.replace("window_after           = { value = 14", "window_after = { value = 21")
    text = text.replace(
        'title = "European LeukemiaNet 2022"', 'title = "It\'s \\"ours\\" */\\ndefine X: 1"'
    )

    made = written(text)

    assert made.name == "X1"
    assert 'not "Below"(value, 999.9000)' in made.text
    assert 'define "Number window_after":\n  21\n' in made.text
    assert 'Min({ m.dayNo + "Number window_after",' in made.text
    assert "\ndefine X" not in made.text


def test_a_policy_of_the_file_decides() -> None:
    """With the last marrow's answer kept after a new start the library withholds nothing."""
    withheld = ELN.replace('default = "last-marrow"', 'default = "not-evaluable"')

    assert 'define "Waits":\n  false and' in written(ELN).text
    assert 'define "Waits":\n  true and' in written(withheld).text


def test_what_is_unknown_is_tried_both_ways() -> None:
    """CQL's `exists` passes over nulls: an unknown verdict was taken for a failed one."""
    text = written(ELN).text

    assert "if verdict is null then { true, false } else { verdict }" in text
    ways = text.split('define function "Ways of parts"')[1].split("return")[0]
    assert ways.count('("Either"(') == 12


def test_without_a_count_no_remission_is_said() -> None:
    """A marrow of 2 % without neutrophils and platelets is a leukaemia-free state at most."""
    text = written(ELN).text
    rows = text.split('define function "Answer of way"')[1].split("else")[0]

    for remission in ("CR", "CRh", "CRi"):
        assert f'not capped and not uncounted and "Category {remission}"' in rows
    assert 'when "Category MLFS"' in rows
    assert "uncounted: (V.anc is null and V.platelets is null)" in text


def test_a_number_with_more_digits_than_a_decimal_of_cql_is_not_expressible() -> None:
    """Engines keep eight digits after the point: a rounded threshold would be another one."""
    made = written(ELN.replace("value = 1.0\n", "value = 1.000000000001\n"))

    assert made.inexpressible == ("anc-recovered",)
    assert "1000.000000001" not in made.text


def test_a_value_with_more_digits_lies_between_two_decimals() -> None:
    """A count of 999.9999999999 that an engine rounds to 1000 would be recovered."""
    text = written(ELN).text

    assert "Round(x, 8) - 0.00000001, true" in text
    assert "Round(q.value" not in text


@pytest.mark.parametrize("pair", [("a-b", "a_b"), ("a-1", "a1"), ("a-1-2", "a-12"), ("a.b", "a-b")])
def test_two_sets_never_share_a_name(pair: tuple[str, str]) -> None:
    """A library that overwrites another would answer in its name."""
    assert library_name(pair[0]).lower() != library_name(pair[1]).lower()
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", library_name(pair[1]))


def test_two_criteria_never_share_a_name() -> None:
    """Underscore and hyphen are two letters, in CQL as in the file."""
    text = written(ELN.replace("anc-partly-recovered", "anc_recovered")).text

    assert '"is anc-recovered"' in text
    assert '"is anc_recovered"' in text


def test_what_the_library_does_not_read_is_refused() -> None:
    """Transfusions, growth factor, drugs, undated results: no answer, rather than a wrong one."""
    text = written(ELN).text

    assert 'when exists "Not read" then 99' in text
    assert "when 99 then" not in text
    beyond = text.split("// ---- What lies beyond")[1].split("// ---- ")[0]
    for part in (
        *("support-given", "MedicationAdministration", "not-read", "Is undated", "[Specimen]"),
        *("[DiagnosticReport]", "O.specimen is not null", "R.v.high < 1.0", '"wbc"'),
        *("not exists (c.coding C", "C.abatement is not null", "O.method is not null"),
        *("O.status.value in", "P.status.value in", "(O.component C", "exists (O.focus)"),
        "exists (O.modifierExtension)",
    ):
        assert part in beyond
    sets = {one.name: {code for _, code, _ in one.codes} for one in value_sets(load_mappings())}
    assert "12719002" in sets["support-given"]
    assert "116863004" in sets["red-cells-given"]
    assert "C74657" in sets["auer-rods"]
    assert {"C150836", "82903-6"} <= sets["not-read"]
    assert "when kind = 'count' then 200000.0" in text


def test_red_cells_given_or_auer_rods_are_refused_where_the_set_asks() -> None:
    """A set that asks for independence says nothing of somebody who was transfused."""
    asks = library(load_criteria("iwg-2003"), load_mappings(), NS).text
    told = " ".join(asks.split("red cells given, for which the set asks'")[1].split("}")[0].split())

    assert '[Procedure: "red-cells-given"]' in told
    assert '[Observation: "auer-rods"]' in told
    assert "for which the set asks', holds: false }" in written(ELN).text


def test_units_are_those_of_the_tables() -> None:
    """Per microlitre and as whole multiples; K/uL is thousands, never kelvin."""
    factors = unit_factors(load_mappings(), "anc")

    assert (factors["10*9/L"], factors["K/uL"], factors["/uL"]) == ("1000.0", "1000.0", "1.000")
    assert "%" not in factors


def test_value_sets_leave_out_codes_under_a_condition() -> None:
    """A code that counts only with a Specimen would count everywhere in a value set."""
    sets = {one.name: {code for _, code, _ in one.codes} for one in value_sets(load_mappings())}

    assert "11150-0" in sets["blasts-marrow"]
    assert "C150836" not in sets["blasts-marrow"]
    assert "770-8" not in sets["anc"]
    assert all(sets.values())


def test_the_command_writes_the_library_and_its_resources(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """CQL as text; as FHIR the same text, an action per answer, each value set; twice the same."""
    asked = ["criteria", "export", "--set", "eln-2022", "--out", str(tmp_path)]
    assert main(asked) == 0
    assert main([*asked, "--format", "fhir"]) == 0
    text = (tmp_path / "Eln2022.cql").read_bytes()
    held = json.loads((tmp_path / "Library-Eln2022.json").read_text())
    plan = json.loads((tmp_path / "PlanDefinition-Eln2022.json").read_text())
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert main([*asked, "--format", "fhir"]) == 0

    assert base64.b64decode(held["content"][0]["data"]) == text
    assert plan["library"] == [f"{held['url']}|{held['version']}"]
    asked_of = [one["condition"][0]["expression"] for one in plan["action"]]
    assert {one["language"] for one in asked_of} == {"text/cql-expression"}
    assert all(f"define {one['expression']}:" in text.decode() for one in asked_of)
    assert [one["title"] for one in plan["action"]][:5] == ["CR", "CRh", "CRi", "MLFS", "PR"]
    for address in re.findall(r"^valueset \"[\w-]+\": '(.*)'$", text.decode(), re.MULTILINE):
        assert (tmp_path / f"ValueSet-{address.rpartition('/')[2]}.json").is_file()
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert b"PlanDefinition-Eln2022.json" in capsysbinary.readouterr().out


def test_the_command_names_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, so that nobody takes the library for the whole set."""
    assert main(["criteria", "export", "--set", "eln-2017", "--out", str(tmp_path)]) == 0
    assert "not expressible in CQL: criterion counts-not-improved" in capsys.readouterr().err


def elm_of(name: str = "Eln2022", **more: object) -> str:
    """ELM as a translator writes it, without its statements."""
    version = load_criteria("eln-2022").version
    return json.dumps({"library": {"identifier": {"id": name, "version": version}, **more}})


def test_elm_of_a_translator_joins_the_library(tmp_path: Path) -> None:
    """A server that translates nothing needs both."""
    (tmp_path / "made.json").write_text(elm_of())
    asked = ["criteria", "export", "--set", "eln-2022", "--out", str(tmp_path), "--format", "fhir"]

    assert main([*asked, "--elm", str(tmp_path / "made.json")]) == 0
    held = json.loads((tmp_path / "Library-Eln2022.json").read_text())["content"]
    assert [one["contentType"] for one in held] == ["text/cql", "application/elm+json"]
    assert base64.b64decode(held[1]["data"]).decode() == elm_of()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        elm_of("Eln2017"),
        elm_of(annotation=[{"errorSeverity": "warning", "message": "hides another"}]),
    ],
)
def test_elm_of_something_else_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine would run the ELM and show the CQL of another set."""
    (tmp_path / "made.json").write_text(text)
    asked = ["criteria", "export", "--set", "eln-2022", "--out", str(tmp_path), "--format", "fhir"]

    assert main([*asked, "--elm", str(tmp_path / "made.json")]) == 2
    assert "translate Eln2022.cql with cql-to-elm" in capsys.readouterr().err
    assert not (tmp_path / "Library-Eln2022.json").exists()


@pytest.mark.parametrize("name", criteria_names())
def test_no_string_is_spelled_as_a_name(name: str) -> None:
    """A translator warns of such a string: somebody may have meant the name."""
    text = "\n".join(
        line
        for line in library(load_criteria(name), load_mappings(), NS).text.splitlines()
        if "//" not in line
    )
    named = re.findall(r'^(?:valueset|define(?: function)?) "([^"]+)"', text, re.MULTILINE)
    assert named
    assert {*named} & {*re.findall(r"'([^']*)'", text)} == set()


@pytest.mark.parametrize("name", criteria_names())
def test_no_function_is_called_with_nothing(name: str) -> None:
    """cql-execution 3.3.2 fails on such a call, and every record would be refused."""
    assert '"()' not in library(load_criteria(name), load_mappings(), NS).text


SCREEN, HALF = 40, 25


def told_in(lines: list[str]) -> str:
    """What the comments among the lines say, however they are folded."""
    told = (line.strip().removeprefix("//").strip() for line in lines if line.startswith("//"))
    return " ".join(told)


def block(text: str, name: str) -> list[str]:
    """The lines of one definition with the comments above it."""
    lines = text.split("\n")
    heads = (f'define function "{name}"(', f'define "{name}":')
    at = next(place for place, line in enumerate(lines) if line.startswith(heads))
    first = last = at
    while lines[first - 1].startswith("//"):
        first -= 1
    while lines[last + 1].strip():
        last += 1
    return lines[first : last + 1]


@pytest.mark.parametrize("name", criteria_names())
def test_a_category_with_all_it_asks_fits_on_a_screen(name: str) -> None:
    """Who reviews a category sees the rule of each criterion; each criterion takes half of that."""
    criteria = load_criteria(name)
    text = library(criteria, load_mappings(), NS).text
    known = {one.id: rule_of(one) for one in criteria.criterion}

    for named, row in rows(criteria):
        shown = block(text, f"Category {named}")
        told = told_in(shown)
        assert all(f"{one}: {known[one]}" in told for one in row.requires), row.id
        assert len(shown) <= SCREEN, row.id
        for one in row.requires:
            judged = block(text, f"Criterion {one}")
            assert len(judged) <= HALF, one
            shown += judged
        assert max(map(len, shown)) <= 100, row.id


def test_folding_keeps_strings_and_names_whole() -> None:
    """A break within a string would be another string."""
    line = "  in { 'a, b', \"c, d\", 'it\\'s, e' }, f"

    assert folded(line, 12).replace("\n    ", "") != line
    assert " ".join(part.strip() for part in folded(line, 12).split("\n")) == line.strip()
    assert all(whole in folded(line, 12) for whole in ("'a, b'", '"c, d"', "'it\\'s, e'"))
    assert folded("// one two three", 12) == "// one two\n//   three"


def test_only_one_key_sorts() -> None:
    """The engine of the JVM sorts by the last of several, and walked a course out of order."""
    for name in criteria_names():
        sorts = re.findall(
            r"sort by [^)\n]*", library(load_criteria(name), load_mappings(), NS).text
        )
        assert sorts
        assert not [one for one in sorts if "," in one]


def test_answers_are_read_with_their_system() -> None:
    """A code of another system that is spelled like an absence denies nothing."""
    text = written(ELN).text

    assert "C.code.value in {" not in re.sub(r"C\.system\.value \+ ' ' \+ C\.code\.value", "", text)
    assert "'http://snomed.info/sct 2667000'" in text
    assert " '2667000'" not in text


def test_what_baseline_asks_for_which_range_is_expressed() -> None:
    """IWG 2003: from 50 % down to 5 to 25 %, from 20 % at least halved and above 5 %."""
    made = library(load_criteria("iwg-2003"), load_mappings(), NS)
    judged = " ".join(block(made.text, "Criterion partial-response-range"))

    assert made.inexpressible == ()
    assert 'not "Above"(value, 25.0)' in judged
    assert "Min({ baseline.high, 50.0 }) * 0.5" in judged


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("fraction = 0.5\n", "fraction = 0.500000000001\n", "blasts-halved"),
        ("cells = 200\n", "cells = 200.000000000001\n", "marrow-adequate"),
    ],
)
def test_every_number_is_exact_or_its_criterion_is_named(old: str, new: str, lost: str) -> None:
    """Not only thresholds: any number that engines would round makes its criterion unknown."""
    assert old in ELN
    assert written(ELN.replace(old, new)).inexpressible == (lost,)


@pytest.mark.parametrize("name", criteria_names())
def test_every_number_and_rule_of_relapse_has_its_source(name: str) -> None:
    """No number that decides stands bare in the walk of a course."""
    criteria = load_criteria(name)
    text = library(criteria, load_mappings(), NS).text
    told = told_in(text.split("\n"))

    used = {*re.findall(r'"Number (\w+)"', text)}
    assert used >= {"window_before", "window_after", "early_marrow", "disease_blasts"}
    for one in used:
        number = getattr(criteria.numbers, one)
        source = "The set gives none." if number is None else f"[{number.mark}] {number.source}"
        assert " ".join(source.split()) in told_in(block(text, f"Number {one}"))
    relapse = criteria.relapse
    for rule in (relapse.marrow, relapse.blood, relapse.extramedullary):
        assert rule is None or f"{rule.text} [{rule.mark}] {rule.source}" in told


def test_a_line_of_disease_that_cql_would_round_is_refused() -> None:
    """Every category hangs on it: there would be nothing left to say."""
    text = ELN.replace(
        "disease_blasts         = { value = 5,", "disease_blasts = { value = 5.000000001,"
    )
    text = text.replace("at_least = 5\n", "at_least = 5.000000001\n")

    with pytest.raises(TableError, match="disease_blasts has more than the eight digits"):
        written(text)
