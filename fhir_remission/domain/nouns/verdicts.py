"""Small nouns of judging: a quantity with its proof, a sign of disease, a judgement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assumption, Verdict
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.nouns.intervals import Answer, Reading

Proof = tuple[Result | Event, ...]
SignState = Literal["absent", "present", "unknown", "silent", "automated"]


class Quantity(Struct, frozen=True):
    """What one analyte says at one moment, and which results say so."""

    reading: Reading = None
    proof: Proof = ()
    derived: bool = False
    """Computed from other results of the same draw."""
    joined: bool = False
    """Taken from the nearest draw because its own has none."""
    bounded: bool = False
    """Widened because treatment may have raised it."""
    assumes: Assumption | None = None
    """What must be assumed before a fall below a threshold counts."""


class SignReading(Struct, frozen=True):
    """How a sign of leukaemia stands: silent means never reported."""

    state: SignState
    proof: Proof = ()
    open: bool = False
    """Present by an earlier sample only: a sample of this draw could still clear it."""


class Judgement(Struct, frozen=True):
    """One criterion at one marrow and one draw."""

    verdict: Verdict
    proof: Proof = ()
    assumption: Assumption | None = None
    open: bool = False
    flag: str = ""


SILENT = SignReading("silent")
NOTHING = Quantity()


YES, NO = True, False
_UNDATED = datetime.min.replace(tzinfo=UTC)
_DAY = len("YYYY-MM-DD")
_NIGHT = timedelta(days=1)


_VERDICTS = {True: Verdict.MET, False: Verdict.NOT_MET, None: Verdict.UNKNOWN}


def judged(answer: Answer, proof: Proof = ()) -> Judgement:
    """A three-valued answer as a judgement."""
    return Judgement(_VERDICTS[answer], proof)


def day_of(one: Result | Event) -> date:
    """The first day it can be of; an undated event is as early as can be."""
    return one.when.first_day if one.when is not None else date.min


def has_a_start(one: Result | Event) -> bool:
    """Whether a period told by its days is how long it lasted: that of a lesion is its onset's."""
    return isinstance(one, Event) and one.kind != "extramedullary"


def is_of_no_day(one: Result | Event) -> bool:
    """Whether its day is not told: a month, a year, or a result of a period of days.

    What was placed keeps the words it came in.
    """
    if one.when is None:
        return True
    first, _, last = [part.strip() for part in one.when.text.partition("/")]
    if not first or (len(first) >= _DAY and (not last or has_a_start(one))):
        return False
    if not last or min(len(first), len(last)) < _DAY:
        return True
    # Two days told as such are no single one; two hours may lie on either side of a midnight.
    most = _NIGHT if len(first) > _DAY else timedelta()
    return date.fromisoformat(last[:_DAY]) - date.fromisoformat(first[:_DAY]) > most


def day_told(one: Result | Event) -> str:
    """Its day, in the words that were sent where they name none; never one that was made up."""
    if one.when is None:
        return ""
    return one.when.text if is_of_no_day(one) else str(one.when.first_day)


def has_a_day(many: Iterable[Result | Event]) -> bool:
    """Whether the day of something is known by one of these."""
    return not all(map(is_of_no_day, many))


def order_of(one: Result | Event) -> tuple[datetime | str, ...]:
    """The one order of everything: by time, then by source, then by what it says."""
    when, source = one.when, one.source
    start, end = (_UNDATED, _UNDATED) if when is None else (when.start, when.end)
    kind = one.analyte if isinstance(one, Result) else one.kind
    return (start, end, source.ref, source.version, source.code, kind, one.original)


RESULT_ORDER = attrgetter(
    "when.start", "when.end", "source.ref", "source.version", "source.code", "analyte", "original"
)
"""The same of results alone."""


def in_order(proof: Iterable[Result | Event]) -> Proof:
    """Each piece once, in order of time: one that was read in several ways is one."""
    found = {order_of(one): one for one in proof}
    return tuple([found[key] for key in sorted(found)])
