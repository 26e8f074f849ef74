"""A folder in which every command of the pages can be run: a site on the embedded server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fhir_remission.cli.main import main
from tests.docs.generate import ROOT

CASE = ROOT / "fixtures/cases/complete-remission/bundle.json"
KEY = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "
# What a command makes and refuses to make twice.
MADE = {"key new": "site.key", "config init": "first.toml"}


class Folder:
    """The folder, its environment, and what has to be out of the way before some commands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        self.environ |= {"FHIR_REMISSION__SOURCE__RATE": "100000/s"}
        self.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def refresh(self, command: str) -> None:
        """Let a command make its file: each page is read as if it were the first."""
        for words, made in MADE.items():
            file = self.path / made
            if words in command and file.exists():
                file.rename(self.path / f"kept-{made}")
        if not (self.path / "site.key").exists() and "key new" not in command:
            (self.path / "kept-site.key").rename(self.path / "site.key")
        if "key new" not in command and (self.path / "kept-site.key").exists():
            # The key that the page made is not the one of this site's state.
            (self.path / "kept-site.key").replace(self.path / "site.key")


@contextmanager
def made_folder(path: Path) -> Iterator[Folder]:
    """Serve the cohort beside the folder, with the settings that the server writes for itself."""
    server = subprocess.Popen(
        [sys.executable, "-m", "fhir_remission", "rehearse", "--site", "site.toml"],
        cwd=path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        while (line := server.stdout.readline()) and line != 'kind = "repository"\n':
            pass
        _fill(path)
        yield Folder(path)
    finally:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.communicate(timeout=30)
        server.kill()


def _fill(path: Path) -> None:
    (path / "bundle.json").write_bytes(CASE.read_bytes())
    lines = [json.dumps(entry["resource"]) for entry in json.loads(CASE.read_text())["entry"]]
    (path / "patients.ndjson").write_text("\n".join(lines) + "\n")
    (path / "mappings").mkdir()
    shipped = (ROOT / "mappings/codes.tsv").read_text(encoding="utf-8").splitlines()
    header = next(line for line in shipped if not line.startswith("#"))
    (path / "mappings/codes.tsv").write_text(f"{header}\n", encoding="utf-8")
    (path / "from-server").mkdir()
    (path / "from-server/patients.ndjson").write_text("\n".join(lines) + "\n")
    for name in ("client.pem", "client-next.pem"):
        subprocess.run([*KEY.split(), str(path / name)], check=True, capture_output=True)
    assert main(["key", "new", str(path / "site.key")]) == 0
