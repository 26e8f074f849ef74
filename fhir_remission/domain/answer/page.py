"""One patient's answer as a page: where the course stands, how it got there, and the proof.

Nothing here decides anything: thresholds, rules and sentences come from the criteria set and from
the assessments.
"""

from __future__ import annotations

from datetime import date
from operator import attrgetter

from fhir_remission.domain.answer.follow_up import kinetics
from fhir_remission.domain.answer.layout import fitted
from fhir_remission.domain.answer.page_head import answer_rows
from fhir_remission.domain.answer.page_parts import Page
from fhir_remission.domain.answer.proof import asked_by
from fhir_remission.domain.answer.timeline import anchor_days, answers, timeline
from fhir_remission.domain.answer.timetable import drawn
from fhir_remission.domain.answer.wording import capped_by, interval_text, why_of
from fhir_remission.domain.evaluation.trace import JOINED
from fhir_remission.domain.nouns.assessment import Assessment, Verdict
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result, Unreadable
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import order_of
from fhir_remission.domain.tables.analytes import ANALYTES

MARKS = {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.UNKNOWN: "?", Verdict.ASSUMED: "~"}
LEGEND = "✓ met  ✗ not met  ? not known  ~ assumed"
TRUST = "  Sources: V read in the paper, V2 in a copy, R recalled, S transcribed, ours decided here"
_SAYS = {True: "agrees", False: "DISAGREES", None: "cannot be compared"}

# So many results left out for one reason are named each; of more the first and the last.
_NAMED = 3


def explain(page: Page) -> list[str]:
    """The lines of one patient and one criteria set."""
    sections = (
        _head(page),
        _course(page),
        kinetics(page),
        _criteria(page),
        _evidence(page),
        _claims(page),
        _skipped(page),
        _foot(page),
    )
    lines: list[str] = []
    for section in sections:
        lines += [*([""] if lines and section else []), *section]
    return lines


def _head(page: Page) -> list[str]:
    now, about = page.now, page.facts.criteria.about
    lines = [
        *page.wrap(now.patient),
        *page.wrap(
            f"{about.title} ({now.criteria_id}, version {now.criteria_version}), "
            f"as of {now.clock.as_of[:10]}"
        ),
        "",
        *page.wrap(now.summary),
        *page.wrap(now.next_better),
        "",
    ]
    return [*lines, *page.table(answer_rows(page))]


def _course(page: Page) -> list[str]:
    notes: dict[date, list[str]] = {}
    for day, said in _draw_notes(page).items():
        notes.setdefault(day, []).extend(said)
    for day, found in answers(page.facts, page.history).items():
        notes.setdefault(day, []).extend(_answered(page, one) for one in found)
    rows = timeline(page.facts, notes)
    return ["COURSE", *drawn(rows, page.facts.criteria, page.width)] if rows else []


def _answered(page: Page, one: Assessment) -> str:
    state = page.words.categories.display("state", one.state).lower()
    since = f" since {one.state_since}" if one.state_since else ""
    # Beside a marrow of its own day: that therapy has begun since says nothing of that marrow.
    reason = "before-therapy" if one.reason == "therapy-after-marrow" else one.reason
    told = why_of(page.facts, one, reason) or capped_by(page.facts, one)
    why = f", {told}" if told else ""
    doubt = ", provisional" if one.provisional else ""
    own = f" ({one.latest.category} by itself)" if one.latest is not None else ""
    return f"=> {one.code}{own}{why}{doubt}; {state}{since}"


def _draw_notes(page: Page) -> dict[date, list[str]]:
    """Which draw was read with which marrow, and why the others were not."""
    days = anchor_days(page.facts)
    drawn_on = {(one.effective, ref): one.day for one in page.facts.draws for ref in one.refs}
    loose = {one.source.ref for one in page.facts.loose}
    found: dict[date, list[str]] = {}
    for one in page.history:
        marrow = next((days[ref] for ref in one.anchor.observations if ref in days), None)
        moved = one.anchor.effective if loose.issuperset(one.anchor.observations) else None
        for note in one.draws:
            held = ((note.effective, ref) for ref in note.sources)
            day = next((drawn_on[key] for key in held if key in drawn_on), None)
            if day is None or (note.chosen and day == marrow):
                continue
            joined = JOINED in note.reason
            named = marrow if moved is None else moved
            verb = "chosen" if note.chosen else "joined" if joined else "not chosen"
            found.setdefault(day, []).append(f"{verb} for the marrow of {named}: {note.reason}")
    return found


def _criteria(page: Page) -> list[str]:
    now = page.now
    if not now.criteria_results:
        return []
    cited = dict.fromkeys(one.source for one in now.criteria_results)
    sources = {source: place for place, source in enumerate(cited, start=1)}
    places = {item: place for place, told in enumerate(_cited(now), start=1) for item in told}
    rows = [
        (
            MARKS[one.verdict],
            one.criterion,
            one.rule,
            " ".join(f"e{place}" for place in sorted({places[item] for item in one.evidence})),
            f"[{sources[one.source]}]",
        )
        for one in now.criteria_results
    ]
    criteria = page.facts.criteria
    asked = asked_by(criteria, now.category)
    beside = {one.id for one in criteria.criterion} - asked if asked else set()
    table = fitted(rows, indent=2, width=page.width)
    own = [line for name, lines in table if name not in beside for line in lines]
    other = [line for name, lines in table if name in beside for line in lines]
    told = [
        line
        for source, number in sources.items()
        for line in page.wrap(source, first=f"  [{number}] ")
    ]
    head = ["ALSO LOOKED AT: what only other categories ask"] if other else []
    title = f"{'CRITERIA OF' if asked else 'WHAT DECIDED'} {now.category}: {LEGEND}"
    return [
        *([title] if len(title) <= page.width else page.wrap(title)),
        *own,
        *head,
        *other,
        *told,
        *page.wrap(TRUST.strip(), first="  "),
    ]


def _cited(now: Assessment) -> list[list[Result | Event]]:
    """All evidence of the answer in order of time; doses of one therapy stand together."""
    told: list[list[Result | Event]] = []
    citing: dict[Result | Event, set[str]] = {}
    for one in now.criteria_results:
        for item in one.evidence:
            citing.setdefault(item, set()).add(one.criterion)
    for item in sorted(citing, key=order_of):
        before = told[-1][-1] if told else None
        alike = isinstance(item, Event) and before is not None and _said(before) == _said(item)
        if before is not None and alike and citing[before] == citing[item]:
            told[-1].append(item)
        else:
            told.append([item])
    return told


def _evidence(page: Page) -> list[str]:
    cited = _cited(page.now)
    if not cited:
        return []
    lines = page.wrap(
        "EVIDENCE: value as sent, as converted where that differs, and the version read"
    )
    for place, items in enumerate(cited, start=1):
        many = f", {len(items)} times to {_moment(items[-1])}" if len(items) > 1 else ""
        said = f"{_moment(items[0])} {_said(items[0])}{many}"
        lines += page.wrap(said, first=f"  e{place:<3} ", rest=" " * 9)
        lines += [line for item in items for line in page.wrap(_source(item), first=" " * 9)]
    return lines


def _moment(item: Result | Event) -> str:
    return item.when.text if item.when is not None else "no date:"


def _source(item: Result | Event) -> str:
    version = f" version {item.source.version}" if item.source.version else ""
    code = f" by {item.source.code}" if item.source.code else ""
    return f"[{item.source.ref}{version}{code}]"


def _said(item: Result | Event) -> str:
    if isinstance(item, Event):
        parts = (item.kind.replace("-", " "), item.detail, item.original)
        doubt = "" if item.certainty == "confirmed" else f" ({item.certainty})"
        return ", ".join(part for part in parts if part) + doubt
    name = ANALYTES.get(item.analyte, item.analyte.replace("-", " "))
    sent = item.original or "nothing"
    standing = "" if item.standing == "usable" else f" ({item.standing})"
    return f"{name} {sent}{_converted(item, sent)}{standing}"


def _converted(item: Result, sent: str) -> str:
    value = item.value
    if isinstance(value, Unreadable):
        return f", cannot be used: {value.reason}"
    if isinstance(value, Finding):
        return "" if value.answer == sent.casefold() else f" = {value.answer}"
    text = f"{interval_text(value)} {item.unit}".strip()
    return "" if isinstance(value, Interval) and text == sent else f" = {text}"


def _claims(page: Page) -> list[str]:
    now = page.now
    if not now.claims:
        return []
    rows = [(_SAYS[one.agrees], one.text, f"[{one.source.ref}]") for one in now.claims]
    head = "CLAIMS in the record: shown beside the answer, never used for it"
    return [*page.wrap(head), *page.table(rows, indent=2)]


def _skipped(page: Page) -> list[str]:
    rows: list[tuple[str, str]] = []
    for reason, alike in grouped(page.now.skipped, attrgetter("reason")).items():
        sources = [one.source for one in alike]
        if len(sources) > _NAMED:
            rows.append((sources[0], f"{reason}; {len(sources)} times, to {sources[-1]}"))
        else:
            rows += [(source, reason) for source in sources]
    return ["LEFT OUT, with the reason", *page.table(rows, indent=2)] if rows else []


def _foot(page: Page) -> list[str]:
    open_ones = {one.name for one in page.facts.criteria.policy if len(one.choices) > 1}
    chosen = [f"{name} = {value}" for name, value in page.now.policies if name in open_ones]
    signed = f"{page.signature}. Computed, not signed: decision support for a clinician."
    return [*page.wrap("; ".join(chosen), first="Policies: "), *page.wrap(signed)]
