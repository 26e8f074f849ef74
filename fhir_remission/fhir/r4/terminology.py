"""Our closed lists as FHIR R4: CodeSystems, the ValueSets of all their codes, and ConceptMaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from fhir_remission.domain.tables.categories import SYSTEMS, Categories, Label
from fhir_remission.fhir.r4.datatypes import Json, Resource

PUBLISHER = "fhir-remission"
# Read from our code to theirs. NCIt terms are the CDISC responses of the same name; the SNOMED CT
# qualifiers say remission or relapse of any disease.
EQUIVALENCE = {"NCIt": "equivalent", "SNOMED": "wider"}
TITLES = {"NCIt": "NCI Thesaurus", "SNOMED": "SNOMED CT"}
OWNERS = {
    "NCIt": "NCI Thesaurus codes are of the National Cancer Institute (CC BY 4.0).",
    "SNOMED": "SNOMED CT codes are of SNOMED International; their use needs its licence.",
}
MCODE_TREND = "http://hl7.org/fhir/us/mcode/ValueSet/mcode-condition-status-trend-vs"
UNMATCHED = "no verified code; only our own code is written"


class Term(Struct, frozen=True):
    """One code of a list."""

    code: str
    display: str
    definition: str = ""


class Vocabulary(Struct, frozen=True):
    """One closed list of ours: the last part of its address, its title, its codes."""

    name: str
    title: str
    terms: tuple[Term, ...]


class Edition(Struct, frozen=True):
    """Under which address and version the lists are published."""

    namespace: str
    version: str


def terminology(
    vocabularies: Iterable[Vocabulary], categories: Categories, edition: Edition
) -> list[Resource]:
    """Every resource, in the order of the lists."""
    listed = list(vocabularies)
    return [
        *(code_system(one, edition) for one in listed),
        *(value_set(one, edition) for one in listed),
        *(made for one in listed for made in concept_maps(one, categories, edition)),
    ]


def own_terms(categories: Categories, concept: str) -> tuple[Term, ...]:
    """The codes of our own system for one concept of the categories table."""
    return tuple(
        Term(label.code, label.display)
        for (held, _), labels in categories.labels.items()
        for label in labels
        if held == concept and not label.system
    )


def code_system(vocabulary: Vocabulary, edition: Edition) -> Resource:
    """The list itself; complete, so that an unknown code is an error."""
    return {
        **_head("CodeSystem", vocabulary.name, vocabulary.title, edition),
        "description": f"{vocabulary.title}: the codes that fhir-remission writes or reads.",
        "caseSensitive": True,
        "valueSet": _address("ValueSet", vocabulary.name, edition),
        "content": "complete",
        "count": len(vocabulary.terms),
        "concept": [_concept(term) for term in vocabulary.terms],
    }


def value_set(vocabulary: Vocabulary, edition: Edition) -> Resource:
    """All codes of the list."""
    system = _address("CodeSystem", vocabulary.name, edition)
    return {
        **_head("ValueSet", vocabulary.name, vocabulary.title, edition),
        "description": f"{vocabulary.title}: every code of the code system.",
        "immutable": True,
        "compose": {"include": [{"system": system}]},
    }


def concept_maps(
    vocabulary: Vocabulary, categories: Categories, edition: Edition
) -> Iterator[Resource]:
    """The maps to every foreign system that has a code for something of this list."""
    mapped = _mapped(vocabulary, categories)
    for target in EQUIVALENCE:
        if any(label.system == SYSTEMS[target] for labels in mapped.values() for label in labels):
            yield _concept_map(vocabulary, mapped, target, edition)


def trend_map(categories: Categories, edition: Edition) -> Resource:
    """From our categories to the trends that mCODE knows; a trend says less than a category."""
    title = "Response category in AML to the condition trend of mCODE"
    elements: list[Json] = []
    for term in own_terms(categories, "category"):
        found = categories.of("trend", term.code)
        targets: list[Json] = [
            {
                "code": one.code,
                "display": one.display,
                "equivalence": "wider",
                "comment": one.source,
            }
            for one in found
        ]
        unmatched: Json = {"equivalence": "unmatched", "comment": "no trend says it"}
        elements.append(
            {"code": term.code, "display": term.display, "target": targets or [unmatched]}
        )
    return {
        **_head("ConceptMap", "category-to-mcode-trend", title, edition),
        "description": f"{title}; nothing of it is written.",
        "copyright": OWNERS["SNOMED"],
        "sourceUri": _address("ValueSet", "category", edition),
        "targetUri": MCODE_TREND,
        "group": [
            {
                "source": _address("CodeSystem", "category", edition),
                "sourceVersion": edition.version,
                "target": SYSTEMS["SNOMED"],
                "element": elements,
            }
        ],
    }


def _mapped(vocabulary: Vocabulary, categories: Categories) -> dict[str, tuple[Label, ...]]:
    """All codings of each of our codes; a list without codes of its own goes by its ids."""
    rows = {
        next((one.code for one in labels if not one.system), name): labels
        for (concept, name), labels in categories.labels.items()
        if concept == vocabulary.name
    }
    return {term.code: rows.get(term.code, ()) for term in vocabulary.terms}


def _concept_map(
    vocabulary: Vocabulary, mapped: dict[str, tuple[Label, ...]], target: str, edition: Edition
) -> Resource:
    name = f"{vocabulary.name}-to-{target.lower()}"
    title = f"{vocabulary.title} to {TITLES[target]}"
    return {
        **_head("ConceptMap", name, title, edition),
        "description": f"{title}, as written beside our own code.",
        "copyright": OWNERS[target],
        "sourceUri": _address("ValueSet", vocabulary.name, edition),
        "group": [
            {
                "source": _address("CodeSystem", vocabulary.name, edition),
                "sourceVersion": edition.version,
                "target": SYSTEMS[target],
                "element": [_element(term, mapped[term.code], target) for term in vocabulary.terms],
            }
        ],
    }


def _element(term: Term, labels: Sequence[Label], target: str) -> Json:
    found = [label for label in labels if label.system == SYSTEMS[target]]
    targets: list[Json] = [
        {"code": one.code, "display": one.display, "equivalence": EQUIVALENCE[target]}
        for one in found
    ]
    unmatched: Json = {"equivalence": "unmatched", "comment": UNMATCHED}
    return {"code": term.code, "display": term.display, "target": targets or [unmatched]}


def _head(kind: str, name: str, title: str, edition: Edition) -> Resource:
    words = "".join(word.capitalize() for word in name.split("-"))
    return {
        "resourceType": kind,
        "id": f"{PUBLISHER}-{name}",
        "url": _address(kind, name, edition),
        "version": edition.version,
        "name": f"FhirRemission{words}",
        "title": title,
        "status": "active",
        "experimental": False,
        "publisher": PUBLISHER,
    }


def _address(kind: str, name: str, edition: Edition) -> str:
    return f"{edition.namespace}/{kind}/{name}"


def _concept(term: Term) -> Json:
    made: Resource = {"code": term.code, "display": term.display}
    if term.definition:
        made["definition"] = term.definition
    return made
