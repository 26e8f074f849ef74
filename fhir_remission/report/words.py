"""What a value, an event or an answer is called on a page."""

from __future__ import annotations

from fhir_remission.domain.answer.layout import LONGEST, printable
from fhir_remission.domain.answer.wording import interval_text
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result
from fhir_remission.domain.nouns.verdicts import day_told
from fhir_remission.domain.tables.analytes import ANALYTES
from fhir_remission.report.entries import Entry


def kind_of(item: Result | Event) -> str:
    """What was measured or done."""
    if isinstance(item, Event):
        detail = f", {item.detail.replace('-', ' ')}" if item.detail else ""
        return item.kind.replace("-", " ") + detail
    name = ANALYTES.get(item.analyte, item.analyte.replace("-", " "))
    if item.analyte != "mrd":
        return name
    told = (item.marker, item.method, f"in {item.specimen}" if item.specimen else "")
    return " ".join(("MRD", *(word for word in told if word)))


def legible(text: str) -> str:
    """The text as it can be read: most texts as they are."""
    return text if text.isprintable() and len(text) <= LONGEST else printable(text)


def sent(item: Result | Event) -> str:
    """The value as it was sent."""
    return legible(item.original) or "nothing"


def converted(entry: Entry) -> str:
    """The value as it is judged: in the unit of the criteria, or why it cannot be."""
    item, value = entry.item, entry.value
    if isinstance(item, Event):
        return "" if item.certainty == "confirmed" else item.certainty
    if isinstance(value, Finding):
        return value.answer
    if not isinstance(value, Interval):
        return "cannot be used"
    told = f"{interval_text(value)} {item.unit}".strip()
    cause = entry.counted.cause if entry.counted else None
    if cause is None:
        return told
    given = f" of {day_told(cause)}" if cause.when is not None else ", of no date"
    return f"{told}, an upper bound: the {kind_of(cause)}{given} may have raised it"


def moment(item: Result | Event) -> str:
    """When, as it was sent."""
    if item.when is None:
        return "no date"
    ended = item.ended if isinstance(item, Event) else None
    text = item.when.text if ended is None else f"{item.when.text} to {ended.text}"
    return legible(text.replace("T", " "))


def source(item: Result | Event) -> str:
    """Which version of which resource, and under which code."""
    version = f" version {item.source.version}" if item.source.version else ""
    code = f" by {item.source.code}" if item.source.code else ""
    return legible(f"{item.source.ref}{version}{code}")


def told(entry: Entry) -> str:
    """All of one value in one line: what a pointer, a focus and a screen reader are told."""
    item = entry.item
    as_sent, as_judged = sent(item), converted(entry)
    same = as_judged in ("", as_sent)
    assay = ""
    if isinstance(item, Result) and item.analyte == "mrd":
        assay = f", sensitivity {item.sensitivity or 'not said'}"
    parts = [
        f"{kind_of(item)} {as_sent}{'' if same else f' = {as_judged}'}{assay}",
        moment(item),
        source(item),
    ]
    if entry.number:
        parts.append(f"evidence e{entry.number}")
    if entry.cites:
        parts.append(f"evidence {', '.join(f'e{one}' for one in entry.cites)}")
    if entry.decided:
        parts.append("of the draw that decided")
    if entry.hollow:
        parts.append(f"does not count: {entry.hollow}")
    return "; ".join(legible(part) for part in parts)
