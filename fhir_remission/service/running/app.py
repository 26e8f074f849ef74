"""The routes, and what every request goes through before and after them."""

from __future__ import annotations

import threading
from typing import Any

import falcon
import msgspec
from structlog.contextvars import bind_contextvars, unbind_contextvars

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.process.logs import describe_bug, get_logger
from fhir_remission.errors import RemissionError
from fhir_remission.service.answering.cohort import Cohort
from fhir_remission.service.answering.pages import Pages
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.callers.callers import Caller, Callers
from fhir_remission.service.callers.rates import Rates
from fhir_remission.service.hooks import service as hooks
from fhir_remission.service.openhim.envelope import TRANSACTION, Envelope
from fhir_remission.service.openhim.mediator import urn_of
from fhir_remission.service.probes.metrics import Metrics
from fhir_remission.service.probes.self_description import (
    Definition,
    Live,
    Measured,
    Metadata,
    Ready,
)
from fhir_remission.service.request.correlation import correlation_of
from fhir_remission.service.request.deadlines import DEADLINES
from fhir_remission.service.request.media import FHIR
from fhir_remission.service.request.refusals import Refused, body_of, broken, refusal_of
from fhir_remission.service.running.operation import Operation
from fhir_remission.service.subscriptions.receiver import Marks, Receiver

# Nobody has to log in for these: they say nothing of anybody.
_OPEN = ("/health/live", "/health/ready")
# A signed link and the secret of a Subscription prove themselves.
_PROVED = ("/pages/", "/notify")
_CODES = {404: "not-found", 405: "not-supported", 400: "structure", 414: "too-long"}


class Around:
    """Names, login, rate, limits of time, headers, log and count of every request."""

    def __init__(self, site: ServedSite, metrics: Metrics) -> None:
        self._clock = SystemClock()
        self._callers = Callers(site.settings.service, self._clock)
        self._rates = Rates(site.settings.service.rate, self._clock)
        self._clients = hooks.Clients(site)
        self._origins = site.settings.service.hooks.origins
        self._seconds = site.settings.service.body_time.total_seconds()
        self._metrics, self._run_id = metrics, site.run_id

    def process_request(self, req: Any, resp: Any) -> None:
        """Before a route is looked for: a stranger learns nothing, not even which there are."""
        DEADLINES.end()
        head = req.get_header
        names = correlation_of(
            head("X-Request-Id") or head(TRANSACTION) or "",
            head("X-Correlation-Id") or "",
            head("traceparent") or "",
        )
        req.context.began = self._clock.monotonic()
        req.context.names = names
        bind_contextvars(run_id=self._run_id, correlation_id=names.request_id, trace=names.trace)
        for name, value in names.headers.items():
            resp.set_header(name, value)
        for name, value in _HEADERS.items():
            resp.set_header(name, value)
        req.context.caller = self._caller(req, resp)
        if req.context.caller is not None:
            self._rates.check(req.context.caller.name)

    def _caller(self, req: Any, resp: Any) -> Caller | None:
        """Who calls; None where the route itself finds out, or anybody may."""
        if req.path in _OPEN or req.path.startswith(_PROVED):
            return None
        if req.path.startswith(hooks.PATH):
            hooks.allow_origin(req, resp, self._origins)
            if req.method == "OPTIONS" and req.get_header("Origin") in self._origins:
                return None
            if self._clients.named:
                return Caller(self._clients.name(req.get_header("Authorization") or "", req.path))
        return self._callers.of(req.env)

    def process_response(self, req: Any, resp: Any, _: object, __: bool) -> None:  # noqa: FBT001
        """After the answer is made: log and count, and give the caller its time to take it."""
        route = req.uri_template or "(none)"
        status = int(str(resp.status).split()[0])
        began = getattr(req.context, "began", None)
        seconds = 0.0 if began is None else self._clock.monotonic() - began
        self._metrics.request(route, req.method, status)
        caller = getattr(req.context, "caller", None)
        get_logger().info(
            "request",
            method=req.method if req.method in falcon.HTTP_METHODS else "(other)",
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            caller=caller.name if caller else "",
        )
        unbind_contextvars("correlation_id", "trace")
        socket = req.env.get("gunicorn.socket")
        if socket is not None:
            DEADLINES.begin(socket, self._seconds, 2)


_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def application(site: ServedSite, *, start_runs: bool = False, openhim: bool = False) -> Any:
    """The WSGI application of a site.

    `start_runs` lets notifications start runs of `sync`; `openhim` knows requests that came
    through OpenHIM.
    """
    metrics = Metrics(site)
    # The first of these sees a request first and an answer last.
    outermost = [Envelope(urn_of(site.settings), site.clock)] if openhim else []
    app = falcon.App(middleware=[*outermost, Around(site, metrics)])
    app.req_options.strip_url_path_trailing_slash = True
    app.set_error_serializer(_unrouted)
    app.add_error_handler(Exception, _bug)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(RemissionError, _remission_error)
    app.add_error_handler(Refused, _refused)
    slots = threading.BoundedSemaphore(max(1, site.settings.service.threads - 1))
    operation = Operation(site, metrics, slots)
    app.add_route("/$classify-remission", operation)
    app.add_route("/Patient/{patient}/$classify-remission", operation, suffix="patient")
    app.add_route("/metadata", Metadata(site))
    app.add_route("/OperationDefinition/classify-remission", Definition(site))
    app.add_route("/health/live", Live())
    app.add_route("/health/ready", Ready(site))
    app.add_route("/metrics", Measured(metrics))
    pages = Pages(site)
    app.add_route("/patients/{patient}", pages)
    app.add_route("/pages/{token}", pages, suffix="signed")
    cohort = Cohort(site)
    app.add_route("/cohort", cohort)
    app.add_route("/cohort/{page}", cohort, suffix="page")
    hook = hooks.Hook(site, pages)
    app.add_route(hooks.PATH, hooks.Discovery(site))
    app.add_route(f"{hooks.PATH}/{hooks.ID}", hook)
    app.add_route(f"{hooks.PATH}/{hooks.ID}/feedback", hook, suffix="feedback")
    receiver = Receiver(site, Marks(site, start_runs=start_runs))
    app.add_route("/notify", receiver)
    app.add_route("/notify/{kind}/{name}", receiver)
    return app


def _refused(_req: Any, resp: Any, refused: Refused, _: object) -> None:
    resp.status = refused.status
    resp.content_type = f"{FHIR}; charset=utf-8"
    resp.data = body_of(refused)
    if refused.retry_after:
        resp.set_header("Retry-After", str(refused.retry_after))
    if refused.status == 401:
        resp.set_header("WWW-Authenticate", "Bearer")


def _remission_error(req: Any, resp: Any, error: RemissionError, params: object) -> None:
    refused = refusal_of(error)
    get_logger().warning(
        "refused", status=refused.status, error=type(error).__name__, reason=str(error)
    )
    _refused(req, resp, refused, params)


def _bug(req: Any, resp: Any, error: Exception, params: object) -> None:
    get_logger().error("bug", error=describe_bug(error))
    _refused(req, resp, broken(), params)


def _http_error(req: Any, resp: Any, error: Any, params: object) -> None:
    """What falcon itself refuses: no such route, no such method, a request it cannot read."""
    status = int(str(error.status).split()[0])
    code = _CODES.get(status, "processing" if status < 500 else "exception")
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    _refused(req, resp, Refused(status, code, _WORDS.get(status, "this is not served")), params)


_WORDS = {
    404: "there is nothing under this address: see /metadata",
    405: "this address does not take this method: see the header Allow",
}


def _unrouted(req: Any, resp: Any, error: Any) -> None:
    resp.data = msgspec.json.encode({"resourceType": "OperationOutcome"})
