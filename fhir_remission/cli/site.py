"""Commands about the site itself: its key, its settings, its server, the versions."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Annotated, Literal

import typer

from fhir_remission.cli.flags import Assign, Config, WholeHelp
from fhir_remission.cli.text import show, write

key = typer.Typer(
    cls=WholeHelp, help="The site key, from which the ids of what we write are derived."
)
config_app = typer.Typer(cls=WholeHelp, help="The settings as they are in force.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(key, name="key")
    app.add_typer(config_app, name="config")
    for command in (doctor, install, jwks, version):
        app.command()(command)


@key.command("new")
def key_new(file: Annotated[Path, typer.Argument(help="where to put it")]) -> int:
    """Make a site key. Keep a copy: another key means other ids."""
    from fhir_remission.effects.files.site_key import new_site_key
    from fhir_remission.fhir.writing.identity import key_check

    check = key_check(new_site_key(file))
    show([f"{file}: a new key, check value {check}; keep a copy of the file"])
    return 0


@key.command("check")
def key_check(file: Annotated[Path, typer.Argument(help="the key file")]) -> int:
    """Print the check value of a key; state and Device carry the same one."""
    from fhir_remission.effects.files.site_key import read_site_key
    from fhir_remission.fhir.writing.identity import key_check

    show([key_check(read_site_key(file))])
    return 0


@config_app.command("show")
def config_show(
    config: Config = Path("site.toml"),
    toml: Annotated[
        bool, typer.Option("--toml", help="as a settings file that can be used again")
    ] = False,
    assign: Assign = None,
) -> int:
    """Print every setting, its value and where it comes from; secrets are masked."""
    from fhir_remission.jobs.site.site import settings_of
    from fhir_remission.settings.reference import as_toml

    shown = settings_of(config, assign or [], {}).shown()
    if toml:
        show(as_toml(shown))
    else:
        show(f"{name} = {value}  # {origin}" for name, value, origin in shown)
    return 0


@config_app.command("init")
def config_init(
    file: Annotated[Path, typer.Argument(help="where to put it")] = Path("site.toml"),
) -> int:
    """Write a first settings file in which each key is explained; never over one that is there."""
    from fhir_remission.jobs.site.install import first_settings

    first_settings(file)
    show([f"{file}: made; fill in [site], [source] and [cohort], then run doctor --config {file}"])
    return 0


def doctor(
    config: Config = Path("site.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="for a support bundle")] = False,
    write_probe: Annotated[
        bool, typer.Option("--write-probe", help="also write one Basic, to see whether we may")
    ] = False,
    registering: Annotated[
        bool,
        typer.Option("--registration", help="only print scopes, addresses, ports; no network"),
    ] = False,
    assign: Assign = None,
) -> int:
    """Examine network, login, searches and permissions of every server; reads no patient."""
    if registering:
        from fhir_remission.jobs.site.registration import registration
        from fhir_remission.jobs.site.site import settings_of

        show(registration(settings_of(config, assign or [], {})))
        return 0
    from fhir_remission.jobs.site import doctor as job

    report = job.Report(job.Request(config, tuple(assign or ()), write_probe))
    write(report.lines(as_json=as_json))
    return report.exit_code


def install(
    kind: Annotated[
        Literal["systemd", "cron", "windows-task"], typer.Argument(help="whose files to make")
    ],
    config: Config = Path("site.toml"),
    every: Annotated[str, typer.Option(help="how long from one run to the next")] = "30m",
    program: Annotated[
        Path | None, typer.Option(help="the command to start; this one unless given")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="a folder for them, not stdout")] = None,
    assign: Assign = None,
) -> int:
    """Print the files that have this machine run this site by itself; changes nothing."""
    from fhir_remission.jobs.judging.request import duration_of
    from fhir_remission.jobs.site import install as job
    from fhir_remission.jobs.site.site import settings_of

    asked = job.Wanted(
        settings_of(config, assign or [], {}),
        config,
        (program or _this_command()).absolute(),
        duration_of("--every", every),
    )
    files = job.files_for(kind, asked)
    if out is not None:
        show(f"{place}: belongs to {name}" for place, name in job.write_files(files, out))
    else:
        show(
            line
            for name, text in files.items()
            for line in (f"# --- {name}", *text.splitlines(), "")
        )
    return 0


def _this_command() -> Path:
    """The command that was started, or that of this Python: `python -m` has no file to start."""
    started = Path(sys.argv[0])
    if started.stem == "fhir-remission" and started.is_file():
        return started
    name = "fhir-remission.exe" if sys.platform == "win32" else "fhir-remission"
    return Path(sysconfig.get_path("scripts")) / name


def jwks(config: Config = Path("site.toml"), assign: Assign = None) -> int:
    """Print the public keys of the SMART logins, to register with the servers."""
    from fhir_remission.jobs.site.public_keys import public_keys

    write([public_keys(config, tuple(assign or ()))])
    return 0


def version(
    as_json: Annotated[bool, typer.Option("--json", help="tables and criteria too")] = False,
) -> int:
    """Print the version of the software, and with --json of tables and criteria too."""
    from fhir_remission.version import VERSION

    if not as_json:
        show([f"fhir-remission {VERSION}"])
        return 0
    from fhir_remission.jobs.judging.summary import versions

    show([versions()])
    return 0
