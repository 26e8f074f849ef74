"""A document as its first page tells of it: what it shows, and which others it stands beside."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from fhir_remission.fhir.r4.elements import Identifier, Known, Reference


class Replaced(Struct, rename="camel", omit_defaults=True):
    """Another document, and how it stands to this one: R4, and since R5 with other names."""

    code: str | None = None
    type: str | None = None
    target_identifier: Identifier | None = None
    target_reference: Reference | None = None
    resource: str | None = None
    resource_reference: Reference | None = None


class Section(Struct, omit_defaults=True):
    """A part of a document, and what it shows."""

    entry: list[Reference] | None = None
    section: list[Section] | None = None


class Composition(Known, rename="camel", tag_field="resourceType", tag="Composition"):
    """The first page of a document, and what the document shows."""

    type_name: ClassVar[str] = "Composition"
    status: str | None = None
    identifier: list[Identifier] | None = field(default=None, name="identifiers")
    """Those of `own` and of its Bundle."""
    own: list[Identifier] | Identifier | None = field(default=None, name="identifier")
    """One before R5 and a list in it."""
    url: str | None = None
    about: list[Reference] | Reference | None = field(default=None, name="subject")
    """A list in R5."""
    patient: Reference | None = None
    """Of no release; some converters write it, as in others."""
    relates_to: list[Replaced] | None = None
    section: list[Section] | None = None
    bundles: list[str] | None = None
    """How the document is called whose first page it is."""
    inside: list[Reference] | None = None
    """What stands in that document and is read."""
    came: list[str] | None = None
    """The addresses of all that stands in it."""

    def __post_init__(self) -> None:
        if self.own is not None and self.identifier is None:
            self.identifier = self.own if isinstance(self.own, list) else [self.own]

    @property
    def subject(self) -> Reference | None:
        """The one whom it is about."""
        if isinstance(self.about, list):
            return self.about[0] if len(self.about) == 1 else None
        return self.about

    @property
    def shown(self) -> list[Reference]:
        """What its sections name, at any depth."""
        waiting, found = list(self.section or []), list[Reference]()
        while waiting:
            one = waiting.pop()
            found += one.entry or []
            waiting += one.section or []
        return found
