"""Criteria files: the shipped ones hold together, a broken one names file, line and reason."""

from __future__ import annotations

import re

import pytest

from fhir_remission.domain.criteria import read_criteria
from fhir_remission.errors import TableError
from tests.domain.builder import CRITERIA, criteria, induction, now

NAMES = sorted(path.stem for path in CRITERIA.glob("*.toml"))
TEXT = (CRITERIA / "eln-2022.toml").read_text(encoding="utf-8")


def line_of(text: str, start: str, after: str = "") -> int:
    """The number of the first line that begins so, after the line that begins otherwise."""
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if after and line.startswith(after)), 0)
    return next(i for i, line in enumerate(lines, 1) if i > first and line.startswith(start))


def refused(text: str) -> str:
    """The message with which a file is refused."""
    with pytest.raises(TableError) as caught:
        read_criteria(text, file="site.toml")
    assert re.match(r"site\.toml:\d+: ", str(caught.value)), str(caught.value)
    return str(caught.value)


def test_four_sets_are_shipped() -> None:
    """The names users type."""
    assert NAMES == ["eln-2017", "eln-2022", "healthtree-2024", "iwg-2003"]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_source_and_a_mark(name: str) -> None:
    """Nothing is said without saying where it comes from."""
    found = criteria(name)
    for row in (*found.criterion, *found.category, *found.policy):
        assert row.source
        assert row.mark in {"V", "V2", "R", "S", "ours"}


@pytest.mark.parametrize("name", NAMES)
def test_every_decision_is_a_policy(name: str) -> None:
    """D1 to D10 stand in every file that has the question; the lay set has no MLFS to choose."""
    ids = {one.id for one in criteria(name).policy}
    assert ids >= {f"D{n}" for n in range(2, 11)}


def test_unknown_kind() -> None:
    """A kind outside the closed list."""
    text = TEXT.replace('kind = "percent-decrease"', 'kind = "ratio"')
    line = line_of(text, 'kind = "ratio"')
    assert f":{line}: invalid value 'ratio'" in refused(text)


def test_missing_source() -> None:
    """A criterion without a source, and one with an empty one."""
    place = TEXT.index('source = "ELN 2022', TEXT.index("[[criterion]]"))
    end = TEXT.index("\n", place)
    without = TEXT[:place] + TEXT[end + 1 :]
    message = refused(without)
    assert "missing required field `source`" in message
    assert f":{line_of(without, '[[criterion]]')}:" in message
    assert "has no source" in refused(TEXT[:place] + 'source = " "' + TEXT[end:])


def test_unknown_criterion_in_a_category() -> None:
    """A category that requires what no criterion defines."""
    text = TEXT.replace('"marrow-blasts-below-5", "no-blood-blasts"', '"marrow-blast", "x"', 1)
    message = refused(text)
    assert "CR requires unknown criterion marrow-blast" in message
    assert f":{line_of(text, 'requires', '[[category]]')}:" in message


def test_analyte_nothing_maps() -> None:
    """A threshold on an analyte that no criterion can judge, or that no table maps."""
    text = TEXT.replace('analyte = "platelets"', 'analyte = "plates"', 1)
    assert "asks for analyte plates" in refused(text)
    with pytest.raises(TableError, match="which no table maps"):
        read_criteria(TEXT, file="site.toml", analytes={"anc", "blasts-marrow"})


def test_loop_in_precedence() -> None:
    """CR after MLFS after CRi after CRh after CR."""
    text = TEXT.replace('id = "CR"\n', 'id = "CR"\nafter = "MLFS"\n', 1)
    message = refused(text)
    assert "precedence loop" in message
    line = line_of(text, 'after = "MLFS"')
    assert f":{line}:" in message


def test_unknown_keys() -> None:
    """Unknown keys and tables are errors, not silence."""
    assert "unknown field `tresholds`" in refused(TEXT + "\n[tresholds]\nx = 1\n")
    text = TEXT.replace('op = ">="', 'op = ">="\nstrict = true', 1)
    assert f":{line_of(text, 'strict = true')}:" in refused(text)


def test_not_toml_and_wrong_types() -> None:
    """Broken text, a number that is a word, a missing number."""
    assert "not TOML" in refused(TEXT + "\n[[criterion\n")
    assert "anc" not in refused(TEXT.replace('value = 1.0\nunit = "10*9/L"', 'value = "x"'))
    line = next(line for line in TEXT.splitlines() if line.startswith("early_marrow"))
    assert "missing required field `early_marrow`" in refused(TEXT.replace(line + "\n", ""))


def test_composites_do_not_nest() -> None:
    """A criterion made of others names only plain ones."""
    text = TEXT.replace(
        'of = ["anc-recovered", "platelets-recovered"]',
        'of = ["counts-below-cr", "platelets-recovered"]',
        1,
    )
    assert "criteria do not nest" in refused(text)


def test_order_of_rows_follows_precedence() -> None:
    """Rows written in another order are put after the category they name."""
    blocks = TEXT.split("[[category]]\n")
    mixed = "[[category]]\n".join([blocks[0], blocks[2], blocks[1], *blocks[3:]])
    found = read_criteria(mixed, file="site.toml")
    assert [row.id for row in found.category] == ["CR", "CRh", "CRi", "MLFS", "PR"]


def test_a_fifth_set_is_a_file_alone() -> None:
    """The pediatric consensus asks for platelets above 80: one file, no code."""
    text = TEXT.replace('id = "eln-2022"', 'id = "pediatric-2012"', 1)
    text = text.replace(
        'op = ">="\nvalue = 100\nunit = "10*9/L"', 'op = ">"\nvalue = 80\nunit = "10*9/L"', 1
    )
    pediatric = read_criteria(text, file="pediatric-2012.toml")
    course = induction().marrow(30, 2).blood(30, 1500, 81_000)
    assert (now(course).category, now(course, pediatric).category) == ("CRh", "CR")
    assert now(course, pediatric).criteria_id == "pediatric-2012"
    exact = induction().marrow(30, 2).blood(30, 1500, 80_000)
    assert now(exact, pediatric).category == "CRh"


def test_policies_switch_rules() -> None:
    """D1 and D3 by name; an unknown one is refused."""
    low = induction().marrow(30, 2).blood(30, 400, 30_000)
    assert now(low).category == "CRi"
    assert now(low, policies={"cri_requires_one_recovered_lineage": "yes"}).category == "MLFS"
    need = induction().marrow(30, 2).blood(30, 1500, 150_000).event("rbc-transfusion", 28)
    assert now(need, "iwg-2003").category == "MLFS"
    assert now(need, "iwg-2003", policies={"rbc_dependence_as_cri": "yes"}).category == "CRi"
    with pytest.raises(TableError, match="is not one of this set"):
        now(low, policies={"cri_requires_one_recovered_lineage": "maybe"})


def test_policies_in_force_are_shown() -> None:
    """Every assessment carries the decisions behind it."""
    shown = dict(now(induction(), strict=False).policies)
    assert shown["cri_requires_one_recovered_lineage"] == "no"
    chosen = {"cri_requires_one_recovered_lineage": "yes"}
    assert dict(now(induction(), policies=chosen).policies) | chosen == dict(
        now(induction(), policies=chosen).policies
    )
