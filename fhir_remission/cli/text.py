"""Text for people on stdout and stderr: colour on a terminal, plain lines everywhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from fhir_remission.domain.answer.layout import WIDTH
from fhir_remission.domain.nouns.plain_text import plain, plain_json
from fhir_remission.effects.files.private_file import output_file

# What a line is coloured by; a pipe, NO_COLOR and a dumb terminal get the same text without it.
_STYLES = (
    (r"✓+", "green"),
    (r"✗+", "red"),
    (r"=> .*", "bold"),
    (r"^[A-Z]{4,}[^a-z]*(?=[:,]|$)", "bold"),
    (r"DISAGREES", "bold red"),
    (r"\[[A-Z][A-Za-z]+/[^\]]*\]", "dim"),
)

# Below this even a date and a word do not stand side by side.
NARROWEST = 40


def show(lines: Iterable[str]) -> None:
    """Print lines: as UTF-8 bytes to a pipe, in colour to a terminal."""
    if sys.stdout.isatty():
        _coloured(lines)
        return
    sys.stdout.buffer.writelines(f"{plain(line)}\n".encode() for line in lines)
    sys.stdout.buffer.flush()


def page_width(otherwise: int = WIDTH) -> int:
    """How wide a page may be: COLUMNS, else the terminal; for a pipe what is given here."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return max(NARROWEST, shutil.get_terminal_size((otherwise, 24)).columns)
    return otherwise


def write(lines: Iterable[bytes], file: Path | None = None) -> None:
    """Send JSON to stdout, or to a file, each line as it comes."""
    if file is not None:
        with output_file(file) as put:
            for line in lines:
                put(plain_json(line))
        return
    for line in lines:
        sys.stdout.buffer.write(plain_json(line))
        sys.stdout.buffer.flush()


def _coloured(lines: Iterable[str]) -> None:
    from rich.console import Console  # costs 40 ms, and engines never need it
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        text = Text(plain(line))
        for pattern, style in _STYLES:
            text.highlight_regex(pattern, style)
        console.print(text)


def say(message: str) -> None:
    """One line on stderr; a caller that closed or never reads it does not hurt us."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"fhir-remission: {plain(message)}\n")
            sys.stderr.flush()
        except OSError:
            return


def words(text: str) -> tuple[str, ...]:
    """A comma-separated flag as its words."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
