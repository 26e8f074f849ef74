"""What a run did, to each patient and in numbers: the last log line, and what makes the code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from structlog.stdlib import BoundLogger

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.nouns.inputs import PatientRecord, Unreadable
from fhir_remission.domain.nouns.plain_text import plain_code
from fhir_remission.effects.files.mapping_files import criteria_names, load_criteria, load_mappings
from fhir_remission.effects.files.private_file import write_output
from fhir_remission.effects.http.transport import Traffic
from fhir_remission.errors import ReadIncomplete, RemissionError, SafetyStop
from fhir_remission.fhir.reading.observation_status import NO_STATUS
from fhir_remission.fhir.writing.assessment_json import SCHEMA, Written
from fhir_remission.version import VERSION

# Several at once: the first of these that happened (interfaces: 5 > 4 > 7 > 75 > 3).
DISPOSITIONS = ("classified", "indeterminate", "incomplete", "failed")
WRITES = ("created", "updated", "retracted", "parked", "acknowledged")
ORDER = (1, 5, 4, 7, 6, 2, 143, 130, 75, 3)


class Summary:
    """Counts of one run, reconciled: every line has one disposition."""

    def __init__(self, *, run_id: str, profile: str, places: Sequence[str] = ()) -> None:
        self.run_id, self.profile = run_id, profile
        self.places = tuple(places)
        """Where results lie; nowhere in a dry run."""
        self.cohort = 0
        self.not_due = 0
        self.foreign = 0
        self.elsewhere = 0
        """Members of the cohort that are patients of another server."""
        self.foreign_results = 0
        """Results of other sites that were met at the sinks, and left alone."""
        self.seen = 0
        """Patients who were read so far."""
        self.unread = 0
        """Results that panels and reports name and that could not be read."""
        self.vanished = 0
        """Results that were not as we had left them."""
        self._dispositions: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._unmapped: Counter[str] = Counter()
        self._resembling = 0
        """Of these, how many read like an input."""
        self._traffic: Counter[str] = Counter()
        self._skipped = self._without_status = self._results = 0
        self._stopped = 0
        self._one_sided = 0
        self.clock_apart = 0
        """Seconds between the server's clock and ours, where that is worth telling."""
        self.kept: dict[str, str] = {}
        """Elements that a sink dropped, changed or added."""
        self._ended_by = 0
        self.account = Account()
        """What was read, and where it ended."""

    def count(self, disposition: str, write: str, *, acknowledged: bool = False) -> None:
        """Count one line; what a person has acknowledged is parked and no news."""
        self._dispositions[disposition] += 1
        self._writes["acknowledged" if acknowledged and write == "parked" else write] += 1

    def read(self, record: PatientRecord) -> None:
        """Count what was left out of one record, and a merge that its other side does not know."""
        self._one_sided += "merge-one-sided" in record.flags
        self._skipped += len(record.skipped)
        without = sum(_lacks_status(one.value) for one in record.results)
        self._without_status += without
        self._results += len(record.results) - without
        for code, times in record.unmapped:
            self._unmapped[str(code)] += times
        self._resembling += sum(times for _, times in record.resembling)

    @property
    def statusless(self) -> int:
        """Results without a status, where none that was read had one: the server drops it."""
        return 0 if self._results else self._without_status

    def stops(self, stop: bool) -> None:  # noqa: FBT001
        """Count a patient at whom a person must look before anything is written."""
        self._stopped += stop

    def ended_by(self, error: BaseException) -> None:
        """Note what ended the run; whatever is not ours is a bug of ours."""
        self._ended_by = getattr(error, "exit_code", RemissionError.exit_code)

    def add_traffic(self, traffic: Traffic) -> None:
        """Add what went over the wire to one server."""
        self._traffic.update(
            requests=traffic.requests,
            unsafe_requests=traffic.unsafe_requests,
            bytes=traffic.bytes_read,
            retries=traffic.retries,
        )

    def exit_code(self, fail_on: str) -> int:
        """The code of the worst thing that happened."""
        found = {self._ended_by}
        if self._stopped:
            found.add(SafetyStop.exit_code)
        if self._writes["parked"] or (self._dispositions["failed"] and fail_on != "never"):
            found.add(3)
        if self.account.lost and not self._ended_by:
            found.add(3)
        if self._dispositions["incomplete"] and fail_on == "incomplete":
            found.add(3)
        return next((code for code in ORDER if code in found), max(found))

    def progress(self) -> tuple[int, int]:
        """How many patients were seen, of how many."""
        return self.seen, self.cohort - self.not_due

    def sentence(self) -> str:
        """What was done and where it lies, for somebody who watched."""
        left = self._dispositions["incomplete"] + self._dispositions["failed"]
        wrote = ", ".join(f"{self._writes[name]} {name}" for name in WRITES if self._writes[name])
        done = wrote or "nothing had changed" if self.places else "nothing was written anywhere"
        told = f"{self.seen} of {self.cohort} patients read: {done}"
        told += f"; {left} could not be judged" if left else ""
        where = f". The results lie on {' and '.join(self.places)}" if self.places else ""
        return f"{told}{where}. Run {self.run_id}."

    def told(self, exit_code: int) -> dict[str, object]:
        """The summary as fields."""
        return {
            "run_id": self.run_id,
            "profile": self.profile,
            "exit_code": exit_code,
            "patients": self.cohort,
            "not_due": self.not_due,
            "foreign": self.foreign,
            "vanished": self.vanished,
            "elsewhere": self.elsewhere,
            "foreign_results": self.foreign_results,
            "lines": sum(self._dispositions.values()),
            **{name: self._dispositions[name] for name in DISPOSITIONS},
            **{name: self._writes[name] for name in WRITES},
            "unchanged": self._writes["none"],
            "skipped": self._skipped,
            "entries": self.account.told(),
            "unread": self.unread,
            "merge_one_sided": self._one_sided,
            "clock_apart": self.clock_apart,
            "unmapped": sum(self._unmapped.values()),
            "like_inputs": self._resembling,
            "codes": " ".join(
                f"{_code(name)}:{times}" for name, times in self._unmapped.most_common(10)
            ),
            **self._traffic,
            "not_kept": " ".join(f"{path}:{how}" for path, how in sorted(self.kept.items())),
        }


def _lacks_status(value: object) -> bool:
    return isinstance(value, Unreadable) and value.reason == NO_STATUS


def _code(name: str) -> str:
    system, _, code = name.rpartition("|")
    return f"{plain_code(system) if system else ''}|{plain_code(code)}"


def write_summary(file: Path, told: Mapping[str, object], exit_code: int, log: BoundLogger) -> None:
    """Write the summary of a run that ended with that code, which another failure cannot better."""
    try:
        write_output(file, (json.dumps(told, indent=1) + "\n").encode())
    except RemissionError as error:
        log.warning("summary_not_written", reason=str(error))
        if exit_code in (0, ReadIncomplete.exit_code):
            raise


def versions() -> str:
    """One JSON object."""
    told = {
        "software": VERSION,
        "schema": SCHEMA,
        "mappings": load_mappings().version,
        "criteria": {name: load_criteria(name).version for name in criteria_names()},
    }
    return msgspec.json.encode(told).decode()


Told = Callable[[Written], None]
"""Writes the audit line of a write that was answered, before the state says that it is done."""
_WORST: tuple[Written, ...] = ("parked", "retracted", "updated", "created", "none")


class Outcome(Struct, frozen=True):
    """What became of one patient at one sink."""

    written: Written = "none"
    locations: tuple[str, ...] = ()
    problem: str = ""
    stop: bool = False
    """A person must look: the run goes on with the others and ends with 5."""
    acknowledged: bool = False
    """A person knows of everything that waits for one."""


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """What became of one patient at all sinks."""
    return Outcome(
        min((one.written for one in outcomes), key=_WORST.index, default="none"),
        tuple(place for one in outcomes for place in one.locations),
        next((one.problem for one in outcomes if one.problem), ""),
        any(one.stop for one in outcomes),
        all(one.acknowledged for one in outcomes if one.problem),
    )
