"""Blood draws: what belongs to one, what the counts of it are, and what another one lends."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.verdicts import NOTHING
from fhir_remission.domain.record.draws import Draw, count_of, read_draws
from fhir_remission.domain.record.therapy import read_support
from tests.domain.builder import Course, all_day, at, criteria, value
from tests.domain.sights import cited, given, in_order

NUMBERS = criteria().numbers


def draws(course: Course) -> tuple[Draw, ...]:
    """The draws of a course."""
    return read_draws(
        in_order(course.results), NUMBERS, read_support(given(course.events), NUMBERS)
    )


def one(course: Course) -> Draw:
    """The only draw of a course."""
    (found,) = draws(course)
    return found


def bare() -> Course:
    """A patient of whom nothing is known."""
    return Course(diagnosed=None)


def read(draw: Draw, name: str, *, own: bool = True) -> Any:
    """The reading of a count."""
    return (draw.own if own else draw.counts)[name].reading


# ------------------------------------------------------------------------------ what is a draw


def test_one_time_one_specimen_or_one_accession_is_one_draw() -> None:
    """And what shares none of them is another."""
    together = bare().result("anc", 30, 1).result("platelets", 30, 100)
    assert len(draws(together)) == 1
    apart = bare().result("anc", 30, 1).result("platelets", 30.1, 100)
    assert len(draws(apart)) == 2
    keyed = bare().result("anc", 30, 1, draw_keys=("S1",))
    keyed.result("platelets", 30.1, 100, draw_keys=("A7", "S1"))
    keyed.result("wbc", 30.2, 3, draw_keys=("A7",)).result("hemoglobin", 30.2, 9)
    assert one(keyed).effective == keyed.results[0].when.text
    assert sorted(one(keyed).results) == ["anc", "hemoglobin", "platelets", "wbc"]


def test_a_specimen_name_used_again_on_another_day_is_another_draw() -> None:
    """Accession numbers start again every morning in some laboratories."""
    keyed = bare().result("anc", 30, 1, draw_keys=("7",)).result("anc", 31, 2, draw_keys=("7",))
    assert [found.own["anc"].reading for found in draws(keyed)] == [value(1), value(2)]


def test_marrow_results_are_of_no_draw() -> None:
    """Nor is anything else that is not measured in the blood."""
    course = bare().marrow(30, 2).mrd(30, "negative").result("platelets", 30, 100)
    assert sorted(one(course).results) == ["platelets"]
    assert draws(bare().marrow(30, 2)) == ()


def test_draws_stand_in_order_of_time() -> None:
    """By their start, then by their end."""
    course = bare().result("anc", 40, 3).result("anc", 30, 1).result("anc", 30.5, 2)
    course.result("anc", 30, 9, when=all_day(30))
    assert [read(found, "anc") for found in draws(course)] == [
        value(9), value(1), value(2), value(3),
    ]  # fmt: skip


def test_a_draw_has_the_time_of_its_first_result_and_lasts_to_the_end_of_its_last() -> None:
    """Keyed results of a morning."""
    keyed = bare().result("anc", 30.2, 1, draw_keys=("S",))
    keyed.result("platelets", 30, 1, draw_keys=("S",))
    early, late = keyed.results[1].when, keyed.results[0].when
    found = one(keyed)
    assert (found.start, found.end, found.effective) == (early.start, late.end, early.text)
    assert found.refs == ("Observation/o1", "Observation/o2")


# ----------------------------------------------------------------------------- what it counted


def test_several_values_of_one_draw_span() -> None:
    """And all of them are cited."""
    found = one(bare().result("anc", 30, "0.9").result("anc", 30, "1.5"))
    assert read(found, "anc") == value("0.9-1.5")
    assert cited(found.own["anc"].proof) == ["anc 30", "anc 30"]


def test_what_was_never_reported_has_no_reading() -> None:
    """No platelets are not 0 platelets."""
    found = one(bare().result("anc", 30, 1))
    assert found.own["platelets"] == NOTHING
    assert count_of(found, "platelets") == NOTHING
    assert count_of(found, "blasts-marrow") == NOTHING
    assert count_of(found, "anc").reading == value(1)


@pytest.mark.parametrize(
    ("clumps", "readable"), [("negative", True), ("positive", False), ("?", False)]
)
def test_clumped_platelets_cannot_be_counted(clumps: str, readable: bool) -> None:
    """Anything but a clear denial of clumps makes the count unusable, never low."""
    course = bare().result("platelets", 30, 40).result("platelet-clumps", 30, clumps)
    quantity = one(course).own["platelets"]
    assert isinstance(quantity.reading, Interval) is readable
    proof = ["platelets 30"] if readable else ["platelet-clumps 30", "platelets 30"]
    assert cited(quantity.proof) == proof
    if not readable:
        assert quantity.reading == Unreadable("40", "platelet clumps")


def test_a_preliminary_denial_of_clumps_denies_nothing() -> None:
    """And clumps without a count are no count."""
    course = bare().result("platelets", 30, 40)
    course.result("platelet-clumps", 30, "negative", standing="preliminary")
    assert isinstance(one(course).own["platelets"].reading, Unreadable)
    assert one(bare().result("platelet-clumps", 30, "positive")).own["platelets"] == NOTHING


def anc(**parts: Any) -> Any:
    """The ANC of a draw with these parts (underscores for hyphens)."""
    course = bare().result("hemoglobin", 30, 9)
    for name, raw in parts.items():
        course.result(name.replace("_", "-"), 30, raw)
    return one(course).own["anc"]


@pytest.mark.parametrize(
    ("parts", "expected", "derived"),
    [
        ({"anc": "0.9", "wbc": 10, "neutrophils_pct": 90}, "0.9", False),
        ({"anc": "0.9", "neutrophils_segmented": 5}, "0.9", False),
        ({"neutrophils_segmented": "1.0", "neutrophils_band": "0.2"}, "1.2", True),
        ({"neutrophils_segmented": "1.0"}, ">=1.0", True),
        ({"neutrophils_segmented": "1.0", "neutrophils_band": "?"}, ">=1.0", True),
        ({"neutrophils_segmented": "1", "wbc": 9, "neutrophils_pct": 90}, ">=1", True),
        (
            {"wbc": "1.8", "neutrophils_segmented_pct": 50, "neutrophils_band_pct": 8},
            "1.044", True,
        ),
        ({"wbc": "1.8", "neutrophils_segmented_pct": 50}, ">=0.900", True),
        ({"wbc": "2.0", "neutrophils_pct": 45}, "0.900", True),
        (
            {"wbc": 2, "neutrophils_segmented_pct": 50, "neutrophils_band_pct": 0,
             "neutrophils_pct": 90},
            "1.00", True,
        ),
    ],
)  # fmt: skip
def test_neutrophils_are_measured_or_derived_exactly(
    parts: dict[str, Any], expected: str, derived: bool
) -> None:
    """D9: measured wins; segments and bands before the whole share; bands missing: a lower end."""
    found = anc(**parts)
    wanted = (
        Interval(Decimal(expected.lstrip(">=")), None) if expected[0] == ">" else value(expected)
    )
    assert (found.reading, found.derived) == (wanted, derived)


def test_a_measured_count_wins_also_where_it_cannot_be_read() -> None:
    """What the laboratory withheld is not computed behind its back."""
    found = anc(anc="?", wbc=5, neutrophils_pct=50)
    assert isinstance(found.reading, Unreadable)
    assert cited(found.proof) == ["anc 30"]


@pytest.mark.parametrize(
    "parts",
    [
        {"neutrophils_pct": 50},
        {"wbc": 5},
        {"wbc": 5, "neutrophils_band_pct": 8},
        {"neutrophils_segmented_pct": 50, "neutrophils_band_pct": 8},
        {"neutrophils_band": 1},
    ],
)
def test_a_share_without_a_count_and_a_count_without_a_share_are_no_neutrophils(
    parts: dict[str, Any],
) -> None:
    """60 % neutrophils are not an ANC of 60."""
    assert anc(**parts) == NOTHING


@pytest.mark.parametrize(
    ("parts", "raw"),
    [
        ({"wbc": "?", "neutrophils_pct": 50}, "wbc"),
        ({"wbc": 5, "neutrophils_pct": "?"}, "neutrophils-pct"),
        ({"wbc": 5, "neutrophils_segmented_pct": "?", "neutrophils_band_pct": 8}, "segs"),
        ({"neutrophils_segmented": "?", "neutrophils_band": 1}, "segs"),
    ],
)
def test_a_part_that_cannot_be_read_leaves_the_whole_unread(
    parts: dict[str, Any], raw: str
) -> None:
    """And it is still said that it would have been derived, from what."""
    found = anc(**parts)
    assert isinstance(found.reading, Unreadable), raw
    assert found.derived
    assert cited(found.proof) == sorted(f"{name.replace('_', '-')} 30" for name in parts)


def test_a_derived_count_cites_its_parts() -> None:
    """Leukocytes, segments and bands."""
    found = anc(wbc=2, neutrophils_segmented_pct=50, neutrophils_band_pct=5)
    assert cited(found.proof) == [
        "neutrophils-band-pct 30", "neutrophils-segmented-pct 30", "wbc 30",
    ]  # fmt: skip
    absolute = anc(neutrophils_segmented=1, neutrophils_band=1)
    assert cited(absolute.proof) == ["neutrophils-band 30", "neutrophils-segmented 30"]


def test_wide_parts_give_a_wide_count() -> None:
    """`<0.1` leukocytes: neutropenia is proved without any differential digit."""
    assert anc(wbc="<0.1", neutrophils_pct=50).reading == Interval(
        Decimal(0), Decimal("0.050"), high_open=True
    )
    assert anc(wbc=">5", neutrophils_pct="40-60").reading == Interval(
        Decimal("2.00"), None, low_open=True
    )


def test_leukocytes_haemoglobin_and_the_share_of_blasts_are_counts_too() -> None:
    """They are measured, never derived, and a word is no number."""
    course = bare().result("wbc", 30, 3).result("hemoglobin", 30, 9).result("blasts-blood", 30, 4)
    found = one(course)
    assert [read(found, name) for name in ("wbc", "hemoglobin", "blasts-blood")] == [
        value(3), value(9), value(4),
    ]  # fmt: skip
    word = one(bare().result("blasts-blood", 30, "negative")).own["blasts-blood"]
    assert word.reading == Unreadable("negative", "a word where a number is asked")
    early = one(bare().result("wbc", 30, 3, standing="preliminary")).own["wbc"]
    assert early.reading == Unreadable("3", "preliminary")


# ----------------------------------------------------------------------------- what raised it


def test_a_count_that_treatment_raised_is_an_upper_end_and_cites_the_treatment() -> None:
    """Model 2.2, for each count its own treatment."""
    course = bare().blood(30, 1500, 105_000, smear=None)
    course.event("platelet-transfusion", 28).event("gcsf", 29)
    found = one(course)
    for name, kind, high in (
        ("platelets", "platelet-transfusion 28", 105),
        ("anc", "gcsf 29", "1.5"),
    ):
        quantity = found.own[name]
        assert quantity.reading == Interval(Decimal(0), Decimal(high))
        assert quantity.bounded
        assert cited(quantity.proof) == sorted([f"{name} 30", kind])
    assert found.cited == {"Observation/o1", "Observation/o2", "Procedure/e1", "Procedure/e2"}
    assert found.refs == ("Observation/o1", "Observation/o2")


def test_what_is_missing_or_unread_is_not_raised() -> None:
    """There is nothing to bound."""
    course = bare().result("anc", 30, 1).result("platelets", 30, "?")
    quantity = one(course.event("platelet-transfusion", 28)).own["platelets"]
    assert (quantity.bounded, cited(quantity.proof)) == (False, ["platelets 30"])


# -------------------------------------------------------------------------------- what is lent


@pytest.mark.parametrize(
    ("days", "lent"),
    [
        ((29.9, 31.5), 1), ((28.9, 30.9), 2), ((29.5, 30.5), 1), ((29.5, 30.4), 2),
        ((29, 32), 1), ((28.9, 31.1), None), ((31, 32), 1), ((28, 31.01), None),
    ],
)  # fmt: skip
def test_a_missing_count_is_lent_by_the_nearest_draw_within_a_day(
    days: tuple[float, float], lent: int | None
) -> None:
    """24 hours at most, on either side; of two equally near the earlier."""
    course = bare().result("anc", 30, 1)
    for place, day in enumerate(days, 1):
        course.result("platelets", day, place)
    found = next(draw for draw in draws(course) if "anc" in draw.results)
    quantity = found.counts["platelets"]
    assert quantity.reading == (None if lent is None else value(lent))
    assert quantity.joined is (lent is not None)
    assert found.own["platelets"] == NOTHING
    assert ("Observation/o2" in found.cited) is (lent == 1)


def test_of_two_draws_that_both_overlap_the_earlier_lends() -> None:
    """A count dated by the day alone, one drawn over night and one at noon."""
    course = bare().result("anc", 30, 1, when=all_day(30))
    night = replace(at(29.9), end=at(29.9).start + timedelta(hours=12))
    course.result("platelets", 30, 1, when=night).result("platelets", 30.1, 2)
    found = next(draw for draw in draws(course) if "anc" in draw.results)
    assert found.counts["platelets"].reading == value(1)


def test_a_count_that_cannot_be_read_is_not_replaced_by_another_draw() -> None:
    """It was reported; and an unread count is what a draw lends where it is the nearest."""
    course = bare().result("anc", 30, 1).result("platelets", 30, "?").result("platelets", 30.5, 150)
    found = draws(course)[0]
    assert isinstance(read(found, "platelets", own=False), Unreadable)
    other = bare().result("anc", 30, 1).result("platelets", 30.2, "?").result("platelets", 30.5, 9)
    assert isinstance(read(draws(other)[0], "platelets", own=False), Unreadable)


def test_a_lent_count_stays_bounded() -> None:
    """Platelets of the next day, transfused the day before."""
    course = bare().result("anc", 30, 1).result("platelets", 31, 120)
    found = draws(course.event("platelet-transfusion", 29))[0]
    assert found.counts["platelets"].reading == Interval(Decimal(0), Decimal(120))
    assert (found.counts["platelets"].bounded, found.counts["platelets"].joined) == (True, True)


def test_the_gap_is_from_the_end_of_one_to_the_start_of_the_other() -> None:
    """A count dated by the day alone is near everything of that day, and a day beyond it."""
    course = bare().result("platelets", 30, 1, when=all_day(30))
    course.result("anc", 30.5, 1).result("anc", 31.5, 2).result("anc", 29, 3).result("anc", 28.5, 4)
    lent = [draw.counts["platelets"].joined for draw in draws(course) if "anc" in draw.results]
    assert lent == [False, True, True, True]


def test_a_count_of_the_whole_day_is_nearer_than_one_of_the_night() -> None:
    """It may have been drawn at nine; what was drawn at four was not. It began before both."""
    course = bare().result("platelets", 30, 1, when=all_day(30))
    course.result("platelets", 29.8, 2).result("platelets", 29.9, 3).result("anc", 30, 1)
    found = next(draw for draw in draws(course) if "anc" in draw.results)
    assert found.counts["platelets"].reading == value(1)


def test_of_draws_that_ended_before_the_one_that_ended_last_lends() -> None:
    """A day's count that ended at midnight is nearer than one drawn in its morning."""
    course = bare().result("platelets", 30, 1, when=all_day(30)).result("platelets", 30, 2)
    course.result("platelets", 28, 3).result("anc", 31, 1)
    found = next(draw for draw in draws(course) if "anc" in draw.results)
    assert found.counts["platelets"].reading == value(1)


def test_an_overlap_is_no_nearer_for_being_longer() -> None:
    """Both may be of the same moment: the earlier lends."""
    evening = replace(at(29.55), end=at(29.7).start)
    course = bare().result("anc", 30, 1, when=all_day(30))
    course.result("platelets", 29.55, 1, when=evening).result("platelets", 30.1, 2)
    found = next(draw for draw in draws(course) if "anc" in draw.results)
    assert found.counts["platelets"].reading == value(1)
