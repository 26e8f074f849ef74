"""`fhir-remission serve`: the service of a site, on gunicorn, or on waitress where that is not."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_remission.effects.process.logs import configure_logs
from fhir_remission.errors import SettingsError, UsageError
from fhir_remission.jobs.site.site import settings_of

if TYPE_CHECKING:
    from fhir_remission.service.answering.site import ServedSite


def serve(
    config: Path,
    assignments: tuple[str, ...],
    announce: Callable[[str], None],
    port: int | None,
    *,
    sync: bool = False,
    openhim: bool = False,
) -> None:
    """Serve until told to stop.

    Raises:
        UsageError: the extra `service` is not installed, or the settings cannot be served.
    """
    if port is not None:
        assignments = (*assignments, f"service.bind=127.0.0.1:{port}")
    _share_counts(settings_of(config, assignments, {}).service.workers)
    try:
        from fhir_remission.service.answering.site import ServedSite
        from fhir_remission.service.openhim.mediator import Mediator
        from fhir_remission.service.running.app import application
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this needs {error.name}: python -m pip install 'fhir-remission[service]'"
        ) from None
    site = ServedSite(config, assignments)
    mediator = Mediator(site) if openhim else None

    def load() -> Any:
        site.open()
        if mediator is not None:
            mediator.start()
        return application(site, start_runs=sync, openhim=openhim)

    if sys.platform == "win32":
        _serve_by_waitress(site, load, announce)
    else:
        from fhir_remission.service.running.gunicorn_server import run

        run(site, load, announce)


def _share_counts(workers: int) -> None:
    """Several workers count in one folder; the library looks for it when it is first imported."""
    if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="fhir-remission-metrics-")


def _serve_by_waitress(
    site: ServedSite, load: Callable[[], Any], announce: Callable[[str], None]
) -> None:
    """waitress, where gunicorn does not run: it has bodies whole before a thread has them."""
    import waitress

    from fhir_remission.service.callers.callers import Callers, check_bind

    settings, service = site.settings, site.settings.service
    configure_logs(style=settings.log.format, level=settings.log.level, run_id=site.run_id)
    if service.cert_file:
        raise SettingsError("service.cert_file: waitress has no TLS; let a proxy do it")
    host, port = check_bind(settings, open_to_all=Callers(service, site.clock).open)
    announce(f"http://{host}:{port}")
    waitress.serve(
        load(),
        host=host.strip("[]"),
        port=port,
        threads=service.threads,
        ident=None,
        channel_timeout=int(service.body_time.total_seconds()),
        max_request_body_size=service.max_body_mib << 20,
    )
