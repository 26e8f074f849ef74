"""The step from one version of a criteria set to the next: a person looks before all is rewritten.

What stands on a server says by which version it was made. Where that is another one than this site
judges by, everything of ours would be written anew and some of it would say something else: nothing
is written until the step is accepted, by a plan that is applied or by `sync --accept-criteria`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.effects.process.clock import timestamp
from fhir_remission.effects.state.watermarks import read_marks
from fhir_remission.errors import UsageError
from fhir_remission.fhir.writing.site_marks import criteria_version_of
from fhir_remission.jobs.site.site import Site
from fhir_remission.jobs.write_back.planned_requests import Prospect

MARK = "criteria|"
REWRITES = ("update", "retract")


class VersionStep(NamedTuple):
    """One set: the version that stands on the server, and the one that would be written."""

    criteria: str
    stands: str
    now: str

    @property
    def accepted_as(self) -> str:
        """As `--accept-criteria` names it."""
        return f"{self.criteria}@{self.now}"

    def __str__(self) -> str:
        """Say it in words."""
        return (
            f"{self.criteria}: version {self.stands} stands on the server, this is version "
            f"{self.now}"
        )


def step_of(prospect: Prospect) -> VersionStep | None:
    """The step that writing this would make; None where no other version is known to stand."""
    identity, held = prospect.memory.place.by.identity, prospect.held.resources
    now = prospect.assessments[0].criteria_version
    for step in prospect.planned.steps:
        stands = held.get(step.reference.rpartition("/")[2])
        if step.action.kind in REWRITES and stands is not None:
            version = criteria_version_of(stands, identity)
            if version not in ("", now):
                return VersionStep(prospect.memory.criteria_id, version, now)
    return None


class Acceptance:
    """Which versions a person has accepted, now or in an earlier run."""

    def __init__(self, site: Site, asked: Sequence[str]) -> None:
        here = {name_of(one) for one in site.judge.sets}
        for name in asked:
            if name not in here:
                known = ", ".join(sorted(here))
                raise UsageError(f"--accept-criteria {name}: this site judges by {known}")
        self._site, self._asked = site, tuple(asked)
        marks = read_marks(site.state.database, site.connection.base.url)
        before = {
            f"{name[len(MARK) :]}@{value.partition(' ')[2]}"
            for name, value in marks.items()
            if name.startswith(MARK)
        }
        self._accepted = before.union(asked)

    def covers(self, step: VersionStep) -> bool:
        """Whether somebody has looked at it."""
        return step.accepted_as in self._accepted

    def remember(self, *, everything: bool = False) -> None:
        """Keep it for the runs that go on where this one ends; `everything`: a plan was applied."""
        site = self._site
        sets = [one for one in site.judge.sets if everything or name_of(one) in self._asked]
        if sets and site.lease is not None:
            # As every mark it begins with its moment: here, when somebody said yes.
            at = timestamp(site.clock.now())
            marks = {f"{MARK}{one.id}": f"{at} {one.version}" for one in sets}
            site.state.advance(site.connection.base.url, marks, {}, site.run_id)


def name_of(criteria: CriteriaSet) -> str:
    """A set with its version, as `--accept-criteria` takes it."""
    return f"{criteria.id}@{criteria.version}"


def stopped_by(steps: Iterable[tuple[VersionStep, Prospect]]) -> tuple[str, str]:
    """Why nothing is written, and all changes per pair of categories."""
    found = list(steps)
    told = "; ".join(sorted({str(step) for step, _ in found}))
    accept = " ".join(
        f"--accept-criteria {name}" for name in sorted({one.accepted_as for one, _ in found})
    )
    pairs = Counter(pair for _, prospect in found for pair in _pairs(prospect))
    changed = sum(many for (before, after), many in pairs.items() if before != after)
    kept = sum(pairs.values()) - changed
    changes = ", ".join(
        f"{before} to {after}: {many}"
        for (before, after), many in sorted(pairs.items(), key=lambda one: (-one[1], one[0]))
    )
    reason = (
        f"criteria {told}; {number_of(changed, 'result')} would change category, {kept} would not "
        f"({changes}): nothing was written; see plan and apply, or go on with sync {accept}"
    )
    return reason, changes


def _pairs(prospect: Prospect) -> set[tuple[str, str]]:
    """From which category to which, each once for a patient."""
    return {
        (step.before or "none", step.after or "none")
        for step in prospect.planned.steps
        if step.action.kind in REWRITES
    }
