"""Commands as processes that begin warm: everything is imported once, and forked from there.

They end as `python -m fhir_remission` does, and cost a tenth of its processor; for tests that
need hundreds of them.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile import warm_child
from tests.hostile.processes import Ended

# What multiprocessing says where its fork server lost a status (popen_forkserver.Popen.poll);
# no command of ours ends with it.
_LOST = 255


class LostStatus(Exception):
    """How the process ended is not known: try the whole case again."""


_WARM = multiprocessing.get_context("forkserver")
_WARM.set_forkserver_preload([warm_child.__name__])


def ran_warm(
    arguments: Sequence[str],
    folder: Path,
    *,
    until: threading.Event | None = None,
    signals: Sequence[int] = (),
    slow_names: bool = False,
    timeout: float = 60.0,
) -> Ended:
    """Run one command to its end, as `ran` does; where `slow_names`, no name is ever resolved."""
    out, err = folder / "stdout", folder / "stderr"
    err.write_text("")
    process = _WARM.Process(
        target=warm_child.command, args=(list(arguments), folder, out, err, slow_names)
    )
    process.start()
    began = time.monotonic()
    try:
        if until is not None:
            while not until.wait(0.1) and process.exitcode is None:
                assert time.monotonic() < began + timeout
            time.sleep(0.3)
            began = time.monotonic()
            for number in signals:
                os.kill(process.pid or 0, number)
        process.join(timeout)
        seconds = time.monotonic() - began
        assert process.exitcode is not None, f"{arguments} did not end"
        if process.exitcode == _LOST:
            raise LostStatus(arguments)
        said = err.read_text(errors="replace")
        return Ended(process.exitcode, out.read_bytes(), said, seconds, 0)
    finally:
        process.kill()
        process.join()
