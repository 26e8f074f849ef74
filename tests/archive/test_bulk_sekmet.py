"""`bulk` against a real server: its `$export`, behind SMART Backend Services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_remission.effects.http.keys import public_jwks, read_signing_key
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server.connect import connect
from fhir_remission.rehearsal.cohort.cohort import demo_cohort, transactions
from fhir_remission.settings import Server, load_settings
from tests.archive.running import blasts, classified, summary, without_writing
from tests.effects.test_login import KEYS
from tests.servers import sekmet_server

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not os.environ.get("FHIR_REMISSION_SEKMET"), reason="no sekmet lane"),
]
AS_OF = "2026-10-01T12:00:00Z"
GROUP = next(one["id"] for one in demo_cohort() if one["resourceType"] == "Group")
SETTINGS = """\
[site]
id = "bulk"
timezone = "Europe/Berlin"
[source]
base_url = "{url}"
rate = "1000/s"
[source.auth]
mode = "smart"
client_id = "RS384"
key_file = "login.pem"
scopes = ["system/*.rs", "system/*.d"]
[cohort]
kind = "group"
group = "{group}"
[evidence]
absence_proves = ["rbc-transfusion", "platelet-transfusion"]
[criteria]
sets = ["eln-2022", "iwg-2003"]
"""


@pytest.fixture(scope="module")
def sekmet() -> Iterator[str]:
    """The demo cohort on a server that only lets in who has a token."""
    jwks = public_jwks([read_signing_key(KEYS["RS384"])])
    client = {"client_id": "RS384", "scopes": "system/*.*", "jwks": jwks}
    with sekmet_server.running(smart_clients=[client]) as url:
        for bundle in transactions(demo_cohort(), size=200):
            send(url, "POST", "", bundle)
        yield url


def send(url: str, method: str, path: str, body: Any = None) -> requests.Response:
    """One request with a token of its own, to prepare the server or to look at it."""
    auth = {"mode": "smart", "client_id": "RS384", "secret": KEYS["RS384"]}
    server = Server.model_validate({"base_url": url, "auth": {**auth, "scopes": ["system/*.*"]}})
    clock = SystemClock()
    connection = connect(server, clock=clock, stop=Stop(clock))
    connection.reader().get(f"{url}/Patient?_count=1", "login", {})
    answer = requests.request(
        method, f"{url}/{path}".rstrip("/"), json=body, headers=dict(connection.headers.current())
    )
    assert answer.ok, answer.text[:2000]
    return answer


@pytest.fixture
def site(sekmet: str, tmp_path: Path) -> Path:
    """The settings of a site at that server."""
    (tmp_path / "login.pem").write_text(KEYS["RS384"])
    (tmp_path / "site.toml").write_text(SETTINGS.format(url=sekmet, group=GROUP))
    return tmp_path


def command(site: Path, *arguments: str, expect: int = 0) -> bytes:
    """Run a command at the site; return what it printed."""
    config = ("--config", str(site / "site.toml"), "--as-of", AS_OF)
    done = subprocess.run(
        [sys.executable, "-m", "fhir_remission", *arguments, *config],
        capture_output=True,
        check=False,
        cwd=site,
        timeout=100,
    )
    assert done.returncode == expect, done.stderr[-3000:]
    return done.stdout


def bulk(site: Path, *arguments: str, expect: int = 0) -> list[bytes]:
    """Export and judge; return the lines."""
    command(site, "bulk", "--out", str(site / "out"), *arguments, expect=expect)
    return (site / "out/assessments.ndjson").read_bytes().splitlines()


def exported(folder: Path) -> Path:
    """The kept files as one."""
    file = folder.parent / "all.ndjson"
    file.write_bytes(b"".join(one.read_bytes() for one in sorted(folder.glob("*.ndjson"))))
    return file


def test_a_group_as_sync_judges_it(site: Path) -> None:
    """Two ways to the same data, one line per patient, byte for byte."""
    lines = bulk(site, "--group", GROUP)

    synced = command(site, "sync", "--dry-run").splitlines()

    assert len(synced) > 20
    assert {without_writing(line) for line in synced} <= set(lines)


def test_all_patients_as_classify_judges_the_files(site: Path) -> None:
    """Patient level, kept, and read again as one file; on the server nothing is left."""
    from fhir_remission.jobs.judging.request import Request
    from fhir_remission.jobs.site.site_request import request_of

    lines = bulk(site, "--keep")

    kept = site / "out/kept-0001"
    types = frozenset(one.stem.partition("-")[2] for one in kept.glob("*.ndjson"))
    request = request_of(
        load_settings(site / "site.toml", {}, {}), Request(as_of=AS_OF, read=types)
    )
    assert {"Patient", "Observation", "Procedure"} <= types
    assert b"\n".join([*lines, b""]) == classified(exported(kept), request)
    status = json.loads((kept / ".export.json").read_bytes())["status_url"]
    with pytest.raises(AssertionError, match="No export"):
        send(
            status.partition("/bulk-status")[0],
            "GET",
            f"bulk-status{status.rpartition('bulk-status')[2]}",
        )


def test_types_and_filters(site: Path) -> None:
    """`_type` and `_typeFilter` reach the server, which then sends no more; as Parquet."""
    command(
        site,
        *("bulk", "--out", str(site / "out"), "--format", "parquet"),
        *("--keep", "--type", "Patient,Observation"),
        *("--type-filter", "Observation?code=http://loinc.org|11150-0"),
    )

    kept = site / "out/kept-0001"
    found = [json.loads(line) for line in exported(kept).read_bytes().splitlines()]
    results = [one for one in found if one["resourceType"] == "Observation"]
    assert {one["resourceType"] for one in found} == {"Patient", "Observation"}
    assert results
    assert (site / "out/assessments.parquet").read_bytes().startswith(b"PAR1")
    assert all(one["code"]["coding"][0]["code"] == "11150-0" for one in results)


def test_a_filter_that_finds_nothing(site: Path) -> None:
    """Patients came and no Observation: nobody is told that there are none."""
    lines = bulk(site, "--type-filter", "Observation?code=http://loinc.org|0-0", expect=3)

    assert lines
    assert {json.loads(line)["disposition"] for line in lines} == {"incomplete"}
    assert "filtered" in summary(site / "out")["damage"][0]["reason"]


def test_changes_since_the_kept_export(sekmet: str, site: Path) -> None:
    """A result that came later counts beside all that was exported before it."""
    before = bulk(site, "--keep")
    patient = json.loads(before[0])["patient"]
    result = blasts(1, patient.partition("/")[2], day="2026-09-20")
    result["valueQuantity"] = {**result["valueQuantity"], "value": 60}
    send(sekmet, "PUT", "Observation/b1", result)

    after = bulk(site, "--keep", "--since", "last")

    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert {json.loads(line)["patient"] for line in changed} == {patient}
    assert json.loads(changed[0])["last_marrow"] == "2026-09-20"
    assert len(list((site / "out/kept-0002").glob("*.ndjson"))) == 1
