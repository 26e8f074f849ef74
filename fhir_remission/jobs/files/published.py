"""What the front door hands out: the answer as an object, and the schema of its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fhir_remission.domain.nouns import assessment as answer
from fhir_remission.errors import UsageError
from fhir_remission.fhir.writing.assessment_json import write_line
from fhir_remission.jobs.files.classify import document_of


class Assessment(answer.Assessment, frozen=True, kw_only=True):
    """The answer for one patient, one criteria set and one anchor.

    Counts are in 10*9/L and percentages in percent, as exact `Decimal`; days are `date`. The fields
    are those of the published line (`fhir_remission.schema("assessment-2")`), where each is told.
    Category and criteria are those of the named paper; each of `criteria_results` names its source.

    Example:
        >>> from fhir_remission import classify
        >>> (found,) = classify("bundle.json", as_of="2026-10-01T00:00:00Z")
        >>> found.category, found.state, found.response_date.isoformat()
        ('CR', 'in-remission', '2026-02-10')
    """

    mapping_version: str
    """The digest of the tables that read the evidence; part of the evidence hash."""

    def to_dict(self) -> dict[str, Any]:
        """The published line as an object: what `classify` prints, decoded.

        Example:
            >>> from fhir_remission import classify
            >>> (found,) = classify("bundle.json")
            >>> found.to_dict()["category"]
            'CR'
        """
        found: dict[str, Any] = document_of(self, self.mapping_version)
        return found

    def to_json(self) -> bytes:
        """The published line, byte for byte what `classify` prints, with its newline.

        Example:
            >>> from fhir_remission import classify
            >>> (found,) = classify("bundle.json")
            >>> found.to_json()[-2:]
            b'}\\n'
        """
        return write_line(document_of(self, self.mapping_version))


def schema(name: str) -> dict[str, Any]:
    """A published JSON Schema by its name: `assessment-2` is the line of an assessment.

    Raises:
        UsageError: there is none of that name; the message lists those that are.

    Example:
        >>> from fhir_remission import schema
        >>> schema("assessment-2")["$schema"]
        'https://json-schema.org/draft/2020-12/schema'
    """
    folder = Path(__file__).resolve().parents[2] / "schema"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise UsageError(f"there is no schema {name}; there are: {', '.join(known)}")
    found: dict[str, Any] = msgspec.json.decode((folder / f"{name}.json").read_bytes())
    return found


def published(one: answer.Assessment, mapping_version: str) -> Assessment:
    """The answer as the front door hands it out."""
    fields = {name: getattr(one, name) for name in one.__struct_fields__}
    return Assessment(**fields, mapping_version=mapping_version)
