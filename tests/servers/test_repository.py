"""Results in another server than the evidence, on every server: stubs, logical references, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import amendment, demo_cohort
from tests.servers.rest import Rest
from tests.servers.site import Site

MRN = "https://example.org/synthetic-mrn"
PATIENTS = ("01-cr", "18-amended")
SETTINGS = """\
[site]
id = "test-{mark}"
[source]
base_url = "{source}"
rate = "1000/s"
[cohort]
kind = "list"
[sink.main]
kind = "repository"
base_url = "{sink}"
rate = "1000/s"
references = "logical"
patients = "stub"
patient_system = "{system}"
"""


@pytest.fixture
def source() -> Iterator[EmbeddedServer]:
    """Where the evidence is."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def site(rest: Rest, source: EmbeddedServer, tmp_path: Path) -> Site:
    """Two patients at the source, nobody at the repository."""
    site = Site(rest, tmp_path)
    addresses = {"source": source.base_url, "sink": rest.base_url, "system": MRN}
    site.config.write_text(SETTINGS.format(mark=rest.mark, **addresses))
    names = [f"{rest.mark}-{name}" for name in PATIENTS]
    (tmp_path / "cohort.csv").write_text("\n".join(["patient", *names]) + "\n")
    source.store.load(_numbered(r) for r in map(site.renamed, demo_cohort()))
    return site


def _numbered(resource: dict[str, Any]) -> dict[str, Any]:
    """A number of this test's own for each Patient."""
    if resource["resourceType"] != "Patient":
        return resource
    return {**resource, "identifier": [{"system": MRN, "value": resource["id"]}]}


def _found(site: Site, kind: str, **asked: str) -> list[dict[str, Any]]:
    pages = site.rest.ask("GET", kind, params=asked, headers={"Cache-Control": "no-cache"}).json()
    return [entry["resource"] for entry in pages.get("entry", [])]


@pytest.mark.timeout(600)
def test_stubs_and_results_stand_once(site: Site, source: EmbeddedServer) -> None:
    """First run, idle run, a correction, and a state that got lost."""
    assert len(site.sync().written("created")) == len(PATIENTS)

    stubs = [
        one
        for name in PATIENTS
        for one in _found(site, "Patient", identifier=f"{MRN}|{site.rest.mark}-{name}")
    ]
    assert len(stubs) == len(PATIENTS)
    for stub in stubs:
        (impression,) = _found(site, "ClinicalImpression", patient=stub["id"])
        cited = [item for held in impression["investigation"] for item in held["item"]]
        assert cited
        assert all(item["identifier"]["value"].startswith(source.base_url) for item in cited)
    assert site.sync().summary["unsafe_requests"] == 0

    source.store.load([site.renamed(amendment())])
    assert len(site.sync().written("updated")) == 1
    (site.folder / "state.db").unlink()
    assert site.sync().summary["unsafe_requests"] <= 1  # the Device is read, not written
    after = [one for stub in stubs for one in _found(site, "Observation", patient=stub["id"])]
    assert len(after) == len(PATIENTS)
