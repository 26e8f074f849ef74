"""Rules of FHIR R4 that the models of fhir.resources do not hold, for the types that we write.

Source of every row: the StructureDefinitions of R4 4.0.1 (http://hl7.org/fhir/R4/<type>.profile.json);
R4B has the same elements for these types.
"""

from __future__ import annotations

# What must be there, beyond what the model asks for: ours always have subject and identifier.
REQUIRED = {
    "Bundle": ("type", "entry"),
    "ClinicalImpression": ("identifier", "status", "subject"),
    "Device": ("identifier",),
    "Observation": ("identifier", "status", "code", "subject"),
    "Provenance": ("target", "recorded", "agent"),
}

# https://hl7.org/fhir/R4/observation.html, those besides what every resource has.
OBSERVATION_ELEMENTS = frozenset(
    {
        *("identifier", "basedOn", "partOf", "status", "category", "code", "subject", "focus"),
        *("encounter", "effectiveDateTime", "effectivePeriod", "issued", "performer", "note"),
        *("valueQuantity", "valueCodeableConcept", "valueString", "dataAbsentReason", "method"),
        *("interpretation", "bodySite", "specimen", "device", "referenceRange", "hasMember"),
        *("derivedFrom", "component"),
    }
)

CHOICES = {
    "ClinicalImpression": ("effective",),
    "Observation": ("effective", "value"),
    "Provenance": ("occurred",),
}

_IDENTIFIER_USE = frozenset({"usual", "official", "temp", "secondary", "old"})

# Elements with a required binding, and its codes.
BINDINGS = {
    "Bundle.type": frozenset({"transaction", "batch"}),
    "Bundle.entry.request.method": frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}),
    "ClinicalImpression.status": frozenset({"in-progress", "completed", "entered-in-error"}),
    "ClinicalImpression.identifier.use": _IDENTIFIER_USE,
    "Device.deviceName.type": frozenset(
        {
            *("udi-label-name", "user-friendly-name", "patient-reported-name"),
            *("manufacturer-name", "model-name", "other"),
        }
    ),
    "Device.status": frozenset({"active", "inactive", "entered-in-error", "unknown"}),
    "Observation.identifier.use": _IDENTIFIER_USE,
    "Observation.status": frozenset(
        {
            *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
            *("entered-in-error", "unknown"),
        }
    ),
    "Provenance.entity.role": frozenset(
        {"derivation", "revision", "quotation", "source", "removal"}
    ),
}

_WHO = frozenset(
    {"Device", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"}
)

# Where a Reference may point to. What may point to anything has no row.
REFERENCE_TARGETS = {
    "ClinicalImpression.assessor": frozenset({"Practitioner", "PractitionerRole"}),
    "ClinicalImpression.encounter": frozenset({"Encounter"}),
    "ClinicalImpression.finding.itemReference": frozenset({"Condition", "Media", "Observation"}),
    "ClinicalImpression.investigation.item": frozenset(
        {
            *("DiagnosticReport", "FamilyMemberHistory", "ImagingStudy", "Media", "Observation"),
            *("QuestionnaireResponse", "RiskAssessment"),
        }
    ),
    "ClinicalImpression.note.authorReference": _WHO - {"Device"},
    "ClinicalImpression.previous": frozenset({"ClinicalImpression"}),
    "ClinicalImpression.problem": frozenset({"AllergyIntolerance", "Condition"}),
    "ClinicalImpression.prognosisReference": frozenset({"RiskAssessment"}),
    "ClinicalImpression.subject": frozenset({"Patient"}),  # R4 also: Group
    "Observation.derivedFrom": frozenset(
        {
            *("DocumentReference", "ImagingStudy", "Media", "MolecularSequence", "Observation"),
            "QuestionnaireResponse",
        }
    ),
    "Observation.device": frozenset({"Device", "DeviceMetric"}),
    "Observation.encounter": frozenset({"Encounter"}),
    "Observation.hasMember": frozenset(
        {"MolecularSequence", "Observation", "QuestionnaireResponse"}
    ),
    "Observation.note.authorReference": _WHO - {"Device"},
    "Observation.performer": _WHO - {"Device"} | {"CareTeam"},
    "Observation.specimen": frozenset({"Specimen"}),
    "Observation.subject": frozenset({"Patient"}),  # R4 also: Group, Device, Location
    "Provenance.agent.onBehalfOf": _WHO,
    "Provenance.agent.who": _WHO,
    "Provenance.location": frozenset({"Location"}),
}

# Elements of type dateTime or instant in these types.
TIMES = frozenset(
    {"date", "effectiveDateTime", "effectiveInstant", "end", "issued", "occurredDateTime"}
    | {"lastUpdated", "recorded", "start", "time", "valueDateTime"}
)
