"""A site over the years: the world of the crash tests, run as a scheduler runs it, day by day."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from fhir_remission.errors import RemissionError
from fhir_remission.jobs.sync import sync as job
from fhir_remission.rehearsal.server.references import rewrite
from tests.crash.world import OURS, RESULTS, Ran, World, WorldClock, cohort

COURSES = ("demo-01-cr", "demo-02-crh", "demo-07-relapse", "demo-08-mrd-negative")


def as_patient(course: str, name: str) -> list[dict[str, Any]]:
    """A course of the demo under another patient's id."""
    text = json.dumps(cohort()[course]).replace(course, name)
    found: list[dict[str, Any]] = json.loads(text)
    return found


class Site(World):
    """Runs as of now, with all that a run remembers."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, names: Sequence[str], **how: Any
    ) -> None:
        habits = {"max_count": 1000, "default_count": 1000}
        self.date: Callable[[], datetime] | None = lambda: WorldClock.time
        """What the server says of the time; None: nothing."""
        super().__init__(folder, monkeypatch, habits=habits, patients=(), **how)
        self.names = tuple(names)
        for number, name in enumerate(self.names):
            self.store.load(as_patient(COURSES[number % len(COURSES)], name))
        self.listed(self.names)

    @property
    def store(self) -> Any:
        """What the server holds."""
        return self.source.store

    def listed(self, names: Sequence[str]) -> None:
        """Write the cohort's list."""
        (self.folder / "cohort.csv").write_text("patient\n" + "\n".join(names) + "\n")

    def _answered(self, request: Request) -> Answer | NoAnswer:
        """With the clock of the server, as every web server sends it."""
        answer = super()._answered(request)
        if isinstance(answer, NoAnswer) or self.date is None:
            return answer
        now = format_datetime(self.date(), usegmt=True)
        return msgspec.structs.replace(answer, headers={**answer.headers, "date": now})

    def run(self, *assign: str, patients: tuple[str, ...] = ()) -> Ran:
        """One run of the schedule, an hour after the last one."""
        WorldClock.time += timedelta(hours=1)
        lines: list[dict[str, Any]] = []
        try:
            # One chain, so that the same questions come in the same order each time.
            asked = ("source.connections=1", *assign)
            with job.open_run(
                job.Request(config=self.config, assignments=asked, patients=patients)
            ) as run:
                lines += [json.loads(line) for line in run.lines()]
                return Ran(run.exit_code, lines, run.summary.told(run.exit_code))
        except RemissionError as error:
            return Ran(error.exit_code, lines, error=str(error))

    def idle(self) -> bool:
        """Whether a run has nothing to send."""
        ran = self.run()
        return (ran.code, ran.summary["unsafe_requests"]) == (0, 0)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the state holds."""
        with sqlite3.connect(self.folder / "state.db") as connection:
            return connection.execute(query).fetchall()

    def execute(self, *statements: str) -> None:
        """Damage the state."""
        with sqlite3.connect(self.folder / "state.db") as connection:
            for statement in statements:
                connection.execute(statement)

    # What happens at a hospital ---------------------------------------------------------------

    def change(self, kind: str, name: str, **changes: Any) -> None:
        """A new version of a resource; None takes an element away."""
        held = {**(self.store.resource(kind, name) or {}), **changes}
        self.store.put({key: value for key, value in held.items() if value is not None})

    def link(self, name: str, kind: str, other: str) -> None:
        """One record says something of another one."""
        self.change(
            "Patient", name, link=[{"other": {"reference": f"Patient/{other}"}, "type": kind}]
        )

    def move(self, old: str, new: str, only: str = "") -> None:
        """Everything about one patient is about another one now; ours stays where it is."""
        here, there = f"Patient/{old}", f"Patient/{new}"
        for resource in list(self.about(old)):
            if only in resource["id"]:
                self.store.put(rewrite(resource, lambda text: there if text == here else text))

    def merge(self, old: str, new: str) -> None:
        """A merge as a hospital makes it."""
        self.move(old, new)
        self.link(new, "replaces", old)
        self.link(old, "replaced-by", new)
        self.change("Patient", old, active=False)

    def unmerge(self, old: str, new: str) -> None:
        """The merge was a mistake."""
        self.move(new, old, only=old)
        self.change("Patient", new, link=None)
        self.change("Patient", old, link=None, active=True)

    def about(self, patient: str) -> Iterator[dict[str, Any]]:
        """What others recorded of a patient."""
        for kind in ("Observation", "Condition", "Procedure", "Specimen", "DiagnosticReport"):
            for resource in self.store.resources(kind):
                ours = any(one.get("system") == OURS for one in resource.get("identifier", ()))
                if not ours and resource["subject"]["reference"] == f"Patient/{patient}":
                    yield resource

    # What stands ------------------------------------------------------------------------------

    def living(self) -> list[tuple[str, str, str, str]]:
        """Our results in force: type, patient, category, and the hash of their evidence."""
        return sorted(
            (kind, resource["subject"]["reference"][8:], _category(resource), _hash(resource))
            for kind in RESULTS
            for resource in self.store.resources(kind)
            if _hash(resource) and resource["status"] != "entered-in-error"
        )

    def answers(self) -> dict[str, str]:
        """The category that stands of each patient."""
        return {patient: category for _, patient, category, _ in self.living()}


def _hash(resource: dict[str, Any]) -> str:
    held = resource.get("identifier", [])
    return next((i["value"] for i in held if i["system"].endswith("/id/evidence-hash")), "")


def _category(resource: dict[str, Any]) -> str:
    found = (resource.get("finding") or [{}])[0].get("itemCodeableConcept")
    codings = (found or resource.get("valueCodeableConcept") or {}).get("coding", [])
    return next((c["code"] for c in codings if c["system"].endswith("/category")), "")
