"""A real HAPI FHIR JPA server for tests: built by Maven once, started on a loopback port.

`python -m tests.servers.hapi_server --port 8080` builds if needed, prints `ready URL`, serves until
stopped; `--validate PATH...` runs the HL7 validator instead. Needs a JDK 17 and Maven; the first
build downloads about 300 MB from Maven Central.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent / "hapi"
TARGET = PROJECT / "target"
ALLOWED = Path(__file__).parents[1] / "validators" / "allowed.tsv"
# Ready after 25 s on a quiet machine; after more than 180 s on one that builds beside it.
READY_SECONDS = 400.0

# Serial collector and C1 only: a short-lived server on two cores is ready 40 % sooner that way.
JVM_FLAGS = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


class HapiUnavailable(Exception):
    """The HAPI lane could not be built or started; the message says what to do."""


def build() -> str:
    """Build the Java side if its sources changed, and return the class path."""
    TARGET.mkdir(exist_ok=True)
    with (TARGET / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_built():
            shutil.rmtree(TARGET / "definitions", ignore_errors=True)
            _run_maven()
            (TARGET / ".built").write_text(_source_digest())
    jar = TARGET / "hapi-lane-1.jar"
    return os.pathsep.join([str(jar), (TARGET / "classpath.txt").read_text().strip()])


def java_command(*arguments: str) -> list[str]:
    """Build if needed and return the command line of the Java side with these arguments."""
    return [_tool("java"), *JVM_FLAGS, "-cp", build(), "HapiLane", *arguments]


@contextlib.contextmanager
def running(port: int = 0, *, notifying: bool = False) -> Iterator[str]:
    """Start a server, yield its base URL, and stop it at the end; it may serve Subscriptions."""
    with _process(port, *(["notify"] if notifying else [])) as server:
        yield _await_ready(server)


@contextlib.contextmanager
def _process(port: int, *more: str) -> Iterator["subprocess.Popen[str]"]:
    command = java_command("serve", str(port), *more)
    # It stops when its stdin closes, so it cannot outlive a killed test run.
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        try:
            yield server
        finally:
            server.terminate()


def _await_ready(server: "subprocess.Popen[str]") -> str:
    lines: queue.Queue[str] = queue.Queue()
    stdout = server.stdout
    if stdout is None:
        raise HapiUnavailable("the server was started without a pipe for its output")
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=READY_SECONDS)
    except queue.Empty:
        raise HapiUnavailable(f"not ready after {READY_SECONDS:.0f} s; see its stderr") from None
    if not line.startswith("ready "):
        raise HapiUnavailable("stopped before it was ready; see its stderr")
    return line.split()[1]


def _is_built() -> bool:
    stamp, classpath = TARGET / ".built", TARGET / "classpath.txt"
    if not (stamp.is_file() and classpath.is_file() and (TARGET / "hapi-lane-1.jar").is_file()):
        return False
    jars = classpath.read_text().strip().split(os.pathsep)
    return stamp.read_text() == _source_digest() and all(Path(jar).is_file() for jar in jars)


def _run_maven() -> None:
    command = [_tool("mvn"), "-q", "-B", "-f", str(PROJECT / "pom.xml"), "package"]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise HapiUnavailable(f"the build failed; run `{' '.join(command)}` to see why")


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted([PROJECT / "pom.xml", *(PROJECT / "src").rglob("*.*")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise HapiUnavailable(f"{name} is not installed; the HAPI lane needs a JDK 17 and Maven")
    return found


def main() -> int:
    """Build; build and validate; or build and serve until stopped."""
    parser = argparse.ArgumentParser(prog="tests.servers.hapi_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--validate", nargs="+", metavar="PATH", help="JSON, NDJSON, directories")
    chosen = parser.parse_args()
    try:
        if chosen.validate:
            command = java_command("validate", str(ALLOWED), *chosen.validate)
            return subprocess.run(command, check=False).returncode
        if chosen.build_only:
            build()
            return 0
        with _process(chosen.port) as server:
            print(f"ready {_await_ready(server)}", flush=True)
            return server.wait()
    except KeyboardInterrupt:
        return 130
    except HapiUnavailable as problem:
        print(f"hapi server: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
