"""Each key of the settings is told once, and files made of them can be read again."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fhir_remission.cli.main import main
from fhir_remission.settings import load_settings, read_assignments
from fhir_remission.settings.loading import known_keys
from fhir_remission.settings.model import Server, Settings
from fhir_remission.settings.reference import as_toml, commented, keys, read_rows

MARK = "#: "


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    """A key nobody explains, and an explanation of a key that is gone, are faults."""
    shared = {f"sink.*.{name}" for name in known_keys(Server)}

    assert set(read_rows()) == set(known_keys()) - shared
    assert [key.name for key in keys()] == list(known_keys())


@pytest.mark.parametrize("key", list(keys()), ids=lambda key: key.name)
def test_the_example_of_a_key_is_a_value_of_it(key, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """An example is TOML that the model takes, and is not what holds anyway."""
    assert key.meaning.endswith(".")
    if key.name.endswith(".secret"):
        return
    value = tomllib.loads(f"it = {key.example}")["it"]
    more = {"sink.main.base_url": "https://x.example", "sink.main.references": "logical"}
    more |= {"sink.main.patient_system": "https://x.example/mrn"}
    name = key.name.replace("*", "main")
    settings = load_settings(None, {**(more if ".patient" in name else {}), name: value})

    assert name in {shown for shown, _, _ in settings.shown()}
    if key.name not in {"criteria.sets", "cohort.file", "site.key_file", "audit.file"}:
        assert key.example != key.default


def test_a_first_settings_file_can_be_read_as_it_is_made(tmp_path: Path) -> None:
    """`config init` makes a file that loads, with the keys of a first site set."""
    file = tmp_path / "site.toml"

    assert main(["config", "init", str(file)]) == 0
    settings = load_settings(file)

    assert settings.site.id == "st-e"
    assert settings.sink["main"].kind == "repository"
    assert main(["config", "init", str(file)]) == 2
    assert file.stat().st_mode & 0o077 == 0
    assert main(["config", "init", str(tmp_path / "no" / "site.toml")]) == 2


def test_what_the_first_file_marks_as_default_is_the_default(tmp_path: Path) -> None:
    """With every mark taken away the file says the same as with all of them."""
    file = tmp_path / "site.toml"
    text = "".join(f"{line}\n" for line in commented())
    file.write_text(text)
    marked = load_settings(file)
    file.write_text(text.replace(MARK, ""))

    assert _said(load_settings(file)) == _said(marked)


ODD = {
    "site.id": 'a "quoted" \\ nämé \U0001f600',
    "site.timezone": "America/New_York",
    "source.rate": "300/m",
    "source.read_timeout": "1h1m1s",
    "source.auth.mode": "smart",
    "source.auth.key_command": '["pass", "show"]',
    "source.without": "Procedure,Condition",
    "source.rewrite_origin": ["http://a:1", "http://b:2"],
    "source.whole_server": "yes",
    "source.connections": "3",
    "run.allowed_hours": "20:00-06:00",
    "write.max_changed_share": "0.35",
    "sink.main.kind": "ndjson",
    "sink.a-b.auth.mode": "none",
    "sink.ö ä.kind": "dry-run",
    "state.url": "postgresql+psycopg://db/remission",
}


def test_settings_in_force_are_a_file_that_means_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`config show --toml` reads back as the settings it was made of, whoever gave them."""
    file = tmp_path / "site.toml"
    file.write_text('[mappings]\ndir = "rows"\n[source]\nbase_url = "https://x.example/fhir"\n')
    given = {key: value for key, value in ODD.items() if "key_command" not in key}
    settings = load_settings(file, given)
    again = tmp_path / "again.toml"
    again.write_text("\n".join(as_toml(settings.shown())), encoding="utf-8")

    assert _said(load_settings(again)) == _said(settings)
    assert main(["config", "show", "--config", str(file), "--toml"]) == 0
    assert tomllib.loads(capfd.readouterr().out)["mappings"] == {"dir": "rows"}


def test_no_secret_is_in_the_file_and_its_place_is_named(tmp_path: Path) -> None:
    """Secrets, passwords in addresses and arguments of commands are left out, and said."""
    environ = {
        "FHIR_REMISSION__SOURCE__AUTH__SECRET": "CANARY",
        "FHIR_REMISSION__SOURCE__PROXY": "http://me:CANARY@proxy:8080",
        "FHIR_REMISSION__STATE__URL": "postgresql://me:CANARY@db/x",
        "FHIR_REMISSION__SOURCE__AUTH__KEY_COMMAND": '["pass", "CANARY"]',
    }
    text = "\n".join(as_toml(load_settings(None, environ=environ).shown()))

    assert "CANARY" not in text
    for name in environ:
        assert re.search(rf"^# .* give it by {name}$", text, re.MULTILINE), name
    tomllib.loads(text)
    assert load_settings(None, read_assignments([])) is not None


def _said(settings: Settings) -> dict[str, object]:
    return settings.model_dump(exclude={"sink": {"__all__": {"auth": {"secret"}}}})
