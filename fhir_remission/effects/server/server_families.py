"""The profile of a server: its own words, the rows of `mappings/servers`, the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.known_fields import known_instead
from fhir_remission.errors import CapabilityMissing, SettingsError, TableError
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.fhir.r4.rules_r4 import OBSERVATION_ELEMENTS
from fhir_remission.fhir.server.server_profile import (
    SUPPORTED_VERSIONS,
    Capability,
    Facts,
    Profile,
    profile_of,
    read_capability,
)


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """Words of a CapabilityStatement by which a family is recognised, in any case."""

    software: tuple[str, ...] = ()
    publisher: tuple[str, ...] = ()


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing sites found out, and where it is written."""

    value: object
    source: str = ""
    """Never blank: whoever leaves it out is told of which fact."""


class Element(Struct, frozen=True, forbid_unknown_fields=True):
    """One element of an Observation that an EHR takes, and where that is written."""

    source: str = ""
    takes: tuple[str, ...] = ()
    """Its codes, the one to use first, or the types it may refer to; empty: any."""


class Family(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `mappings/servers`: a family of servers and what is known of it."""

    id: str
    verified: bool
    match: Match = Match()
    facts: dict[str, Fact] = {}
    observation: dict[str, Element] = {}

    def known(self) -> dict[str, object]:
        """Return the facts without their sources."""
        return {name: fact.value for name, fact in self.facts.items()}

    def values(self) -> dict[str, object]:
        """Return the facts and what is known of an Observation, without their sources."""
        found = self.known()
        if self.observation:
            found["observation_elements"] = tuple(self.observation)
            listed = {name: one.takes for name, one in self.observation.items()}
            found["observation_takes"] = {n: takes for n, takes in listed.items() if takes}
        return found

    def over(self, shipped: Family) -> Family:
        """A site's file laid over the shipped one: its facts come first, its words and elements
        take the place of those shipped where it gives any."""
        return Family(
            self.id,
            self.verified,
            match=self.match if self.match != Match() else shipped.match,
            facts=shipped.facts | self.facts,
            observation=self.observation or shipped.observation,
        )


def load_families(*folders: Path) -> dict[str, Family]:
    """Read every file of these folders; a row without source or with a wrong name stops.

    The site's folder comes before the shipped one: its families are recognised first, and a file
    of a shipped name is laid over that family, fact by fact.
    """
    families: dict[str, Family] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            found = _read_family(path)
            own = families.get(found.id)
            families[found.id] = own.over(found) if own else found
    return families


def _read_family(path: Path) -> Family:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(str(error), file=str(path)) from None
    family = _told(raw, Family, path)
    _told(family.known(), _StrictFacts, path)
    sources = [(name, fact.source) for name, fact in family.facts.items()]
    sources += [(name, element.source) for name, element in family.observation.items()]
    unknown = family.observation.keys() - OBSERVATION_ELEMENTS
    if unknown:
        known = ", ".join(sorted(OBSERVATION_ELEMENTS))
        raise TableError(
            f"Observation has no element {min(unknown)}; known are {known}", file=str(path)
        )
    for name, source in sources:
        if not source.strip():
            raise TableError(f"{name} has no source: say who found it and where", file=str(path))
    if family.id != path.stem:
        raise TableError(f"id is {family.id}, the file is named {path.stem}", file=str(path))
    return family


_T = TypeVar("_T")


def _told(raw: dict[str, object], shape: type[_T], path: Path) -> _T:
    """What the file says; a name that nobody knows is told beside those that are known."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise TableError(f"{error}{known_instead(raw, shape)}", file=str(path)) from None


class _StrictFacts(Facts, frozen=True, forbid_unknown_fields=True):
    """Facts that refuse names they do not know."""


def choose_profile(
    statement: Json, families: dict[str, Family], *, setting: str, delta: str = "auto"
) -> Profile:
    """Choose by the setting, else by what the server calls itself, else generic."""
    found = read_capability(statement)
    if found is None:
        raise CapabilityMissing("the server's /metadata is not a CapabilityStatement")
    if not found.fhir_version.startswith(SUPPORTED_VERSIONS):
        said = found.fhir_version or "none"
        raise CapabilityMissing(f"the server speaks FHIR version {said}; 4.0 or 4.3 is needed")
    family = _family(found, families, setting)
    # What any EHR's plain result has, where a family's own list is not known.
    plain = Family("", verified=True, observation=families["generic"].observation).values()
    profile = profile_of(found, plain | family.values(), name=family.id)
    if delta == "auto":
        return profile
    return msgspec.convert(msgspec.structs.asdict(profile) | {"delta": delta}, Profile)


def _family(found: Capability, families: dict[str, Family], setting: str) -> Family:
    if setting != "auto":
        if setting not in families:
            raise SettingsError(
                f"source.profile: there is no {setting}; known are auto, {', '.join(families)}"
            )
        return families[setting]
    for family in families.values():
        if _holds(found.software, family.match.software):
            return family
    for family in families.values():
        if _holds(found.publisher, family.match.publisher):
            return family
    return families["generic"]


def _holds(said: str, words: tuple[str, ...]) -> bool:
    return any(word.casefold() in said.casefold() for word in words)
