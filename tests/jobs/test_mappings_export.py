"""Our code lists as FHIR: valid, complete, the same bytes every time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import codesystem, conceptmap, valueset

from fhir_remission.domain.tables.check_digits import mistyped
from fhir_remission.effects.files.mapping_files import (
    criteria_names,
    load_categories,
    load_vocabularies,
)
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.jobs.files.mappings_export import run
from fhir_remission.version import VERSION
from tests.fhir.samples import authorship, complete_remission, not_evaluable, relapse

NS = "https://w3id.org/fhir-remission"
MODELS = {
    "CodeSystem": codesystem.CodeSystem,
    "ValueSet": valueset.ValueSet,
    "ConceptMap": conceptmap.ConceptMap,
}
COMMAND = [sys.executable, "-m", "fhir_remission", "mappings", "export", "--out"]
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    """Every exported resource by its url."""
    made = [json.loads(path.read_text()) for path in run(tmp_path_factory.mktemp("out"))]
    assert len({one["url"] for one in made}) == len(made)
    return {one["url"]: one for one in made}


def codes_of(exported: dict[str, Resource], name: str) -> list[str]:
    """The codes of one of our lists."""
    return [one["code"] for one in exported[f"{NS}/CodeSystem/{name}"]["concept"]]


def test_every_resource_is_valid_by_the_model(exported: dict[str, Resource]) -> None:
    """R4B has the same elements as R4 for these types."""
    for resource in exported.values():
        MODELS[resource["resourceType"]].model_validate(resource)
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", resource["id"])
        assert re.fullmatch(r"[A-Z]([A-Za-z0-9_]){0,254}", resource["name"])
        assert resource["version"] == VERSION
        assert "" not in resource.values()


def test_every_list_has_its_value_set(exported: dict[str, Resource]) -> None:
    """A CodeSystem names the ValueSet of all its codes, and that includes the CodeSystem."""
    lists = [one for one in exported.values() if one["resourceType"] == "CodeSystem"]

    assert len(lists) > 10
    for one in lists:
        assert exported[one["valueSet"]]["compose"]["include"] == [{"system": one["url"]}]
        assert one["count"] == len({term["code"] for term in one["concept"]})
        assert all(term["display"] for term in one["concept"])


def test_the_lists_are_the_tables(exported: dict[str, Resource]) -> None:
    """Nothing is left out: categories, sets, inputs, criteria and flags."""
    vocabularies = load_vocabularies()

    assert set(codes_of(exported, "category")) == load_categories().codes("category")
    assert codes_of(exported, "criteria") == criteria_names()
    assert set(codes_of(exported, "input")) == {
        "extramedullary-disease",
        "marrow-adequacy",
        "rbc-transfusion-independence",
    }
    assert set(codes_of(exported, "criterion")) >= set(vocabularies["criteria"])
    assert set(codes_of(exported, "flag")) == set(vocabularies["flags"])
    assert "blasts-marrow" in codes_of(exported, "analyte")


def codings(value: object) -> Iterator[tuple[str, str, str]]:
    """Every Coding of ours in a resource."""
    if isinstance(value, dict):
        if str(value.get("system", "")).startswith(f"{NS}/CodeSystem/"):
            yield value["system"], value["code"], value.get("display", "")
        for one in value.values():
            yield from codings(one)
    elif isinstance(value, list):
        for one in value:
            yield from codings(one)


def test_every_code_that_we_write_is_exported(exported: dict[str, Resource]) -> None:
    """A terminology server that holds the export can validate what a run writes."""
    by = authorship()
    written = [
        made
        for one in (complete_remission(), relapse(), not_evaluable())
        for made in (build_impression(one, by), build_observation(one, by))
    ]
    found = {coding for resource in written for coding in codings(resource)}

    assert len({system for system, _, _ in found}) >= 5
    for system, code, display in found:
        terms = {one["code"]: one["display"] for one in exported[system]["concept"]}
        assert code in terms
        assert display in ("", terms[code])


@pytest.mark.parametrize(
    ("name", "code", "target"),
    [
        ("category-to-ncit", "CRh", "C209681"),
        ("category-to-snomed", "CR", "103338009"),
        ("mrd-event-to-ncit", "MRD_RELAPSE", "C124430"),
        ("criteria-to-ncit", "eln-2022", "C209662"),
    ],
)
def test_the_maps_say_what_the_table_says(
    exported: dict[str, Resource], name: str, code: str, target: str
) -> None:
    """Each of our codes has its target, or says that there is none."""
    found = exported[f"{NS}/ConceptMap/{name}"]
    [group] = found["group"]
    targets = {one["code"]: one["target"][0] for one in group["element"]}

    assert targets[code]["code"] == target
    assert set(targets) == set(codes_of(exported, group["source"].rpartition("/")[2]))
    held = [one["code"] for one in targets.values() if "code" in one]
    assert not [code for code in held if mistyped(group["target"], code)]


def test_what_has_no_code_says_so(exported: dict[str, Resource]) -> None:
    """REFRACTORY has no verified NCIt code: unmatched with a comment, never a near miss."""
    [group] = exported[f"{NS}/ConceptMap/category-to-ncit"]["group"]
    targets = {one["code"]: one["target"] for one in group["element"]}

    [refractory] = targets["REFRACTORY"]
    assert refractory["equivalence"] == "unmatched"
    assert refractory["comment"]
    assert "code" not in refractory


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    """No date, no order of a set, nothing of the machine."""
    for seed, name in enumerate(("one", "two")):
        command = [*COMMAND, str(tmp_path / name)]
        seeded = {"PYTHONHASHSEED": str(seed)}
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=seeded)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )

    assert one == two
    assert all(body.endswith(b"}\n") for body in one.values())


def test_a_site_namespace_reaches_every_address(tmp_path: Path) -> None:
    """A site that writes under its own namespace exports under it."""
    for path in run(tmp_path, namespace="https://example.org/f"):
        assert NS not in path.read_text()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """One line that names the folder and the next step."""
    (tmp_path / "file").write_text("")
    command = [*COMMAND, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)

    assert done.returncode == 2
    assert b"/file cannot be written (File exists): check the folder" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
