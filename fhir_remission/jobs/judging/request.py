"""What a caller without a server asks for, and the judge that answers it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from fhir_remission.domain.answer.assess import Options
from fhir_remission.domain.nouns.inputs import CohortRow
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.errors import UsageError
from fhir_remission.fhir.reading.record import Reading
from fhir_remission.jobs.judging.judging import Judge, load_judge
from fhir_remission.jobs.judging.time_arguments import moment_of, zone_of

# What stands in the input is all there is of Observations; silence of other types says nothing
# unless the caller vouches for it (`--complete`).
ALWAYS_READ = frozenset({"Observation"})
# Types of which silence may prove something.
TYPES = frozenset(
    {
        *("Observation", "DiagnosticReport", "Specimen", "Condition", "Procedure"),
        *("MedicationAdministration", "Medication", "Patient"),
    }
)
# A site that vouches for its Procedures vouches for the transfusions among them.
VOUCHED = {"Procedure": frozenset({"rbc-transfusion", "platelet-transfusion"})}


class Request(Struct, frozen=True):
    """What the command line asked for."""

    criteria: tuple[str, ...] = ("eln-2022",)
    as_of: str = ""
    history: bool = False
    complete: frozenset[str] = frozenset()
    bundle: bool = False
    config: Path | None = None
    base: Path | None = None
    """What of ours stands on the server that the bundle is for."""
    overlay: Path | None = None
    timezone: str = ""
    strict: bool = False
    read: frozenset[str] = frozenset()
    """Types read to the end, of which nobody vouches that everything is recorded."""
    attested: frozenset[str] = frozenset()
    """What a site attests that it records (`evidence.absence_proves`)."""
    rejected_are_cancelled: bool = False
    """What a site attests of samples (`evidence.rejected_specimens_are_cancelled`)."""
    without: frozenset[str] = frozenset()
    """Types that are never to be had at this site (`source.without`)."""
    accept_routine: frozenset[str] = frozenset()
    decimal_comma: bool = False
    namespace: str = NAMESPACE
    rows: Mapping[str, tuple[CohortRow, ...]] = {}
    """What the site's cohort list states of its patients."""


def judge_for(request: Request) -> Judge:
    """Load the tables and read the moment of a request."""
    for kind in sorted(request.complete - TYPES):
        near = difflib.get_close_matches(kind, TYPES, n=1) or sorted(TYPES)
        raise UsageError(f"--complete {kind}: no type that is read; choose {', '.join(near)}")
    zone = zone_of(request.timezone)
    attested = request.attested.union(*(VOUCHED.get(kind, ()) for kind in request.complete))
    reading = Reading(
        zone=zone if request.timezone else None,
        decimal_comma=request.decimal_comma,
        namespace=request.namespace,
        complete=(ALWAYS_READ | request.complete | request.read) - request.without,
        without=request.without,
        attested=attested,
        rejected_are_cancelled=request.rejected_are_cancelled,
    )
    return load_judge(
        request.criteria,
        reading=reading,
        zone=zone,
        as_of=moment_of(request.as_of, zone, SystemClock()),
        options=Options(
            accept_routine=request.accept_routine,
            strict=request.strict,
            current_only=not request.history and request.base is None,
        ),
        overlay=request.overlay,
        rows=request.rows,
    )
