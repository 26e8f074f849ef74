"""From the text of a criteria file to a `CriteriaSet`, or a `TableError` with file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from fhir_remission.domain.criteria.kinds import (
    AnyBelow,
    AnyCriterion,
    AnyMet,
    Independence,
    Sourced,
    Threshold,
)
from fhir_remission.domain.criteria.rules import Category, CriteriaSet, Policy
from fhir_remission.domain.nouns.known_fields import known_instead
from fhir_remission.domain.tables.analytes import ANALYTES
from fhir_remission.errors import TableError

__all__ = ["CriteriaSet", "read_criteria", "with_policies"]

_HEADER = re.compile(r"^\s*\[+\s*([\w.-]+)\s*\]+")
_KEY = re.compile(r"^\s*([\w-]+)\s*=")
_PATH = re.compile(r"\$\.(?P<table>\w+)(?:\[(?P<index>\d+)\])?(?:\.(?P<key>\w+))?")
_FIELD = re.compile(r"field `(\w+)`")


class _File:
    """A criteria file: where in it a table or a key begins, and complaints with that line."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        table, index, counts = "", 0, dict[str, int]()
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _HEADER.match(line):
                table = header[1]
                index = counts.get(table, 0)
                counts[table] = index + 1
                self._tables.setdefault((table, index), number)
            elif key := _KEY.match(line):
                self._keys.setdefault((table, index, key[1]), number)

    def refuse(self, reason: str, table: str, index: int, key: str) -> NoReturn:
        """Stop, naming the line of the key, else of the table, else of the table's first child."""
        line = (
            self._keys.get((table, index, key))
            or self._tables.get((f"{table}.{key}", 0))
            or self._tables.get((table, index))
            or self._keys.get(("", 0, table))
        )
        raise TableError(reason, file=self._name, line=line) from None

    def require(
        self, names: Iterable[str], known: Collection[str], who: str, table: str, index: int
    ) -> None:
        """Stop where a row asks for a criterion that is none of the file's."""
        for name in names:
            if name not in known:
                self.refuse(f"{who} requires unknown criterion {name}", table, index, "requires")


def read_criteria(
    text: str, *, file: str, name: str = "", analytes: Collection[str] | None = None
) -> CriteriaSet:
    """Read one criteria file.

    Where given, `name` is what the set is asked for by, and `analytes` those some table maps
    codes to.
    """
    source = _File(text, file)
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(error, file) from None
    try:
        criteria = msgspec.convert(raw, CriteriaSet)
    except msgspec.ValidationError as error:
        _refuse_shape(str(error), known_instead(raw, CriteriaSet), source)
    if name and criteria.id != name:
        # A copy that kept its id would answer in the name of the set it was copied from.
        source.refuse(f"id is {criteria.id}, the file is named {name}", "about", 0, "id")
    _check(criteria, source, analytes)
    return replace(criteria, category=_in_precedence(criteria, source))


def with_policies(criteria: CriteriaSet, chosen: Mapping[str, str]) -> CriteriaSet:
    """The set with its policies as a site wants them; an unknown one is refused."""
    known = {one.name: one for one in criteria.policy}
    for name, value in chosen.items():
        if name not in known or value not in known[name].choices:
            raise TableError(
                f"policy {name} = {value} is not one of this set; choose from "
                + ", ".join(f"{one.name} ({'|'.join(one.choices)})" for one in criteria.policy),
                file=criteria.id,
            )
    categories = criteria.category
    for policy in criteria.policy:
        if chosen.get(policy.name, policy.default) == "yes":
            categories = tuple(_switched(row, policy) for row in categories)
    policies = tuple(
        replace(one, default=chosen.get(one.name, one.default)) for one in criteria.policy
    )
    return replace(criteria, category=categories, policy=policies)


def _switched(row: Category, policy: Policy) -> Category:
    for switch in policy.when_yes:
        if switch.category == row.id:
            kept = tuple(one for one in row.requires if one not in switch.drops)
            row = replace(row, requires=kept + switch.adds)
    return row


def _toml_error(error: tomllib.TOMLDecodeError, file: str) -> TableError:
    found = re.search(r"line (\d+)", str(error))
    return TableError(f"not TOML: {error}", file=file, line=int(found[1]) if found else None)


def _refuse_shape(message: str, instead: str, file: _File) -> NoReturn:
    path = _PATH.search(message)
    field = _FIELD.search(message)
    reason = message.partition(" - at ")[0]
    reason = reason[0].lower() + reason[1:]
    named = field[1] if field else ""
    if path is None:
        file.refuse(reason + instead, named, 0, "")
    table, index, key = path["table"], int(path["index"] or 0), path["key"] or named
    place = f"[{table}]" + (f" {key}" if key else "")
    file.refuse(f"{reason} in {place}{instead}", table, index, key)


def _check(criteria: CriteriaSet, file: _File, analytes: Collection[str] | None) -> None:
    _check_sources(criteria, file)
    known: dict[str, AnyCriterion] = {}
    for index, one in enumerate(criteria.criterion):
        if one.id in known:
            file.refuse(f"criterion {one.id} is defined twice", "criterion", index, "id")
        known[one.id] = one
        _check_analyte(one, index, file, analytes)
    _check_references(criteria, known, file)
    _check_categories(criteria, known, file)
    for lineage in criteria.about.lineages:
        if not isinstance(known.get(lineage), Threshold):
            file.refuse(f"lineage {lineage} is no threshold criterion", "about", 0, "lineages")
    begins, relapse = criteria.numbers.disease_blasts.value, criteria.relapse.marrow
    if relapse is not None and relapse.at_least != begins:
        reason = f"a relapse begins where disease does, at the {begins} % of disease_blasts"
        file.refuse(f"{reason}; give both the same value", "relapse.marrow", 0, "at_least")


def _check_sources(criteria: CriteriaSet, file: _File) -> None:
    for (table, index, key), (name, row) in _sourced(criteria):
        if not row.source.strip():
            file.refuse(f"{name} has no source", table, index, key)


def _sourced(criteria: CriteriaSet) -> Iterator[tuple[tuple[str, int, str], tuple[str, Sourced]]]:
    """Everything that must say where it comes from: its place in the file, its name and itself."""
    for table in ("criterion", "category", "policy"):
        for index, row in enumerate(getattr(criteria, table)):
            yield (table, index, "source"), (f"{table} {row.id}", row)
    yield ("outcomes", 0, "source"), ("outcomes", criteria.outcomes)
    yield ("mrd", 0, "source"), ("mrd", criteria.mrd)
    for index, cutoff in enumerate(criteria.mrd.cutoffs):
        yield ("mrd.cutoffs", index, "source"), (f"mrd.cutoffs {cutoff.method}", cutoff)
    for table in ("numbers", "assume", "relapse", "landmark"):
        section = getattr(criteria, table)
        for field in section.__struct_fields__:
            row = getattr(section, field)
            if row is not None:
                yield (table, 0, field), (f"{table}.{field}", row)


def _check_analyte(
    one: AnyCriterion, index: int, file: _File, analytes: Collection[str] | None
) -> None:
    if isinstance(one, Threshold) and one.analyte not in ANALYTES:
        file.refuse(
            f"criterion {one.id} asks for analyte {one.analyte}, which no criterion can judge",
            "criterion", index, "analyte",
        )  # fmt: skip
    name = {Threshold: "analyte", Independence: "statement"}.get(type(one))
    if name and analytes is not None and getattr(one, name) not in analytes:
        file.refuse(
            f"criterion {one.id} asks for analyte {getattr(one, name)}, which no table maps",
            "criterion", index, name,
        )  # fmt: skip


def _check_references(
    criteria: CriteriaSet, known: Mapping[str, AnyCriterion], file: _File
) -> None:
    for index, one in enumerate(criteria.criterion):
        if not isinstance(one, AnyBelow | AnyMet):
            continue
        for name in one.of:
            if name not in known:
                file.refuse(f"{one.id} names unknown criterion {name}", "criterion", index, "of")
            if isinstance(known[name], AnyBelow | AnyMet):
                file.refuse(
                    f"{one.id} names {name}, itself made of others; criteria do not nest",
                    "criterion", index, "of",
                )  # fmt: skip


def _check_categories(
    criteria: CriteriaSet, known: Mapping[str, AnyCriterion], file: _File
) -> None:
    ids = {row.id for row in criteria.category}
    if not ids:
        file.refuse("a criteria file needs at least one category", "category", 0, "")
    for index, row in enumerate(criteria.category):
        file.require((*row.requires, *row.doubts), known, row.id, "category", index)
        if row.after and row.after not in ids:
            file.refuse(f"{row.id} comes after unknown {row.after}", "category", index, "after")
    for index, policy in enumerate(criteria.policy):
        for switch in policy.when_yes:
            file.require(switch.adds, known, policy.name, "policy", index)
            if switch.category not in ids:
                file.refuse(
                    f"policy {policy.name} names unknown category {switch.category}",
                    "policy", index, "when_yes",
                )  # fmt: skip


def _in_precedence(criteria: CriteriaSet, file: _File) -> tuple[Category, ...]:
    """The rows, each after the one it names; rows without a wish keep the order of the file."""
    waiting = list(enumerate(criteria.category))
    placed: list[Category] = []
    while waiting:
        blocked = {row.id for _, row in waiting}
        free = [(i, row) for i, row in waiting if row.after not in blocked]
        if not free:
            index, row = waiting[0]
            file.refuse(
                f"precedence loop: {row.id} comes after {row.after}, which comes after it",
                "category", index, "after",
            )  # fmt: skip
        placed.append(free[0][1])
        waiting.remove(free[0])
    return tuple(placed)
