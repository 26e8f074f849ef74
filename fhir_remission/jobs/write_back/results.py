"""The sink that is always there: every result as a line of a file, whatever servers do."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.files.results_file import Head, ResultsFile
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.fhir.writing.assessment_json import Written, assessment_document, write_line
from fhir_remission.fhir.writing.identity import resource_id
from fhir_remission.jobs.judging.summary import Outcome, Told
from fhir_remission.jobs.write_back.result_rows import Place

WITHDRAWN = "entered-in-error"


class ResultsSink:
    """Results in a file; nothing is asked of anybody."""

    def __init__(self, place: Place, file: ResultsFile) -> None:
        self.place, self.file = place, file
        self.host = f"file {file.path.name}"

    def put(self, assessments: Sequence[Assessment], told: Told) -> Outcome:
        """Append what changed of one patient by one criteria set."""
        patient, criteria_id = assessments[0].patient, assessments[0].criteria_id
        standing = self.file.standing(patient, criteria_id)
        wanted = self._wanted(assessments, standing)
        lines: list[tuple[Written, bytes]] = []
        for key, assessment in wanted.items():
            before = standing.get(key)
            new = self.place.by.evidence_hash(assessment)
            if before is None or (before.status, before.evidence_hash) != ("standing", new):
                lines.append(("updated" if before else "created", self._line(key, assessment)))
        for key, head in standing.items():
            if key not in wanted and head.status != WITHDRAWN:
                lines.append(("retracted", self._withdrawn(head)))
        for written, line in lines:
            told(written)
            self.file.append(line)
        return Outcome(next((written for written, _ in lines), "none"))

    def _wanted(
        self, assessments: Sequence[Assessment], standing: dict[str, Head]
    ) -> dict[str, Assessment]:
        """What is to be in force; an older result must follow its evidence too."""
        found: dict[str, Assessment] = {}
        for assessment in assessments:
            key = resource_id(self.place.by.identity, "impression", assessment)
            asked = assessment.current or self.place.which == "history" or key in standing
            if assessment.anchor.kind != "none" and asked:
                found[key] = assessment
        return found

    def _line(self, key: str, assessment: Assessment) -> bytes:
        by = self.place.by
        document = assessment_document(
            assessment,
            evidence_hash=by.evidence_hash(assessment),
            software_version=by.software_version,
        )
        return write_line(self._head(key, "standing", document) | {"assessment": document})

    def _withdrawn(self, head: Head) -> bytes:
        document: dict[str, Json] = {
            "patient": head.patient,
            "criteria": {"id": head.criteria.id},
            "evidence_hash": head.evidence_hash,
        }
        return write_line(self._head(head.key, WITHDRAWN, document) | {"assessment": None})

    def _head(self, key: str, status: str, document: dict[str, Json]) -> dict[str, Json]:
        return {
            "key": key,
            "patient": document["patient"],
            "criteria": document["criteria"],
            "status": status,
            "evidence_hash": document["evidence_hash"],
            "run": self.place.run_id,
            "recorded": self.place.by.computed_at,
        }
