"""The tracks of the picture: which values lie in which, on what scale, against which lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import Threshold
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result
from fhir_remission.report.axis import Axis
from fhir_remission.report.entries import Entry
from fhir_remission.report.mark import Mark, Shape, arrow, bar, labelled, n, outline, span
from fhir_remission.report.scale import Scale, decades
from fhir_remission.report.words import told

SHAPES: dict[str, Shape] = {
    "blasts-marrow": "circle",
    "blasts-blood": "triangle",
    "anc": "square",
    "platelets": "diamond",
    "mrd": "flask",
}
# Lanes of what was done: the kinds of `mappings/events.tsv`, their name and their shape.
LANES: tuple[tuple[str, tuple[str, ...], Shape], ...] = (
    ("diagnosis", ("aml-diagnosis", "apl-diagnosis", "other-leukaemia"), "cross"),
    ("therapy", ("therapy-start", "differentiating-drug", "conditioning"), "square"),
    ("transplant", ("transplant", "donor-lymphocytes"), "diamond"),
    ("red cells", ("rbc-transfusion", "transfusion-unspecified"), "drop"),
    ("platelets given", ("platelet-transfusion",), "drop"),
    ("growth factor", ("gcsf", "gcsf-pegylated"), "triangle"),
)
LESIONS = ("extramedullary", "extramedullary-disease", "cns-blasts")
LANE, GAP = 20.0, 30.0
_HEIGHT = {"blasts": 130.0, "count": 96.0, "mrd": 90.0}


class Rule(Struct, frozen=True):
    """A line across a track: a threshold, with what it is called."""

    y: float
    label: str
    shown: str = ""  # beside the line, where that is less than its label


class Track(Struct, frozen=True):
    """One row of the picture."""

    name: str
    about: tuple[str, ...]
    """Its unit, and what else tells it from its like, a line each."""
    top: float
    bottom: float
    marks: tuple[Mark, ...]
    rules: tuple[Rule, ...] = ()
    ticks: tuple[Rule, ...] = ()
    line: str = ""
    """The course of the values that count, as points of a line."""


def blasts_track(entries: Sequence[Entry], criteria: CriteriaSet, axis: Axis, top: float) -> Track:
    """Marrow and blood blasts: a root scale, so that 5 % and 60 % are both to be read."""
    own = _results(entries, ("blasts-marrow", "blasts-blood"))
    scale = Scale("root", 0, 100, top, top + _HEIGHT["blasts"])
    rules = [_rule(scale, one) for one in _thresholds(criteria, ("blasts-marrow",))]
    ticks = [Rule(scale.at(tick), str(tick)) for tick in (0, 20, 50, 100)]
    marrow = [one for one in own if one.item.analyte == "blasts-marrow"]  # type: ignore[union-attr]
    return Track(
        "Blasts",
        ("%",),
        scale.top,
        scale.bottom,
        _marks(own, scale, axis),
        _once(rules),
        tuple(ticks),
        _line(marrow, scale, axis),
    )


def count_track(
    entries: Sequence[Entry], analyte: str, name: str, criteria: CriteriaSet, axis: Axis, top: float
) -> Track:
    """A count on a logarithmic scale, with the thresholds of the criteria."""
    own = _results(entries, (analyte,))
    limits = _thresholds(criteria, (analyte,))
    numbers = [*_numbers(own), *(one.value for one in limits)]
    low, high = decades(float(min(numbers)), float(max(numbers)) * 1.2)
    floor = 0.01 if analyte == "anc" else 1.0
    scale = Scale("log", max(low, floor), high, top, top + _HEIGHT["count"])
    return Track(
        name,
        (limits[0].unit if limits else "10*9/L",),
        scale.top,
        scale.bottom,
        _marks(own, scale, axis),
        _once(_rule(scale, one) for one in limits),
        _decade_ticks(scale),
        _line(own, scale, axis),
    )


def mrd_tracks(
    entries: Sequence[Entry], criteria: CriteriaSet, axis: Axis, top: float
) -> list[Track]:
    """A track for each marker and assay, on a logarithmic scale with its threshold."""
    kinds: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in _results(entries, ("mrd",)):
        item = entry.item
        if isinstance(item, Result):
            kinds.setdefault((item.marker, item.method, item.unit or ""), []).append(entry)
    found: list[Track] = []
    for (marker, method, unit), own in sorted(_joined(kinds).items()):
        numbers = [float(one) for one in _numbers(own)] or [0.01, 1.0]
        cutoffs = [c for c in criteria.mrd.cutoffs if c.method == method and c.unit == unit]
        limits = [float(one.positive_from) for one in cutoffs]
        low, high = decades(min(*numbers, *limits, 0.01), max(*numbers, *limits, 1.0) * 1.2)
        scale = Scale("log", max(low, 1e-6), high, top, top + _HEIGHT["mrd"])
        rules = [
            Rule(scale.at(cut), f"positive from {n_value(cut)}", f"\u2265 {n_value(cut)}")
            for cut in dict.fromkeys(one.positive_from for one in cutoffs)
        ]
        about = tuple(word for word in (marker, method, unit) if word)
        marks = _marks(own, scale, axis)
        ticks = _decade_ticks(scale) if _numbers(own) else _answer_ticks(scale)
        line = _line(own, scale, axis)
        found.append(Track("MRD", about, scale.top, scale.bottom, marks, tuple(rules), ticks, line))
        top = scale.bottom + GAP
    return found


def lane_tracks(entries: Sequence[Entry], axis: Axis, top: float) -> list[Track]:
    """What was done, a lane for each kind of thing, and lesions below."""
    found: list[Track] = []
    for name, kinds, shape in (*LANES, ("lesions", LESIONS, "circle")):
        own = [one for one in entries if _kind(one) in kinds and one.day is not None]
        if own:
            marks = labelled([_lane_mark(one, shape, axis, top) for one in own])
            found.append(Track(name, (), top, top + LANE, marks))
            top += LANE + 4
    return found


def n_value(value: Decimal | float) -> str:
    """A threshold as a person writes it."""
    return f"{Decimal(str(value)).normalize():f}"


def _joined(
    kinds: dict[tuple[str, str, str], list[Entry]],
) -> dict[tuple[str, str, str], list[Entry]]:
    """Answers in words lie with the numbers of the same marker and assay, where there are some."""
    joined: dict[tuple[str, str, str], list[Entry]] = {}
    for (marker, method, unit), own in kinds.items():
        units = [u for m, a, u in kinds if (m, a) == (marker, method) and u]
        key = (marker, method, unit or (units[0] if units else ""))
        joined.setdefault(key, []).extend(own)
    return joined


def _kind(entry: Entry) -> str:
    return entry.item.kind if isinstance(entry.item, Event) else entry.item.analyte


def _results(entries: Sequence[Entry], analytes: Sequence[str]) -> list[Entry]:
    return [one for one in entries if isinstance(one.item, Result) and one.item.analyte in analytes]


def _numbers(entries: Iterable[Entry]) -> list[Decimal]:
    """Ends of values that a logarithm can show."""
    found = []
    for one in entries:
        if isinstance(value := one.value, Interval):
            found += [end for end in (value.low, value.high) if end is not None and end > 0]
    return found


def _thresholds(criteria: CriteriaSet, analytes: Sequence[str]) -> list[Threshold]:
    return [
        one for one in criteria.criterion if isinstance(one, Threshold) and one.analyte in analytes
    ]


def _rule(scale: Scale, one: Threshold) -> Rule:
    """Of a count the unit stands beside the track: "1 10*9/L" reads like another number."""
    number = n_value(one.value)
    return Rule(scale.at(one.value), f"{number} {one.unit}", "" if one.unit == "%" else number)


def _once(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(dict.fromkeys(rules))


def _decade_ticks(scale: Scale) -> tuple[Rule, ...]:
    found, value = [], scale.low
    while value <= scale.high * 1.001:
        found.append(Rule(scale.at(value), f"{value:g}"))
        value *= 10
    return tuple(found)


def _answer_ticks(scale: Scale) -> tuple[Rule, ...]:
    return tuple(Rule(scale.of_answer(one), one) for one in ("negative", "positive"))


def _marks(entries: Sequence[Entry], scale: Scale, axis: Axis) -> tuple[Mark, ...]:
    return labelled([_mark(one, scale, axis) for one in entries if one.day is not None])


def _mark(entry: Entry, scale: Scale, axis: Axis) -> Mark:
    value = entry.value
    shape: Shape = SHAPES.get(_kind(entry), "circle")
    x = _middle(entry, axis)
    low = high = ""
    if isinstance(value, Interval):
        low = f"{value.low:f}"
        high = "" if value.high is None else f"{value.high:f}"
        path, y = _interval(value, scale, x, shape)
    elif isinstance(value, Finding):
        y = scale.of_answer(value.answer)
        low = high = value.answer
        path = outline(shape, x, y)
    else:
        shape, y = "query", scale.bottom - 8
        path = outline(shape, x, y)
    return _told(entry, path, x, y, shape, low=low, high=high)


def _interval(value: Interval, scale: Scale, x: float, shape: Shape) -> tuple[str, float]:
    """A point where the value is one, else a bar over all it may be; a head where it goes on."""
    if value.low == value.high:
        y = scale.at(value.low)
        head = arrow(x, y + 6, "down") if scale.below(value.low) else ""
        return outline(shape, x, y) + head, y
    bottom = scale.at(value.low)
    top = scale.top if value.high is None else scale.at(value.high)
    up = arrow(x, top, "up") if value.high is None or scale.above(value.high) else ""
    return bar(x, top, bottom, shape) + up, top


def _lane_mark(entry: Entry, shape: Shape, axis: Axis, top: float) -> Mark:
    item = entry.item
    middle = top + LANE / 2
    ended = item.ended if isinstance(item, Event) else None
    when = item.when
    if when is not None and (ended is not None or when.last_day > when.first_day):
        last = ended.last_day if ended is not None else when.last_day
        left, right = axis.start(when.first_day), axis.end(last)
        return _told(entry, span(left, right, middle - 5, 10), left, middle, "span")
    x = _middle(entry, axis)
    answer = ""
    if isinstance(item, Result):
        answer = item.value.answer if isinstance(item.value, Finding) else ""
        shape = "cross" if answer == "negative" else "circle"
    return _told(entry, outline(shape, x, middle), x, middle, shape, low=answer, high=answer)


def _middle(entry: Entry, axis: Axis) -> float:
    when = entry.item.when
    if when is None:
        return 0
    return round((axis.start(when.first_day) + axis.end(when.last_day)) / 2, 1)


def _told(
    entry: Entry, path: str, x: float, y: float, shape: str, *, low: str = "", high: str = ""
) -> Mark:
    return Mark(
        entry.id,
        path,
        told(entry),
        hollow=bool(entry.hollow),
        decided=entry.decided,
        number=entry.number or min(entry.cites, default=0),
        x=x,
        y=round(y, 1),
        low=low,
        high=high,
        shape=shape,
    )


def _line(entries: Sequence[Entry], scale: Scale, axis: Axis) -> str:
    """The values that count, joined; a silence on the axis is not bridged."""
    found: list[str] = []
    before: float | None = None
    for one in entries:
        value = one.value
        if one.hollow or one.day is None or not isinstance(value, Interval):
            continue
        if value.low != value.high:
            continue
        x = _middle(one, axis)
        broken = before is None or any(before < cut.right <= x for cut in axis.breaks)
        found.append(f"{'M' if broken else 'L'}{n(x)} {n(scale.at(value.low))}")
        before = x
    return "".join(found)
