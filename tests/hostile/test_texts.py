"""Text from elsewhere: nothing in it is obeyed by a terminal, a log or a line."""

from __future__ import annotations

import copy
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import category
from urllib.request import urlopen

import pytest

from fhir_remission.cli import progress as cli_progress
from fhir_remission.cli import text as cli_text
from fhir_remission.cli.main import main
from fhir_remission.domain.nouns.plain_text import (
    NO_CODE,
    plain,
    plain_code,
    plain_json,
    plain_path,
)
from fhir_remission.effects.process.logs import configure_logs, get_logger
from fhir_remission.fhir.r4.outcome import read_issues
from fhir_remission.jobs.site.finding import Finding
from tests.hostile.evil import Asked, Behaviour, Evil, at, say
from tests.hostile.site import resources, site

BAD = ("\x1b[2J", "\r\n", "\x00", "\x7f", "\x9b31m", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff")
CANARY = "CANARYFAMILY"
POISON = f"{CANARY} \x1b]0;owned\x07\r\nfhir-remission: all is well\u202e\x9b31m\u2028"
UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def obeyed(text: str) -> set[str]:
    """Letters that a terminal or a reader of lines would obey; newlines end our own lines."""
    return {letter for letter in text if category(letter) in UNSAFE and letter != "\n"}


def test_every_letter_that_is_obeyed_is_written_out() -> None:
    """All of Unicode: what is no control or format character stays."""
    for letter in map(chr, range(sys.maxunicode + 1)):
        if category(letter) in UNSAFE:
            assert letter not in plain(f"a{letter}b")
            plain(letter).encode()
    assert plain("Hb 7·5 g/dL — 10 000 µL ≥ é 漢") == "Hb 7·5 g/dL — 10 000 µL ≥ é 漢"


@pytest.mark.parametrize("bad", BAD)
def test_json_means_the_same_and_shows_nothing(bad: str) -> None:
    """C1 and bidi controls are escaped as JSON may escape any letter."""
    line = json.dumps({"a": f"x{bad}ü 10\u00a0000"}, ensure_ascii=False).encode()
    assert not obeyed(plain_json(line).decode())
    assert json.loads(plain_json(line)) == json.loads(line)
    assert "ü 10\u00a0000" in plain_json(line).decode()


CODES = ["not-found", "4130", "MSG_PARAM_INVALID", "http://loinc.org|718-7", "WBC^^L"]
TEXTS = ["Anna Müller", "a b", "", " a", "a\n", "\x1b[m", "ü", "a" * 200, "a\u202eb"]


def test_a_text_does_not_pass_for_a_code() -> None:
    """In a log it would be the only place where a name could hide."""
    assert [plain_code(code) for code in CODES] == CODES
    assert {plain_code(text) for text in TEXTS} == {NO_CODE}
    paths = ["Observation.value", "Bundle.entry[2].resource", "Patient"]
    assert [plain_path(path) for path in paths] == paths
    assert {plain_path(text) for text in ("Patient.name('Anna')", "a b", "", "a\n")} == {
        "(not a path)"
    }


@pytest.mark.parametrize("field", ["severity", "code", "details", "expression"])
def test_an_outcome_is_logged_without_texts(field: str) -> None:
    """A server that puts a name where a code belongs."""
    issue: dict[str, Any] = {"severity": "error", "code": "invalid", "diagnostics": POISON}
    issue |= {"details": {"coding": [{"code": "4130"}], "text": POISON}, "expression": ["Patient"]}
    issue[field] = {
        "severity": POISON,
        "code": POISON,
        "details": {"coding": [{"code": POISON}]},
        "expression": [POISON],
    }[field]
    (read,) = read_issues({"resourceType": "OperationOutcome", "issue": [issue]})
    assert CANARY not in read.loggable
    assert "(not a " in read.loggable


WRITERS = ["say", "show", "write", "progress", "log json", "log text", "finding", "library"]


@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_writes_it_out(
    writer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line stays one line, whatever is in it."""
    stream = io.StringIO()
    match writer:
        case "say":
            cli_text.say(POISON)
        case "show":
            cli_text.show([POISON])
        case "write":
            cli_text.write([json.dumps(POISON, ensure_ascii=False).encode() + b"\n"])
        case "progress":
            cli_progress.on_terminal()(POISON, 0, 0)
        case "finding":
            print(Finding("source", POISON, "fail", POISON, POISON))
        case "library":
            configure_logs(style="text", level="debug", run_id="r", stream=stream)
            logging.getLogger(POISON).warning(POISON)
        case _:
            style: Any = writer.partition(" ")[2]
            configure_logs(style=style, level="debug", run_id="r", stream=stream)
            get_logger().warning("event", reason=POISON, place=[POISON], file=Path(POISON))
    captured = capsys.readouterr()
    told = captured.out + captured.err + stream.getvalue()
    assert told
    assert obeyed(told.removeprefix("\r")) == set()
    assert told.count("\n") <= 1


# Every text of what a server says -------------------------------------------------------------


def poisoned(value: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The same JSON, once for each text in it, with poison added to that text."""
    for path in _texts(value):
        changed = copy.deepcopy(value)
        here = changed
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = f"{here[path[-1]]}{POISON}"
        yield path, changed


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in items:
        if isinstance(item, dict | list):
            yield from _texts(item, (*path, name))
        elif isinstance(item, str) and name != "resourceType":
            yield (*path, name)


def test_every_text_of_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each text of each resource in turn, through both commands that print records."""
    record = resources(("demo-01-cr",))
    lines = b"".join(
        json.dumps(one, ensure_ascii=False).encode() + b"\n"
        for original in record
        for _, one in poisoned(original)
    )
    file = tmp_path / "in.ndjson"
    file.write_bytes(lines)
    for command in ("classify", "explain", "mappings check"):
        main([*command.split(), str(file)])
        out, err = capsys.readouterr()
        assert out
        assert obeyed(out) == obeyed(err) == set(), command
        assert not re.search(r"(?m)^fhir-remission: all is well", out + err)


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": f"error{POISON}",
            "code": f"invalid{POISON}",
            "details": {"coding": [{"system": POISON, "code": POISON}], "text": POISON},
            "diagnostics": POISON,
            "expression": [POISON],
        }
    ],
}
PLACES = ["metadata", "Condition", "Specimen", "Observation", "Patient", "PUT", ""]


def _rule(place: str, behaviour: Behaviour, asked: Asked) -> Behaviour | None:
    if place == "PUT":
        return behaviour if asked.method == "PUT" else None
    return behaviour if place in asked.target else None


@pytest.mark.parametrize("status", [200, 403, pytest.param(422, marks=pytest.mark.long)])
@pytest.mark.parametrize("place", PLACES)
def test_what_a_server_says_of_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, status: int
) -> None:
    """Reasons, codes and paths of its outcomes, through every command that asks a server."""
    body = json.dumps(OUTCOME).encode()
    behaviour = say(body, status=status, headers=[("Content-Type", "application/fhir+json")])
    with (
        site(tmp_path, capsys) as (made, good),
        Evil(lambda asked: _rule(place, behaviour, asked), behind=good.base_url) as evil,
    ):
        made.set(evil.base_url)
        for command in ("doctor", "sync", "plan"):
            made.run(command)
            assert obeyed(made.out) == obeyed(made.err) == set()
            assert CANARY not in made.out + made.err, command
            assert "bug" not in made.err


@pytest.mark.long
def test_what_a_server_says_of_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each text of its CapabilityStatement in turn, and headers that hold more than they may."""
    with site(tmp_path, capsys) as (made, good):
        with urlopen(f"{good.base_url}/metadata") as answer:
            statement = json.load(answer)
        seen: set[tuple[Any, ...]] = set()
        for path, changed in poisoned(statement):
            kind = tuple(step for step in path if isinstance(step, str))
            if kind in seen:
                continue
            seen.add(kind)
            headers = [
                ("Content-Type", f"application/fhir+json; {CANARY}\x1b[m".encode()),
                ("Date", f"{CANARY}\x1b[m".encode()),
                ("X-Progress", f"{CANARY}\x1b[m".encode()),
            ]
            behaviour = say(json.dumps(changed).encode(), headers=headers)
            with Evil(at("metadata", behaviour), behind=good.base_url) as evil:
                made.set(evil.base_url)
                made.run("doctor")
            assert obeyed(made.out) == obeyed(made.err) == set(), path
            assert CANARY not in made.out + made.err, path
            assert "bug" not in made.err, path
    assert len(seen) > 10
