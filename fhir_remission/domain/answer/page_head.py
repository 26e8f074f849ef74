"""The head of a page: the answer in rows, and what could still change it."""

from __future__ import annotations

from datetime import timedelta

from fhir_remission.domain.answer.follow_up import reckoned
from fhir_remission.domain.answer.page_parts import Page
from fhir_remission.domain.answer.wording import last_sample, may_be
from fhir_remission.domain.criteria.kinds import Absent, AnyBelow, AnyMet, Independence, Threshold
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.nouns.assessment import Assessment, CycleDay, Verdict
from fhir_remission.domain.nouns.verdicts import day_of, is_of_no_day
from fhir_remission.domain.record.lasting import touches


def answer_rows(page: Page) -> list[tuple[str, str]]:
    """What is said, on what it rests, and what could change it."""
    now, words = page.now, page.words
    category = words.categories.display("category", now.category)
    why = f". {words.sentence('reasons', now.reason)}" if now.reason else ""
    code = f", coded {now.code}" if now.code != now.category else ""
    rows = [("Category", f"{now.category}: {category}{code}{why}")]
    if now.response_date is not None:
        first = "" if now.first_sign in (None, now.response_date) else now.first_sign
        sign = f", first sign {first}" if first else ""
        rows.append(("Proved on", f"{now.response_date}{sign}{_again(now)}"))
    rows += _walked(page)
    rows += reckoned(page)
    own = last_sample(page.facts, now)
    last = f", by earlier samples; last {now.last_mrd}{own}" if own else ""
    rows.append(("MRD", f"{words.categories.display('mrd', now.mrd)}{last}"))
    if now.mrd_event != "none":
        rows.append(("", words.categories.display("mrd-event", now.mrd_event)))
    out = page.facts.criteria.outcomes
    if now.category not in (out.not_evaluable, out.undecided):
        rows.append(("Confidence", words.categories.display("confidence", now.confidence)))
    rows += [
        ("Assumed", f"{words.sentence('assumptions', one.id)} ({one.cls})")
        for one in now.assumptions
    ]
    rows += [("Missing", words.sentence("missing", one)) for one in now.missing]
    if still := may_be(now.candidates, now.possible_higher):
        rows.append(("May be", still))
    alive = not page.facts.record.died
    if now.clock.window_open and alive and _counts_can_add(page):
        rows.append(("Still open", f"counts until {now.window_closes} can still add to this"))
    if now.clock.stale:
        rows.append(("Stale", "no recent marrow and no recent count: the state may have changed"))
    if now.state == "in-remission" and now.state_since is None:
        rows.append(("Note", _undated(page)))
    rows += [("Note", words.sentence("flags", one)) for one in now.flags]
    return rows


def _again(now: Assessment) -> str:
    """By which later draw it was proved once more: that is the one that is cited."""
    drawn = next((one.effective.partition("T")[0] for one in now.draws if one.chosen), "")
    proves = now.state == "in-remission" and now.latest is None
    later = proves and drawn > str(now.response_date)
    return f", and once more by the draw of {drawn}, which is cited" if later else ""


def _undated(page: Page) -> str:
    """Why nobody says since when the remission lasts."""
    told = any(one.says in ("remission", "relapse") for one in page.facts.record.claims)
    why = (
        "somebody's word of an earlier remission leaves open whether this is a new one"
        if told else "it depends on what cannot be read"
    )  # fmt: skip
    return f"Since when the remission lasts is not said: {why}."


def _counts_can_add(page: Page) -> bool:
    """Whether a better category is left that fails in nothing but counts of the blood."""
    now, criteria = page.now, page.facts.criteria
    if {"early-marrow", "contradicted-by-next-marrow"} & set(now.flags):
        return False
    failed = {one.criterion for one in now.criteria_results if one.verdict is Verdict.NOT_MET}
    counted = {one.analyte for one in plan_of(criteria).lineages}
    of_blood = {
        one.id
        for one in criteria.criterion
        if isinstance(one, AnyBelow | AnyMet | Independence)
        or (isinstance(one, Threshold) and one.analyte in counted)
        or (isinstance(one, Absent) and one.sign == "blood-blasts")
    }
    names = [row.id for row in criteria.category]
    ahead = names[: names.index(now.category)] if now.category in names else names
    rows = (row for row in criteria.category if row.id in ahead and row.id != now.category)
    return any(not (failed - of_blood) & set(row.requires) for row in rows)


def _walked(page: Page) -> list[tuple[str, str]]:
    """What the course has reached, and what its latest marrow says by itself."""
    now, rows = page.now, list[tuple[str, str]]()
    if now.best_response not in (None, now.category):
        rows.append(("Best response", str(now.best_response)))
    reached = ", ".join(f"{name} {day}" for name, day in now.responses)
    if reached and len(now.responses) > 1:
        rows.append(("Reached", reached))
    if now.remission_number is not None:
        rows.append(("Remission", f"number {now.remission_number}"))
    if now.latest is not None:
        said = page.words.categories.display("category", now.latest.category)
        rows.append(("Latest marrow", f"{now.latest.category} by itself: {said}"))
    if now.cycle is not None and (told := _day(page, now.cycle)):
        rows.append(("Therapy", f"latest marrow on day {told}"))
    return rows


def _day(page: Page, cycle: CycleDay) -> str:
    """Of the cycle, or after the graft that came since: nobody counts on past one.

    Nothing where a graft may have come since, on some day of a month.
    """
    marrow = page.now.last_marrow
    events = page.facts.events.get("transplant", ())
    grafts = [day_of(one) for one in events if not is_of_no_day(one)]
    since = [
        (marrow - one).days for one in grafts
        if marrow is not None and 0 <= (marrow - one).days < cycle.day
    ]  # fmt: skip
    if marrow is not None:
        began = marrow - timedelta(days=cycle.day - 1)
        if any(is_of_no_day(one) and touches(one, began, marrow) is not False for one in events):
            return ""
    if since:
        return f"{min(since)} after the transplant"
    return f"{cycle.day} of cycle {cycle.number}{page.of_course}"
