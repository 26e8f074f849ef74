"""The answer in one glance: what is said, how surely, what is missing, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from fhir_remission.domain.answer.page_parts import Words
from fhir_remission.domain.answer.wording import STATES, UNTREATED, may_be, number_of
from fhir_remission.report.course import tone_of
from fhir_remission.report.entries import Judgement, Line

OUTSIDE = frozenset({"apl-out-of-scope", "other-leukaemia", "two-leukaemias", "diagnosis-refuted"})
# What each look says in one sign and one word: colour is never alone.
SIGNS = {
    "remission": ("✓", "remission"),
    "disease": ("✗", "disease"),
    "suspected": ("!", "sign of relapse"),
    "waiting": ("…", "no response to judge yet"),
    "doubt": ("?", "cannot be said"),
    "outside": ("∅", "out of scope"),
    "dead": ("†", "deceased"),
}


class Glance(Struct, frozen=True):
    """What the head of a page says."""

    tone: str
    sign: str
    word: str
    title: str
    code: str
    category: str
    summary: str
    next_better: str
    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    provisional: bool


def glance_of(one: Judgement, words: Words) -> Glance:
    """The head of one criteria set."""
    now = one.now
    tone = _tone(now)
    sign, word = SIGNS[tone]
    since = f" since {now['state_since']}" if now["state_since"] else ""
    return Glance(
        tone=tone,
        sign=sign,
        word=word,
        title=_words(now).format(since=since),
        code=now["code"],
        category=words.categories.display("category", now["category"]),
        summary=now["summary"],
        next_better=now["next_better"],
        rows=tuple(_rows(one, words)),
        notes=tuple(words.sentence("flags", flag) for flag in now["flags"]),
        provisional=now["provisional"],
    )


def _words(now: Line) -> str:
    """The state as the sentence says it."""
    unasked = UNTREATED.partition("{since}")[2] in now["summary"]
    return UNTREATED if unasked else STATES[now["state"]]


def _tone(now: Line) -> str:
    if "deceased" in now["flags"]:
        return "dead"
    if now["reason"] in OUTSIDE:
        return "outside"
    return tone_of(now)


def _rows(one: Judgement, words: Words) -> Iterator[tuple[str, str]]:
    now = one.now
    why = f" Why: {words.sentence('reasons', now['reason'])}" if now["reason"] else ""
    yield (
        "Category",
        f"{now['category']}: {words.categories.display('category', now['category'])}.{why}",
    )
    if now["response_date"]:
        first = now["first_sign"]
        sign = f", first sign {first}" if first not in (None, now["response_date"]) else ""
        yield "Proved on", f"{now['response_date']}{sign}"
    yield from _course_rows(now)
    yield from _latest_row(now, words)
    event = now["mrd_event"]
    mrd = words.categories.display("mrd", now["mrd"])
    yield (
        "MRD",
        mrd if event == "none" else f"{mrd}; {words.categories.display('mrd-event', event)}",
    )
    yield from _ended_events(now, words)
    if now["category"] not in (
        one.criteria.outcomes.not_evaluable,
        one.criteria.outcomes.undecided,
    ):
        yield "Confidence", words.categories.display("confidence", now["confidence"])
    for assumed in now["assumptions"]:
        yield "Assumed", f"{words.sentence('assumptions', assumed['id'])} ({assumed['class']})"
    for missing in now["missing"]:
        yield "Missing for better", words.sentence("missing", missing)
    if still := may_be(now["candidates"], now["possible_higher"]):
        yield "May be", still
    if now["window_open"]:
        yield "Still open", f"counts until {now['window_closes']} can still add to this"
    if now["stale"]:
        yield "Stale", "no recent marrow and no recent count: the state may have changed"
    ages = [(name, now[f"last_{key}"]) for name, key in _LAST]
    said = ", ".join(f"{name} {day}{_ago(day, now)}" for name, day in ages if day)
    if said:
        yield "Last of a known day", said


_LAST = (("marrow", "marrow"), ("count", "blood"), ("MRD", "mrd"))


def _course_rows(now: Line) -> Iterator[tuple[str, str]]:
    lasts = now["state"] == "in-remission" and "deceased" not in now["flags"]
    if lasts and now["state_since"]:
        days = (_day(now["as_of"]) - _day(now["state_since"])).days
        yield "In remission for", f"{number_of(days, 'day')} up to {now['as_of'][:10]}"
    if now.get("remission_number"):
        yield "Remission number", f"{now['remission_number']} (CR{now['remission_number']})"
    if now["best_response"] not in (None, now["category"]):
        yield "Best response", now["best_response"]
    reached = [f"{one['category']} {one['date']}" for one in now.get("responses", ())]
    if len(reached) > 1:
        yield "Reached", ", ".join(reached)
    if cycle := now.get("cycle"):
        told = f"marrow on day {cycle['day']} of cycle {cycle['number']} of the course"
        yield "Therapy", told


def _latest_row(now: Line, words: Words) -> Iterator[tuple[str, str]]:
    """What the latest marrow says by itself, where that is not what stands."""
    latest = now.get("latest")
    if latest:
        said = words.categories.display("category", latest["category"])
        day = str(latest["anchor"]["effective"] or "")[:10]
        why = "".join(f" {words.sentence('flags', flag)}" for flag in latest["flags"])
        yield "Latest marrow alone", f"{day}: {latest['category']}, {said}.{why}"


def _ended_events(now: Line, words: Words) -> Iterator[tuple[str, str]]:
    for one in now.get("mrd_history", ()):
        if one["until"]:
            name = words.categories.display("mrd-event", one["event"])
            yield "MRD before", f"{name} {one['since']} to {one['until']}"


def _ago(day: str, now: Line) -> str:
    days = (_day(now["as_of"]) - _day(day)).days
    return f" ({number_of(days, 'day')} ago)" if days >= 0 else ""


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])
