"""Flags over environment over TOML file over defaults.

`FHIR_REMISSION__SOURCE__BASE_URL` reaches `source.base_url`; with `_FILE` appended the value is
read from the file it names. Every value remembers where it came from (`Settings.shown`).
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from fhir_remission.errors import SettingsError
from fhir_remission.settings.model import Settings, Sink
from fhir_remission.settings.values import Section, write_value

PREFIX = "FHIR_REMISSION__"
SECRETS = frozenset({"secret"})
MASK = "********"
# These need no scheme: `user:password@proxy:8080`.
ADDRESSES = frozenset({"proxy", "base_url", "token_url", "url", "rewrite_origin"})
_PARAMETER = re.compile(r"(?i)([?&][a-z_]*(?:pass|secret|token|key)[a-z_]*=).*")


class Given(NamedTuple):
    """One value as somebody wrote it, and where."""

    value: object
    origin: str


def load_settings(
    path: Path | None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read file, environment and flags into one frozen value, or say which key is wrong."""
    given = _from_file(path) | _from_environment(environ or {})
    given |= {key: Given(value, f"--set {key}") for key, value in (overrides or {}).items()}
    for key, (_, origin) in given.items():
        _refuse_unknown(key, origin)
    nested = _nested(given, _sinks_named(path))
    try:
        settings = Settings.model_validate(
            nested, context={"folder": path.parent if path else Path()}
        )
    except ValidationError as error:
        raise SettingsError(_first_complaint(error, given)) from None
    settings._shown = tuple(_shown(settings, given))
    return settings


def read_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """Read `--set key=value`, repeated."""
    read: dict[str, object] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {key}: write it as key=value, such as source.rate=5/s")
        read[key.strip()] = _no_secret(key.strip(), value)
    return read


def _no_secret(key: str, value: str) -> str:
    """Everybody on the machine can read the arguments of a process."""
    if key.rpartition(".")[2] in SECRETS or _masked(key, value) != value:
        name = variable(key)
        raise SettingsError(
            f"--set {key}: a secret does not belong on the command line, where every user of"
            f" this machine can read it; use {name} or {name}_FILE"
        )
    return value


def _from_file(path: Path | None) -> dict[str, Given]:
    if path is None:
        return {}
    given = {key: Given(value, str(path)) for key, value in _flat(_parsed(path), "")}
    for key in given:
        if key.rpartition(".")[2] in SECRETS:
            name = variable(key)
            raise SettingsError(f"{path}: keep {key} out of the file; use {name} or {name}_FILE")
    return given


def _parsed(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the settings file {path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        key = name[len(PREFIX) :].lower().replace("__", ".")
        if not _is_known(key) and key.endswith("_file") and _is_known(key.removesuffix("_file")):
            given[key.removesuffix("_file")] = Given(_content(environ[name], name), name)
        else:
            given[key] = Given(environ[name], name)
    return given


def _content(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError):  # not there, not text, or no name of a file
        raise SettingsError(f"{name}: cannot read the file it names") from None


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every key there is; `sink.*.` stands for a sink of any name."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name == "sink":
            yield from known_keys(Sink, "sink.*.")
        elif isinstance(kind, type) and issubclass(kind, Section):
            yield from known_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def sections_of(model: type[BaseModel]) -> dict[str, type[Section]]:
    """The tables inside of a table."""
    kinds = ((name, field.annotation) for name, field in model.model_fields.items())
    return {
        name: kind for name, kind in kinds if isinstance(kind, type) and issubclass(kind, Section)
    }


def _pattern(key: str) -> str:
    return re.sub(r"^sink\.[^.]+\.", "sink.*.", key)


def _is_known(key: str) -> bool:
    return _pattern(key) in set(known_keys())


def _refuse_unknown(key: str, origin: str) -> None:
    if _is_known(key):
        return
    near = difflib.get_close_matches(_pattern(key), list(known_keys()), n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    if meant and origin.upper().startswith(PREFIX):
        meant = f"; did you mean {variable(near[0])}?"
    raise SettingsError(f"{origin}: there is no setting {key}{meant}")


def variable(key: str) -> str:
    """Name the variable of the environment that a key is read from."""
    return PREFIX + key.replace(".", "__").upper()


def _sinks_named(path: Path | None) -> list[str]:
    sinks = _parsed(path).get("sink") if path else None
    return list(sinks) if isinstance(sinks, dict) else []


def _nested(given: Mapping[str, Given], sinks: Sequence[str]) -> dict[str, dict[str, object]]:
    tree: dict[str, dict[str, object]] = {name: {} for name in Settings.model_fields}
    tree["source"]["auth"] = {}
    tree["sink"].update({name: {"auth": {}} for name in sinks})
    for key, (value, _) in given.items():
        *tables, last = key.split(".")
        here: dict[str, object] = tree  # type: ignore[assignment]
        for table in tables:
            below = here.setdefault(table, {"auth": {}} if here is tree["sink"] else {})
            if not isinstance(below, dict):
                raise SettingsError(f"{key}: {table} is a value, not a table")
            here = below
        here[last] = value
    return tree


def _first_complaint(error: ValidationError, given: Mapping[str, Given]) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    reason = first["msg"].removeprefix("Value error, ")
    found = given.get(key)
    return f"{found.origin}: {key}: {reason}" if found else f"{key}: {reason}"


def _shown(settings: Settings, given: Mapping[str, Given]) -> Iterator[tuple[str, str, str]]:
    for pattern in known_keys():
        for key in _expanded(pattern, settings):
            if key in given:
                yield key, _masked(key, given[key].value), given[key].origin
            else:
                yield key, _masked(key, default_of(pattern)), "default"


def _expanded(pattern: str, settings: Settings) -> list[str]:
    if not pattern.startswith("sink.*."):
        return [pattern]
    return [pattern.replace("*", name, 1) for name in settings.sink]


def default_of(pattern: str) -> object:
    """What holds where nobody says anything."""
    model: type[BaseModel] = Settings
    for part in pattern.removeprefix("sink.*.").split("."):
        if pattern.startswith("sink.*.") and model is Settings:
            model = Sink
        field = model.model_fields[part]
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            model = field.annotation
            continue
        return field.default
    return ""


def _masked(key: str, value: object) -> str:
    """A value as it may be shown: no password, whatever letters it has, and no argument."""
    name = key.rpartition(".")[2]
    if name in SECRETS:
        return MASK if str(value) else ""
    if name == "key_command":
        words = _list(value)
        return write_value([*words[:1], *(MASK for _ in words[1:])]) if words else ""
    if isinstance(value, (list, tuple)):
        return write_value([_without_password(name, str(one)) for one in value])
    return _without_password(name, write_value(value))


def _list(value: object) -> list[object]:
    """The words of a list, which the environment and flags give as JSON."""
    if isinstance(value, (list, tuple)):
        return list(value)
    try:
        read = json.loads(str(value)) if value else []
    except ValueError:
        return [MASK]
    return read if isinstance(read, list) else [MASK]


def _without_password(name: str, text: str) -> str:
    """An address without who logs in: all before the last `@`, and all parameters that may."""
    scheme, found, rest = text.partition("://")
    if not found:
        bare = name in ADDRESSES and "@" in text
        return f"{MASK}@{text.rpartition('@')[2]}" if bare else text
    rest = _PARAMETER.sub(rf"\1{MASK}", rest)
    if "@" in rest and not scheme.startswith("sqlite"):  # a file has no login
        rest = f"{MASK}@{rest.rpartition('@')[2]}"
    return scheme + found + rest
