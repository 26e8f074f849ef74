"""Resource types by name, and what lies within a resource without a reference of its own.

What has the name of no type cannot be told from damage.
"""

from __future__ import annotations

import base64
import codecs
import re
import zlib
from contextlib import suppress

import msgspec
from msgspec import Raw

from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.elements import is_there
from fhir_remission.fhir.r4.wire import UNREADABLE, Header, Resource

# https://hl7.org/fhir/R4/resourcelist.html, and what DSTU2, STU3, R4B and R5 name besides
# (their pages of the same name). Types that are read stand in `wire.READ_TYPES`.
_NAMES = """
    Account ActivityDefinition ActorDefinition AdministrableProductDefinition AdverseEvent
    AllergyIntolerance Appointment AppointmentResponse ArtifactAssessment AuditEvent Basic Binary
    BiologicallyDerivedProduct BiologicallyDerivedProductDispense BodySite BodyStructure Bundle
    CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Citation
    Claim ClaimResponse ClinicalImpression ClinicalUseDefinition CodeSystem Communication
    CommunicationRequest CompartmentDefinition Composition ConceptMap Condition
    ConditionDefinition Conformance Consent Contract Coverage CoverageEligibilityRequest
    CoverageEligibilityResponse DataElement DetectedIssue Device DeviceAssociation DeviceComponent
    DeviceDefinition DeviceDispense DeviceMetric DeviceRequest DeviceUsage DeviceUseRequest
    DeviceUseStatement DiagnosticOrder DiagnosticReport DocumentManifest DocumentReference
    EffectEvidenceSynthesis EligibilityRequest EligibilityResponse Encounter EncounterHistory
    Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
    EvidenceReport EvidenceVariable ExampleScenario ExpansionProfile ExplanationOfBenefit
    FamilyMemberHistory Flag FormularyItem GenomicStudy Goal GraphDefinition Group
    GuidanceResponse HealthcareService ImagingManifest ImagingObjectSelection ImagingSelection
    ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation
    ImplementationGuide Ingredient InsurancePlan InventoryItem InventoryReport Invoice Library
    Linkage List Location ManufacturedItemDefinition Measure MeasureReport Media Medication
    MedicationAdministration MedicationDispense MedicationKnowledge MedicationOrder
    MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductDefinition MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
    MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionIntake NutritionOrder
    NutritionProduct Observation ObservationDefinition OperationDefinition OperationOutcome Order
    OrderResponse Organization OrganizationAffiliation PackagedProductDefinition Parameters
    Patient PaymentNotice PaymentReconciliation Permission Person PlanDefinition Practitioner
    PractitionerRole Procedure ProcedureRequest ProcessRequest ProcessResponse Provenance
    Questionnaire QuestionnaireResponse ReferralRequest RegulatedAuthorization RelatedPerson
    RequestGroup RequestOrchestration Requirements ResearchDefinition ResearchElementDefinition
    ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter
    Sequence ServiceDefinition ServiceRequest Slot Specimen SpecimenDefinition
    StructureDefinition StructureMap Subscription SubscriptionStatus SubscriptionTopic Substance
    SubstanceDefinition SubstanceNucleicAcid SubstancePolymer SubstanceProtein
    SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery
    SupplyRequest Task TerminologyCapabilities TestPlan TestReport TestScript Transport ValueSet
    VerificationResult VisionPrescription
"""
TYPE_NAMES = frozenset(_NAMES.split())


_CONTAINED = msgspec.json.Decoder(list[Raw] | None)


def contained(raw: Raw) -> dict[str, Resource]:
    """The contained resources that can be read, by their `#id`."""
    inside: dict[str, Resource] = {}
    for body in _bodies(raw):
        try:
            resource = decode_resource(body)
        except UNREADABLE:
            continue
        if not isinstance(resource, str) and resource.id:
            inside[f"#{resource.id.removeprefix('#')}"] = resource
    return inside


def hides_contained(raw: Raw) -> bool:
    """Whether something contained cannot be read, so that it may be anything."""
    if not is_there(raw):
        return False
    try:
        held = [decode_resource(body) for body in _CONTAINED.decode(raw) or []]
    except UNREADABLE:
        return True
    return any(
        one not in TYPE_NAMES or one in _WRAPPERS
        if isinstance(one, str)
        else not one.id or is_there(one.contained)
        for one in held
    )


# None of these may be contained (http://hl7.org/fhir/R4/references.html#contained), and each may
# hold results or say that some are missing.
_WRAPPERS = frozenset({"Bundle", "Parameters", "OperationOutcome"})
_EVIDENCE = _WRAPPERS | {
    *("Observation", "DiagnosticReport", "Condition", "Procedure", "MedicationAdministration"),
    "Composition",
}
WITHIN = "it contains what may be evidence, and its own type is not read"
_HEADER = msgspec.json.Decoder(Header)


# Where bytes lie in an attachment, and in a Binary before and since R4.
_ATTACHED = re.compile(rb'"(?:data|content)"\s*:\s*"([^"]+)"')
_FHIR = re.compile(rb"""application/(?:fhir\+(?:json|xml|ndjson)|(?:json|xml)\+fhir)""", re.I)
_BEGINS = re.compile(
    rb'[\s\[]*(?:\{.*"resourceType"|<.*http://hl7\.org/fhir|@prefix.*http://hl7\.org/fhir)',
    re.DOTALL,
)
# PDF, RTF, PNG, JPEG: whatever they are called, no FHIR.
_OTHERS = (b"%PDF", b"{\\rtf", b"\x89PNG", b"\xff\xd8")
# Of base64, enough to see what it is.
_ENOUGH = 2000
# zlib: with the header of gzip.
_GZIP = 31


def evidence_within(body: bytes | Raw) -> bool:
    """Whether a resource of a type that is not read contains what may be evidence."""
    text = bytes(body)
    if (b'"data"' in text or b'"content"' in text) and _attaches_fhir(text):
        return True
    if b'"contained"' not in text:
        return False
    try:
        return holds_evidence(_HEADER.decode(body).contained)
    except UNREADABLE:
        return True


def holds_evidence(raw: Raw) -> bool:
    """Whether what is contained may be evidence."""
    if not is_there(raw):
        return False
    try:
        held = [_HEADER.decode(one).resource_type for one in _CONTAINED.decode(raw) or []]
    except UNREADABLE:
        return True
    return any(kind in _EVIDENCE or kind not in TYPE_NAMES for kind in held)


def _attaches_fhir(text: bytes) -> bool:
    """Whether bytes within it are FHIR, by what it calls them or by how they begin."""
    text = text.replace(b"\\/", b"/")
    for found in _ATTACHED.finditer(text):
        begins = _opened(found[1])
        if _BEGINS.match(begins):
            return True
        if _FHIR.search(text) and not begins.startswith(_OTHERS):
            return True
    return False


def _opened(sent: bytes) -> bytes:
    """How attached bytes begin, unpacked and in UTF-8."""
    packed = re.sub(rb"\\[rn]|[^A-Za-z0-9+/]", b"", sent[:_ENOUGH])
    begins = base64.b64decode(packed[: len(packed) // 4 * 4])
    with suppress(zlib.error):
        begins = zlib.decompressobj(_GZIP).decompress(begins, _ENOUGH)
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        begins = begins.decode("utf-16", errors="replace").encode()
    return begins.removeprefix(codecs.BOM_UTF8)


def _bodies(raw: Raw) -> list[Raw]:
    try:
        return (_CONTAINED.decode(raw) or []) if is_there(raw) else []
    except UNREADABLE:
        return []
