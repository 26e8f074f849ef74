"""gunicorn with our limits: slow clients are cut off, a stop lets requests end."""

from __future__ import annotations

import gc
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from gunicorn import systemd
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.process.logs import configure_logs, get_logger
from fhir_remission.errors import SettingsError
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.callers.callers import Callers, check_bind
from fhir_remission.service.request.deadlines import DEADLINES
from fhir_remission.service.running.last_connections import let_in_the_last
from fhir_remission.settings import Settings

# Seconds in which a request line and its headers are there, and that a kept connection waits.
HEADERS, KEPT = 5.0, 5
# Beyond the time of an answer, for the last bytes.
GRACE = 5


class CutOffWorker(ThreadWorker):  # type: ignore[misc]
    """A thread worker whose clients have so long for their headers, and for a TLS handshake."""

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """From now on it is not ready; what it has is answered."""
        self.app.stopping()
        super().handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """One request of one connection."""
        DEADLINES.begin(conn, HEADERS + KEPT)
        try:
            return super().handle(conn)
        finally:
            DEADLINES.end()


class QuietLogger(Logger):  # type: ignore[misc]
    """gunicorn's words through our log; its access log would hold addresses of patients."""

    def setup(self, cfg: Any) -> None:
        """Nothing of its own."""
        super().setup(cfg)
        for one in (self.error_log, self.access_log):
            one.handlers[:] = []
            one.propagate = True
            one.setLevel("WARNING")

    def access(self, *_: object) -> None:
        """Each request has a line of ours."""


class LastInArbiter(Arbiter):  # type: ignore[misc]
    """An arbiter that closes its sockets when nobody waits at them any more."""

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 (gunicorn's own)
        """Called by a signal: the workers still answer while the queue runs empty."""
        if graceful:
            let_in_the_last([one.sock for one in self.LISTENERS], SystemClock())
        super().stop(graceful)


class Server(BaseApplication):  # type: ignore[misc]
    """The service of a site under gunicorn."""

    def __init__(self, site: ServedSite, load: Callable[[], Any]) -> None:
        self._site, self._load = site, load
        super().__init__()

    def load_config(self) -> None:
        """Our limits, by gunicorn's names."""
        for name, value in _options(self._site.settings).items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", self._began)
        self.cfg.set("child_exit", _forgotten)

    def load(self) -> Any:
        """The WSGI application, in the process that serves."""
        return self._load()

    def _began(self, worker: Any) -> None:
        gc.collect()
        gc.freeze()  # the tables stay: no collection looks at them again

    def stopping(self) -> None:
        """A worker was told to end: the site is not ready any more."""
        self._site.stopping = True

    def run(self) -> None:
        """Serve until told to stop."""
        LastInArbiter(self).run()


def _options(settings: Settings) -> dict[str, Any]:
    service = settings.service
    seconds = int(service.answer_time.total_seconds()) + GRACE
    options: dict[str, Any] = {
        "bind": [service.bind],
        "workers": service.workers,
        "threads": service.threads,
        "worker_class": CutOffWorker,
        "logger_class": QuietLogger,
        "timeout": 2 * seconds,
        "graceful_timeout": seconds,
        "keepalive": KEPT,
        "limit_request_line": 4094,
        "limit_request_fields": 64,
        "limit_request_field_size": 8190,
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108
        "control_socket_disable": True,
        "proc_name": "fhir-remission",
    }
    if service.cert_file:
        options |= {"certfile": str(service.cert_file), "keyfile": str(service.cert_key_file or "")}
    if service.client_ca_file:
        options |= {"ca_certs": str(service.client_ca_file), "cert_reqs": ssl.CERT_REQUIRED}
    return options


def _forgotten(_: Any, worker: Any) -> None:
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def run(site: ServedSite, load: Callable[[], Any], announce: Callable[[str], None]) -> None:
    """Serve until told to stop."""
    settings = site.settings
    log = settings.log
    configure_logs(style=log.format, level=log.level, run_id=site.run_id)
    open_to_all = Callers(settings.service, site.clock).open
    given = _given_by_systemd()
    for bind in given:
        check_bind(_bound(settings, bind), open_to_all=open_to_all)
    host, port = check_bind(settings, open_to_all=open_to_all)
    if port == 0 and not given:
        with socket.create_server((host.strip("[]"), port)) as held:
            port = held.getsockname()[1]
    site.settings = _bound(settings, given[0] if given else f"{host}:{port}")
    scheme, bind = "https" if settings.service.cert_file else "http", site.settings.service.bind
    announce(f"{scheme}://{bind}")
    get_logger().info("serving", host=bind, count=settings.service.workers)
    Server(site, load).run()


def _bound(settings: Settings, bind: str) -> Settings:
    service = settings.service.model_copy(update={"bind": bind})
    return settings.model_copy(update={"service": service})


def _given_by_systemd() -> list[str]:
    """Where a socket unit listens for us: what `service.bind` may not be, it may not be either."""
    first = systemd.SD_LISTEN_FDS_START
    found = []
    for number in range(first, first + systemd.listen_fds(unset_environment=False)):
        with socket.socket(fileno=os.dup(number)) as held:
            if held.family not in (socket.AF_INET, socket.AF_INET6):
                raise SettingsError("the socket unit: ListenStream is an address and a port here")
            host, port = held.getsockname()[:2]
            found.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return found
