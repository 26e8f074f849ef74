"""What a person sees on terminals of 60, 80, 100 and 132 columns, kept as it was approved.

A change of wording or layout is read again here before it is kept; nothing writes these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fhir_remission.cli import demo
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.jobs.files.explain import Request as Explained
from fhir_remission.jobs.files.explain import run_site
from fhir_remission.jobs.judging.answers_page import answers_page
from fhir_remission.jobs.sync.plan import make_plan, plan_table
from fhir_remission.jobs.sync.sync import Request, open_run
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import GROUP_ID, demo_cohort
from fhir_remission.rehearsal.listening import told

SCREENS = Path(__file__).parents[2] / "fixtures" / "screens"
AS_OF = "2026-10-01T12:00:00Z"
WIDTHS = (60, 80, 100, 132)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings of a site on the demo's server."""
    folder = tmp_path_factory.mktemp("site")
    new_site_key(folder / "site.key")
    with EmbeddedServer(resources=demo_cohort()) as server:
        (folder / "site.toml").write_text(told.settings(server.base_url, group=GROUP_ID))
        yield folder / "site.toml"


@pytest.fixture(scope="module")
def screens(site: Path) -> dict[tuple[str, int], list[str]]:
    """Every screen by name and width."""
    with open_run(Request(config=site, as_of=AS_OF, dry_run=True)) as run:
        answers = [msgspec.json.decode(line) for line in run.lines()]
    planned = make_plan(site, (), AS_OF)
    found: dict[tuple[str, int], list[str]] = {}
    for width in WIDTHS:
        found["answers", width] = list(answers_page(answers, width))
        found["plan", width] = list(plan_table(planned, width))
        asked = Explained(criteria=(), as_of=AS_OF)
        page = run_site(site, (), asked, patient="demo-13-not-evaluable", width=width)
        found["explain", width] = list(page.lines)
    return found


def steady(text: str) -> str:
    """Without what another run has otherwise: ids made from a key, versions, a port."""
    text = re.sub(r"(?<=/)[a-z2-7]{32}", "x" * 32, text)
    text = re.sub(
        r"fhir-remission \S+,\s+tables\s+[0-9a-f]{12}\.", "fhir-remission V, tables T.", text
    )
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:40123", text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["answers", "plan", "explain"])
def test_a_screen_is_as_it_was_approved(
    name: str, width: int, screens: dict[tuple[str, int], list[str]]
) -> None:
    """No line is wider than the terminal, nothing is cut off, and a person has read it."""
    lines = screens[name, width]
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if "…" in line]
    approved = (SCREENS / f"{name}-{width}.txt").read_text(encoding="utf-8")
    assert steady("\n".join(lines) + "\n") == approved


def test_the_tour_is_told_on_a_terminal_of_eighty_columns() -> None:
    """From the first run to what to do next."""
    lines: list[str] = []
    assert demo.run(lines.extend, width=80, keep=False) == 0
    assert max(map(len, lines)) <= 80
    approved = (SCREENS / "demo-80.txt").read_text(encoding="utf-8")
    assert steady("\n".join(lines) + "\n") == approved
