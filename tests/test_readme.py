"""The README tells the truth: its commands run, its output is real, its tables are complete."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fhir_remission import errors
from fhir_remission.cli.main import app
from fhir_remission.settings import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
START = (ROOT / "docs/start.md").read_text(encoding="utf-8")
WIRE = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
CASE = ROOT / "fixtures/cases/complete-remission/bundle.json"


def blocks(language: str, page: str = README) -> list[str]:
    """The fenced blocks of one language."""
    found = re.findall(r"```(\w*)\n(.*?)```", page, flags=re.DOTALL)
    return [text for kind, text in found if kind == language]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a folder, with our own interpreter's scripts first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # A pipe has no width of its own, whatever the test before this one left behind.
        env={**{k: v for k, v in os.environ.items() if k != "COLUMNS"}, "PATH": path},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files the README's commands name."""
    (tmp_path / "bundle.json").write_bytes(CASE.read_bytes())
    entries = json.loads(CASE.read_text())["entry"]
    lines = [json.dumps(entry["resource"]) for entry in entries]
    (tmp_path / "patients.ndjson").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_demo_output_is_real() -> None:
    """What stands between the demo's marks is what the demo prints, the port apart."""
    shown = re.search(r"<!-- demo -->\n```\n(.*?)```\n<!-- /demo -->", README, flags=re.DOTALL)
    done = run("fhir-remission demo", ROOT)

    assert done.returncode == 0, done.stderr
    assert shown is not None
    assert _plain(shown[1]) == _plain(done.stdout.rstrip())


def test_the_first_site(folder: Path) -> None:
    """The key is made, and the settings are settings."""
    assert run("fhir-remission key new site.key", folder).returncode == 0
    (folder / "site.toml").write_text(blocks("toml")[0])

    settings = load_settings(folder / "site.toml")

    assert settings.sink["main"].kind == "repository"


def test_the_engine_commands(folder: Path) -> None:
    """Every `classify` line of the page on engines works on a file of that name."""
    run("fhir-remission key new site.key", folder)
    (folder / "site.toml").write_text(blocks("toml")[0])
    commands = [
        line
        for block in blocks("", WIRE)
        for line in block.splitlines()
        if " classify " in line and not line.startswith(" ")
    ]

    assert len(commands) == 3
    for command in commands:
        done = run(command, folder)
        assert done.returncode == 0, (command, done.stderr)


def test_the_python_snippet(folder: Path) -> None:
    """The Python of the page on engines prints one line about the patient."""
    (folder / "snippet.py").write_text(blocks("python", WIRE)[0])
    done = run("python snippet.py", folder)

    assert done.returncode == 0, done.stderr
    assert "in-remission CR In remission since" in done.stdout


def test_every_command_is_told() -> None:
    """A command that is not in the README does not exist for its readers."""
    for command in _commands():
        assert f"fhir-remission {command}" in README, command


def test_every_exit_code_is_told() -> None:
    """The table of exit codes holds every code an error carries."""
    codes = {error.exit_code for error in vars(errors).values() if isinstance(error, type)}
    table = README.partition("## Exit codes")[2].partition("##")[0]
    for code in codes | {0, 130}:
        assert re.search(rf"\b{code}\b", table), code


def test_the_settings_of_the_readme_are_toml() -> None:
    """Every TOML block parses."""
    for block in blocks("toml"):
        tomllib.loads(block)


def _commands() -> list[str]:
    found = [
        info.name or info.callback.__name__ for info in app.registered_commands if info.callback
    ]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += [
            f"{group.name} {info.name or info.callback.__name__}"
            for info in group.typer_instance.registered_commands
            if info.callback
        ]
    return [name.replace("_", "-") for name in found]


def _plain(text: str) -> list[str]:
    return [
        re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line).rstrip() for line in text.splitlines()
    ]


def _marked(name: str) -> list[str]:
    """The commands that stand behind a mark of the first page."""
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)```", START, flags=re.DOTALL)
    assert found is not None
    return found[1].splitlines()


def test_the_journey_of_a_newcomer_runs_from_the_text_of_the_pages(tmp_path: Path) -> None:
    """Rehearse, doctor, dry run, run, explain, bulk: each ends well and says what it should."""
    (served,) = _marked("rehearse")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server = subprocess.Popen(
        ["bash", "-c", f"exec {served}"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        # A pipe has no width of its own, whatever the test before this one left behind.
        env={**{k: v for k, v in os.environ.items() if k != "COLUMNS"}, "PATH": path},
    )  # fmt: skip
    said: dict[str, str] = {}
    try:
        assert server.stdout is not None
        page = ""
        while (line := server.stdout.readline()) and line != 'kind = "repository"\n':
            page += line
        assert "group demo-cohort" in page
        for command in _marked("journey"):
            done = run(command, tmp_path)
            assert done.returncode == 0, (command, done.stderr)
            assert "\r" not in done.stderr  # nobody watches: no progress
            said[command.split()[1]] = done.stdout
    finally:
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=30)
    assert "ok    source: search patient" in said["doctor"]
    assert "demo-02-crh" in said["explain"]
    assert "EVIDENCE" in said["explain"]
    lines = (tmp_path / "lines.ndjson").read_text().splitlines()
    assert len(lines) == 20
    assert len((tmp_path / "export/assessments.ndjson").read_text().splitlines()) >= 20
    assert re.search(r"# The server answered \d+ requests\.", rest)
