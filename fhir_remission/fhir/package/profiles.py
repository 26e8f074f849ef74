"""What each resource that we write always says, as profiles, in the words it is written with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_remission.domain.tables.categories import Categories
from fhir_remission.fhir.package.structure import Law, Profile, Rule, named_slices
from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.r4.terminology import PUBLISHER, Edition
from fhir_remission.fhir.writing.authorship import SOFTWARE
from fhir_remission.fhir.writing.impression import ASSESSMENT, INVESTIGATED, SUPPORTING
from fhir_remission.fhir.writing.provenance import DATA_OPERATION, OPERATIONS, PARTICIPANT

# The identifiers of a result, of the Device, and the tags that stand for them in a Provenance.
_OF_A_RESULT = ("assessment", "evidence-hash", "site", "content-digest")
_OF_THE_DEVICE = ("assessment", "key-check", "site")
_OF_A_PROVENANCE = ("assessment", "site", "about")
# What each finding answers, and each component; every one has a code list of its own.
FINDINGS = ("category", "mrd", "state")
COMPONENTS = ("state", "mrd", "confidence")


def profiles(categories: Categories, edition: Edition) -> tuple[Profile, ...]:
    """One profile for each type of what a run writes."""
    return (
        _impression(edition),
        _observation(categories, edition),
        _provenance(edition),
        _device(edition),
    )


def value_sets(edition: Edition) -> Iterator[Resource]:
    """What only the profiles ask for: what was done to a result."""
    done: list[Json] = [{"code": one, "display": words} for one, words in OPERATIONS.items()]
    operations: list[Json] = [{"system": DATA_OPERATION, "concept": done}]
    yield _value_set("operation", "What was done to a result", operations, edition)


def _impression(edition: Edition) -> Profile:
    return Profile(
        "ClinicalImpression",
        "Assessment of remission of acute myeloid leukaemia",
        (
            *_tagged(edition),
            *_identified(edition, _OF_A_RESULT),
            Rule("statusReason", values=_values("change", edition)),
            Rule("code", least=1),
            Rule("code.text", least=1, pattern=("fixedString", ASSESSMENT)),
            Rule("description", least=1),
            Rule("subject", targets=("Patient",)),
            Rule("effective[x]", least=1, kinds=("dateTime",)),
            Rule("date", least=1),
            Rule("problem", targets=("Condition",)),
            Rule("investigation.item", targets=INVESTIGATED),
            Rule("protocol", least=1, most="1"),
            Rule("summary", least=1),
            Rule("finding", least=len(FINDINGS), most=str(len(FINDINGS))),
            Rule("finding.item[x]", least=1, kinds=("CodeableConcept",)),
            Rule("supportingInfo", targets=SUPPORTING),
        ),
        _laws_of_an_impression(edition),
    )


def _laws_of_an_impression(edition: Edition) -> tuple[Law, ...]:
    code_system = f"{edition.namespace}/CodeSystem"
    return (
        *(
            Law(
                f"rem-{name}",
                f"Exactly one finding says the {name}",
                # The validator of HAPI finds no `item`, which is a choice in R4 only.
                f"finding.children().coding.where(system = '{code_system}/{name}').count() = 1",
            )
            for name in FINDINGS
        ),
        Law(
            "rem-signed",
            "Completed is only what a person answers for",
            "status = 'completed' implies assessor.exists()",
        ),
        Law(
            "rem-criteria",
            "The protocol is a criteria set with its version",
            f"protocol.all($this.startsWith('{edition.namespace}/criteria/'))",
        ),
        Law(
            "rem-withdrawn",
            "What was withdrawn says why",
            "status = 'entered-in-error' implies statusReason.exists()",
        ),
    )


def _observation(categories: Categories, edition: Edition) -> Profile:
    """An EHR may take less: what is sent everywhere is asked, the rest only if it is there."""
    question = _question(categories, "category", edition)
    return Profile(
        "Observation",
        "Response category of acute myeloid leukaemia",
        (
            *_tagged(edition, least=0),
            *_identified(edition, _OF_A_RESULT, least=0),
            Rule("category", least=1),
            Rule("code", pattern=("patternCodeableConcept", {"coding": question})),
            Rule("subject", least=1, targets=("Patient",)),
            Rule("focus", targets=("Condition",)),
            Rule("effective[x]", least=1, kinds=("dateTime",)),
            *_answered("value[x]", "category", edition),
            Rule("dataAbsentReason", most="0"),
            Rule("derivedFrom", targets=("Observation",)),
            *_components(categories, edition),
        ),
        (
            Law(
                "rem-known",
                "It can be found again by our identifier, or by a note that stands for it",
                f"identifier.where(system = '{edition.namespace}/id/assessment').exists() or "
                f"note.where(text.startsWith('{edition.namespace}/id ')).exists()",
            ),
            Law(
                "rem-final",
                "Final is only what a person answers for",
                "(status = 'final' and performer.exists()) implies performer.reference.exists()",
            ),
        ),
    )


def _components(categories: Categories, edition: Edition) -> list[Rule]:
    rules = [Rule("component", sliced_by=("pattern", "code"))]
    for name in COMPONENTS:
        asked: Resource = {"coding": _question(categories, name, edition)}
        at = f"component:{name}"
        rules += [
            Rule(at, least=0, most="1"),
            Rule(f"{at}.code", pattern=("patternCodeableConcept", asked)),
            *_answered(f"{at}.value[x]", name, edition),
        ]
    return rules


def _answered(at: str, name: str, edition: Edition) -> list[Rule]:
    """One coding of our list; beside it stand those of other systems that mean the same."""
    system = f"{edition.namespace}/CodeSystem/{name}"
    return [
        Rule(at, least=1, kinds=("CodeableConcept",)),
        *named_slices(f"{at}.coding", "system", "fixedUri", [("own", system)]),
        Rule(f"{at}.coding:own.code", least=1),
    ]


def _provenance(edition: Edition) -> Profile:
    roles = (("assembler", ("Device",)), ("verifier", ()))
    agents = [Rule("agent", sliced_by=("pattern", "type"))]
    for role, targets in roles:
        coded: Resource = {"coding": [{"system": PARTICIPANT, "code": role}]}
        at = f"agent:{role}"
        agents += [
            Rule(at, least=1 if role == "assembler" else 0, most="1"),
            Rule(f"{at}.type", least=1, pattern=("patternCodeableConcept", coded)),
        ]
        if targets:
            agents.append(Rule(f"{at}.who", targets=targets))
    named = ((one, f"{edition.namespace}/id/{one}") for one in _OF_A_PROVENANCE)
    return Profile(
        "Provenance",
        "Where an assessment of remission comes from",
        (
            *_tagged(edition, named),
            Rule("target", targets=("ClinicalImpression", "Observation")),
            Rule("occurred[x]", kinds=("dateTime",)),
            Rule("activity", least=1, values=_values("operation", edition)),
            *agents,
            Rule("entity.role", pattern=("fixedCode", "source")),
        ),
    )


def _device(edition: Edition) -> Profile:
    return Profile(
        "Device",
        "The software that assessed",
        (
            *_tagged(edition),
            *_identified(edition, _OF_THE_DEVICE),
            Rule("status", least=1, pattern=("fixedCode", "active")),
            Rule("deviceName", least=1, most="1"),
            Rule("deviceName.name", pattern=("fixedString", SOFTWARE)),
            Rule("type", least=1),
            Rule("type.text", least=1),
            Rule("version", least=1, most="1"),
        ),
    )


def _tagged(
    edition: Edition, more: Iterable[tuple[str, str]] = (), *, least: int = 1
) -> list[Rule]:
    """Marked as computed; where there are no identifiers, with tags that stand for them."""
    names = (("algorithmic", f"{edition.namespace}/CodeSystem/tag"), *more)
    slices = named_slices("meta.tag", "system", "fixedUri", names, least)
    return [Rule("meta", least=1), *slices] if least else slices


def _identified(edition: Edition, names: Iterable[str], *, least: int = 1) -> list[Rule]:
    named = ((one, f"{edition.namespace}/id/{one}") for one in names)
    return named_slices("identifier", "system", "fixedUri", named, least)


def _question(categories: Categories, name: str, edition: Edition) -> list[Json]:
    """The codings of what a component or the whole Observation answers."""
    own = f"{edition.namespace}/CodeSystem/question"
    return [
        {"system": label.system or own, "code": label.code}
        for label in categories.of("question", name)
    ]


def _values(name: str, edition: Edition) -> str:
    return f"{edition.namespace}/ValueSet/{name}"


def _value_set(name: str, title: str, include: list[Json], edition: Edition) -> Resource:
    return {
        "resourceType": "ValueSet",
        "id": f"{PUBLISHER}-{name}",
        "url": _values(name, edition),
        "version": edition.version,
        "name": f"FhirRemission{name.capitalize()}",
        "title": title,
        "status": "active",
        "experimental": False,
        "publisher": PUBLISHER,
        "description": f"{title}, by fhir-remission.",
        "compose": {"include": include},
    }
