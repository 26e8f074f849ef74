"""What one criterion lacks for a better answer, in words."""

from __future__ import annotations

from fhir_remission.domain.answer.proof import rule_of
from fhir_remission.domain.answer.wording import value_text, when_text
from fhir_remission.domain.criteria.kinds import Absent, AnyBelow, AnyCriterion, Threshold
from fhir_remission.domain.evaluation.changes import BLASTS
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.evaluation.trace import CHANGES
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.inputs import Event, Interval, Result, When
from fhir_remission.domain.nouns.verdicts import Proof, day_of, day_told, is_of_no_day
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.signs import said
from fhir_remission.domain.tables.analytes import ANALYTES


def lack_of(one: AnyCriterion, facts: Facts, evaluation: Evaluation, target: str) -> str:
    """Why it does not hold at the draw; empty where its parts say so."""
    judgement = evaluation.judgements[one.id]
    if isinstance(one, Threshold):
        quantity = evaluation.view.quantity(one.analyte)
        name = ANALYTES[one.analyte]
        told = value_text(quantity, one.unit)
        own = _where(one, facts, evaluation) if quantity.reading is None else ""
        return f"{name} {told}{own}, {target} needs {rule_of(one)}"
    if isinstance(one, AnyBelow) and judgement.verdict is Verdict.NOT_MET:
        return ""
    if judgement.verdict is not Verdict.UNKNOWN:
        how = f"not met{when_text(judgement.proof)}"
    elif isinstance(one, Absent) and one.sign == "extramedullary-disease":
        how = lesion_text(judgement.proof)
    elif isinstance(one, CHANGES) and _lacks_baseline(evaluation):
        how = "not known without a marrow of before therapy that can be read"
    else:
        how = f"not known{when_text(judgement.proof)}"
    return f"{target} needs {rule_of(one)} ({how})"


def _where(one: Threshold, facts: Facts, evaluation: Evaluation) -> str:
    """Where a count that the draw lacks is missing, if it was reported anywhere: in that draw, or
    in the whole window.

    The window is of the way to read the record that the evaluation is of: no other has its draws.
    """
    if any(tried.view.quantity(one.analyte).reading is not None for tried in evaluation.tried):
        return " in the draw that counts"
    window, counts = evaluation.window, (draw.own.get(one.analyte) for draw in facts.draws)
    reported = any(count is not None and count.reading is not None for count in counts)
    return f" from {window.first} to {window.last}" if reported else ""


def _lacks_baseline(evaluation: Evaluation) -> bool:
    """Whether the marrow itself can be read, and the one it is measured against cannot."""
    own, before = evaluation.view.quantity(BLASTS), evaluation.view.background.baseline
    return isinstance(own.reading, Interval) and not isinstance(before.reading, Interval)


def lesion_text(proof: Proof) -> str:
    """Why it is not known whether there is a lesion: by a report, or by the silence since one."""
    if proof and all(_is_seen(one) for one in proof):
        last = max(proof, key=day_of)
        day = f"{'in' if is_of_no_day(last) else 'on'} {day_told(last)}"
        name = "a lesion" if isinstance(last, Event) else last.analyte.replace("-", " ")
        ended = last.ended if isinstance(last, Event) else None
        since = _over(ended) if ended else "with no word on that up to the draw that counts"
        return f"not known: {name} seen {day}, {since}"
    return f"not known{when_text(proof)}"


def _over(ended: When) -> str:
    """When a lesion is said to have ended: on a day, or in a month or a year."""
    whole = ended.first_day == ended.last_day
    return f"said to have ended {f'on {ended.first_day}' if whole else f'in {ended.text}'}"


def _is_seen(one: Result | Event) -> bool:
    if isinstance(one, Event):
        return one.certainty == "confirmed" and one.when is not None
    return said(one) == "positive"
