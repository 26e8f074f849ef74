"""Signs of leukaemia outside the marrow count: what was said, by whom, and how long it holds."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_remission.domain.nouns.verdicts import SILENT, SignReading
from fhir_remission.domain.record.draws import read_draws
from fhir_remission.domain.record.signs import (
    Extramedullary,
    Memory,
    agreed,
    read_extramedullary,
    said,
    sign_of,
    smear_of,
)
from fhir_remission.domain.record.therapy import read_support
from tests.domain.builder import Course, all_day, criteria, on
from tests.domain.sights import cited, in_order, result

NUMBERS = criteria().numbers
SITES = ("extramedullary-disease", "blasts-csf")
ALWAYS = Memory(date.min, 28, 90)


# -------------------------------------------------------------------------- what a result says


@pytest.mark.parametrize(
    ("raw", "final", "preliminary"),
    [
        ("negative", "negative", None),
        ("positive", "positive", "unclear"),
        ("indeterminate", "unclear", "unclear"),
        ("low-level", "unclear", "unclear"),
        (0, "negative", None),
        (3, "positive", "unclear"),
        ("<1", "unclear", "unclear"),
        (">0", "positive", "unclear"),
        ("rare", "positive", "unclear"),
        ("?", "unclear", "unclear"),
    ],
)
def test_what_one_result_says(raw: Any, final: str, preliminary: str | None) -> None:
    """A preliminary denial says nothing, a preliminary finding is a doubt (model 1.4)."""
    assert said(result("blasts-blood", raw)) == final
    assert said(result("blasts-blood", raw, standing="preliminary")) == preliminary


@pytest.mark.parametrize(
    ("raws", "state", "days"),
    [
        ([], "silent", []),
        ([0, 0], "absent", [1, 2]),
        ([0, "?"], "unknown", [2]),
        ([0, "?", 3], "present", [3]),
        ([3, 0, 2], "present", [1, 3]),
    ],
)
def test_presence_outweighs_everything_and_doubt_outweighs_absence(
    raws: list[Any], state: str, days: list[int]
) -> None:
    """And what outweighs is what is cited."""
    found = sign_of(result("blasts-blood", raw, day) for day, raw in enumerate(raws, 1))
    assert found.state == state
    assert cited(found.proof) == [f"blasts-blood {day}" for day in days]


def test_a_preliminary_denial_is_silence() -> None:
    """It neither proves absence nor is it cited."""
    assert sign_of([result("blasts-blood", 0, standing="preliminary")]) == SILENT


@pytest.mark.parametrize(
    ("raws", "state"),
    [
        ([], "silent"),
        (["positive", "positive"], "present"),
        (["negative"], "absent"),
        (["?", "?"], "unknown"),
        (["positive", "negative"], "unknown"),
        (["positive", "?"], "unknown"),
    ],
)
def test_statements_must_agree(raws: list[Any], state: str) -> None:
    """Of a sample called adequate and inadequate nothing is known; all of them are cited."""
    found = agreed(result("marrow-adequacy", raw, day) for day, raw in enumerate(raws, 1))
    assert found.state == state
    assert len(found.proof) == len(raws)


def test_a_preliminary_denial_does_not_disagree() -> None:
    """It says nothing, alone or beside a final word."""
    early = result("marrow-adequacy", "negative", standing="preliminary")
    assert agreed([early]) == SILENT
    assert agreed([early, result("marrow-adequacy", "positive")]).state == "present"


# ----------------------------------------------------------------------------------- the smear


def smear(*reports: tuple[str, Any, str], standing: str = "usable") -> SignReading:
    """Blood blasts of one draw: reports as analyte, value and method."""
    course = Course(diagnosed=None).result("hemoglobin", 30, 9)
    for analyte, raw, method in reports:
        course.result(analyte, 30, raw, method=method, standing=standing)
    (draw,) = read_draws(in_order(course.results), NUMBERS, read_support({}, NUMBERS))
    return smear_of(draw)


BLASTS = ("blasts-blood", 0, "manual")


@pytest.mark.parametrize(
    ("reports", "state", "proof"),
    [
        ([], "silent", []),
        ([BLASTS], "absent", ["blasts-blood"]),
        ([("blasts-blood", 0, "")], "absent", ["blasts-blood"]),
        ([("blasts-blood-count", 0, "manual")], "absent", ["blasts-blood-count"]),
        ([("blasts-blood-presence", "negative", "manual")], "absent", ["blasts-blood-presence"]),
        ([("blasts-blood", 2, "automated")], "present", ["blasts-blood"]),
        ([("blasts-blood", "?", "manual")], "unknown", ["blasts-blood"]),
        ([BLASTS, ("blasts-blood-presence", "positive", "")], "present", ["blasts-blood-presence"]),
        ([("blasts-blood", 0, "automated")], "automated", ["blasts-blood"]),
        ([("blasts-blood", 0, "automated"), BLASTS], "absent", ["blasts-blood"]),
        (
            [("blasts-blood", 0, "automated"), ("neutrophils-pct", 50, "manual")],
            "absent", ["neutrophils-pct"],
        ),
        ([("neutrophils-pct", 50, "manual")], "absent", ["neutrophils-pct"]),
        ([("differential", "negative", "manual")], "absent", ["differential"]),
        ([("neutrophils-pct", 50, "automated")], "automated", ["neutrophils-pct"]),
        (
            [("neutrophils-pct", 50, "automated"), ("neutrophils-band-pct", 5, "manual")],
            "absent", ["neutrophils-band-pct"],
        ),
        ([("neutrophils-pct", 50, "")], "silent", []),
        ([("neutrophils-pct", "?", "manual")], "silent", []),
        ([("anc", 2, "manual")], "silent", []),
    ],
)  # fmt: skip
def test_blood_blasts_of_a_draw(
    reports: list[tuple[str, Any, str]], state: str, proof: list[str]
) -> None:
    """Model 4.2: microscopy proves absence, a machine is an assumption, a count says nothing."""
    found = smear(*reports)
    assert found.state == state
    assert [one.split()[0] for one in cited(found.proof)] == proof


def test_a_preliminary_differential_proves_nothing() -> None:
    """Neither does a preliminary smear; a preliminary blast is a doubt."""
    assert smear(("neutrophils-pct", 50, "manual"), standing="preliminary") == SILENT
    assert smear(BLASTS, standing="preliminary") == SILENT
    assert smear(("blasts-blood", 3, "manual"), standing="preliminary").state == "unknown"


# --------------------------------------------------------------------- extramedullary disease


def lesions(course: Course) -> Extramedullary:
    """What a course says of its sites; the first is the general one."""
    return read_extramedullary(in_order(course.results), in_order(course.events), SITES)


def bare() -> Course:
    """A patient of whom nothing is known."""
    return Course(diagnosed=None)


@pytest.mark.parametrize(
    ("day", "state"), [(9, "silent"), (10, "present"), (38, "present"), (39, "unknown")]
)
def test_a_lesion_stays_for_twenty_eight_days_and_is_then_unknown(day: int, state: str) -> None:
    """Never assumed gone (model 4.3), and cited as long as it counts."""
    found = lesions(bare().event("extramedullary", 10)).at(on(day), ALWAYS)
    assert found.state == state
    assert cited(found.proof) == ([] if state == "silent" else ["extramedullary 10"])


@pytest.mark.parametrize(
    ("day", "state"), [(9, "silent"), (10, "absent"), (100, "absent"), (101, "silent")]
)
def test_a_denial_stands_for_its_own_time(day: int, state: str) -> None:
    """Then nothing is known, which is not the same as a lesion unheard of."""
    course = bare().result("extramedullary-disease", 10, "negative")
    assert lesions(course).at(on(day), ALWAYS).state == state


def test_the_latest_word_counts() -> None:
    """Present, absent, present: each until the next, whatever the order of the record."""
    course = bare().event("extramedullary", 30)
    course.result("extramedullary-disease", 20, "negative").event("extramedullary", 10)
    found = lesions(course)
    states = [found.at(on(day), ALWAYS).state for day in (10, 20, 29, 30)]
    assert states == ["present", "absent", "absent", "present"]
    assert found.days == (on(10), on(30))


def test_what_was_said_before_the_course_is_history() -> None:
    """A lesion of before `since`; a denial is judged by its own age; an undated one never ages."""
    old = Memory(on(11), 28, 90)
    assert lesions(bare().event("extramedullary", 10)).at(on(12), old) == SILENT
    assert lesions(bare().event("extramedullary", 11)).at(on(12), old).state == "present"
    denied = lesions(bare().result("extramedullary-disease", 10, "negative"))
    assert denied.at(on(12), old).state == "absent"
    undated = lesions(bare().event("extramedullary", None))
    assert undated.at(on(12), old).state == "unknown"
    assert undated.days == (date.min,)


@pytest.mark.parametrize(
    ("certainty", "state"), [("confirmed", "present"), ("unconfirmed", "unknown")]
)
def test_only_a_confirmed_lesion_is_there(certainty: Any, state: str) -> None:
    """A provisional one is neither there nor not."""
    found = lesions(bare().event("extramedullary", 10, certainty=certainty))
    assert (found.at(on(10), ALWAYS).state, found.on(on(10)).state) == (state, state)


def test_an_abated_lesion_is_gone_from_the_day_it_ended() -> None:
    """The last day of its abatement; until then it is there."""
    found = lesions(bare().event("extramedullary", 10, ended=all_day(20)))
    assert [found.at(on(day), ALWAYS).state for day in (19, 20, 21)] == [
        "present", "absent", "absent",
    ]  # fmt: skip
    assert found.days == (on(10),)


def test_of_one_day_presence_outweighs_absence() -> None:
    """Never the better one of two."""
    course = bare().result("extramedullary-disease", 10, "negative")
    course.result("extramedullary-disease", 10, "positive")
    assert lesions(course).on(on(10)).state == "present"


def test_a_clear_site_denies_only_itself() -> None:
    """Clear spinal fluid says nothing of the others before that site was ever involved."""
    clear = lesions(bare().result("blasts-csf", 10, 0))
    assert clear.at(on(10), ALWAYS) == SILENT
    assert clear.on(on(10)) == SILENT
    course = bare().result("blasts-csf", 5, 0).result("blasts-csf", 10, 3)
    course.result("blasts-csf", 20, 0)
    found = lesions(course)
    assert [found.at(on(day), ALWAYS).state for day in (5, 10, 20)] == [
        "silent", "present", "silent",
    ]  # fmt: skip
    assert found.on(on(20)).state == "absent"


def test_the_worst_of_all_sites_counts() -> None:
    """Blasts in the spinal fluid beside a denial; each site keeps its own time; all are cited."""
    course = bare().result("extramedullary-disease", 10, "negative").result("blasts-csf", 10, 3)
    found = lesions(course)
    assert found.at(on(10), ALWAYS).state == "present"
    assert cited(found.at(on(10), ALWAYS).proof) == ["blasts-csf 10"]
    assert cited(found.on(on(10)).proof) == ["blasts-csf 10"]
    assert found.at(on(39), ALWAYS).state == "unknown"
    both = lesions(course.event("extramedullary", 20))
    assert cited(both.at(on(21), ALWAYS).proof) == ["blasts-csf 10", "extramedullary 20"]
    assert cited(both.at(on(40), ALWAYS).proof) == ["extramedullary 20"]
    assert both.days == (on(10), on(20))


def test_a_word_of_another_day_is_not_of_this_day() -> None:
    """`on` asks for the very day."""
    found = lesions(bare().event("extramedullary", 10))
    assert (found.on(on(9)), found.on(on(11))) == (SILENT, SILENT)
    assert found.on(on(10)).state == "present"


def test_the_days_on_which_disease_was_not_denied() -> None:
    """The first of them after a day, and the first on which it was seen."""
    course = bare().result("extramedullary-disease", 12, "?")
    course.result("extramedullary-disease", 14, "indeterminate")
    course.event("extramedullary", 16).event("extramedullary", 18)
    found = lesions(course)
    assert found.days == (on(12), on(14), on(16), on(18))
    assert found.next_after(on(10), on(30)) == [on(12), on(16)]
    assert found.next_after(on(12), on(15)) == [on(14)]
    assert found.next_after(on(15), on(30)) == [on(16)]
    assert found.next_after(on(16), on(18)) == [on(18)]
    assert found.next_after(on(18), on(30)) == []


def test_a_preliminary_denial_of_a_lesion_says_nothing() -> None:
    """Nor do results of anything else."""
    course = bare().result("extramedullary-disease", 10, "negative", standing="preliminary")
    course.result("blasts-blood", 10, 3)
    found = lesions(course)
    assert (found.at(on(10), ALWAYS), found.days) == (SILENT, ())
