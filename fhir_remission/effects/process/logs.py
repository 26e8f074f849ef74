"""All logs through one handler on stderr, free of patient data by construction.

Only fields named here are written; URLs and references inside a text are cut down to host and
type; of other libraries' records only name, level and place remain, because urllib3 and others
put URLs into theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import sys
from typing import Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from fhir_remission.domain.nouns.plain_text import plain

OURS = "fhir_remission"
CAPPED = ("urllib3", "requests", "sqlalchemy", "filelock", "charset_normalizer")
FIELDS = frozenset(
    {
        *("event", "level", "timestamp", "logger", "place", "run_id", "correlation_id"),
        *("patient", "server", "source", "sink", "resource", "label", "method", "status", "page"),
        *("attempt", "attempts", "seconds", "ms", "bytes", "count", "counts", "requests"),
        *("unsafe_requests", "retries", "seconds_waited", "reason", "outcome", "disposition"),
        *("write", "exit", "exit_code", "profile", "delta", "criteria", "version", "codes"),
        *("parameters", "error", "file", "patients", "watermark", "host", "mode", "flags"),
        *("classified", "indeterminate", "incomplete", "failed", "skipped", "unmapped", "lines"),
        "like_inputs",
        *("created", "updated", "retracted", "parked", "unchanged", "not_due", "foreign", "unread"),
        *("merge_one_sided", "clock_apart", "elsewhere", "foreign_results"),
        *("acknowledged", "vanished", "entries", "changes", "next"),
        # Paths of elements that a server dropped, never values.
        *("not_kept", "changed", "cohort"),
        # Of a request: the template of its route, never its address.
        *("route", "trace", "caller"),
    }
)
_URL = re.compile(r"(?i)\b(https?://)(?:[^/\s@]*@)?([^/?#\s]+)[^\s]*")
_REFERENCE = re.compile(r"\b([A-Z][A-Za-z]{2,40})/[A-Za-z0-9._~-]+(?:/_history/[\w.-]+)?")
_HASH_LABEL = b"fhir-remission|log-hash|1"


class PatientHash:
    """Names a patient in logs and audit; without a site key the names hold for one run only."""

    def __init__(self, site_key: bytes | None = None) -> None:
        # Derived, so that a name in a log says nothing about an id on the server.
        self._key = hmac.digest(site_key or secrets.token_bytes(32), _HASH_LABEL, hashlib.sha256)

    def __call__(self, patient: str) -> str:
        """Return the name of `Patient/p1`."""
        return hmac.digest(self._key, patient.encode(), hashlib.sha256).hex()[:16]


def get_logger(**context: str) -> BoundLogger:
    """Return a logger of ours; silent below warning until `configure_logs` is called."""
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(OURS),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.contextvars.merge_contextvars,
            _stamp,
            keep_known_fields,
            cut_addresses,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )
    return logger.bind(**context)


def configure_logs(
    *,
    style: Literal["auto", "json", "text"],
    level: str,
    run_id: str,
    stream: TextIO | None = None,
) -> None:
    """Send every logger of this process through one handler; call it before anything logs."""
    stream = stream or sys.stderr
    as_json = style == "json" or (style == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, _stamp, _only_the_place],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _made_plain,
                structlog.processors.JSONRenderer(default=str) if as_json else _as_text,
            ],
        )
    )
    # An engine that closed our stderr must not turn each log line into a traceback.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(level.upper())
    for name in CAPPED:
        logging.getLogger(name).setLevel(logging.WARNING)
    # What else is bound stays: a request that is served has names of its own around a run.
    structlog.contextvars.bind_contextvars(run_id=run_id)


def describe_bug(error: BaseException) -> str:
    """Say where a bug of ours struck, without its message, which may quote data."""
    places: list[str] = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return f"{type(error).__name__} at " + " > ".join(places[-6:])


def keep_known_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop the value of every field that is not known to be harmless."""
    for name in event.keys() - FIELDS:
        event[name] = "(not logged)"
    return event


def cut_addresses(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cut URLs down to their host and references down to their type."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_addresses(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            event[name] = without_addresses(str(value))
    return event


def without_addresses(text: str) -> str:
    """Return the text with URLs cut to their host and references to their type."""
    return _REFERENCE.sub(r"\1/...", _URL.sub(r"\1\2", text))


def _stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", event)


def _only_the_place(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event["event"] = "library_message"
    event["logger"] = record.name
    event["place"] = f"{record.filename}:{record.lineno}"
    event.pop("exc_info", None)
    return event


def _made_plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The last step before a line is written, for our own records and those of libraries."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = plain(value)
    return event


def _as_text(_: WrappedLogger, __: str, event: EventDict) -> str:
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):<7} {event.pop('event', '')}"
    return " ".join([head, *(f"{name}={value}" for name, value in event.items())])
