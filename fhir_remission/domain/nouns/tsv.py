"""Tables as text: tab-separated, a header, comments after `# `, and a source in every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from fhir_remission.errors import TableError

MADE_FROM = "# line "


class Row(Struct, frozen=True):
    """One row of a table, and where it stands."""

    cells: dict[str, str]
    file: str
    line: int

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def listed(self, column: str) -> tuple[str, ...]:
        """The parts of a cell that holds several, written with semicolons."""
        return tuple(part for part in self.cells[column].split(";") if part)

    def check(self, told: Iterable[str], known: Iterable[str], what: str) -> None:
        """Refuse what is none of those known, with what it then is: `no kind of event`."""
        for one in told:
            if one not in known:
                raise self.refuse(f"{one} is {what}; use one of {', '.join(filter(None, known))}")

    def refuse(self, reason: str) -> TableError:
        """The error that names this row."""
        return TableError(reason, file=self.file, line=self.line)


def read_rows(text: str, *, file: str, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows; the first bad one stops the run and names its line.

    A comment `# line 7` says that the rows after it were made from line 7 of another file.
    """
    header_seen = False
    made_from = 0
    for number, content in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if content.startswith(MADE_FROM):
            made_from = int(content.removeprefix(MADE_FROM))
        line = made_from or number
        cells = [cell.strip() for cell in content.rstrip("\r").split("\t")]
        if not any(cells) or content.startswith("# "):
            continue
        if not header_seen:
            _check_header(cells, columns, file=file, line=line)
            header_seen = True
            continue
        yield _row(cells, columns, file=file, line=line)
    if not header_seen:
        raise TableError(f"no header; the first row must be: {' '.join(columns)}", file=file)


def _check_header(cells: list[str], columns: tuple[str, ...], *, file: str, line: int) -> None:
    if tuple(cells) != columns:
        raise TableError(
            f"the columns are {' '.join(cells)}; they must be: {' '.join(columns)}",
            file=file,
            line=line,
        )


def _row(cells: list[str], columns: tuple[str, ...], *, file: str, line: int) -> Row:
    if len(cells) > len(columns):
        raise TableError(
            f"{len(cells)} cells in a table of {len(columns)} columns; check the tabs",
            file=file,
            line=line,
        )
    cells += [""] * (len(columns) - len(cells))
    row = Row(cells=dict(zip(columns, cells, strict=True)), file=file, line=line)
    if "source" in columns and not row["source"]:
        raise row.refuse("the row names no source; say where it comes from")
    return row
