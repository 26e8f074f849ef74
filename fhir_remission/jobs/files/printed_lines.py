"""Printed lines of any job read back, with the codes and units its summary tells of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import InputError

Line = Mapping[str, Any]
_SCHEMAS = ("1", "2")
_NO_PROOF: dict[str, Any] = {"criteria_results": [], "skipped": [], "draws": [], "claims": []}
# What a line without its proof lacks, and one that an earlier version printed.
_LACKED: dict[str, Any] = {
    **{"responses": [], "remission_number": None, "latest": None, "cycle": None, "mrd_history": []},
    **_NO_PROOF,
    "policies": {},
    **{"summary": "", "next_better": "", "reason": "", "evidence_hash": ""},
}


class Results(Struct, frozen=True):
    """The lines of a cohort, and what the run did not understand."""

    lines: tuple[Line, ...]
    unmapped: dict[str, int] = {}
    refused: dict[str, int] = {}


def read_results(path: Path, *, brief: bool = False) -> Results:
    """The lines of a file, or those of a folder that `archive` or `bulk` made.

    `brief` keeps the answers alone: what proves them is most of a line.

    Raises:
        InputError: no such file, or a line that is none of ours, with its number.
    """
    if not path.is_dir():
        return Results(tuple(_lines(path, brief=brief)))
    file = path / "assessments.ndjson"
    if not file.is_file():
        message = f"{path} holds no assessments.ndjson: make it with archive --format ndjson"
        raise InputError(message)
    cohort = _told(path / "summary.json")
    return Results(
        tuple(_lines(file, brief=brief)),
        _counts(cohort.get("unmapped")),
        _counts(cohort.get("refused_units")),
    )


def _lines(path: Path, *, brief: bool) -> Iterator[Line]:
    for number, text in enumerate(_texts(read_chunks(path)), start=1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InputError(f"{path}:{number}: this is no JSON line") from None
        if not _is_ours(line):
            raise InputError(
                f"{path}:{number}: no line of fhir-remission (schema assessment-1 or -2)"
            )
        whole = {**_LACKED, **line}
        yield {**whole, **_NO_PROOF, "latest": None} if brief else whole


def _texts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    yield rest


def _is_ours(line: object) -> bool:
    if not isinstance(line, dict) or line.get("schema") not in _SCHEMAS:
        return False
    criteria = line.get("criteria")
    named = isinstance(criteria, dict) and isinstance(criteria.get("id"), str)
    return named and isinstance(line.get("patient"), str)


def _told(file: Path) -> Mapping[str, Any]:
    """The counts of a summary; nothing where there is none."""
    if not file.is_file():
        return {}
    try:
        summary = msgspec.json.decode(b"".join(read_chunks(file)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(f"{file}: this is no JSON") from None
    cohort = summary.get("cohort") if isinstance(summary, dict) else None
    return cohort if isinstance(cohort, dict) else {}


def _counts(told: object) -> dict[str, int]:
    held = told if isinstance(told, dict) else {}
    return {str(name): many for name, many in held.items() if isinstance(many, int)}
