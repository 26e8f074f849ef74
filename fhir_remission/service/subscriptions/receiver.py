"""Takes notifications, and marks in the state who is to be read: answered at once, done soon.

The mark is the one of `sync --patient`: a run that is under way takes it before it ends, else the
next one does. Whom a notification does not name the next run finds by what changed.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from collections import OrderedDict
from contextlib import closing
from typing import Any

import msgspec

from fhir_remission.effects.process.logs import get_logger
from fhir_remission.effects.state.state import open_state
from fhir_remission.errors import RemissionError
from fhir_remission.jobs.site.turn import ASKED_FOR
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.callers.tokens import unauthorized
from fhir_remission.service.request.body import read_whole
from fhir_remission.service.request.refusals import Refused, outcome
from fhir_remission.service.subscriptions.notices import (
    Notice,
    is_proved,
    read_notice,
    read_secrets,
)

# Seconds in which calls become one mark, and the least between two runs that they start.
TOGETHER, APART = 0.5, 5.0
_REMEMBERED = 10_000
_TAKEN = msgspec.json.encode(outcome("information", "informational", "taken"))


class Marks:
    """Whom notifications were about, on their way into the state; a run is started if asked for."""

    def __init__(self, site: ServedSite, *, start_runs: bool) -> None:
        self._site, self._start_runs = site, start_runs
        self._waiting: set[str] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._called = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, notice: Notice) -> None:
        """Note a notification; one that was seen, or only says that all is well, does nothing."""
        if notice.kind in ("handshake", "heartbeat"):
            return
        with self._lock:
            if notice.key and notice.key in self._seen:
                return
            if notice.key:
                self._seen[notice.key] = None
                if len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)
            self._waiting |= notice.patients
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="marks", daemon=True)
                self._thread.start()
        self._called.set()

    def _run(self) -> None:
        while True:
            self._called.wait()
            self._called.clear()
            self._site.clock.sleep(TOGETHER)
            self.write()
            if self._start_runs:
                self._sync()
                self._site.clock.sleep(APART)

    def write(self) -> None:
        """Put the marks into the state; what cannot be written now waits for the next call."""
        with self._lock:
            named, self._waiting = self._waiting, set()
        settings = self._site.settings
        try:
            with closing(open_state(settings.state.url, self._site.clock)) as state:
                due = dict.fromkeys(sorted(named), ASKED_FOR)
                # A name of its own: who is marked again while being read stays due.
                mark = f"{self._site.run_id}-{secrets.token_hex(3)}"
                state.advance(settings.source.base_url, {}, due, mark)
        except (RemissionError, OSError) as error:
            get_logger().warning("not_marked", error=type(error).__name__, count=len(named))
            with self._lock:
                self._waiting |= named

    def _sync(self) -> None:
        """One run in a process of its own: it has its own lock, limits and log."""
        sets = [part for one in self._site.assignments for part in ("--set", one)]
        command = [sys.executable, "-m", "fhir_remission", "sync", "--config"]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, str(self._site.config), *sets], stdout=subprocess.DEVNULL, check=False
        )
        get_logger().info("woken_run", exit_code=done.returncode)
        if done.returncode in (6, 75):
            self._called.set()


class Receiver:
    """`POST /notify`, and `PUT|POST|DELETE /notify/Type/id` as HAPI sends resources."""

    def __init__(self, site: ServedSite, marks: Marks) -> None:
        self._marks, self._service = marks, site.settings.service
        path = self._service.subscriptions.secret_file
        self._secrets = read_secrets(path) if path is not None else ()

    def on_post(self, req: Any, resp: Any, kind: str = "", name: str = "") -> None:
        """200 as soon as it is known who sends; the body is a hint, whatever stands in it."""
        if not self._secrets:
            raise Refused(
                404, "not-found", "no notifications are taken: see [service.subscriptions]"
            )
        if not is_proved(req.get_header("Authorization") or "", self._secrets):
            raise unauthorized()
        limit = self._service.max_body_mib << 20
        body = read_whole(req.env, limit, self._service.body_time.total_seconds())
        self._marks.take(read_notice(body, f"{kind}/{name}"))
        resp.content_type = "application/fhir+json"
        resp.data = _TAKEN

    on_put = on_post
    on_delete = on_post
