"""From bytes to the resources and components that are read, and what in them FHIR does not have."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import cast

import msgspec
from msgspec import Raw

from fhir_remission.fhir.r4.elements import Component, is_there
from fhir_remission.fhir.r4.known_elements import strict, unknown_in
from fhir_remission.fhir.r4.wire import READ_TYPES, Device, Header, Observation, Resource

# Of a Device only its names are read: what else it says is of no interest.
_PLAIN = {name: kind if kind is Device else strict(kind) for name, kind in READ_TYPES.items()}
_PLAIN_COMPONENT = strict(Component)
_RESOURCE: msgspec.json.Decoder[Resource] = msgspec.json.Decoder(reduce(or_, _PLAIN.values()))
_ODD_RESOURCE: msgspec.json.Decoder[Resource] = msgspec.json.Decoder(Resource)
_HEADER = msgspec.json.Decoder(Header)
_COMPONENTS = msgspec.json.Decoder(list[_PLAIN_COMPONENT] | None)  # type: ignore[valid-type]
_BODIES = msgspec.json.Decoder(list[Raw] | None)
_ODD_COMPONENT = msgspec.json.Decoder(Component)


def decode_resource(body: bytes | Raw) -> Resource | str:
    """A resource of a type that is read, else the name of its type; errors are msgspec's."""
    try:
        return _RESOURCE.decode(body)
    except msgspec.ValidationError:
        kind = _HEADER.decode(body).resource_type
        if kind is not None and kind not in READ_TYPES:
            return kind
    # Something is odd about it; here it is found out what, or raised.
    resource = _ODD_RESOURCE.decode(body)
    resource.strange = unknown_in(body, _PLAIN[resource.type_name])
    return resource


def components(observation: Observation) -> list[Component]:
    """The components of an Observation; errors are msgspec's."""
    if not is_there(observation.component):
        return []
    try:
        return cast(list[Component], _COMPONENTS.decode(observation.component) or [])
    except msgspec.ValidationError:
        return [_odd_component(one) for one in _BODIES.decode(observation.component) or []]


def _odd_component(body: Raw) -> Component:
    component = _ODD_COMPONENT.decode(body)
    component.strange = unknown_in(body, _PLAIN_COMPONENT)
    return component
