"""Inputs as hospitals, converters and engines send them, each said beforehand what it must give.

A proved remission (`fixtures/strange/remission.json`) and beside it what stands against it, told
in every way we could think of: nothing of it may vanish. And the reverse: what is valid and says
nothing against it must not cost the answer. `$` names a resource of the remission.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import InputError
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.incoming import Answers
from fhir_remission.jobs.judging.request import Request, judge_for

FOLDER = Path(__file__).parents[2] / "fixtures" / "strange"
REMISSION = json.loads((FOLDER / "remission.json").read_text())
ROWS = [
    json.loads(line)
    for file in sorted(FOLDER.glob("*.ndjson"))
    for line in file.read_text().splitlines()
]
REQUEST = Request(as_of="2026-10-01T00:00:00Z", complete=frozenset({"Procedure"}))
BASE = "https://fhir.hospital.example/r4"
CLAIMS = ("CR", "CRh", "CRi")
Json = Any


@functools.cache
def judge() -> Any:
    """The judge of all of them; tables are read once."""
    return judge_for(REQUEST)


def answered(body: bytes) -> Answers | None:
    """What comes out; none where the input is refused."""
    try:
        return judged_patients([body], "input", REQUEST, judge())
    except InputError:
        return None


def said(body: bytes) -> tuple[int, list[str]]:
    """The exit code, and the categories that are more than an assumption."""
    answers = answered(body)
    if answers is None:
        return 2, []
    found = [one for each in answers.judged for held in each.assessments for one in held]
    return answers.exit_code, [one.category for one in found if one.confidence != "material"]


def given(row: Json) -> bytes:
    """The input of a row."""
    if "whole" in row:
        return json.dumps(whole(row["whole"])).encode()
    held = whole(row["resources"]) if "resources" in row else list(REMISSION.values())
    entries = [
        {"fullUrl": f"{BASE}/{one['resourceType']}/{one.get('id', 'x')}", "resource": one}
        for one in [*held, *row.get("beside", [])]
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def whole(value: Json) -> Json:
    """With the resources of the remission where they are only named."""
    if isinstance(value, dict):
        named = value.get("$")
        return REMISSION[named] if named else {name: whole(one) for name, one in value.items()}
    return [whole(one) for one in value] if isinstance(value, list) else value


def holds(want: str, code: int, categories: list[str]) -> bool:
    """Whether an answer is what was said beforehand."""
    if want.startswith("exit"):
        return str(code) in want.split()
    if want == "remission":
        return (code, categories) == (0, ["CR"])
    if want in CLAIMS:
        return (code, categories) == (0, [want])
    if want == "relapse":
        return (code, categories) == (0, ["RELAPSE"])
    return want == "answered" or bool(code) or not set(categories) & set(CLAIMS)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_what_comes_in_strangely_is_read_or_told(row: Json) -> None:
    """`told` is any answer but a claim with exit 0, and no input may lose an entry."""
    body = given(row)

    assert holds(row["want"], *said(body)), said(body)
    answers = answered(body)
    assert answers is None or answers.account.lost == 0


LINES = [*REMISSION.values(), next(row for row in ROWS if row["name"] == "t-Zlower")["beside"][0]]
NDJSON = b"".join(json.dumps(one).encode() + b"\n" for one in LINES)
BUNDLE = json.dumps(
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in LINES]}
).encode()
ON_THE_WIRE: dict[str, tuple[str, bytes]] = {
    "byte order mark": ("relapse", b"\xef\xbb\xbf" + NDJSON),
    "CRLF": ("relapse", NDJSON.replace(b"\n", b"\r\n")),
    "CR alone": ("told", NDJSON.replace(b"\n", b"\r")),
    "blank lines": ("relapse", b"\n\n" + NDJSON.replace(b"\n", b"\n \n")),
    "a file cut in the last line": ("exit 2 3", NDJSON[:-40]),
    "a Bundle cut short": ("exit 2 3", BUNDLE[:-60]),
    "UTF-16 big end first": ("told", BUNDLE.decode().encode("utf-16-be")),
    "UTF-32": ("told", BUNDLE.decode().encode("utf-32")),
    "a Latin-1 letter": ("told", BUNDLE.replace(b'"id"', b'"x\xfc": 1, "id"', 1)),
    "a JSON array": ("exit 2", b"[" + NDJSON.strip().replace(b"\n", b",") + b"]"),
    "JSON text sequences": ("told", b"".join(b"\x1e" + line for line in NDJSON.splitlines(True))),
    "nothing between": ("told", NDJSON.replace(b"\n", b"")),
    "XML": ("exit 2", b'<Bundle xmlns="http://hl7.org/fhir"/>'),
    "a page of a login": ("exit 2", b"<html>Login</html>"),
    "zeros at the end": ("exit 2 3", NDJSON + b"\0\0\0"),
    "NaN": ("exit 2 3", NDJSON.replace(b'"value": 45', b'"value": NaN')),
    "Infinity": ("exit 2 3", NDJSON.replace(b'"value": 45', b'"value": Infinity')),
    "a leading zero": ("exit 2 3", NDJSON.replace(b'"value": 45', b'"value": 045')),
    "a decimal comma": ("exit 2 3", NDJSON.replace(b'"value": 45', b'"value": 45,5')),
    "a comma at the end": ("exit 2 3", BUNDLE[:-1] + b",}"),
    "a comment before": ("exit 2 3", b"// export\n" + NDJSON),
    "a value twice": ("told", NDJSON.replace(b'"value": 45', b'"value": 45, "value": 2')),
    "entries twice": ("told", BUNDLE.replace(b'"entry"', b'"entry": [], "entry"', 1)),
    "an exponent": ("relapse", NDJSON.replace(b'"value": 45', b'"value": 4.5e1')),
    "sixty zeros": ("relapse", NDJSON.replace(b'"value": 45', b'"value": 45.' + b"0" * 60)),
    "a name in escapes": ("relapse", BUNDLE.replace(b'"status"', b'"stat\\u0075s"')),
}


@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_what_is_written_strangely_is_read_or_told(name: str) -> None:
    """Encodings, line ends, broken files and numbers that are none."""
    want, body = ON_THE_WIRE[name]

    assert holds(want, *said(body)), said(body)


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: gzip.compress(body)[:-20]])
def test_a_packed_file_is_read_or_told(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Whole, and cut in the middle."""
    file = tmp_path / "in.ndjson.gz"
    file.write_bytes(pack(NDJSON))
    try:
        code, categories = said(b"".join(read_chunks(file)))
    except InputError:
        code, categories = 2, []
    assert holds("told", code, categories)
