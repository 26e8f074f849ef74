"""deploy/engines/nifi: the flow's processors under NiFi's TestRunner, along its connections."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from tests.engines.conftest import COMMAND, RECORD
from tests.engines.packages import DEPLOY, compiled, maven
from tests.engines.running import Hesitant

pytestmark = pytest.mark.server
FLOW = DEPLOY / "nifi/fhir-remission.json"
HERE = Path(__file__).parent / "nifi"
ASK, FILE = "Ask the service", "One process for a file"

Run = Callable[..., tuple[list[str], dict[str, int], Path]]


@pytest.fixture
def run(service: Hesitant, tmp_path: Path) -> Run:
    """Put files into the folders of the flow, run it, and say what is wrong and what went where."""

    def start(
        flow: Path = FLOW, *, command: str = COMMAND, **files: bytes
    ) -> tuple[list[str], dict[str, int], Path]:
        for folder, ending in (("bundles", "json"), ("records", "ndjson")):
            (tmp_path / folder).mkdir(exist_ok=True)
            if folder in files:
                (tmp_path / folder / f"one.{ending}").write_bytes(files[folder])
        given = {
            "remission.url": service.url,
            "remission.folder": str(tmp_path),
            "remission.command": command,
        }
        path = compiled("nifi", maven("nifi", HERE / "pom.xml"), HERE / "Flow.java")
        done = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", path, "Flow", str(flow)]
            + [f"{name}={value}" for name, value in given.items()],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout.splitlines()[-1])
        return found["wrong"], found["went"], tmp_path

    return start


def held(folder: Path) -> list[bytes]:
    """What lies there."""
    return [one.read_bytes() for one in sorted(folder.iterdir())] if folder.is_dir() else []


def test_the_file_is_known_to_every_processor(run: Run) -> None:
    """Each property by its name, each relationship led somewhere; only what is meant is dynamic."""
    wrong, went, _ = run()
    assert wrong == []
    assert {name for name in went if "dynamic" in name} == {
        *(f"{ASK} | dynamic Accept", "What it printed | dynamic answer"),
        "What it was given | dynamic answered",
    }


def test_a_record_is_answered(run: Run, service: Hesitant, expected: bytes) -> None:
    """Response with 200, and the line of the judge as a file."""
    service.begin(0)
    wrong, went, folder = run(bundles=RECORD)
    assert (wrong, held(folder / "answers"), held(folder / "refused")) == ([], [expected], [])
    assert (went[f"{ASK} | Response 200"], went[f"{ASK} | Original 200"]) == (1, 1)
    assert service.headers["Content-Type"] == "application/fhir+json"
    assert {name for name in service.headers if name.lower().startswith(("file", "path"))} == set()


def test_what_can_succeed_later_is_retried(run: Run, service: Hesitant, expected: bytes) -> None:
    """503 goes to Retry, by which NiFi sends it again."""
    service.begin(2)
    _, went, folder = run(bundles=RECORD)
    assert (went[f"{ASK} | Retry 503"], went[f"{ASK} | Response 200"]) == (2, 1)
    assert held(folder / "answers") == [expected]


def test_not_for_ever(run: Run, service: Hesitant) -> None:
    """After five more tries the record itself lies with a person."""
    service.begin(1000)
    _, went, folder = run(bundles=RECORD)
    assert (went[f"{ASK} | Retry 503"], service.asked) == (6, {503: 6})
    assert held(folder / "refused") == [RECORD]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"resourceType":"Account"}', 422)])
def test_what_stays_wrong_is_asked_once(
    run: Run, service: Hesitant, body: bytes, status: int
) -> None:
    """No Retry, and with a person."""
    service.begin(0)
    _, went, folder = run(bundles=body)
    assert (went[f"{ASK} | No Retry {status}"], service.asked) == (1, {status: 1})
    assert (held(folder / "answers"), held(folder / "refused")) == ([], [body])


def test_lines_in_lines_out(run: Run) -> None:
    """NDJSON of all patients of the demo: one process, a line for each."""
    resources = [one for one in demo_cohort() if one["resourceType"] != "Group"]
    patients = {one["id"] for one in resources if one["resourceType"] == "Patient"}
    _, went, folder = run(records="".join(f"{json.dumps(one)}\n" for one in resources).encode())
    (out,) = held(folder / "answers")
    told = {json.loads(line)["patient"] for line in out.splitlines()}
    assert told == {f"Patient/{one}" for one in patients}
    assert went[f"{FILE} | output stream"] == 1
    assert held(folder / "refused") == []


def test_what_is_no_input_is_with_a_person(run: Run) -> None:
    """Exit 4 prints to `nonzero status`, which is dropped; the file as it was is kept."""
    _, went, folder = run(records=b"no JSON\n")
    assert (went[f"{FILE} | nonzero status"], went[f"{FILE} | original"]) == (1, 1)
    assert (held(folder / "answers"), held(folder / "refused")) == ([], [b"no JSON\n"])


def test_somebody_incomplete_is_an_answer(run: Run, tmp_path: Path) -> None:
    """Exit 3 prints lines, which are used, and nothing lies with a person."""
    command = tmp_path / "three"
    command.write_text("#!/bin/sh\ncat >/dev/null\necho '{}'\nexit 3\n")
    command.chmod(0o700)
    _, _, folder = run(command=str(command), records=b"{}\n")
    assert (held(folder / "answers"), held(folder / "refused")) == ([b"{}\n"], [])


@pytest.mark.parametrize("fault", ["property", "relationship", "class of the file"])
def test_a_misspelt_file_is_found(run: Run, tmp_path: Path, fault: str) -> None:
    """NiFi takes a name nobody knows for a property of one's own: here it is seen."""
    text: dict[str, Any] = json.loads(FLOW.read_text())
    processors = {one["name"]: one for one in text["flowContents"]["processors"]}
    if fault == "property":
        processors["Answers"]["properties"]["Directry"] = "x"
    elif fault == "relationship":
        processors[ASK]["autoTerminatedRelationships"] = ["Orginal"]
    else:
        text["flowContents"]["procesors"] = []
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(text))
    if fault == "class of the file":
        with pytest.raises(AssertionError, match="procesors"):
            run(broken)
    else:
        assert run(broken)[0] != []
