"""The criteria of a set as functions of CQL, and the ways in which a draw turns out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import (
    Absent,
    AdequateMarrow,
    AnyBelow,
    AnyCriterion,
    AnyMet,
    BloodBlastRise,
    ByBaseline,
    Independence,
    NewExtramedullary,
    NoPriorRemission,
    PercentDecrease,
    PercentIncrease,
    Persisted,
    Threshold,
)
from fhir_remission.domain.criteria.printed import rule_of
from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.fhir.criteria_export import value_text
from fhir_remission.fhir.criteria_export.answers import ranks, rows
from fhir_remission.fhir.criteria_export.baselines import since_baseline
from fhir_remission.fhir.criteria_export.spelling import (
    TESTS,
    decimal_text,
    identifier,
    is_decimal,
    one_line,
    quoted_name,
)
from fhir_remission.fhir.criteria_export.values import PER_MICROLITRE

# Where a threshold finds its value in the view of one draw with its marrow.
PLACES = {
    "anc": "partOfANC",
    "platelets": "partOfPlatelets",
    "blasts-marrow": "partOfBlasts",
    "marrow-cells-counted": "m.cells",
}
# What is taken apart at the thresholds of the set, with the highest value of each.
PARTS = {"anc": 90000000, "platelets": 90000000, "blasts-marrow": 100}
UNITS = {"10*9/L": PER_MICROLITRE, "%": 1, "{#}": 1}


class Judge(Struct, frozen=True):
    """A criterion as a function: its parameters, its body, and what it is called with."""

    parameters: str
    body: str
    arguments: str
    whole: bool = True
    """Whether it is ever known to hold; what is not can be known to fail only."""


def judge_of(one: AnyCriterion, criteria: CriteriaSet) -> Judge | None:
    """How a criterion is judged; None where this library cannot, or not exactly."""
    return _judge(one, criteria) if all(map(is_decimal, _numbers(one))) else None


def _judge(one: AnyCriterion, criteria: CriteriaSet) -> Judge | None:
    value = f"value {value_text.VALUE}"
    match one:
        case Threshold():
            return _compared(one, value)
        case Absent() | Independence() | BloodBlastRise() | NewExtramedullary():
            return _of_sign(one)
        case AdequateMarrow():
            body = (
                f'if counted then not "Below"(cells, {decimal_text(one.cells)})\n'
                f"  else if recovered then true else ({_silence(one.silent)})"
            )
            named = {other.id: other for other in criteria.criterion}
            counts = " and ".join(_counted(named[name]) for name in criteria.about.lineages)
            parameters = f"counted Boolean, cells {value_text.VALUE}, recovered Boolean"
            return Judge(parameters, body, f"m.counted, m.cells, {counts or 'false'}")
        case PercentDecrease() | PercentIncrease() | ByBaseline():
            body = since_baseline(one)
            return Judge(f"{value}, baseline {value_text.VALUE}", body, "partOfBlasts, base")
        case AnyBelow() | AnyMet():
            word = "not " if isinstance(one, AnyBelow) else ""
            body = " or ".join(f"{word}{identifier(name)}" for name in one.of) or "false"
            parameters = ", ".join(f"{identifier(name)} Boolean" for name in one.of)
            return Judge(parameters, body, ", ".join(identifier(name) for name in one.of))
        case Persisted():
            return Judge("dayNo Integer", f'dayNo - "Treated on" >= {one.days}', "m.dayNo")
        case NoPriorRemission():
            return Judge("prior Boolean", "not prior", "prior")
    return None


def _of_sign(one: Absent | Independence | BloodBlastRise | NewExtramedullary) -> Judge:
    """By a sign of the draw; what is refused where it is on record, by silence alone."""
    blood = isinstance(one, BloodBlastRise) or (
        isinstance(one, Absent) and one.sign == "blood-blasts"
    )
    place = "V.blood" if blood else "V.lesion"
    if isinstance(one, BloodBlastRise | NewExtramedullary):
        body = "if sign in { 'present', 'unknown' } then null as Boolean else false"
        return Judge("sign String", body, place, whole=False)
    if isinstance(one, Independence) or one.sign == "auer-rods":
        return Judge("", _silence(one.silent), "")
    return Judge("sign String", f'"Is absent"(sign, {_silence(one.silent)})', place)


def _compared(one: Threshold, value: str) -> Judge | None:
    """A value against a number, of an analyte that the library reads."""
    if one.analyte not in PLACES or one.unit not in UNITS:
        return None
    number = decimal_text(one.value * Decimal(UNITS[one.unit]))
    return Judge(value, TESTS[one.op].format(number), PLACES[one.analyte])


def _numbers(one: AnyCriterion) -> Iterator[Decimal]:
    """Every number of a criterion that the library would have to hold exactly."""
    match one:
        case Threshold():
            yield one.value * Decimal(UNITS.get(one.unit, 1))
        case AdequateMarrow():
            yield one.cells
        case PercentDecrease():
            yield one.fraction
        case PercentIncrease():
            yield from (one.fraction, one.points, one.points_below)
        case ByBaseline():
            for band in one.bands:
                held = (band.baseline_from, band.baseline_below, band.low, band.high, band.fraction)
                yield from (number for number in held if number is not None)


def _silence(how: str) -> str:
    if how == "unknown":
        return "null as Boolean"
    return "true" if how == "met" else 'if "Strict" then null as Boolean else true'


def told_of(criteria: CriteriaSet) -> str:
    """What a set asks about and this library takes from silence alone: whether any is on record."""
    found = []
    for one in criteria.criterion:
        if isinstance(one, Absent) and one.sign == "auer-rods":
            found.append('exists [Observation: "auer-rods"]')
        if isinstance(one, Independence):
            found.append('exists [Observation: "rbc-transfusion-independence"]')
            found.append('exists [Procedure: "red-cells-given"]')
    return " or ".join(dict.fromkeys(found)) or "false"


def criterion_text(one: AnyCriterion, judge: Judge | None) -> str:
    told = f"// {one_line(rule_of(one))}\n// [{one.mark}] {one_line(one.source)}\n"
    if judge is None:
        lost = f'define "Criterion {quoted_name(one.id)}":\n  null as Boolean\n'
        return f"{told}// Not expressible here: never known.\n{lost}"
    if not judge.whole:
        told += "// Not expressible here: known only where it fails.\n"
    return f"{told}{_head(f'Criterion {one.id}', judge.parameters)}:\n  {judge.body}\n"


def categories_text(criteria: CriteriaSet) -> Iterator[str]:
    known = {one.id: one for one in criteria.criterion}
    for name, row in rows(criteria):
        rules = "\n".join(f"//   {one}: {one_line(rule_of(known[one]))}" for one in row.requires)
        parameters = ", ".join(f"{identifier(one)} Boolean" for one in row.requires)
        body = "\n    and ".join(identifier(one) for one in row.requires) or "true"
        yield (
            f"// {name}{': a remission' if row.remission else ''}\n{rules}\n"
            f"// [{row.mark}] {one_line(row.source)}\n"
            f"{_head(f'Category {name}', parameters)}:\n  {body}\n"
        )


def _counted(one: AnyCriterion) -> str:
    """Whether a lineage has recovered, asked of a part of its count."""
    if isinstance(one, Threshold) and one.analyte in PLACES and one.unit in UNITS:
        return f'"Criterion {quoted_name(one.id)}"({PLACES[one.analyte]})'
    return "null as Boolean"


def ways_of_draw(criteria: CriteriaSet, judges: Mapping[str, Judge | None]) -> Iterator[str]:
    """Every answer that a marrow with one draw may prove, tried out part by part."""
    for analyte in PARTS:
        yield _parts(analyte, criteria)
    single = [one for one in criteria.criterion if not isinstance(one, AnyBelow | AnyMet)]
    tried = ",\n    ".join(
        f'("Either"({_called(one.id, judges[one.id])})) {identifier(one.id)}' for one in single
    )
    said = ", ".join(identifier(one.id) for one in single)
    parameters = ", ".join(f"{identifier(one.id)} Boolean" for one in single)
    named = ", ".join(f"{number} {one_line(name)}" for name, number in ranks(criteria).items())
    yield (
        f"// An answer by its rank: {named}.\n"
        f'define function "Answer of way"(capped Boolean, uncounted Boolean,\n    {parameters}):\n'
        f"{_ranked(criteria, judges)}\n"
    )
    yield (
        'define function "Ways of parts"(m MARROW, V VIEW, base VALUE, prior Boolean,\n'
        "    capped Boolean, uncounted Boolean,\n"
        "    partOfANC VALUE, partOfPlatelets VALUE, partOfBlasts VALUE):\n"
        f'  from {tried}\n    return "Answer of way"(capped, uncounted, {said})\n'
    )
    yield (
        'define function "Ways of draw"(m MARROW, V VIEW, base VALUE, prior Boolean,\n'
        "    capped Boolean, uncounted Boolean):\n"
        '  distinct flatten (from ("Parts"(V.anc, "Parts of anc")) A,\n'
        '    ("Parts"(V.platelets, "Parts of platelets")) P,\n'
        '    ("Parts"(m.blasts, "Parts of blasts-marrow")) B\n'
        '    return all "Ways of parts"(m, V, base, prior, capped, uncounted, A, P, B))\n'
    )


def _parts(analyte: str, criteria: CriteriaSet) -> str:
    """The ranges that the thresholds of the set tell apart."""
    tests = [
        (one.value * Decimal(UNITS[one.unit]), one.op)
        for one in criteria.criterion
        if isinstance(one, Threshold) and one.analyte == analyte and one.unit in UNITS
    ]
    if analyte == "blasts-marrow":
        tests.append((criteria.numbers.disease_blasts.value, ">="))
    # A cut and the side on which its own value lies.
    cuts = sorted({(cut, op in (">", "<=")) for cut, op in tests if is_decimal(cut)})
    ends = [(Decimal(0), False), *cuts, (Decimal(PARTS[analyte]), True)]
    ranges = [
        f"Tuple {{ low: {decimal_text(low)}, lowOpen: {str(after).lower()}, "
        f"high: {decimal_text(high)}, highOpen: {str(not beyond).lower()} }}"
        for (low, after), (high, beyond) in pairwise(ends)
    ]
    return f'define "Parts of {analyte}": {{\n  ' + ",\n  ".join(ranges) + " }\n"


def _ranked(criteria: CriteriaSet, judges: Mapping[str, Judge | None]) -> str:
    """The first row that holds; else whether only the marrow's quality failed."""
    quality = {one.id for one in criteria.criterion if isinstance(one, AdequateMarrow)}
    composed = {one.id: one for one in criteria.criterion if isinstance(one, AnyBelow | AnyMet)}
    rank = ranks(criteria)

    def holds(name: str) -> str:
        judge = judges[name]
        if name in composed and judge is not None:
            return _asked(f"Criterion {name}", judge.arguments)
        return identifier(name)

    said, spared = [], []
    for name, row in rows(criteria):
        asked = ", ".join(holds(one) for one in row.requires)
        near = ", ".join("true" if one in quality else holds(one) for one in row.requires)
        category = f"Category {name}"
        said.append(f"    when {_open_to(row)}{_asked(category, asked)} then {rank[row.id]}")
        spared.append(f"({_open_to(row)}{_asked(category, near)})")
    out = criteria.outcomes
    last = f"    when {' or '.join(spared) or 'false'} then {rank[out.not_evaluable]}"
    return "\n".join(("  case", *said, last, f"    else {rank[out.no_response]}", "  end"))


def _open_to(row: Category) -> str:
    """A capped marrow proves early rows only; without a count no remission is proved."""
    guards = [] if row.early else ["not capped and "]
    if row.remission:
        guards.append("not uncounted and ")
    return "".join(guards)


def _called(name: str, judge: Judge | None) -> str:
    return _asked(f"Criterion {name}", "" if judge is None else judge.arguments)


def _head(name: str, parameters: str) -> str:
    """A function, or without parameters a definition: cql-execution 3.3.2 fails on a call of none.

    It reads the length of the operands, which cql-to-elm leaves out where there are none.
    """
    if not parameters:
        return f'define "{quoted_name(name)}"'
    return f'define function "{quoted_name(name)}"({parameters})'


def _asked(name: str, arguments: str) -> str:
    """What a definition of that name says, called where it is a function."""
    return f'"{quoted_name(name)}"' + (f"({arguments})" if arguments else "")
