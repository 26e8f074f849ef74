"""Settings and versions of what is deployed are those of the program."""

from __future__ import annotations

import tomllib
from pathlib import Path

from fhir_remission.settings import load_settings
from fhir_remission.version import VERSION

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_settings_of_the_first_evening_load() -> None:
    """The Compose file's site is a site, with nothing secret in it."""
    settings = load_settings(DEPLOY / "compose/site.toml")

    assert settings.cohort.group == "demo-cohort"
    assert tomllib.loads((DEPLOY / "compose/site.toml").read_text())["site"]["id"]


def test_what_is_deployed_names_this_version() -> None:
    """Chart and Compose file go with the program they were written for."""
    assert f'appVersion: "{VERSION}"' in (DEPLOY / "chart/Chart.yaml").read_text()
    assert f"fhir-remission:{VERSION}" in (DEPLOY / "compose/compose.yaml").read_text()


def test_the_image_needs_neither_root_nor_a_shell() -> None:
    """Entry point and health check are words, not lines of a shell; the user is a number."""
    lines = (DEPLOY / "Containerfile").read_text().splitlines()

    assert "USER 65532:65532" in lines
    assert 'ENTRYPOINT ["/opt/fhir-remission/bin/fhir-remission"]' in lines
    (check,) = [line for line in lines if line.startswith("HEALTHCHECK")]
    assert 'CMD ["/opt/fhir-remission/bin/python"' in check
