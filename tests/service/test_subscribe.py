"""`fhir-remission subscribe` at the source: once, again, off, and what doctor says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fhir_remission.cli.main import main
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.jobs.site import doctor
from fhir_remission.jobs.site.subscriptions import TYPES
from fhir_remission.rehearsal import EmbeddedServer
from tests.service.conftest import SOURCE

SECRET = "s" * 32


@pytest.fixture
def config(tmp_path: Path, source: EmbeddedServer) -> Path:
    """A site that wants to be woken."""
    new_site_key(tmp_path / "site.key")
    (tmp_path / "notify.secret").write_text(SECRET)
    file = tmp_path / "site.toml"
    file.write_text(
        f'[site]\nid = "st-e"\n{SOURCE.format(base=source.base_url)}'
        '[service.subscriptions]\nurl = "https://remission.example.org/notify"\n'
        'secret_file = "notify.secret"\n'
    )
    return file


def standing(source: EmbeddedServer) -> dict[str, dict[str, object]]:
    """The Subscriptions at the source by type."""
    found = {}
    for kind in TYPES:
        url = f"{source.base_url}/Subscription/fhir-remission-st-e-{kind.lower()}"
        answer = requests.get(url, timeout=10)
        if answer.status_code == 200:
            found[kind] = answer.json()
    return found


def test_subscriptions_are_made_once_and_switched_off(config: Path, source: EmbeddedServer) -> None:
    """One for each type, without payload, the secret as one header; again there are no more."""
    for _ in range(2):
        assert main(["subscribe", "--config", str(config)]) == 0
        found = standing(source)
        assert set(found) == set(TYPES)
        for kind, one in found.items():
            assert one["criteria"] == f"{kind}?"
            channel = one["channel"]
            assert isinstance(channel, dict)
            assert "payload" not in channel
            assert channel["header"] == [f"Authorization: Bearer {SECRET}"]
    assert main(["subscribe", "--config", str(config), "--remove"]) == 0
    assert {one["status"] for one in standing(source).values()} == {"off"}


def test_doctor_says_what_is_not_active(config: Path, source: EmbeddedServer) -> None:
    """None, requested and active are told apart."""

    def told() -> set[str]:
        found = doctor.examine(doctor.Request(config))
        return {one.says for one in found if one.check.startswith("subscription")}

    assert told() == {"there is none"}
    main(["subscribe", "--config", str(config)])
    assert told() == {"its status is requested"}
    for one in standing(source).values():
        url = f"{source.base_url}/Subscription/{one['id']}"
        requests.put(url, json={**one, "status": "active"}, timeout=10)
    assert told() == {"active"}


def test_without_an_address_it_is_a_matter_of_settings(
    config: Path, source: EmbeddedServer
) -> None:
    """Exit 2 before anything is asked."""
    assert main(["subscribe", "--config", str(config), "--set", "service.subscriptions.url="]) == 2
    assert len(source.requests) == 0
