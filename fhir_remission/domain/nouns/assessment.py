"""What the criteria say of one patient at one anchor, with the proof: the answer's nouns.

Nothing here depends on the clock except `Clock`, which is printed, never written and never hashed
(model 6.3).
"""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Event, Result, Skipped, Source

Confidence = Literal["proved", "routine", "material"]
AnchorKind = Literal["marrow", "blood", "mrd", "extramedullary", "none"]


class Verdict(Enum):
    """How one criterion stands (Kleene logic, with `assumed` named apart from `met`)."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"
    ASSUMED = "assumed"


class CriterionResult(Struct, frozen=True):
    """One criterion, its verdict, the rule in words, where the rule comes from, and the proof."""

    criterion: str
    verdict: Verdict
    rule: str
    source: str
    evidence: tuple[Result | Event, ...] = ()


class Assumption(Struct, frozen=True):
    """Something never reported and taken as so (model 4); `cls` is routine or material."""

    id: str
    cls: Literal["routine", "material"]


class DrawNote(Struct, frozen=True):
    """One blood draw of the marrow's window: taken or not, and why."""

    effective: str
    chosen: bool
    reason: str
    sources: tuple[str, ...] = ()
    """The resources of the draw, sorted."""


class ClaimNote(Struct, frozen=True):
    """A clinician's or coder's claim beside our answer."""

    source: Source
    text: str
    agrees: bool | None


class Anchor(Struct, frozen=True):
    """What the assessment hangs on; `observations` are its references, sorted."""

    kind: AnchorKind
    effective: str
    observations: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The anchor's part of the identity: no date, no version (interfaces 1)."""
        short = {"extramedullary": "emd"}.get(self.kind, self.kind)
        return f"{short}:{self.observations[0].rpartition('/')[2]}" if self.observations else short


class Clock(Struct, frozen=True):
    """What depends on `as_of`: printed, never written, never hashed."""

    as_of: str
    window_open: bool
    stale: bool


class Latest(Struct, frozen=True):
    """What the latest marrow with its window proves by itself, beside the answer that stands."""

    category: str
    anchor: Anchor
    flags: tuple[str, ...]
    criteria_results: tuple[CriterionResult, ...] = ()


class MrdEventNote(Struct, frozen=True):
    """A relapse of MRD in this remission, suspected or confirmed, and its end if it has ended."""

    event: str
    since: date
    until: date | None = None


class CycleDay(Struct, frozen=True):
    """Where in the therapy of its course a marrow was taken: day 1 is the first of a cycle."""

    number: int
    day: int


class Assessment(Struct, frozen=True):
    """The answer for one patient, one criteria set and one anchor."""

    patient: str
    criteria_id: str
    criteria_version: str
    state: str
    state_since: date | None
    category: str
    best_response: str | None
    mrd: str
    mrd_event: str
    code: str
    provisional: bool
    confidence: Confidence
    assumptions: tuple[Assumption, ...]
    possible_higher: tuple[str, ...]
    candidates: tuple[str, ...]
    missing: tuple[str, ...]
    lineages_below: tuple[str, ...]
    flags: tuple[str, ...]
    anchor: Anchor
    response_date: date | None
    first_sign: date | None
    window_closes: date | None
    last_marrow: date | None
    last_blood: date | None
    last_mrd: date | None
    current: bool
    clock: Clock
    criteria_results: tuple[CriterionResult, ...]
    skipped: tuple[Skipped, ...]
    policies: tuple[tuple[str, str], ...]
    draws: tuple[DrawNote, ...]
    claims: tuple[ClaimNote, ...]
    summary: str
    """One or two sentences a clinician reads without help; begins with the state."""
    next_better: str
    """What is missing for the next better category; empty when nothing better exists."""
    latest: Latest | None = None
    """Where the latest marrow says something else than the course."""
    responses: tuple[tuple[str, date], ...] = ()
    """The responses of the course, each with the day by which it was proved; a lesser one only
    where it came before the better one."""
    remission_number: int | None = None
    """The first, the second remission; none where the ways to read the record differ."""
    cycle: CycleDay | None = None
    """The cycle and its day of the latest marrow; none before any therapy that is known."""
    mrd_history: tuple[MrdEventNote, ...] = ()
    reason: str = ""
    """Why NE or IND, a row of `mappings/vocabulary/reasons.tsv`; empty otherwise."""
