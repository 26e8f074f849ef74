"""The nouns of one patient's record, as the criteria see it: no FHIR, no files, no clock.

A record is made of results (a value of one analyte at one time), events (a diagnosis, a
transfusion, a start of therapy), claims (what somebody says about remission; never evidence) and
skipped resources (read, understood, left out, with the reason). Values are intervals: what a
laboratory reported as `<5` stays `[0, 5)` and is never turned into a number.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

Standing = Literal["usable", "preliminary"]
Certainty = Literal["confirmed", "unconfirmed"]
Word = Literal["", "positive", "abnormal", "negative", "unclear"]


class Interval(Struct, frozen=True):
    """What a reported value proves: low <= value <= high, ends excluded where `open`.

    `high is None` means no upper end was reported (`>500`). Unit: that of the analyte's row in
    `mappings/analytes.tsv` (10*9/L, %, {#} ...), after exact conversion.
    """

    low: Decimal
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False


class Unreadable(Struct, frozen=True):
    """Something was reported, and it cannot be used: never zero, never absent, never assumed."""

    raw: str
    reason: str


class Finding(Struct, frozen=True):
    """A qualitative answer (`values.tsv`): absent or present, MRD negative or positive."""

    answer: Literal["negative", "low-level", "positive", "indeterminate"]


Value = Interval | Unreadable | Finding


class When(Struct, frozen=True):
    """An effective time as an interval of instants and of calendar days in the site's zone.

    A date without a time is its whole day, a year its whole year. `text` is what was sent.
    """

    start: datetime
    end: datetime
    first_day: date
    last_day: date
    text: str


class Source(Struct, frozen=True):
    """Which version of which resource said it, and under which code."""

    ref: str
    """`Observation/o1`, or `cohort.csv:12` for a row of the cohort list."""
    version: str
    system: str
    """Empty where no code says what it is: words alone, or what names it and is not at hand."""
    code: str


UNREAD = "unread"
"""How a method or a marker is called that is said and not understood, or said twice differently."""


class Result(Struct, frozen=True):
    """One value of one analyte: what a criterion can be judged by."""

    analyte: str
    """A row of `mappings/analytes.tsv`, such as `anc`, `platelets`, `blasts-marrow`, `mrd`."""
    value: Value
    when: When
    source: Source
    original: str
    """Value and unit as sent, for a person to read: `1200 /uL`, `<5 %`."""
    unit: str = ""
    """Canonical unit of `value`; empty for findings."""
    step: Decimal = Decimal(0)
    """One step of the last place of a number as sent (1.0: 0.1), in that unit (model 1.7)."""
    standing: Standing = "usable"
    """`preliminary` supports nothing positive but can block (model 1.4)."""
    method: str = ""
    """morphology, flow, manual, automated, qpcr, ngs ... ; empty: not said."""
    specimen: Literal["", "blood", "marrow"] = ""
    draw_keys: tuple[str, ...] = ()
    """Specimen and accession names that put results into one draw (model 2.1)."""
    marker: str = ""
    """MRD marker (`NPM1`, `RUNX1::RUNX1T1`, ...); empty: not said."""
    sensitivity: str = ""
    """MRD assay sensitivity as sent; empty: not said (a flag, model 5.2)."""
    limit: Decimal | None = None
    """The same as the least share of cells that is found, in %; none where it cannot be read."""
    word: Word = ""
    """What the laboratory calls an MRD result beside its value (`interpretation`)."""
    biopsy: bool = False
    """Whether it was counted in a trephine biopsy; else it is of the aspirate (model 2.8)."""
    flags: tuple[str, ...] = ()
    """Rows of `mappings/vocabulary/flags.tsv` that reading this result gave cause for."""


class Event(Struct, frozen=True):
    """Something that happened to the patient: a diagnosis, a transfusion, a start of therapy."""

    kind: str
    """A kind of `mappings/events.tsv`: aml-diagnosis, apl-diagnosis, other-leukaemia,
    extramedullary, therapy-start, rbc-transfusion, platelet-transfusion, gcsf, gcsf-pegylated,
    differentiating-drug, transplant ..."""
    when: When | None
    """None: it is known that, but not when."""
    source: Source
    certainty: Certainty = "confirmed"
    detail: str = ""
    """For a start of therapy its intensity: intensive, less-intensive, or empty for unknown."""
    ended: When | None = None
    """Abatement or resolution, where the record has it."""
    original: str = ""


class Claim(Struct, frozen=True):
    """What somebody wrote about remission or relapse: shown beside the answer, never evidence."""

    source: Source
    text: str
    says: Literal["remission", "relapse", "active"]
    when: When | None = None
    onset: date | None = None
    """Before this day it was not true, where nobody says when it was said."""


class Skipped(Struct, frozen=True):
    """A resource with a mapped or look-alike code that was left out, and why."""

    source: str
    reason: str


class PatientRecord(Struct, frozen=True):
    """All that is known of one patient, and how completely it was read."""

    patient: str
    """`Patient/p1`."""
    results: tuple[Result, ...] = ()
    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unplaced: tuple[Skipped, ...] = ()
    """What may be disease or a start of therapy and cannot be placed: its patient, status, time,
    code or specimen cannot be read. It may lie anywhere, so no answer stands against it."""
    floating: tuple[Event, ...] = ()
    """Starts of therapy, grafts and donor lymphocytes without a time, or that may not have been."""
    undated: tuple[Result, ...] = ()
    """Counts without a place in time; one that is not at every threshold may be any day's.
    MRD, too: any but a negative leaves it unknown in every remission."""
    complete: frozenset[str] = frozenset()
    """Resource types read to the end. A type neither here nor in `failed` was never asked for."""
    failed: frozenset[str] = frozenset()
    """Resource types whose reading failed: nothing may be assumed from their silence."""
    without: frozenset[str] = frozenset()
    """Resource types that the site says are never to be had."""
    attested: frozenset[str] = frozenset()
    """Event kinds the site attests to record always (`[evidence] absence_proves`)."""
    doubts: tuple[str, ...] = ()
    """What had to be assumed about the reading itself, such as `archive-complete` where damage
    could not be attributed: material assumptions of every answer."""
    born: date | None = None
    died: bool = False
    died_on: str = ""
    """When, as far as somebody wrote it down."""
    flags: tuple[str, ...] = ()
    unmapped: tuple[tuple[str, int], ...] = ()
    """`system|code` of what no table knows, with how often it came."""
    resembling: tuple[tuple[str, int], ...] = ()
    """The same of what reads like an input: a code that somebody should map."""


class CohortRow(Struct, frozen=True):
    """One line of the site's cohort list: what the site itself states of a patient."""

    patient: str
    """`Patient/p1`."""
    place: str
    """`cohort.csv:12`: the source of the events made from it."""
    diagnosed_on: date | None = None
    therapy_started_on: date | None = None
    intensity: str = ""
    """intensive, less-intensive, or empty for unknown."""
