"""What a site adds to the shipped tables: TSV files with the shipped columns, or R4 ConceptMaps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.tsv import MADE_FROM
from fhir_remission.domain.tables.codes import COLUMNS
from fhir_remission.domain.tables.mappings import TABLES, Removal, TableText
from fhir_remission.errors import SettingsError, TableError

_ADDING = ("equal", "equivalent")
_REMOVING = ("disjoint", "unmatched")
PANELS = "panels.tsv"  # read by itself: what a server is asked for, never what an answer is made of


class _Target(Struct):
    code: str = ""
    equivalence: str = ""


class _Element(Struct):
    code: str = ""
    display: str = ""
    target: list[_Target] = []


class _Group(Struct):
    source: str = ""
    target: str = ""
    element: list[_Element] = []


class _ConceptMap(Struct, rename="camel"):
    resource_type: str = ""
    group: list[_Group] = []


Overlay = tuple[dict[str, list[TableText]], tuple[Removal, ...]]


def read_overlay(place: Path, *, namespace: str) -> Overlay:
    """Read one overlay file, or every table and ConceptMap of an overlay directory."""
    added: dict[str, list[TableText]] = {}
    removed: list[Removal] = []
    for path in _files(place):
        if path.suffix == ".json":
            codes, gone = _concept_map(path, namespace)
            added.setdefault("codes", []).append(codes)
            removed.extend(gone)
        else:
            text = TableText(file=str(path), text=_read(path).decode("utf-8", "replace"))
            added.setdefault(path.stem, []).append(text)
    return added, tuple(removed)


def _files(place: Path) -> list[Path]:
    """The tables and ConceptMaps of an overlay; one that only brings criteria or servers has none.

    A table under a name that nobody reads is refused: its rows would be missed in silence.
    """
    found = sorted([*place.glob("*.tsv"), *place.glob("*.json")]) if place.is_dir() else [place]
    beside = [*place.glob("criteria/*.toml"), *place.glob("servers/*.toml"), *place.glob(PANELS)]
    tables = [path for path in found if path.name != PANELS]
    stray = [path.name for path in tables if path.suffix != ".json" and path.stem not in TABLES]
    if stray or not (tables or beside):
        raise SettingsError(
            f"{place} holds no overlay; give {', '.join(f'{name}.tsv' for name in TABLES)}, "
            f"{PANELS}, a ConceptMap as .json, a directory of these, or criteria/*.toml or "
            f"servers/*.toml in it{f', not {stray[0]}' if place.is_dir() and stray else ''}"
        )
    return tables


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None


def _concept_map(path: Path, namespace: str) -> tuple[TableText, list[Removal]]:
    body = _read(path)
    try:
        resource = msgspec.json.decode(body, type=_ConceptMap)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TableError(f"is no ConceptMap: {error}", file=str(path)) from None
    if resource.resource_type != "ConceptMap":
        raise TableError("is no ConceptMap; its resourceType says otherwise", file=str(path))
    lines = ["\t".join(COLUMNS)]
    removed = []
    at = 0
    for group, element, target in _targets(resource):
        at = max(at, body.find(_json_string(element.code), at))
        line = body.count(b"\n", 0, at) + 1
        if target.equivalence in _ADDING:
            row = _row(group, element, target, path=path, line=line, namespace=namespace)
            lines += [f"{MADE_FROM}{line}", row]
        elif target.equivalence in _REMOVING:
            removed.append(Removal(system=group.source, code=element.code))
        else:
            raise TableError(
                f"{element.code} has the equivalence {target.equivalence or 'none'}; use "
                f"{', '.join(_ADDING)} to add and {', '.join(_REMOVING)} to remove",
                file=str(path),
                line=line,
            )
    return TableText(file=str(path), text="\n".join(lines)), removed


def _targets(resource: _ConceptMap) -> Iterator[tuple[_Group, _Element, _Target]]:
    for group in resource.group:
        for element in group.element:
            for target in element.target:
                yield group, element, target


def _json_string(text: str) -> bytes:
    """The text as it stands in a JSON file, to find its line."""
    return msgspec.json.encode(text)


def _row(
    group: _Group, element: _Element, target: _Target, *, path: Path, line: int, namespace: str
) -> str:
    wanted = f"{namespace}/CodeSystem/analyte"
    if group.target != wanted:
        raise TableError(
            f"a group maps to {group.target}; it must be {wanted}", file=str(path), line=line
        )
    cells = dict.fromkeys(COLUMNS, "") | {
        "system": group.source,
        "code": element.code,
        "analyte": target.code,
        "display": " ".join(element.display.split()),
        "source": "ConceptMap",
    }
    return "\t".join(cells[column] for column in COLUMNS)
