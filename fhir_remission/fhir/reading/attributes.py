"""What qualifies the results of one Observation: method, tissue, sensitivity, gene, sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.inputs import UNREAD, Word
from fhir_remission.domain.tables.answers import Answer
from fhir_remission.domain.tables.hints import Hints, read_often
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.sample_words import (
    is_denied,
    is_fine,
    is_of_sample,
    is_poor,
    parts_of,
    poor_part,
)
from fhir_remission.fhir.r4.amounts import as_written, unit_of
from fhir_remission.fhir.r4.elements import CodeableConcept, Quantity, Valued, is_there
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.reading.coding import Match, match_codes, names_of
from fhir_remission.fhir.reading.context import Context, interpreted, term_of, terms_of, words_of
from fhir_remission.fhir.reading.reported import has_value, sent_values

_QUANTITY = msgspec.json.Decoder(Quantity)
_CONCEPT = msgspec.json.Decoder(CodeableConcept)
_TEXT = msgspec.json.Decoder(str)
_LONGEST = 200
# Each is a way of its own to look at cells; a device that counts them may well be a flow cytometer.
_WAYS = ({"flow"}, {"qpcr"}, {"ngs"}, {"morphology", "manual"})
_BY_HAND = {"manual", "automated"}
# A marrow of few cells is a poor sample where somebody is asked for the sample, and what a marrow
# looks like after chemotherapy where somebody describes it.
_CELLS = re.compile("cell|zell|célu", re.IGNORECASE)
_SHARE = re.compile(r"\d+(?:[.,]\d+)?\s?%?")
_OF_MARROW = ("tissue", "particles", "spoiled")


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


def sample_says(valued: Valued, mappings: Mappings) -> tuple[str, str]:
    """What a result without a code of a table says of a sample: what is wrong with it, or right.

    Its name and its value are read together: `Spicules: absent`.
    """
    hints, match = mappings.codes.hints, match_codes(valued.code, mappings.codes)
    if match.rows or match.lookalike:
        return "", ""
    names = names_of(valued.code, mappings.systems) or ("",)
    if hints.among("input", names):
        return "", ""
    said = list(spoken(valued))
    # Of a value alone it must be plain what it is said of.
    alone = (one for one in said if any(hints.names(what, one) for what in _OF_MARROW))
    texts = [*(f"{name}: {one}" for name in names for one in said), *alone]
    poor = next((part for one in texts if (part := poor_part(hints, one))), "")
    if poor or not any(is_of_sample(hints, name) for name in names):
        return poor, ""
    return "", next((one for one in texts if _is_good(one, mappings)), "")


def spoken(valued: Valued) -> Iterator[str]:
    """What its value says in words; yes or no is one."""
    yield from words_of(concept_of(valued))
    if is_there(valued.value_boolean):
        yield bytes(valued.value_boolean).decode()


def _is_good(text: str, mappings: Mappings) -> bool:
    """Whether a name and a value say together, or the value alone, that a sample is good."""
    quality, said = mappings.analytes["marrow-adequacy"], text.partition(": ")[2]
    answer = mappings.values.text_answer(said, quality, own=True)
    return answer == "positive" or is_fine(mappings.codes.hints, text)


def quality_of(text: str, context: Context) -> Answer | None:
    """What words say of a sample: negative of a `dry tap`, positive of an `adequate` one.

    `negative` in the place of a number of blasts says nothing of the sample.
    """
    quality = context.mappings.analytes["marrow-adequacy"]
    return context.mappings.values.text_answer(text, quality, own=True)


def poor_words(text: str, context: Context) -> str:
    """The part of a sentence that says of a sample that it cannot be judged."""
    return next((one for one in parts_of(text) if _says_poor(one, context)), "")


def _says_poor(part: str, context: Context) -> bool:
    hints = context.mappings.codes.hints
    if is_poor(hints, part):
        return True
    if _CELLS.search(part):
        return False
    # What a heading that names a fault is answered with was read with it.
    head, _, tail = part.rpartition(":")
    fault = any(hints.names(what, head) for what in ("spoiled", "particles"))
    said = tail if head and not fault and hints.consists("sample-alone", head) else part
    return quality_of(said.strip(), context) == "negative"


_OTHERS = ("not-blasts", "picture", "mrd", "former")


def part_that_says(what: str, texts: Iterable[str], hints: Hints) -> str:
    """The part of what is written that says: it is not valid, or another's; it is not the last."""
    return next((said for one in texts if (said := read_often(_part, one)(what, one, hints))), "")


# The words of interpretations, of which a laboratory has few.
@lru_cache(maxsize=1 << 10)
def _part(what: str, text: str, hints: Hints) -> str:
    said = (one for one in parts_of(hints.stated(text)) if hints.stands(what, one))
    # Of another examination or sample it says nothing of this one.
    return next((one for one in said if not any(hints.names(k, one) for k in _OTHERS)), "")


def said_together(valued: Valued, mappings: Mappings) -> str:
    """By a name and its value: `CSF cytology: positive for leukemia`, `Remission: no`."""
    hints = mappings.codes.hints
    for name in names_of(valued.code, mappings.systems):
        for said in spoken(valued):
            amounts = _SHARE.findall(said)
            text = f"{name}: {_SHARE.sub('', said)}"
            none = bool(amounts) and not any(one.strip(" %0.,") for one in amounts)
            if not none and hints.is_elsewhere(text) and hints.stands("leukaemia", text):
                return "lesion"
            if _is_no_response(name, said, hints) or _is_untrue(name, said, hints):
                return "sign"
    return ""


def _is_no_response(name: str, said: str, hints: Hints) -> bool:
    """Whether somebody says that there is no remission, or that the disease goes on."""
    if not hints.consists("response-alone", name):
        return False
    if hints.names("remission", name) and hints.consists("no-response", said):
        return is_denied(hints, said)
    return hints.names("response", name) and hints.consists("worse-alone", said)


def _is_untrue(name: str, said: str, hints: Hints) -> bool:
    """Whether a name denies disease, and the value denies the name: `No relapse: false`."""
    none = is_denied(hints, said) or hints.names("none", said)
    return none and hints.denies(name) and hints.consists("untrue", said)


def _plain(name: str, raw: bytes) -> str:
    try:
        if name == "valueQuantity":
            quantity = _QUANTITY.decode(raw)
            number = f"{quantity.comparator or ''}{as_written(quantity.value)[0]}"
            return f"{number} {unit_of(quantity)}".strip()
        if name == "valueCodeableConcept":
            return _CONCEPT.decode(raw).words
        return _TEXT.decode(raw)
    except UNREADABLE:
        return raw.decode("utf-8", "replace")[:_LONGEST]
