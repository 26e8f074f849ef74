"""The elements that FHIR has in each type that is read, and what is done about any other.

An element of no known name is one that cannot be read: it may be a misspelt status. So what it
stands in is doubtful. Looking for one costs nothing: the strict types are decoded in one go.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from fhir_remission.fhir.r4.elements import NOTHING, is_denied, is_there

# What every resource has, with the comments of DSTU2 and STU3 in JSON.
_OF_ALL = "language text contained extension modifierExtension implicitRules fhir_comments"
# The rest by type: the pages of DSTU2, STU3, R4, R4B and R5 of that name, such as
# https://hl7.org/fhir/R4/observation.html and https://hl7.org/fhir/R5/observation.html.
_OF_TYPE = {
    "Observation": """
        appliesDateTime appliesPeriod basedOn bodyStructure category comment comments context
        derivedFrom encounter instantiatesCanonical instantiatesReference interpretation note
        partOf performer referenceRange triggeredBy""",
    "DiagnosticReport": """
        basedOn category codedDiagnosis composition conclusion conclusionCode context encounter
        image imagingStudy issued media note performer presentedForm request resultsInterpreter
        study supportingInfo""",
    "Composition": """
        attester author category class confidentiality custodian date encounter event identifier
        name note title type url useContext version""",
    "Specimen": "combined container feature note processing receivedTime request role treatment",
    "Patient": """
        address animal careProvider communication contact gender generalPractitioner
        managingOrganization maritalStatus multipleBirthBoolean multipleBirthInteger name photo
        telecom""",
    "Condition": """
        abatement abatementAge abatementBoolean abatementRange abatementString asserter bodySite
        category context encounter evidence note notes participant recorder severity stage""",
    "Procedure": """
        asserter basedOn bodySite category complication complicationDetail context definition
        encounter focalDevice focus followUp instantiatesCanonical instantiatesUri location note
        notDoneReason notes occurrenceAge occurrenceRange occurrenceString occurrenceTiming outcome
        partOf performedAge performedRange performedString performer reason
        reasonCodeableConcept reasonCode reasonNotPerformed reasonReference recorded recorder
        report reportedBoolean reportedReference request statusReason supportingInfo used usedCode
        usedReference""",
    "MedicationAdministration": """
        basedOn category context definition device encounter eventHistory instantiates
        isSubPotent note occurenceTiming partOf performer practitioner prescription reason
        reasonCode reasonGiven reasonNotGiven reasonReference recorded request statusReason
        subPotentReason supportingInformation""",
    "Medication": """
        amount batch definition doseForm form image isBrand isOverTheCounter manufacturer
        marketingAuthorizationHolder package product status totalVolume""",
    "Substance": "category description expiry instance quantity status",
    "Component": "extension fhir_comments id interpretation referenceRange",
}
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def strict(kind: type[Struct]) -> type[Struct]:
    """The same type with every element that FHIR has, which refuses any other."""
    name = kind.__name__
    shared = _OF_ALL if name != "Component" else ""
    names = {*_OF_TYPE[name].split(), *shared.split()} - set(kind.__struct_encode_fields__)
    # Under names of their own: they must not hide what the type calls so.
    fields = [
        (f"plain_{one}", Raw, msgspec.field(default=NOTHING, name=one)) for one in sorted(names)
    ]
    return msgspec.defstruct(
        f"Plain{name}", fields, bases=(kind,), module=__name__, forbid_unknown_fields=True,
        omit_defaults=True, tag=kind.__struct_config__.tag,
        tag_field=kind.__struct_config__.tag_field,
    )  # fmt: skip


def unknown_in(body: bytes | Raw, plain: type[Struct]) -> str:
    """The first element of a name that FHIR does not have there; empty where there is none.

    `_status` goes with `status`. Errors are msgspec's.
    """
    names = {*plain.__struct_encode_fields__, "resourceType"}
    for name, value in _MEMBERS.decode(body).items():
        if name.removeprefix("_") not in names and is_there(value):
            return name
    return ""


def denied_in(body: bytes | Raw, kind: type[Struct]) -> str:
    """Which element that is read stands there and is said to be absent; empty where none is."""
    held = _MEMBERS.decode(body)
    for name in kind.__struct_encode_fields__:
        if is_there(held.get(name, NOTHING)) and is_denied(held.get(f"_{name}", NOTHING)):
            return f"its {name} stands there and is said to be absent"
    return ""
