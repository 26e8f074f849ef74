"""Each kind of criterion by itself: its verdict at every state of what it asks, and what it cites.

A reader of the proof must find under each criterion exactly the results that decided it.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.evaluation.views import Background, Near
from fhir_remission.domain.nouns.assessment import Assumption
from tests.domain.builder import criteria, on
from tests.domain.sights import (
    amount,
    assumption,
    event,
    judgement,
    sight,
    sign,
    told,
    with_quantity,
    with_sign,
)

FLOW = Assumption("flow-as-morphology", "material")


@pytest.mark.parametrize(
    ("anc", "verdict"),
    [
        ("1.0", "met"),
        ("0.999", "not-met"),
        (">0.9", "unknown"),
        ("?", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_count_against_its_threshold(anc: Any, verdict: str) -> None:
    """Exactly 1.0 is recovered; what cannot be read or compared is neither, and is cited."""
    assert told("anc-recovered", sight(anc=anc)) == (verdict, ["anc 30"] if anc else [])


@pytest.mark.parametrize(
    ("op", "blasts", "verdict"),
    [("<", 3, "assumed"), ("<=", 3, "assumed"), (">=", 3, "not-met"), ("<", 7, "not-met")],
)
def test_flow_stands_for_morphology_only_by_assumption(op: str, blasts: int, verdict: str) -> None:
    """Few blasts by flow are few by assumption; that there are not many needs none."""
    chosen = criteria()
    row = next(one for one in chosen.criterion if one.id == "marrow-blasts-below-5")
    changed = tuple(replace(one, op=op) if one is row else one for one in chosen.criterion)
    view = with_quantity(sight(), "blasts-marrow", amount("blasts-marrow", blasts, assumes=FLOW))
    found = judgement("marrow-blasts-below-5", view, replace(chosen, criterion=changed))
    assert found.verdict.value == verdict
    assert found.assumption == (FLOW if verdict == "assumed" else None)
    assert [one.analyte for one in found.proof] == ["blasts-marrow"]


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("absent", "met"), ("present", "not-met"), ("unknown", "unknown"), ("automated", "assumed")],
)
def test_a_sign_that_was_reported_is_cited(state: str, verdict: str) -> None:
    """Whatever the smear said, the smear is what the verdict rests on."""
    view = sight(blood_blasts=state)
    assert told("no-blood-blasts", view) == (verdict, ["blasts-blood 30"])


def test_a_machine_that_saw_no_blasts_is_a_routine_assumption_nobody_looking_a_material_one() -> (
    None
):
    """Model 4.2; extramedullary disease nobody asked for is routine (4.3); Auer rods are met."""
    absent = "blood-blasts-absent"
    machine, nobody = sight(blood_blasts="automated"), sight(blood_blasts="silent")
    assert assumption("no-blood-blasts", machine) == Assumption(absent, "routine")
    assert assumption("no-blood-blasts", nobody) == Assumption(absent, "material")
    silent = sight(extramedullary_disease="silent", auer_rods="silent")
    assert assumption("no-extramedullary-disease", silent) == Assumption(
        "extramedullary-disease-absent", "routine"
    )
    assert told("no-extramedullary-disease", silent) == ("assumed", [])
    assert told("no-auer-rods", silent, "eln-2017") == ("met", [])
    assert assumption("no-auer-rods", silent, "eln-2017") is None


def test_a_set_may_say_that_a_machine_proves_nothing() -> None:
    """Unknown, met, routine and material are the file's to choose, and what was seen is cited."""
    chosen = criteria()
    row = next(one for one in chosen.criterion if one.id == "no-blood-blasts")
    for how, verdict in (("unknown", "unknown"), ("met", "met"), ("material", "assumed")):
        changed = tuple(
            replace(one, automated=how) if one is row else one for one in chosen.criterion
        )
        view, own = sight(blood_blasts="automated"), replace(chosen, criterion=changed)
        assert told("no-blood-blasts", view, own) == (verdict, ["blasts-blood 30"])


def test_strict_turns_every_assumption_into_not_known_and_nothing_else() -> None:
    """What was assumed is unknown and still cited; what was proved or refuted stays."""
    machine = sight(blood_blasts="automated", cells=None, anc="0.7")
    assert told("no-blood-blasts", machine, strict=True) == ("unknown", ["blasts-blood 30"])
    assert told("marrow-adequate", machine, strict=True) == ("unknown", [])
    assert told("anc-recovered", machine, strict=True)[0] == "not-met"
    assert told("platelets-recovered", machine, strict=True)[0] == "met"


def test_blasts_that_a_later_sample_may_clear_are_open() -> None:
    """Present by an earlier sample only: the verdict stands, and may still fall."""
    seen = with_sign(sight(), "blood-blasts", sign("blood-blasts", "present", 25, open=True))
    assert told("no-blood-blasts", seen) == ("not-met", ["blasts-blood 25"])
    assert judgement("no-blood-blasts", seen).open
    assert not judgement("no-blood-blasts", sight(blood_blasts="present")).open


@pytest.mark.parametrize(
    ("cells", "cellularity", "name", "verdict"),
    [
        (200, None, "eln-2022", "met"),
        (199, None, "eln-2022", "not-met"),
        ("?", None, "eln-2022", "unknown"),
        (">100", None, "eln-2022", "unknown"),
        (None, 10, "eln-2022", "met"),
        (None, 9, "eln-2022", "not-met"),
        (150, 10, "eln-2022", "met"),
        (150, 5, "eln-2022", "not-met"),
        (150, "?", "eln-2022", "unknown"),
        ("?", 5, "eln-2022", "unknown"),
        (150, 40, "iwg-2003", "not-met"),
        (300, None, "iwg-2003", "met"),
    ],
)
def test_enough_cells_or_enough_cellularity(
    cells: Any, cellularity: Any, name: str, verdict: str
) -> None:
    """Either is enough for ELN, only cells for IWG; both are cited where both were reported."""
    asked = [("marrow-cells-counted", cells)]
    if name != "iwg-2003":
        asked.append(("marrow-cellularity", cellularity))
    proof = sorted(f"{what} 30" for what, raw in asked if raw is not None)
    assert told("marrow-adequate", sight(cells=cells, cellularity=cellularity), name) == (
        verdict,
        proof,
    )


@pytest.mark.parametrize(("statement", "verdict"), [("present", "met"), ("unknown", "unknown")])
def test_a_word_on_the_sample_counts_where_nobody_counted_cells(
    statement: str, verdict: str
) -> None:
    """Adequate by statement is adequate; a statement that cannot be read is no adequacy."""
    view = sight(cells=None, statement=statement, anc="0.7")
    assert told("marrow-adequate", view) == (verdict, ["marrow-adequacy 30"])


def test_recovered_counts_speak_for_the_marrow_that_nobody_described() -> None:
    """Model 4.5: both counts at CR level, flagged and cited; one alone is an assumption."""
    found = judgement("marrow-adequate", sight(cells=None))
    assert (found.verdict.value, found.flag) == ("met", "adequacy-from-counts")
    assert told("marrow-adequate", sight(cells=None))[1] == ["anc 30", "platelets 30"]
    for view in (sight(cells=None, anc="0.9"), sight(cells=None, platelets=None)):
        assert told("marrow-adequate", view) == ("assumed", [])
        assert assumption("marrow-adequate", view) == Assumption("marrow-adequate", "material")


def test_a_composite_cites_the_parts_that_decide_it() -> None:
    """Below CR: the counts that fell short; not below: all; not to be told: all."""
    assert told("counts-below-cr", sight(anc="0.7")) == ("met", ["anc 30"])
    assert told("counts-below-cr", sight(anc="0.7", platelets=40)) == (
        "met",
        ["anc 30", "platelets 30"],
    )
    assert told("counts-below-cr", sight()) == ("not-met", ["anc 30", "platelets 30"])
    assert told("counts-below-cr", sight(anc="?")) == ("unknown", ["anc 30", "platelets 30"])


def test_one_recovered_lineage_is_enough_where_one_is_asked() -> None:
    """D1: the recovered lineage is cited; with none both are; with one unread nothing is said."""
    asked = "one-lineage-recovered"
    assert told(asked, sight(platelets=40)) == ("met", ["anc 30"])
    assert told(asked, sight(anc="0.7")) == ("met", ["platelets 30"])
    assert told(asked, sight(anc="0.7", platelets=40)) == ("not-met", ["anc 30", "platelets 30"])
    assert told(asked, sight(anc="0.7", platelets="?")) == ("unknown", ["anc 30", "platelets 30"])


RED, ANY = event("rbc-transfusion", 28), event("transfusion-unspecified", 28)
UNDATED = event("rbc-transfusion", None)


@pytest.mark.parametrize(
    ("near", "statement", "recorded", "verdict", "proof"),
    [
        ([RED], "silent", True, "not-met", ["rbc-transfusion 28"]),
        ([RED], "present", True, "not-met", ["rbc-transfusion 28"]),
        ([RED, ANY], "silent", True, "not-met", ["rbc-transfusion 28"]),
        ([ANY], "silent", True, "unknown", ["transfusion-unspecified 28"]),
        ([UNDATED], "silent", True, "unknown", ["rbc-transfusion"]),
        ([], "absent", True, "not-met", ["rbc-transfusion-independence 30"]),
        ([ANY], "absent", False, "not-met", ["rbc-transfusion-independence 30"]),
        ([], "unknown", True, "unknown", ["rbc-transfusion-independence 30"]),
        (
            [ANY], "unknown", True, "unknown",
            ["rbc-transfusion-independence 30", "transfusion-unspecified 28"],
        ),
        ([], "present", False, "met", ["rbc-transfusion-independence 30"]),
        ([], "silent", True, "met", []),
        ([], "silent", False, "assumed", []),
    ],
)  # fmt: skip
def test_red_cells(
    near: list[Any], statement: str, recorded: bool, verdict: str, proof: list[str]
) -> None:
    """Given is given whatever was stated; a statement beats silence, which needs a site's word."""
    view = sight(
        near=tuple(Near("rbc-independent", one, one.when is not None) for one in near),
        independence=statement,
        recorded=frozenset({"rbc-independent"} if recorded else ()),
    )
    assert told("rbc-independent", view, "iwg-2003") == (verdict, proof)
    other = replace(
        view, transfusions=(Near("of-another-rule", RED, True),), independence=sign("x", "silent")
    )
    assert told("rbc-independent", other, "iwg-2003")[0] == ("met" if recorded else "assumed")


def test_an_assumed_independence_is_named() -> None:
    """Model 4.4: material where nobody attests that transfusions are recorded."""
    found = assumption("rbc-independent", sight(), "iwg-2003")
    assert found == Assumption("rbc-transfusion-independent", "material")
    assert told("counts-or-red-cells-below-cr", sight(), "iwg-2003") == (
        "not-met",
        ["anc 30", "platelets 30"],
    )


@pytest.mark.parametrize(
    ("prior", "verdict"),
    [("absent", "met"), ("silent", "met"), ("present", "not-met"), ("unknown", "unknown")],
)
def test_no_remission_before(prior: str, verdict: str) -> None:
    """A remission of this course forbids PR and PD, a claimed one leaves it open; both cited."""
    past = sign("blasts-marrow", prior, 10)
    view = sight(background=Background(prior_remission=past))
    proof = [] if prior == "silent" else ["blasts-marrow 10"]
    assert told("no-prior-remission", view) == (verdict, proof)


START = (event("therapy-start", 1),)


@pytest.mark.parametrize(
    ("since", "verdict"), [(-60, "met"), (-59, "not-met"), (1, "not-met"), (None, "unknown")]
)
def test_three_months_of_therapy(since: int | None, verdict: str) -> None:
    """Ninety days to the marrow are three months; without a known start nobody can say."""
    past = Background(therapy_since=None if since is None else on(since), therapy_proof=START)
    found = told("three-months-of-therapy", sight(background=past), "eln-2017")
    assert found == (verdict, [] if since is None else ["therapy-start 1"])


@pytest.mark.parametrize(
    ("before", "now", "treated", "verdict", "proof"),
    [
        ("silent", "present", True, "met", [30]),
        ("absent", "present", True, "met", [30]),
        ("unknown", "present", True, "unknown", [30]),
        ("silent", "present", False, "unknown", [30]),
        ("silent", "unknown", True, "unknown", [30]),
        ("absent", "unknown", False, "unknown", [30]),
        ("silent", "absent", True, "not-met", [30]),
        ("unknown", "absent", True, "not-met", [30]),
        ("silent", "silent", True, "not-met", []),
        ("present", "present", True, "not-met", [-2]),
        ("present", "unknown", False, "not-met", [-2]),
    ],
)
def test_extramedullary_disease_is_new_only_after_therapy_began_without_it(
    before: str, now: str, treated: bool, verdict: str, proof: list[int]
) -> None:
    """What was there before therapy is not new; what may have been there is not to be told."""
    name = "extramedullary-disease"
    past = Background(
        therapy_since=on(1) if treated else None, lesion_before_therapy=sign(name, before, -2)
    )
    view = with_sign(sight(background=past), name, sign(name, now))
    cites = [f"extramedullary-disease {day}" for day in proof]
    assert told("new-extramedullary-disease", view, "eln-2017") == (verdict, cites)
