"""A criteria set as a CQL library: one function per criterion and category, from the file alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import (
    Absent,
    AdequateMarrow,
    AnyBelow,
    AnyCriterion,
    AnyMet,
    Independence,
    NoPriorRemission,
    PercentDecrease,
    Persisted,
    Threshold,
)
from fhir_remission.domain.criteria.printed import rule_of
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.criteria_export import marrow_text, record_text
from fhir_remission.fhir.criteria_export.answers import answers, choice, rows
from fhir_remission.fhir.criteria_export.spelling import (
    decimal_text,
    identifier,
    one_line,
    quoted,
    quoted_name,
    strings,
)
from fhir_remission.fhir.criteria_export.values import PER_MICROLITRE, unit_factors, value_sets

# Where a threshold finds its value in the view of one draw with its marrow.
PLACES = {
    "anc": "V.anc",
    "platelets": "V.platelets",
    "blasts-marrow": "m.blasts",
    "marrow-cells-counted": "m.cells",
}
UNITS = {"10*9/L": PER_MICROLITRE, "%": 1, "{#}": 1}
KINDS = {"anc": "count", "blasts-marrow": "percent", "marrow-cells-counted": "number"}
TESTS = {
    "<": '"Below"(value, {0})',
    ">=": 'not "Below"(value, {0})',
    ">": '"Above"(value, {0})',
    "<=": 'not "Above"(value, {0})',
}


class Library(Struct, frozen=True):
    """A library as text, its address, and the criteria that CQL cannot express here."""

    name: str
    text: str
    inexpressible: tuple[str, ...]


class _Judge(Struct, frozen=True):
    """A criterion as a function: its parameters, its body, and what it is called with."""

    parameters: str
    body: str
    arguments: str


def library(criteria: CriteriaSet, mappings: Mappings, namespace: str) -> Library:
    """The whole library; the same bytes every time."""
    judges = {one.id: _judge(one, criteria) for one in criteria.criterion}
    lost = tuple(one for one, judge in judges.items() if judge is None)
    name = "".join(part.capitalize() for part in re.split(r"\W+", criteria.id))
    parts = [
        _head(name, criteria, mappings, namespace, lost),
        _filled(record_text.TEXT, _facts(criteria, mappings)),
        _filled(marrow_text.TEXT, _facts(criteria, mappings)),
        "// ---- Criteria, as the file has them ----\n",
        *(_criterion(one, judges[one.id]) for one in criteria.criterion),
        "// ---- Categories, the first that holds is said ----\n",
        *_categories(criteria),
        _judged(criteria, judges),
        _filled(marrow_text.ANSWERS, _facts(criteria, mappings) | choice(criteria)),
        *(
            f'define "Is {quoted_name(one)}":\n  "Category" = \'{quoted(one)}\'\n'
            for one in answers(criteria)
        ),
    ]
    return Library(name, "\n".join(parts), lost)


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
        f"library {name} version '{quoted(criteria.version)}'\n\n"
        f"using FHIR version '4.0.1'\n\ninclude FHIRHelpers version '4.0.1'\n\n{sets}\n\n"
        "/* Nothing is assumed: what was never reported is unknown. */\n"
        'parameter "Strict" Boolean default false\n\ncontext Patient\n\n'
        "/* Criteria of a kind that this library cannot judge; what needs one is never said. */\n"
        f'define "Not expressible": {{ {named} }} as List<String>\n'
    )


def _facts(criteria: CriteriaSet, mappings: Mappings) -> dict[str, str]:
    """Every number of the file by name, and what the tables fill in."""
    whole = {
        name: str(getattr(criteria.numbers, name).days)
        for name in criteria.numbers.__struct_fields__
        if getattr(criteria.numbers, name) is not None
    }
    for name in ("disease_blasts", "lineage_blasts"):
        whole[name] = decimal_text(getattr(criteria.numbers, name).value)
    factors = [
        f"    when kind = '{kind}' and unit = '{unit}' then {factor}"
        for analyte, kind in KINDS.items()
        for unit, factor in unit_factors(mappings, analyte).items()
    ]
    texts = mappings.values.texts.items()
    some = (text for (text, of), said in texts if said == "some" and of == "blasts-marrow")
    coded = mappings.values.coded.items()
    said = {
        answer: sorted({code for (_, code, of), held in coded if held == answer and not of})
        for answer in ("positive", "negative")
    }
    return whole | {
        "factors": "\n".join(factors),
        "some": strings(sorted(some)),
        "present": strings(said["positive"]),
        "answers": strings([*said["positive"], *said["negative"]]),
        "VALUE": record_text.VALUE,
    }


def _filled(text: str, facts: Mapping[str, str]) -> str:
    named = re.sub(r"\$(\w+)\$", lambda found: facts[found[1]], text)
    for word in ("RESULT", "MARROW", "VALUE"):
        named = re.sub(rf"(?<![\w\"]){word}(?![\w\"])", getattr(record_text, word), named)
    return named


def _judge(one: AnyCriterion, criteria: CriteriaSet) -> _Judge | None:
    """How a criterion is judged; None where this library cannot."""
    value = f"value {record_text.VALUE}"
    match one:
        case Threshold() if one.analyte in PLACES and one.unit in UNITS:
            number = decimal_text(one.value * Decimal(UNITS[one.unit]))
            return _Judge(value, TESTS[one.op].format(number), PLACES[one.analyte])
        case Absent(sign="blood-blasts" | "extramedullary-disease"):
            place = "V.bloodBlasts" if one.sign == "blood-blasts" else "V.lesion"
            return _Judge("sign String", f'"Is absent"(sign, {_silence(one.silent)})', place)
        case Absent():
            return _Judge("", _unless_told("auer-rods", one.silent), "")
        case Independence():
            near = _unless_told("rbc-transfusion-independence", one.silent)
            given = '[Procedure: "red-cells-given"]'
            return _Judge("", f"if exists {given} then null as Boolean\n  else {near}", "")
        case AdequateMarrow():
            body = (
                f'if counted then not "Below"(cells, {decimal_text(one.cells)})\n'
                f"  else if recovered then true else ({_silence(one.silent)})"
            )
            counts = " and ".join(identifier(name) for name in criteria.about.lineages) or "false"
            parameters = f"counted Boolean, cells {record_text.VALUE}, recovered Boolean"
            return _Judge(parameters, body, f"m.counted, m.cells, {counts}")
        case PercentDecrease():
            left = decimal_text(1 - one.fraction)
            body = (
                f"if value.high <= baseline.low * {left} then true\n"
                f"  else if value.low > baseline.high * {left} then false\n"
                "  else null as Boolean"
            )
            return _Judge(f"{value}, baseline {record_text.VALUE}", body, 'm.blasts, "Baseline"')
        case AnyBelow() | AnyMet():
            word = "not " if isinstance(one, AnyBelow) else ""
            body = " or ".join(f"{word}{identifier(name)}" for name in one.of) or "false"
            parameters = ", ".join(f"{identifier(name)} Boolean" for name in one.of)
            return _Judge(parameters, body, ", ".join(identifier(name) for name in one.of))
        case Persisted():
            return _Judge("dayNo Integer", f'dayNo - "Treated on" >= {one.days}', "m.dayNo")
        case NoPriorRemission():
            return _Judge("prior Boolean", "not prior", "prior")
    return None


def _silence(how: str) -> str:
    if how == "unknown":
        return "null as Boolean"
    return "true" if how == "met" else 'if "Strict" then null as Boolean else true'


def _unless_told(name: str, how: str) -> str:
    return f'if exists [Observation: "{name}"] then null as Boolean else ({_silence(how)})'


def _criterion(one: AnyCriterion, judge: _Judge | None) -> str:
    told = f"// {one_line(rule_of(one))}\n// [{one.mark}] {one_line(one.source)}\n"
    if judge is None:
        lost = f'define "Criterion {quoted_name(one.id)}":\n  null as Boolean\n'
        return f"{told}// Not expressible here: never known.\n{lost}"
    head = f'define function "Criterion {quoted_name(one.id)}"({judge.parameters})'
    return f"{told}{head}:\n  {judge.body}\n"


def _categories(criteria: CriteriaSet) -> Iterator[str]:
    known = {one.id: one for one in criteria.criterion}
    for name, row in rows(criteria):
        rules = "\n".join(f"//   {one}: {one_line(rule_of(known[one]))}" for one in row.requires)
        parameters = ", ".join(f"{identifier(one)} Boolean" for one in row.requires)
        body = "\n    and ".join(identifier(one) for one in row.requires) or "true"
        yield (
            f"// {name}{': a remission' if row.remission else ''}\n{rules}\n"
            f"// [{row.mark}] {one_line(row.source)}\n"
            f'define function "Category {quoted_name(name)}"({parameters}):\n  {body}\n'
        )


def _judged(criteria: CriteriaSet, judges: Mapping[str, _Judge | None]) -> str:
    """Every category at every draw of the window."""
    order = sorted(criteria.criterion, key=lambda one: isinstance(one, AnyBelow | AnyMet))
    late = sorted(order, key=lambda one: isinstance(one, AdequateMarrow | AnyBelow | AnyMet))
    lets = [f"      {identifier(one.id)}: {_called(one.id, judges[one.id])}" for one in late]
    quality = {one.id for one in criteria.criterion if isinstance(one, AdequateMarrow)}
    fields, spared = [], []
    for name, row in rows(criteria):
        call = (
            f'"Category {quoted_name(name)}"({", ".join(identifier(one) for one in row.requires)})'
        )
        near = ", ".join("true" if one in quality else identifier(one) for one in row.requires)
        early = "" if row.early else "if early then false else "
        fields.append(f"      {identifier(name)}: {early}{call}")
        spared.append(f'({early}"Category {quoted_name(name)}"({near}))')
    fields.append(f'      butForQuality: "Any"({{ {", ".join(spared)} }})')
    return (
        'define function "Judged"(m MARROW, prior Boolean):\n  ("Views"(m)) V\n    let\n'
        '      early: "Is early"(m),\n'
        + ",\n".join(lets)
        + "\n    return all Tuple {\n"
        + ",\n".join(fields)
        + " }\n"
    ).replace("MARROW", record_text.MARROW)


def _called(name: str, judge: _Judge | None) -> str:
    return f'"Criterion {quoted_name(name)}"' + ("" if judge is None else f"({judge.arguments})")
