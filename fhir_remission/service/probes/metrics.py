"""What Prometheus reads: routes, statuses, seconds, dispositions; no label names a patient."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from fhir_remission.service.answering.judging import Answer
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.probes.standing_of_site import standing

TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Around the half second that CDS Hooks asks for, and the 15 s that NiFi waits.
BUCKETS = (0.002, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")


class Metrics:
    """The counts of this process, or of all workers where they share a folder."""

    def __init__(self, site: ServedSite) -> None:
        self._site, self._registry = site, CollectorRegistry()
        prefix = "fhir_remission"
        self._requests = Counter(
            f"{prefix}_http_requests_total",
            "Requests by route and status",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{prefix}_judging_seconds",
            "Seconds from a whole request to its answer",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._patients = Counter(
            f"{prefix}_patients_total",
            "Patients by disposition",
            ["disposition"],
            registry=self._registry,
        )

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request by the template of its route."""
        shown = method if method in _METHODS else "other"
        self._requests.labels(route, shown, str(status)).inc()

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Measure what stands inside."""
        with self._seconds.time():
            yield

    def judged(self, answer: Answer) -> None:
        """Count the patients of an answer."""
        ends = {
            one.id: (one.outcomes.not_evaluable, one.outcomes.undecided)
            for one in answer.judge.sets
        }
        for one in answer.judged:
            last = one.assessments[0][-1] if one.assessments else None
            how = "incomplete"
            if last is not None:
                unsure = last.category in ends[last.criteria_id]
                how = "indeterminate" if unsure else "classified"
            self._patients.labels(how).inc()

    def page(self) -> bytes:
        """All of it, as Prometheus reads it."""
        registry: Any = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return bytes(generate_latest(registry)) + bytes(generate_latest(self._standing()))

    def _standing(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        for name, text, value in standing(self._site):
            Gauge(f"fhir_remission_{name}", text, registry=registry).set(value)
        return registry
