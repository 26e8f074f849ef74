"""The value sets and units that an exported library names, taken from the mapping tables."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import EXACT
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.units import Converted, UnitSent
from fhir_remission.fhir.criteria_export.spelling import decimal_text

# Per microlitre every count a laboratory sends is a whole multiple: no engine has to divide.
PER_MICROLITRE = 1000
ANALYTES = ("blasts-marrow", "marrow-cells-counted", "anc", "platelets", "blasts-blood")
UNREAD = ("auer-rods", "rbc-transfusion-independence")
# What else the tables know may change an answer: a record that holds any is refused. Haemoglobin
# is asked by no criterion that a library judges; leukocytes are compared with their neutrophils.
READ = (*ANALYTES, *UNREAD, "extramedullary-disease", "wbc", "hemoglobin")
PROCEDURES_BEYOND = (
    "platelet-transfusion", "gcsf", "gcsf-pegylated", "transplant", "donor-lymphocytes",
)  # fmt: skip
RED_CELLS = ("rbc-transfusion", "transfusion-unspecified")
# Codes of UCUM and texts as laboratories send them; each is read by the tables, or left out.
SPELLINGS = (
    *("10*9/L", "10^9/L", "x10^9/L", "10*3/uL", "10^3/uL", "10*3/mm3", "K/uL", "K/mm3", "G/L"),
    *("10*6/L", "/uL", "/mm3", "{cells}/uL", "%", "{#}", "1"),
)


class ValueSet(Struct, frozen=True):
    """A value set: its name in the library, and its codes with system and display."""

    name: str
    codes: tuple[tuple[str, str, str], ...]


def observed(mappings: Mappings) -> Iterator[ValueSet]:
    """The value sets of Observations; a code that counts only under a condition is not read.

    Of what a library does not read in any case, a code says under every condition that it is there.
    """
    rows = mappings.codes.rows.values()
    for analyte in (*ANALYTES, *UNREAD, "extramedullary-disease", "wbc"):
        held = [
            one
            for one in rows
            if one.analyte == analyte and (analyte in UNREAD or not one.conditions)
        ]
        yield ValueSet(analyte, tuple((one.system, one.code, one.display) for one in held))
    beyond = [one for one in rows if one.analyte not in READ or _conditional(one)]
    yield ValueSet("not-read", tuple((one.system, one.code, one.display) for one in beyond))


def value_sets(mappings: Mappings) -> Iterator[ValueSet]:
    """Every value set of a library."""
    yield from observed(mappings)
    for kind in ("aml-diagnosis", "apl-diagnosis", "other-leukaemia", "extramedullary"):
        yield _events(mappings, kind, kind)
    yield _events(mappings, "therapy-start", "therapy-start", intense=False)
    yield _events(mappings, "red-cells-given", *RED_CELLS)
    yield _events(mappings, "support-given", *PROCEDURES_BEYOND, "transfusion-unspecified")
    yield _events(mappings, "intensity-known", "therapy-start", intense=True)
    for said in ("remission", "relapse"):
        yield ValueSet(f"{said}-claimed", tuple(_claiming(mappings, said)))
    for answer in ("positive", "negative"):
        coded = mappings.values.coded.items()
        codes = {(one[0], one[1], "") for one, said in coded if said == answer and not one[2]}
        yield ValueSet(f"{answer}-answer", tuple(sorted(codes)))


def unit_factors(mappings: Mappings, analyte: str) -> dict[str, str]:
    """Each spelling of a unit with the factor to percent, to cells or to per microlitre."""
    row = mappings.analytes[analyte]
    found = {}
    for unit in SPELLINGS:
        one = EXACT.create_decimal(1)
        for sent in (UnitSent(code=unit), UnitSent(text=unit)):
            read = mappings.units.convert(Interval(one, one), sent, row, code_system="")
            if isinstance(read, Converted) and unit not in found:
                times = PER_MICROLITRE if row.unit == "10*9/L" else 1
                factor = EXACT.multiply(read.value.low, EXACT.create_decimal(times))
                if factor >= 1:
                    found[unit] = decimal_text(factor)
    return found


def _conditional(row: CodeRow) -> bool:
    """Whether the code is an input only under a condition that CQL does not check."""
    return row.analyte in (*ANALYTES, "extramedullary-disease") and bool(row.conditions)


def _events(mappings: Mappings, name: str, *kinds: str, intense: bool | None = None) -> ValueSet:
    """Codes of these kinds; starts of therapy by whether their intensity is known."""
    rows = mappings.events.rows.items()
    codes = {
        (system, code, one.display)
        for (system, code), held in rows
        for one in held
        if one.kind in kinds
        and one.certainty == "confirmed"
        and (intense is None or bool(one.detail) is intense)
    }
    return ValueSet(name, tuple(sorted(codes)))


def _claiming(mappings: Mappings, said: str) -> list[tuple[str, str, str]]:
    rows = mappings.events.rows.items()
    return sorted({(*key, one.display) for key, held in rows for one in held if one.claim == said})
