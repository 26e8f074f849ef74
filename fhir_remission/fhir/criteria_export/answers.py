"""What a library can say: its categories in order, relapse, and the answers that are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_remission.domain.criteria.kinds import AdequateMarrow, Threshold
from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.fhir.criteria_export.spelling import decimal_text, one_line, quoted, quoted_name

BEYOND = 99


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


def ranks(criteria: CriteriaSet) -> dict[str, int]:
    """Every answer with its rank, the best first: what a draw proves is the least of its ways."""
    out = criteria.outcomes
    marrow = (*(one.id for one in criteria.category), out.undecided, out.not_evaluable)
    whole = (*marrow, out.no_response, out.relapse, out.relapse_suspected)
    return {name: rank for rank, name in enumerate(dict.fromkeys(one for one in whole if one))}


def choice(criteria: CriteriaSet) -> dict[str, str]:
    """What is filled into the text of the course and of the answers."""
    out, rank, listed = criteria.outcomes, ranks(criteria), criteria.category
    relapse = criteria.relapse
    names = "\n".join(
        f"    when \"Verdict\" = {number} then '{quoted(name)}'" for name, number in rank.items()
    )
    return {
        "NE": str(rank[out.not_evaluable]),
        "IND": str(rank[out.undecided]),
        "NR": str(rank[out.no_response]),
        "RELAPSE": str(rank.get(out.relapse or out.no_response)),
        "suspected": str(rank.get(out.relapse_suspected or out.no_response)),
        "beyond": str(BEYOND),
        "rows": _numbers(rank[one.id] for one in listed),
        "remissions": _numbers(rank[one.id] for one in listed if one.remission),
        "claims": _numbers(rank[one.id] for one in listed if one.claim),
        "early": _numbers(rank[one.id] for one in listed if one.early),
        "one_side": _numbers(rank[one.id] for one in listed if one.clear),
        "lacks_lower": _word(not any(one.early for one in listed)),
        "relapse_rules": "\n".join(_relapse_rules(criteria)),
        "marrow_ruled": _word(relapse.marrow is not None),
        "blood_ruled": _word(relapse.blood is not None),
        "lesion_ruled": _word(relapse.extramedullary is not None),
        "completes": _completes(criteria),
        "asks": _asks(criteria),
        "uncounted": _uncounted(criteria),
        "good": _good(criteria),
        "withholds": _word(criteria.withholds_after_start),
        "names": names,
    }


def _relapse_rules(criteria: CriteriaSet) -> Iterator[str]:
    """Each rule of relapse as a comment, with its mark and source."""
    relapse = criteria.relapse
    rules = [relapse.marrow, relapse.blood, relapse.extramedullary]
    named = [rule for rule in rules if rule is not None]
    for rule in named:
        yield f"//   {one_line(rule.text)}\n//     [{rule.mark}] {one_line(rule.source)}"
    if not named:
        yield "//   The set defines no relapse: disease withdraws the remission."


def _numbers(many: Iterable[int]) -> str:
    """Members of a list; one that no rank has keeps the list from being empty."""
    return ", ".join(str(one) for one in dict.fromkeys(many)) or "-1"


def _word(holds: bool) -> str:  # noqa: FBT001
    return "true" if holds else "false"


def _completes(criteria: CriteriaSet) -> str:
    """Whether a sample of blood with blasts fulfils the rule; without a rule any does."""
    rule = criteria.relapse.blood
    if rule is None or rule.samples == 1:
        return "true"
    longest = f" and dayNo - S <= {rule.max_days}" if rule.max_days else ""
    return f"exists (w.samples S where dayNo - S >= {rule.min_days}{longest})"


def _asks(criteria: CriteriaSet) -> str:
    """Whether a low value soon after therapy asks for a repeat before it is a relapse."""
    rule = criteria.relapse.marrow
    if rule is None or not rule.recent_days or rule.recent_at_most is None:
        return "{ false }"
    near = f'm.dayNo - Max("Cycles" C where C <= m.dayNo) <= {rule.recent_days}'
    high = f'"Above"(m.blasts, {decimal_text(rule.recent_at_most)})'
    present = "exists ((\"In window\"(m, ms, ds)) D where D.sign = 'present')"
    return (
        f"case\n    when not m.diseased or not Coalesce({near}, false) then {{ false }}\n"
        f"    when Coalesce(m.dayNo - w.asked >= {rule.repeat_after}, false) then {{ false }}\n"
        f"    when {present} then {{ false }}\n"
        f'    else (("Either"({high})) H return all not H)\n  end'
    )


def _uncounted(criteria: CriteriaSet) -> str:
    """Whether no count of a draw can be read: then no remission is said."""
    named = {one.id: one for one in criteria.criterion}
    counts = [named[name] for name in criteria.about.lineages]
    analytes = dict.fromkeys(one.analyte for one in counts if isinstance(one, Threshold))
    held = [one for one in analytes if one in ("anc", "platelets")]
    return "(" + (" and ".join(f"V.{one} is null" for one in held) or "true") + ")"


def _good(criteria: CriteriaSet) -> str:
    """Whether a marrow is good enough for its blast count to end a suspicion."""
    asked = [one.cells for one in criteria.criterion if isinstance(one, AdequateMarrow)]
    if not asked:
        return "true"
    return f'if m.counted then not "Below"(m.cells, {decimal_text(max(asked))}) else true'


__all__ = ["BEYOND", "answers", "choice", "quoted_name", "ranks", "rows"]
