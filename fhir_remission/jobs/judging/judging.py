"""The middle of every job: one patient's resources to assessments, by each criteria set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from msgspec import Struct, structs

from fhir_remission.domain.answer.accounting import Place
from fhir_remission.domain.answer.assess import Options, assess
from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import CohortRow, PatientRecord
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.mapping_files import load_criteria, load_mappings
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_entries

# The flag of who is linked to a record that does not agree (`fhir/incoming/merges.py`).
ONE_SIDED = "merge-one-sided"
# What is assumed where another record of the same person is judged by itself.
LINKED = "linked-record"
# Clocks and zones differ by less.
_A_DAY = timedelta(days=1)


class Judge(Struct, frozen=True):
    """Everything an answer depends on besides the patient's resources."""

    mappings: Mappings
    sets: tuple[CriteriaSet, ...]
    reading: Reading
    zone: tzinfo
    as_of: datetime
    options: Options
    rows: Mapping[str, tuple[CohortRow, ...]] = {}
    """What the site states of patients, where it is not given with each of them."""
    doubts: tuple[str, ...] = ()
    """What is assumed of the reading of everybody's record."""
    now: datetime | None = None
    """The moment of the clock; `as_of` may lie before or after it."""

    def where_specimens(self, *, come: bool) -> Judge:
        """The same judge where Specimens come, so that one which does not is a gap, or do not."""
        return structs.replace(self, reading=structs.replace(self.reading, specimens=come))

    def record(
        self, patient: str, entries: Sequence[Entry], *, rows: Sequence[CohortRow] = ()
    ) -> PatientRecord:
        """The patient's record, read to the end."""
        return self.read(patient, entries, rows=rows)[0]

    def read(
        self,
        patient: str,
        entries: Sequence[Entry],
        *,
        rows: Sequence[CohortRow] = (),
        failed: frozenset[str] = frozenset(),
        doubts: tuple[str, ...] = (),
        deleted: frozenset[str] = frozenset(),
        members_gone: frozenset[str] = frozenset(),
        one_sided: bool = False,
        elsewhere: Mapping[str, str] | None = None,
    ) -> tuple[PatientRecord, list[Place]]:
        """The same, and where each entry ended; `deleted` names what the server has no more."""
        reading = structs.replace(
            self.reading,
            cohort_rows=tuple(rows) or self.rows.get(patient, ()),
            complete=self.reading.complete - failed,
            failed=failed,
            members_gone=members_gone,
            elsewhere=elsewhere or {},
            latest=max(self.as_of, self.now) + _A_DAY if self.now else None,
        )
        record, places = read_entries(patient, entries, self.mappings, reading, deleted=deleted)
        flags = (*record.flags, ONE_SIDED) if one_sided else record.flags
        doubted = tuple(sorted({*record.doubts, *doubts, *self.doubts}))
        return structs.replace(record, doubts=doubted, flags=flags), places

    def assess(self, record: PatientRecord) -> list[tuple[CriteriaSet, tuple[Assessment, ...]]]:
        """Every assessment of the record, oldest first, by each set."""
        return [
            (
                chosen,
                assess(record, chosen, as_of=self.as_of, zone=self.zone, options=self.options),
            )
            for chosen in self.sets
        ]


def load_judge(
    sets: Sequence[str],
    *,
    reading: Reading,
    zone: tzinfo,
    as_of: datetime,
    options: Options,
    overlay: Path | None = None,
    rows: Mapping[str, tuple[CohortRow, ...]] | None = None,
    now: datetime | None = None,
) -> Judge:
    """Load the tables a judge needs; the first bad row stops with its file and line."""
    mappings = load_mappings(overlay, namespace=reading.namespace)
    mapped = mappings.codes.analytes
    return Judge(
        mappings=mappings,
        sets=tuple(load_criteria(name, overlay=overlay, analytes=mapped) for name in sets),
        reading=reading,
        zone=zone,
        as_of=as_of,
        options=options,
        rows=rows or {},
        now=now,
    )
