"""What qualifies the results of one Observation: method, tissue, sensitivity, gene."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.inputs import UNREAD, Word
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.r4.amounts import as_written, unit_of
from fhir_remission.fhir.r4.elements import CodeableConcept, Quantity, Valued, is_there
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.reading.coding import Match
from fhir_remission.fhir.reading.context import interpreted, term_of, terms_of
from fhir_remission.fhir.reading.reported import has_value, main_words, sent_values

_QUANTITY = msgspec.json.Decoder(Quantity)
_CONCEPT = msgspec.json.Decoder(CodeableConcept)
_TEXT = msgspec.json.Decoder(str)
_LONGEST = 200
# Each is a way of its own to look at cells; a device that counts them may well be a flow cytometer.
_WAYS = ({"flow"}, {"qpcr"}, {"ngs"}, {"morphology", "manual"})
_BY_HAND = {"manual", "automated"}


class Attributes(Struct, frozen=True):
    """Words that qualify the MRD results of one Observation."""

    method: str = ""
    specimen: str = ""
    sensitivity: str = ""
    gene: str = ""
    word: Word = ""


def read_attributes(parts: Iterable[tuple[Valued, Match]], mappings: Mappings) -> Attributes:
    """Gather the attributes among the parts of one Observation."""
    held = list(parts)
    if not any(row.analyte == "mrd" for _, match in held for row in match.rows):
        return Attributes()
    said: dict[str, list[Valued]] = {}
    for valued, match in held:
        analyte = match.rows[0].analyte if len(match.rows) == 1 else ""
        if has_value(valued):
            said.setdefault(analyte, []).append(valued)
    limits = (text_of(one) for one in said.get("mrd-sensitivity", ()))
    return Attributes(
        method=_one([method_of(concept_of(v), mappings) for v in said.get("mrd-method", ())]),
        specimen=_one(
            [term_of("specimen", concept_of(v), mappings) for v in said.get("mrd-specimen", ())]
        ),
        sensitivity="; ".join(dict.fromkeys(text for text in limits if text)),
        gene=_gene(held, mappings),
        word=interpreted([valued.interpretation for valued, _ in held], mappings),
    )


def method_of(concept: CodeableConcept | None, mappings: Mappings) -> str:
    """The one method a concept names; unread where it names two that exclude each other."""
    said = terms_of("method", concept, mappings)
    ways = sum(bool(way & said) for way in _WAYS)
    if ways > 1 or said >= _BY_HAND:
        return UNREAD
    return term_of("method", concept, mappings)


def _gene(held: Iterable[tuple[Valued, Match]], mappings: Mappings) -> str:
    """The gene that is stated: of several none, and unread where any is in no table."""
    genes = {
        term_of("gene", concept_of(valued), mappings) or UNREAD
        for valued, _ in held
        if term_of("component", valued.code, mappings) and has_value(valued)
    }
    return UNREAD if UNREAD in genes else genes.pop() if len(genes) == 1 else ""


def _one(said: list[str]) -> str:
    """What all of them say; unread where they differ."""
    return UNREAD if len(set(said)) > 1 else next(iter(said), "")


def text_of(valued: Valued) -> str:
    """The value as words, for attributes that are kept as sent."""
    for name, body in sent_values(valued):
        return _plain(name, body)
    return ""


def concept_of(valued: Valued) -> CodeableConcept | None:
    """The coded or written value, for attributes that are terms."""
    try:
        if is_there(valued.value_codeable_concept):
            return _CONCEPT.decode(valued.value_codeable_concept)
        if is_there(valued.value_string):
            return CodeableConcept(text=_TEXT.decode(valued.value_string))
    except UNREADABLE:
        return None
    return None


def _plain(name: str, raw: bytes) -> str:
    try:
        if name == "valueQuantity":
            quantity = _QUANTITY.decode(raw)
            number = f"{quantity.comparator or ''}{as_written(quantity.value)[0]}"
            return f"{number} {unit_of(quantity)}".strip()
        if name == "valueCodeableConcept":
            return main_words(_CONCEPT.decode(raw))
        return _TEXT.decode(raw)
    except UNREADABLE:
        return raw.decode("utf-8", "replace")[:_LONGEST]
