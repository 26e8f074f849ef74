"""Faults: a server that goes wrong on purpose, at the moments asked for, and counts how often."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
from msgspec import Struct

from fhir_remission.rehearsal.faults.fault_effects import AFTER, BEFORE, asked_patient
from fhir_remission.rehearsal.faults.fault_kinds import Fault, read_fault
from fhir_remission.rehearsal.server.replies import Reply, Request
from fhir_remission.rehearsal.server.service import Service


class Moment(Struct, frozen=True):
    """What kind of request this is, and its place among those of its kind."""

    occasions: frozenset[str]
    page: int = 0
    write: int = 0


class Faults:
    """The faults of one server; `fired` says how often each really happened."""

    def __init__(
        self, faults: Sequence[Fault], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.fired: Counter[str] = Counter()
        self._faults = tuple(faults)
        self._sleep = sleep
        self._writes = 0
        self._lock = threading.Lock()

    @property
    def clock_skew(self) -> timedelta:
        """How far ahead the server's clock is."""
        skews = [int(fault.argument) for fault in self._faults if fault.name == "clock-skew"]
        return timedelta(seconds=sum(skews))

    @property
    def about_login(self) -> bool:
        """Whether one of them needs a server that asks for a token."""
        return any(fault.name.startswith("token-") for fault in self._faults)

    def stop(self) -> None:
        """Heal the server; the counts stay."""
        self._faults = ()

    def set(self, specs: Sequence[str]) -> None:
        """Replace the faults of a running server."""
        self._faults = tuple(read_fault(spec) for spec in specs)
        self.fired.clear()
        self._writes = 0

    def answer(self, request: Request, service: Service) -> Reply:
        """Answer a request, going wrong where it is due."""
        if not self._faults:
            return service.answer(request)
        moment = self._moment(request, service)
        due = [fault for fault in self._faults if self._due(fault, request, moment)]
        changed = self._before(due, request, service)
        if isinstance(changed, Reply):
            return changed
        return self._after(due, changed, service.answer(changed), service)

    def _before(self, due: Sequence[Fault], request: Request, service: Service) -> Request | Reply:
        for fault in due:
            if fault.name == "slow":
                self._count(fault)
                self._sleep(int(fault.argument) / 1000)
            effect = BEFORE.get(fault.name)
            if effect is None:
                continue
            result = effect(fault, request, service)
            if result is not None:
                self._count(fault)
            if isinstance(result, Reply):
                return result
            request = result or request
        return request

    def _after(
        self, due: Sequence[Fault], request: Request, reply: Reply, service: Service
    ) -> Reply:
        for fault in due:
            effect = AFTER.get(fault.name)
            if effect is None or not _can_spoil(fault, reply):
                continue
            changed = effect(fault, request, reply, service)
            if changed is not reply:
                self._count(fault)
                reply = changed
        skew = self.clock_skew
        return with_date(reply, service) if skew else reply

    def _moment(self, request: Request, service: Service) -> Moment:
        occasions = {"any"}
        page = 0
        token = dict(request.query).get("_getpages", "")
        if request.path == ("token",):
            return Moment(frozenset({"token"}))
        if token or request.is_search or (request.method == "GET" and len(request.path) == 1):
            occasions |= {"page"} if token else {"page", "search"}
            page = service.pages.page_number(token) if token else 1
        if asked_patient(request):
            occasions.add("patient")
        if not request.is_write:
            return Moment(frozenset(occasions), page=page)
        occasions |= {"write", "create"}
        with self._lock:
            self._writes += 1
            return Moment(frozenset(occasions), write=self._writes)

    def _due(self, fault: Fault, request: Request, moment: Moment) -> bool:
        kind = fault.kind
        if kind.on not in moment.occasions:
            return False
        scheduled = fault.scheduled(request.number)
        if scheduled is not None:
            return scheduled and not (fault.name == "expire-page" and moment.page < 2)
        if not fault.always and self.fired[fault.spec]:
            return False
        place = moment.write if kind.on == "write" else moment.page
        return not kind.ordinal or place == int(fault.argument)

    def _count(self, fault: Fault) -> None:
        with self._lock:
            self.fired[fault.spec] += 1


def _can_spoil(fault: Fault, reply: Reply) -> bool:
    """Whether an answer is what the fault spoils: an answer that went well."""
    if fault.kind.on == "page":
        return reply.status == 200 and bool(reply.body)
    return reply.status < 400


def with_date(reply: Reply, service: Service) -> Reply:
    """Send the server's own, skewed clock in the Date header."""
    return msgspec.structs.replace(reply, headers={"Date": service.date(), **reply.headers})


def read_faults(specs: Sequence[str]) -> Faults:
    """Read every `--fault`."""
    return Faults([read_fault(spec) for spec in specs])
