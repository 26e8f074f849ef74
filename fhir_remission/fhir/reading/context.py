"""What one patient's resources are read against: tables, settings, and each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.nouns.inputs import CohortRow, Source, Word
from fhir_remission.domain.nouns.namespace import IDENTIFIERS_OF_RESULTS, NAMESPACE
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.systems import Systems
from fhir_remission.fhir.r4.elements import (
    CodeableConcept,
    Identifier,
    Period,
    Reference,
    is_there,
)
from fhir_remission.fhir.r4.references import Index, named, parse_literal
from fhir_remission.fhir.r4.times import Placed, Unplaced, read_time, spanning
from fhir_remission.fhir.r4.wire import (
    UNREADABLE,
    Device,
    DiagnosticReport,
    Entry,
    Observation,
    Resource,
)

_CONCEPTS = msgspec.json.Decoder(list[CodeableConcept] | CodeableConcept)


class Reading(Struct, frozen=True):
    """How a site's data are read, and how completely they were fetched."""

    zone: tzinfo | None = None
    """The site's zone; without it a time that names no zone is not read."""
    decimal_comma: bool = False
    namespace: str = NAMESPACE
    latest: datetime | None = None
    """What is dated after it has not happened: its date is a slip, and it may be of any day."""
    born: date | None = None
    """So is what is dated on the day of birth or before it: it stands for a date not known."""
    complete: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    """Types that are never to be had, as the site says."""
    attested: frozenset[str] = frozenset()
    members_followed: bool = False
    """Whoever read the entries has asked for every result that panels and reports name."""
    members_gone: frozenset[str] = frozenset()
    """Those of them that the server says it has no more (`Observation/o1`)."""
    elsewhere: Mapping[str, str] = {}
    """What a holder of whomever takes back (`fhir/incoming/holders.py`), by name, and why."""
    rejected_are_cancelled: bool = False
    """The site attests that nobody leaves a result standing whose specimen was rejected."""
    specimens: bool = False
    """Whether the input, of whomever, holds Specimens at all."""
    cohort_rows: tuple[CohortRow, ...] = ()
    """What the site's cohort list states of this patient."""


class Context(Struct, frozen=True):
    """One patient's resources as they refer to each other."""

    patient: str
    aliases: frozenset[str]
    """Every name this patient goes by: references, addresses, identifiers."""
    mappings: Mappings
    reading: Reading
    index: Index
    reports: Mapping[str, tuple[Entry, ...]]
    """The usable reports that hold a result, by the reference of the result."""
    our_devices: frozenset[str] = frozenset()
    specimens: bool = False
    """Whether any Specimen came: then one that is named and missing is a gap."""
    disowned: Mapping[str, str] = {}
    """Why the only report or panel that holds a result is none, by the reference of the result."""
    invented: bool = False
    """The patient is labelled as test data."""

    def is_patient(self, reference: Reference) -> bool:
        """Whether a reference points to this patient."""
        text = reference.address.partition("/_history/")[0]
        literal = parse_literal(text)
        names = {text, named(reference.identifier), literal.relative if literal else ""}
        return not names.isdisjoint(self.aliases)

    def is_person(self, reference: Reference) -> bool:
        """Whether a reference plainly names somebody, be it this patient or another."""
        found = self.index.find(reference)
        literal = parse_literal(reference.address)
        kind = found.resource.type_name if found else literal.type if literal else reference.type
        return kind in PEOPLE or (kind is None and bool(named(reference.identifier)))


class Worded(Struct, frozen=True):
    """A marrow, or a sign of disease, that a report tells of in words."""

    source: Source
    reason: str
    placed: Placed | None
    analyte: str
    """What it is kept as that nobody can read."""
    by: tuple[str, ...]
    """Analytes: a result of one of them and of these days says what it was."""
    named: bool
    """Whether a sign is named; of a mere marrow any result that the report holds says enough."""
    held: frozenset[str] = frozenset()
    """The results that it holds, by their reference."""
    against: bool = False
    """Whether it names a share of blasts that no count below the line of disease says."""
    poor: str = ""
    """What it calls the sample, where it cannot be judged."""


PEOPLE = frozenset({"Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Person"})


def is_ours(resource: Resource, context: Context) -> bool:
    """Whether we wrote it: our identifier, our tag or our Device; never evidence."""
    namespace = context.reading.namespace
    if resource.identifier and _one_of_ours(resource.identifier, namespace):
        return True
    tags = resource.meta.tag if resource.meta else None
    if tags and any(tag.system == f"{namespace}/CodeSystem/tag" for tag in tags):
        return True
    if isinstance(resource, Observation) and resource.device is not None:
        device = context.index.find(resource.device)
        if device is not None:
            return device.ref in context.our_devices
        return _within(named(resource.device.identifier), f"{namespace}/id/")
    return False


def is_our_device(entry: Entry, namespace: str) -> bool:
    """Whether an entry is the Device that our results name as their maker."""
    device = entry.resource
    return isinstance(device, Device) and _one_of_ours(device.identifier or [], namespace)


def codings_of(concept: CodeableConcept | None, systems: Systems) -> tuple[tuple[str, str], ...]:
    """The (system, code) pairs of a concept, as the tables name them."""
    if concept is None or not concept.coding:
        return ()
    return systems.codings(tuple([(c.system, c.code) for c in concept.coding if c.code]))


def term_of(kind: str, concept: CodeableConcept | None, mappings: Mappings) -> str:
    """The term of a concept, by code first and by its words after; empty where unknown."""
    if concept is None:
        return ""
    terms = mappings.terms
    for system, code in codings_of(concept, mappings.systems):
        term = terms.coded_term(kind, system, code)
        if term:
            return term
    said = (terms.text_term(kind, text) for text in words_of(concept))
    return next((term for term in said if term), "")


def terms_of(kind: str, concept: CodeableConcept | None, mappings: Mappings) -> set[str]:
    """Every term of a concept, by its codes and by its words."""
    if concept is None:
        return set()
    terms = mappings.terms
    coded = (terms.coded_term(kind, *pair) for pair in codings_of(concept, mappings.systems))
    said = (terms.text_term(kind, text) for text in words_of(concept))
    return {*coded, *said} - {""}


def words_of(concept: CodeableConcept | None) -> tuple[str, ...]:
    """What a concept says in words: its text, then the displays of its codings."""
    if concept is None:
        return ()
    displays = (coding.display for coding in concept.coding or [])
    return tuple(text for text in (concept.text, *displays) if text and text.strip())


def period_of(period: Period, zone: tzinfo | None, *, until: str = "") -> Placed | Unplaced:
    """A period from end to end; an open end reaches as far as `until`, else it is its start."""
    start = read_time(period.start or "", zone) if period.start else Unplaced("period has no start")
    end_text = period.end or until
    if isinstance(start, Unplaced) or not end_text:
        return start
    end = read_time(end_text, zone)
    if isinstance(end, Unplaced):
        return end
    return spanning(start, end)


_NEWBORN = timedelta(days=28)


def happened(placed: Placed | Unplaced, reading: Reading, issued: str = "") -> Placed | Unplaced:
    """The time of something found or done; one still to come or not after birth is none."""
    if isinstance(placed, Placed) and reading.born and placed.when.last_day <= reading.born:
        # Of a newborn there are results of that day, and they are issued in those days.
        known = read_time(issued, reading.zone) if issued else None
        if isinstance(known, Placed) and known.when.last_day - reading.born <= _NEWBORN:
            return placed
        return Unplaced(f"time {placed.when.text} is not after the birth of the patient")
    if isinstance(placed, Placed) and reading.latest and placed.when.start > reading.latest:
        return Unplaced(f"time {placed.when.text} is still to come")
    return placed


def report_time(report: DiagnosticReport, zone: tzinfo | None) -> Placed | Unplaced | None:
    """When the specimen of a report was what the report says; none where it does not say."""
    if report.effective_date_time:
        return read_time(report.effective_date_time, zone)
    return period_of(report.effective_period, zone) if report.effective_period else None


def _one_of_ours(identifiers: Iterable[Identifier], namespace: str) -> bool:
    prefix = f"{namespace}/id/"
    return any(
        # Another site may have set another namespace: what is written there has the same shape.
        _within(identifier.system, prefix)
        or (identifier.system or "").endswith(IDENTIFIERS_OF_RESULTS)
        for identifier in identifiers
    )


def _within(system: str | None, prefix: str) -> bool:
    return system is not None and system.startswith(prefix)


def interpreted(sent: Iterable[Raw], mappings: Mappings) -> Word:
    """What the laboratory calls it: positive where any word does, unclear where one is unread.

    Abnormal or high is no word for nothing, and is often said of a whole panel.
    """
    words: set[str] = set()
    for raw in sent:
        if is_there(raw):
            words.update(_words_of(raw, mappings))
    if "positive" in words:
        return "positive"
    if "abnormal" in words:
        return "abnormal"
    if "" in words:
        return "unclear"
    return "negative" if words else ""


def extents(sent: Raw, mappings: Mappings) -> frozenset[str]:
    """What an interpretation says of a number: a word that no row has nothing, no word what may."""
    if not is_there(sent):
        return frozenset()
    raw = bytes(sent)
    return (_remembered if len(raw) <= _LONGEST else _extents)(raw, mappings)


def _extents(sent: bytes, mappings: Mappings) -> frozenset[str]:
    held = concepts_in(sent)
    if held is None or not all(_says_anything(one) for one in held):
        return frozenset({"undecided"})
    return frozenset(_term_in("extent", one, mappings) for one in held) - {""}


# A laboratory sends the same few words again and again; what is longer, hardly twice.
_LONGEST = 500
_remembered = lru_cache(maxsize=1 << 11)(_extents)


def _says_anything(concept: CodeableConcept) -> bool:
    return bool(words_of(concept)) or any(coding.code for coding in concept.coding or [])


def _term_in(kind: str, concept: CodeableConcept, mappings: Mappings) -> str:
    """The term of a concept; a code under no system that is known is a word."""
    bare = (
        mappings.terms.text_term(kind, code)
        for system, code in codings_of(concept, mappings.systems)
        if system not in mappings.systems.known
    )
    return term_of(kind, concept, mappings) or next((term for term in bare if term), "")


def _words_of(raw: Raw, mappings: Mappings) -> Iterator[str]:
    """Each concept's term; empty where it cannot be read."""
    held = concepts_in(raw)
    if held is None:
        yield ""
    for one in held or ():
        yield _term_in("interpretation", one, mappings)


def concepts_in(raw: Raw | bytes) -> list[CodeableConcept] | None:
    """The concepts of a list, one where STU3 has no list; none if it cannot be read."""
    try:
        held = _CONCEPTS.decode(raw)
    except UNREADABLE:
        return None
    return held if isinstance(held, list) else [held]
