"""Routes that say something of the service itself."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from fhir_remission.fhir.package.operation import capability_statement, operation_definition
from fhir_remission.fhir.r4.terminology import Edition
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.probes.metrics import TYPE, Metrics
from fhir_remission.service.probes.standing_of_site import problems
from fhir_remission.service.request.media import FHIR, answer_type
from fhir_remission.service.request.refusals import Refused
from fhir_remission.version import VERSION


def _fhir(req: Any, resp: Any, resource: Any) -> None:
    wanted = req.params.get("_format", "")
    form = answer_type(req.get_header("Accept") or "", wanted if isinstance(wanted, str) else "")
    if form != FHIR:
        raise Refused(406, "not-supported", f"this is given as {FHIR}")
    body = msgspec.json.encode(resource)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    resp.set_header("ETag", tag)
    if req.get_header("If-None-Match") == tag:
        resp.status = 304
        return
    resp.content_type = f"{FHIR}; charset=utf-8"
    resp.data = body


class Metadata:
    """The CapabilityStatement."""

    def __init__(self, site: ServedSite) -> None:
        edition = Edition(site.settings.site.base, VERSION)
        self._resource = capability_statement(edition, site.settings.service.public_url)

    def on_get(self, req: Any, resp: Any) -> None:
        """What can be asked here."""
        _fhir(req, resp, self._resource)


class Definition:
    """The OperationDefinition."""

    def __init__(self, site: ServedSite) -> None:
        self._resource = operation_definition(Edition(site.settings.site.base, VERSION))

    def on_get(self, req: Any, resp: Any) -> None:
        """The operation by its parameters."""
        _fhir(req, resp, self._resource)


class Live:
    """Whether the process is alive: asks nobody, so that a source that is down restarts nothing."""

    def on_get(self, _: Any, resp: Any) -> None:
        """Always up while anything answers."""
        resp.content_type = "application/json"
        resp.data = b'{"status":"UP"}'


class Ready:
    """Whether requests can be answered now."""

    def __init__(self, site: ServedSite) -> None:
        self._site = site

    def on_get(self, _: Any, resp: Any) -> None:
        """503 with the names of what is missing, and no word more."""
        found = problems(self._site)
        resp.content_type = "application/json"
        resp.status = 503 if found else 200
        told: dict[str, Any] = {"status": "DOWN" if found else "UP"}
        resp.data = msgspec.json.encode({**told, "missing": found} if found else told)


class Measured:
    """The metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_get(self, _: Any, resp: Any) -> None:
        """For Prometheus."""
        resp.content_type = TYPE
        resp.data = self._metrics.page()
