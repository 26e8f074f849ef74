"""The sentences of an answer, whole, as a haematologist reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fhir_remission.domain.answer.wording import interval_text
from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.inputs import Interval
from tests.domain.builder import (
    Course,
    all_day,
    criteria,
    induction,
    judge,
    now,
    on,
    remission,
    value,
)


def only(*names: str) -> CriteriaSet:
    """The ELN set with these categories alone."""
    whole = criteria()
    return replace(whole, category=tuple(row for row in whole.category if row.id in names))


def test_a_state_without_a_beginning_has_no_since() -> None:
    """What is not known to be leukaemia has no course to date it by."""
    found = now(Course(diagnosed=None).marrow(-4, 10).chemo(1))

    assert found.summary == (
        "State unknown (IND, no diagnosis of AML on record); last marrow 2025-12-27."
    )


def test_every_assumption_is_named() -> None:
    """In words, one after the other."""
    course = Course().marrow(-4, 60, emd=None).chemo(1).marrow(30, 2, emd=None)
    found = now(course.blood(30, 1500, 150_000, smear=None))

    assert "assuming blood blasts absent, extramedullary disease absent)" in found.summary


@pytest.mark.parametrize(
    ("course", "advice"),
    [
        (Course().marrow(-4, 60), "An answer needs a marrow after the start of therapy."),
        (remission().blood(100, smear=2),
         "Another sample with blasts from 2026-04-17 to 2026-06-05 is relapse, counted from the "
         "sample of 2026-04-10; a clear smear or marrow ends the suspicion."),
        (remission(), ""),
        (induction().marrow(15, 2).blood(15, 1500, 150_000), ""),
    ],
    ids=["before therapy", "one sample with blasts", "complete", "an early marrow, recovered"],
)  # fmt: skip
def test_what_an_answer_needs_next(course: Course, advice: str) -> None:
    """By its reason, else by what is missing; nothing where nothing better can be had."""
    assert now(course).next_better == advice


def test_counts_nobody_took_are_said_to_be_unknown() -> None:
    """Whether they are low enough for CRi cannot be told without them."""
    found = now(induction().marrow(30, 2).blood(30), only("CRi", "MLFS"))

    assert (found.category, found.possible_higher) == ("MLFS", ("CRi",))
    assert found.next_better == (
        "MLFS, perhaps CRi: CRi needs ANC or platelets below the CR level (not known)."
    )


def test_a_set_that_claims_no_response_has_nothing_better() -> None:
    """Its rows are answers without order."""
    silent = only("PR")
    silent = replace(silent, category=tuple(replace(row, claim=False) for row in silent.category))

    assert now(induction().marrow(30, 60).blood(30, 1500, 150_000), silent).next_better == ""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("4", "4"), ("4.50", "4.5"), ("<5", "<5"), ("<=5", "<=5"), (">90", ">90"),
        (">=90", ">=90"), ("4-6", "4-6"), ("0-6", "<=6"),
    ],
)  # fmt: skip
def test_an_interval_is_printed_as_a_laboratory_prints_it(raw: str, text: str) -> None:
    """A range keeps both ends, a limit its strictness."""
    found = value(raw)

    assert isinstance(found, Interval)
    assert interval_text(found) == text


def test_a_few_cells_are_not_none() -> None:
    """Above nothing and up to 6 is no `<=6`, which nothing at all would be too."""
    assert interval_text(Interval(Decimal(0), Decimal(6), low_open=True)) == "0-6"


def test_of_the_dead_the_date_of_death_comes_first() -> None:
    """Then the state at that time; without a date at least the fact."""
    dead = remission().record(died=True, died_on="2026-07-19")
    assert judge(dead)[-1].summary.startswith("Died 2026-07-19. In remission since ")
    undated = remission().record(died=True)
    assert judge(undated)[-1].summary.startswith("Died, no date given. In remission since ")


def test_a_death_and_results_that_do_not_fit_are_told() -> None:
    """Results of after the death; of before the day of judging nobody has died of later."""
    early = remission().record(died=True, died_on="2025-12-01")
    assert judge(early)[-1].summary.startswith("Died 2025-12-01, though results are of later days.")
    assert judge(early)[-1].flags == ("deceased",)
    later = remission().record(died=True, died_on="2026-07")
    found = judge(later, as_of=all_day(100).start)[-1]
    assert found.summary.startswith("In remission since ")
    assert found.flags == ()


def test_refractory_disease_says_since_when_and_by_what_rule() -> None:
    """And since when the disease is active; a wait for the next response takes its place."""
    course = Course().marrow(-4, 60).chemo(1, "intensive").marrow(28, 30)
    course = course.chemo(29, "intensive").marrow(60, 22)
    told = now(course.blood(60, 300, 20_000)).summary
    rule = "no CR, CRh or CRi after 2 courses of intensive induction"
    assert told.startswith(f"Refractory since {on(60)} ({rule}); active disease since {on(28)} (")
    again = now(course.marrow(80, 30).chemo(90)).summary
    assert again.startswith(f"Refractory since {on(60)} ({rule}); awaiting response to therapy")


def test_a_suspicion_in_mrd_says_what_would_be_a_relapse() -> None:
    """As one in the blood does."""
    npm1 = {"method": "qpcr", "marker": "NPM1"}
    found = now(remission().mrd(30, "negative", **npm1).mrd(90, "positive", **npm1))
    assert found.next_better == (
        "A second positive sample of the marker in the same tissue is MRD relapse."
    )


def test_partial_response_is_compared_with_remission() -> None:
    """Not with a state that is none, nor by a count that nobody sent."""
    found = now(induction().marrow(30, 12).blood(30, 1500, 150_000))
    assert (
        found.next_better == "PR, not CR, because marrow blasts 12 % on 2026-01-30, CR needs < 5 %."
    )
    none = now(induction().marrow(30, 40).blood(30, None, None))
    assert (
        none.next_better
        == "NR, not CRi, because marrow blasts 40 % on 2026-01-30, CRi needs < 5 %."
    )


def test_a_smear_that_cannot_be_read_is_what_decides() -> None:
    """Also where the set has a lesser answer for it."""
    unread = induction().marrow(30, 2).blood(30, 1500, 150_000, smear="?")
    for name in ("eln-2022", "eln-2017"):
        found = now(unread, name)
        assert "blood-blasts" in found.missing
        assert (
            found.next_better == "A blood differential that says whether there are blasts decides."
        )


def test_a_second_sample_is_counted_from_the_first_that_counts() -> None:
    """Another one too soon after it changes nothing (3.7)."""
    found = now(remission().blood(100, smear=2).blood(103, smear=2))
    assert f"from {on(107)} to {on(156)} is relapse" in found.next_better
    assert f"counted from the sample of {on(100)}" in found.next_better


def test_a_sentence_says_why_its_answer_is_provisional_or_none_and_which_word_is_older() -> None:
    """What puzzled a reader: few cells, a preliminary marrow, a relapse of MRD that has gone."""
    few = now(induction().marrow(30, 2, cells=100).blood(30, 1500, 150_000))
    assert "(CR, provisional, for too few cells were counted in the marrow)" in few.summary
    early = induction().result("blasts-marrow", 30, 2, standing="preliminary")
    assert f"since therapy began, the marrow of {on(30)} is preliminary)" in now(early).summary
    gone = remission().mrd(30, "negative").mrd(60, "positive").mrd(75, "positive")
    assert "(CR, MRD-positive, MRD relapse)" in now(gone).summary
    gone.marrow(90, 2).blood(90, 1500, 150_000).mrd(90, "negative")
    assert "(CR, MRD-negative, after MRD relapse)" in now(gone).summary
