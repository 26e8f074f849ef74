"""Who the patient is: by the Patient resources, and by the site's cohort list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from fhir_remission.domain.nouns.inputs import CohortRow, Event, Source, When
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.wire import Patient

# What makes a year, a month or a day a day.
_REST = {len("YYYY"): "-01-01", len("YYYY-MM"): "-01", len("YYYY-MM-DD"): ""}


class Person(NamedTuple):
    """What the Patient resources say."""

    born: date | None = None
    died: bool = False
    died_on: str = ""
    flags: tuple[str, ...] = ()


def person_of(patient: str, current: Sequence[Current]) -> Person:
    """The patient's own resource first; those merged with it say what it does not."""
    people = [version.entry for version in current if isinstance(version.entry.resource, Patient)]
    born: date | None = None
    died, died_on = False, ""
    for entry in people:
        person = entry.resource
        assert isinstance(person, Patient)  # noqa: S101 - filtered above
        if entry.ref == patient or born is None:
            born = _day(person.birth_date) or born
        died = died or bool(person.deceased_boolean) or bool(person.deceased_date_time)
        died_on = died_on or _told_day(person.deceased_date_time)
    return Person(born, died, died_on, ("merged-patient",) if len(people) > 1 else ())


def _told_day(text: str | None) -> str:
    """The day, month or year of a time; nothing of what is none."""
    day = (text or "").strip().partition("T")[0]
    return day if _day(day + _REST.get(len(day), " ")) else ""


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def cohort_events(row: CohortRow, zone: tzinfo) -> list[Event]:
    """What the cohort list states itself: the diagnosis, and the start of therapy."""
    source = Source(ref=row.place, version="", system="", code="")
    events = []
    if row.diagnosed_on is not None:
        when = _whole_day(row.diagnosed_on, zone)
        events.append(Event(kind="aml-diagnosis", when=when, source=source, original=when.text))
    if row.therapy_started_on is not None:
        when = _whole_day(row.therapy_started_on, zone)
        events.append(
            Event(
                kind="therapy-start",
                when=when,
                source=source,
                detail=row.intensity,
                original=when.text,
            )
        )
    return events


def _whole_day(day: date, zone: tzinfo) -> When:
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return When(
        start=start.astimezone(UTC),
        end=end.astimezone(UTC) - timedelta(microseconds=1),
        first_day=day,
        last_day=day,
        text=day.isoformat(),
    )
