"""Both validators refuse six seeded faults, accept what these were made from, and then judge ours.

Run with FHIR_REMISSION_VALIDATORS=1 (needs a JDK 17 and Maven); FHIR_REMISSION_PRODUCED names a
directory with the resources that a run produced, as JSON or NDJSON.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("FHIR_REMISSION_VALIDATORS") != "1":
    pytest.skip("FHIR_REMISSION_VALIDATORS is not 1", allow_module_level=True)

from pyrofile_validator import Validator

from fhir_remission.jobs.files import fhir_package
from tests.validators import judges
from tests.validators.package_seeds import SEEDS as OF_PROFILES
from tests.validators.package_seeds import Seed, write_seeds

pytestmark = [pytest.mark.validators, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
GOOD = sorted((HERE / "good").glob("*.json"))
PRODUCED = Path(os.environ.get("FHIR_REMISSION_PRODUCED", ""))

# What each validator must complain of: a refusal for another reason would prove nothing.
SEEDS = {
    "clinical-impression.bad-id": ("Resource_RES_ID_Malformed_Chars", "datatype.invalid"),
    "clinical-impression.bad-status": ("Terminology_TX_NoValid_16", "terminology.required"),
    "clinical-impression.device-as-assessor": ("Reference_REF_BadTargetType", "reference.type"),
    "clinical-impression.missing-subject": ("Validation_VAL_Profile_Minimum", "cardinality.min"),
    "clinical-impression.two-effective": ("'effectivePeriod'", "choice.multiple"),
    "observation.procedure-in-derived-from": ("Reference_REF_BadTargetType", "reference.type"),
}
needs_produced = pytest.mark.skipif(
    "FHIR_REMISSION_PRODUCED" not in os.environ, reason="FHIR_REMISSION_PRODUCED is not set"
)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _seed(name: str) -> Path:
    return HERE / "seeds" / f"{name}.json"


@pytest.fixture(scope="module")
def hl7() -> dict[str, judges.Verdict]:
    """The HL7 validator's verdict on every seed and every good resource, by file name."""
    return {Path(verdict.source).name: verdict for verdict in judges.hl7_verdicts(HERE)}


@pytest.fixture(scope="module")
def pyrofile() -> Validator:
    """Pyrofile with the official definitions."""
    return judges.pyrofile(judges.official_definitions())


def test_every_seed_is_listed() -> None:
    """A seed without an expected complaint would be judged by nobody."""
    assert {file.stem for file in (HERE / "seeds").iterdir()} == set(SEEDS)


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_has_one_fault(name: str) -> None:
    """A seed differs from its good resource in one element only."""
    good, seed = _read(HERE / "good" / f"{name.split('.')[0]}.json"), _read(_seed(name))
    assert len([key for key in {*good, *seed} if good.get(key) != seed.get(key)]) == 1


@pytest.mark.parametrize("name", SEEDS)
def test_hl7_refuses_the_seed(name: str, hl7: dict[str, judges.Verdict]) -> None:
    """The HL7 validator names the fault that was planted."""
    assert any(SEEDS[name][0] in finding for finding in hl7[f"{name}.json"].findings)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_hl7_accepts_the_good(file: Path, hl7: dict[str, judges.Verdict]) -> None:
    """The HL7 validator has nothing to say against the resources without a fault."""
    assert hl7[file.name].findings == ()


def test_pyrofile_has_the_official_definitions(pyrofile: Validator) -> None:
    """Pyrofile reads 212 official StructureDefinitions, not only those built into it."""
    assert pyrofile.loaded_structure_definitions > 200
    assert pyrofile.specification.resource_def_for("ClinicalImpression") is not None


@pytest.mark.parametrize("name", SEEDS)
def test_pyrofile_refuses_the_seed(name: str, pyrofile: Validator) -> None:
    """Pyrofile names the fault that was planted."""
    verdict = judges.pyrofile_verdict(pyrofile, name, _read(_seed(name)))
    assert any(f"error {SEEDS[name][1]} " in finding for finding in verdict.findings)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_pyrofile_accepts_the_good(file: Path, pyrofile: Validator) -> None:
    """Pyrofile has nothing to say against the resources without a fault."""
    assert judges.pyrofile_verdict(pyrofile, file.name, _read(file)).findings == ()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> fhir_package.Packaged:
    """Our package, as it is published."""
    return fhir_package.run(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def against_profiles(
    package: fhir_package.Packaged, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, judges.Verdict]:
    """The HL7 validator's verdict on every wrong result, with the package loaded."""
    folder = tmp_path_factory.mktemp("wrong")
    write_seeds(package.archive.parent, folder)
    verdicts = judges.hl7_verdicts(folder, package.archive)
    return {Path(verdict.source).stem: verdict for verdict in verdicts}


@pytest.mark.parametrize("seed", OF_PROFILES, ids=lambda seed: seed.name)
def test_a_profile_refuses_the_seed(
    seed: Seed, against_profiles: dict[str, judges.Verdict]
) -> None:
    """Each rule of each profile refuses the resource that breaks it, and says so."""
    assert any(seed.said in finding for finding in against_profiles[seed.name].findings)


@needs_produced
def test_hl7_accepts_what_we_produced(package: fhir_package.Packaged) -> None:
    """With the package loaded, no resource of it or of a run is refused; none is passed over."""
    verdicts = judges.hl7_verdicts(PRODUCED, package.archive)
    assert {verdict.source for verdict in verdicts} == set(judges.resources_under(PRODUCED))
    assert verdicts
    assert [verdict for verdict in verdicts if verdict.findings] == []


@needs_produced
def test_pyrofile_accepts_what_we_produced(pyrofile: Validator) -> None:
    """No resource of a run is refused by pyrofile."""
    produced = judges.resources_under(PRODUCED)
    verdicts = [judges.pyrofile_verdict(pyrofile, *item) for item in produced.items()]
    assert verdicts
    assert [verdict for verdict in verdicts if verdict.findings] == []
