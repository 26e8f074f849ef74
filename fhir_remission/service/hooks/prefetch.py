"""What a hook carries of the record, and whether that is all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw, Struct

from fhir_remission.service.request.refusals import Refused

OBSERVATIONS = "observations"
_BY_PATIENT = {
    "conditions": "Condition",
    "procedures": "Procedure",
    "medications": "MedicationAdministration",
    "reports": "DiagnosticReport",
    "specimens": "Specimen",
}


def templates(codes: Iterable[str]) -> dict[str, str]:
    """The prefetch templates: token equality only, as the recommended subset has it."""
    return {
        "patient": "Patient/{{context.patientId}}",
        OBSERVATIONS: (
            f"Observation?patient={{{{context.patientId}}}}&code={','.join(sorted(codes))}"
        ),
        **{key: f"{name}?patient={{{{context.patientId}}}}" for key, name in _BY_PATIENT.items()},
    }


class Prefetched(Struct, frozen=True):
    """The resources of a hook, one a line, and whether every question was answered whole."""

    body: bytes
    whole: bool


class _Link(Struct):
    relation: str = ""


class _Entry(Struct):
    resource: Raw = Raw(b"")


class _Answer(Struct, rename="camel"):
    resource_type: str = ""
    type: str = ""
    total: int | None = None
    link: list[_Link] = []
    entry: list[_Entry] = []


_ANSWER = msgspec.json.Decoder(_Answer)


def read_prefetch(prefetch: Mapping[str, Raw]) -> Prefetched | None:
    """The record that came with a hook; None where the results are not there, or not all.

    `null` for them may mean "nothing" or "not supported", so it proves nothing. Of other types
    what is missing leaves the record a part of one.
    """
    lines: list[bytes] = []
    whole = True
    for key in ("patient", OBSERVATIONS, *_BY_PATIENT):
        held = prefetch.get(key)
        found = None if held is None else _resources(bytes(held))
        if found is None and key in ("patient", OBSERVATIONS):
            return None
        whole = whole and found is not None
        lines += found or []
    return Prefetched(b"\n".join(lines), whole)


def _resources(held: bytes) -> list[bytes] | None:
    """The resources of one answer, each on its line; None where it is not the whole answer."""
    if held.strip() == b"null":
        return None
    try:
        answer = _ANSWER.decode(held)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    if answer.resource_type == "OperationOutcome":
        return None
    if answer.resource_type != "Bundle":
        return [_line(held)]
    cut_off = any(one.relation == "next" for one in answer.link)
    kept = [bytes(one.resource) for one in answer.entry if bytes(one.resource)]
    if cut_off or (answer.total is not None and answer.total > len(kept)):
        return None
    return [_line(one) for one in kept]


def _line(resource: bytes) -> bytes:
    try:
        return msgspec.json.format(resource, indent=-1)
    except (msgspec.MsgspecError, RecursionError):
        raise Refused(400, "structure", "a prefetched resource cannot be read") from None
