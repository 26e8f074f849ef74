"""Our codes as files for a terminology server: every list that we write or read, in FHIR R4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.domain.tables.analytes import ANALYTES
from fhir_remission.effects.files.mapping_files import (
    criteria_names,
    load_categories,
    load_criteria,
    load_mappings,
    load_vocabularies,
)
from fhir_remission.effects.files.private_file import write_files
from fhir_remission.fhir.package.contents import files_of
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.r4.terminology import Edition, Term, Vocabulary, own_terms, terminology
from fhir_remission.version import VERSION

# The lists of the categories table, by the last part of their address.
CODED = {
    "category": "Response category in AML",
    "mrd": "Status of measurable residual disease",
    "mrd-event": "Relapse of measurable residual disease",
    "state": "State of an AML course",
    "confidence": "What an assessment rests on",
    "change": "Why an assessment was written again",
    "question": "What a finding or component answers",
}
# Vocabularies under another address than their file name.
LISTS = {
    "criteria": ("criterion", "Criterion of a response"),
    "flags": ("flag", "Flag of an assessment"),
    "assumptions": ("assumption", "Assumption of an assessment"),
    "missing": ("missing", "What an assessment lacks"),
    "reasons": ("reason", "Why an assessment is not evaluable or indeterminate"),
}
TAG = Vocabulary("tag", "Tag", (Term("algorithmic", "Computed by an algorithm"),))


def run(out: Path, *, namespace: str = "") -> list[Path]:
    """Write one file per resource, the same bytes every time; the paths that were written."""
    edition = Edition(namespace or NAMESPACE, VERSION)
    return write_files(out, files_of(resources(edition)))


def resources(edition: Edition) -> list[Resource]:
    """Every list and map, in the order of the lists."""
    return terminology(_vocabularies(edition.namespace), load_categories(), edition)


def _vocabularies(namespace: str) -> Iterator[Vocabulary]:
    categories = load_categories()
    for name, title in CODED.items():
        yield Vocabulary(name, title, own_terms(categories, name))
    sets = [load_criteria(name).about for name in criteria_names()]
    yield Vocabulary(
        "criteria",
        "Set of response criteria",
        tuple(Term(one.id, one.title, one.paper) for one in sets),
    )
    yield TAG
    mappings = load_mappings(namespace=namespace)
    system = f"{namespace}/CodeSystem/input"
    yield Vocabulary(
        "input",
        "Input for which no terminology has a code",
        tuple(
            Term(row.code, row.display)
            for (held, _), row in mappings.codes.rows.items()
            if held == system
        ),
    )
    yield Vocabulary(
        "analyte",
        "What is read from an Observation",
        tuple(Term(one, ANALYTES.get(one, one.replace("-", " "))) for one in mappings.analytes),
    )
    yield from _sentences()


def _sentences() -> Iterator[Vocabulary]:
    held = load_vocabularies()
    for file, (name, title) in LISTS.items():
        terms = {
            one: Term(one, one.replace("-", " "), sentence)
            for one, sentence in held.get(file, {}).items()
        }
        if file == "criteria":
            terms |= {one: Term(one, one.replace("-", " ")) for one in _criteria() - set(terms)}
        if terms:
            yield Vocabulary(name, title, tuple(terms[one] for one in sorted(terms)))


def _criteria() -> set[str]:
    """The ids of every criterion of every set; a set may name one that no vocabulary has."""
    return {one.id for name in criteria_names() for one in load_criteria(name).criterion}
