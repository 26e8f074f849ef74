"""What the engines are made of: from Maven Central and npm, once, into build/engines."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy/engines"
BUILD = ROOT / "build/engines"
NODE_RED = "node-red@4.1.15"


def maven(name: str, pom: Path) -> str:
    """The class path of a pom."""
    folder = BUILD / name

    def copy() -> None:
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        _run([*command, f"-DoutputDirectory={folder}", "-DincludeScope=runtime"])

    _once(folder, hashlib.sha256(pom.read_bytes()).hexdigest(), copy)
    return str(folder / "*")


def compiled(name: str, path: str, source: Path) -> str:
    """The class path with what was compiled from one source."""
    folder = BUILD / f"{name}-classes"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    _once(folder, digest, lambda: _run(["javac", "-cp", path, "-d", str(folder), str(source)]))
    return f"{path}:{folder}"


def node_red() -> str:
    """The program of Node-RED."""
    folder = BUILD / "node-red"
    npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder)]
    _once(folder, NODE_RED, lambda: _run([*npm, NODE_RED]))
    return str(folder / "node_modules/node-red/red.js")


def _once(folder: Path, wanted: str, make: Callable[[], None]) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    stamp = BUILD / f"{folder.name}.made"
    with (BUILD / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        make()
        stamp.write_text(wanted)


def _run(command: list[str]) -> None:
    subprocess.run(command, stdout=sys.stderr, check=True, timeout=600)
