"""What the Specimen of a result says: blood or marrow, whose, whether it can be judged, when.

A Specimen that is named and not at hand may have been rejected. Where other Specimens came it is
a gap, and what was measured in it is unknown; where none came at all, nobody sends any, and that
the sample was good is assumed and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from fhir_remission.domain.tables.displays import tissues
from fhir_remission.domain.tables.sample_words import is_denied, is_fine
from fhir_remission.fhir.incoming.subjects import UNKNOWN, reference_key
from fhir_remission.fhir.r4.elements import (
    CodeableConcept,
    Reference,
    is_there,
    must_be_understood,
)
from fhir_remission.fhir.r4.free_text import SHOWN, free_text, texts_in
from fhir_remission.fhir.r4.references import named, parse_literal
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import DiagnosticReport, Resource, Specimen
from fhir_remission.fhir.reading.attributes import part_that_says, poor_words, quality_of
from fhir_remission.fhir.reading.context import Context, period_of, term_of, terms_of, words_of

_APART = re.compile(r"\s*[,;/()]\s*")
_VOID = frozenset({"unsatisfactory", "entered-in-error"})
# http://hl7.org/fhir/R4/valueset-specimen-status.html; the status itself is optional.
_FINE = frozenset({"available", "unavailable"})


class SpecimenSays(Struct, frozen=True):
    """What is known of the specimen of one result."""

    kind: str = ""
    """blood, marrow, csf, other; empty where it is not said in a way we know."""
    biopsy: bool = False
    """Whether it says to be a trephine biopsy of marrow."""
    named: str = ""
    """What it is called where that could not be understood."""
    void: str = ""
    """Why nothing measured in it counts."""
    doubt: str = ""
    """Why nobody knows whether what was measured in it counts."""
    assumed: bool = False
    """It is not at hand, and was good as far as anybody says."""
    draw_keys: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    """What the site is called from where it was taken."""
    taken: Placed | Unplaced | None = None
    received: Placed | Unplaced | None = None
    """By when it had been taken."""

    @property
    def trouble(self) -> str:
        """Why no value measured in it can be used."""
        return self.doubt or (
            f"its specimen is {self.named}, which is not read" if self.named else ""
        )


def read_specimen(
    reference: Reference | None, inside: Mapping[str, Resource], context: Context
) -> SpecimenSays:
    """Read the Specimen a result refers to, contained or at hand."""
    if reference is None:
        return SpecimenSays()
    specimen = context.index.resource(reference, inside, Specimen.type_name)
    called = CodeableConcept(text=reference.display)
    if not isinstance(specimen, Specimen):
        own = any(isinstance(one, Specimen) for one in inside.values())
        return _absent(reference, called, context, own=own)
    said = specimen.type if _says(specimen.type) else called
    site = specimen.collection.body_site if specimen.collection else None
    way = specimen.collection.method if specimen.collection else None
    origins, gap = _origins(specimen, inside, context)
    kind = term_of("specimen", said, context.mappings)
    if not (_says(specimen.type) or reference.display):
        kind = _by_its_site((site, way, *(one.type for one in origins)), context)
    return SpecimenSays(
        kind=kind,
        biopsy=is_biopsy(said, context),
        named="" if kind else _unread(specimen.type, context),
        void=next((why for one in (specimen, *origins) if (why := _void(one, context))), ""),
        doubt=_torn((said, site, way), context)
        or next((why for one in (specimen, *origins) if (why := _doubt(one, context))), gap),
        draw_keys=_keys(reference, specimen),
        sites=words_of(site),
        taken=_taken(specimen, context),
        received=_received(specimen, context),
    )


def _torn(said: Iterable[CodeableConcept | None], context: Context) -> str:
    """Why its type cannot be told: its codes, words and site exclude each other."""
    found = (terms_of("specimen", one, context.mappings) for one in said)
    kinds = frozenset[str]().union(*found) - {"other"}
    return f"its specimen is {' and '.join(sorted(kinds))}" if len(kinds) > 1 else ""


def torn_between(
    kinds: Iterable[str], site: CodeableConcept | None, said: SpecimenSays, context: Context
) -> str:
    """Why nobody can say in what a result was measured: what it says of it differs.

    A site may be named in more ways than a sample: a vein, the skin.
    """
    found = {*kinds, *terms_of("specimen", site, context.mappings)} - {"", "other"}
    for text in (*words_of(site), *said.sites) if found else ():
        named = tissues(text, context.mappings.words)
        if found.isdisjoint(named):
            found.update(named)
    return f"it says to be of {' and of '.join(sorted(found))}" if len(found) > 1 else ""


def _by_its_site(said: Iterable[CodeableConcept | None], context: Context) -> str:
    """What a sample without a type is by where and how it was taken, and by what it is made of."""
    mappings, found = context.mappings, set[str]()
    for one in said:
        found |= terms_of("specimen", one, mappings)
        found.update(kind for text in words_of(one) for kind in tissues(text, mappings.words))
    return found.pop() if len(found) == 1 and found <= {"blood", "marrow", "csf"} else ""


# An aliquot of an aliquot of a draw; deeper is a mistake.
_MADE_OF = 8


def _origins(
    specimen: Specimen, inside: Mapping[str, Resource], context: Context
) -> tuple[list[Specimen], str]:
    """The samples from which it was made, and which of them is not at hand: it may be rejected."""
    found = [specimen]
    for one in found:
        for reference in one.parent or []:
            parent = context.index.resource(reference, inside, Specimen.type_name)
            if not isinstance(parent, Specimen) or len(found) > _MADE_OF:
                text = reference.address or reference.display or "one without a name"
                return found[1:], f"the sample it was made of, {text}, is not at hand"
            found.append(parent)
    return found[1:], ""


def is_biopsy(said: CodeableConcept | None, context: Context) -> bool:
    """Whether any word of a type or method says so: the code may name marrow alone."""
    terms, texts = context.mappings.terms, words_of(said)
    parts = (one for text in texts for one in (text, *_APART.split(text)))
    if any(terms.text_term("sample", one) == "biopsy" for one in parts):
        return True
    named = {pair for one in texts for pair in terms.by_words("specimen", one)}
    return {term for of, term in named if of == "sample"} == {"biopsy"}


def report_specimen(ref: str, context: Context) -> SpecimenSays:
    """The specimen of the report that holds a result, where the report has exactly one."""
    for report in context.reports.get(ref, ()):
        resource = report.resource
        listed = resource.specimen or [] if isinstance(resource, DiagnosticReport) else []
        if isinstance(resource, DiagnosticReport) and len(listed) == 1:
            return read_specimen(listed[0], contained(resource.contained), context)
    return SpecimenSays()


def _absent(
    reference: Reference, called: CodeableConcept, context: Context, *, own: bool
) -> SpecimenSays:
    """A Specimen that is named and not here; one that is only called something is none.

    `own`: whether the result contains a Specimen, which its reference does not reach.
    """
    kind = term_of("specimen", called, context.mappings)
    keys = _keys(reference, None)
    text = reference.address
    if not text and not keys:
        missing = "" if _says(called) else "its specimen is not named"
        unread = "" if kind else _unread(called, context)
        return SpecimenSays(kind=kind, named=unread, doubt=missing)
    literal = parse_literal(text)
    came = own or context.specimens
    if came or text.startswith("#") or (literal and literal.type != "Specimen"):
        doubt = f"its specimen {text or keys[0]} is not at hand"
        return SpecimenSays(kind=kind, doubt=doubt, draw_keys=keys)
    return SpecimenSays(kind=kind, assumed=True, draw_keys=keys)


def _says(concept: CodeableConcept | None) -> bool:
    """Whether a concept says anything, in whatever way."""
    return concept is not None and bool(concept.coding or concept.text)


def _unread(concept: CodeableConcept | None, context: Context) -> str:
    """What a type is called that names a tissue nobody knows; `EDTA` and `tube` name none."""
    if concept is None or not _says(concept) or _is_container(concept, context):
        return ""
    return _name(concept)


def _is_container(concept: CodeableConcept, context: Context) -> bool:
    """Whether it says in what the sample came and no more, by every word and code."""
    texts = words_of(concept)
    said = [context.mappings.terms.by_words("specimen", text) for text in texts]
    plain = all(coding.display for coding in concept.coding or [])
    return plain and bool(said) and all(one == {("beside-specimen", "container")} for one in said)


def _name(concept: CodeableConcept | None) -> str:
    codes = (coding.code for coding in (concept.coding if concept else None) or [])
    return next((text for text in (*words_of(concept), *codes) if text), "of a type without a name")


def _void(specimen: Specimen, context: Context) -> str:
    if specimen.status in _VOID:
        return f"its specimen is {specimen.status}"
    for condition in specimen.condition or []:
        if _condition(condition, context) == "unsatisfactory":
            return "its specimen is unsatisfactory"
    if said := _fault(specimen, context):
        return f"its specimen is said to be {said[:SHOWN]}"
    subject = specimen.subject
    others = subject is not None and reference_key(subject) != UNKNOWN
    if others and subject and not context.is_patient(subject) and context.is_person(subject):
        return "its specimen is of another person"
    return ""


def _fault(specimen: Specimen, context: Context) -> str:
    """What is said to be wrong with it, or whose it is: a donor's, by its type."""
    said = list(_beside(specimen))
    hints = context.mappings.codes.hints
    poor = [one for one in said if poor_words(one, context)]
    poor += [one for one in words_of(specimen.type) if hints.names("family", one)]
    poor += [one for one in said if hints.names("donor-sample", one) and not is_denied(hints, one)]
    return next(iter(poor), "") or part_that_says("void", said, hints)


def _beside(specimen: Specimen) -> Iterator[str]:
    """What is told of a sample beside its condition: its type, how it was taken, notes."""
    taken = specimen.collection
    yield from (*words_of(specimen.type), *words_of(taken.method if taken else None))
    yield from (text for one in (specimen, taken) if one for text in free_text(one))
    yield from texts_in(specimen.processing) if is_there(specimen.processing) else ()


def _condition(said: CodeableConcept, context: Context) -> str:
    """What a condition says of the sample: by its code, or in the words said of a marrow."""
    if found := term_of("specimen-condition", said, context.mappings):
        return found
    answers = {quality_of(text, context) for text in words_of(said)}
    if "negative" in answers or any(poor_words(text, context) for text in words_of(said)):
        return "unsatisfactory"
    hints = context.mappings.codes.hints
    fine = bool(answers) and all(is_fine(hints, text) for text in words_of(said))
    return "usable" if fine or answers == {"positive"} else ""


def _doubt(specimen: Specimen, context: Context) -> str:
    """What is said of it and not understood: it may say that the sample is no good."""
    why = must_be_understood(specimen)
    if why:
        return f"of its specimen: {why}"
    if specimen.status is not None and specimen.status not in _FINE:
        return f"its specimen has the status {specimen.status}"
    for condition in specimen.condition or []:
        if not _condition(condition, context):
            return f"the condition of its specimen is {_name(condition)}, which is not read"
    if specimen.subject is not None and not context.is_patient(specimen.subject):
        return "whose its specimen is cannot be read"
    return ""


def _keys(reference: Reference, specimen: Specimen | None) -> tuple[str, ...]:
    names = [named(reference.identifier)]
    if reference.address and not reference.address.startswith("#"):
        names.append(reference.address)
    if specimen is not None:
        names.extend(named(identifier) for identifier in specimen.identifier or [])
        names.append(named(specimen.accession_identifier))
    return tuple(dict.fromkeys(name for name in names if name))


def _received(specimen: Specimen, context: Context) -> Placed | Unplaced | None:
    text = specimen.received_time
    return read_time(text, context.reading.zone) if text else None


def _taken(specimen: Specimen, context: Context) -> Placed | Unplaced | None:
    collection, zone = specimen.collection, context.reading.zone
    if collection is None:
        return None
    if collection.collected_date_time:
        return read_time(collection.collected_date_time, zone)
    period = collection.collected_period
    return period_of(period, zone) if period else None
