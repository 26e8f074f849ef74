"""Faults: how a server goes wrong on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from fhir_remission.rehearsal.replies import Reply, Request
from fhir_remission.rehearsal.service import Service


class Faults:
    """The faults of one server."""

    clock_skew = timedelta(0)

    def answer(self, request: Request, service: Service) -> Reply:
        """Answer a request."""
        return service.answer(request)


def read_faults(specs: Sequence[str]) -> Faults:
    """Read fault specifications."""
    return Faults()
