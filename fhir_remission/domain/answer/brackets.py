"""What stands in brackets behind the state: the answer, why it is none or no more, MRD, doubts."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_remission.domain.answer.wording import DOUBTS, EVENTS, last_sample, may_be, why_of
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import BLASTS

# A sentence has room for so many references; all are in the list of what was left out.
_MANY = 2


def in_brackets(facts: Facts, found: Assessment) -> str:
    """The answer with its days, and what a reader must know beside it."""
    parts = [_response(facts, found), *_no_marrow(facts, found), *_mrd(facts, found)]
    parts += [words for flag, words in DOUBTS.items() if found.provisional and flag in found.flags]
    if still := may_be(found.candidates, found.possible_higher):
        parts.append(f"may be {still}")
    if found.assumptions:
        parts.append("assuming " + ", ".join(one.id.replace("-", " ") for one in found.assumptions))
    return f" ({', '.join(parts)})"


def _no_marrow(facts: Facts, found: Assessment) -> Iterator[str]:
    """Why there is no answer; of marrows since therapy began, what became of them."""
    if why := why_of(facts, found, found.reason):
        yield why
    if found.reason != "therapy-after-marrow" or found.state_since is None:
        return
    spoiled = [one for one in found.skipped if "specimen" in one.reason]
    yield from (f"left out: {one.source}, {one.reason}" for one in spoiled[:_MANY])
    early = {
        day_of(one)
        for one in facts.record.results
        if (one.analyte, one.standing) == (BLASTS, "preliminary")
    }
    since = sorted(day for day in early if day > found.state_since)
    yield from (f"the marrow of {day} is preliminary" for day in since[:_MANY])


def _mrd(facts: Facts, found: Assessment) -> Iterator[str]:
    """What MRD is, and a relapse of it; of one that a later sample denies, that it was there."""
    denied = last_sample(facts, found)
    if found.mrd != "unknown":
        named = f"MRD-{found.mrd}" if found.mrd != "low-level" else "MRD low-level"
        yield f"{named} by earlier samples" if denied else named
    if found.mrd_event != "none":
        event = EVENTS[found.mrd_event]
        yield f"after {event}" if found.mrd == "negative" and not denied else event


def _response(facts: Facts, found: Assessment) -> str:
    """The category; where a remission began with a lesser one, both with their days."""
    relapsed = found.category == facts.criteria.outcomes.relapse and found.response_date
    if found.state == "awaiting-response" and relapsed:
        return f"{found.category} of {found.response_date}"
    began = [name for name, day in found.responses if day == found.state_since]
    if found.state != "in-remission" or found.category in began or not began:
        return found.category
    since = next((day for name, day in found.responses if name == found.category), None)
    return f"{began[0]}, {found.category}{f' since {since}' if since else ''}"
