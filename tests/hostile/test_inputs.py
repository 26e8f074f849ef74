"""Files and pipes that mean harm: no end, no line, no text; memory and time stay bounded."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.r4 import bounds
from fhir_remission.fhir.r4.bounds import bounded
from fhir_remission.fhir.r4.encodings import texts_of

ROOT = str(Path(__file__).parents[2])
MIB = 1 << 20
# What a command may take beside what it holds of its input.
ALLOWED = 200 * MIB


def told(*arguments: str, piece: bytes = b"", timeout: float = 60) -> tuple[int, str, int, float]:
    """Code, stderr, peak memory and seconds of a command that is fed this piece for ever."""
    code = (
        # VmHWM is of this program; ru_maxrss keeps what the process was before it began.
        "import re, sys; from fhir_remission.cli.main import main; code = main(sys.argv[1:]);"
        "status = open('/proc/self/status').read();"
        "print(re.search(r'VmHWM:\\s+(\\d+)', status)[1], file=sys.stderr); sys.exit(code)"
    )
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:

        def feed() -> None:
            assert process.stdin is not None
            try:
                while piece:
                    process.stdin.write(piece)
                process.stdin.close()
            except OSError:
                return

        threading.Thread(target=feed, daemon=True).start()
        assert process.stderr is not None
        stderr = process.stderr.read().decode(errors="replace")
        process.wait(timeout)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
    lines = stderr.splitlines()
    return (
        process.returncode,
        "\n".join(lines[:-1]),
        int(lines[-1]) * 1024,
        time.monotonic() - began,
    )


@pytest.mark.parametrize("command", ["classify", "explain"])
@pytest.mark.parametrize("source", ["/dev/zero", "/dev/urandom", "-"])
def test_what_is_no_text_is_refused_at_its_first_bytes(command: str, source: str) -> None:
    """A device, or a pipe that pours zeros; nothing of it is kept."""
    code, stderr, memory, _ = told(command, source, piece=b"\0" * MIB if source == "-" else b"")

    assert code == 2, stderr
    assert "not a JSON object" in stderr or "bug" not in stderr
    assert memory < ALLOWED


PIECES = {
    "one line": b'{"a":"' + b"0" * MIB,
    "spaces": b" " * MIB,
    "one object": b'{"a":[\n' + (b"0," * 500 + b"\n") * 1000,
    "empty lines": b"\n" * MIB,
    "lines": b'{"resourceType":"Basic","id":"%s"}\n' % (b"x" * 9000) * 100,
    "brackets": b"{" * MIB,
}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PIECES)
def test_a_pipe_without_end_is_refused_before_memory_follows_it(name: str) -> None:
    """A line, a document, lines: each has an end."""
    code, stderr, memory, seconds = told("classify", "-", piece=PIECES[name], timeout=500)

    print(f"classify -, {name}: exit {code}, {memory >> 20} MiB, {seconds:.1f} s")
    assert code == 2, stderr
    assert "archive" in stderr or "nothing" in stderr
    assert memory < 4 * bounds.LONGEST_LINE + ALLOWED


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("packed", [False, True])
def test_two_gibibytes_of_zeros_in_an_archive(packed: bool, tmp_path: Path) -> None:
    """On one line, plain or packed: a flaw by name, and little memory."""
    source = tmp_path / "in" / ("z.ndjson.gz" if packed else "z.ndjson")
    source.parent.mkdir()
    if packed:
        import gzip

        with gzip.open(source, "wb", compresslevel=1) as file:
            for _ in range(2048):
                file.write(b"\0" * MIB)
    else:
        with source.open("wb") as file:
            file.truncate(2 << 30)
    arguments = ["archive", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]

    code, stderr, memory, seconds = told(*arguments, timeout=800)

    print(f"archive, 2 GiB of zeros, packed {packed}: {code}, {memory >> 20} MiB, {seconds:.1f} s")
    assert code in (2, 3), stderr
    assert memory < 4 * 64 * MIB + ALLOWED


def test_bounds_are_seen_at_the_piece_that_oversteps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line and a text; many short lines are no long one, however they are cut."""
    monkeypatch.setattr(bounds, "LONGEST_LINE", 100)
    monkeypatch.setattr(bounds, "LARGEST", 1000)

    assert list(bounded([b"{", b"a" * 98, b"\n", b"{" * 99], name="x"))
    assert list(bounded([b'{"a":1}\n' * 50] * 2, name="x"))
    with pytest.raises(InputError, match="a line longer than"):
        list(bounded([b"{" * 60, b"a" * 60], name="x"))
    with pytest.raises(InputError, match="a line longer than"):
        list(bounded([b"{\n" + b"a" * 60, b"a" * 60], name="x"))
    with pytest.raises(InputError, match="larger than"):
        list(bounded([b"{}\n" * 30] * 20, name="x"))
    with pytest.raises(InputError, match=r"^x:3: not a JSON object"):
        list(bounded([b"\n", b" \n  x"], name="x"))


def test_a_document_over_many_lines_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretty-printed, and never closed."""
    monkeypatch.setattr(bounds, "LARGEST_DOCUMENT", 100)

    with pytest.raises(InputError, match="a document over"):
        list(read_documents([b'{"a":[\n' + b"0,\n" * 100], name="x"))


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 200_000, b'{"' + b"\\" * 400_001, b'"' * 99_999])
def test_a_string_without_end_is_looked_at_once(body: bytes) -> None:
    """Each quote in it tried anew would take hours, and hear no signal."""
    began = time.monotonic()

    list(texts_of(body))

    assert time.monotonic() - began < 5
