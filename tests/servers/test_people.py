"""A person's hand on our results, on every server: it stays, and what is ours beside it says so."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.effects.state.state import State
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal.cohort.cohort import amendment, demo_cohort
from tests.servers.rest import Rest
from tests.servers.site import Site

PATIENT = "18-amended"


@pytest.fixture
def site(rest: Rest, tmp_path: Path) -> Site:
    """One patient of the demo with her results, at a site that reads a list."""
    site = Site(rest, tmp_path)
    mine = [r for r in demo_cohort() if PATIENT in json.dumps([r["id"], r.get("subject", "")])]
    site.load([r for r in mine if r["resourceType"] != "Group"])
    text = site.config.read_text().replace(f'group = "{rest.mark}-cohort"', "")
    share = '[write]\nmax_changed_share = "1"\n'
    site.config.write_text(text.replace('kind = "group"', 'kind = "list"') + share)
    (tmp_path / "cohort.csv").write_text(f"patient\n{rest.mark}-{PATIENT}\n")
    site.sync()
    return site


def ours(site: Site) -> dict[str, dict[str, Any]]:
    """The two results of the patient, by type."""
    asked = {"patient": f"{site.rest.mark}-{PATIENT}", "_count": "100"}
    found: dict[str, dict[str, Any]] = {}
    for kind in ("ClinicalImpression", "Observation"):
        fresh = {"Cache-Control": "no-cache"}
        first = site.rest.ask("GET", kind, params=asked, headers=fresh).json()
        for page in site.rest.pages(first):
            for entry in page.get("entry", []):
                if "id/assessment" in json.dumps(entry["resource"].get("identifier", [])):
                    found[kind] = entry["resource"]
    return found


def signed(site: Site) -> dict[str, Any]:
    """A person completes the ClinicalImpression and adds a note."""
    found = ours(site)["ClinicalImpression"]
    note = [*found.get("note", []), {"text": "Seen with the family."}]
    edited = {**found, "status": "completed", "note": note}
    answer = site.rest.ask("PUT", f"ClinicalImpression/{found['id']}", body=edited)
    assert answer.status_code in (200, 201), answer.text[:500]
    return edited


def said(site: Site, *words: str) -> str:
    """One command of the site."""
    command = [sys.executable, "-m", "fhir_remission", *words, "--config", str(site.config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


def texts(resource: dict[str, Any]) -> list[str]:
    """Its notes."""
    return [note["text"] for note in resource.get("note", [])]


@pytest.mark.timeout(600)
def test_an_edit_waits_is_acknowledged_and_released(site: Site) -> None:
    """3 until somebody knows, 0 then; written over only when somebody says so."""
    signed(site)
    site.load([amendment()])

    first = site.sync(expect=3)

    assert first.line(PATIENT)["write"] == "parked"
    assert "fhir-remission parked list" in first.stderr
    stands = ours(site)
    assert stands["ClinicalImpression"]["status"] == "completed"
    assert "Seen with the family." in texts(stands["ClinicalImpression"])
    assert stands["Observation"]["status"] == "preliminary"
    assert "a person has to look" in texts(stands["Observation"])[-1]
    assert site.sync(expect=3).summary["unsafe_requests"] == 0
    place = f"ClinicalImpression/{stands['ClinicalImpression']['id']}"
    assert place in said(site, "parked", "list")
    said(site, "parked", "acknowledge", place)
    assert site.sync(expect=0).summary["acknowledged"] == 1

    said(site, "parked", "release", place)

    assert site.sync(expect=0).line(PATIENT)["write"] == "updated"
    stands = ours(site)
    assert "CRh" in stands["ClinicalImpression"]["summary"]
    assert not any("a person has to look" in text for text in texts(stands["Observation"]))
    assert "nothing waits" in said(site, "parked", "list")


@pytest.mark.timeout(600)
def test_an_edit_while_we_write_is_not_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and our write, with versions or without."""
    site.load([amendment()])
    plan, edits = State.plan_send, []

    def edited(self: State, *args: Any, **rest: Any) -> Any:
        if not edits:
            edits.append(signed(site))
        return plan(self, *args, **rest)

    monkeypatch.setattr(State, "plan_send", edited)
    with open_run(Request(config=site.config)) as run:
        (line,) = [json.loads(one) for one in run.lines()]
        code = run.exit_code

    assert (code, line["write"]) == (3, "parked")
    assert "Seen with the family." in texts(ours(site)["ClinicalImpression"])
    assert ours(site)["ClinicalImpression"]["status"] == "completed"
