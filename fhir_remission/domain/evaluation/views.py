"""What one criterion is judged by: one marrow, one draw, and the course behind them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.verdicts import NOTHING, SILENT, Proof, Quantity, SignReading
from fhir_remission.domain.record.marrows import Marrow


class Background(Struct, frozen=True):
    """What the course says before this marrow is looked at."""

    baseline: Quantity = NOTHING
    baseline_counts: dict[str, Quantity] = {}
    baseline_blood_blasts: Quantity = NOTHING
    prior_remission: SignReading = SILENT
    """Absent: none in this course; present: one is proved; unknown: one may have been."""
    therapy_since: date | None = None
    therapy_proof: Proof = ()
    lesion_before_therapy: SignReading = SILENT


class Near(NamedTuple):
    """A transfusion that may have been given near a draw."""

    criterion: str
    """The criterion that forbids it."""
    event: Event
    sure: bool


class View(Struct, frozen=True):
    """One marrow read together with one blood draw."""

    marrow: Marrow
    background: Background
    quantities: dict[str, Quantity]
    """Counts of the draw and of the marrow, by analyte."""
    signs: dict[str, SignReading]
    transfusions: tuple[Near, ...] = ()
    independence: SignReading = SILENT
    recorded: frozenset[str] = frozenset()
    """Criteria whose transfusions the site records without exception."""
    day: date = date.min
    """The later of marrow and draw."""

    def quantity(self, analyte: str) -> Quantity:
        """What the analyte says here."""
        return self.quantities.get(analyte, NOTHING)
