"""The answers of a run for a person: a table where the page is wide, else a block per patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fhir_remission.domain.answer.layout import columns, printable, wrapped

# Below this a table of six columns is a heap of words.
TABLE = 120
HEAD = ("patient", "state", "category", "date", "why", "missing for better")
_WORDS = 4
Line = Mapping[str, Any]


def answers_page(lines: Iterable[Line], width: int) -> Iterator[str]:
    """The printed lines of a run, decoded, as a page of that width."""
    rows = [_row(line) for line in lines]
    yield from _table(rows, width) if width >= TABLE else _blocks(rows, width)


def name_of(line: Line) -> str:
    """A patient without the type."""
    return str(line["patient"]).removeprefix("Patient/")


def _row(line: Line) -> tuple[str, ...]:
    provisional = "?" if line.get("provisional") else ""
    day = line.get("response_date") or (line.get("anchor") or {}).get("effective") or ""
    cells = (
        name_of(line),
        str(line.get("state", line["disposition"])),
        f"{line.get('code', '')}{provisional}",
        str(day)[:10],
        str(line.get("summary", line["reason"])),
        str(line.get("next_better", "")),
    )
    return tuple(printable(cell) for cell in cells)


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    table = [HEAD, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(_WORDS)]
    room = width - sum(widths) - 2 * (len(HEAD) - 1)
    widths += [room * 11 // 20, room - room * 11 // 20]
    for row in table:
        yield from columns(row, widths)


def _blocks(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    for at, (name, state, category, day, why, better) in enumerate(rows):
        if at:
            yield ""
        head = "  ".join(cell for cell in (name, category, state, day) if cell)
        yield from [head] if len(head) <= width else wrapped(head, rest="  ", width=width)
        for text in (why, better):
            yield from wrapped(text, first="  ", width=width)
