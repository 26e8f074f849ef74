"""An archive gives what `classify` gives, byte for byte, however it is packed, cut and ordered."""

import gzip
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fhir_remission.jobs.archive import work_plan as archive_plan
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort, demo_cohort
from tests.archive.running import (
    AS_OF,
    archive,
    blasts,
    classified,
    lines,
    potassium,
    summary,
    without_writing,
    write,
)
from tests.servers.rest import Rest

CASES = Path(__file__).parents[2] / "fixtures/cases"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo and a small invented cohort among results nobody reads, in no order."""
    made: list[dict[str, Any]] = [*demo_cohort(), *bulk_cohort(40, 20)]
    patients = [one["id"] for one in made if one["resourceType"] == "Patient"]
    made += [potassium(n, patients[n % len(patients)]) for n in range(3000)]
    random.Random(7).shuffle(made)
    return write(tmp_path_factory.mktemp("cohort") / "all.ndjson", made)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_file(
    workers: int, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut into many byte ranges and partitions, the lines are those of `classify`."""
    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 50_000)

    report = archive([cohort], tmp_path, workers=workers)

    assert report.exit_code == 0
    assert (tmp_path / "assessments.ndjson").read_bytes() == classified(cohort)
    assert not (tmp_path / ".work").exists()


def test_history_and_several_sets(cohort: Path, tmp_path: Path) -> None:
    """Every assessment by every set."""
    request = Request(as_of=AS_OF, history=True, criteria=("eln-2022", "iwg-2003"))

    archive([cohort], tmp_path, request=request)

    assert (tmp_path / "assessments.ndjson").read_bytes() == classified(cohort, request)


def test_packed_files_and_several_of_them(cohort: Path, tmp_path: Path) -> None:
    """Plain, gzip in two members and zstd in two frames, in a folder, types apart."""
    data = cohort.read_bytes().splitlines(keepends=True)
    third = len(data) // 3
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(b"".join(data[:third]))
    halves = (b"".join(data[third : third + 99]), b"".join(data[third + 99 : 2 * third]))
    (folder / "b.ndjson.gz").write_bytes(b"".join(gzip.compress(half) for half in halves))
    pack = zstandard.ZstdCompressor().compress
    rest = (b"".join(data[2 * third : -50]), b"".join(data[-50:]))
    (folder / "c.ndjson.zst").write_bytes(b"".join(pack(half) for half in rest))
    (folder / "readme.txt").write_text("not read")

    report = archive([folder], tmp_path / "out")

    assert report.exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(cohort)


# Two versions of one result that name two patients: what `archive` cannot see is in docs/limits.md.
MOVED = "result-moved-to-another-patient"
NAMES = sorted(path.name for path in CASES.iterdir() if path.name != MOVED)


@pytest.mark.parametrize("case", [*NAMES[::9], "references-by-uuid"])
def test_bundles(case: str, tmp_path: Path) -> None:
    """Cases of the repository, as the Bundles they are."""
    bundle = CASES / case / "bundle.json"

    archive([bundle], tmp_path, workers=1)

    assert (tmp_path / "assessments.ndjson").read_bytes() == classified(bundle)


def test_bundles_as_lines(tmp_path: Path) -> None:
    """One Bundle per line: references by address inside of each."""
    bundles = [json.loads((CASES / name / "bundle.json").read_text()) for name in NAMES[:20]]
    for number, bundle in enumerate(bundles):
        # Ids of one server are unique: no two of these people may share one.
        text = re.sub(r'("id": ")', rf"\g<1>x{number}-", json.dumps(bundle["entry"]))
        kinds = "Patient|Observation|Specimen|DiagnosticReport|Condition|Procedure"
        text = re.sub(rf'((?:{kinds})/)(?=[\w-]+")', rf"\g<1>x{number}-", text)
        bundle["entry"] = json.loads(text)
    file = write(tmp_path / "in.ndjson", bundles)

    archive([file], tmp_path / "out")

    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def people(owners: int = 1) -> list[dict[str, Any]]:
    """A merged record, a subject by identifier, and a dose whose drug stands elsewhere."""
    name = {"system": "urn:mrn", "value": "7"}
    drug = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "3041"}]}
    return [
        {
            "resourceType": "Patient",
            "id": "old",
            "link": [{"type": "replaced-by", "other": {"reference": "Patient/new"}}],
        },
        {"resourceType": "Patient", "id": "new"},
        *({"resourceType": "Patient", "id": f"o{n}", "identifier": [name]} for n in range(owners)),
        blasts(1, "old"),
        blasts(2, "new", day="2026-04-01"),
        {**blasts(3, ""), "subject": {"identifier": name}},
        {"resourceType": "Medication", "id": "m1", "code": drug},
        {
            "resourceType": "MedicationAdministration",
            "id": "a1",
            "status": "completed",
            "medicationReference": {"reference": "Medication/m1"},
            "subject": {"reference": "Patient/new"},
            "effectiveDateTime": "2026-02-01",
        },
        {"resourceType": "Specimen", "id": "s1", "subject": {"reference": "Patient/donor"}},
        {**blasts(4, "new", day="2026-05-01"), "specimen": {"reference": "Specimen/s1"}},
    ]


@pytest.mark.parametrize("active", [True, False])
def test_a_merge_that_one_side_says(active: bool, tmp_path: Path) -> None:
    """Both records lie in different partitions; who is whom is decided where both are seen."""
    other = {"reference": "Patient/q"}
    made = [
        {"resourceType": "Patient", "id": "p", "link": [{"type": "replaces", "other": other}]},
        {"resourceType": "Patient", "id": "q", "active": active},
        blasts(1, "p"),
        blasts(2, "q", day="2026-04-01"),
    ]
    file = write(tmp_path / "in.ndjson", made)

    archive([file], tmp_path / "out")

    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)
    flags = {line["patient"]: line["flags"] for line in lines(tmp_path / "out")}
    assert sorted(flags) == (["Patient/p", "Patient/q"] if active else ["Patient/p"])
    assert ("merge-one-sided" in flags["Patient/p"]) == active


@pytest.mark.parametrize("owners", [0, 1, 2, 3])
def test_people_with_several_names(owners: int, tmp_path: Path) -> None:
    """Rows of one person come together, whatever they are filed under, and only those."""
    made = people(owners)
    random.Random(owners).shuffle(made)
    file = write(tmp_path / "in.ndjson", made)

    report = archive([file], tmp_path / "out")

    # The number names exactly one of them, or nobody that can be told.
    assert report.exit_code == (0 if owners == 1 else 3)
    lines, expected = (tmp_path / "out/assessments.ndjson").read_bytes(), classified(file)
    if owners == 1:
        assert lines == expected
        return
    assert [told(line) for line in lines.splitlines()] == [
        told(line) for line in expected.splitlines()
    ]
    assert b"urn:mrn|7" not in lines


def told(line: bytes) -> tuple[str, str]:
    """Who, and what became of them."""
    found = json.loads(line)
    return found["patient"], found.get("disposition", "judged")


@pytest.mark.parametrize("broken", [{"resourceType": None}, {"status": ["final"]}])
def test_a_broken_version_may_have_moved_a_result(broken: dict[str, Any], tmp_path: Path) -> None:
    """The newer version names another patient and cannot be read: nobody knows whose it is now."""
    moved = {**blasts(1, "q"), "meta": {"versionId": "2"}, **broken}
    file = write(tmp_path / "in.ndjson", [blasts(1, "p"), blasts(2, "p"), moved])

    archive([file], tmp_path / "out")

    lines, expected = (tmp_path / "out/assessments.ndjson").read_bytes(), classified(file)
    found = dict(map(told, lines.splitlines()))
    assert found["Patient/p"] == "incomplete"
    assert found == dict(map(told, expected.splitlines()))


def test_a_report_without_a_subject_is_of_whom_its_results_are(tmp_path: Path) -> None:
    """It was entered in error, and takes its results with it."""
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "entered-in-error",
        "result": [{"reference": f"Observation/{blasts(1, 'p')['id']}"}],
    }
    file = write(tmp_path / "in.ndjson", [blasts(1, "p"), report, blasts(2, "q")])

    assert archive([file], tmp_path / "out").exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def test_a_report_of_two_patients_may_be_of_either(tmp_path: Path) -> None:
    """What names nobody and is held with results of two is nobody's: a doubt about everybody."""
    orphan = blasts(3, "p")
    del orphan["subject"]
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "KM"},
        "result": [{"reference": f"Observation/{blasts(n, 'p')['id']}"} for n in (1, 2, 3)],
    }
    rows = [blasts(1, "p"), blasts(2, "q"), orphan, report, blasts(4, "bystander")]
    file = write(tmp_path / "in.ndjson", rows)

    ran = archive([file], tmp_path / "out")

    lines = (tmp_path / "out/assessments.ndjson").read_bytes().splitlines()
    assert ran.exit_code == 3
    assert [told(line) for line in lines] == [told(one) for one in classified(file).splitlines()]
    assert dict(map(told, lines))["Patient/bystander"] == "incomplete"


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    """It makes its patient incomplete in a line as in a document, and nobody else."""
    twice = json.dumps(blasts(1, "p")).replace('"status"', '"status": "entered-in-error", "status"')
    file = tmp_path / "in.ndjson"
    file.write_text(f"{twice}\n{json.dumps(blasts(2, 'q'))}\n")

    ran = archive([file], tmp_path / "out")

    assert ran.exit_code == 3
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)


def test_a_result_that_lost_its_meaning(tmp_path: Path) -> None:
    """A later version with another code takes the earlier one back, though no table knows it."""
    later = potassium(1, "p", meta={"versionId": "2"}) | {"id": "b1"}
    file = write(tmp_path / "in.ndjson", [blasts(1, "p"), blasts(2, "q"), later])

    archive([file], tmp_path / "out")

    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)
    assert [line["patient"] for line in lines(tmp_path / "out")] == ["Patient/q"]


def test_a_result_without_an_id_keeps_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its source names the line of the file, across all cuts."""
    monkeypatch.setattr(archive_plan, "SMALLEST_PART", 1_000)
    made = [potassium(n, "p") for n in range(50)]
    retracted = blasts(1, "p", status="entered-in-error")
    nameless = {key: value for key, value in retracted.items() if key != "id"}
    file = write(tmp_path / "in.ndjson", [*made, blasts(2, "p"), nameless, *made])

    archive([file], tmp_path / "out")

    assert (tmp_path / "out/assessments.ndjson").read_bytes() == classified(file)
    assert "in.ndjson:52" in (tmp_path / "out/assessments.ndjson").read_text()


def test_the_answers_alone(cohort: Path, tmp_path: Path) -> None:
    """`--no-evidence` says the same without the proof."""
    archive([cohort], tmp_path, evidence=False)

    full = [json.loads(line) for line in classified(cohort).splitlines()]
    for brief, whole in zip(lines(tmp_path), full, strict=True):
        assert brief == {key: whole[key] for key in brief}
        assert {"category", "state", "code", "response_date"} < brief.keys()
        assert "criteria_results" not in brief


def test_the_cohort_in_counts(cohort: Path, tmp_path: Path) -> None:
    """States, categories, months, gaps, codes nobody knows and units nobody may convert."""
    odd = blasts(1, "odd", valueQuantity={"value": 4, "unit": "furlong", "code": "furlong"})
    file = write(tmp_path / "odd.ndjson", [odd])

    archive([cohort, file], tmp_path / "out")

    counts, said = summary(tmp_path / "out")["cohort"], lines(tmp_path / "out")
    assert counts["patients"] == len(said)
    for key, name in (("categories", "category"), ("states", "state")):
        assert counts[key] == Counter(f"eln-2022 {line[name]}" for line in said)
    days = [line["response_date"] for line in said if line["response_date"]]
    assert counts["response_months"] == Counter(f"eln-2022 {day[:7]}" for day in days)
    gaps = [name for line in said for name in line["missing"]]
    assert counts["missing"] == Counter(f"eln-2022 {name}" for name in gaps)
    assert len(days) > 3
    assert gaps
    assert counts["unmapped"]["http://loinc.org|2823-3"] == 3000
    assert [name for name in counts["refused_units"] if "furlong" in name]


SETTINGS = """\
[site]
id = "same"
timezone = "Europe/Berlin"
[source]
base_url = "{url}"
rate = "9999/s"
[cohort]
kind = "group"
group = "{group}"
[evidence]
absence_proves = ["rbc-transfusion", "platelet-transfusion"]
[criteria]
sets = ["eln-2022", "iwg-2003", "healthtree-2024"]
"""


def test_sync_says_the_same(tmp_path: Path) -> None:
    """The same data from a server and from files, as of the same moment: the same bytes."""
    resources = demo_cohort()
    group = next(one["id"] for one in resources if one["resourceType"] == "Group")
    with EmbeddedServer(resources=resources) as server, Rest(server.base_url, mark="m") as rest:
        kinds = sorted({one["resourceType"] for one in resources} - {"Group"})
        firsts = [rest.ask("GET", kind, params={"_count": "500"}).json() for kind in kinds]
        pages = [page for first in firsts for page in rest.pages(first)]
        found = [entry["resource"] for page in pages for entry in page["entry"]]
        (tmp_path / "site.toml").write_text(SETTINGS.format(url=server.base_url, group=group))
        command = [sys.executable, "-m", "fhir_remission", "sync", "--dry-run", "--as-of", AS_OF]
        synced = subprocess.run(
            [*command, "--config", "site.toml"], cwd=tmp_path, capture_output=True, check=True
        ).stdout.splitlines(keepends=True)
    request = Request(
        as_of=AS_OF,
        criteria=("eln-2022", "iwg-2003", "healthtree-2024"),
        complete=frozenset({"Procedure"}),
        timezone="Europe/Berlin",
    )

    archive([write(tmp_path / "in.ndjson", found)], tmp_path / "out", request=request)

    said = (tmp_path / "out/assessments.ndjson").read_bytes().splitlines()
    assert len(synced) > 30
    assert {without_writing(line) for line in synced} <= set(said)


def test_the_results_are_private(cohort: Path, tmp_path: Path) -> None:
    """Nobody but the owner enters the folder or reads a file in it."""
    out = tmp_path / "out"
    archive([cohort], out)

    assert out.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in out.iterdir()} == {0}


def test_a_file_that_is_no_json_object_is_told_once_by_its_name(tmp_path: Path) -> None:
    """Nothing of how it was read stands between the file and what is wrong."""
    file = tmp_path / "in.json"
    file.write_text("5\n")
    (flaw,) = archive([file], tmp_path / "out").summary.damage
    assert flaw.reason.startswith("not a JSON object; give a FHIR Bundle")


def test_a_number_of_many_digits_stands_once(tmp_path: Path) -> None:
    """Python refuses whole numbers of more than 4 300; it is no member told twice."""
    result = json.dumps(blasts(1, "p")).replace('"value": 2', f'"value": {"1" * 5000}')
    file = tmp_path / "in.ndjson"
    file.write_text(f"{result}\n")
    archive([file], tmp_path / "out")
    text = (tmp_path / "out/assessments.ndjson").read_text()
    assert "stands twice" not in text
    assert '"CR' not in text
