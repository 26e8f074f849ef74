"""What a sink keeps of what it is given: found by reading back the first of each kind of element.

A server that keeps everything is trusted after that; of one that drops or rewrites anything, every
write is read back, so that its version is known as ours and not taken for somebody's edit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import RequestRefused
from fhir_remission.fhir.r4.datatypes import Resource, version_of
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.fidelity import differences
from fhir_remission.fhir.writing.identity import identifier_value
from fhir_remission.fhir.writing.transaction import Write
from fhir_remission.jobs.write_back.delivery import Landed, name_of
from fhir_remission.jobs.write_back.result_rows import is_result, patient_of

# Whose result it is, which, and on what evidence: no run could tell without these.
NEEDED = ("assessment", "site", "evidence-hash")
_HASH = re.compile(r"[0-9a-f]{64}")


class Keeping:
    """What one sink was seen to do during this run."""

    def __init__(self, client: FhirClient, by: Authorship) -> None:
        self._client, self._by = client, by
        self._seen: dict[str, set[str]] = {}
        self.told: dict[str, str] = {}
        """Path of an element to dropped, changed or added."""
        self.loses_identity = False
        """Without our identifiers as we gave them nothing could be found again as ours."""
        self.missing = ""
        """What was answered as written just now, and is not there, or as it was before."""
        self.misfiled = ""
        """What was stored as about another patient than it was sent for."""

    def read_back(
        self, writes: Sequence[Write], landed: Mapping[str, Landed]
    ) -> dict[str, Resource]:
        """The stored form of what was just written, by the names we gave, where it may differ."""
        found: dict[str, Resource] = {}
        self.missing = self.misfiled = ""
        for write in writes:
            place = landed.get(name_of(write))
            if place and is_result(write.resource) and self._may_differ(write.resource):
                stored = self._read(place)
                if stored is not None and self._is_former(write.resource, stored):
                    self.missing = place.location
                elif stored is not None:
                    self._compare(write.resource, stored)
                    if patient_of(stored) not in ("", patient_of(write.resource)):
                        self.misfiled = place.location
                    found[name_of(write)] = stored
        return found

    def _may_differ(self, resource: Resource) -> bool:
        seen = self._seen.get(str(resource["resourceType"]), set())
        return bool(self.told or self._client.profile.normalises_content or resource.keys() - seen)

    def _read(self, place: Landed) -> Resource | None:
        """What stands there, unless somebody has written over it since."""
        kind, _, logical_id = place.location.partition("/")
        try:
            stored = cast(Resource, self._client.read(kind, logical_id))
        except RequestRefused as error:
            self.missing = place.location if error.status in (404, 410) else self.missing
            return None
        return stored if version_of(stored) == place.version or not place.version else None

    def _is_former(self, sent: Resource, stored: Resource) -> bool:
        """Whether what stood there before stands still: a hash that is whole, and another one.

        No server makes up a hash: it answered and stored nothing, or reads from an old copy.
        """
        names = [f"{self._by.identity.namespace}/id/{name}" for name in NEEDED]
        ours, theirs = ([identifier_value(one, name) for name in names] for one in (sent, stored))
        return ours[:2] == theirs[:2] and ours[2] != theirs[2] and bool(_HASH.fullmatch(theirs[2]))

    def _compare(self, sent: Resource, stored: Resource) -> None:
        kind = str(sent["resourceType"])
        self._seen.setdefault(kind, set()).update(sent)
        found = differences(sent, stored)
        for how in ("dropped", "changed", "added"):
            self.told.update({f"{kind}.{path}": how for path in getattr(found, how)})
        needed = [f"{self._by.identity.namespace}/id/{name}" for name in NEEDED]
        if any(identifier_value(sent, one) != identifier_value(stored, one) for one in needed):
            self.loses_identity = True
