"""What is imported before commands are forked, and how one of them runs; see `warm`."""

from __future__ import annotations

import importlib
import os
import pkgutil
import runpy
import socket
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import fhir_remission
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files import mapping_files as tables
from fhir_remission.jobs.judging import judging

for _found in pkgutil.walk_packages(fhir_remission.__path__, "fhir_remission."):
    if not _found.name.endswith("__main__") and ".spark" not in _found.name:
        importlib.import_module(_found.name)

# Read once for all of them: the tables are the same.
judging.load_mappings = cache(tables.load_mappings)
judging.load_mappings(None, namespace=NAMESPACE)


def command(arguments: list[str], folder: Path, out: Path, err: Path, slow_names: bool) -> None:
    """One command line in this process, its words in files."""
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    if slow_names:
        socket.getaddrinfo = _no_answer
    sys.argv = ["fhir-remission", *arguments]
    runpy.run_module("fhir_remission", run_name="__main__")


def _no_answer(*_: Any, **__: Any) -> Any:
    """A resolver that waits for a name server which is not there."""
    time.sleep(3600)
