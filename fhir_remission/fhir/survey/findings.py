"""What a terminologist should look at before trusting a site's codes, counted and with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import PatientRecord, Unreadable
from fhir_remission.domain.tables.check_digits import mistyped
from fhir_remission.domain.tables.displays import (
    SUBJECT,
    Lexicon,
    Meanings,
    contradiction,
    of_display,
    of_measurement,
)
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.survey.sightings import Sighting

_ANSWERS = {"zero": "negative", "some": "positive"}
_MEASURED = ("Observation", "Observation.component")
Seen = Mapping[Sighting, int]


class Finding(Struct, frozen=True):
    """One code that deserves a look."""

    place: str
    system: str
    code: str
    display: str
    count: int
    reason: str = ""


class Refusal(Struct, frozen=True):
    """Values of one code that could not be used, for one reason."""

    analyte: str
    system: str
    code: str
    reason: str
    count: int


class Findings(Struct, frozen=True):
    """All findings of one input; every list is sorted, the most frequent first."""

    resources: int
    patients: int
    resembling: tuple[Finding, ...]
    """Unmapped codes whose display reads like something we judge."""
    unmapped: tuple[Finding, ...]
    """All other codes that no table knows."""
    lookalikes: tuple[Finding, ...]
    displays: tuple[Finding, ...]
    check_digits: tuple[Finding, ...]
    answers: tuple[Finding, ...]
    """Coded answers of known codes that no table knows."""
    units: tuple[Refusal, ...]
    values: tuple[Refusal, ...]
    """Values refused for another reason than their unit."""

    @property
    def alarming(self) -> bool:
        """Whether anything was found that may cost or falsify a result."""
        found = (self.resembling, self.displays, self.check_digits, self.answers, self.units)
        return any(found)


def findings_of(
    seen: Seen,
    records: Sequence[PatientRecord],
    mappings: Mappings,
    lexicon: Lexicon,
    *,
    resources: int,
) -> Findings:
    """Sort what was seen by what is odd about it."""
    judge = _Judge(mappings, lexicon, _judged_subjects(mappings, lexicon))
    unmapped = _listed(seen, judge.unmapped)
    units, values = _refusals(records)
    return Findings(
        resources=resources,
        patients=len(records),
        resembling=tuple(one for one in unmapped if one.reason),
        unmapped=tuple(one for one in unmapped if not one.reason),
        lookalikes=_listed(seen, judge.lookalike),
        displays=_listed(seen, judge.display),
        check_digits=_listed(seen, lambda one: mistyped(one.system, one.code) or None),
        answers=_listed(seen, judge.answer),
        units=units,
        values=values,
    )


class _Judge(Struct, frozen=True):
    """One code at a time against the tables; None where there is nothing to say."""

    mappings: Mappings
    lexicon: Lexicon
    subjects: frozenset[str]

    def unmapped(self, one: Sighting) -> str | None:
        """What an unknown code reads like; empty where it reads like nothing we judge."""
        if one.place == "Observation.value" or self._known(one):
            return None
        named = self.lexicon.meanings(one.display)
        like = [name for name in named.get(SUBJECT, ()) if name in self.subjects]
        like += [f"{name} disease" for name in named.get("disease", ()) if one.place == "Condition"]
        return f"reads like {', '.join(like)}" if like else ""

    def _known(self, one: Sighting) -> bool:
        pair, terms = (one.system, one.code), self.mappings.terms
        if one.place == "Specimen.type":
            return bool(terms.coded_term("specimen", *pair))
        if one.place == "Observation.method":
            return bool(terms.coded_term("method", *pair))
        codes = self.mappings.codes
        return pair in codes.rows or pair in codes.lookalikes or pair in self.mappings.events.rows

    def lookalike(self, one: Sighting) -> str | None:
        """Why a look-alike is not read; one that is an event where it stands is none."""
        pair = (one.system, one.code)
        alike = self.mappings.codes.lookalikes.get(pair)
        if alike is None or one.place == "Observation.value" or pair in self.mappings.events.rows:
            return None
        return alike.reason

    def display(self, one: Sighting) -> str | None:
        """What a display says against its code."""
        if not one.display:
            return None
        return contradiction(one.display, self._meant(one), self.lexicon) or None

    def answer(self, one: Sighting) -> str | None:
        """What an answer was given for that no table knows."""
        if one.place != "Observation.value":
            return None
        analyte = self.mappings.analytes[one.analyte]
        known = self.mappings.values.coded_answer(one.system, one.code, analyte)
        return None if known else f"answer for {one.analyte}"

    def _meant(self, one: Sighting) -> Meanings:
        pair, codes = (one.system, one.code), self.mappings.codes
        if one.place == "Observation.value":
            return self._meant_answer(one)
        row = codes.rows.get(pair)
        if row is not None and one.place in _MEASURED:
            return of_measurement(row, self.mappings.analytes[row.analyte], self.lexicon)
        rows = self.mappings.events.rows.get(pair)
        if rows is not None:
            meant = of_display(rows[0].display, self.lexicon)
            return {axis: said for axis, said in meant.items() if axis != "specimen"}
        alike = codes.lookalikes.get(pair)
        return of_display(alike.display, self.lexicon) if alike is not None else {}

    def _meant_answer(self, one: Sighting) -> Meanings:
        analyte = self.mappings.analytes[one.analyte]
        known = self.mappings.values.coded_answer(one.system, one.code, analyte)
        meant = _ANSWERS.get(known or "", known or "")
        # A low level has no word of its own; what a specimen condition means depends on the table.
        return {"answer": (meant,)} if meant in ("negative", "positive", "indeterminate") else {}


def _judged_subjects(mappings: Mappings, lexicon: Lexicon) -> frozenset[str]:
    return frozenset(
        subject
        for row in mappings.codes.rows.values()
        for subject in of_measurement(row, mappings.analytes[row.analyte], lexicon)[SUBJECT]
    )


def _listed(seen: Seen, judge: Callable[[Sighting], str | None]) -> tuple[Finding, ...]:
    """One finding for each code and reason, with the display that came most often."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    displays: dict[tuple[str, str, str, str], Counter[str]] = {}
    for one, count in seen.items():
        reason = judge(one)
        if reason is not None:
            key = (one.place, one.system, one.code, reason)
            counts[key] += count
            displays.setdefault(key, Counter())[one.display] += count
    found = [
        Finding(place, system, code, _commonest(displays[key]), count, reason)
        for key, count in counts.items()
        for place, system, code, reason in (key,)
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, one.place, one.system, one.code)))


def _commonest(displays: Counter[str]) -> str:
    return min(displays, key=lambda text: (-displays[text], text))


def _refusals(records: Iterable[PatientRecord]) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
    """Refused units, and values refused for any other reason."""
    units: Counter[tuple[str, str, str, str]] = Counter()
    others: Counter[tuple[str, str, str, str]] = Counter()
    for record in records:
        for one in record.results:
            if isinstance(one.value, Unreadable):
                key = (one.analyte, one.source.system, one.source.code, one.value.reason)
                (units if "unit-refused" in one.flags else others)[key] += 1
    return _sorted(units), _sorted(others)


def _sorted(counts: Mapping[tuple[str, str, str, str], int]) -> tuple[Refusal, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Refusal(*key, count=count) for key, count in ordered)
