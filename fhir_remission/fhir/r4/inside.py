"""What lies within a resource: contained resources, which have no reference of their own."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from fhir_remission.fhir.r4.elements import is_there
from fhir_remission.fhir.r4.type_names import TYPE_NAMES
from fhir_remission.fhir.r4.wire import UNREADABLE, Resource, decode_resource

_CONTAINED = msgspec.json.Decoder(list[Raw] | None)


def contained(raw: Raw) -> dict[str, Resource]:
    """The contained resources that can be read, by their `#id`."""
    inside: dict[str, Resource] = {}
    for body in _bodies(raw):
        try:
            resource = decode_resource(body)
        except UNREADABLE:
            continue
        if not isinstance(resource, str) and resource.id:
            inside[f"#{resource.id.removeprefix('#')}"] = resource
    return inside


def hides_contained(raw: Raw) -> bool:
    """Whether something contained cannot be read, so that it may be anything."""
    if not is_there(raw):
        return False
    try:
        bodies = _CONTAINED.decode(raw) or []
        kinds = [decode_resource(body) for body in bodies]
    except UNREADABLE:
        return True
    return any(kind not in TYPE_NAMES if isinstance(kind, str) else not kind.id for kind in kinds)


def _bodies(raw: Raw) -> list[Raw]:
    try:
        return (_CONTAINED.decode(raw) or []) if is_there(raw) else []
    except UNREADABLE:
        return []
