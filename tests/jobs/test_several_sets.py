"""Several criteria sets from one pass over the evidence: read once, judged by each."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from fhir_remission import classify
from fhir_remission.rehearsal.cohort.cohort import demo_cohort

SETS = ["eln-2022", "eln-2017", "iwg-2003", "healthtree-2024"]
AS_OF = "2026-12-31T00:00:00Z"


def test_the_evidence_is_read_once_for_all_sets() -> None:
    """As often as there are patients, however many sets are asked for."""
    calls = {"read_entries": 0, "assess": 0}

    def called(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code.co_name in calls:
            # `Judge.assess` is called once for all sets, the domain's once for each.
            calls[frame.f_code.co_name] += frame.f_globals["__name__"].split(".")[1] != "jobs"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        found = classify(demo_cohort(), criteria=SETS, as_of=AS_OF)
    finally:
        sys.setprofile(before)
    patients = {one.patient for one in found}

    assert len(patients) >= 20
    assert calls == {"read_entries": len(patients), "assess": len(patients) * len(SETS)}


def test_together_they_say_what_each_says_alone() -> None:
    """No set leaves anything behind for the next."""
    together = classify(demo_cohort(), criteria=SETS, as_of=AS_OF, history=True)
    for name in reversed(SETS):
        alone = classify(demo_cohort(), criteria=name, as_of=AS_OF, history=True)
        assert [one for one in together if one.criteria_id == name] == alone
