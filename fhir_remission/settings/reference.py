"""Every key of the settings with its type, default and meaning; a settings file made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fhir_remission.settings.loading import (
    MASK,
    SECRETS,
    default_of,
    known_keys,
    sections_of,
    variable,
)
from fhir_remission.settings.model import Server, Settings, Sink
from fhir_remission.settings.values import KINDS, write_value

TABLE = Path(__file__).with_name("keys.tsv")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Row(NamedTuple):
    """What the table says of one key."""

    since: str
    needed: bool
    example: str
    meaning: str


class Key(NamedTuple):
    """One key of the settings as the reference has it."""

    name: str
    type: str
    default: str
    """As the settings file would have it."""
    since: str
    needed: bool
    example: str
    meaning: str


def keys() -> Iterator[Key]:
    """Every key of the model, in its order, with what the table says of it."""
    rows = read_rows()
    for name in known_keys():
        kind, field = type_of(name), field_of(name)
        row = rows[_told_at(name)]
        default = "" if name.rpartition(".")[2] in SECRETS else write_value(default_of(name))
        yield Key(name, kind, toml_value(field, default), *row)


def read_rows() -> dict[str, Row]:
    """The rows of `keys.tsv` by key."""
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "key\t")):
            key, since, needed, example, meaning = line.split("\t")
            rows[key] = Row(since, needed == "yes", example, meaning)
    return rows


def field_of(name: str) -> FieldInfo:
    """The field of the model that a key fills."""
    model: type[BaseModel] = Settings
    *tables, last = name.split(".")
    if tables[0] == "sink":
        model, tables = Sink, tables[2:]
    for table in tables:
        model = sections_of(model)[table]
    return model.model_fields[last]


def type_of(name: str) -> str:
    """The kind of value in a word or two."""
    field = field_of(name)
    if get_origin(field.annotation) is Literal:
        return " | ".join(str(one) for one in get_args(field.annotation))
    for part in field.metadata:
        if told := KINDS.get(getattr(part, "func", None)):
            return told
    return {bool: "true | false", int: "whole number"}.get(field.annotation, "text")  # type: ignore[arg-type]


def toml_value(field: FieldInfo, text: str) -> str:
    """A value as TOML, of the text by which settings are shown."""
    if field.annotation is bool and text.lower() in {"true", "false"}:
        return text.lower()
    if field.annotation is int and text.isdecimal():
        return text
    if get_origin(field.annotation) is tuple and text.startswith("["):
        return json.dumps(json.loads(text), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_toml(shown: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Settings in force as a file for another run; what is secret is named and left out."""
    for table, entries in _by_table(shown):
        yield f"[{table}]"
        for name, last, text, origin in entries:
            if last in SECRETS or MASK in text:
                if text:
                    yield f"# {last} is secret: it came from {origin}, give it by {variable(name)}"
            else:
                yield f"{last} = {toml_value(field_of(name), text)}"
        yield ""


def commented() -> Iterator[str]:
    """A first settings file: each key with its meaning, and behind a mark what may stay."""
    yield "# fhir-remission: the settings of a site. A line behind #: is what holds without it."
    yield "# Every key can come from the environment too: FHIR_REMISSION__SOURCE__RATE=5/s"
    told = [key for key in keys() if not (key.name.startswith("sink.*.") and _is_shared(key.name))]
    table = ""
    for key in sorted(told, key=lambda key: _order(key.name)):
        above, _, last = key.name.replace("*", "main").rpartition(".")
        if above != table:
            table = above
            yield from ("", f"[{table}]")
        yield f"# {key.meaning} ({key.type})"
        if last in SECRETS:
            yield f"#  it comes from {variable(key.name)} or {variable(key.name)}_FILE"
        else:
            yield f"{last} = {key.example}" if key.needed else f"#: {last} = {key.default}"


def _order(name: str) -> tuple[int, int]:
    """Sections in the order of the model, and a table inside of one after its own keys."""
    return list(Settings.model_fields).index(name.partition(".")[0]), name.count(".auth.")


def _by_table(
    shown: Iterable[tuple[str, str, str]],
) -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    tables: dict[str, list[tuple[str, str, str, str]]] = {}
    for name, text, origin in sorted(shown, key=lambda one: _order(one[0])):
        parts = name.split(".")
        table = ".".join(
            part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            for part in parts[:-1]
        )
        tables.setdefault(table, []).append((name, parts[-1], text, origin))
    yield from tables.items()


def _is_shared(name: str) -> bool:
    """Whether a sink has this key as every server has it."""
    return name.removeprefix("sink.*.").partition(".")[0] in Server.model_fields


def _told_at(name: str) -> str:
    """The row that tells a key: what every server has stands once, with the source."""
    if name.startswith("sink.*.") and _is_shared(name):
        return f"source.{name.removeprefix('sink.*.')}"
    return name
