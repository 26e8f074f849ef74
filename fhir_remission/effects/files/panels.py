"""Panel codes: what to search for besides the codes of the results themselves."""

from __future__ import annotations

from pathlib import Path

from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.effects.files.mapping_files import default_dir
from fhir_remission.errors import TableError

COLUMNS = ("system", "code", "display", "source")


def load_panels(overlay: Path | None = None) -> tuple[tuple[str, str], ...]:
    """Read the shipped panels and a site's own; a panel is asked for, never judged."""
    folders = [
        default_dir(),
        *([overlay] if overlay and (overlay / "panels.tsv").is_file() else []),
    ]
    return tuple(sorted({code for folder in folders for code in _read(folder / "panels.tsv")}))


def _read(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise TableError("cannot be read as text", file=str(path)) from None
    rows = list(read_rows(text, file=str(path), columns=COLUMNS))
    for row in rows:
        if not row["system"] or not row["code"]:
            raise row.refuse("a code is only known together with its system; give both")
    return [(row["system"], row["code"]) for row in rows]
