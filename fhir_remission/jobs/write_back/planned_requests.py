"""What would be done for one patient at one sink, and what it comes to."""

from __future__ import annotations

from msgspec import Struct, structs

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.patient_writes import Held, PatientWrites
from fhir_remission.jobs.judging.summary import Outcome
from fhir_remission.jobs.write_back.existing_results import Standing
from fhir_remission.jobs.write_back.patients import Subject
from fhir_remission.jobs.write_back.result_rows import Left, Memory
from fhir_remission.jobs.write_back.unanswered_sends import resumed


class Prospect(Struct, frozen=True):
    """What would be done for one patient and criteria set, and all that this was decided on."""

    memory: Memory
    assessments: tuple[Assessment, ...]
    rows: dict[str, AssessmentRow]
    left: Left | None
    held: Held
    planned: PatientWrites
    doubled: tuple[str, ...] = ()
    standing: Standing = Standing()
    subject: Subject = Subject()


def here(resource: Resource) -> str:
    """The reference of a resource as it stands."""
    return f"{resource['resourceType']}/{resource['id']}"


def known(rows: dict[str, AssessmentRow], left: Left | None) -> dict[str, Known]:
    """What the rows say of each resource, for the decision about it."""
    sent = left.results if left else {}
    return {
        name.rpartition("/")[2]: Known(
            row.evidence_hash,
            row.content_digest,
            sent=sent.get(name) if row.status == "pending" else None,
            replaced=row.etag if row.status == "pending" else "",
            patient=row.patient,
        )
        for name, row in rows.items()
    }


def outcome_of(prospect: Prospect, locations: dict[str, str]) -> Outcome:
    """What comes of a prospect when all of it is carried out."""
    planned, held = prospect.planned, prospect.held.resources

    def place(name: str) -> str:
        stands = held.get(name.rpartition("/")[2])
        return locations.get(name, here(stands) if stands else name)

    parked = next((s.action.reason for s in planned.steps if s.action.kind == "park"), "")
    return Outcome(
        written=planned.written,
        locations=tuple(place(s.reference) for s in planned.steps if s.action.kind != "none"),
        problem=parked,
    )


def with_resumed(outcome: Outcome, left: Left, prospect: Prospect) -> Outcome:
    """What an earlier attempt did counts as done now: nobody was told of it."""
    written, locations = resumed(left, prospect.rows, prospect.held)
    if outcome.written != "none" or written == "none":
        return outcome
    return structs.replace(outcome, written=written, locations=locations)
