"""The closed list of criterion kinds: what a criteria file may ask, with typed parameters.

A file names a kind and fills in its parameters, its source and how far that source was read.
There are no expressions: what cannot be said with these kinds needs a new kind, and a test.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.nouns.intervals import Op

Mark = Literal["V", "V2", "R", "S", "ours"]
"""V: read in the original table; V2: in an authoritative copy; R: recalled, check before quoting;
S: a transcription, a hint; ours: a decision of this project."""
Silence = Literal["met", "routine", "material", "unknown"]
"""What follows when nothing was ever reported: nothing is wrong, an assumption, or not known."""
Sign = Literal["blood-blasts", "extramedullary-disease", "auer-rods"]


class Sourced(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every row of a criteria file carries: where it comes from, and how far to trust it."""

    source: str
    mark: Mark


class Criterion(Sourced, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """What every criterion has."""

    id: str
    text: str = ""
    """The rule in words; a threshold writes its own."""
    missing: str = ""
    """What to ask for when it is unknown: a row of the missing vocabulary."""


class Threshold(Criterion, frozen=True, kw_only=True, tag="threshold"):
    """A value against a number, with the strictness of the paper."""

    analyte: str
    op: Op
    value: Decimal
    unit: str


class AdequateMarrow(Criterion, frozen=True, kw_only=True, tag="adequate-marrow"):
    """Enough cells counted, or enough cellularity where the set lets that rescue."""

    cells: Decimal
    cellularity: Decimal | None = None
    silent: Silence
    assumption: str


class Absent(Criterion, frozen=True, kw_only=True, tag="absent"):
    """A sign of leukaemia that must not be there."""

    sign: Sign
    silent: Silence
    automated: Silence = "unknown"
    """For blood blasts: an automated differential and no other."""
    assumption: str = ""


class PercentDecrease(Criterion, frozen=True, kw_only=True, tag="percent-decrease"):
    """Marrow blasts fallen by at least a fraction of the baseline."""

    fraction: Decimal
    strict: bool = False
    """By more than the fraction: just that much is not enough."""

    @property
    def op(self) -> Op:
        """How the value stands to what may be left of the baseline."""
        return "<" if self.strict else "<="


class Band(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For baselines in `[from, below)`: the range the marrow must reach, and the least fall."""

    baseline_from: Decimal
    baseline_below: Decimal | None = None
    low: Decimal
    low_open: bool = False
    high: Decimal | None = None
    fraction: Decimal = Decimal(0)


class ByBaseline(Criterion, frozen=True, kw_only=True, tag="by-baseline"):
    """A marrow range that depends on where the marrow came from."""

    bands: tuple[Band, ...]


class PercentIncrease(Criterion, frozen=True, kw_only=True, tag="percent-increase"):
    """Marrow blasts risen by more than a fraction, and by points from a low baseline."""

    fraction: Decimal
    points: Decimal
    points_below: Decimal
    """The baseline below which the points are asked too."""


class BloodBlastRise(Criterion, frozen=True, kw_only=True, tag="blood-blast-rise"):
    """Circulating blasts (10*9/L) risen by more than a fraction, to more than a count."""

    fraction: Decimal
    count: Decimal


class NotImprovedBy(Criterion, frozen=True, kw_only=True, tag="not-improved-by"):
    """No count has grown by the factor and passed its floor."""

    factor: Decimal
    anc: Decimal
    platelets: Decimal


class NewExtramedullary(Criterion, frozen=True, kw_only=True, tag="new-extramedullary"):
    """Extramedullary disease first seen after therapy began."""


class Independence(Criterion, frozen=True, kw_only=True, tag="independence"):
    """No transfusion in the days before the draw, nor between marrow and draw."""

    days: int
    transfusions: tuple[str, ...]
    maybe: tuple[str, ...] = ()
    """Events that may have been such a transfusion."""
    statement: str
    """The analyte by which independence is stated outright."""
    recorded_in: str
    """The resource type that must be read to the end before silence proves anything."""
    silent: Silence
    assumption: str


class AnyBelow(Criterion, frozen=True, kw_only=True, tag="any-below"):
    """At least one of the named criteria is not met."""

    of: tuple[str, ...]


class AnyMet(Criterion, frozen=True, kw_only=True, tag="any-met"):
    """At least one of the named criteria is met."""

    of: tuple[str, ...]


class Persisted(Criterion, frozen=True, kw_only=True, tag="persisted"):
    """The marrow is at least so many days after the course's first start of therapy."""

    days: int


class NoPriorRemission(Criterion, frozen=True, kw_only=True, tag="no-prior-remission"):
    """No remission earlier in this course."""


AnyCriterion = (
    Threshold
    | AdequateMarrow
    | Absent
    | PercentDecrease
    | ByBaseline
    | PercentIncrease
    | BloodBlastRise
    | NotImprovedBy
    | NewExtramedullary
    | Independence
    | AnyBelow
    | AnyMet
    | Persisted
    | NoPriorRemission
)
