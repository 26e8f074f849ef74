"""This software as a Device: written once per sink and version, before the first patient."""

from __future__ import annotations

from fhir_remission.fhir.authorship import SOFTWARE, Authorship, tag
from fhir_remission.fhir.datatypes import Resource, concept, identifier
from fhir_remission.fhir.identity import Identity, device_id, key_check


def build_device(by: Authorship) -> Resource:
    """The Device; it carries the check value of the key, so that a lost key is noticed."""
    identity = by.identity
    own_id = device_id(identity, SOFTWARE, by.software_version)
    return {
        "resourceType": "Device",
        "id": own_id,
        "meta": {"tag": [tag(by)]},
        "identifier": [
            identifier(identity.identifier_system("assessment"), own_id),
            identifier(identity.identifier_system("key-check"), site_key_check(identity)),
        ],
        "status": "active",
        "deviceName": [{"name": SOFTWARE, "type": "manufacturer-name"}],
        "version": [{"value": by.software_version}],
        "type": concept([], "Software: remission assessment"),
    }


def site_key_check(identity: Identity) -> str:
    """Which key this site wrote with; several sites may share a server."""
    return f"{identity.site_id}:{key_check(identity.key)}"
