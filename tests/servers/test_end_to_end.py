"""The main job from settings to results on the server: the same on every server."""

import subprocess
import time
from pathlib import Path

import pytest

from fhir_remission.rehearsal.cohort.cohort import amendment, demo_courses
from tests.servers.rest import Rest
from tests.servers.site import Site

ACTIVE = [course for course in demo_courses() if course.member == "active"]


@pytest.fixture
def site(rest: Rest, tmp_path: Path) -> Site:
    """The demo cohort on the server, and settings that point there."""
    site = Site(rest, tmp_path)
    site.load()
    return site


def test_the_job(site: Site) -> None:
    """First run writes every result once, the idle run nothing, an amendment changes one."""
    first = site.sync()
    told = {
        line["patient"].rpartition("/")[2]: (line["category"], line["state"])
        for line in first.lines
    }
    expected = {
        course.id.replace("demo-", f"{site.rest.mark}-"): (course.category, course.state)
        for course in ACTIVE
    }

    assert told == expected
    assert first.summary["classified"] + first.summary["indeterminate"] == len(ACTIVE)
    stood = site.ours()
    assert len(stood) == 2 * len(first.written("created"))

    idle = site.sync()

    assert {line["write"] for line in idle.lines} == {"none"}
    assert idle.summary["unsafe_requests"] == 0
    assert site.ours() == stood

    site.load([amendment()])
    third = site.sync()

    assert len(third.written("updated")) == 1
    assert third.line("18-amended")["category"] == "CRh"
    changed = {name for name, resource in site.ours().items() if resource != stood[name]}
    assert len(changed) == 2


def test_lost_state_writes_nothing_new(site: Site) -> None:
    """Without its state a run finds its own results on the server and leaves them alone."""
    site.sync()
    stood = site.ours()
    (site.folder / "state.db").unlink()

    again = site.sync()

    assert again.summary["unsafe_requests"] <= 1  # the Device is read, not written
    assert site.ours() == stood
    assert site.sync().summary["unsafe_requests"] == 0


def test_a_persons_edit_stays(site: Site) -> None:
    """A result somebody edited is parked when its evidence changes, reported, and ends with 3."""
    first = site.sync()
    name = next(n for n in first.line("18-amended")["locations"] if n.startswith("Clinical"))
    edited = site.rest.ask("GET", name).json()
    edited["summary"] = "I disagree."
    assert site.rest.ask("PUT", name, body=edited).status_code == 200
    site.load([amendment()])

    second = site.sync(expect=3)

    assert second.line("18-amended")["write"] == "parked"
    assert site.rest.ask("GET", name).json()["summary"] == "I disagree."


def test_retracted_evidence_retracts_the_result(site: Site) -> None:
    """When the marrow of the only evaluation is withdrawn, what we wrote is entered-in-error."""
    first = site.sync()
    (name,) = (n for n in first.line("01-cr")["locations"] if n.startswith("Observation"))
    for reference in site.rest.ask("GET", name).json()["derivedFrom"]:
        held = site.rest.ask("GET", reference["reference"]).json()
        site.rest.ask("PUT", reference["reference"], body={**held, "status": "entered-in-error"})

    second = site.sync()

    assert second.line("01-cr")["write"] == "retracted"
    assert site.rest.ask("GET", name).json()["status"] == "entered-in-error"


def test_deleted_evidence_retracts_the_result(site: Site) -> None:
    """Evidence deleted, not withdrawn: ours is taken back though its links lead nowhere now."""
    first = site.sync()
    (name,) = (n for n in first.line("01-cr")["locations"] if n.startswith("Observation"))
    for reference in site.rest.ask("GET", name).json()["derivedFrom"]:
        assert site.rest.ask("DELETE", reference["reference"]).status_code in (200, 204)

    second = site.sync()

    assert second.line("01-cr")["write"] == "retracted"
    taken_back = site.rest.ask("GET", name).json()
    assert taken_back["status"] == "entered-in-error"
    assert all("display" in item for item in taken_back["derivedFrom"])
    assert site.sync().summary["unsafe_requests"] == 0


def test_changed_twice_there_is_one_hash(site: Site) -> None:
    """Servers carry tags from version to version; identifiers they do not."""
    first = site.sync()
    for value in (62, 61):
        changed = amendment()
        changed["valueQuantity"] = {**changed["valueQuantity"], "value": value}
        site.load([changed])
        assert site.sync().line("18-amended")["write"] == "updated"
    for name in first.line("18-amended")["locations"]:
        resource = site.rest.ask("GET", name).json()
        hashes = [i for i in resource["identifier"] if i["system"].endswith("evidence-hash")]
        assert len(hashes) == 1
        assert len(resource["identifier"]) == 4
        assert [tag["code"] for tag in resource["meta"]["tag"]] == ["algorithmic"]


def test_a_dry_run_sends_no_write(site: Site) -> None:
    """A dry run tells what it would do and leaves server and state as they were."""
    dry = site.sync("--dry-run")

    assert dry.written("created")
    assert dry.summary["unsafe_requests"] == 0
    assert site.ours() == {}
    assert not (site.folder / "state.db").exists()


def test_terminated_between_patients(site: Site) -> None:
    """SIGTERM ends the run with 143; the next run completes what was left, nothing twice."""
    slowed = ["--set", "source.rate=8/s"]
    ended = subprocess.run(
        ["timeout", "--preserve-status", "-s", "TERM", "4", *site.command(*slowed)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 143
    assert ended.stderr.count(b"Traceback") == 0
    wrote = len(site.ours()) // 2

    site.sync()

    assert wrote < len(site.ours()) // 2 == len(ACTIVE)
    assert site.sync().summary["unsafe_requests"] == 0


def test_two_at_once(site: Site) -> None:
    """The second of two runs ends with 6 and changes nothing."""
    first = subprocess.Popen(
        site.command("--set", "source.rate=8/s"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(300):  # until the first holds the lock, however busy the machine
        if any(site.folder.glob(".*.lock")):
            break
        time.sleep(0.1)
    second = site.sync(expect=6)
    _, complaints = first.communicate(timeout=120)

    assert second.lines == []
    assert second.stderr.count("\n") == 1
    assert first.returncode == 0, complaints.decode()
