"""What value or words of a result conclude under a code that is no input: a sign of disease.

It proves nothing, and what it names is not ruled out either: it is an unknown of its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, When
from fhir_remission.domain.nouns.intervals import ZERO, point
from fhir_remission.domain.tables.codes import CodeRow
from fhir_remission.domain.tables.hints import Hints
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.elements import CodeableConcept, Valued, is_there
from fhir_remission.fhir.r4.free_text import free_text, titles
from fhir_remission.fhir.r4.wire import DiagnosticReport, Observation
from fhir_remission.fhir.reading.attributes import concept_of, said_together, sample_says
from fhir_remission.fhir.reading.coding import Match, is_report, match_codes, named_by, names_of
from fhir_remission.fhir.reading.condition import ADVERSE, source_of
from fhir_remission.fhir.reading.context import codings_of, concepts_in, words_of
from fhir_remission.fhir.reading.reported import read_value, understanding_of

# As what a sign is kept that nobody can read: a lesion is there until it is said to be gone, other
# signs are of a marrow without a value.
LESION, BLASTS, SMEAR = "extramedullary-disease", "blasts-marrow", "blasts-blood"
_ANSWER = CodeRow("", "", LESION, "", "", "", (), (), "")
"""A row of no code, whose value is there or not."""
_COUNT = structs.replace(_ANSWER, analyte=BLASTS)
_SMEARED = structs.replace(_ANSWER, analyte=SMEAR)
# Some leukaemia, without saying which, is the one that everybody knows of.
FOUND = ADVERSE - {"unspecified-leukaemia"}


def is_told(valued: Valued, mappings: Mappings) -> bool:
    """Whether it is a text on a marrow, by the code of a report or by a name without any code."""
    if is_report(valued.code, mappings):
        return True
    if not isinstance(valued, Observation) or codings_of(valued.code, mappings.systems):
        return False
    hints, names = mappings.codes.hints, words_of(valued.code)
    if _kind_of(names, mappings) != "tissue" or hints.among("picture", names):
        return False
    # A number is a count, whichever.
    read = read_value(valued, understanding_of(_COUNT, mappings, decimal_comma=False))
    return concept_of(valued) is not None and not isinstance(read.value, Interval)


def match_value(valued: Valued, mappings: Mappings) -> Match:
    """What its code means; where that is no input, its value may still be a sign of disease."""
    match = match_codes(valued.code, mappings.codes)
    if match.rows:
        return match
    if match.unread and is_told(valued, mappings):
        told = f"{match.unread}, and tells of a marrow in words"
        return structs.replace(match, unread="", lookalike=told)
    if not match.known and (poor := sample_says(valued, mappings)[0]):
        return structs.replace(match, lookalike=f"it tells of a sample: {poor}")
    if match.unread:
        # What a damaged code of LOINC was goes with its other results, and no word says so.
        known = mappings.systems.known
        damaged = any(code.rpartition("|")[0] in known for code in match.codes)
        return match if damaged else _called(match, valued, mappings)
    system, _, code = (match.codes or ("",))[0].rpartition("|")
    if mappings.codes.hints.among("apl-marker", named_by(valued.code, mappings)):
        marker = structs.replace(APL_MARKER, system=system, code=code)
        return structs.replace(match, rows=(marker,), lookalike="")
    analyte, why = _sign(valued, mappings)
    if not analyte:
        return match
    row = structs.replace(_ANSWER, system=system, code=code, analyte=analyte)
    return structs.replace(match, rows=(row,), lookalike="", unread=f"{why}: it cannot be read")


UNKNOWN = ((BLASTS, "marrow"), (SMEAR, "blood"))
"""What may be any result: it may be of blasts, in either tissue."""


def _rows(*named: tuple[str, str]) -> tuple[CodeRow, ...]:
    return tuple(structs.replace(_ANSWER, analyte=one, specimen=tissue) for one, tissue in named)


APL_MARKER = structs.replace(_ANSWER, analyte="mrd", marker="PML::RARA", flags=("apl-marker",))
# What a result is that is known by its words alone, in the order in which they are asked.
_CALLED = {
    "lesion": _rows((LESION, "")),
    "apl-marker": (APL_MARKER,),
    "mrd": _rows(("mrd", "")),
    "input": _rows(*UNKNOWN),
    "clumps": _rows(("platelet-clumps", "blood")),
    "neutrophils": _rows(("anc", "blood")),
    "platelet-count": _rows(("platelets", "blood")),
    "leukocytes": _rows(("wbc", "blood")),
    "tissue": _rows((BLASTS, "marrow")),
}


def _kind_of(words: Sequence[str], mappings: Mappings) -> str:
    """What words call a result; empty where they call it nothing that is asked for."""
    return next((kind for kind in _CALLED if mappings.codes.hints.among(kind, words)), "")


def _called(match: Match, valued: Valued, mappings: Mappings) -> Match:
    """With the rows of what its words name: one unknown at its time, not anything at any time."""
    hints, words = mappings.codes.hints, names_of(valued.code, mappings.systems)
    poor, fine = sample_says(valued, mappings)
    if poor or fine:
        told = f"{match.unread}; it tells of a sample: {poor or fine}"
        return structs.replace(match, unread="", lookalike=told)
    named = _CALLED.get(_kind_of(words, mappings), ())
    rows = tuple(structs.replace(row, code=match.code) for row in named)
    texts = words_of(concept_of(valued))
    if hints.among("count", words) and _worded(texts, mappings, words):
        rows = _rows(*UNKNOWN)
    if not rows:
        return match
    denied = hints.denies(words[0])
    if says_none(valued, mappings, denied=denied):
        none = f"{match.unread}; it is called {words[0]} and says that there is none"
        return structs.replace(match, unread="", lookalike=none)
    marrow = hints.among("tissue", words)
    held = tuple(row for row in rows if row.specimen != "blood" or not marrow) or rows
    why = f"{match.unread}, and is called {words[0]}: what it says supports nothing"
    unread, called = (why, "") if denied else ("", why)
    return structs.replace(match, rows=held, unread=unread, called=called)


def says_none(valued: Valued, mappings: Mappings, *, denied: bool) -> bool:
    """By a word for none, a 0 in words, a text that denies; where its name does, by a yes."""
    asked = (understanding_of(row, mappings, decimal_comma=False) for row in (_ANSWER, _SMEARED))
    found = [read_value(valued, one) for one in asked]
    if denied:
        return found[0].value == Finding("positive")
    word = found[0].original.strip(" %")
    none = any(one.value in (Finding("negative"), point(ZERO)) for one in found)
    return none or word.strip("0.,") == "" != word or _denied(valued, mappings)


def _denied(valued: Valued, mappings: Mappings) -> bool:
    texts = words_of(concept_of(valued))
    return bool(texts) and all(mappings.codes.hints.denies(one) for one in texts)


def _sign(valued: Valued, mappings: Mappings) -> tuple[str, str]:
    """What the sign of disease is kept as that a value is or affirms, if it is not a relative's."""
    hints, found = mappings.codes.hints, concept_of(valued)
    if hints.among("family", words_of(valued.code)):
        return "", ""
    coded = coded_sign(found, mappings)
    if coded:
        return coded, "its value is the code of a lesion, a relapse or another leukaemia"
    if is_report(valued.code, mappings):
        return "", ""
    code = named_by(valued.code, mappings)
    texts = words_of(found)
    if hints.among("asked", code):
        texts = tuple(hints.stated(one) for one in texts)
    worded = _worded(texts, mappings, code)
    if worded:
        return worded, "its value names a sign of disease"
    if together := said_together(valued, mappings):
        kept = LESION if together == "lesion" else BLASTS
        return kept, "its name and its value say together that the disease is there"
    return _affirmed(valued, mappings), "its code names a sign of disease"


def diagnoses(
    parts: Sequence[Valued], current: Current, when: When | None, mappings: Mappings
) -> tuple[Event, ...]:
    """Other leukaemias that the values of a result are or affirm; of its parts together, a fusion.

    A code is as good as that of a Condition; words are confirmed by nobody.
    """
    found = [one for part in parts for one in _diagnosed(part, mappings)]
    if _is_fusion(parts, mappings):
        found.append((("", ""), "apl-diagnosis", "PML::RARA"))
    return tuple(
        Event(
            kind=kind,
            when=when,
            source=source_of(current, pair),
            certainty="confirmed" if pair[1] else "unconfirmed",
            original=called,
        )
        for pair, kind, called in found
    )


def _diagnosed(valued: Valued, mappings: Mappings) -> Iterator[tuple[tuple[str, str], str, str]]:
    found, hints = concept_of(valued), mappings.codes.hints
    if hints.among("family", words_of(valued.code)):
        return
    for pair in codings_of(found, mappings.systems):
        for row in mappings.events.of(*pair, "Condition"):
            if row.kind in FOUND:
                yield pair, row.kind, row.display
    for text in words_of(found):
        if "apl" in hints.signs(text):
            yield ("", ""), "apl-diagnosis", text


_GENES = frozenset({"pml", "rara"})


def _is_fusion(parts: Sequence[Valued], mappings: Mappings) -> bool:
    """Whether a variant with components is the fusion of APL, and not said to be absent."""
    texts = [text for part in parts[1:] for text in words_of(concept_of(part))]
    named = mappings.codes.hints.among("apl-marker", texts)
    if not named and not {text.strip().casefold() for text in texts} >= _GENES:
        return False
    read = read_value(parts[0], understanding_of(_ANSWER, mappings, decimal_comma=False))
    return read.value != Finding("negative")


def coded_sign(concept: CodeableConcept | None, mappings: Mappings) -> str:
    """By the code of a lesion, a relapse or a leukaemia that is not AML."""
    events = mappings.events
    for pair in codings_of(concept, mappings.systems):
        near = events.within(*pair, "Condition")
        for row in events.of(*pair, "Condition") or ((near,) if near else ()):
            if row.kind == "extramedullary":
                return LESION
            if row.kind in FOUND or row.claim == "relapse":
                return BLASTS
    return ""


def _worded(texts: Iterable[str], mappings: Mappings, code: tuple[str, ...]) -> str:
    """By words that nothing denies; `code`: those of the code that they are the value of."""
    hints = mappings.codes.hints
    marrow = hints.among("tissue", code)
    said = {kind for text in texts for kind in hints.signs(text, marrow=marrow)}
    return LESION if "lesion" in said else BLASTS if said else ""


def _affirmed(valued: Valued, mappings: Mappings) -> str:
    """By a code that names it, and an answer that does not deny it."""
    coded = coded_sign(valued.code, mappings)
    kept = coded or _worded(named_by(valued.code, mappings), mappings, ())
    # Hardly any code names one, and the value is read of those alone.
    if not kept or valued.data_absent_reason is not None:
        return ""
    value = read_value(valued, understanding_of(_ANSWER, mappings, decimal_comma=False)).value
    if value == Finding("negative"):
        return ""
    return kept if value == Finding("positive") else coded


_LESION_ALONE = frozenset({"lesion"})
# A report of a marrow that is of its genes, of residual disease or of a graft counts no blasts.
_OTHERWISE = ("mrd", "not-blasts", "graft")


def told_in_words(
    report: DiagnosticReport, mappings: Mappings, *, sampled: bool = False
) -> tuple[bool, frozenset[str]]:
    """Whether a report is of a marrow that may have been counted; which signs it concludes.

    `sampled`: whether its Specimen is a marrow.
    """
    hints, told = mappings.codes.hints, (*concluded_words(report, mappings), *free_text(report))
    called = [*named_by(report.code, mappings), *titles(report.presented_form)]
    marrow = sampled or hints.among("tissue", called)
    texts = [hints.findings(one) for one in told]
    signs = frozenset[str]().union(*(hints.signs(text, marrow=marrow) for text in texts))
    kinds = concepts_in(report.category) if is_there(report.category) else None
    bare = (coding.code for one in kinds or () for coding in one.coding or () if coding.code)
    sorts = [*(text for one in kinds or () for text in words_of(one)), *bare]
    picture = hints.among("picture", [*called, *sorts])
    otherwise = picture or any(hints.among(what, called) for what in _OTHERWISE)
    return marrow and not otherwise, _seen(signs, texts, mappings.codes.hints) if picture else signs


def _seen(signs: frozenset[str], texts: Iterable[str], hints: Hints) -> frozenset[str]:
    """What a picture shows: a lesion, also where it is only said that the disease is back.

    Beside what is known of the patient, or not there, that is a word on whom it was taken of.
    """
    said = any(hints.among(kind, texts) for kind in ("known", "denied"))
    return signs & _LESION_ALONE if said or not signs else _LESION_ALONE


def concluded(report: DiagnosticReport) -> list[CodeableConcept]:
    """What a report concludes in codes, under the element of whichever release."""
    coded = [one.concept or one for one in report.conclusion_code or []]
    return [*coded, *(report.coded_diagnosis or [])]


def concluded_words(report: DiagnosticReport, mappings: Mappings) -> list[str]:
    """What a report concludes in words; those of a code that is read are read by it."""
    events, systems = mappings.events, mappings.systems
    free = (
        words_of(one)
        for one in concluded(report)
        if not any(events.of(*pair, "Condition") for pair in codings_of(one, systems))
    )
    return [text for text in (report.conclusion, *(text for one in free for text in one)) if text]
