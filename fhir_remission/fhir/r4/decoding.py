"""From bytes to the resources and components that are read, and what in them FHIR does not have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import cast

import msgspec
from msgspec import Raw

from fhir_remission.fhir.r4.elements import NOTHING, Component, is_there
from fhir_remission.fhir.r4.known_elements import denied_in, strict, unknown_in
from fhir_remission.fhir.r4.wire import READ_TYPES, Device, Header, Observation, Resource

# Of a Device only its names are read: what else it says is of no interest.
_PLAIN = {name: kind if kind is Device else strict(kind) for name, kind in READ_TYPES.items()}
_PLAIN_COMPONENT = strict(Component)
_RESOURCE: msgspec.json.Decoder[Resource] = msgspec.json.Decoder(reduce(or_, _PLAIN.values()))
_ODD_RESOURCE: msgspec.json.Decoder[Resource] = msgspec.json.Decoder(Resource)
_HEADER = msgspec.json.Decoder(Header)
_COMPONENTS = msgspec.json.Decoder(list[_PLAIN_COMPONENT] | None)  # type: ignore[valid-type]
_BODIES = msgspec.json.Decoder(list[Raw] | None)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
# Panels of panels; deeper is an attack.
_LAYERS = 8
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
    resource.doubt = resource.doubt or denied_in(body, READ_TYPES[resource.type_name])
    if resource.strange and isinstance(resource, Observation) and resource.component is NOTHING:
        # A list under a name of nobody's may be its components; whatever they say is doubtful.
        resource.component = _list_under(resource.strange, body)
    return resource


def components(observation: Observation) -> list[Component]:
    """The components of an Observation; errors are msgspec's."""
    if not is_there(observation.component):
        return []
    try:
        return cast(list[Component], _COMPONENTS.decode(observation.component) or [])
    except msgspec.ValidationError:
        return list(_odd_components(observation.component, _LAYERS))


def _odd_components(bodies: Raw, layers: int) -> Iterator[Component]:
    """Components with those that stand within them, where FHIR has none: all of them doubtful."""
    for body in _BODIES.decode(bodies) or []:
        component = _ODD_COMPONENT.decode(body)
        component.strange = unknown_in(body, _PLAIN_COMPONENT)
        component.doubt = denied_in(body, Component)
        yield component
        inner = _list_under(component.strange, body) if component.strange else NOTHING
        for one in _odd_components(inner, layers - 1) if layers and is_there(inner) else ():
            one.strange = one.strange or component.strange
            yield one


def _list_under(name: str, body: bytes | Raw) -> Raw:
    """A list of objects under a name; nothing where something else stands there."""
    found = _MEMBERS.decode(body).get(name, NOTHING)
    return found if bytes(found).replace(b" ", b"")[:2] == b"[{" else NOTHING
