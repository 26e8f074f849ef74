"""One fuzzing run of one reader: `python -m tests.fuzz.target page SEEDS... -max_total_time=20`."""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Instrument the package, then feed the reader until the time is over or it breaks."""
    with atheris.instrument_imports(include=["fhir_remission"]):
        from tests.fuzz.readers import READERS
    read = READERS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], read)
    atheris.Fuzz()


main()
