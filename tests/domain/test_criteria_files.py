"""Criteria files: the shipped ones hold together, a broken one names file, line and reason."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from fhir_remission import classify
from fhir_remission.domain.criteria.kinds import Threshold
from fhir_remission.domain.criteria.loading import read_criteria
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.errors import SettingsError, TableError
from fhir_remission.rehearsal.cohort.evidence import (
    TAG,
    chemotherapy,
    diagnosis,
    extramedullary,
    result,
    transfusion,
)
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


def test_six_sets_are_shipped() -> None:
    """The names users type."""
    assert [
        *("cibmtr-aml", "eln-2017", "eln-2022", "healthtree-2024", "iwg-2003", "pediatric-2012")
    ] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_source_and_a_mark(name: str) -> None:
    """Nothing is said without saying where it comes from."""
    found = criteria(name)
    for row in (*found.criterion, *found.category, *found.policy):
        assert row.source
        assert row.mark in {"V", "V2", "R", "S", "ours"}


@pytest.mark.parametrize("name", NAMES)
def test_every_decision_is_a_policy(name: str) -> None:
    """D1 to D10 stand in every file that has the question; not each set has MLFS or PR."""
    ids = {one.id for one in criteria(name).policy}
    asked = {f"D{n}" for n in range(2, 11)}
    assert ids >= (asked - {"D7"} if name == "cibmtr-aml" else asked)


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


def edited(after: str, old: str, new: str) -> tuple[str, int]:
    """The file with the first line `old` after the line `after` changed, and the line's number."""
    lines = TEXT.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(after))
    place = next(at for at, line in enumerate(lines) if at >= start and line.startswith(old))
    lines[place] = new
    return "\n".join(lines) + "\n", place + 1


@pytest.mark.parametrize(
    ("after", "old", "new", "said"),
    [
        ('id = "platelets-recovered"', "id", 'id = "anc-recovered"',
         "criterion anc-recovered is defined twice"),
        ('id = "platelets-recovered"', "source", 'source = " "',
         "criterion platelets-recovered has no source"),
        ('id = "MLFS"', "source", 'source = ""', "category MLFS has no source"),
        ('id = "D3"', "source", 'source = ""', "policy D3 has no source"),
        ("[outcomes]", "source", 'source = " "', "outcomes has no source"),
        ("[mrd]", "source", 'source = ""', "mrd has no source"),
        ('method = "ngs"', "source", 'source = ""', "mrd.cutoffs ngs has no source"),
        ("[relapse.blood]", "source", 'source = ""', "relapse.blood has no source"),
        ("[relapse.marrow]", "at_least", "at_least = 10",
         "a relapse begins where disease does, at the 5 % of disease_blasts"),
        ("[landmark.days]", "source", 'source = ""', "landmark.days has no source"),
        ('id = "platelets-recovered"', "analyte", 'analyte = "plates"',
         "criterion platelets-recovered asks for analyte plates, which no criterion can judge"),
        ('id = "counts-below-cr"', "of", 'of = ["anc-recovered", "nothing"]',
         "counts-below-cr names unknown criterion nothing"),
        ('id = "one-lineage-recovered"', "of", 'of = ["anc-recovered", "counts-below-cr"]',
         "one-lineage-recovered names counts-below-cr, itself made of others"),
        ('id = "CRh"', "requires", 'requires = ["marrow-blasts-below-5", "x"]',
         "CRh requires unknown criterion x"),
        ('id = "CR"', "doubts", 'doubts = ["y"]', "CR requires unknown criterion y"),
        ('id = "CRh"', "after", 'after = "CRx"', "CRh comes after unknown CRx"),
        ('id = "CRh"', "after", 'after = "CRh"', "precedence loop: CRh comes after CRh"),
        ("[about]", "lineages", 'lineages = ["anc-recovered", "blasts-halved"]',
         "lineage blasts-halved is no threshold criterion"),
        ('id = "D1"', "when_yes", 'when_yes = [{ category = "CRx", adds = [] }]',
         "policy cri_requires_one_recovered_lineage names unknown category CRx"),
        ('id = "D1"', "when_yes", 'when_yes = [{ category = "CRi", adds = ["z"] }]',
         "cri_requires_one_recovered_lineage requires unknown criterion z"),
        ('id = "platelets-recovered"', "op", 'op = "=>"', "invalid enum value '=>'"),
        ('id = "platelets-recovered"', "value", 'value = "hundred"', "invalid decimal string"),
        ('id = "platelets-recovered"', "unit", 'units = "10*9/L"', "unknown field `units`"),
        ("[numbers]", "window_after",
         'window_after = { value = 14, unit = "d", mark = "V", source = " " }',
         "numbers.window_after has no source"),
        ("[assume]", "aml_lineage",
         'aml_lineage = { level = "material", mark = "ours", source = "" }',
         "assume.aml_lineage has no source"),
        ("[numbers]", "window_after", 'window_after = { value = 14 }', "missing required field"),
        ("[numbers]", "window_after",
         'window_after = { value = 14.5, unit = "d", mark = "V", source = "x" }',
         "14.5 d is no whole number from zero on"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_its_line_and_the_reason(
    after: str, old: str, new: str, said: str
) -> None:
    """Where the reader has to look, or the row in which it is."""
    text, line = edited(after, old, new)
    message = refused(text)
    assert said in message, message
    place = int(message.split(":")[1])
    table = max(at for at, row in enumerate(text.splitlines(), 1) if at <= line and row[:1] == "[")
    row_only = new.startswith(("when_yes", "units", "doubts"))
    exact = not (row_only or after.startswith(("[relapse", "[landmark")))
    assert place == line if exact else table <= place <= line, message


def test_a_file_without_categories_says_nothing() -> None:
    """It would answer everything with not evaluable."""
    start = TEXT.index("[[category]]")
    end = TEXT.index("[outcomes]")
    policies = TEXT.index("[[policy]]")
    bare = TEXT[:start].replace('id = "eln-2022"', 'category = []\nid = "eln-2022"')
    text = "category = []\n" + bare.replace("category = []\n", "") + TEXT[end:policies]
    assert refused(text) == "site.toml:1: a criteria file needs at least one category"


def test_a_wrong_shape_is_told_in_a_whole_sentence() -> None:
    """File, line, what is wrong, and in which table and key."""
    ratio, line = edited('id = "blasts-halved"', "kind", 'kind = "ratio"')
    kinds = f"site.toml:{line}: invalid value 'ratio' in [criterion] kind; known are absent, "
    assert refused(ratio).startswith(kinds)
    assert refused(ratio).endswith("persisted, threshold")
    wrong, line = edited("[about]", "lineages", "lineages = 3")
    assert refused(wrong) == f"site.toml:{line}: expected `array`, got `int` in [about] lineages"
    bare = "policy = 1\n" + TEXT[: TEXT.index("[[policy]]")]
    assert refused(bare) == "site.toml:1: expected `array`, got `int` in [policy]"
    more = TEXT + "\n[tresholds]\nx = 1\n"
    line = line_of(more, "[tresholds]")
    assert refused(more) == (
        f"site.toml:{line}: object contains unknown field `tresholds`; known are about, assume, "
        "category, criterion, landmark, mrd, numbers, outcomes, policy, relapse"
    )
    units, line = edited('id = "platelets-recovered"', "unit", 'units = "10*9/L"')
    assert refused(units) == (
        f"site.toml:{line}: object contains unknown field `units` in [criterion] units; "
        "known are analyte, id, kind, mark, missing, op, source, text, unit, value"
    )


def test_a_file_that_breaks_off_has_no_line() -> None:
    """Its end is where the reader has to look."""
    with pytest.raises(TableError, match=r"^site\.toml: not TOML: .*\(at end of document\)$"):
        read_criteria(TEXT + '\nx = "', file="site.toml")


def test_a_policy_that_names_an_unknown_category_is_refused_at_its_switch() -> None:
    """Not at the first policy of the file."""
    name = 'name = "rbc_dependence_as_cri"'
    switch = 'when_yes = [{ category = "CRx", adds = [] }]'
    text = TEXT.replace(name, f"{switch}\n{name}")
    line = line_of(text, "when_yes", 'id = "D3"')
    assert refused(text) == (
        f"site.toml:{line}: policy rbc_dependence_as_cri names unknown category CRx"
    )


def test_a_threshold_is_read_digit_by_digit() -> None:
    """More digits than a floating point number holds."""
    text, _ = edited('id = "anc-recovered"', "value", "value = 1.00000000000000000001")
    (one,) = [row for row in read_criteria(text, file="x").criterion if row.id == "anc-recovered"]
    assert isinstance(one, Threshold)
    assert str(one.value) == "1.00000000000000000001"


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


PLATELETS_81 = [
    {"resourceType": "Patient", "id": "p1", "meta": TAG},
    diagnosis("d", "p1", "2026-01-01", "snomed"),
    result("m0", "p1", "2026-01-02", "marrow", "60 %"),
    chemotherapy("t", "p1", "2026-01-03"),
    result("m1", "p1", "2026-02-10", "marrow", "2 %"),
    result("c1", "p1", "2026-02-10", "cells", "300 {#}"),
    result("a1", "p1", "2026-02-10", "anc", "1.5 10*9/L"),
    result("s1", "p1", "2026-02-10", "smear", "0 %"),
    extramedullary("e1", "p1", "2026-02-10", "absent"),
]


@pytest.mark.parametrize(
    ("platelets", "adults", "children"),
    [("81", "CRh", "CR"), ("80", "CRh", "CRi"), ("100", "CR", "CR"), ("40", "CRi", "CRi")],
)
def test_a_set_is_a_file_alone(platelets: str, adults: str, children: str, tmp_path: Path) -> None:
    """The pediatric consensus asks for platelets above 80; a site adds its own set as one file."""
    text = (CRITERIA / "pediatric-2012.toml").read_text(encoding="utf-8")
    (tmp_path / "criteria").mkdir()
    own = text.replace('id = "pediatric-2012"', 'id = "house-80"')
    (tmp_path / "criteria/house-80.toml").write_text(own, encoding="utf-8")
    counted = result("p1", "p1", "2026-02-10", "platelets", f"{platelets} 10*9/L")
    found = classify(
        [*PLATELETS_81, counted],
        criteria=["eln-2022", "pediatric-2012", "house-80"],
        complete=["Procedure"],
        mappings=tmp_path,
        as_of="2026-06-01T00:00:00Z",
    )
    assert [one.criteria_id for one in found] == ["eln-2022", "pediatric-2012", "house-80"]
    assert [one.category for one in found] == [adults, children, children]
    (rule,) = [one for one in found[1].criteria_results if one.criterion == "platelets-recovered"]
    assert rule.rule == "> 80 10*9/L"
    assert "Creutzig" in rule.source


@pytest.mark.parametrize(
    ("transfused", "days_before", "category"),
    [("red cells", 3, "CRi"), ("red cells", 8, "CR"), ("platelets", 3, "CRi")],
)
def test_the_registry_asks_for_seven_days_without_transfusions(
    transfused: str, days_before: int, category: str
) -> None:
    """CIBMTR: complete remission is independent of transfusions; ELN 2022 flags red cells only."""
    day = (date(2026, 2, 10) - timedelta(days=days_before)).isoformat()
    found = classify(
        [
            *PLATELETS_81,
            result("p1", "p1", "2026-02-10", "platelets", "150 10*9/L"),
            transfusion("b", "p1", day, transfused),
        ],
        criteria=["cibmtr-aml", "eln-2022"],
        complete=["Procedure"],
        as_of="2026-06-01T00:00:00Z",
    )
    assert [one.category for one in found] == [
        category,
        "CR" if transfused == "red cells" else "CRi",
    ]


def test_the_registry_s_remission_without_any_word_on_transfusions_is_material() -> None:
    """Silence proves no independence."""
    counted = result("p1", "p1", "2026-02-10", "platelets", "150 10*9/L")
    (found,) = classify([*PLATELETS_81, counted], criteria="cibmtr-aml")
    assert (found.category, found.confidence) == ("CR", "material")


def test_a_file_of_a_site_from_version_one_is_read(tmp_path: Path) -> None:
    """What version 2 added may be missing: the rule of version 1 holds there, none is guessed."""
    later = ("early_marrow_less_intensive", "targeted_within", "baseline_after_start",
             "conditioning", "prophylaxis",
             "whole_at_most", "blood_markers", "blood_by", "no_mrd", "no_mrd_by")  # fmt: skip
    text = (CRITERIA / "eln-2022.toml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in later]
    own = "\n".join(kept).replace('id = "eln-2022"', 'id = "house"')
    own = own.replace('version = "2"', 'version = "1"')
    (tmp_path / "criteria").mkdir()
    (tmp_path / "criteria/house.toml").write_text(own, encoding="utf-8")
    counted = result("p1", "p1", "2026-02-10", "platelets", "150 10*9/L")
    (found,) = classify([*PLATELETS_81, counted], criteria="house", mappings=tmp_path)
    assert (found.criteria_version, found.category) == ("1", "CR")


@pytest.mark.parametrize(
    ("axis", "first", "after"),
    [
        ("mrd", "[mrd]", "[[policy]]"),
        ("relapse", "[relapse.marrow]", "[landmark.cycles]"),
        ("landmark", "[landmark.cycles]", "[mrd]"),
        ("outcomes", "[outcomes]", "[relapse.marrow]"),
    ],
)
def test_a_part_of_the_file_that_is_missing_is_named(axis: str, first: str, after: str) -> None:
    """With the file; nothing is assumed about how a set judges MRD or relapse."""
    cut = TEXT[: TEXT.index(first)] + TEXT[TEXT.index(after) :]
    with pytest.raises(TableError, match=f"site.toml.*missing required field `{axis}`"):
        read_criteria(cut, file="site.toml")


def test_a_copy_that_kept_its_id_is_refused(tmp_path: Path) -> None:
    """A site's own thresholds under the name of ELN 2022 would be a remission ELN denies."""
    (tmp_path / "criteria").mkdir()
    (tmp_path / "criteria" / "house.toml").write_text(TEXT.replace("value = 100", "value = 80"))
    line = line_of(TEXT, 'id = "eln-2022"')
    with pytest.raises(TableError, match=f"house.toml:{line}: id is eln-2022, the file is named"):
        classify(PLATELETS_81, criteria="house", mappings=tmp_path)


def test_a_folder_without_tables_and_without_criteria_is_no_overlay(tmp_path: Path) -> None:
    """An empty folder of criteria is a wrong path, not an overlay of nothing."""
    (tmp_path / "criteria").mkdir()
    with pytest.raises(SettingsError, match="holds no overlay"):
        load_mappings(tmp_path)


def test_a_broken_file_stops_the_command_before_anything_is_read(tmp_path: Path) -> None:
    """Exit code 2, the file and its line: nothing is judged by the sets that are good."""
    (tmp_path / "criteria").mkdir()
    file = tmp_path / "criteria" / "eln-2022.toml"
    file.write_text(TEXT.replace('kind = "percent-decrease"', 'kind = "ratio"'))
    line = line_of(file.read_text(), 'kind = "ratio"')
    with pytest.raises(TableError, match=f"{file.name}:{line}: invalid value 'ratio'") as caught:
        classify(PLATELETS_81, criteria=["iwg-2003", "eln-2022"], mappings=tmp_path)
    assert caught.value.exit_code == 2


def test_a_set_that_asks_for_what_no_code_of_the_site_maps_is_refused(tmp_path: Path) -> None:
    """A site that takes all platelet codes back cannot judge platelets: file, line and reason."""
    rows = [key for key, row in load_mappings().codes.rows.items() if row.analyte == "platelets"]
    groups = [
        {
            "source": system,
            "target": f"{NAMESPACE}/CodeSystem/analyte",
            "element": [{"code": code, "target": [{"equivalence": "disjoint"}]}],
        }
        for system, code in rows
    ]
    gone = {"resourceType": "ConceptMap", "status": "active", "group": groups}
    (tmp_path / "gone.json").write_text(json.dumps(gone))
    line = line_of(TEXT, 'analyte = "platelets"')
    told = f"eln-2022.toml:{line}: criterion platelets-recovered asks for analyte platelets, which"
    with pytest.raises(TableError, match=told):
        classify(PLATELETS_81, mappings=tmp_path)


def test_policies_switch_rules() -> None:
    """D1 and D3 by name; an unknown one is refused."""
    low = induction().marrow(30, 2).blood(30, 400, 30_000)
    assert now(low).category == "CRi"
    assert now(low, policies={"cri_requires_one_recovered_lineage": "yes"}).category == "MLFS"
    need = induction().marrow(30, 2).blood(30, 1500, 150_000).event("rbc-transfusion", 28)
    assert now(need, "iwg-2003").category == "MLFS"
    assert now(need, "iwg-2003", policies={"rbc_dependence_as_cri": "yes"}).category == "CRi"
    with pytest.raises(TableError) as caught:
        now(low, policies={"cri_requires_one_recovered_lineage": "maybe"})
    assert str(caught.value) == (
        "eln-2022: policy cri_requires_one_recovered_lineage = maybe is not one of this set; "
        "choose from cri_requires_one_recovered_lineage (no|yes), few_cells (gate), "
        "rbc_dependence_as_cri (no|yes), answer_after_new_start (not-evaluable|last-marrow), "
        "strict (no|yes), unknown_counts (never-assumed), undecided (name-the-candidates), "
        "partial_remission_conditions (as-listed), window (one-sided), derived_anc "
        "(wbc-times-segs-and-bands), equality (exact-decimals)"
    )


def test_a_policy_that_a_file_sets_to_yes_switches_its_rules() -> None:
    """Nobody has to choose it again."""
    site = read_criteria(TEXT.replace('default = "no"', 'default = "yes"', 1), file="site.toml")
    low = induction().marrow(30, 2).blood(30, 400, 30_000)
    assert now(low, site).category == "MLFS"
    assert now(low, site, policies={"cri_requires_one_recovered_lineage": "no"}).category == "CRi"


def test_policies_in_force_are_shown() -> None:
    """Every assessment carries the decisions behind it."""
    shown = dict(now(induction(), strict=False).policies)
    assert shown["cri_requires_one_recovered_lineage"] == "no"
    chosen = {"cri_requires_one_recovered_lineage": "yes"}
    assert dict(now(induction(), policies=chosen).policies) | chosen == dict(
        now(induction(), policies=chosen).policies
    )
