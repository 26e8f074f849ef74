"""Labels by which a server says that it gave less than it has."""

from __future__ import annotations

from fhir_remission.fhir.r4.elements import Meta

# Security alterations of v3-ObservationValue, under whichever of the system's names:
# https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html. ANONYED, PSEUDED and MAPPED
# change names and codes, not what was found. SUBSETTED also comes of `_summary` and `_elements`.
HELD_BACK = frozenset({"ABSTRED", "AGGRED", "MASKED", "REDACTED", "SUBSETTED"})


def held_back(meta: Meta | None) -> str:
    """The label that says so, among security labels and tags; empty where there is none."""
    if meta is None or not (meta.security or meta.tag):
        return ""
    codes = (coding.code or "" for coding in [*(meta.security or []), *(meta.tag or [])])
    return next((code for code in codes if code.strip().upper() in HELD_BACK), "")
