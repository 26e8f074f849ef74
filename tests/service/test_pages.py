"""The pages a service shows, and the curl lines of the documentation, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_remission import Classifier
from fhir_remission.rehearsal import EmbeddedServer
from tests.service.conftest import DEMO, SOURCE, Serve, case, parameters
from tests.service.process import Process
from tests.service.test_callers import SETTINGS, bearer, jwks, token

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (DOCS / "service.md", DOCS / "engines.md")
MARKED = re.compile(r"<!-- curl[ a-z]* -->\n```\n(.*?)```", re.DOTALL)


def printed(record: Any) -> Iterator[str]:
    """The lines of a record's whole history."""
    for one in Classifier(as_of="2026-06-30T00:00:00Z", history=True)(record):
        yield f"{one.to_json().decode().strip()}\n"


def everybody(*names: str) -> str:
    """The lines of these cases, each of a patient of its own, of whom one is called by a script."""
    found = []
    for at, name in enumerate(names):
        for line in printed(case(name)):
            held = json.loads(line)
            found.append(json.dumps({**held, "patient": f"Patient/{at}-<i>"}) + "\n")
    return "".join(found)


def test_the_cohort_is_that_of_the_last_run(serve: Serve, tmp_path: Path) -> None:
    """The first page, each page it leads to, and the new ones when the run has ended again."""
    file = tmp_path / "lines.ndjson"
    file.write_text(everybody("complete-remission", "mlfs-is-no-remission"))
    served = serve('[service]\nresults = "lines.ndjson"\n')
    first = served.ask("GET", "/cohort")
    assert first.status_code == 303
    assert first.headers["location"].endswith("cohort/index.html")
    page = served.ask("GET", "/cohort/index.html")
    assert page.status_code == 200, page.text
    assert "Cohort: 2 patients" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert served.ask("GET", "/cohort/").status_code == 303
    for link in re.findall(r'href="([^"#./]+[.][a-z]+)"', page.text):
        assert served.ask("GET", f"/cohort/{link}").status_code == 200, link
    plot = served.ask("GET", "/cohort/by-state.html").text
    assert 'href="../patients/0-%3Ci%3E"' in plot
    assert "<i>" not in plot

    file.write_text(everybody("complete-remission"))
    assert "Cohort: 1 patients" in served.ask("GET", "/cohort/index.html").text
    file.write_text("{")
    assert served.ask("GET", "/cohort/index.html").status_code == 503


def test_a_page_of_the_cohort_is_in_the_audit_for_each_patient(
    serve: Serve, tmp_path: Path
) -> None:
    """Counts tell of nobody; a plot and the CSV tell of everybody on them."""
    (tmp_path / "lines.ndjson").write_text(everybody("complete-remission", "dry-tap"))
    served = serve('[service]\nresults = "lines.ndjson"\n')
    served.ask("GET", "/cohort/index.html")
    before = len(served.audited) if (tmp_path / "audit.jsonl").exists() else 0
    served.ask("GET", "/cohort/by-time.html")
    served.ask("GET", "/cohort/patients.csv")

    assert before == 0
    assert len(served.audited) == 4
    assert served.ask("GET", "/cohort/..%2fsite.toml").status_code == 404
    assert served.ask("GET", "/cohort/nobody.html").status_code == 404


def test_a_login_for_one_patient_does_not_open_the_cohort(serve: Serve, tmp_path: Path) -> None:
    """Nor does a site show one that no run has left."""
    (tmp_path / "lines.ndjson").write_text(everybody("complete-remission"))
    jwks(tmp_path)
    served = serve(f'[service]\nresults = "lines.ndjson"\n{SETTINGS}')
    one = bearer(token(scope="patient/*.rs", patient="0"))
    all_of_them = bearer(token())

    for path in ("/cohort", "/cohort/index.html", "/cohort/patients.csv"):
        assert served.ask("GET", path, headers=one).status_code == 403
    assert served.ask("GET", "/cohort/index.html").status_code == 401
    assert served.ask("GET", "/cohort/index.html", headers=all_of_them).status_code == 200
    assert serve().ask("GET", "/cohort").status_code == 501


def test_every_curl_of_the_pages_works(tmp_path: Path, source: EmbeddedServer) -> None:
    """Each answers with a status below 400, and with something."""
    bundle = case("complete-remission")
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    lines = "".join(json.dumps(entry["resource"]) + "\n" for entry in bundle["entry"])
    (tmp_path / "results.ndjson").write_text(lines)
    (tmp_path / "parameters.json").write_text(json.dumps(parameters(bundle, record="complete")))
    (tmp_path / "lines.ndjson").write_text("".join(printed(bundle)))
    settings = f'{SOURCE.format(base=source.base_url)}[service]\nresults = "lines.ndjson"\n'
    running = Process(tmp_path, settings)
    environ = {**os.environ, "BASE": f"http://127.0.0.1:{running.port}", "PATIENT": DEMO}
    blocks = [block for page in PAGES for block in MARKED.findall(page.read_text())]
    commands = [line for block in blocks for line in block.splitlines()]
    try:
        assert len(commands) >= 16
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            assert done.stdout, command
    finally:
        assert running.stop() == 0
