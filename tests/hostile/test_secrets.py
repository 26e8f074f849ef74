"""What proves who we are is shown nowhere, and asked for nowhere that others can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_remission.errors import SettingsError
from fhir_remission.settings import load_settings, read_assignments

# Every sign that has a meaning in an address, and some that have one in TOML or a terminal.
PASSWORDS = ["plain", "p@ss", "p/ss", "p:s#s?s&s=s", "a@b@c", "ü\u202eß", "p%40s", "x://y", "]"]
SHOWN = {
    "state.url": "postgresql://remission:{}@db.example/state",
    "source.proxy": "http://user:{}@proxy.example:8080",
    "sink.main.proxy": "user:{}@proxy.example:8080",
    "source.base_url": "https://user:{}@fhir.example/r4",
    "source.auth.token_url": "https://fhir.example/token?client_secret={}",
}


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("key", SHOWN)
def test_a_password_in_an_address_is_not_shown(key: str, password: str, tmp_path: Path) -> None:
    """Whatever letters it has; the host stays, because a person needs it."""
    config = tmp_path / "site.toml"
    config.write_text("[sink.main]\nkind = 'ndjson'\nfile = 'r'\n")
    name = "FHIR_REMISSION__" + key.replace(".", "__").upper()
    shown = load_settings(config, environ={name: SHOWN[key].format(password)}).shown()
    (value,) = [value for one, value, _ in shown if one == key]
    assert "********" in value
    assert password not in value
    assert "example" in value


@pytest.mark.parametrize("value", ['["vault", "-token=hvs.CAESI", "read"]', "vault hvs.CAESI"])
def test_the_arguments_of_a_command_are_not_shown(value: str, tmp_path: Path) -> None:
    """Its name is enough to know which one runs."""
    config = tmp_path / "site.toml"
    config.write_text("")
    environ = {"FHIR_REMISSION__SOURCE__AUTH__KEY_COMMAND": value}
    if not value.startswith("["):
        with pytest.raises(SettingsError, match="key_command") as caught:
            load_settings(config, environ=environ)
        assert "CAESI" not in str(caught.value)
        return
    shown = load_settings(config, environ=environ).shown()
    (told,) = [value for one, value, _ in shown if one == "source.auth.key_command"]
    assert told == '["vault", "********", "********"]'


@pytest.mark.parametrize(
    "given",
    [
        "source.auth.secret=hunter2",
        "sink.main.auth.secret=hunter2",
        "state.url=postgresql://u:hunter2@db/state",
        "source.proxy=http://u:hunter2@proxy:8080",
        "source.proxy=u:hunter2@proxy:8080",
    ],
)
def test_a_secret_on_the_command_line_is_refused(given: str, tmp_path: Path) -> None:
    """Everybody can read the list of processes; the line says where a secret belongs."""
    with pytest.raises(SettingsError, match="_FILE") as caught:
        read_assignments([given])
    assert "hunter2" not in str(caught.value)


def test_other_settings_are_still_set() -> None:
    """A path with an `@` is no login."""
    given = ["state.url=sqlite:////data@host/state.db", "source.rate=5/s", "source.auth.key_id=a"]
    assert len(read_assignments(given)) == 3


def test_no_key_of_a_connection_is_written_down(tmp_path: Path) -> None:
    """SSLKEYLOGFILE would let whoever reads that file read all traffic."""
    log = tmp_path / "keys.log"
    config = tmp_path / "site.toml"
    config.write_text('[source]\nbase_url = "https://127.0.0.1:9/fhir"\nmax_wait = "1s"\n')
    seen = (
        "import os, sys\n"
        "from fhir_remission.cli.main import main\n"
        f"main(['doctor', '--config', {str(config)!r}])\n"
        "import ssl, urllib3.util.ssl_ as used\n"
        "made = ssl.create_default_context(), used.create_urllib3_context()\n"
        "print(*(one.keylog_filename for one in made))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", seen],
        env={**os.environ, "SSLKEYLOGFILE": str(log)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "None None"
    assert not log.exists()
