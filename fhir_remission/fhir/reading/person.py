"""Who the patient is: born, died, and whether two people were made one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.wire import Patient


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
        died_on = died_on or (person.deceased_date_time or "").partition("T")[0]
    return Person(born, died, died_on, ("merged-patient",) if len(people) > 1 else ())


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
