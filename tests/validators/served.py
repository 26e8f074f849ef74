"""Every kind of resource that `serve` hands out, for the validators: answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from falcon.testing import TestClient

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.request.refusals import _TABLE, body_of, broken, refusal_of
from fhir_remission.service.running.app import application

CASES = Path(__file__).parents[2] / "fixtures/cases"
OPERATION = "/$classify-remission"
AS_OF = "2026-12-01T00:00:00Z"
# An answer of each look: remissions, disease, open, out of scope, MRD, relapse.
NAMES = (
    *("complete-remission", "missing-platelets-low-neutrophils", "mlfs-is-no-remission"),
    *("refractory-after-two-inductions", "third-course", "t17-sarcoma-silent"),
    *("promyelocytic-leukaemia", "mrd-ten-fold-rise", "marrow-without-counts-in-remission"),
)
# What is refused, by method, path, body and type.
REFUSED: tuple[tuple[str, str, bytes, str], ...] = (
    ("POST", OPERATION, b"{", "application/fhir+json"),
    ("POST", OPERATION, b'{"resourceType":"Practitioner"}', "application/fhir+json"),
    ("POST", OPERATION, b"<Bundle/>", "application/fhir+xml"),
    ("POST", OPERATION, b" " * ((1 << 20) + 1), "application/fhir+json"),
    ("DELETE", OPERATION, b"", "application/fhir+json"),
    ("GET", "/nothing", b"", "application/fhir+json"),
    ("GET", "/Patient/p1/$classify-remission", b"", "application/fhir+json"),
)


def served(folder: Path) -> Iterator[dict[str, Any]]:
    """What a site in this folder answers to all of these."""
    new_site_key(folder / "site.key")
    config = folder / "site.toml"
    config.write_text('[site]\nid = "st-e"\n[service]\nmax_body_mib = 1\n')
    client = TestClient(application(ServedSite(config)))
    for path in ("/metadata", "/OperationDefinition/classify-remission"):
        yield _asked(client, "GET", path, b"", "application/fhir+json")
    for name in NAMES:
        record = json.loads((CASES / name / "bundle.json").read_text())
        for given in ({"record": "complete"}, {"record": "partial", "history": True}):
            yield _asked(client, "POST", OPERATION, _parameters(record, given), "text/plain")
    for method, path, body, kind in REFUSED:
        answer = _asked(client, method, path, body, kind)
        assert answer["resourceType"] == "OperationOutcome", answer
        yield answer
    for row in _TABLE:
        yield json.loads(body_of(refusal_of(row.error("words of ours"))))
    yield json.loads(body_of(broken()))
    yield from _of_the_source(folder)


def _of_the_source(folder: Path) -> Iterator[dict[str, Any]]:
    """Patients of the demo, read by id; and one of them written."""
    patients = [one["id"] for one in demo_cohort() if one["resourceType"] == "Patient"]
    with EmbeddedServer(resources=demo_cohort()) as server:
        config = folder / "source.toml"
        config.write_text(
            f'[site]\nid = "st-e"\n[source]\nbase_url = "{server.base_url}"\n'
            'allow_insecure = true\nrate = "1000/s"\n[sink.main]\nkind = "repository"\n'
            '[cohort]\nkind = "group"\ngroup = "demo-cohort"\n'
            "[service]\nwrite = true\n"
        )
        client = TestClient(application(ServedSite(config)))
        for patient in patients:
            path = f"/Patient/{patient}/$classify-remission"
            yield _asked(client, "GET", path, b"", "application/fhir+json")
        given = {"write": True}
        path = f"/Patient/{patients[0]}/$classify-remission"
        written = _asked(client, "POST", path, _parameters(None, given), "application/fhir+json")
        assert written["resourceType"] == "Parameters", written
        yield written


def _parameters(record: Any, given: dict[str, Any]) -> bytes:
    listed: list[dict[str, Any]] = []
    if record is not None:
        listed.append({"name": "asOf", "valueDateTime": AS_OF})
        listed.append({"name": "bundle", "resource": record})
    for name, value in given.items():
        listed.append({"name": name, "valueBoolean" if value is True else "valueCode": value})
    return json.dumps({"resourceType": "Parameters", "parameter": listed}).encode()


def _asked(client: Any, method: str, path: str, body: bytes, kind: str) -> dict[str, Any]:
    answer = client.simulate_request(
        method,
        path,
        body=body,
        headers={"Content-Type": kind},
        host="127.0.0.1",
        remote_addr="127.0.0.1",
    )
    found: dict[str, Any] = answer.json
    return found
