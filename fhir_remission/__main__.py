"""`python -m fhir_remission`, and the console script: the first thing that runs."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Never


def start() -> Never:
    """Run the command line; Ctrl-C while everything is imported ends it without a traceback."""
    # Nothing was begun yet, so nothing need be undone. An exception would be told wherever it
    # strikes, and in an import hook ignored.
    signal.signal(signal.SIGINT, _leave)
    from fhir_remission.cli.main import entry_point

    signal.signal(signal.SIGINT, signal.default_int_handler)
    entry_point()


def _leave(_: int, __: FrameType | None) -> Never:
    os._exit(130)


if __name__ == "__main__":
    start()
