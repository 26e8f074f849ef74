"""Who read or wrote which patient: one JSON line each, appended, before the next write.

Field names follow IHE Basic Audit Log Patterns: action, agent, entity, outcome. The patient is a
keyed hash, the same as in the logs, so that both can be read side by side and neither names her.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from fhir_remission.effects.files.private_file import open_to_append
from fhir_remission.effects.process.clock import Clock, timestamp
from fhir_remission.errors import SafetyStop

Action = Literal["read", "create", "update", "retract", "purge"]


class Audit:
    """An append-only file; a line that cannot be written stops the run."""

    def __init__(self, path: Path, *, clock: Clock, run_id: str) -> None:
        self._path, self._clock, self._run_id = path, clock, run_id
        self._file = self._opened()

    def record(self, action: Action, patient_hash: str, *, server: str, outcome: str) -> None:
        """Append one line and make sure it is on the disk."""
        self.record_all(action, (patient_hash,), server=server, outcome=outcome)

    def record_all(
        self, action: Action, patient_hashes: Iterable[str], *, server: str, outcome: str
    ) -> None:
        """Append a line for each patient, and make sure that all are on the disk."""
        line = {
            "recorded": timestamp(self._clock.now()),
            "action": action,
            "agent": "fhir-remission",
            "run_id": self._run_id,
            "server": server,
            "entity": "",
            "outcome": outcome,
        }
        try:
            for name in patient_hashes:
                line["entity"] = name
                self._append(msgspec.json.encode(line) + b"\n")
            os.fsync(self._file)
        except OSError as error:
            raise SafetyStop(self._complaint(error)) from None

    def _append(self, line: bytes) -> None:
        if os.write(self._file, line) != len(line):  # the rest found no room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _opened(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = open_to_append(self._path, read=True)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                os.write(file, b"\n")  # a line that a full disk cut off stays one of its own
            return file
        except OSError as error:
            raise SafetyStop(self._complaint(error)) from None

    def _complaint(self, error: OSError) -> str:
        return (
            f"the access audit {self._path} cannot be written ({error.strerror}): nothing is sent"
        )
