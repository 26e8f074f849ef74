"""What the process was given: the environment, files and standard input."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from fhir_remission.errors import InputError

CHUNK = 1 << 20


def environment() -> Mapping[str, str]:
    """Return the environment variables as they are now."""
    return dict(os.environ)


def ignore_key_log() -> None:
    """Never write the keys of our connections to a file, whoever started us with that wish.

    OpenSSL's wrappers (`ssl`, urllib3) open the file that this variable names and append to it.
    """
    os.environ.pop("SSLKEYLOGFILE", None)


def read_chunks(source: str | Path | BinaryIO) -> Iterator[bytes]:
    """Yield a file or an open stream in pieces."""
    if not isinstance(source, str | Path):
        yield from iter(lambda: source.read(CHUNK), b"")
        return
    try:
        with Path(source).open("rb") as stream:
            yield from iter(lambda: stream.read(CHUNK), b"")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None


def allow_open_files(count: int) -> None:
    """Let this process have that many files open, as far as the system lets us say so."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
