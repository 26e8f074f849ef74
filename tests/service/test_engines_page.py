"""docs/engines.md: the worked ORU message is the Bundle beside it, alone and within the record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fhir_remission.service.request.refusals import _TABLE
from fhir_remission.settings import load_settings
from tests.service.conftest import OPERATION, Served, case, named, parameters
from tests.service.oru import STATUS, bundle_of

ROOT = Path(__file__).parents[2]
ENGINES = sorted(one for one in (ROOT / "deploy/engines").iterdir() if one.is_dir())
FOLDER = ROOT / "fixtures/hl7v2"
PAGE = (ROOT / "docs/engines.md").read_text()
BUNDLE = json.loads((FOLDER / "bundle.json").read_text())


def test_the_message_is_the_bundle() -> None:
    """Field for field as the page says."""
    assert bundle_of((FOLDER / "oru-r01.hl7").read_bytes().decode()) == BUNDLE


@pytest.mark.parametrize("folder", ENGINES, ids=lambda folder: folder.name)
def test_each_recipe_says_what_was_run(folder: Path, tmp_path: Path) -> None:
    """One page each, named by the page of them all; it says what was run, and its settings load."""
    page = (folder / "README.md").read_text()
    assert "was run" in page
    assert "A message with one result is not a patient" in page
    assert len(page.splitlines()) <= 60
    assert f"`{folder.name}`" in PAGE
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        (tmp_path / "site.toml").write_text(block)
        load_settings(tmp_path / "site.toml")


def test_the_page_has_every_status_of_a_result() -> None:
    """The table of OBX-11 on the page is the one that was tried."""
    for sent, meant in STATUS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{meant}`"))
        assert f"`{sent}`" in row


def test_the_message_alone_is_no_patient(served: Served) -> None:
    """Counts without a marrow: no category, and the answer says how to ask."""
    answer = served.ask("POST", OPERATION, BUNDLE)
    (line,) = named(answer, "assessment")
    (warning,) = named(answer, "outcome")

    assert line["category"] in ("NE", "IND")
    assert warning["issue"][0]["details"]["text"] == "record-incomplete"


def test_within_the_record_its_counts_decide(served: Served) -> None:
    """The record without its counts, and the message: together a remission, by the message."""
    record = case("complete-remission")
    left_out = ("anc-6", "plt-7", "smear-8")
    record["entry"] = [one for one in record["entry"] if one["resource"]["id"] not in left_out]
    body = parameters(record, record="complete", asOf="2026-06-30T00:00:00Z")
    (before,) = named(served.ask("POST", OPERATION, body), "assessment")
    record["entry"] += [
        one for one in BUNDLE["entry"] if one["resource"]["resourceType"] != "Patient"
    ]
    body = parameters(record, record="complete", asOf="2026-06-30T00:00:00Z")
    (after,) = named(served.ask("POST", OPERATION, body), "assessment")

    assert before["category"] != "CR"
    assert after["category"] == "CR"
    cited = {one["source"] for c in after["criteria_results"] for one in c["evidence"]}
    assert {"Observation/26-00731-751-8", "Observation/26-00731-777-3"} <= cited


def test_what_may_be_sent_again_is_what_the_page_says() -> None:
    """503 and 504 alone: an engine that repeats another status repeats it for ever."""
    for row in _TABLE:
        assert bool(row.retry_after) == (row.status in (503, 504))
    assert "Send again on 503 and 504 only" in PAGE
