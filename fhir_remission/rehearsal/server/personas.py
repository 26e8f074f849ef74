"""Which server to play: every habit is data in `personas/*.toml`, and each has its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from fhir_remission.errors import SettingsError
from fhir_remission.rehearsal.server.replies import Refused

PATIENT_PARAMETERS = frozenset({"patient", "subject"})


class Persona(Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The habits of one family of servers; the defaults are what the R4 text says."""

    name: str
    software: str = "fhir-remission embedded server"
    publisher: str = ""
    fhir_version: str = "4.0.1"
    types: tuple[str, ...] = ()
    """Types it knows; empty: all."""
    read_only: tuple[str, ...] = ()
    unsearchable: dict[str, tuple[str, ...]] = {}
    """Parameters it lacks, by type; `*` stands for every type."""
    adds: dict[str, dict[str, str]] = {}
    """Parameters beyond R4, by type: name -> `kind:path`."""
    sorts: bool = True
    requires_any: dict[str, tuple[tuple[str, ...], ...]] = {}
    """By type: of each group at least one parameter must be sent."""
    exclusive: tuple[tuple[str, str], ...] = ()
    """Pairs of parameters that may not come together."""
    single_patient: bool = False
    unknown_parameter: str = "ignored"
    """ignored, or refused even without `Prefer: handling=strict`."""
    post_search: bool = True
    default_count: int = 100
    max_count: int = 1000
    over_max_outcome: bool = False
    """An OperationOutcome entry says that `_count` was cut."""
    total: bool = True
    newest_first: bool = False
    snapshot_pages: bool = True
    page_seconds: int = 3600
    expired_status: int = 410
    transaction: bool = True
    batch: bool = True
    max_entries: int = 0
    conditional_create: bool = True
    conditional_update: bool = True
    update_create: bool = True
    numeric_client_ids: bool = True
    history: bool = True
    vread: bool = True
    stale_status: int = 412
    deleted_status: int = 410
    merged_status: int = 0
    """What reading a merged Patient is redirected with; 0: it is shown with its link."""
    error_codes: dict[str, str] = {}
    """Codes of its own in OperationOutcomes: expired, required, patients, merged, incomplete."""
    if_match_on_create: bool = True
    """False: If-Match is ignored where a PUT creates."""
    if_none_match: bool = True
    """False: `If-None-Match: *` is ignored."""
    empty_writes: bool = False
    """A create or update answers with headers only."""
    same_content_same_version: bool = False
    missing_target_status: int = 0
    """What a reference to a resource that is not there is answered with; 0: accepted."""
    keeps: dict[str, tuple[str, ...]] = {}
    """The elements it stores of what is sent, by type; others are ignored."""
    statuses: dict[str, tuple[str, ...]] = {}
    """By type: the only ones that it takes."""
    external_references: bool = True
    versioned_references: bool = True
    """False: the version is cut off references on write."""


def check_query(persona: Persona, kind: str, query: Sequence[tuple[str, str]]) -> None:
    """Refuse the searches that the persona refuses."""
    names = {name.partition(":")[0] for name, _ in query}
    for group in persona.requires_any.get(kind, ()):
        if not names & set(group):
            raise Refused(
                400, "required", f"a search of {kind} needs {' or '.join(group)}", about="required"
            )
    for first, second in persona.exclusive:
        if {first, second} <= names:
            raise Refused(400, "invalid", f"{first} and {second} cannot come together")
    if "_sort" in names and not persona.sorts:
        raise Refused(400, "not-supported", "_sort is not supported")
    patients = {
        part.rpartition("/")[2]
        for name, text in query
        if name.partition(":")[0] in PATIENT_PARAMETERS
        for part in text.split(",")
    }
    if persona.single_patient and len(patients) > 1:
        raise Refused(400, "invalid", "a search may name one patient only", about="patients")


def persona_names() -> list[str]:
    """List the personas."""
    folder = files("fhir_remission.rehearsal") / "personas"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir())


def read_persona(text: str, *, file: str) -> Persona:
    """Read one persona; a habit without its source is refused."""
    table = tomllib.loads(text)
    habits: dict[str, Any] = {"name": table["name"]}
    for name, habit in table.get("habits", {}).items():
        if not isinstance(habit, Mapping) or not str(habit.get("source", "")).strip():
            raise SettingsError(f"{file}: habit {name!r} has no source; say where it was seen")
        habits[name] = habit["value"]
    try:
        return msgspec.convert(habits, Persona)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: {error}") from None


def load_persona(name: str) -> Persona:
    """Load one persona by name."""
    if name not in persona_names():
        known = ", ".join(persona_names())
        raise SettingsError(f"unknown persona {name!r}; choose one of {known}")
    file = f"{name}.toml"
    text = (files("fhir_remission.rehearsal") / "personas" / file).read_text(encoding="utf-8")
    return read_persona(text, file=file)
