"""Files with patient data: for their owner only, put in place whole, never through a link.

The only module that opens files for writing. A file is made beside its place under a name nobody
can guess (`mkstemp`: O_EXCL, O_NOFOLLOW, 0600), forced to the disk and renamed at the end: a reader
sees the old file or the new one, and what somebody planted under either name is never written to.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fhir_remission.errors import RemissionError, Unreachable, UsageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_PRIVATE = 0o600
# The files of a process itself, `/dev/stdout` and `/dev/null` among them: nothing lies there.
_DEVICES = frozenset({Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")})
# A file name has 255 bytes; 40 letters have 160 at most, and the rest of ours 20.
_NAMED = 40


class Planted(UsageError):
    """Something stands in the place of a file that we would not have put there."""


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes its place when the block ends well; OSError where the disk does not."""
    check_place(target)
    descriptor, name = _beside(target)
    try:
        with open(descriptor, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
            # Before the lock on it goes: a file without one is taken for left behind.
            os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _force_folder(target.parent)


def write_whole(target: Path, data: bytes) -> None:
    """Put a file in place whole; OSError where the disk does not take it."""
    with new_file(target) as file:
        file.write(data)


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Put files in place whole, by their paths below a folder; a full or closed disk is told."""
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content)
    except OSError as error:
        raise not_written(folder, error) from None
    return [folder / name for name in files]


@contextmanager
def output_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """What a command was told to write: the place is tried at once, and every failure is told.

    Lines that came before a run ended early take their place: each of them is true, the exit code
    says that they are not all, and the lines of an older run would be taken for those of this one.
    """
    if path.parent in _DEVICES:
        with _told(path):
            device = path.open("wb", buffering=0)
        with device:
            yield _teller(path, device)
        return
    cut: BaseException | None = None
    with _told(path), new_file(path) as file:
        try:
            yield _teller(path, file)
        except _NotWritten:
            raise
        except BaseException as error:
            cut = error
    if cut is not None:
        raise cut


def check_output(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """See before a run whether its output can be written there, and that it is no input."""
    with _told(path):
        for one in inputs:
            if one.exists() and path.exists() and path.samefile(one):
                raise UsageError(f"{path} is read by this run as {one}: give it another name")
        if path.parent not in _DEVICES:
            check_place(path)
            descriptor, name = _beside(path)
            os.unlink(name)
            os.close(descriptor)


def write_output(path: Path, data: bytes) -> None:
    """Write what a command was told to write, whole; every failure is told."""
    with output_file(path) as put:
        put(data)


def open_to_append(path: Path, *, read: bool = False) -> int:
    """Open a file that grows, or make it; a link or what is no file is refused."""
    flags = (os.O_RDWR if read else os.O_WRONLY) | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    check_place(path)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _PRIVATE)
        os.fchmod(descriptor, _PRIVATE)
    except FileExistsError:
        descriptor = os.open(path, flags)
    return descriptor


def make_once(path: Path, data: bytes) -> None:
    """Make a file that was not there; FileExistsError where anything has its name, a link too."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _PRIVATE)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, _PRIVATE)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise


def make_private(path: Path) -> None:
    """Make an empty file for others to open, a database say, where there is none yet."""
    os.close(open_to_append(path))


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter."""
    if path.is_symlink():
        raise Planted(f"{path} is a link: name the folder that it leads to")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise not_written(path, error) from None
    return path


def check_place(path: Path) -> None:
    """Refuse to write where a link, a folder or a device stands; OSError where nobody can look."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise Planted(f"{path} is a link: remove it, or name the file that it leads to")
    if stat.S_ISDIR(mode):
        raise Planted(f"{path} is a folder: name a file")
    if not stat.S_ISREG(mode):
        raise Planted(f"{path} is no plain file: remove it, or name another")


def not_written(path: Path, error: OSError, kept: str = "") -> RemissionError:
    """What an output that cannot be written means, and what to do next; `kept` is not lost."""
    reason = error.strerror or type(error).__name__
    if error.errno in FULL:
        kept = f"; {kept}" if kept else ""
        return _Full(f"{path}: {reason}: make room and run the same command again{kept}")
    return _Refused(f"{path} cannot be written ({reason}): check the folder and its rights")


class _NotWritten(RemissionError):
    """The output itself failed."""


class _Full(_NotWritten, Unreachable):
    """No room; another time it may do."""


class _Refused(_NotWritten, UsageError):
    """Not there."""


def _teller(path: Path, file: BinaryIO) -> Callable[[bytes], None]:
    def put(data: bytes) -> None:
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            raise not_written(path, error) from None

    return put


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise not_written(path, error) from None


def _beside(target: Path) -> tuple[int, str]:
    """A new file beside its place, locked for as long as somebody writes it."""
    prefix, suffix, folder = f".{target.name[:_NAMED]}.", ".partial", target.parent
    with _alone_in(folder) as alone:
        descriptor, name = tempfile.mkstemp(suffix, prefix, folder)
        os.fchmod(descriptor, _PRIVATE)
        _locked(descriptor)
        if alone:
            _sweep(folder, f"{glob.escape(prefix)}????????{suffix}")
    return descriptor, name


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Whether nobody else makes or sweeps a file in this folder; never waits for who does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Lock it as long as it is open; False where another does, or the file system knows no locks.

    Where there are no locks, nothing is swept either.
    """
    import fcntl  # POSIX only, as `sync`; `import fhir_remission` is for everybody

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(folder: Path, pattern: str) -> None:
    """Remove what killed runs left behind: what nobody holds a lock on."""
    for left in folder.glob(pattern):
        with suppress(OSError):
            descriptor = os.open(left, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _locked(descriptor):
                    left.unlink()
            finally:
                os.close(descriptor)


def _force_folder(folder: Path) -> None:
    """Have the new name itself on the disk; not every file system knows how."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
