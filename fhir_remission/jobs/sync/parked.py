"""`parked list|acknowledge|release`: what waits for a person, and what a person says of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import structs

from fhir_remission.effects.state.parked_rows import ParkedRow, parked_rows, settle_parked
from fhir_remission.errors import UsageError
from fhir_remission.fhir.writing.parked import RETRACTED
from fhir_remission.jobs.sync.state_files import site_state

RELEASED = "released"


def listed(config: Path | None, assignments: tuple[str, ...]) -> list[str]:
    """One paragraph per result that waits."""
    with site_state(config, assignments) as (state, settings):
        rows = parked_rows(state.database, settings.source.base_url)
    return [line for row in rows for line in _told(row)]


def mark(
    config: Path | None,
    assignments: tuple[str, ...],
    references: Sequence[str],
    word: Literal["acknowledged", "released"],
) -> list[str]:
    """Note what a person says of these; what is released is read again by the next run."""
    with site_state(config, assignments) as (state, settings):
        source = settings.source.base_url
        rows = {row.reference: row for row in parked_rows(state.database, source)}
        asked = sorted(rows) if list(references) == ["all"] else references
        unknown = [name for name in asked if name not in rows]
        if unknown:
            raise UsageError(f"{unknown[0]} does not wait for anybody; see `parked list`")
        found = [rows[name] for name in asked]
        over = [row.key for row in found if row.why == RETRACTED and word == RELEASED]
        kept = [structs.replace(row, word=word) for row in found if row.key not in over]
        settle_parked(state.database, None, kept, over)
        if word == RELEASED:
            due = {row.patient: "released" for row in found}
            state.advance(source, {}, due, f"release {secrets.token_hex(4)}")
    return [f"{word} {row.reference}" for row in found]


def _told(row: ParkedRow) -> list[str]:
    says = f"; the evidence gives {row.says}" if row.says and row.why != RETRACTED else ""
    who = f" by {row.who}" if row.who else ""
    if row.word == RELEASED:
        then = "released: the next run writes it"
    else:
        wait = "" if row.word == "acknowledged" else f"parked acknowledge {row.reference}, or "
        then = f"to go on: {wait}parked release {row.reference}"
    return [
        f"{row.reference}  {row.patient}  sink {row.sink}  {row.word}",
        f"  {row.why}{who}, found {row.since}{says}",
        f"  {then}",
    ]
