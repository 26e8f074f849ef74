"""The curl lines of docs/service.md are run as they stand, against the real process."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from fhir_remission.rehearsal import EmbeddedServer
from tests.service.conftest import DEMO, SOURCE, case, parameters
from tests.service.process import Process

PAGE = Path(__file__).parents[2] / "docs/service.md"
MARKED = re.compile(r"<!-- curl[ a-z]* -->\n```\n(.*?)```", re.DOTALL)


def test_every_curl_of_the_page_works(tmp_path: Path, source: EmbeddedServer) -> None:
    """Each answers with a status below 400, and with something."""
    bundle = case("complete-remission")
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    lines = "".join(json.dumps(entry["resource"]) + "\n" for entry in bundle["entry"])
    (tmp_path / "results.ndjson").write_text(lines)
    (tmp_path / "parameters.json").write_text(json.dumps(parameters(bundle, record="complete")))
    running = Process(tmp_path, SOURCE.format(base=source.base_url))
    environ = {**os.environ, "BASE": f"http://127.0.0.1:{running.port}", "PATIENT": DEMO}
    commands = [line for block in MARKED.findall(PAGE.read_text()) for line in block.splitlines()]
    try:
        assert len(commands) >= 10
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            assert done.stdout, command
    finally:
        assert running.stop() == 0
