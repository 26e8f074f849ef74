"""Words for ids in sentences; the ids themselves have their rows in `mappings/vocabulary`."""

from __future__ import annotations


def number_of(count: int, one: str, more: str = "") -> str:
    """A number of things: `1 result`, `2 results`."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"


STATES = {
    "untreated": "Untreated as far as known{since}",
    "awaiting-response": "Awaiting response to therapy{since}",
    "active-disease": "Active disease{since}",
    "in-remission": "In remission{since}",
    "relapse-suspected": "Relapse suspected{since}",
    "relapsed": "Relapsed{since}",
    "unknown": "State unknown{since}",
}
UNORDERED = "An answer needs the day of what may lie before or after a marrow."
MRD_REPEAT = "A second positive sample of the marker in the same tissue is MRD relapse."
EVENTS = {"relapse-suspected": "MRD relapse suspected", "relapse": "MRD relapse"}
WHY = {
    "therapy-after-marrow": "no usable marrow since therapy began",
    "no-marrow": "no marrow on record",
    "no-disease-or-therapy-before-marrow": "no leukaemia and no therapy before this marrow",
    "before-therapy": "the marrow is from before therapy",
    "inadequate-marrow": "the marrow was stated inadequate",
    "too-few-cells": "too few cells in the marrow",
    "early-marrow": "the marrow came too soon after the start of a cycle",
    "contradicted-by-next-marrow": "the next marrow disagrees",
    "apl-out-of-scope": "acute promyelocytic leukaemia is out of scope",
    "apl-not-excluded": "a marker of acute promyelocytic leukaemia cannot be read",
    "other-leukaemia": "the diagnosis is another leukaemia",
    "two-leukaemias": "AML and another leukaemia are both confirmed",
    "diagnosis-refuted": "the diagnosis of AML is recorded as refuted",
    "diagnosis-unconfirmed": "the diagnosis is not confirmed",
    "diagnosis-unknown": "no diagnosis of AML on record",
    "read-failed": "part of the record could not be read",
    "evidence-unplaced": "something in the record cannot be placed",
    "therapy-possible": "something given near the marrow may have been chemotherapy",
    "diagnosis-unread": "a leukaemia on record cannot be read",
    "marrow-undecided": "the marrow is not clearly below or above the line of disease",
    "blood-blasts-undecided": "blood blasts cannot be read",
    "extramedullary-undecided": "extramedullary disease cannot be read",
    "signs-undecided": "a sign of disease cannot be read",
    "signs-of-disease": "signs of disease beside a clear marrow",
    "earlier-remission-unknown": "whether there was a remission before is not known",
    "remission-not-excluded-at-landmark": "a remission is not excluded at the landmark",
    "disease-without-marrow": "disease after remission, and no marrow",
    "too-many-unknowns": "the record is too large to be judged",
}
ADVICE = {
    "therapy-after-marrow": "An answer needs a marrow after the latest start of therapy.",
    "no-marrow": "An answer needs a marrow after the start of therapy.",
    "no-disease-or-therapy-before-marrow": (
        "An answer needs a diagnosis, a diseased marrow or a start of therapy before the marrow."
    ),
    "before-therapy": "An answer needs a marrow after the start of therapy.",
    "inadequate-marrow": "An answer needs an adequate marrow.",
    "early-marrow": "An answer needs a later marrow: this one looked for hypoplasia, not response.",
    "apl-out-of-scope": "Acute promyelocytic leukaemia has criteria of its own.",
    "other-leukaemia": "These criteria are for AML only.",
    "two-leukaemias": (
        "No marrow shows which of two leukaemias it is of; if one diagnosis is wrong, retract it."
    ),
    "diagnosis-refuted": "An answer needs a confirmed diagnosis of AML.",
    "diagnosis-unconfirmed": "An answer needs a confirmed diagnosis of AML.",
    "diagnosis-unknown": "An answer needs a confirmed diagnosis of AML.",
    "apl-not-excluded": "An answer needs a readable result of the APL marker.",
    "read-failed": "An answer needs the record read to its end: run again.",
    "evidence-unplaced": "An answer needs what was left out to be readable: each is named.",
    "therapy-possible": "An answer needs to know whether what was given was chemotherapy.",
    "diagnosis-unread": (
        "Nobody can say which leukaemia it is: an answer needs a confirmed diagnosis of AML, and"
        " of every other leukaemia on record what it is."
    ),
    "marrow-undecided": "An answer needs a marrow clearly below or above the line of disease.",
    "contradicted-by-next-marrow": "The next marrow decides.",
    "blood-blasts-undecided": "An answer needs a microscopic differential or a marrow.",
    "extramedullary-undecided": "An answer needs a statement on extramedullary disease.",
    "disease-without-marrow": "An answer needs a marrow.",
    "signs-of-disease": "An answer needs a marrow with no sign of disease beside it.",
    "repeat-blood": "A second sample with blasts is relapse; a clear smear or marrow ends it.",
    "earlier-response": "An answer needs to know whether there was a remission before.",
    "repeat-marrow": "A repeat marrow or smear decides.",
    "blood-blasts": "A blood differential that says whether there are blasts decides.",
    "marrow-blasts": "A marrow clearly below or above the line of disease decides.",
    "extramedullary-disease": "A statement on extramedullary disease decides.",
    "baseline-marrow": "The marrow of before therapy decides.",
}
