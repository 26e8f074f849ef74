"""The rest of a criteria file: categories, relapse, landmarks, MRD, policies and model numbers."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Literal

from msgspec import Struct, field

from fhir_remission.domain.criteria.kinds import AnyCriterion, Sourced


class Number(Sourced, frozen=True, kw_only=True, dict=True):
    """One number of the model."""

    value: Decimal
    unit: str

    def __post_init__(self) -> None:
        """Refuse a part of a day, an hour or a year, which would be cut off unseen."""
        if self.unit in ("d", "h", "a") and (self.value < 0 or self.value % 1):
            raise ValueError(f"{self.value} {self.unit} is no whole number from zero on")

    @cached_property
    def days(self) -> int:
        """The number as whole days (or hours, or years: whatever `unit` says)."""
        return int(self.value)


class Numbers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every number by which criteria are applied over time; a file must give all of them."""

    window_before: Number
    window_after: Number
    join: Number
    after_platelets: Number
    after_gcsf: Number
    after_pegylated_gcsf: Number
    repeat_marrow: Number
    early_marrow: Number
    early_marrow_less_intensive: Number | None = None
    """The same after a start known to be less intensive; without it no other day holds."""
    cycle_gap: Number
    lineage_blasts: Number
    disease_blasts: Number
    before_diagnosis: Number
    treated_before_marrow: Number
    baseline_inferred: Number
    baseline_after_start: Number | None = None
    """Until when a marrow after the first start may be the baseline, where none lies before it."""
    extramedullary_silence: Number
    extramedullary_denial: Number
    fraction_ceiling: Number
    percent: Number
    differentiation: Number
    stale_marrow: Number
    stale_blood: Number
    adult_age: Number
    precise: Number
    targeted_within: Number | None = None
    """How long a targeted drug belongs to the cycle before it; without it each opens one."""
    conditioning: Number | None = None
    """How long before a graft every drug prepares for it; without it each opens a cycle."""
    prophylaxis: Number | None = None
    """How long after a graft a drug against graft-versus-host disease opens none."""
    biopsy_cellularity: Number | None = None
    """From which cellularity on a biopsy can stand for an aspirate; without it none does."""
    whole_at_most: Number | None = None
    """What the shares of one differential may add up to; without it nobody adds them up."""


class Category(Sourced, frozen=True, kw_only=True):
    """A response category: the criteria that must hold. Rows with one id are alternatives."""

    id: str
    requires: tuple[str, ...]
    after: str = ""
    """The category that takes precedence; the order of rows decides otherwise."""
    doubts: tuple[str, ...] = ()
    """Criteria that make the category provisional when they do not hold."""
    remission: bool = False
    claim: bool = True
    """Whether it claims a response; rows that do not are answers without order."""
    early: bool = False
    """Whether a marrow taken too early, or contradicted, may still prove it."""
    mrd: dict[str, str] = field(default_factory=dict)
    """MRD status to the code that shows it."""
    flags: tuple[str, ...] = ()
    needs_therapy: bool = False
    """Whether it is said only of a marrow after therapy (assumed where no start is known)."""

    @property
    def clear(self) -> bool:
        """Whether its marrow lies below the line of disease: of several such the lowest is said."""
        return self.remission or self.early


class Outcomes(Sourced, frozen=True, kw_only=True):
    """The answers that are no category of the table."""

    not_evaluable: str
    undecided: str
    no_response: str
    refractory: str = ""
    relapse: str = ""
    relapse_suspected: str = ""


class Rule(Sourced, frozen=True, kw_only=True, tag_field="kind"):
    """A rule that looks back over the course; `text` is the rule in words."""

    text: str


class RelapseMarrow(Rule, tag="relapse-marrow", frozen=True, kw_only=True):
    """Relapse by marrow; with `recent_days`, low values after recent therapy ask for a repeat."""

    at_least: Decimal
    recent_days: int = 0
    recent_at_most: Decimal | None = None
    repeat_after: int = 0


class RelapseBlood(Rule, tag="relapse-blood", frozen=True, kw_only=True):
    """Relapse by blasts in the blood: one sample, or two so many days apart."""

    samples: Literal[1, 2]
    min_days: int = 0
    max_days: int = 0


class RelapseExtramedullary(Rule, tag="relapse-extramedullary", frozen=True, kw_only=True):
    """Relapse by new extramedullary disease."""


class LandmarkCycles(Rule, tag="landmark-cycles", frozen=True, kw_only=True):
    """Refractory from the marrow after so many cycles of an intensity."""

    cycles: int
    intensity: str


class LandmarkDays(Rule, tag="landmark-days", frozen=True, kw_only=True):
    """Refractory from so many days after the first start of an intensity."""

    days: int
    intensity: str


class Relapse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How remission ends; a set without any such rule withdraws the remission instead."""

    marrow: RelapseMarrow | None = None
    blood: RelapseBlood | None = None
    extramedullary: RelapseExtramedullary | None = None


class Landmarks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When no remission becomes refractory disease."""

    cycles: LandmarkCycles | None = None
    days: LandmarkDays | None = None


class Cutoff(Sourced, frozen=True, kw_only=True):
    """What a measured MRD level means for one assay and unit."""

    method: str
    unit: str
    positive_from: Decimal
    low_level: bool = False
    """Whether a level above zero and below `positive_from` is low-level; negative otherwise."""


class Mrd(Sourced, frozen=True, kw_only=True):
    """How measurable residual disease is judged."""

    text: str
    window_days: int
    confirm_days: int
    tissues: tuple[str, ...]
    blood_markers: tuple[str, ...] = ()
    """Markers that count in blood too, by `blood_by`; where one is not known, a positive may."""
    blood_by: tuple[str, ...] = ()
    no_mrd: tuple[str, ...] = ()
    """Genes whose variants by `no_mrd_by` are clonal haematopoiesis, and no residual disease."""
    no_mrd_by: tuple[str, ...] = ()
    suffix_by: tuple[str, ...] = ()
    """Assays whose negative or low level shows beside a remission; empty: any. A positive always
    does."""
    needs_confirmation: bool = False
    low_level: bool = False
    """Whether the set knows low-level MRD; detectable is positive otherwise."""
    negative_to_positive: bool = False
    only_after: tuple[str, ...] = ()
    """Codes the remission must have had before a relapse of MRD can be said; empty: any."""
    rise_factor: Decimal | None = None
    rise_method: str = ""
    suspected: str = ""
    relapse: str = ""
    cutoffs: tuple[Cutoff, ...] = ()


class Switch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy changes in one category when it is set to `yes`."""

    category: str
    adds: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


class Policy(Sourced, frozen=True, kw_only=True):
    """A decision where the papers leave room, with its default."""

    id: str
    name: str
    default: str
    choices: tuple[str, ...]
    text: str
    when_yes: tuple[Switch, ...] = ()


class Assumed(Sourced, frozen=True, kw_only=True):
    """An assumption the model makes outside the criteria, and how much it weighs."""

    level: Literal["routine", "material"]


class Assume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All assumptions of the model that no criterion names."""

    aml_lineage: Assumed
    treated_before_marrow: Assumed
    therapy_before_marrow: Assumed
    other_blast_method: Assumed


class About(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which set the file is."""

    id: str
    version: str
    title: str
    paper: str
    blast_method: Literal["morphology", "flow"]
    lineages: tuple[str, ...]
    """The threshold criteria of recovered counts, one per lineage."""
    out_of_scope_markers: tuple[str, ...]
    extramedullary: tuple[str, ...]
    """Analytes that speak of extramedullary disease, the general one first."""


class CriteriaSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """One published definition of response, whole; hashed as the one object it is."""

    about: About
    numbers: Numbers
    assume: Assume
    criterion: tuple[AnyCriterion, ...]
    category: tuple[Category, ...]
    outcomes: Outcomes
    relapse: Relapse
    landmark: Landmarks
    mrd: Mrd
    policy: tuple[Policy, ...] = ()

    @property
    def id(self) -> str:
        """The name by which a user asks for it."""
        return self.about.id

    @property
    def withholds_after_start(self) -> bool:
        """Whether a start before the first remission withholds what the last marrow said."""
        chosen = {one.name: one.default for one in self.policy}
        return chosen.get("answer_after_new_start") == "not-evaluable"

    @property
    def version(self) -> str:
        """The version written beside every answer."""
        return self.about.version
