"""The tables on disk: where they are, which a site adds to them, and what they are read into."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.domain.tables.issues import Harmless, read_issue_codes
from fhir_remission.domain.tables.mappings import (
    TABLES,
    Mappings,
    Removal,
    TableText,
    read_mappings,
)
from fhir_remission.errors import SettingsError, TableError

if TYPE_CHECKING:
    from fhir_remission.domain.criteria.loading import CriteriaSet
    from fhir_remission.domain.tables.categories import Categories
    from fhir_remission.domain.tables.displays import Lexicon

_PACKAGE = Path(__file__).resolve().parents[2]
VOCABULARY_COLUMNS = ("id", "sentence", "source")


def default_dir() -> Path:
    """The tables that came with this installation: in the wheel, else in the checkout."""
    packaged = _PACKAGE / "_mappings"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "mappings"


def load_mappings(overlay: Path | None = None, *, namespace: str = "") -> Mappings:
    """The shipped tables with a site's overlay; a row that contradicts another stops the run."""
    from fhir_remission.effects.files.overlay import read_overlay  # most sites have none
    from fhir_remission.effects.files.panels import load_panels

    shipped = {name: [_text(default_dir() / f"{name}.tsv")] for name in TABLES}
    removed: tuple[Removal, ...] = ()
    if overlay is not None:
        added, removed = read_overlay(overlay, namespace=namespace or NAMESPACE)
        for name, texts in added.items():
            shipped[name].extend(texts)
    return read_mappings(
        shipped,
        version=_version(shipped, removed),
        removed=removed,
        panels=load_panels(overlay),
        namespace=namespace or NAMESPACE,
    )


def criteria_names(overlay: Path | None = None) -> list[str]:
    """The criteria sets that are there, shipped and the site's own."""
    return sorted(
        {path.stem for place in _dirs("criteria", overlay) for path in place.glob("*.toml")}
    )


def load_criteria(
    name: str, *, overlay: Path | None = None, analytes: Collection[str] | None = None
) -> CriteriaSet:
    """One criteria set by name; the site's own file comes before the shipped one.

    `analytes`, where given, are those some code maps to: a set that asks for another is refused.
    """
    from fhir_remission.domain.criteria.loading import read_criteria

    for place in _dirs("criteria", overlay):
        path = place / f"{name}.toml"
        if path.parent == place and path.is_file():
            table = _text(path)
            return read_criteria(table.text, file=table.file, name=name, analytes=analytes)
    raise SettingsError(
        f"unknown criteria set {name}; there are: {', '.join(criteria_names(overlay))}"
    )


def load_vocabulary(name: str) -> dict[str, str]:
    """A closed list of ids, each with its sentence."""
    table = _text(default_dir() / "vocabulary" / f"{name}.tsv")
    words: dict[str, str] = {}
    for row in read_rows(table.text, file=table.file, columns=VOCABULARY_COLUMNS):
        if row["id"] in words:
            raise row.refuse(f"{row['id']} is listed twice; keep one")
        words[row["id"]] = row["sentence"]
    return words


def load_vocabularies() -> dict[str, dict[str, str]]:
    """Every closed list of ids by its name, each id with its sentence."""
    found = (default_dir() / "vocabulary").glob("*.tsv")
    return {name: load_vocabulary(name) for name in sorted(path.stem for path in found)}


@cache
def load_issue_codes() -> Harmless:
    """The issue types by which a server says nothing of the rows."""
    table = _text(default_dir() / "issues.tsv")
    return read_issue_codes(table.text, file=table.file)


def load_lexicon() -> Lexicon:
    """The words by which a display is seen to contradict its code."""
    from fhir_remission.domain.tables.displays import Words, lexicon_of

    return lexicon_of(Words((_text(default_dir() / "words.tsv"),)))


def load_categories() -> Categories:
    """The codings of what we write."""
    from fhir_remission.domain.tables.categories import read_categories

    table = _text(default_dir() / "categories.tsv")
    return read_categories(table.text, file=table.file)


def server_dirs(overlay: Path | None) -> tuple[Path, ...]:
    """Where the families of servers stand, the site's own folder first."""
    return _dirs("servers", overlay)


def _dirs(name: str, overlay: Path | None) -> tuple[Path, ...]:
    own = () if overlay is None or not overlay.is_dir() else (overlay / name,)
    return (*own, default_dir() / name)


def _text(path: Path) -> TableText:
    try:
        return TableText(file=str(path), text=path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise TableError(f"is not UTF-8 at byte {error.start}", file=str(path)) from None


def _version(tables: dict[str, list[TableText]], removed: tuple[Removal, ...]) -> str:
    digest = hashlib.sha256()
    for name in TABLES:
        for table in tables[name]:
            digest.update(f"{name}\0{table.text}\0".encode())
    for removal in sorted(removed):
        digest.update(f"removed\0{removal.system}\0{removal.code}\0".encode())
    return digest.hexdigest()[:12]
