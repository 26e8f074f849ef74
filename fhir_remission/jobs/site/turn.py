"""One run's turn to write: who was asked for is marked due first, then the lock, then the lease.

So an event of an engine outlives the run that could not begin: the run that holds the lock takes
it before it ends, or the next one does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import NamedTuple, TypeVar

from msgspec import Struct

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.effects.state.lease import Lease, renewed, take_lease
from fhir_remission.effects.state.lock import only_run
from fhir_remission.effects.state.state import State
from fhir_remission.errors import AlreadyRunning
from fhir_remission.jobs.site.site_files import lock_file
from fhir_remission.settings import Settings

ASKED_FOR = "asked for"
# Between two looks at a lock that another run holds, in seconds.
PAUSE = 0.5
Taken = TypeVar("Taken")


class Memory(NamedTuple):
    """What is known of earlier runs, and the turn of this one; a dry run has none."""

    state: State
    lease: Lease | None


class Turn(Struct, frozen=True):
    """Who waits, for how long, and for which patients (bare or full ids)."""

    clock: Clock
    stop: Stop
    run_id: str
    patients: Sequence[str] = ()
    wait: timedelta = timedelta(0)

    def take(self, settings: Settings, state: State, stack: ExitStack) -> Lease:
        """Become the one run of a site, until the stack is closed."""
        asked = {f"Patient/{one.removeprefix('Patient/')}": ASKED_FOR for one in self.patients}
        if asked:
            state.advance(settings.source.base_url, {}, asked, self.run_id)
        try:
            self._patiently(lambda: stack.enter_context(only_run(lock_file(settings))))
            lease = self._patiently(lambda: self._lease(settings, state))
        except AlreadyRunning as error:
            held = number_of(len(asked), "patient asked for stays", "patients asked for stay")
            left = f"; {held} due until it, or the next run, takes them"
            raise AlreadyRunning(f"{error}{left if asked else ''}") from None
        stack.callback(lease.release)
        stack.enter_context(renewed(lease, self.stop))
        return lease

    def _lease(self, settings: Settings, state: State) -> Lease:
        owner = secrets.token_hex(8)
        return take_lease(state.database, self.clock, lease_name(settings), owner)

    def _patiently(self, take: Callable[[], Taken]) -> Taken:
        ends = self.clock.monotonic() + self.wait.total_seconds()
        while True:
            try:
                return take()
            except AlreadyRunning:
                if self.clock.monotonic() >= ends:
                    raise
            self.stop.check()
            self.clock.sleep(PAUSE)


def lease_name(settings: Settings) -> str:
    """What the runs of a site contend for."""
    return settings.site.id or "site"
