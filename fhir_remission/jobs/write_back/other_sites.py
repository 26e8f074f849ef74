"""Who else writes to a server, told by the Devices there: before anything is written by us.

Every site leaves a Device with its mark. They are found by a search that some servers do not
implement, and then answer with nothing; so an empty answer counts only where the same form of
search was seen to find something, or where all Devices were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import ReadIncomplete, RequestRefused, SafetyStop
from fhir_remission.fhir.r4.datatypes import Json, Resource, text_of
from fhir_remission.fhir.server.queries import Query, token
from fhir_remission.fhir.writing.authorship import SOFTWARE
from fhir_remission.fhir.writing.identity import Identity, device_id, identifier_value
from fhir_remission.fhir.writing.ownership import STOPS
from fhir_remission.fhir.writing.site_marks import (
    folded,
    identifiers_of,
    site_mark,
    site_marks,
    site_of,
    site_values,
)
from fhir_remission.version import VERSION

# A Device that was put out of use by a person speaks of nobody at work.
_IN_USE = ("active", "unknown", "")


class Devices(Struct, frozen=True):
    """The Devices of this software at a server."""

    found: tuple[Resource, ...] = ()
    complete: bool = False
    """Nobody else's can be there."""


def find_devices(client: FhirClient, identity: Identity, *, thorough: bool) -> Devices:
    """Find the Devices of all sites; `thorough` makes sure that there are no others."""
    if not client.profile.can_search("Device"):
        return Devices()
    system = identity.identifier_system("key-check")
    named = _of_sites(_search(client, f"{system}|"), identity)
    if named or not thorough:
        return Devices(named, bool(named))
    _refuse_another_namespace(client, identity)
    try:
        some = client.sample("Device")
        if not some or _is_found(client, some):
            return Devices(complete=True)
        every = client.search_whole(Query("Device", (("_count", str(client.profile.page_size)),)))
    except (RequestRefused, ReadIncomplete):
        return Devices()
    return Devices(_of_sites(every, identity), complete=True)


def refuse_others(
    host: str, devices: Sequence[Resource], identity: Identity, *, beside_old_sites: bool
) -> None:
    """SafetyStop where writing beside what these Devices stand for could do harm."""
    for device in devices:
        if not all(isinstance(mark, str) and site_of(mark) for mark in _marks(device, identity)):
            raise SafetyStop(
                f"{host}: Device/{device.get('id')} carries a site mark that cannot be read: have "
                "that identifier corrected or removed there"
            )
    _refuse_another_key(host, devices, identity)
    own = device_id(identity, SOFTWARE, VERSION)
    system = identity.identifier_system("assessment")
    same = [one for one in devices if identifier_value(one, system) == own]
    if len(same) > 1:
        names = " and ".join(sorted(f"Device/{one.get('id')}" for one in same))
        raise SafetyStop(f"{host}: {names} carry the same identifier of ours: have one removed")
    old = _old_sites(devices, identity)
    if old and not beside_old_sites:
        raise SafetyStop(
            f"{host}: version 0.1.0 of another site ({', '.join(old)}) writes there, and takes "
            "our results for its own: upgrade all sites of a server together; if it writes no "
            "more, set its Device to inactive, or write.beside_old_sites = true"
        )


def _refuse_another_namespace(client: FhirClient, identity: Identity) -> None:
    """Our mark under another system: by its value alone, as the system is what has changed."""
    mark, prefix = site_mark(identity), f"{identity.namespace}/id/"
    for device in _search(client, token((mark,))):
        for held in identifiers_of(device):
            if held.get("value") == mark and not text_of(held.get("system")).startswith(prefix):
                raise SafetyStop(
                    f"{client.host}: Device/{device.get('id')} {STOPS['other-namespace']}"
                )


def _refuse_another_key(host: str, devices: Sequence[Resource], identity: Identity) -> None:
    own = site_marks(identity)
    sites = {site_of(mark) for mark in own}
    marks = {folded(str(mark)) for device in devices for mark in _marks(device, identity)}
    if any(site_of(mark) in sites for mark in marks - own):
        raise SafetyStop(
            f"{host}: a Device there was made by this site.id with another site key: restore that "
            "key, or give this site an id of its own"
        )


def _old_sites(devices: Sequence[Resource], identity: Identity) -> list[str]:
    """Ids of the other sites of which only the Device of version 0.1.0 is there."""
    marked = {folded(str(mark)) for one in devices for mark in site_values(one, identity)}
    in_use = [one for one in devices if text_of(one.get("status")) in _IN_USE]
    checks = {folded(str(mark)) for one in in_use for mark in _marks(one, identity)}
    return sorted({site_of(mark) for mark in checks - marked - site_marks(identity)})


def _marks(device: Resource, identity: Identity) -> list[Json]:
    """Its site marks; in version 0.1.0 the key check, which is the same."""
    systems = {identity.identifier_system(name) for name in ("key-check", "site")}
    return [held.get("value") for held in identifiers_of(device) if held.get("system") in systems]


def _of_sites(devices: Iterable[Resource], identity: Identity) -> tuple[Resource, ...]:
    return tuple(one for one in devices if _marks(one, identity))


def _search(client: FhirClient, wanted: str) -> list[Resource]:
    try:
        return client.search_whole(Query("Device", (("identifier", wanted),)))
    except (RequestRefused, ReadIncomplete):
        return []


def _is_found(client: FhirClient, some: Sequence[Resource]) -> bool:
    """Whether a search by identifier system alone finds a Device that is known to be there."""
    for one in some:
        systems = {text_of(held.get("system")) for held in identifiers_of(one)} - {""}
        for system in sorted(systems):
            found = _search(client, f"{system}|")
            return one.get("id") in {item.get("id") for item in found}
    return False
