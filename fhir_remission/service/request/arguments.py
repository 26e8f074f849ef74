"""What a caller of the operation asks for: from Parameters, a bare resource or a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fhir_remission.fhir.package.operation import RECORD
from fhir_remission.service.request.refusals import Refused

Record = Literal["", "partial", "complete"]
# name: the types of value[x] that are read for it, in the order of the OperationDefinition.
VALUES = {
    "criteria": ("valueCode", "valueString", "valueUri", "valueCanonical"),
    "asOf": ("valueDateTime", "valueDate", "valueInstant", "valueString"),
    "complete": ("valueCode", "valueString"),
    "record": ("valueCode", "valueString"),
    "history": ("valueBoolean",),
    "write": ("valueBoolean",),
}
_KNOWN = f"these are: {', '.join((*VALUES, RECORD))}"


class Asked(Struct, frozen=True):
    """What the caller wants to know, and of which record."""

    criteria: tuple[str, ...] = ()
    as_of: str = ""
    complete: frozenset[str] = frozenset()
    record: Record = ""
    history: bool = False
    write: bool = False
    resource: bytes = b""


class _Head(Struct, rename="camel"):
    resource_type: str | UnsetType = UNSET
    parameter: Raw = Raw(b"[]")


_HEAD = msgspec.json.Decoder(_Head)
_PARAMETERS = msgspec.json.Decoder(list[dict[str, Raw]])


def read_body(body: bytes) -> Asked:
    """The arguments of a body; anything but Parameters is the record itself.

    NDJSON and several documents one after another are records, too: only one that says that it
    is Parameters is an envelope.
    """
    if not body.strip():
        raise Refused(400, "required", "there is no body: send a Bundle of the patient's record")
    try:
        head = _HEAD.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return Asked(resource=body)
    if head.resource_type == "Parameters":
        return _envelope(head.parameter)
    return Asked(resource=body)


def read_query(query: Mapping[str, list[str]]) -> Asked:
    """The arguments of a query string; `_format` and `_pretty` are no arguments."""
    given: dict[str, list[Any]] = {}
    for name, values in query.items():
        if name.startswith("_"):
            continue
        if name not in VALUES:
            raise _unknown()
        flags = VALUES[name] == ("valueBoolean",)
        given[name] = [_flag_of(name, one) if flags else one for one in values]
    return _asked(given)


def _flag_of(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise _wrong(name, "is true or false")
    return text == "true"


def _envelope(parameters: Raw) -> Asked:
    try:
        listed = _PARAMETERS.decode(parameters)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused(400, "structure", "Parameters.parameter is no list of parameters") from None
    given: dict[str, list[Any]] = {}
    records: list[bytes] = []
    for one in listed:
        name = _decoded(one.get("name", Raw(b"null")))
        held = [key for key in one if key == "resource" or key == "part" or key[:5] == "value"]
        if len(held) != 1:
            raise Refused(400, "invariant", "each parameter has one of value, resource and part")
        if name == RECORD and held == ["resource"]:
            records.append(bytes(one["resource"]))
        elif isinstance(name, str) and held[0] in VALUES.get(name, ()):
            given.setdefault(name, []).append(_value(name, held[0], one[held[0]]))
        elif name in VALUES or name == RECORD:
            told = " or ".join(VALUES.get(str(name), ("resource",)))
            raise _wrong(str(name), f"is given as {told}")
        else:
            raise _unknown()
    if len(records) > 1:
        raise _wrong(RECORD, "is given once: put all resources into one Bundle")
    asked = _asked(given)
    return msgspec.structs.replace(asked, resource=records[0]) if records else asked


def _decoded(raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused(400, "structure", "a parameter cannot be read") from None


def _value(name: str, kind: str, raw: Raw) -> Any:
    value = _decoded(raw)
    if not isinstance(value, bool if kind == "valueBoolean" else str):
        raise _wrong(name, f"has a value of another type than {kind}")
    return value


def _asked(given: Mapping[str, list[Any]]) -> Asked:
    for name in ("asOf", "record", "history", "write"):
        if len(given.get(name, ())) > 1:
            raise _wrong(name, "is given once")
    record = _one(given, "record", "")
    if record not in ("", "partial", "complete"):
        raise _wrong("record", "is partial or complete")
    return Asked(
        criteria=_words(given.get("criteria", ())),
        as_of=_one(given, "asOf", ""),
        complete=frozenset(_words(given.get("complete", ()))),
        record=record,
        history=_one(given, "history", default=False),
        write=_one(given, "write", default=False),
    )


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    words = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _one(given: Mapping[str, list[Any]], name: str, default: Any) -> Any:
    return given.get(name, [default])[0]


def _wrong(name: str, how: str) -> Refused:
    return Refused(400, "value", f"the parameter {name} {how}")


def _unknown() -> Refused:
    return Refused(400, "not-supported", f"a parameter has a name that is not known; {_KNOWN}")
