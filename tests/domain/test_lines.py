"""Gates, limits and rules of the course as lines of the proof: what each says, and by what source.

A reader who asks why an answer is not better finds the rule in words, who set it, and the results.
"""

from __future__ import annotations

import pytest

from tests.domain.builder import Course, anchored, induction, judge, remission
from tests.domain.sights import cited
from tests.domain.test_histories import bad_sample

AML = "remission is said only of acute myeloid leukaemia; APL is out of scope"
SCOPE = "title and scope of the criteria"
BEFORE = "blasts, a lesion or therapy seen before the marrow, or a diagnosis weeks before it"
RESPONDS = "a response needs something to respond"
SAMPLE = "non-evaluable: technically suboptimal sample"
JUDGED = "the sample can be judged: cells counted, cellularity, or a word on its quality"
STATED = "nobody states that the sample cannot be judged"
ENOUGH = "enough cells were counted, or cellularity makes up for it"
ORDER = "order of evaluation"
NONE_BEFORE = "no remission before: after one, partial remission and progression are not tested"
UNREAD = "what cannot be read proves nothing"
REFRACTORY = "before refractory disease: no CR, CRh or CRi after 2 courses of intensive induction"
PDQ = "ELN 2022 as printed in NCI PDQ Adult AML, response tables [V2]"
CR_30 = [
    "anc 30", "blasts-blood 30", "blasts-marrow 30", "extramedullary-disease 30",
    "marrow-cells-counted 30", "platelets 30",
]  # fmt: skip
MARROW_40 = ["blasts-marrow 40", "marrow-cells-counted 40"]


def few(course: Course, day: int) -> Course:
    """Fifty cells, and counts that have not recovered."""
    return course.marrow(day, 2, cells=50).blood(day, 300, 20_000)


def twice() -> Course:
    """Two intensive cycles, the first without a response."""
    course = Course().marrow(-4, 60).chemo(1, "intensive").marrow(28, 40)
    return course.chemo(30, "intensive")


LINES: list[tuple[Course, int, str, str, str, str, list[str]]] = [
    (remission(), 30, "aml-diagnosis", "met", AML, SCOPE, ["aml-diagnosis -6"]),
    (remission().event("other-leukaemia", -5), 30, "aml-diagnosis", "unknown", AML, SCOPE,
     ["aml-diagnosis -6", "other-leukaemia -5"]),
    (remission(diagnosed=None), 30, "aml-diagnosis", "assumed", AML, SCOPE,
     ["blasts-marrow -4", "marrow-cells-counted -4"]),
    (remission(), 30, "response-evaluation", "met", BEFORE, RESPONDS, ["therapy-start 1"]),
    (Course(diagnosed=20).marrow(30, 2), 30, "response-evaluation", "not-met", BEFORE, RESPONDS,
     ["aml-diagnosis 20"]),
    (Course(diagnosed=50).chemo(10).marrow(30, 2), 30, "response-evaluation", "not-met",
     "the course has begun: diagnosis or a marrow full of blasts before this marrow",
     "20 % blasts define AML without a defining genetic lesion: ELN 2022 [V]",
     ["aml-diagnosis 50"]),
    (remission(), 30, "marrow-usable", "met", JUDGED, SAMPLE, ["marrow-cells-counted 30"]),
    (bad_sample(induction(), 30), 30, "marrow-usable", "not-met", STATED, SAMPLE,
     ["marrow-adequacy 30"]),
    (induction().marrow(30, 2).result("marrow-adequacy", 30, "?"), 30, "marrow-usable", "unknown",
     STATED, SAMPLE, ["marrow-adequacy 30"]),
    (few(induction().marrow(15, 2), 25), 25, "marrow-usable", "not-met", ENOUGH, SAMPLE,
     ["anc 25", "blasts-blood 25", "marrow-cells-counted 25", "platelets 25"]),
    (few(induction().marrow(15, 2), 25), 25, "marrow-decides", "not-met",
     "the latest marrow gives an answer of its own", ORDER,
     ["blasts-blood 25", "blasts-marrow 25", "extramedullary-disease 25",
      "marrow-cells-counted 25"]),
    (induction().marrow(30, 12).chemo(35), 30, "window-whole", "not-met",
     "counts up to 14 d after the marrow; cut by the next cycle",
     "counts within 14 days of the marrow need no repeat marrow: Zeidan et al., Blood"
     " 2023;141:2047, practical rules [V]", ["therapy-start 35"]),
    (induction().marrow(30, 12).marrow(40, 12), 30, "window-whole", "not-met",
     "counts up to 14 d after the marrow; cut by the next marrow",
     "counts within 14 days of the marrow need no repeat marrow: Zeidan et al., Blood"
     " 2023;141:2047, practical rules [V]", MARROW_40),
    (induction().marrow(15, 2), 15, "marrow-not-early", "not-met",
     "on day 21 of therapy or later, counted from its first",
     "a marrow before day 21 of a cycle looks for hypoplasia; NCCN v3.2021 as quoted asks for that"
     " look on days 14 to 21 after induction, and no paper draws this line [ours]",
     ["therapy-start 1"]),
    (Course().marrow(-4, 60).chemo(1, "less-intensive").marrow(10, 2), 10, "marrow-not-early",
     "not-met", "on day 15 of therapy or later, counted from its first",
     "cycles with venetoclax or a hypomethylating agent alone are looked at earlier: from the"
     " middle of the cycle on [ours]", ["therapy-start 1"]),
    (induction().marrow(30, 2).marrow(40, 40), 30, "marrow-not-contradicted", "not-met",
     "no other marrow within 14 d that disagrees",
     "two marrows so close look at one moment; NCCN asks a repeat in 5-7 days where hypoplasia is"
     " ambiguous [ours]", MARROW_40),
    (remission().marrow(100, 40), 100, "no-prior-remission", "not-met", NONE_BEFORE, ORDER, CR_30),
    (twice().marrow(60, 40).blood(60, 300, 20_000), 60, "before-landmark", "not-met", REFRACTORY,
     PDQ, ["blasts-marrow -4", "therapy-start 1", "therapy-start 30"]),
    (twice().marrow(60, 2), 60, "before-landmark", "unknown", REFRACTORY, PDQ,
     ["blasts-marrow -4", "therapy-start 1", "therapy-start 30"]),
    (twice().marrow(60, "4-6").blood(60, 300, 20_000), 60, "before-landmark", "unknown",
     REFRACTORY, UNREAD, ["blasts-marrow -4", "therapy-start 1", "therapy-start 30"]),
    (remission().marrow(100, "4-6"), 100, "no-relapse-in-marrow", "unknown",
     "no marrow blasts >= 5 % after CR, CRh or CRi", UNREAD, ["blasts-marrow 100"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("course", "day", "name", "verdict", "rule", "source", "proof"),
    LINES,
    ids=[f"{one[2]} {one[3]} {place}" for place, one in enumerate(LINES)],
)
def test_a_line_says_its_rule_its_source_and_what_it_rests_on(
    course: Course, day: int, name: str, verdict: str, rule: str, source: str, proof: list[str]
) -> None:
    """As it is printed."""
    found = anchored(judge(course), day)
    (line,) = [one for one in found.criteria_results if one.criterion == name]
    assert (line.verdict.value, line.rule, line.source) == (verdict, rule, source)
    assert cited(line.evidence) == proof


def test_what_takes_a_remission_back_is_told_as_a_rule() -> None:
    """By a set that defines no relapse."""
    found = judge(remission().marrow(100, 40), "healthtree-2024")[-1]
    (line,) = [one for one in found.criteria_results if one.criterion == "remission-kept"]
    text = "no disease after the remission: it takes it back, for the set defines no relapse"
    assert (line.verdict.value, line.rule, line.source) == ("not-met", text, ORDER)


def test_what_the_record_leaves_open_is_a_line_of_its_own() -> None:
    """All that was looked at, in order of time; not where there is only one course."""
    found = judge(remission().marrow(100, "4-6"))[-1]
    (line,) = [one for one in found.criteria_results if one.criterion == "course-known"]
    text = "what is unknown leaves no other answer open"
    assert (line.verdict.value, line.rule, line.source) == ("unknown", text, UNREAD)
    days = [one.when.first_day for one in line.evidence if one.when is not None]
    assert days == sorted(days)
    assert {"blasts-marrow -4", "blasts-marrow 100", *CR_30} <= set(cited(line.evidence))
    settled = judge(remission().marrow(100, 40))[-1]
    assert "course-known" not in {one.criterion for one in settled.criteria_results}


def test_a_remission_that_was_only_told_of_is_no_proof_of_one() -> None:
    """The line that says there was one before is unknown, and cites nothing."""
    course = induction().claim("remission", 20).marrow(40, 40)
    found = judge(course)[-1]
    assert found.candidates == ("RELAPSE", "NR")
    (line,) = [
        one for one in found.criteria_results if one.rule == NONE_BEFORE and one.source == ORDER
    ]
    assert (line.verdict.value, line.evidence) == ("unknown", ())
