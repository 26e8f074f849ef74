"""This software as a Device: written once per sink and version, before the first patient."""

from __future__ import annotations

from fhir_remission.fhir.r4.datatypes import Resource, concept, identifier
from fhir_remission.fhir.writing.authorship import SOFTWARE, Authorship, tag
from fhir_remission.fhir.writing.identity import device_id
from fhir_remission.fhir.writing.site_marks import site_mark


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
            identifier(identity.identifier_system("key-check"), site_mark(identity)),
            identifier(identity.identifier_system("site"), site_mark(identity)),
        ],
        "status": "active",
        "deviceName": [{"name": SOFTWARE, "type": "manufacturer-name"}],
        "version": [{"value": by.software_version}],
        "type": concept([], "Software: remission assessment"),
    }
