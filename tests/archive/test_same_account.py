"""The same input gives the same account and answers by `classify`, by `archive` and by `bulk`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.errors import InputError
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.request import Request
from tests.archive.export_server import Export
from tests.archive.running import AS_OF, archive, lines, summary
from tests.archive.test_bulk import bulk
from tests.jobs.test_strange_inputs import REMISSION, REQUEST, ROWS, answered, given

Said = tuple[int, dict[str, int], list[tuple[str, str]]]
STRANGE = [one for row in ROWS for one in row.get("beside", []) if one.get("id")]
"""All that stands beside the remission and has a name."""
# One in so many: the rest differs in what is read, not in the way it comes in.
_EVERY = 37


def classified(body: bytes) -> Said | None:
    """Exit code, account and answers of `classify`; none where it refuses the input."""
    answers = answered(body)
    if answers is None:
        return None
    found = [one for each in answers.judged for held in each.assessments for one in held]
    told = sorted((one.patient, one.category) for one in found)
    return answers.exit_code, answers.account.told(), told


def archived(body: bytes, folder: Path) -> Said | None:
    """The same of `archive` over one file."""
    file = folder / "in.json"
    file.write_bytes(body)
    try:
        report = archive([file, *folder.glob("*.ndjson")], folder / "out", request=REQUEST)
    except InputError:
        return None
    said = [one for one in lines(folder / "out") if one.get("category")]
    told = sorted((one["patient"], one["category"]) for one in said)
    return report.exit_code, summary(folder / "out")["entries"], told


@pytest.mark.parametrize("row", ROWS[::_EVERY], ids=[row["name"] for row in ROWS[::_EVERY]])
def test_files_are_accounted_for_alike(row: Any, tmp_path: Path) -> None:
    """Whatever is strange about it; and the sum comes out.

    What `classify` refuses is one file among many for `archive`: told, and nobody is judged.
    """
    body = given(row)
    said, expected = archived(body, tmp_path), classified(body)

    assert said == expected or (
        expected is None and said is not None and (said[0], said[2]) == (3, [])
    )
    assert said is None or Account(**said[1]).lost == 0


# One in so many again: a run of `archive` takes a second.
NAMES = ("prov-", "issue-", "bytes-", "doc-", "document-", "held-by-")
TAKES_BACK = [
    row
    for row in ROWS
    if row["name"].startswith(NAMES) and row.keys() == {"name", "want", "beside"}
][::6]


@pytest.mark.parametrize("row", TAKES_BACK, ids=[row["name"] for row in TAKES_BACK])
def test_what_takes_back_a_result_does_so_from_another_file(row: Any, tmp_path: Path) -> None:
    """The first pass sees it apart from the patient; another patient's is none of its business."""
    other = json.dumps(REMISSION).replace("Patient/p1", "Patient/q1").replace('"p1"', '"q1"')
    others = [{**one, "id": f"q-{one['id']}"} for one in json.loads(other).values()]
    others[0]["id"] = "q1"
    body = "".join(json.dumps(one) + "\n" for one in [*REMISSION.values(), *others]).encode()
    aside = "".join(json.dumps(one) + "\n" for one in row["beside"]).encode()
    (tmp_path / "aside.ndjson").write_bytes(aside)

    assert archived(body, tmp_path) == classified(body + aside)


@pytest.mark.parametrize("patients", [[], list(REMISSION.values())], ids=["alone", "beside"])
def test_lines_are_accounted_for_alike(patients: list[Any], tmp_path: Path) -> None:
    """Everything that stands beside the remission, as lines of one file, without it and with it."""
    resources = [*patients, *STRANGE]
    body = "".join(json.dumps(one) + "\n" for one in resources).encode()

    assert archived(body, tmp_path) == classified(body)


LOINC = "http://loinc.org"
GONE = {"reference": "Observation/gone"}
PANELS: dict[str, Any] = {
    "a member that is not there": {"hasMember": [GONE]},
    "the same in STU3": {"related": [{"type": "has-member", "target": GONE}]},
    "withdrawn with its member in STU3": {
        "status": "entered-in-error",
        "related": [{"type": "has-member", "target": {"reference": "Observation/marrow-d32"}}],
    },
    "withdrawn with its member": {
        "status": "entered-in-error",
        "hasMember": [{"reference": "Observation/marrow-d32"}],
    },
}


@pytest.mark.parametrize("subject", [True, False], ids=["of the patient", "of nobody"])
@pytest.mark.parametrize("name", PANELS)
def test_a_panel_that_means_nothing_itself(name: str, subject: bool, tmp_path: Path) -> None:
    """What it names may be missing or taken back: the first pass must not drop it."""
    code = {"coding": [{"system": "http://loinc.org", "code": "57021-8"}]}
    panel = {**REMISSION["anc-6"], "id": "panel", "code": code, **PANELS[name]}
    del panel["valueQuantity"]
    if not subject:
        del panel["subject"]
    made = [*REMISSION.values(), panel]
    said = archived("".join(json.dumps(one) + "\n" for one in made).encode(), tmp_path)

    assert said == classified("".join(json.dumps(one) + "\n" for one in made).encode())
    assert said is not None
    # Of nobody, and naming nothing that is at hand, it may be anybody's.
    nobodys = not subject and PANELS[name].get("status") is None
    assert (said[0], said[2]) == ((3, []) if nobodys else (0, [("Patient/p1", "IND")]))


@pytest.mark.parametrize("version", ["1", "2", ""])
@pytest.mark.parametrize("holder", ["result", "hasMember"])
def test_what_a_report_names_and_means_nothing_is_there(
    holder: str, version: str, tmp_path: Path
) -> None:
    """MCV and creatinine of a blood count: the first pass keeps their names, and no more."""
    anc = REMISSION["anc-6"]
    meta = {"meta": {"versionId": version}} if version else {}
    others = [
        {**anc, "id": code, "code": {"coding": [{"system": LOINC, "code": code}]}} | meta
        for code in ("787-2", "2160-0")
    ]
    names = ["anc-6", "plt-7", "787-2", "2160-0"]
    held = {
        "resourceType": "DiagnosticReport" if holder == "result" else "Observation",
        "id": "held",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "58410-2"}]},
        **{name: anc[name] for name in ("subject", "effectiveDateTime")},
        holder: [{"reference": f"Observation/{name}"} for name in names],
    }
    made = [*REMISSION.values(), *others, held]
    body = "".join(json.dumps(one) + "\n" for one in made).encode()
    said = archived(body, tmp_path)

    assert said == classified(body)
    assert said is not None
    assert said[2] == [("Patient/p1", "CR")]


@pytest.mark.parametrize("prefix", ["prov-", "cond-", "sp-", "rep-", "ma-"])
def test_an_export_is_accounted_for_alike(prefix: str, tmp_path: Path) -> None:
    """The same as files of a server's own export, one per type."""
    beside = [
        one for row in ROWS if row["name"].startswith(prefix) for one in row.get("beside", [])
    ]
    whole = [one for one in beside if one.get("id") and isinstance(one.get("resourceType"), str)]
    files: dict[str, list[Any]] = {}
    for one in [*REMISSION.values(), *whole]:
        files.setdefault(one["resourceType"], []).append(one)
    bulk(Export(files), tmp_path)
    body = "".join(json.dumps(one) + "\n" for many in files.values() for one in many).encode()
    answers = judged_patients([body], "input", Request(as_of=AS_OF))

    assert summary(tmp_path)["entries"] == answers.account.told()
    found = [one for each in answers.judged for held in each.assessments for one in held]
    told = sorted((one["patient"], one["category"]) for one in lines(tmp_path) if "category" in one)
    assert told == sorted((one.patient, one.category) for one in found)


def page_of(number: int, resources: list[Any], **links: int) -> dict[str, Any]:
    """A page of a search for the remission."""
    told = {"self": number, **links}
    address = "https://fhir.hospital.example/r4/Observation?patient=p1&page="
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(REMISSION),
        "link": [{"relation": name, "url": f"{address}{page}"} for name, page in told.items()],
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    }


@pytest.mark.parametrize("given_pages", [(0, 1, 2), (2, 0, 1), (0, 1), (1, 2), (0,)])
def test_pages_of_a_search_in_a_folder(given_pages: tuple[int, ...], tmp_path: Path) -> None:
    """All of them are the whole record; without one of them nobody is judged."""
    rows = list(REMISSION.values())
    pages = [
        page_of(1, rows[:3], next=2),
        page_of(2, rows[3:6], next=3, previous=1),
        page_of(3, rows[6:], previous=2),
    ]
    held = [pages[one] for one in given_pages]
    for number, one in enumerate(held):
        (tmp_path / f"{number}.ndjson").write_text(json.dumps(one))
    (tmp_path / "held.jsonl").write_text("\n".join(json.dumps(one) for one in held))

    report = archive([*tmp_path.glob("*.ndjson")], tmp_path / "out", request=REQUEST)
    code, _, told = classified((tmp_path / "held.jsonl").read_bytes()) or (2, {}, [])

    whole = len(given_pages) == len(pages)
    assert report.exit_code == code == (0 if whole else 3)
    found = [one["category"] for one in lines(tmp_path / "out") if "category" in one]
    assert found == [category for _, category in told] == ["CR"] * whole


def history(*entries: tuple[Any, str, str]) -> bytes:
    """A page: a resource or the name of one that was deleted, with its version and time."""
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": "history",
            "entry": [
                {
                    **({"resource": one} if isinstance(one, dict) else {}),
                    "request": {
                        "method": "PUT" if isinstance(one, dict) else "DELETE",
                        "url": one
                        if isinstance(one, str)
                        else f"{one['resourceType']}/{one['id']}",
                    },
                    "response": {"status": "200", "etag": f'W/"{version}"', "lastModified": when},
                }
                for one, version, when in entries
            ],
        }
    ).encode()


@pytest.mark.parametrize(("version", "said"), [("3", "RELAPSE"), ("1", "CR")])
def test_a_deletion_on_another_page_is_weighed_by_its_time(
    version: str, said: str, tmp_path: Path
) -> None:
    """A result that was restored after it is there, one that was written before it is not."""
    written = f"2026-04-0{version}T00:00:00Z"
    count = {**REMISSION["marrow-d32"]["valueQuantity"], "value": 40}
    later = {
        **REMISSION["marrow-d32"],
        "id": "later",
        "meta": {"versionId": version, "lastUpdated": written},
        "effectiveDateTime": "2026-03-25T09:00:00+01:00",
        "valueQuantity": count,
    }
    first = history((later, version, written))
    rest = [(one, "1", "2026-03-01T00:00:00Z") for one in REMISSION.values()]
    second = history(("Observation/later", "2", "2026-04-02T00:00:00Z"), *rest)
    body = first + b"\n" + second + b"\n"

    assert archived(body, tmp_path) == classified(body)
    assert (classified(body) or (0, {}, []))[2] == [("Patient/p1", said)]


def test_of_two_deletions_the_later_counts_by_its_number(tmp_path: Path) -> None:
    """Written after version 2 went and before version 10 did: version 5 is gone."""
    late = {**REMISSION["marrow-d32"], "id": "later", "meta": {"versionId": "5"}}
    late["effectiveDateTime"] = "2026-03-25T09:00:00+01:00"
    late["valueQuantity"] = {**late["valueQuantity"], "value": 40}
    pages = [history((late, "5", "")), history(("Observation/later", "10", ""))]
    pages += [history(("Observation/later", "2", ""))]
    body = b"\n".join([*pages, history(*((one, "1", "") for one in REMISSION.values()))]) + b"\n"

    assert archived(body, tmp_path) == classified(body)
    assert (classified(body) or (0, {}, []))[2] == [("Patient/p1", "CR")]


def test_a_resource_that_came_and_went_too_often_is_doubtful() -> None:
    """Each deletion beside each write would take minutes."""
    often: list[tuple[Any, str, str]] = []
    for number in range(1, 3000, 2):
        written = {**REMISSION["marrow-d32"], "meta": {"versionId": str(number)}}
        often += [(written, str(number), ""), ("Observation/marrow-d32", str(number + 1), "")]
    rest = [(one, "1", "") for name, one in REMISSION.items() if name != "marrow-d32"]
    found = classified(history(*often, *rest))

    assert found is not None
    assert "CR" not in [said for _, said in found[2]]
