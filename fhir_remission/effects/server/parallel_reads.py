"""Several chains of reads to one server at once, each on a thread of its own.

What they bring is handed out in the order in which it was asked for, so that nobody can tell from
the result how many there were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

from msgspec import Struct

from fhir_remission.effects.process.clock import Stop
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.errors import LoginRefused, SafetyStop

Item = TypeVar("Item")
Result = TypeVar("Result")
# So far ahead of the reader, for each chain: enough that none waits for a slow neighbour, and
# memory stays bounded by a few chunks of patients.
AHEAD = 2
# What makes reading on wrong for everybody: the run ends before the next patient is judged.
ALARMS = (SafetyStop, LoginRefused)


class Chains(Struct, frozen=True):
    """Reading clients of one server that may be used at the same time."""

    clients: tuple[FhirClient, ...]
    stop: Stop

    @property
    def first(self) -> FhirClient:
        """The one for what is asked one after the other."""
        return self.clients[0]

    def close(self) -> None:
        """Close the connections of all of them."""
        for client in self.clients:
            client.close()

    def in_order(
        self, read: Callable[[FhirClient, Item], Result], items: Iterable[Item]
    ) -> Generator[Result]:
        """Read items some way ahead; an error comes where its result would have come.

        Close it where not everything is taken, so that the chains end.
        """
        if len(self.clients) == 1:
            yield from (read(self.first, item) for item in items)
            return
        idle: SimpleQueue[FhirClient] = SimpleQueue()
        for client in self.clients:
            idle.put(client)

        def work(item: Item) -> Result:
            client = idle.get()
            try:
                self.stop.check()
                return read(client, item)
            except ALARMS as error:
                self.stop.end(error)
                raise
            finally:
                idle.put(client)

        with ThreadPoolExecutor(len(self.clients), thread_name_prefix="chain") as pool:
            # The log's context goes along: which run it is.
            yield from self._handed_out(
                pool.submit(copy_context().run, work, item) for item in items
            )

    def _handed_out(self, begun: Iterator[Future[Result]]) -> Generator[Result]:
        ahead: deque[Future[Result]] = deque()
        try:
            for future in begun:
                ahead.append(future)
                if len(ahead) > AHEAD * len(self.clients):
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BaseException:
            # Also where the reader wants no more of it: nobody reads on for nothing.
            self.stop.end()
            for future in ahead:
                future.cancel()
            raise
