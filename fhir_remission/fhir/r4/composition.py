"""A document as its first page tells of it: what it shows, and which others it stands beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from msgspec import Raw, Struct, field

from fhir_remission.fhir.r4.elements import NOTHING, Identifier, Known, Reference


class Replaced(Struct, rename="camel", omit_defaults=True):
    """Another document, and how it stands to this one: R4, and since R5 with other names."""

    code: str | None = None
    type: str | None = None
    target_identifier: Identifier | None = None
    target_reference: Reference | None = None
    resource: str | None = None
    resource_reference: Reference | None = None


# Sections without evidence, of https://hl7.org/fhir/uv/ips (allergies, vaccines, devices,
# directives, alerts, function, pregnancy, patient story, plan, social history, vital signs).
_BESIDE = re.compile(
    rb'"(?:48765-2|11369-6|46264-8|42348-3|104605-1|47420-5|10162-6|81338-6|18776-5|29762-2|8716-3)"'
)


class Section(Struct, rename="camel", omit_defaults=True):
    """A part of a document, and what it shows."""

    code: Raw = NOTHING
    empty_reason: Raw = NOTHING
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
        """What its sections name."""
        return [entry for one in self._sections() for entry in one.entry or []]

    @property
    def withholds(self) -> bool:
        """Whether a section may have evidence that is not shown.

        http://hl7.org/fhir/R4/valueset-list-empty-reason.html
        """
        return any(
            b'"withheld"' in bytes(one.empty_reason) and not _BESIDE.search(bytes(one.code))
            for one in self._sections()
        )

    def _sections(self) -> Iterator[Section]:
        """The sections at any depth."""
        waiting = list(self.section or [])
        while waiting:
            yield (one := waiting.pop())
            waiting += one.section or []
