"""One run at a time on this machine, released by the kernel when the process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fhir_remission.effects.files.private_file import check_place
from fhir_remission.errors import AlreadyRunning, SettingsError


@contextmanager
def only_run(path: Path) -> Iterator[None]:
    """Hold the lock file, or raise AlreadyRunning at once."""
    lock = FileLock(path, mode=0o600)
    try:
        check_place(path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyRunning(
            f"another run holds {path}; it is released when that run ends"
        ) from None
    except OSError as error:
        raise SettingsError(f"cannot create the lock file {path}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()
