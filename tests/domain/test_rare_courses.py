"""Courses that few patients have and one rule each decides: what is said, judged by the model.

The lines are those of `test_in_remission`: category, state, dates, flags, the number of the
remission, and what the latest marrow says by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from fhir_remission.domain.course import ways
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.inputs import Unreadable
from tests.domain.builder import Course, anchored, criteria, induction, judge, now, remission
from tests.domain.sights import cited
from tests.domain.stories import guards, proof
from tests.domain.test_histories import good, unasked
from tests.domain.test_in_remission import told


def two_rules() -> CriteriaSet:
    """As a site might write it: two samples of blood, and a repeat marrow after therapy."""
    base = criteria("eln-2022")
    marrow = criteria("iwg-2003").relapse.marrow
    return replace(base, relapse=replace(base.relapse, marrow=marrow))


def unread(course: Course, *days: int) -> Course:
    """Smears that nobody can read."""
    for day in days:
        course.blood(day, smear="?")
    return course


def core(course: Course, day: int) -> Course:
    """A dry tap: only the biopsy counts."""
    course.marrow(day, 2, biopsy=True)
    return course.result("marrow-cellularity", day, 30, biopsy=True)


RARE: dict[str, tuple[Callable[[], Course], str | CriteriaSet, list[str]]] = {
    "blasts after the marrow that contradicts are the first sign in every way (3.7)": (
        lambda: remission().marrow(100, "?").marrow(102, 2).blood(104, smear=1), "eln-2022",
        ["marrow 100: IND, unknown since 100, marrow-undecided, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts [contradicted-by-next-marrow]",
         "marrow 102: RELAPSE_SUSPECTED, relapse-suspected since 104, first sign 104, ask"
         " repeat-marrow [concurrent-marrow-clear] #1",
         "blood 104: RELAPSE_SUSPECTED, relapse-suspected since 104, first sign 104, ask"
         " repeat-blood #1"],
    ),
    "in a remission told of MLFS counts since the first day that any way proves it": (
        lambda: induction().claim("remission", 6).marrow(30, "<=5").marrow(31, 4), "eln-2022",
        ["marrow 30: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/CRh/CRi/MLFS/PR/RELAPSE/NR, perhaps CR/CRh/CRi/MLFS/PR, ask anc counts"
         " earlier-response marrow-blasts platelets [contradicted-by-next-marrow]",
         "marrow 31: MLFS, unknown since 30, perhaps CR/CRh/CRi, ask anc counts platelets"],
    ),
    "a suspicion stays over too few cells of a set without a lower claim": (
        lambda: remission().chemo(60).marrow(90, 8).marrow(110, 2, cells=80), "cibmtr-aml",
        ["marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow #1",
         "marrow 110: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow #1; now IND"],
    ),
    "a better remission that a marrow without counts may prove is named in any set (T26)": (
        lambda: induction().marrow(30, 2).blood(30, 1500, 40_000).marrow(60, 2), "cibmtr-aml",
        ["marrow 30: CRi, in-remission since 30, responded 30 #1",
         "marrow 60: CRi, in-remission since 30, responded 30, perhaps CR, ask anc platelets #1;"
         " now IND"],
    ),
    "a biopsy without counts is told with what the latest marrow says": (
        lambda: core(remission(), 60), "cibmtr-aml",
        ["marrow 60: CR, in-remission since 30, responded 30 [marrow-by-biopsy] #1; now IND"
         " [marrow-by-biopsy]"],
    ),
    **{
        f"blasts in the biopsy of a dry tap are there, whatever its cellularity: {count}": (
            lambda count=count: remission().result("blasts-marrow", 60, 1).result(
                "marrow-adequacy", 60, "negative").result("blasts-marrow", 60, count, biopsy=True),
            name, [said],
        )
        for count, name, said in [
            (40, "eln-2022", "marrow 60: RELAPSE, relapsed since 60, responded 60, first sign 60"
             " [marrow-by-biopsy]"),
            ("?", "eln-2022", "marrow 60: IND, unknown since 60, marrow-undecided, may be"
             " CR/RELAPSE, perhaps CR, ask marrow-blasts [marrow-by-biopsy]"),
            (2, "eln-2022", "marrow 60: CR, in-remission since 30, responded 30"
             " [inadequate-marrow] #1; now NE [inadequate-marrow]"),
        ]
    },
    "and is not told of a later marrow": (
        lambda: core(induction(), 30).blood(30, 1500, 150_000).marrow(60, 2), "cibmtr-aml",
        ["marrow 30: CR, in-remission since 30, responded 30 [adequacy-from-counts"
         " marrow-by-biopsy] #1",
         "marrow 60: CR, in-remission since 30, responded 30 [adequacy-from-counts] #1; now"
         " IND"],
    ),
    "a clear marrow is told beside the blood that takes a remission back (3.8)": (
        lambda: remission().marrow(60, 2).blood(64, smear=3), "healthtree-2024",
        ["marrow 60: NR, active-disease since 64 [concurrent-marrow-clear remission-withdrawn]"],
    ),
    "blasts in the blood of the window make a low marrow a relapse, from their day on (3.7)": (
        lambda: remission().chemo(60).marrow(90, 8).blood(93, smear=2), "iwg-2003",
        ["marrow 90: RELAPSE, relapsed since 93, responded 93, first sign 90"],
    ),
    "unread smears leave open whether it asks for a repeat": (
        lambda: unread(remission().chemo(60).marrow(90, 8), 91, 92, 93, 94), "iwg-2003",
        ["marrow 90: IND, unknown since 90, signs-undecided, may be RELAPSE/RELAPSE_SUSPECTED",
         "blood 91: IND, unknown since 90, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 92: IND, unknown since 90, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 93: IND, unknown since 90, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts",
         "blood 94: IND, unknown since 90, blood-blasts-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask blood-blasts"],
    ),
    "a good clear marrow answers the repeat, though its blood has blasts": (
        lambda: remission().chemo(60).marrow(82, 8).marrow(97, 2).blood(99, smear=2).marrow(
            117, 8), two_rules(),
        ["marrow 82: RELAPSE_SUSPECTED, relapse-suspected since 82, first sign 82, ask"
         " repeat-marrow #1",
         "marrow 97: RELAPSE_SUSPECTED, relapse-suspected since 99, first sign 99, ask"
         " repeat-marrow [concurrent-marrow-clear] #1",
         "blood 99: RELAPSE_SUSPECTED, relapse-suspected since 99, first sign 99, ask"
         " repeat-blood #1",
         "marrow 117: RELAPSE_SUSPECTED, relapse-suspected since 99, first sign 99, ask"
         " repeat-marrow #1"],
    ),
    "too few cells do not": (
        lambda: remission().chemo(60).marrow(82, 8).marrow(97, 2, cells=50).blood(
            99, smear=2).marrow(117, 8), two_rules(),
        ["marrow 82: RELAPSE_SUSPECTED, relapse-suspected since 82, first sign 82, ask"
         " repeat-marrow #1",
         "marrow 97: RELAPSE_SUSPECTED, relapse-suspected since 82, first sign 82, ask"
         " repeat-marrow [concurrent-marrow-clear] #1",
         "blood 99: RELAPSE_SUSPECTED, relapse-suspected since 82, first sign 82, ask"
         " repeat-blood #1",
         "marrow 117: RELAPSE, relapsed since 117, responded 117, first sign 82"],
    ),
    "a sample of long ago is no first sign, and the marrow that asked for a repeat is one": (
        lambda: remission().chemo(60).blood(80, smear=2).marrow(90, 8).blood(140, smear=2),
        two_rules(),
        ["blood 80: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
         " repeat-blood #1",
         "marrow 90: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 80, ask"
         " repeat-marrow #1",
         "blood 140: RELAPSE_SUSPECTED, relapse-suspected since 80, first sign 90, ask"
         " repeat-blood #1"],
    ),
    "a clear smear ends what blood raised, and the repeat is still asked for": (
        lambda: remission().chemo(60).marrow(82, 8).blood(100, smear=2).blood(110), two_rules(),
        ["blood 110: RELAPSE_SUSPECTED, relapse-suspected since 82, first sign 82, ask"
         " repeat-marrow #1"],
    ),
    "a lesion that may be one is asked for, whatever else is open": (
        lambda: induction().marrow(30, "<=5").result(
            "extramedullary-disease", 73, "indeterminate"), "eln-2022",
        ["marrow 30: IND, unknown since 30, undecided, may be CR/CRh/CRi/MLFS/PR/NR, perhaps"
         " CR/CRh/CRi/MLFS/PR, ask anc counts marrow-blasts platelets",
         "extramedullary 73: IND, unknown since 30, earlier-remission-unknown, may be"
         " CR/CRh/CRi/MLFS/PR/RELAPSE/NR, perhaps CR/CRh/CRi/MLFS/PR, ask anc counts"
         " earlier-response extramedullary-disease platelets"],
    ),
    "a lesion may end a suspicion, which else goes on": (
        lambda: remission().blood(100, smear=2).result("extramedullary-disease", 110, "?"),
        "eln-2022",
        ["blood 100: RELAPSE_SUSPECTED, relapse-suspected since 100, first sign 100, ask"
         " repeat-blood #1",
         "extramedullary 110: IND, unknown since 110, extramedullary-undecided, may be"
         " RELAPSE/RELAPSE_SUSPECTED, ask extramedullary-disease"],
    ),
    "a lesion of the marrow before stays unknown (4.3)": (
        lambda: Course().marrow(-4, 60).marrow(30, 40, emd="indeterminate").marrow(
            33, 5, emd=None), "eln-2022",
        ["marrow 30: NR, active-disease since 30 [baseline-inferred]",
         "marrow 33: IND, active-disease since 30, undecided, may be PR/NR, perhaps PR, ask"
         " anc extramedullary-disease platelets [baseline-inferred]"],
    ),
    "a marrow that may not count leaves open when the second remission began": (
        lambda: remission().blood(93, smear=1).result(
            "blasts-marrow", 97, "?", standing="preliminary").blood(
            100, None, 200_000, smear=None).marrow(101, 3), "iwg-2003",
        ["blood 93: RELAPSE, relapsed since 93, responded 93, first sign 93",
         "marrow 97: IND, unknown since 97, undecided, may be CR/CRi/RELAPSE, perhaps CR/CRi,"
         " ask anc marrow-blasts",
         "marrow 101: CRi, in-remission, responded 101, perhaps CR, ask anc #2"],
    ),
    "a claim that is not true before a remission is none after it (3.6)": (
        lambda: good(good(induction().claim("remission", 20).marrow(30, 2), 60, 15).chemo(
            70), 100, 6), "eln-2022",
        ["marrow 30: MLFS, unknown since 30, responded 30, perhaps CR/CRh/CRi, ask anc counts"
         " platelets",
         "marrow 60: IND, awaiting-response since 70, earlier-remission-unknown, may be"
         " PR/RELAPSE, perhaps PR, ask earlier-response [therapy-since]",
         "marrow 100: PR, active-disease, responded 100"],
    ),
    "half a year counts from either start that may have been the first (3.3, 3.5)": (
        lambda: Course().marrow(-30, "4-40").chemo(-20, "less-intensive").marrow(-4, "4-40").chemo(
            1, "less-intensive").marrow(40, 60).marrow(170, 60), "eln-2022",
        ["marrow 170: IND, unknown since 40, earlier-remission-unknown, may be"
         " RELAPSE/REFRACTORY/NR, ask earlier-response"],
    ),
    "a contradicted marrow may be what only its smear leaves open": (
        lambda: induction().blood(35, smear=1).marrow(36, 2).blood(
            36, None, 150_000, smear=None).marrow(39, 12), "eln-2022",
        ["marrow 36: NE, unknown since 36, contradicted-by-next-marrow, perhaps MLFS, ask"
         " blood-blasts [contradicted-by-next-marrow]",
         "marrow 39: IND, active-disease since 39, undecided, may be PR/NR, perhaps PR, ask"
         " anc"],
    ),
    "too few cells are measured against no known therapy either": (
        lambda: Course().marrow(33, 4).marrow(50, 3, cells=150).marrow(58, 26), "eln-2022",
        ["marrow 33: MLFS, awaiting-response since 33, responded 33, perhaps CR/CRh/CRi, ask"
         " anc counts platelets [baseline-inferred]",
         "marrow 50: NE, awaiting-response since 33, too-few-cells, perhaps CR/CRh/CRi"
         " [baseline-inferred contradicted-by-next-marrow]",
         "marrow 58: IND, unknown since 58, earlier-remission-unknown, may be RELAPSE/NR, ask"
         " earlier-response [baseline-inferred]"],
    ),
    "what blood raised before a remission that may be the first is over with it (3.7)": (
        lambda: induction().marrow(30, 2).blood(89, smear=1).marrow(109, 1).blood(
            112, 500, None).mrd(140, "negative"), "eln-2022",
        ["marrow 30: MLFS, awaiting-response since 1, responded 30, perhaps CR/CRh/CRi, ask"
         " anc counts platelets",
         "blood 89: IND, unknown since 89, earlier-remission-unknown, may be"
         " MLFS/RELAPSE_SUSPECTED, perhaps MLFS, ask anc counts earlier-response platelets",
         "marrow 109: CRi, in-remission, responded 112, perhaps CR/CRh, ask platelets",
         "mrd 140: CRi, in-remission, responded 112, perhaps CR/CRh, ask platelets"],
    ),
    "a suspicion in the second remission is of it": (
        lambda: good(remission().marrow(100, 40).chemo(110), 150).blood(200, smear=2), "eln-2022",
        ["blood 200: RELAPSE_SUSPECTED, relapse-suspected since 200, first sign 200, ask"
         " repeat-blood #2"],
    ),
    "a good marrow ends a suspicion whose blasts lie in the days before it (3.7)": (
        lambda: remission().blood(58, smear=2).marrow(60, 2).blood(80), "eln-2022",
        ["blood 58: RELAPSE_SUSPECTED, relapse-suspected since 58, first sign 58, ask"
         " repeat-blood #1",
         "marrow 60: CR, in-remission since 30, responded 30 [concurrent-marrow-clear] #1;"
         " now NR"],
    ),
    "a clear smear does not answer the repeat that a marrow asked for": (
        lambda: remission().chemo(60).marrow(90, 8).blood(95).marrow(105, 2, cells=80), "iwg-2003",
        ["marrow 105: RELAPSE_SUSPECTED, relapse-suspected since 90, first sign 90, ask"
         " repeat-marrow [inadequate-marrow] #1; now NE [inadequate-marrow]"],
    ),
    "a nadir marrow of a remission is told as what it is (6.1, T23)": (
        lambda: remission().chemo(40).marrow(50, 1).blood(50, 100, 10_000), "eln-2022",
        ["marrow 50: CR, in-remission since 30, responded 30 [counts-below-criteria"
         " early-marrow] #1; now MLFS [early-marrow]"],
    ),
    "a remission that blood counts no longer support is told so by the set's own bounds": (
        lambda: remission().marrow(46, 2).blood(46, None, 100_000).blood(59, None, "40-120"),
        "healthtree-2024",
        ["marrow 46: CR, in-remission since 30, responded 30 [counts-below-criteria] #1; now CRi"],
    ),
    "a remission after one that was taken back is of the same course (3.8)": (
        lambda: good(remission().marrow(136, 90), 172), "healthtree-2024",
        ["marrow 136: NR, active-disease since 136 [remission-withdrawn]",
         "marrow 172: CR, in-remission since 172, responded 172 #1"],
    ),
    "and of an unknown number where somebody told of one before (3.6)": (
        lambda: good(good(induction().claim("remission", 10), 30).marrow(90, 40), 120),
        "healthtree-2024",
        ["marrow 30: CR, in-remission, responded 30",
         "marrow 90: NR, active-disease since 90 [remission-withdrawn]",
         "marrow 120: CR, in-remission since 120, responded 120"],
    ),
    "what limits a marrow is not told of the blood after it": (
        lambda: Course().claim("remission", -20).chemo(1, "intensive").marrow(20, 4).blood(
            20, smear="?").blood(39, smear=3), "healthtree-2024",
        ["marrow 20: IND, unknown since 20, earlier-remission-unknown, may be CR/CRi/NR/NE,"
         " perhaps CR/CRi, ask blood-blasts earlier-response [early-marrow]; now NE"
         " [early-marrow]",
         "blood 39: IND, unknown since 20, earlier-remission-unknown, may be NR/NE, ask"
         " earlier-response [remission-withdrawn]"],
    ),
    "nor of blood that is one more sign of a relapse": (
        lambda: core(remission().marrow(50, "?"), 65).blood(66, smear=2), "eln-2022",
        ["marrow 50: IND, unknown since 50, marrow-undecided, may be CR/RELAPSE, perhaps CR,"
         " ask marrow-blasts",
         "marrow 65: IND, unknown since 50, marrow-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts [marrow-by-biopsy]",
         "blood 66: IND, unknown since 50, marrow-undecided,"
         " may be RELAPSE/RELAPSE_SUSPECTED, ask marrow-blasts"],
    ),
}  # fmt: skip
"""What is said after the marrow before therapy and the plain remission of day 30."""


@pytest.mark.parametrize("title", RARE)
def test_rare_course(title: str) -> None:
    """What is said at every anchor that the rule touches."""
    course, name, expected = RARE[title]
    found = [told(one) for one in judge(course(), name)]
    assert expected == found[-len(expected) :]


@pytest.mark.parametrize(
    "course",
    [
        unread(remission().marrow(60, 2), 61, 62, 63, 64),
        unread(remission().marrow(60, 2).blood(62, smear=2), 63, 64, 65, 66),
    ],
)
def test_of_many_unread_smears_any_may_hold_blasts_or_be_the_clear_one(course: Course) -> None:
    """In a remission, in the window of a marrow without a smear (2.5, 4.1)."""
    found = anchored(judge(course), 60)
    assert (found.category, found.state) == ("IND", "unknown")
    assert {"CR", "RELAPSE_SUSPECTED"} <= set(found.candidates)


def test_the_smear_of_the_marrow_itself_decides_among_many_unread() -> None:
    """It completes the relapse, or is clear and stands (2.5, 3.7)."""
    course = remission().blood(50, smear=2).marrow(60, 2).blood(60, 1500, 150_000, smear="?")
    found = anchored(judge(unread(course, 61, 62, 63, 64)), 60)
    assert (found.candidates, found.missing) == (("CR", "RELAPSE"), ("blood-blasts",))


@pytest.mark.parametrize(
    ("course", "name", "day", "cycle"),
    [
        (good(remission().marrow(100, 8), 105), "eln-2022", 100, (1, 100)),
        (remission().chemo(60).marrow(100, 2).blood(103, smear=2), "eln-2022", 100, (2, 41)),
        (good(induction().claim("remission", 6), 30), "eln-2022", 30, (1, 30)),
        (induction().claim("remission", 6).marrow(30, 2), "eln-2022", 30, (1, 30)),
        (induction().marrow(30, 2, cells=50), "eln-2022", 30, (1, 30)),
        (Course(diagnosed=None).chemo(78).marrow(116, 2), "healthtree-2024", 116, (1, 39)),
        (remission().marrow(90, 40), "healthtree-2024", 90, (1, 90)),
        (good(remission().event("extramedullary", 54), 120), "healthtree-2024", 120, (1, 120)),
        (good(remission().event("extramedullary", 54).marrow(87, 12).chemo(99), 139), "eln-2022",
         139, (1, 41)),
    ],
)  # fmt: skip
def test_an_answer_that_is_open_knows_its_cycle(
    course: Course, name: str, day: int, cycle: tuple[int, int]
) -> None:
    """Whatever its marrow says, the therapy before it is known (6.7)."""
    found = anchored(judge(course, name), day).cycle
    assert found is not None
    assert (found.number, found.day) == cycle


def test_a_marrow_that_the_next_contradicts_rests_on_the_remission_before() -> None:
    """After one, partial remission is not tested (3.6)."""
    found = anchored(judge(good(remission().marrow(100, 8), 105)), 100)
    assert proof(found, "no-prior-remission")[0] == "not-met"


def test_the_criteria_of_a_marrow_are_not_those_of_a_later_lesion() -> None:
    """What may have been a remission is asked for there; its blasts are of another day."""
    course = induction().marrow(30, "<=5").result("extramedullary-disease", 73, "indeterminate")
    assert "blasts-below-5" not in guards(now(course))
    assert {one.criterion for one in now(course).criteria_results} == set(guards(now(course)))


def relapsed(course: Course) -> Course:
    """A relapse by blood, treated."""
    course.blood(105, smear=2).blood(112, smear=2).chemo(115)
    return course.marrow(150, 7, emd=None).blood(150, 1500, 150_000)


def walked(course: Course, monkeypatch: pytest.MonkeyPatch) -> ways._Walk:
    """The walk through a course, at its end."""
    walks: list[ways._Walk] = []
    begin = ways._Walk.__init__

    def noted(self: ways._Walk, ground: Ground) -> None:
        begin(self, ground)
        walks.append(self)

    monkeypatch.setattr(ways._Walk, "__init__", noted)
    judge(course)
    return walks[0]


def twice() -> Course:
    """A relapse of day 110, treated on day 115, or of day 128, treated on day 135."""
    course = unasked().blood(100, smear=2).blood(110, smear="?").chemo(115)
    return course.blood(120, smear=2).blood(128, smear=2).chemo(135)


@pytest.mark.parametrize(
    ("course", "many"),
    [
        (good(induction().claim("remission", 9), 30).marrow(60, 3), 1),
        (good(remission().marrow(100, "4-6").chemo(105).marrow(120, 40).chemo(130), 160), 1),
        # Counts that nobody saw at the marrow that may be there may have been a remission (T26).
        (good(induction().result("blasts-marrow", 40, 30, standing="preliminary"), 60), 2),
        # Partial or no response, whichever opened the course: no baseline can be read.
        (relapsed(unasked().marrow(100, Unreadable("many", "text"), emd=None)), 2),
        # A marrow of the days after the later start is the baseline of the later relapse alone.
        (twice().marrow(136, 2, emd=None), 2),
        (good(twice(), 175), 1),
        (twice().marrow(175, 2, emd=None), 1),
        # Partial or no response: the marrow of before this therapy is not known.
        (twice().marrow(175, 12, emd=None).blood(175, 1500, 150_000), 2),
    ],
)
def test_ways_that_nothing_tells_apart_go_on_as_one(
    course: Course, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first day that lies behind, and which of two relapses a treated course followed."""
    assert len(walked(course, monkeypatch).ways) == many


@pytest.mark.parametrize(
    ("course", "name", "line", "cites"),
    [
        (remission().marrow(60, 2).blood(64, smear=3), "healthtree-2024", "remission-kept",
         {"blasts-marrow 60", "blasts-blood 64"}),
        (remission().marrow(60, 40), "healthtree-2024", "aml-diagnosis", {"aml-diagnosis -6"}),
        (unasked().event("extramedullary", 54).marrow(62, 12, emd=None).marrow(87, 12, emd=None),
         "eln-2022", "no-relapse-in-marrow", {"extramedullary 54"}),
        (induction().chemo(1, "intensive").chemo(40, "intensive").marrow(90, "?"), "eln-2022",
         "course-known", {"therapy-start 1", "therapy-start 40"}),
    ],
)  # fmt: skip
def test_what_decided_is_cited(course: Course, name: str, line: str, cites: set[str]) -> None:
    """In any of the ways (model, section 0)."""
    assert cites <= set(proof(now(course, name), line)[1])


def test_an_open_answer_at_the_landmark_assumes_nothing() -> None:
    """Nothing is claimed that could rest on it."""
    found = now(induction().chemo(1, "intensive").chemo(40, "intensive").marrow(90, "?"))
    assert (found.category, found.assumptions) == ("IND", ())


def test_a_marrow_that_leaves_the_answer_shows_its_own_criteria() -> None:
    """Too early, of too few cells (6.1)."""
    course = good(induction(), 23, 30).chemo(23).marrow(37, 3, cells=80)
    found = now(course)
    assert found.latest is not None
    assert (found.category, found.latest.category) == ("NR", "NE")
    assert "marrow-blasts-below-5" in {one.criterion for one in found.latest.criteria_results}


def test_a_start_withholds_the_answer_from_the_day_after_it_on() -> None:
    """A marrow of the day itself is drawn before the infusion (3.4, the stricter policy)."""
    policy = {"answer_after_new_start": "not-evaluable"}
    course = induction().marrow(28, 30).result("marrow-adequacy", 60, "negative")
    course.result("blasts-marrow", 60, 12).chemo(60)
    assert anchored(judge(course, policies=policy), 60).category == "NR"
    later = induction().marrow(28, 30).chemo(30).marrow(60, 2, cells=80).blood(60, 100, 10_000)
    found = anchored(judge(later, policies=policy), 60)
    assert found.category == "NE"
    assert "no-relapse-in-blood" not in guards(found)


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_printed_does_not_rest_on_the_order_of_a_set(
    backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The days on which a course may have opened; and a marrow is cited once, as whatever."""
    course = Course(diagnosed=None).marrow(-30, "10-30").chemo(-25, "intensive")
    course.marrow(-20, "10-30").marrow(-4, 60).chemo(1, "intensive")
    course.marrow(36, 40, standing="preliminary")
    before, openings = judge(good(course, 40, 12)), ways._openings
    monkeypatch.setattr(
        ways, "_openings", lambda ground: dict.fromkeys(sorted(openings(ground), reverse=backwards))
    )
    assert judge(course) == before
    for one in before[-1].criteria_results:
        assert len(cited(one.evidence)) == len(set(cited(one.evidence)))
