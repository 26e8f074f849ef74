"""The kinds of values settings are made of: durations, rates, hours, lists, files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

# Six digits are 114 years: enough, and still a time.
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)/(s|m|h)")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Section(BaseModel):
    """One table of the settings file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def read_duration(text: object) -> timedelta:
    """Read `45m`, `1h30m` or `20s`."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        raise ValueError("expected a duration such as 45m, 1h30m or 20s")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def read_rate(text: object) -> float:
    """Read `10/s` or `300/m` as requests a second."""
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    if found is None or float(found[1]) <= 0:
        raise ValueError("expected a rate such as 10/s or 300/m")
    return float(found[1]) / _SECONDS[found[2]]


def read_hours(text: object) -> tuple[time, time] | None:
    """Read `20:00-06:00`, local to the site; empty means any hour."""
    if text == "":
        return None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in str(text).split("-"))
    except ValueError:
        raise ValueError("expected hours such as 20:00-06:00") from None
    return start, end


def site_id(text: str) -> str:
    """Check a site id: it stands in identifiers, where servers cut spaces at the ends."""
    if text != text.strip() or not text.isprintable():
        raise ValueError("expected a name without spaces at its ends and control characters")
    return text


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("expected a time zone name such as Europe/Berlin") from None
    return name


def _words(value: object) -> object:
    """Environment and `--set` carry lists as JSON or comma-separated."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _json_list(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def _json_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except ValueError:
        raise ValueError('expected a JSON list such as ["pass", "show", "fhir"]') from None


def _beside_the_file(value: object, info: ValidationInfo) -> Path | None:
    if not value:
        return None
    if "\0" in str(value):
        raise ValueError("expected the name of a file")
    context: Mapping[str, Path] = info.context or {}
    try:
        return context.get("folder", Path()) / Path(str(value)).expanduser()
    except RuntimeError:
        raise ValueError("expected a file of a user that this machine knows") from None


def _sqlite_beside_the_file(url: str, info: ValidationInfo) -> str:
    scheme, relative, name = url.partition(":///")
    if not relative or not scheme.startswith("sqlite") or name in {"", ":memory:"}:
        return url
    return f"{scheme}:///{_beside_the_file(name, info)}"


File = Annotated[Path, BeforeValidator(_beside_the_file), Field(validate_default=True)]
NoFile = Annotated[Path | None, BeforeValidator(_beside_the_file), Field(validate_default=True)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Arguments = Annotated[tuple[str, ...], BeforeValidator(_json_list)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Rate = Annotated[float, BeforeValidator(read_rate)]
Zone = Annotated[str, AfterValidator(_known_zone)]
SiteId = Annotated[str, AfterValidator(site_id)]
Hours = Annotated[tuple[time, time] | None, BeforeValidator(read_hours)]
DatabaseUrl = Annotated[
    str, AfterValidator(_sqlite_beside_the_file), Field(validate_default=True, repr=False)
]
Share = Annotated[Decimal, Field(ge=0, le=1)]


def _read_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host: write it as store.example.org or host:9000")
    return tuple(host.lower() for host in hosts)


HostNames = Annotated[Words, AfterValidator(_read_hosts)]


def write_value(value: object) -> str:
    """Write a value the way the settings file would have it."""
    if isinstance(value, timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        parts = {"h": minutes // 60, "m": minutes % 60, "s": seconds}
        return "".join(f"{count}{unit}" for unit, count in parts.items() if count) or "0s"
    if isinstance(value, float):
        return f"{value:g}/s"
    if isinstance(value, (list, tuple)):
        return json.dumps(value)
    return "" if value is None else str(value)


# Without Observations and Patients there is nothing to judge.
OPTIONAL = ("Condition", "Procedure", "MedicationAdministration", "DiagnosticReport", "Specimen")


def _read_types(types: tuple[str, ...]) -> tuple[str, ...]:
    for name in types:
        if name not in OPTIONAL:
            raise ValueError(f"{name!r} cannot be left out; these can: {', '.join(OPTIONAL)}")
    return types


Types = Annotated[Words, AfterValidator(_read_types)]

# What a value is called in the reference, by the function that reads it.
KINDS: dict[object, str] = {
    read_duration: "duration",
    read_rate: "rate",
    read_hours: "hours",
    _beside_the_file: "file",
    _words: "list",
    _json_list: "list",
    _known_zone: "time zone",
    _sqlite_beside_the_file: "address of a database",
}
