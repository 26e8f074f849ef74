"""How good an answer is, so that two answers can be compared: the order of claims of the model."""

from __future__ import annotations

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment

CLAIMS = {"CR": 5, "CRh": 4, "CRi": 3, "MLFS": 2, "PR": 1}
MRD = {"negative": 2, "low-level": 1}
CONFIDENCE = {"proved": 2, "routine": 1, "material": 0}


class Standing(Struct, frozen=True):
    """What is claimed of one patient, and with what doubt."""

    category: str = "none"
    state: str = "unknown"
    mrd: str = "unknown"
    confidence: str = "material"
    provisional: bool = True
    exit_code: int = 0

    @property
    def rank(self) -> tuple[int, int, int, bool]:
        """Larger is better: claim, then MRD, then how well it is proved."""
        claim = CLAIMS.get(self.category, 0)
        sure = CONFIDENCE[self.confidence] if claim else 0
        return claim, MRD.get(self.mrd, 0), sure, bool(claim) and not self.provisional

    def told(self) -> str:
        """In a few words."""
        return f"{self.category}/{self.mrd}/{self.confidence}/{self.state}/exit {self.exit_code}"


NOTHING = Standing()
"""No answer at all: refused, incomplete, or not there."""


def standing_of(assessment: Assessment, exit_code: int) -> Standing:
    """The standing of an answer that was given."""
    return Standing(
        category=assessment.category,
        state=assessment.state,
        mrd=assessment.mrd,
        confidence=assessment.confidence,
        provisional=assessment.provisional,
        exit_code=exit_code,
    )


def raised(before: Standing, after: Standing) -> bool:
    """Whether breaking something made the answer better, or took a doubt away."""
    if after.rank > before.rank:
        return True
    if after.state == "in-remission" and before.state != "in-remission":
        return True
    # The run said that something was wrong with the input, and now it says nothing.
    return after.rank == before.rank and after.rank[0] > 0 and after.exit_code < before.exit_code
