"""Several sites, another key and the engine route: nothing of another's is touched, anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal.cohort.cohort import amendment, demo_cohort
from tests.servers.rest import Rest
from tests.servers.site import AS_OF, Site

CR, AMENDED = "01-cr", "18-amended"


@pytest.fixture
def site(rest: Rest, tmp_path: Path) -> Site:
    """The demo cohort on the server, and a first site."""
    site = Site(rest, tmp_path / "first")
    site.load()
    return site


@pytest.mark.parametrize("key", ["own key", "copied key"])
def test_a_second_site_leaves_the_first_alone(site: Site, tmp_path: Path, key: str) -> None:
    """Both have their results; the second tells what it met; later runs send nothing."""
    site.sync()
    before = site.ours()
    second = Site(site.rest, tmp_path / "second", name=f"ward-2-{site.rest.mark}")
    if key == "copied key":
        shutil.copy(site.folder / "site.key", second.folder / "site.key")

    ran = second.sync()

    after = site.ours()
    assert {name: after[name] for name in before} == before
    assert len(after) == 2 * len(before)
    assert ran.summary["foreign_results"] == len(before)
    for one in (site, second):
        assert one.sync().summary["unsafe_requests"] == 0
    (second.folder / "state.db").unlink()
    second.sync()
    assert site.ours() == after


def test_a_new_key_in_a_new_state_stops(site: Site) -> None:
    """Before any write, whatever searches the server implements."""
    site.sync()
    before = site.ours()
    (site.folder / "state.db").unlink()
    (site.folder / "site.key").unlink()
    new_site_key(site.folder / "site.key")

    ran = site.sync(expect=5)

    assert "another site key" in ran.stderr
    assert site.ours() == before
    devices = site.rest.ask("GET", "Device", params={"_count": "200"}).json()
    marks = [i["value"] for e in devices["entry"] for i in e["resource"].get("identifier", [])]
    assert len({mark for mark in marks if mark.startswith(f"test-{site.rest.mark}:")}) == 1


def bundle(site: Site, *arguments: str) -> tuple[int, dict[str, Any]]:
    """What `classify --output bundle` prints of the demo, as it stands on the server."""
    file = site.folder / "input.ndjson"
    newest: dict[str, Any] = {}
    for resource in [*demo_cohort(), *([amendment()] if "--base" in arguments else [])]:
        newest[f"{resource['resourceType']}/{resource['id']}"] = resource
    file.write_text("\n".join(json.dumps(site.renamed(one)) for one in newest.values()))
    command = [
        *(sys.executable, "-m", "fhir_remission", "classify", str(file), "--output", "bundle"),
        *("--config", str(site.config), "--as-of", AS_OF, "--timezone", "Europe/Berlin"),
        *("--complete", "Procedure", *arguments),
    ]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def test_a_bundle_posted_twice_and_adopted(site: Site) -> None:
    """One of each, whoever writes: the engine three times, a person, the daily run."""
    _, printed = bundle(site)
    first = site.rest.ask("POST", "", body=printed)
    assert first.status_code == 200, first.text[:2000]
    posted = site.ours()
    assert posted

    second = site.rest.ask("POST", "", body=printed)
    assert second.status_code == 200, second.text[:2000]
    assert site.ours() == posted

    name = next(n for n, r in posted.items() if r["subject"]["reference"].endswith(AMENDED))
    edited = {**posted[name], "note": [{"text": "seen"}]}
    assert site.rest.ask("PUT", name, body=edited).status_code == 200
    stood = site.ours()
    assert site.rest.ask("POST", "", body=printed).status_code == 200
    assert site.ours() == stood

    site.sync(expect=3)  # what the person edited is parked
    assert site.ours().keys() == posted.keys()
    assert site.ours()[name] == stood[name]
    assert site.sync(expect=None).summary["unsafe_requests"] == 0


def test_a_base_changes_under_its_version(site: Site) -> None:
    """The same Bundle a second time is refused as a whole."""
    _, printed = bundle(site)
    assert site.rest.ask("POST", "", body=printed).status_code == 200
    posted = site.ours()
    base = site.folder / "base.ndjson"
    base.write_text("\n".join(json.dumps(resource) for resource in posted.values()))
    site.load([amendment()])

    code, printed = bundle(site, "--base", str(base))

    assert code == 0
    assert sum(e["request"]["method"] == "PUT" for e in printed["entry"]) == 2
    answer = site.rest.ask("POST", "", body=printed)
    assert answer.status_code == 200, answer.text[:2000]
    changed = site.ours()
    assert changed.keys() == posted.keys()
    assert sum(changed[name] != posted[name] for name in posted) == 2
    assert site.rest.ask("POST", "", body=printed).status_code in (409, 412)
    assert site.ours() == changed
    site.sync()
    assert site.ours().keys() == posted.keys()
