"""One course of one synthetic patient per folder of fixtures/cases, judged as a clinician would.

`expected.json` is written by hand from the published criteria; nothing writes it. `expect` holds,
for each criteria set, only the fields that the case is about; `steps` the same at other moments.
`disputed` names why reader and program disagree, and makes the case an expected failure.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission import Assessment, classify

ROOT = Path(__file__).parent.parent
CASES = ROOT / "fixtures" / "cases"
FOLDERS = sorted(folder for folder in CASES.iterdir() if folder.is_dir())


def fields(name: str) -> Callable[[Assessment], Any]:
    """The field as JSON would print it: lists for tuples, text for days."""

    def read(assessment: Assessment) -> Any:
        value = getattr(assessment, name)
        if isinstance(value, tuple):
            return sorted(value)
        return value if value is None or isinstance(value, bool) else str(value)

    return read


def ids(assessment: Assessment) -> list[str]:
    """The assumptions by id."""
    return [assumption.id for assumption in assessment.assumptions]


def left_out(assessment: Assessment) -> list[str]:
    """The ids of the resources that were read and left out."""
    return [skipped.source.split("/")[1] for skipped in assessment.skipped]


EXACT = (
    *("category", "state", "code", "provisional", "confidence", "reason", "best_response"),
    *("response_date", "first_sign", "state_since", "mrd", "mrd_event"),
    *("possible_higher", "candidates", "lineages_below"),
)
SUBSET: dict[str, Callable[[Assessment], list[str]]] = {
    "flags": lambda a: list(a.flags),
    "missing": lambda a: list(a.missing),
    "assumptions": ids,
    "responses": lambda a: [f"{name} {day}" for name, day in a.responses],
    "skipped_sources": left_out,
}


def complaint(name: str, wanted: Any, history: tuple[Assessment, ...]) -> str | None:
    """Why one expectation is not met, or None."""
    last = history[-1]
    path = [a.category for a in history]
    if name in EXACT:
        got = fields(name)(last)
        good = got == (sorted(wanted) if isinstance(wanted, list) else wanted)
    elif name in SUBSET:
        got = SUBSET[name](last)
        good = set(wanted) <= set(got)
    elif name == "history":
        got, good = path, path == wanted
    elif name == "never":
        got, good = path, not set(path) & set(wanted)
    elif name == "category_in":
        got, good = last.category, last.category in wanted
    elif name in ("state_not", "category_not", "confidence_not"):
        got = fields(name.removesuffix("_not"))(last)
        good = got != wanted
    elif name in ("flags_not", "assumptions_not"):
        got = SUBSET[name.removesuffix("_not")](last)
        good = not set(wanted) & set(got)
    else:
        raise AssertionError(f"{name} is no expectation")
    return None if good else f"{name}: expected {wanted}, got {got}"


def judge(folder: Path, case: dict[str, Any], criteria: str, as_of: str) -> tuple[Assessment, ...]:
    """All assessments of the case's patient by one set, oldest first."""
    found = classify(
        folder / "bundle.json",
        criteria=criteria,
        as_of=as_of,
        complete=case["complete"],
        strict=case.get("strict", False),
        history=True,
    )
    patients = {a.patient for a in found}
    patient = case.get("patient") or patients.pop()
    return tuple(a for a in found if a.patient == patient)


@functools.cache
def read_case(folder: Path) -> dict[str, Any]:
    """What the folder expects."""
    case: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return case


def check(folder: Path) -> list[str]:
    """Every expectation of the case that is not met."""
    case = read_case(folder)
    moments = [{"as_of": case["as_of"], "expect": case["expect"]}, *case.get("steps", [])]
    wrong = []
    for moment in moments:
        for criteria, wanted in moment["expect"].items():
            history = judge(folder, case, criteria, moment["as_of"])
            for name, value in wanted.items():
                if said := complaint(name, value, history):
                    wrong.append(f"{moment['as_of'][:10]} {criteria} {said}")
    return wrong


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    """The answer is the one a reader of the published criteria gives."""
    if reason := read_case(folder).get("disputed"):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    wrong = check(folder)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_case_says_what_it_is_about(folder: Path) -> None:
    """Every case tells its story in a sentence and names the rule it comes from."""
    case = read_case(folder)
    assert case["story"].endswith(".")
    assert case["source"]
    assert case["expect"]
    assert (folder / "bundle.json").is_file()


def test_nothing_writes_expectations() -> None:
    """Expectations are written by hand: no program in the repository writes expected.json."""
    writes = re.compile(r"write_text|write_bytes|json\.dump\(|open\([^)]*[\"']w")
    programs = [
        path
        for folder in ("fhir_remission", "tests", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh") or path.name in ("run", "Makefile")
    ]
    guilty = [
        path.name
        for path in programs
        if path != Path(__file__)
        and "expected.json" in (text := path.read_text())
        and writes.search(text)
    ]
    assert guilty == []
