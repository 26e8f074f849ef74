"""Names of code systems: one system comes under many, and codes in spellings of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.namespace import INPUTS
from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.check_digits import mistyped

COLUMNS = ("system", "name", "source")
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
# Codes of these stand where there is none: why an element is absent is no meaning of it.
NO_CODES = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    }
)
_SCHEME = re.compile(r"(?:https?://|urn:oid:|oid:|urn:)(?:www\.)?")
_NCIT_CODE = re.compile(r"C[0-9]+", re.ASCII)
# Of ICD-10: the dagger, the asterisk and the German signs of a secondary code are no part of it.
_ICD = re.compile(r"([A-Z][0-9][0-9A-Z])\.?([0-9A-Z]{0,4})[-.!+*†#]*", re.ASCII)
_ICD_SYSTEM = re.compile(r"icd-?10(?!-?pcs)")
_ICD_NAME = re.compile(r"ICD-?10(?:-?(?:GM|CM|WHO|AM|CA))?[:|\s]\s{0,4}", re.ASCII)
_ICD_O = "http://terminology.hl7.org/CodeSystem/icd-o-3"
_MORPHOLOGY = re.compile(r"[Mm]-?([0-9]{4}/[0-9])", re.ASCII)


class Systems(Struct, frozen=True, eq=False):
    """Every known system by its plain names. Hashed as the object it is."""

    known: frozenset[str]
    names: dict[str, str]
    prefixes: tuple[tuple[str, str], ...] = ()
    own: str = ""
    """Our own system of inputs, all of whose codes we know."""

    def canonical(self, name: str) -> str:
        """The one address of a system, whatever it is called here; unknown names stay."""
        return name if name in self.known else _canonical(name, self)

    def coding(self, system: str | None, code: str) -> tuple[str, str]:
        """A coding as the tables name it: the system's address, the code as its owner writes it."""
        if not system and "|" in code:
            # As a search writes it.
            system, _, code = code.rpartition("|")
        found = self.canonical(system) if system else ""
        return found, _as_owned(found, code.strip())

    def codings(self, sent: tuple[tuple[str | None, str], ...]) -> tuple[tuple[str, str], ...]:
        """Codings as the tables name them, without those that only say that there is no code."""
        return _codings(sent, self)

    def house(self, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The codes of no system that is known: names that a house has given."""
        return tuple(code for system, code in pairs if system not in self.known)

    def each(self, system: str | None, code: str) -> list[str]:
        """The codes of one: of ICD-10 two may stand in it, as in `G01* C92.0†`."""
        parts = code.split()
        if len(parts) < 2 or not system or not _ICD_SYSTEM.search(self.canonical(system)):
            return [code]
        return parts if all(_ICD.fullmatch(one.upper()) for one in parts) else [code]

    def denies(self, system: str, code: str) -> str:
        """Why a code no table has cannot be one of its system; empty where it may well be."""
        if system == self.own:
            return "is no code of this system"
        if system == NCIT and not _NCIT_CODE.fullmatch(code):
            return "has not the form of an NCIt code"
        if system in self.known and _ICD_SYSTEM.search(system) and not _ICD.fullmatch(code):
            return "has not the form of an ICD-10 code"
        return mistyped(system, code)


NO_NAMES = Systems(frozenset(), {})


def plain_name(name: str) -> str:
    """A name without what is never a difference: scheme, `www.`, version, slash and capitals."""
    text = name.partition("|")[0].strip().casefold()
    return _SCHEME.sub("", text, count=1).rstrip("/#")


def read_systems(text: str, *, file: str) -> list[Row]:
    """Read the rows of a table of names, each checked by itself."""
    rows = list(read_rows(text, file=file, columns=COLUMNS))
    for row in rows:
        if not row["system"] or not row["name"]:
            raise row.refuse("a row gives a system and one more name of it")
    return rows


def merge_systems(rows: list[Row], used: Iterable[str], *, namespace: str) -> Systems:
    """Make one look-up of all names; `used` are the systems that the other tables name."""
    own = f"{namespace}{INPUTS}"
    every = {*used, *(row["system"] for row in rows), own, *NO_CODES} - {""}
    names: dict[str, str] = {}
    prefixes = []
    for row in rows:
        system, name = row["system"], row["name"]
        if name.endswith("*"):
            prefixes.append((plain_name(name[:-1]) + "/", system))
            continue
        held = names.setdefault(plain_name(name), system)
        if held != system:
            raise row.refuse(f"{name} names {held} in another row; keep one")
    for system in sorted(every):
        names.setdefault(plain_name(system), system)
    known = frozenset(system for system in every if names[plain_name(system)] == system)
    return Systems(known, names, tuple(prefixes), own)


@lru_cache(maxsize=1 << 10)
def _canonical(name: str, systems: Systems) -> str:
    plain = plain_name(name)
    found = systems.names.get(plain)
    if found is not None:
        return found
    return next((to for start, to in systems.prefixes if plain.startswith(start)), name.strip())


# A laboratory sends the same few codes again and again, and each is asked for several times.
@lru_cache(maxsize=1 << 11)
def _codings(
    sent: tuple[tuple[str | None, str], ...], systems: Systems
) -> tuple[tuple[str, str], ...]:
    every = (
        systems.coding(system, one) for system, code in sent for one in systems.each(system, code)
    )
    return tuple(pair for pair in every if pair[0] not in NO_CODES)


def _as_owned(system: str, code: str) -> str:
    if system == NCIT:
        return code.removeprefix("NCIT:").removeprefix("ncit:")
    if system == _ICD_O:
        return _MORPHOLOGY.sub(r"\1", code)
    if code[:1].isalpha() and _ICD_SYSTEM.search(system):
        found = _ICD.fullmatch(_ICD_NAME.sub("", code.upper(), count=1))
        if found is not None:
            return f"{found[1]}.{found[2]}" if found[2] else found[1]
    return code
