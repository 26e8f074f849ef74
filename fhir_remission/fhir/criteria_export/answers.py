"""What a library can say: its categories in order, relapse, and the answers that are none."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.fhir.criteria_export.spelling import decimal_text, identifier, quoted


def rows(criteria: CriteriaSet) -> Iterator[tuple[str, Category]]:
    """Each category row with a name of its own: alternatives of one id are ways."""
    met: dict[str, int] = {}
    for row in criteria.category:
        met[row.id] = met.get(row.id, 0) + 1
        yield row.id if met[row.id] == 1 else f"{row.id} way {met[row.id]}", row


def answers(criteria: CriteriaSet) -> tuple[str, ...]:
    """Everything the library can say, categories first."""
    outcomes = criteria.outcomes
    rest = (outcomes.relapse, outcomes.relapse_suspected, outcomes.no_response)
    last = (outcomes.not_evaluable, outcomes.undecided)
    whole = (*(one.id for one in criteria.category), *rest, *last)
    return tuple(dict.fromkeys(one for one in whole if one))


def choice(criteria: CriteriaSet) -> dict[str, str]:
    """What is filled into the text of the answers."""
    listed = list(rows(criteria))
    outcomes = criteria.outcomes
    when = [
        f'    when exists (("Judged"(m, prior)) J where J.{identifier(name)})'
        f" then '{quoted(row.id)}'"
        for name, row in listed
    ]
    remissions = [_any(name, "false") for name, row in listed if row.remission]
    early = [_any(name, "prior") for name, row in listed if row.early]
    relapse = outcomes.relapse or outcomes.no_response
    blood = criteria.relapse.blood
    single = blood is not None and blood.samples == 1
    suspected = relapse if single else outcomes.relapse_suspected or outcomes.no_response
    return {
        "NE": f"'{quoted(outcomes.not_evaluable)}'",
        "IND": f"'{quoted(outcomes.undecided)}'",
        "NR": f"'{quoted(outcomes.no_response)}'",
        "best": "\n".join(when),
        "open": " or ".join(f"J.{identifier(name)} is null" for name, _ in listed),
        "remissions": ", ".join(remissions) or "false",
        "earliest": ", ".join(early) or "false",
        "suspected": f"'{quoted(suspected)}'",
        "relapse": _relapse(criteria, relapse),
        "withholds": "true" if criteria.withholds_after_start else "false",
    }


def _relapse(criteria: CriteriaSet, said: str) -> str:
    """Relapse by marrow; where the set asks a repeat after recent therapy it stays undecided."""
    rule = criteria.relapse.marrow
    if rule is None or not rule.recent_days or rule.recent_at_most is None:
        return f"'{quoted(said)}'"
    near = f'exists ("Cycles" C where C <= m.dayNo and m.dayNo - C <= {rule.recent_days})'
    low = f'"Above"(m.blasts, {decimal_text(rule.recent_at_most)}) is not true'
    undecided = quoted(criteria.outcomes.undecided)
    return f"(if {near}\n      and {low} then '{undecided}' else '{quoted(said)}')"


def _any(name: str, prior: str) -> str:
    """Whether any draw of the window proves the category."""
    return f'"Any"(("Judged"(m, {prior})) J return all J.{identifier(name)})'
