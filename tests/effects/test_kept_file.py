"""What is made of a file is made once, until the file is another one."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fhir_remission.effects.files.kept_file import KeptFile
from fhir_remission.effects.process.clock import SystemClock


def test_a_file_that_rests_is_read_once(tmp_path: Path) -> None:
    """Touched, it is read again; just written, it is read each time: it may change unseen."""
    file = tmp_path / "list.csv"
    made: list[str] = []

    def make() -> int:
        made.append(file.read_text())
        return len(made)

    kept = KeptFile(make, SystemClock())
    file.write_text("anna")
    assert [kept.of(file), kept.of(file)] == [1, 2]
    for ago, turn in ((60, 3), (30, 4)):
        past = time.time() - ago
        os.utime(file, (past, past))
        assert [kept.of(file), kept.of(file)] == [turn, turn]
