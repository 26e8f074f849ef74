"""What qualifies the results of one Observation: method, tissue, sensitivity, gene."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Word
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.r4.elements import CodeableConcept, Valued
from fhir_remission.fhir.reading.coding import Match
from fhir_remission.fhir.reading.context import interpreted, term_of, terms_of
from fhir_remission.fhir.reading.reported import concept_of, has_value, text_of

# What is said and not understood, or said twice and differently.
UNREAD = "unread"
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
