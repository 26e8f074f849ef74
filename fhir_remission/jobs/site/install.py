"""What a site needs on its machine: first settings, and files for systemd, cron or Windows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from msgspec import Struct

from fhir_remission.effects.files.private_file import make_once, not_written, write_whole
from fhir_remission.errors import SettingsError
from fhir_remission.jobs.site.site_files import state_file
from fhir_remission.settings import Settings
from fhir_remission.settings.reference import commented

Kind = Literal["systemd", "cron", "windows-task"]
USER = "fhir-remission"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+-]+")
# Everything a unit may lose without missing it; `systemd-analyze security` counts it.
HARDENING = """\
User=fhir-remission
Group=fhir-remission
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""


def first_settings(file: Path) -> None:
    """Write a settings file in which each key is explained, where nothing has its name."""
    try:
        make_once(file, "".join(f"{line}\n" for line in commented()).encode())
    except FileExistsError:
        raise SettingsError(
            f"{file} is there already: move it away, or give another name"
        ) from None
    except OSError as error:
        raise not_written(file, error) from None


UNITS = {
    "fhir-remission.service": """\
[Unit]
Description=AML remission from FHIR results: one run
Documentation=https://w3id.org/fhir-remission
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={program} sync --config {config} --output last-run.ndjson --log-format json
WorkingDirectory={folder}
# 3: some patients wait; 6: another run is under way. 75 is tried again by the timer.
SuccessExitStatus=3 6
TimeoutStopSec={stop}
{hardening}""",
    "fhir-remission.timer": """\
[Unit]
Description=AML remission from FHIR results: every {minutes} minutes

[Timer]
OnBootSec=2min
OnUnitInactiveSec={minutes}min
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
""",
    "fhir-remission-serve.service": """\
[Unit]
Description=AML remission from FHIR results: the HTTP service
Documentation=https://w3id.org/fhir-remission
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=simple
ExecStart={program} serve --config {config} --set log.format=json
WorkingDirectory={folder}
Restart=on-failure
RestartSec=10
# What a restart does not mend: usage and settings, a login, a safety stop, a lacking server.
RestartPreventExitStatus=2 4 5 7
TimeoutStopSec=60
{hardening}
[Install]
WantedBy=multi-user.target
""",
    "fhir-remission-serve.socket": """\
[Unit]
Description=AML remission from FHIR results: where the HTTP service listens

[Socket]
ListenStream={bind}

[Install]
WantedBy=sockets.target
""",
}


TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>AML remission from FHIR results</Description></RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition>
        <Interval>PT{minutes}M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <StartBoundary>2026-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>S-1-5-19</UserId>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>PT2H</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
      <WorkingDirectory>{folder}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


class Wanted(Struct, frozen=True):
    """The site for which files are made, the program that runs it, and how often."""

    settings: Settings
    config: Path
    program: Path
    every: timedelta

    @property
    def minutes(self) -> int:
        """How many minutes lie between two runs."""
        return int(self.every.total_seconds()) // 60

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where a run writes: state, audit, results."""
        sinks = (sink.file for sink in self.settings.sink.values())
        files = (state_file(self.settings), self.settings.audit.file, self.config, *sinks)
        found = (file.absolute().parent for file in files if file is not None)
        return tuple(dict.fromkeys(found))


def files_for(kind: Kind, wanted: Wanted) -> dict[str, str]:
    """The files by the place they belong to."""
    for path in (wanted.program, wanted.config):
        if not path.exists():
            raise SettingsError(f"{path} is not there: a scheduler could not start it")
    if wanted.minutes < 1 or wanted.minutes > 24 * 60:
        raise SettingsError("--every: between 1m and 24h")
    made: Mapping[str, str]
    if kind == "systemd":
        made = _systemd(wanted)
    elif kind == "cron":
        made = {"/etc/cron.d/fhir-remission": _cron(wanted)}
    else:
        made = {"fhir-remission.xml": _windows_task(wanted)}
    return dict(made)


def write_files(files: Mapping[str, str], folder: Path) -> list[tuple[Path, str]]:
    """Put them into a folder under their own names, and say where each belongs."""
    places = [(folder / Path(name).name, name) for name in files]
    if taken := [place for place, _ in places if place.exists()]:
        raise SettingsError(f"{taken[0]} is there already: move it away, or give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in places:
            code = "utf-16" if place.suffix == ".xml" else "utf-8"
            write_whole(place, files[name].encode(code))
    except OSError as error:
        raise not_written(folder, error) from None
    return places


def _systemd(wanted: Wanted) -> dict[str, str]:
    folder = wanted.config.absolute().parent
    stop = max(120, 10 + int(wanted.settings.source.read_timeout.total_seconds()))
    words = {
        "program": _unit(str(wanted.program)),
        "config": _unit(str(wanted.config.absolute())),
        "folder": _unit(str(folder), quoted=False),
        "minutes": str(wanted.minutes),
        "bind": _one_line(wanted.settings.service.bind),
        "stop": str(stop),
        "hardening": HARDENING
        + "".join(f"ReadWritePaths={_unit(str(path))}\n" for path in wanted.folders),
    }
    folders = "".join(
        f'd "{str(path).replace("%", "%%")}" 0700 {USER} {USER} -\n' for path in wanted.folders
    )
    return {
        **{f"/etc/systemd/system/{name}": text.format(**words) for name, text in UNITS.items()},
        "/usr/lib/sysusers.d/fhir-remission-user.conf": f'u {USER} - "FHIR remission"\n',
        "/usr/lib/tmpfiles.d/fhir-remission-folders.conf": folders,
    }


def _unit(text: str, *, quoted: bool = True) -> str:
    """A word of a unit: no specifiers, no variables, in quotes where it needs them."""
    text = _one_line(text).replace("%", "%%")
    if not quoted:
        return text
    text = text.replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"')
    return text if _PLAIN.fullmatch(text) else f'"{text}"'


def _cron(wanted: Wanted) -> str:
    minutes, hours = wanted.minutes % 60, wanted.minutes // 60
    if (hours and minutes) or 60 % (minutes or 60) or 24 % (hours or 24):
        raise SettingsError("--every: cron knows parts of an hour or of a day, such as 30m or 4h")
    when = f"*/{minutes} * * * *" if minutes else f"7 */{hours % 24 or 1} * * *"
    if hours == 24:
        when = "7 3 * * *"
    folder = wanted.config.absolute().parent
    words = (str(wanted.program), "sync", "--config", str(wanted.config.absolute()))
    rest = "--output last-run.ndjson --log-format json 2>>sync.log"
    line = f"cd {_shell(str(folder))} && {' '.join(map(_shell, words))} {rest}"
    # cron makes a new line of each %.
    line = line.replace("%", "\\%")
    told = "# 6 (another run is under way) and 75 (tried again next time) need nobody."
    return f"{told}\n{when} {USER} umask 077; {line}\n"


def _shell(text: str) -> str:
    text = _one_line(text)
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def _windows_task(wanted: Wanted) -> str:
    config = wanted.config.absolute()
    words = {
        "program": str(wanted.program),
        "arguments": f'sync --config "{config}" --output last-run.ndjson',
        "folder": str(config.parent),
        "minutes": str(wanted.minutes),
    }
    return TASK.format(**{name: escape(_one_line(word)) for name, word in words.items()})


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise SettingsError("a path with a line break or control character: give it another name")
    return text
