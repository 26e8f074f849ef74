"""Files for a scheduler say of this site what its settings say, whatever its folders are called."""

from __future__ import annotations

import configparser
import shlex
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from fhir_remission.cli.main import main

NAMES = ["plain", "with space", "100% sure", 'it\'s "here"', "$HOME", "a;b & c", "ü"]


def _site(folder: Path) -> Path:
    folder.mkdir()
    assert main(["config", "init", str(folder / "site.toml")]) == 0
    (folder / "program").write_text("")
    return folder


def _made(folder: Path, kind: str, *more: str) -> dict[str, str]:
    out = folder / "out"
    config, program = str(folder / "site.toml"), str(folder / "program")
    line = ["install", kind, "--config", config, "--program", program, "--out", str(out), *more]
    assert main(line) == 0
    return {
        file.name: file.read_text("utf-16" if file.suffix == ".xml" else "utf-8")
        for file in out.iterdir()
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_names_the_folders_of_the_site(tmp_path: Path, name: str) -> None:
    """Paths are words of a unit whatever letters they have, and only they may be written."""
    folder = _site(tmp_path / name)
    made = _made(folder, "systemd")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(made["fhir-remission.service"])

    words = shlex.split(unit["Service"]["ExecStart"].replace("$$", "$").replace("%%", "%"))
    assert words[:4] == [
        *(str(folder / "program"), "sync", "--config", str(folder / "site.toml")),
    ]
    (writes,) = shlex.split(unit["Service"]["ReadWritePaths"].replace("%%", "%").replace("$$", "$"))
    assert writes == str(folder)
    assert unit["Service"]["SuccessExitStatus"] == "3 6"
    assert "OnUnitInactiveSec=30min" in made["fhir-remission.timer"]
    assert "Restart=on-failure" in made["fhir-remission-serve.service"]
    assert "RestartPreventExitStatus=2 4 5 7" in made["fhir-remission-serve.service"]
    assert str(folder).replace("%", "%%") in made["fhir-remission-folders.conf"]


def test_a_socket_unit_listens_where_the_service_would(tmp_path: Path) -> None:
    """By `service.bind` of this site, not by what is usual."""
    folder = _site(tmp_path / "site")
    (folder / "site.toml").write_text('[site]\nid = "st-e"\n[service]\nbind = "127.0.0.1:8099"\n')

    assert (
        "ListenStream=127.0.0.1:8099\n" in _made(folder, "systemd")["fhir-remission-serve.socket"]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("every", "when"), [("30m", "*/30 * * * *"), ("4h", "7 */4 * * *")])
def test_a_line_of_cron_names_the_site(tmp_path: Path, name: str, every: str, when: str) -> None:
    """Five fields, a user, and a command that a shell splits into what was meant."""
    folder = _site(tmp_path / name)
    (text,) = _made(folder, "cron", "--every", every).values()
    line = text.splitlines()[1]

    assert line.startswith(f"{when} fhir-remission umask 077; cd ")
    command = line.partition("umask 077; ")[2].replace("\\%", "%")
    assert shlex.split(command)[:7] == [
        *("cd", str(folder), "&&", str(folder / "program"), "sync", "--config"),
        str(folder / "site.toml"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_of_windows_is_xml_that_never_runs_twice(tmp_path: Path, name: str) -> None:
    """The file is UTF-16 XML, runs with the least rights, and leaves a run under way alone."""
    folder = _site(tmp_path / name)
    (text,) = _made(folder, "windows-task").values()
    task = ET.fromstring(text.partition("?>")[2].strip())
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"

    def said(tag: str) -> str | None:
        return next(task.iter(space + tag)).text

    assert said("MultipleInstancesPolicy") == "IgnoreNew"
    assert said("RunLevel") == "LeastPrivilege"
    assert said("Interval") == "PT30M"
    assert said("Command") == str(folder / "program")
    assert f'--config "{folder / "site.toml"}"' in str(said("Arguments"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["systemd", "--every", "0s"], "--every: between 1m and 24h"),
        (["systemd", "--every", "25h"], "--every: between 1m and 24h"),
        (["cron", "--every", "7m"], "--every: cron knows parts of an hour"),
        (["cron", "--every", "often"], "--every"),
        (["systemd", "--program", "no/such"], "no/such is not there"),
        (["systemd", "--config", "no.toml"], "no settings file no.toml"),
        (["launchd"], "launchd"),
    ],
)
def test_what_no_scheduler_could_start_is_refused(
    tmp_path: Path,
    more: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One line that names the flag or file, and code 2."""
    monkeypatch.chdir(_site(tmp_path / "site"))
    capfd.readouterr()
    program = [] if "--program" in more else ["--program", "program"]
    assert main(["install", *more, *program]) == 2
    said = capfd.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_files_that_are_there_are_left(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A second time into the same folder is refused, and printing changes nothing."""
    folder = _site(tmp_path / "site")
    before = _made(folder, "systemd")
    line = ["install", "systemd", "--config", str(folder / "site.toml")]
    line += ["--program", str(folder / "program")]
    assert main([*line, "--out", str(folder / "out")]) == 2
    assert "is there already" in capfd.readouterr().err
    assert main(line) == 0
    said = capfd.readouterr().out
    for name, text in before.items():
        assert name in said
        assert text.splitlines()[0] in said


@pytest.mark.parametrize("started", ["-c", "", "__main__.py", "pytest"])
def test_the_command_is_found_however_we_were_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    started: str,
) -> None:
    """`python -m`, a worker and a debugger have no file that a scheduler could start."""
    monkeypatch.setattr(sys, "argv", [started])
    config = str(_site(tmp_path / "site") / "site.toml")

    assert main(["install", "cron", "--config", config]) == 0
    assert f"{sysconfig.get_path('scripts')}/fhir-remission sync " in capsys.readouterr().out


def test_the_command_that_was_started_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The link of pipx outlives the environment it leads to; a relative one is made whole."""
    folder = _site(tmp_path / "site")
    monkeypatch.chdir(folder)
    Path("fhir-remission").symlink_to("program")
    monkeypatch.setattr(sys, "argv", ["./fhir-remission"])

    assert main(["install", "cron"]) == 0
    assert f"{folder}/fhir-remission sync " in capsys.readouterr().out
