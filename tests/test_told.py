"""Inputs of which something is missing or odd: told, and nobody is called better for it.

One per folder of fixtures/told; `expected.json` is written by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.errors import InputError
from fhir_remission.jobs.files.classify import run
from fhir_remission.jobs.judging.request import Request

FOLDERS = sorted((Path(__file__).parents[1] / "fixtures" / "told").iterdir())
REQUEST = Request(as_of="2026-10-01T00:00:00Z", complete=frozenset({"Procedure"}))


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_told(folder: Path) -> None:
    """The exit code, the words, and the answer of the one patient."""
    wanted = json.loads((folder / "expected.json").read_text())
    code, words, answer = outcome(next(folder.glob("input.*")))

    assert code == wanted["exit_code"]
    assert wanted["says"] in words
    assert {name: answer.get(name) for name in wanted["answer"]} == wanted["answer"]
    if code:
        assert "category" not in answer


def outcome(file: Path) -> tuple[int, str, dict[str, Any]]:
    """What `classify` makes of a file."""
    try:
        report = run(str(file), REQUEST)
    except InputError as error:
        return error.exit_code, str(error), {}
    (line,) = report.lines
    return report.exit_code, " ".join(report.complaints), json.loads(line)
