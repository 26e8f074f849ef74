"""A criteria set as a CQL library: one function per criterion and category, from the file alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct

from fhir_remission.domain.criteria.rules import CriteriaSet, Number
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.errors import TableError
from fhir_remission.fhir.criteria_export import (
    answer_text,
    course_text,
    marrow_text,
    record_text,
    refused_text,
    value_text,
)
from fhir_remission.fhir.criteria_export.answers import answers, choice
from fhir_remission.fhir.criteria_export.judges import (
    PARTS,
    categories_text,
    criterion_text,
    judge_of,
    told_of,
    ways_of_draw,
)
from fhir_remission.fhir.criteria_export.spelling import (
    decimal_text,
    folded,
    is_decimal,
    one_line,
    quoted,
    quoted_name,
    strings,
)
from fhir_remission.fhir.criteria_export.values import (
    PER_MICROLITRE,
    observed,
    unit_factors,
    value_sets,
)

SMEAR = "blasts-blood"
PERCENT = ("disease_blasts", "lineage_blasts")
# What the texts of a library ask of the numbers of its file.
NUMBERS = (
    *("window_before", "window_after", "join", "repeat_marrow", "early_marrow", "cycle_gap"),
    *("before_diagnosis", "treated_before_marrow", "baseline_inferred", "baseline_after_start"),
    *("extramedullary_silence", "extramedullary_denial", *PERCENT),
)
KINDS = {
    "anc": "count",
    "platelets": "platelet count",
    "blasts-marrow": "percent",
    SMEAR: "smear",
    "marrow-cells-counted": "number",
}


class Library(Struct, frozen=True):
    """A library as text, its address, and the criteria that CQL cannot express here."""

    name: str
    text: str
    inexpressible: tuple[str, ...]


def library(criteria: CriteriaSet, mappings: Mappings, namespace: str) -> Library:
    """The whole library, the same bytes every time; `TableError` where CQL holds no such number."""
    for number in PERCENT:
        if not is_decimal(getattr(criteria.numbers, number).value):
            reason = f"{number} has more than the eight digits that CQL holds; round it yourself"
            raise TableError(reason, file=f"{criteria.id}.toml")
    judges = {one.id: judge_of(one, criteria) for one in criteria.criterion}
    lost = tuple(one for one, judge in judges.items() if judge is None or not judge.whole)
    name = library_name(criteria.id)
    facts = _facts(criteria, mappings) | choice(criteria)
    parts = [
        _head(name, criteria, mappings, namespace, lost),
        "// ---- Numbers, as the file has them ----\n",
        *(_number(name, criteria) for name in NUMBERS),
        _filled(value_text.TEXT, facts),
        _filled(record_text.TEXT, facts),
        _filled(refused_text.TEXT, facts),
        _filled(marrow_text.WAYS, facts),
        "// ---- Criteria, as the file has them; counts are per microlitre here ----\n",
        *(criterion_text(one, judges[one.id]) for one in criteria.criterion),
        "// ---- Categories, the first that holds is said ----\n",
        *categories_text(criteria),
        *(_filled(one, {}) for one in ways_of_draw(criteria, judges)),
        _filled(marrow_text.TEXT, facts),
        _filled(course_text.TEXT, facts),
        _filled(answer_text.TEXT, facts),
        *(
            f'define "Is {quoted_name(one)}":\n  "Category" = \'{quoted(one)}\'\n'
            for one in answers(criteria)
        ),
    ]
    return Library(name, folded("\n".join(parts)), lost)


def _head(
    name: str, criteria: CriteriaSet, mappings: Mappings, namespace: str, lost: tuple[str, ...]
) -> str:
    sets = "\n".join(
        f"valueset \"{one.name}\": '{namespace}/ValueSet/{one.name}'"
        for one in value_sets(mappings)
    )
    named = strings(list(lost))
    return (
        f"// {one_line(criteria.about.title)}: {one_line(criteria.about.paper)}\n"
        "// One course, one marrow with its window. A verdict is Boolean, null is unknown.\n"
        "// Marks: V read in the original, V2 in an authoritative copy, R recalled, S a hint,\n"
        "// ours a decision of this project. What names no source only applies what does.\n"
        f"library {name} version '{quoted(criteria.version)}'\n\n"
        f"using FHIR version '4.0.1'\n\ninclude FHIRHelpers version '4.0.1'\n\n{sets}\n\n"
        "/* Nothing is assumed: what was never reported is unknown. */\n"
        'parameter "Strict" Boolean default false\n\ncontext Patient\n\n'
        "/* Criteria of a kind that this library cannot judge; what needs one is never said. */\n"
        f'define "Not expressible": {{ {named} }} as List<String>\n'
    )


def _number(name: str, criteria: CriteriaSet) -> str:
    """A number by its name, with its unit, mark and source."""
    one: Number | None = getattr(criteria.numbers, name)
    if one is None:
        return f'// The set gives none.\ndefine "Number {name}":\n  0\n'
    value = decimal_text(one.value) if name in PERCENT else str(one.days)
    told = f"// [{one.mark}] {one_line(one.source)}; {one_line(one.unit)}"
    return f'{told}\ndefine "Number {name}":\n  {value}\n'


def _facts(criteria: CriteriaSet, mappings: Mappings) -> dict[str, str]:
    """The numbers of the file by name, and what the tables fill in."""
    whole = {name: f'"Number {name}"' for name in NUMBERS}
    factors = [
        f"    when kind = '{kind}' and unit = '{unit}' then {factor}"
        for analyte, kind in KINDS.items()
        for unit, factor in unit_factors(mappings, analyte).items()
    ]
    for name in ("anc", "platelets"):
        most = mappings.analytes[name].high
        whole[f"most_{name}"] = decimal_text(PARTS[name] if most is None else most * PER_MICROLITRE)
    return (
        whole
        | _words(criteria, mappings)
        | {
            "factors": "\n".join(factors),
            "systems": strings(
                sorted({code[0] for one in value_sets(mappings) for code in one.codes})
            ),
            # With its system: a code of ours alone is spelled as a value set; translators warn.
            "read": strings(
                sorted({f"{code[0]} {code[1]}" for one in observed(mappings) for code in one.codes})
            ),
            "told": told_of(criteria),
            "VALUE": value_text.VALUE,
        }
    )


def _words(criteria: CriteriaSet, mappings: Mappings) -> dict[str, str]:
    """Answers in words and by code with its system, and how the blasts of the set are counted."""

    def written(analyte: str, answer: str) -> str:
        texts = mappings.values.texts.items()
        return strings(sorted(text for (text, of), it in texts if (of, it) == (analyte, answer)))

    def coded(*wanted: str) -> str:
        rows = mappings.values.coded.items()
        asked = (one for one, answer in rows if answer in wanted and one[2] in ("", SMEAR))
        return strings(sorted(f"{system} {code}" for system, code, _ in asked))

    wanted = ("method", criteria.about.blast_method)
    terms = mappings.terms.coded.items()
    methods = sorted(f"{one[1]} {one[2]}" for one, term in terms if (one[0], term) == wanted)
    return {
        "some": written("blasts-marrow", "some"),
        "smear_some": written(SMEAR, "some"),
        "smear_none": written(SMEAR, "zero"),
        "smear_some_codes": coded("some"),
        "smear_none_codes": coded("zero"),
        "present": coded("positive"),
        "answers": coded("positive", "negative"),
        "method": strings(methods),
    }


def _filled(text: str, facts: Mapping[str, str]) -> str:
    named = re.sub(r"\$(\w+)\$", lambda found: facts[found[1]], text)
    for word in value_text.TYPES:
        named = re.sub(rf"(?<![\w\"]){word}(?![\w\"])", value_text.TYPES[word], named)
    return named


def library_name(id_of_set: str) -> str:
    """The set's id as a name of CQL; ids that would share a name are told apart by their digest."""
    name = "".join(part.capitalize() for part in re.split(r"\W+", id_of_set) if part)
    if re.fullmatch(r"[a-z]+(-[0-9]+(?=-[a-z]|$)|-[a-z]+)*", id_of_set):
        return name
    plain = re.sub(r"[^A-Za-z0-9]", "", name)
    return f"Set{plain}X{sha256(id_of_set.encode()).hexdigest()[:6]}"
