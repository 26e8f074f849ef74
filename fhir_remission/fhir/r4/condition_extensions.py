"""What extensions of a Condition say: how sure a diagnosis in ICD-10-GM is, and its histology.

In Germany every diagnosis outside of a hospital has one; a suspicion or what was excluded has the
code of the disease. https://simplifier.net/packages/de.basisprofil.r4.
mCODE says of a cancer what it is by its histology, beside a code that may say less.
http://hl7.org/fhir/us/mcode/StructureDefinition-mcode-histology-morphology-behavior.html
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.nouns.inputs import UNREAD
from fhir_remission.domain.tables.terms import TermMap
from fhir_remission.fhir.r4.elements import CodeableConcept, Coding, is_there
from fhir_remission.fhir.r4.wire import UNREADABLE, Condition

# `http://fhir.de/StructureDefinition/...` with either scheme; sites also hang it on the Condition.
_NAME = "fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"
_HISTOLOGY = "mcode/StructureDefinition/mcode-histology-morphology-behavior"
_SYSTEM = "https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_ICD_DIAGNOSESICHERHEIT"
OVER = "over"
"""A state after the disease."""


class _Extension(Struct, rename="camel"):
    """An extension whose value is a code, with its system or alone."""

    url: str = ""
    value_coding: Coding | None = None
    value_code: str | None = None
    value_string: str | None = None
    value_codeable_concept: CodeableConcept | None = None


_EXTENSIONS = msgspec.json.Decoder(list[_Extension])


def sureness(condition: Condition, terms: TermMap) -> set[str]:
    """What is said of it, at most one word; none where nothing is.

    Unread is what no row has, and two that contradict each other.
    """
    codings = condition.code.coding or [] if condition.code else []
    sent = (condition.extension, *(one.extension for one in codings))
    said = {
        word
        for raw in sent
        if is_there(raw) and _NAME.encode() in bytes(raw)
        for word in _said(raw, terms)
    }
    return {UNREAD} if len(said) > 1 else said


def _said(raw: Raw, terms: TermMap) -> set[str]:
    try:
        found = _EXTENSIONS.decode(raw)
    except UNREADABLE:
        return {UNREAD}
    codes = [
        (one.value_coding.code if one.value_coding else one.value_code or one.value_string) or ""
        for one in found
        if one.url.endswith(_NAME)
    ]
    return {terms.coded_term("certainty", _SYSTEM, code.strip()) or UNREAD for code in codes}


def histology(condition: Condition) -> list[CodeableConcept]:
    """What it is by its histology; nothing where that cannot be read."""
    raw = condition.extension
    if not is_there(raw) or _HISTOLOGY.encode() not in bytes(raw):
        return []
    try:
        found = _EXTENSIONS.decode(raw)
    except UNREADABLE:
        return []
    named = (one.value_codeable_concept for one in found if one.url.endswith(_HISTOLOGY))
    return [concept for concept in named if concept is not None]


def site_and_stage(condition: Condition) -> list[CodeableConcept | None]:
    """Where it is and how far it has gone, as far as anybody says."""
    stages = condition.stage if isinstance(condition.stage, list) else [condition.stage]
    return [*(condition.body_site or []), *(one.summary for one in stages if one)]
