"""Courses of any length, each with much of one thing: what judging them costs must grow evenly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fhir_remission.domain.nouns.inputs import PatientRecord
from tests.domain.builder import Course, induction

AS_OF = datetime(2300, 1, 1, tzinfo=UTC)
"""After the last result of the longest course."""

Build = Callable[[int], PatientRecord]


def _treated() -> Course:
    """Leukaemia, induction, remission on day 30."""
    return induction().marrow(30, 2).blood(30, 1500, 150_000)


def _followed(results: int) -> PatientRecord:
    """Blood twice a week, a marrow every twelve weeks, MRD monthly, a transfusion now and then."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 3
        course.blood(day, 1500 + day % 700, 150_000 + day % 900)
        if day % 84 < 3:
            course.marrow(day, 2)
        if day % 28 < 3:
            course.mrd(day, "negative")
        if day % 60 < 3:
            course.event("platelet-transfusion", day)
    return _cut(course, results)


def _in_hospital(results: int) -> PatientRecord:
    """Counts every six hours, a smear with each, growth factor and transfusions daily."""
    course, hours = _treated(), 0
    while len(course.results) < results:
        hours += 6
        day = 31 + hours / 24
        course.blood(day, 400 + hours % 700, 20_000 + hours % 900)
        if hours % 24 == 0:
            course.event("platelet-transfusion", day).event("gcsf", day)
    return _cut(course, results)


def _same_day(results: int) -> PatientRecord:
    """A record whose every count bears the same day without a time, as migrations leave it."""
    course = _treated()
    while len(course.results) < results:
        course.blood(31, 1500, 150_000)
    return _cut(course, results)


def _marrows(results: int) -> PatientRecord:
    """Cycle after cycle, each with its marrow and counts, none of them a remission."""
    course, day = induction(), 1
    while len(course.results) < results:
        day += 28
        course.marrow(day, 30).blood(day, 600, 40_000, smear=2).chemo(day + 1, "intensive")
    return _cut(course, results)


def _relapses(results: int) -> PatientRecord:
    """Remission and relapse in turn, course after course."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 60
        course.marrow(day, 40).blood(day, 900, 60_000, smear=5).chemo(day + 2)
        day += 40
        course.marrow(day, 2).blood(day, 1500, 150_000).mrd(day, "negative")
    return _cut(course, results)


def _suspected(results: int) -> PatientRecord:
    """In remission, blasts in the blood that come and go and never make a relapse."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 4
        course.blood(day, 1500, 150_000, smear="<1" if day % 8 else 0)
    return _cut(course, results)


def _molecular(results: int) -> PatientRecord:
    """Quantities of a transcript, low and rising and falling."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 3
        level = f"0.{1 + day % 7}"
        course.mrd(day, level, method="qpcr", marker="NPM1", specimen="blood")
    return _cut(course, results)


def _lesions(results: int) -> PatientRecord:
    """Extramedullary disease asked for at every visit."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 5
        course.result("extramedullary-disease", day, "negative" if day % 10 else "positive")
    return _cut(course, results)


def _gaps(marrow: object, anc: object, platelets: object, smear: object) -> Build:
    """A marrow every five weeks, each lacking the same thing: any of them may be a remission."""

    def build(results: int) -> PatientRecord:
        course, day = induction(), 1
        while len(course.results) < results:
            day += 35
            course.marrow(day, marrow).blood(day, anc, platelets, smear=smear)
        return _cut(course, results)

    return build


def _no_baseline(results: int) -> PatientRecord:
    """Treated elsewhere: nothing before the first of many marrows, each without platelets."""
    course, day = Course(), 1
    while len(course.results) < results:
        day += 35
        course.marrow(day, 2).blood(day, 1500).chemo(day + 1)
    return _cut(course, results)


def _every_20_hours(results: int) -> PatientRecord:
    """Marrows of 2 to 8 %, which nobody can tell clear from diseased, so close that all meet."""
    course, hours = induction(), 30 * 24
    while len(course.results) < results:
        hours += 20
        course.marrow(hours / 24, "2-8").blood(hours / 24, 1500, 150_000)
    return _cut(course, results)


def _doubts(results: int) -> PatientRecord:
    """Remissions that may have ended: smears and marrows that cannot be read, and relapses."""
    course, day = _treated(), 31
    while len(course.results) < results:
        day += 10
        course.blood(day, 1500, 150_000, smear="?" if day % 20 else 0)
        if day % 50 < 10:
            course.marrow(day, "?")
        if day % 300 < 10:
            course.marrow(day + 1, 40).chemo(day + 3)
    return _cut(course, results)


def _cut(course: Course, results: int) -> PatientRecord:
    course.results = course.results[:results]
    return course.record()


GAPS: dict[str, Build] = {
    "no platelets": _gaps(2, 1500, None, 0),
    "no ANC": _gaps(2, None, 150_000, 0),
    "no counts": _gaps(2, None, None, 0),
    "no smear": _gaps(2, 1500, 150_000, None),
    "unread marrow": _gaps("?", 1500, 150_000, 0),
    "unread smear": _gaps(2, 1500, 150_000, "?"),
    "across 5 %": _gaps("2-8", 1500, 150_000, 0),
    "no baseline": _no_baseline,
    "doubts": _doubts,
    "every 20 hours": _every_20_hours,
}
COURSES: dict[str, Build] = {
    "followed": _followed,
    "in hospital": _in_hospital,
    "one day": _same_day,
    "refractory": _marrows,
    "relapses": _relapses,
    "blasts": _suspected,
    "molecular": _molecular,
    "lesions": _lesions,
    **GAPS,
}
