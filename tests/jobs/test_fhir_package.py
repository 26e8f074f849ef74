"""The package is whole, the same bytes every time, and goes into an empty folder only."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_remission.jobs.files.fhir_package import EXAMPLES, run
from tests.validators.package_seeds import SEEDS

NS = "https://w3id.org/fhir-remission"
ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "fhir_remission", "fhir-package", "--out"]
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in a folder."""
    return run(tmp_path_factory.mktemp("package")).archive


@pytest.fixture(scope="module")
def files(package: Path) -> dict[str, Any]:
    """Every file of the archive, decoded, by its path."""
    with tarfile.open(package) as held:
        opened = ((one.name, held.extractfile(one)) for one in held.getmembers())
        return {name: json.load(file) for name, file in opened if file}


def resources(files: dict[str, Any]) -> list[Resource]:
    """The resources among them."""
    return [one for one in files.values() if "resourceType" in one]


def test_the_archive_and_the_folder_hold_the_same(package: Path, files: dict[str, Any]) -> None:
    """What a registry takes is what a person reads."""
    read = {
        str(path.relative_to(package.parent)): json.loads(path.read_text())
        for path in package.parent.rglob("*.json")
    }
    assert read == files


def test_the_same_version_is_the_same_bytes(package: Path, tmp_path: Path) -> None:
    """Neither the clock nor the folder nor the process is in the archive."""
    other = tmp_path / "deep" / "other"
    subprocess.run([*COMMAND, str(other)], check=True, capture_output=True)
    assert (other / package.name).read_bytes() == package.read_bytes()


def test_no_entry_says_who_wrote_it_or_when(package: Path) -> None:
    """Plain readable files, sorted."""
    with tarfile.open(package) as held:
        members = held.getmembers()
    assert {(m.mtime, m.uid, m.uname, m.mode, m.isfile()) for m in members} == {
        (0, 0, "", 0o644, True)
    }
    assert [m.name for m in members] == sorted(m.name for m in members)


def test_each_folder_has_an_index_of_all_its_files(files: dict[str, Any]) -> None:
    """A reader that trusts the index finds everything."""
    for folder in ("package", "package/example"):
        index = files[f"{folder}/.index.json"]
        for row in index["files"]:
            held = files[f"{folder}/{row.pop('filename')}"]
            assert {key: held[key] for key in row} == row
        inside = [n for n, one in files.items() if n.rpartition("/")[0] == folder]
        assert len(index["files"]) == sum("resourceType" in files[name] for name in inside)


def test_the_manifest_names_what_it_depends_on(files: dict[str, Any]) -> None:
    """The registry's fields."""
    manifest = files["package/package.json"]
    assert manifest["dependencies"] == {"hl7.fhir.r4.core": "4.0.1"}
    assert manifest["canonical"] == NS


def test_everything_the_field_asks_for_is_in_it(files: dict[str, Any]) -> None:
    """Every kind of resource of the package, and a profile of each type that is written."""
    types = {one["resourceType"] for one in resources(files)}
    assert types >= {
        *("CapabilityStatement", "OperationDefinition", "StructureDefinition", "CodeSystem"),
        *("ValueSet", "ConceptMap", "Library", "PlanDefinition"),
    }
    profiled = {o["type"] for o in resources(files) if o["resourceType"] == "StructureDefinition"}
    assert profiled == {"ClinicalImpression", "Observation", "Provenance", "Device"}


def test_every_resource_is_valid_by_the_model(files: dict[str, Any]) -> None:
    """R4B has the same elements as R4 for these types."""
    for one in resources(files):
        get_fhir_model_class(one["resourceType"]).model_validate(one)


def test_no_two_definitions_share_an_address_or_a_name(files: dict[str, Any]) -> None:
    """A canonical names one thing."""
    addresses = [one["url"] for one in resources(files) if "url" in one]
    assert len(set(addresses)) == len(addresses)
    names = [(one["resourceType"], one["name"]) for one in resources(files) if "url" in one]
    assert len(set(names)) == len(names)


def test_every_address_of_ours_leads_somewhere(files: dict[str, Any]) -> None:
    """A profile, map or plan that names a list or a library finds it in the package."""
    known = {one["url"] for one in resources(files) if "url" in one}
    for one in resources(files):
        for address in _canonicals(one):
            assert address.partition("|")[0] in known, (one["id"], address)


def _canonicals(value: Any, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for name, one in value.items() for found in _canonicals(one, name)]
    if isinstance(value, list):
        return [found for one in value for found in _canonicals(one, key)]
    named = key in ("valueSet", "library", "definition", "sourceUri", "targetUri", "baseDefinition")
    return [value] if named and str(value).startswith(f"{NS}/") else []


def test_each_rule_of_each_profile_has_a_seed(files: dict[str, Any]) -> None:
    """A rule that nothing breaks in the lane may not be a rule at all."""
    broken = {(seed.kind, seed.breaks) for seed in SEEDS}
    for one in resources(files):
        if one["resourceType"] == "StructureDefinition":
            assert _rules(one) - broken == set()


def _rules(profile: Resource) -> set[tuple[str, str]]:
    """What a profile asks; how repeats and slices are told apart is no rule by itself."""
    head, *elements = profile["differential"]["element"]
    laws = {(profile["type"], law["key"]) for law in head.get("constraint", ())}
    asked = set()
    for one in elements:
        name = one["id"].partition(".")[2]
        optional = "slicing" in one and not one.get("min")
        tells_apart = ":" in name and name.endswith((".system", ".code", ".type", ".coding"))
        optional |= name.endswith((".coding", ".coding:own.code")) or tells_apart
        optional |= name.startswith("component:") and name.endswith(".value[x]")
        optional |= name in ("component:mrd", "component:confidence", "agent:verifier")
        if not optional:
            asked.add((profile["type"], name))
    return laws | asked


def test_a_site_writes_it_under_its_own_namespace(tmp_path: Path) -> None:
    """Nothing of it stands under ours then, in definitions and examples."""
    out = tmp_path / "own"
    subprocess.run([*COMMAND, str(out), "--namespace", "https://h.example/r"], check=True)
    for path in out.rglob("*.json"):
        assert NS not in path.read_text().replace(f"{NS}/CodeSystem/input", ""), path


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Old files would be part of the package for whoever reads the folder."""
    (tmp_path / "left.json").write_text("{}")
    done = subprocess.run([*COMMAND, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not empty; give a new folder" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["left.json"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, place: str) -> None:
    """Told in one sentence, and nothing is written."""
    (tmp_path / "file").write_text("mine")
    out = str(tmp_path / place)
    done = subprocess.run([*COMMAND, out], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_the_wheel_carries_the_cases_of_the_examples() -> None:
    """An installation has no checkout to read them from."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    carried = build["targets"]["wheel"]["force-include"]
    assert {key.rpartition("/")[2] for key in carried if "/cases/" in key} == set(EXAMPLES)
    assert all(f"fhir_remission/_cases/{name}" in carried.values() for name in EXAMPLES)


def test_no_trend_says_more_than_the_category(files: dict[str, Any]) -> None:
    """Every category is in the map to mCODE, with where it comes from; no response has no trend."""
    held = files["package/ConceptMap-fhir-remission-category-to-mcode-trend.json"]
    elements = {one["code"]: one["target"][0] for one in held["group"][0]["element"]}
    codes = files["package/CodeSystem-fhir-remission-category.json"]["concept"]
    assert set(elements) == {one["code"] for one in codes}
    assert {one["equivalence"] for one in elements.values()} == {"wider", "unmatched"}
    assert elements["NR"]["equivalence"] == elements["REFRACTORY"]["equivalence"] == "unmatched"
    assert all("mCODE 4.0.0" in one["comment"] for one in elements.values() if "code" in one)
