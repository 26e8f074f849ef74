"""Every exception of this package, sorted by what the person or program that meets it should do.

    RemissionError                 our own bug                                          exit 1
    ├── UsageError                 fix the call or the input and run again              exit 2
    │   ├── SettingsError          a flag, an environment variable or a settings file
    │   ├── TableError             a mapping or criteria file; names file and line
    │   └── InputError             a file that is not JSON or not FHIR
    ├── LoginRefused               the server refused our credentials or scopes         exit 4
    ├── SafetyStop                 going on could harm: stop and ask a person           exit 5
    ├── AlreadyRunning             another run holds the lock                           exit 6
    ├── CapabilityMissing          the server cannot do what the job needs              exit 7
    ├── Unreachable                busy or unreachable after retries; state consistent  exit 75
    │   └── BrokeOff               it broke off on this question; a smaller one may do
    ├── ClockDoubtful              clocks disagree by more than a day: set one          exit 75
    ├── ReadIncomplete             evidence not read to the end: judge nothing from it  exit 3
    ├── RequestRefused             the same request would fail the same way             exit 3
    │   ├── Conflict               somebody else changed it first (409, 412)
    │   └── PatientUnmatched       not certain who a patient is at a sink
    └── Interrupted                SIGTERM, SIGINT or deadline; state consistent        exit 130/143

Bad data is never an exception: it is a value with a reason (`domain.inputs.Skipped`).
"""

from __future__ import annotations

import re


class RemissionError(Exception):
    """The root of the tree; on its own a bug of ours.

    Example:
        >>> from fhir_remission import RemissionError, classify
        >>> try:
        ...     classify("bundle.json", criteria="eln-2023")
        ... except RemissionError as error:
        ...     error.exit_code
        2
    """

    exit_code = 1


class UsageError(RemissionError):
    """The call, the settings or the input must change before another run makes sense.

    Example:
        >>> from fhir_remission import schema
        >>> schema("assessment-0")
        Traceback (most recent call last):
        fhir_remission.errors.UsageError: there is no schema assessment-0; there are: ...
    """

    exit_code = 2


class SettingsError(UsageError):
    """A flag, an environment variable or the settings file is wrong.

    Example:
        >>> from fhir_remission import Classifier
        >>> Classifier(timezone="Europe/Hamlet")
        Traceback (most recent call last):
        fhir_remission.errors.SettingsError: ...
    """


class TableError(UsageError):
    """A mapping or criteria file is wrong; the message begins with `file:line`.

    Example:
        >>> from fhir_remission import TableError
        >>> raise TableError("the row names no source", file="codes.tsv", line=7)
        Traceback (most recent call last):
        fhir_remission.errors.TableError: codes.tsv:7: the row names no source
    """

    def __init__(self, reason: str, *, file: str, line: int | None = None) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.line = line


class InputError(UsageError):
    """What was given is not JSON, not FHIR or not a type we read.

    Example:
        >>> from fhir_remission import classify
        >>> classify(b"<html>")
        Traceback (most recent call last):
        fhir_remission.errors.InputError: ...
    """


class LoginRefused(RemissionError):
    """The server refused the credentials, the token or the scopes."""

    exit_code = 4


class SafetyStop(RemissionError):
    """Going on could harm a patient or leak data; a person must look."""

    exit_code = 5


class AlreadyRunning(RemissionError):
    """Another run holds the lock."""

    exit_code = 6


class CapabilityMissing(RemissionError):
    """The server cannot do something the job needs."""

    exit_code = 7


class Unreachable(RemissionError):
    """The server was busy or unreachable after all retries; nothing is half done."""

    exit_code = 75


class BrokeOff(Unreachable):
    """The server answers, but broke off or timed out on this question each time."""


class ClockDoubtful(RemissionError):
    """Our clock and another one are so far apart that nothing may be judged or written."""

    exit_code = 75


class ReadIncomplete(RemissionError):
    """A patient's evidence could not be read to the end, so nothing may be judged from it."""

    exit_code = 3


class RequestRefused(RemissionError):
    """The server answered, and the same request would be answered the same way again."""

    exit_code = 3

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Conflict(RequestRefused):
    """Somebody else changed the resource first (409 or 412): read again, decide again."""


class PatientUnmatched(RequestRefused):
    """Nobody at the sink is certainly this patient; `stop` where several seem to be."""

    def __init__(self, reason: str, *, stop: bool = False) -> None:
        super().__init__(reason)
        self.stop = stop


class Interrupted(RemissionError):
    """A signal or the deadline ended the run between two patients; nothing is half done."""

    exit_code = 143

    def __init__(self, reason: str, *, exit_code: int = 143) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def place_of(error: BaseException) -> str:
    """The deepest line of our own code the error passed, as module:line."""
    place, traceback = "unknown", error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__", "").startswith("fhir_remission"):
            place = f"{frame.f_globals['__name__']}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def anchor_of(kind: type[BaseException]) -> str:
    """The place in `docs/errors.md` that tells of this kind of error, or of a wider one."""
    told = next((one for one in kind.__mro__ if one.__module__ == __name__), kind)
    return re.sub(r"(?<!^)(?=[A-Z])", "-", told.__name__).lower()
