"""What the site's cohort list states of a patient, as events."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from fhir_remission.domain.nouns.inputs import CohortRow, Event, Source, When


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
