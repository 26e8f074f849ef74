"""What may be the logical id of a resource, decided where ids come in.

An id stands in addresses, in lists of a search and in the names of our state. R4 allows 64 letters,
digits, `-` and `.` (http://hl7.org/fhir/R4/datatypes.html#id); servers send longer ones and `_`.
Anything else is an id only where the profile of the server says that its ids are opaque.
"""

from __future__ import annotations

import re

from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import parse_literal

_PLAIN = re.compile(r"[A-Za-z0-9\-._]{1,128}")
# Not what ends a path or a part of a key, nor what no terminal and no address takes.
_OPAQUE = re.compile(r"[^/?#|\\\x00-\x1f\x7f-\xa0\u2028\u2029]{1,128}")
NOT_AN_ID = "is not the id of a FHIR resource"


def is_id(text: str, *, opaque: bool = False) -> bool:
    """Whether a text may be an id; `..` is a place in an address."""
    allowed = _OPAQUE if opaque else _PLAIN
    return allowed.fullmatch(text) is not None and text.strip(" .") != ""


def patient_named(reference: Reference | None) -> tuple[str, str]:
    """The address before a reference to a Patient, and the bare id; empty where it names none."""
    literal = parse_literal((reference.reference or "") if reference is not None else "")
    if literal is None or literal.type != "Patient":
        return "", ""
    return literal.base, literal.id
