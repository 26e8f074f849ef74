"""Settings: precedence, origins, and one clear line for each mistake."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from fhir_remission.errors import SettingsError
from fhir_remission.settings import load_settings, read_assignments

VARIABLE = "FHIR_REMISSION__SOURCE__RATE"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file with one value of each interesting kind."""
    path = tmp_path / "site.toml"
    path.write_text(
        '[site]\nid = "st-e"\nkey_file = "k/site.key"\n'
        '[source]\nbase_url = "https://fhir.example/r4"\nrate = "300/m"\n'
        '[source.auth]\nmode = "smart"\nclient_id = "c1"\n'
        '[run]\nmax_runtime = "1h30m"\nallowed_hours = "20:00-06:00"\n'
        "[sink.main]\n"
    )
    return path


def test_flags_beat_environment_beats_file_beats_defaults(file: Path) -> None:
    """The same key given four times takes the value nearest to the caller, and says whose."""
    environ = {VARIABLE: "2/s"}

    from_file = load_settings(file)
    from_environment = load_settings(file, environ=environ)
    from_flag = load_settings(file, read_assignments(["source.rate=1/s"]), environ)

    assert [s.source.rate for s in (from_file, from_environment, from_flag)] == [5.0, 2.0, 1.0]
    assert ("source.rate", "300/m", str(file)) in from_file.shown()
    assert ("source.rate", "2/s", VARIABLE) in from_environment.shown()
    assert ("source.rate", "1/s", "--set source.rate") in from_flag.shown()
    assert ("source.rate", "10/s", "default") in load_settings(None).shown()


def test_values_arrive_typed_and_files_lie_beside_the_settings_file(file: Path) -> None:
    """Durations, hours and paths are read once, here."""
    settings = load_settings(file)

    assert settings.run.max_runtime == timedelta(minutes=90)
    assert settings.run.allowed_hours == (time(20), time(6))
    assert settings.site.key_file == file.parent / "k/site.key"
    assert settings.audit.file == file.parent / "audit.jsonl"
    assert settings.state.url == f"sqlite:///{file.parent / 'state.db'}"
    assert settings.sink["main"].resources == ("ClinicalImpression", "Observation", "Provenance")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[source]\nbase_uri = 'x'", "there is no setting source.base_uri; did you mean source.ba"),
        ("[sources]\nbase_url = 'x'", "there is no setting sources.base_url; did you mean source."),
        (
            "[sink.main]\nkindd = 'x'",
            "there is no setting sink.main.kindd; did you mean sink.*.kin",
        ),
        ("[source]\nrate = 'fast'", "source.rate: expected a rate such as 10/s"),
        ("[run]\nmax_runtime = 45", "run.max_runtime: expected a duration such as 45m"),
        (f'[run]\nmax_runtime = "{"9" * 20}h"', "run.max_runtime: expected a duration such as 45m"),
        ("[site]\ntimezone = 'Berlin'", "site.timezone: expected a time zone name"),
        ("[source.auth]\nsecret = 'CANARY'", "keep source.auth.secret out of the file"),
        ("[source]\nconnections = 'CANARY'", "source.connections: "),
        ("x = ", "is not TOML"),
        ("site = 3", "there is no setting site"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_the_key(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """The message names the file and the key, and never repeats the value."""
    path = tmp_path / "site.toml"
    path.write_text(text)

    with pytest.raises(SettingsError) as caught:
        load_settings(path)

    message = str(caught.value)
    assert complaint in message
    assert "CANARY" not in message
    assert "\n" not in message


def test_an_unknown_environment_variable_is_an_error_that_names_the_right_one() -> None:
    """A typo in the environment does not pass in silence."""
    with pytest.raises(SettingsError, match="did you mean FHIR_REMISSION__SOURCE__BASE_URL"):
        load_settings(None, environ={"FHIR_REMISSION__SOURCE__BASE_URI": "https://x"})


def test_variables_of_others_are_left_alone() -> None:
    """Only names with our prefix and two underscores are settings."""
    load_settings(None, environ={"FHIR_REMISSION_IT_BASE": "http://x", "HTTPS_PROXY": "http://y"})


def test_a_secret_comes_from_a_file_named_in_the_environment(tmp_path: Path) -> None:
    """`_FILE` reads the value; nothing shows it."""
    (tmp_path / "pw").write_text("CANARY\n")
    variable = "FHIR_REMISSION__SOURCE__AUTH__SECRET_FILE"

    settings = load_settings(None, environ={variable: str(tmp_path / "pw")})

    assert settings.source.auth.secret.get_secret_value() == "CANARY"
    assert "CANARY" not in repr(settings) + str(settings) + str(settings.shown())
    assert ("source.auth.secret", "********", variable) in settings.shown()


def test_lists_and_sinks_are_reachable_from_the_environment_and_from_flags() -> None:
    """Comma-separated or JSON; a sink that no file names comes into being."""
    settings = load_settings(
        None,
        {"sink.main.kind": "ndjson", "source.auth.key_command": '["pass", "a, b"]'},
        {"FHIR_REMISSION__CRITERIA__SETS": "eln-2022, iwg-2003"},
    )

    assert settings.sink["main"].kind == "ndjson"
    assert settings.source.auth.key_command == ("pass", "a, b")
    assert settings.criteria.sets == ("eln-2022", "iwg-2003")


def test_a_password_in_a_url_is_masked() -> None:
    """State and proxy URLs may carry a password; it is shown nowhere."""
    url = "postgresql+psycopg://me:CANARY@db/x"

    settings = load_settings(None, {"state.url": url, "source.proxy": "http://u:CANARY@p:1"})

    assert settings.state.url == url
    assert "CANARY" not in repr(settings) + str(settings.shown())


def test_settings_cannot_be_changed(file: Path) -> None:
    """One frozen value."""
    settings = load_settings(file)

    with pytest.raises(ValueError, match="frozen"):
        settings.source.base_url = "https://elsewhere"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No traceback, the path, the reason."""
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*nope\.toml"):
        load_settings(tmp_path / "nope.toml")
