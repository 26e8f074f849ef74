"""The FHIR R4 datatypes that resources are made of, as far as they are read."""

from __future__ import annotations

from typing import ClassVar, Protocol

import msgspec
from msgspec import Raw, Struct

NOTHING = Raw(b"")


class Coding(Struct, omit_defaults=True):
    """A code with its system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    extension: Raw = NOTHING


class CodeableConcept(Struct, omit_defaults=True):
    """Codings that say the same, and the words beside them."""

    coding: list[Coding] | None = None
    text: str | None = None

    @property
    def words(self) -> str:
        """What it is called: by its text, else by its first display or code."""
        named = (word for one in self.coding or () if (word := one.display or one.code))
        return self.text or next(named, "")


class Identifier(Struct, omit_defaults=True):
    """A name somebody gave."""

    system: str | None = None
    value: str | None = None


class Concluded(CodeableConcept, omit_defaults=True):
    """A concept, or from R6 on one inside of an element of its own."""

    concept: CodeableConcept | None = None


class Reference(Struct, omit_defaults=True):
    """A pointer to another resource, literal or by identifier."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None

    @property
    def address(self) -> str:
        """What it points to: `Patient/p1`, `#s`, an address; empty where none is given."""
        return (self.reference or "").strip()


class CodeableReference(Struct, omit_defaults=True):
    """R5: a concept or a reference in one element."""

    concept: CodeableConcept | None = None
    reference: Reference | None = None


class Related(Struct, omit_defaults=True):
    """STU3: another Observation, and how it stands to this one."""

    type: str | None = None
    target: Reference | None = None


class Period(Struct, omit_defaults=True):
    """From and to."""

    start: str | None = None
    end: str | None = None


class Timing(Struct, omit_defaults=True):
    """A schedule; only one with a single event is a time."""

    event: list[str] | None = None
    repeat: Raw = NOTHING


class Meta(Struct, rename="camel", omit_defaults=True):
    """Which version this is, and which tags it carries."""

    version_id: str | None = None
    last_updated: str | None = None
    tag: list[Coding] | None = None
    security: list[Coding] | None = None
    extension: Raw = NOTHING


class _Amount(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What every amount may have beside its parts; nothing else: it may be a misspelt `<`."""

    id: Raw = NOTHING
    extension: Raw = NOTHING
    fhir_comments: Raw = NOTHING


class Quantity(_Amount, omit_defaults=True):
    """A number as it was written, with its unit."""

    value: Raw = NOTHING
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None
    _value: Raw = NOTHING
    _comparator: Raw = NOTHING
    _unit: Raw = NOTHING
    _system: Raw = NOTHING
    _code: Raw = NOTHING


class Range(_Amount, omit_defaults=True):
    """From a low to a high quantity."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(_Amount, omit_defaults=True):
    """A numerator over a denominator."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Valued(Struct, rename="camel", omit_defaults=True):
    """A code with whatever was reported for it: an Observation or one of its components."""

    code: CodeableConcept | None = None
    data_absent_reason: CodeableConcept | None = None
    implicit_rules: Raw = NOTHING
    interpretation: Raw = NOTHING
    modifier_extension: Raw = NOTHING
    extension: Raw = NOTHING
    strange: str = ""
    """An element that FHIR does not have: it may be any that it has, misspelt."""
    doubt: str = ""
    """Why it may not stand, as another resource says."""
    value_quantity: Raw = NOTHING
    value_codeable_concept: Raw = NOTHING
    value_string: Raw = NOTHING
    value_boolean: Raw = NOTHING
    value_integer: Raw = NOTHING
    value_range: Raw = NOTHING
    value_ratio: Raw = NOTHING
    value_sampled_data: Raw = NOTHING
    value_time: Raw = NOTHING
    value_date_time: Raw = NOTHING
    value_period: Raw = NOTHING
    value_attachment: Raw = NOTHING
    value_reference: Raw = NOTHING


class Known(Struct, rename="camel", omit_defaults=True):
    """What every resource has."""

    type_name: ClassVar[str] = ""
    id: str | None = None
    meta: Meta | None = None
    implicit_rules: Raw = NOTHING
    modifier_extension: Raw = NOTHING
    extension: Raw = NOTHING
    identifier: list[Identifier] | None = None
    contained: Raw = NOTHING
    text: Raw = NOTHING
    strange: str = ""
    """An element that FHIR does not have: it may be any that it has, misspelt."""
    doubt: str = ""
    """Why it may not stand, as another resource says."""


class Component(Valued, rename="camel"):
    """A part of an Observation that has a code and a value of its own."""


class Collection(Struct, rename="camel", omit_defaults=True):
    """When a specimen was taken, and from where."""

    collected_date_time: str | None = None
    collected_period: Period | None = None
    method: CodeableConcept | None = None
    body_site: CodeableConcept | None = None
    comment: Raw = NOTHING
    """STU3 and DSTU2."""


class Link(Struct, omit_defaults=True):
    """Another record of the same person."""

    other: Reference | None = None
    type: str | None = None


class Dosage(Struct, omit_defaults=True):
    """How a dose was given."""

    route: CodeableConcept | None = None
    text: str | None = None


class Stage(Struct, omit_defaults=True):
    """How far a disease has gone, in a word."""

    summary: CodeableConcept | None = None


class Ingredient(Struct, rename="camel", omit_defaults=True):
    """One substance of a medication."""

    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None
    item: CodeableReference | None = None
    """R5."""
    # Of a Substance.
    substance_codeable_concept: CodeableConcept | None = None
    substance_reference: Reference | None = None

    @property
    def concepts(self) -> tuple[CodeableConcept | None, ...]:
        """What it is called, in the elements of every release."""
        own = self.item.concept if self.item else None
        return self.item_codeable_concept, own, self.substance_codeable_concept

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it refers to."""
        own = self.item.reference if self.item else None
        return tuple(one for one in (self.item_reference, own, self.substance_reference) if one)


class Elements(Protocol):
    """What may turn the meaning of a resource or a component."""

    modifier_extension: Raw
    extension: Raw
    implicit_rules: Raw
    strange: str
    doubt: str


def must_be_understood(held: Elements) -> str:
    """Which element may turn the meaning of all others, so that nothing of it can be used."""
    if held.doubt:
        return held.doubt
    if held.modifier_extension is not NOTHING and is_there(held.modifier_extension):
        return "it carries a modifierExtension that is not understood"
    if held.implicit_rules is not NOTHING and is_there(held.implicit_rules):
        return "it follows implicitRules that are not known"
    if held.extension is not NOTHING and _is_masked(held.extension):
        return "it stands there and is said to be absent"
    return f"it has {held.strange}, which FHIR does not know" if held.strange else ""


def is_there(raw: Raw) -> bool:
    """Whether an element was sent with anything but null."""
    return raw is not NOTHING and bytes(raw) not in (b"", b"null")


_ABSENT = "data-absent-reason"


class _Extension(Struct):
    url: str | None = None


_EXTENSIONS = msgspec.json.Decoder(list[_Extension] | None)


def _is_masked(extended: Raw) -> bool:
    """Whether the whole of it is said to be absent, and no part of an extension alone."""
    if not is_denied(extended):
        return False
    try:
        held = _EXTENSIONS.decode(extended) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return any(_ABSENT in (one.url or "") for one in held)


def is_denied(extended: Raw) -> bool:
    """Whether what stands beside an element gives a reason for its absence."""
    return _ABSENT.encode() in bytes(extended)
