"""The parts of FHIR R4 that are read, as typed values; everything else is skipped while decoding.

What may be odd without making the resource useless (values, components, contained resources) is
kept as raw bytes and decoded where it is judged, so that an odd value is a reason and not a loss.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.elements import (
    NOTHING,
    CodeableConcept,
    CodeableReference,
    Collection,
    Concluded,
    Dosage,
    Identifier,
    Ingredient,
    Known,
    Link,
    Meta,
    Period,
    Reference,
    Related,
    Stage,
    Timing,
    Valued,
)
from fhir_remission.fhir.r4.free_text import Shown


class Observation(Valued, rename="camel", tag_field="resourceType", tag="Observation"):
    """A measurement or a statement about a patient."""

    type_name: ClassVar[str] = "Observation"
    id: str | None = None
    meta: Meta | None = None
    identifier: list[Identifier] | None = None
    status: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    focus: list[Reference] | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    effective_timing: Timing | None = None
    issued: str | None = None
    method: CodeableConcept | None = None
    specimen: Reference | None = None
    device: Reference | None = None
    has_member: list[Reference] | None = None
    derived_from: list[Reference] | None = None
    part_of: list[Reference] | None = None
    related: list[Related] | None = None
    """STU3 and DSTU2: where members stood."""
    body_site: CodeableConcept | None = None
    note: Raw = NOTHING
    comment: Raw = NOTHING
    """STU3; DSTU2 had the next."""
    comments: Raw = NOTHING
    text: Raw = NOTHING
    component: Raw = NOTHING
    contained: Raw = NOTHING


class DiagnosticReport(Known, rename="camel", tag_field="resourceType", tag="DiagnosticReport"):
    """What holds several results together."""

    type_name: ClassVar[str] = "DiagnosticReport"
    status: str | None = None
    category: Raw = NOTHING
    """R4 has a list, STU3 one."""
    code: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    specimen: list[Reference] | None = None
    result: list[Reference] | None = None
    conclusion: str | None = None
    presented_form: Shown = None
    note: Raw = NOTHING
    """R5."""
    composition: Reference | None = None
    """R5: the document that says the same and holds the results."""
    conclusion_code: list[Concluded] | None = None
    coded_diagnosis: list[CodeableConcept] | None = None
    """STU3 and DSTU2."""


class Specimen(Known, rename="camel", tag_field="resourceType", tag="Specimen"):
    """What was drawn, from whom and when."""

    type_name: ClassVar[str] = "Specimen"
    status: str | None = None
    accession_identifier: Identifier | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    collection: Collection | None = None
    received_time: str | None = None
    condition: list[CodeableConcept] | None = None
    parent: list[Reference] | None = None
    note: Raw = NOTHING
    processing: Raw = NOTHING


class Patient(Known, rename="camel", tag_field="resourceType", tag="Patient"):
    """Who it is about."""

    type_name: ClassVar[str] = "Patient"
    active: Raw = NOTHING
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    link: list[Link] | None = None


class Condition(Known, rename="camel", tag_field="resourceType", tag="Condition"):
    """A diagnosis and what is claimed of its course."""

    type_name: ClassVar[str] = "Condition"
    clinical_status: CodeableConcept | str | None = None
    """A code alone before R4; so is the next."""
    verification_status: CodeableConcept | str | None = None
    code: CodeableConcept | None = None
    body_site: list[CodeableConcept | None] | None = None
    stage: list[Stage | None] | Stage | None = None
    """A list from R4 on."""
    subject: Reference | None = None
    patient: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_string: Raw = NOTHING
    onset_age: Raw = NOTHING
    onset_range: Raw = NOTHING
    note: Raw = NOTHING
    notes: Raw = NOTHING
    """DSTU2."""
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None
    asserted_date: str | None = None
    """STU3."""
    date_recorded: str | None = None
    """DSTU2."""


class Procedure(Known, rename="camel", tag_field="resourceType", tag="Procedure"):
    """Something that was done."""

    type_name: ClassVar[str] = "Procedure"
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    occurrence_date_time: str | None = None
    """R5; so is the next."""
    occurrence_period: Period | None = None
    category: Raw = NOTHING
    reason_code: Raw = NOTHING
    used_code: Raw = NOTHING
    used_reference: list[Reference | None] | None = None
    outcome: CodeableConcept | None = None
    complication: Raw = NOTHING
    note: Raw = NOTHING
    notes: Raw = NOTHING
    """DSTU2."""
    not_done: bool | None = None
    """STU3."""
    not_performed: bool | None = None
    """DSTU2."""


class MedicationAdministration(
    Known, rename="camel", tag_field="resourceType", tag="MedicationAdministration"
):
    """A dose that was given."""

    type_name: ClassVar[str] = "MedicationAdministration"
    status: str | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    """R5."""
    subject: Reference | None = None
    patient: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    occurence_date_time: str | None = None
    """R5, which spells it so; so is the next."""
    occurence_period: Period | None = None
    effective_time_date_time: str | None = None
    """DSTU2; so is the next."""
    effective_time_period: Period | None = None
    reason_code: Raw = NOTHING
    not_given: bool | None = None
    """STU3."""
    was_not_given: bool | None = None
    """DSTU2."""
    dosage: Dosage | None = None


class Medication(Known, rename="camel", tag_field="resourceType", tag="Medication"):
    """What a dose consists of."""

    type_name: ClassVar[str] = "Medication"
    code: CodeableConcept | None = None
    ingredient: list[Ingredient] | None = None
    product: Raw = NOTHING
    """DSTU2; STU3 had the next, too."""
    package: Raw = NOTHING


class Substance(Medication, rename="camel", tag_field="resourceType", tag="Substance"):
    """What an ingredient of a Medication may refer to."""

    type_name: ClassVar[str] = "Substance"


class Device(Known, rename="camel", tag_field="resourceType", tag="Device"):
    """What produced a result; ours is known by its identifier."""

    type_name: ClassVar[str] = "Device"


Resource = (
    Observation
    | DiagnosticReport
    | Composition
    | Specimen
    | Patient
    | Condition
    | Procedure
    | MedicationAdministration
    | Medication
    | Substance
    | Device
)
READ_TYPES: dict[str, type[Resource]] = {
    kind.type_name: kind
    for kind in (
        *(Observation, DiagnosticReport, Composition, Specimen, Patient, Condition),
        *(Procedure, MedicationAdministration, Medication, Substance, Device),
    )
}


def is_withdrawn(resource: Resource) -> bool:
    """Whether it says itself that it never held."""
    return getattr(resource, "status", None) == "entered-in-error"


class Header(Struct, rename="camel"):
    """Enough of any resource to say what it is."""

    resource_type: str | None = None
    id: str | None = None
    contained: Raw = NOTHING


class Entry(Struct, frozen=True):
    """A resource, the address it was given with, and where it was read."""

    resource: Resource
    full_url: str = ""
    place: str = ""
    included: bool = False
    """It came beside the matches of a search, which do not count it."""
    name: str = ""
    """Set for contained resources, which have no reference of their own."""

    @property
    def ref(self) -> str:
        """How the resource is named in evidence: `Observation/o1`, else its address or place."""
        if self.name:
            return self.name
        kind = self.resource.type_name
        if self.resource.id:
            return f"{kind}/{self.resource.id}"
        # The address names it just as well.
        before, _, last = self.full_url.rpartition(f"{kind}/")
        if last and "/" not in last and (not before or before.endswith("/")):
            return f"{kind}/{last}"
        return self.full_url or f"{kind} at {self.place or 'unknown place'}"


# What decoding raises: bad JSON, a wrong type, bad UTF-8, brackets without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
