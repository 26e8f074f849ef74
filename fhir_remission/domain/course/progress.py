"""Where a course stands between two anchors, and what one anchor says."""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.course.courses import Baseline, Course
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import AnchorKind, Assumption, CriterionResult
from fhir_remission.domain.nouns.verdicts import Proof, Trail
from fhir_remission.domain.record.mrd import MrdHistory, Status


class Remission(Struct, frozen=True):
    """A proved remission of the current course."""

    since: date
    """The response date of its first category."""
    row: Category
    code: str
    proof: Proof


class Sample(Struct, frozen=True):
    """Blood that held blasts, or may have."""

    day: date
    sure: bool
    proof: Proof


class Standing(Struct, frozen=True):
    """What the latest evaluable marrow of a remission said; suspicion passes over it."""

    category: str
    row: Category | None = None
    evaluation: Evaluation | None = None
    response_date: date | None = None
    code: str = ""
    reason: str = ""
    """Why it says nothing, where it does not."""


class Progress(Struct, frozen=True):
    """All that later anchors need to know of earlier ones."""

    course: Course
    baseline: Baseline
    state: str
    since: date | None
    remission: Remission | None = None
    maybe: Trail | None = None
    """Evidence that may have been a remission of this course, and is not proved to be one."""
    maybe_since: date | None = None
    """The first marrow, or relapse, that may have been or ended one; None where none was."""
    doubts: Trail | None = None
    """What may have ended the remission; only a newly proved one ends the doubt."""
    unclear: bool = False
    """A smear could not be read; a clear one ends this."""
    samples: tuple[Sample, ...] = ()
    """Blood blasts since the last clear smear or marrow."""
    suspected_on: date | None = None
    """The marrow that asked for a repeat."""
    relapse_day: date | None = None
    first_sign: date | None = None
    relapse_proof: Proof = ()
    refractory: bool = False
    withdrawn: Proof = ()
    """The remission of a set without relapse rules, once disease has shown itself."""
    best: Category | None = None
    ended_best: Category | None = None
    """The best response of the course that a relapse ended."""
    category: str = ""
    """What the latest evaluable anchor said."""
    row: Category | None = None
    response_date: date | None = None
    carried: Evaluation | None = None
    """The marrow with its window that said so."""
    standing: Standing | None = None
    """To be taken up again when a suspicion is cleared."""
    assumptions: tuple[Assumption, ...] = ()
    mrd: MrdHistory = MrdHistory()
    mrd_status: Status = "unknown"

    @property
    def doubt(self) -> bool:
        """Whether the remission may have ended."""
        return self.doubts is not None

    @property
    def maybe_remission(self) -> bool:
        """Whether this course may have had a remission that is not proved."""
        return self.maybe_since is not None

    @property
    def code(self) -> str:
        """The remission with its MRD, while the latest evaluable marrow says it; empty else."""
        said = self.row is not None and self.row.remission
        return self.remission.code if self.remission is not None and said else ""


class Draft(Struct, frozen=True):
    """What one anchor says, before it is put into words."""

    kind: AnchorKind
    day: date
    effective: str
    refs: tuple[str, ...]
    after: Progress
    category: str
    reason: str = ""
    response_date: date | None = None
    first_sign: date | None = None
    evaluation: Evaluation | None = None
    """The marrow with its window, where this anchor is or carries one."""
    carries: bool = False
    """Whether the category is that of an earlier marrow."""
    assumptions: tuple[Assumption, ...] = ()
    candidates: tuple[str, ...] = ()
    possible_higher: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    guards: tuple[CriterionResult, ...] = ()
    mrd: Status = "unknown"
    mrd_flags: tuple[str, ...] = ()
    mrd_proof: Proof = ()
    code: str = ""
    doubted: bool = False
    """A doubt named in the flags makes the answer provisional."""


def best_of(
    one: Category | None, two: Category | None, rows: tuple[Category, ...]
) -> Category | None:
    """The better of two claims."""
    claims = [row for row in (one, two) if row is not None and row.claim]
    order = [row.id for row in rows]
    return min(claims, key=lambda row: order.index(row.id), default=None)


def moved(progress: Progress, state: str, since: date | None, **changes: object) -> Progress:
    """The same course in another state; a state that does not change keeps its day."""
    kept = progress.since if progress.state == state else since
    return replace(progress, state=state, since=kept, **changes)
