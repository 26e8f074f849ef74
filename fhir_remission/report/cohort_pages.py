"""The pages of a cohort as names and texts: an overview, the plot in three orders, lists, CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence

from fhir_remission.domain.answer.page_parts import Words
from fhir_remission.report.cohort import Cohort, Person, cohorts_of
from fhir_remission.report.entries import Line
from fhir_remission.report.swimmer import ORDERS, days_of, lanes_of, ticks_of
from fhir_remission.report.templates import render

# Lanes on one page: a page opens in a second, and a person scrolls no further.
PER_PAGE = 200
ORDERS_PER_PAGE = 1000
COLUMNS = (
    *("patient", "criteria", "state", "state_since", "category", "code", "best_response", "mrd"),
    *("mrd_event", "response_date", "provisional", "confidence", "missing", "flags", "reason"),
    *("last_marrow", "last_blood", "last_mrd", "as_of", "evidence_hash"),
)
# What a spreadsheet would run as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cohort_pages(
    lines: Iterable[Line],
    words: Words,
    *,
    link: Callable[[str], str] = lambda _: "",
    unmapped: Mapping[str, int] | None = None,
    refused: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Every page by its file name; `index.html` is the first one.

    `link` names the page of a patient (empty: none). `unmapped` and `refused` are the codes and the
    units that a run told of.
    """
    found = cohorts_of(lines, words)
    pages: dict[str, str] = {}
    for place, one in enumerate(found):
        stem = "" if place == 0 else f"{one.criteria}-"
        pages |= _plots(one, stem, link)
        pages |= _worklists(one, stem, link)
        pages[f"{stem}index.html"] = render(
            "cohort.html.j2",
            cohort=one,
            stem=stem,
            others=[
                (c.criteria, "" if at == 0 else f"{c.criteria}-") for at, c in enumerate(found)
            ],
            orders=list(ORDERS),
            work=_work(one),
            unmapped=sorted((unmapped or {}).items(), key=_often),
            refused=sorted((refused or {}).items(), key=_often),
        )
        pages[f"{stem}patients.csv"] = "".join(_csv(one))
    return pages


def _plots(one: Cohort, stem: str, link: Callable[[str], str]) -> dict[str, str]:
    longest = max((days_of(person) for person in one.people), default=0)
    pages: dict[str, str] = {}
    for name, key in ORDERS.items():
        people = sorted(one.people, key=key)
        parts = [people[at : at + PER_PAGE] for at in range(0, len(people), PER_PAGE)] or [[]]
        names = [f"{stem}by-{name}{f'-{at + 1}' if at else ''}.html" for at in range(len(parts))]
        for at, part in enumerate(parts):
            pages[names[at]] = _plot(part, longest, one, stem, name, names, at, link)
    return pages


def _plot(
    part: Sequence[Person],
    longest: int,
    one: Cohort,
    stem: str,
    name: str,
    names: Sequence[str],
    at: int,
    link: Callable[[str], str],
) -> str:
    return render(
        "swimmer.html.j2",
        lanes=[(lane, link(f"Patient/{lane.patient}")) for lane in lanes_of(part, longest)],
        ticks=ticks_of(longest),
        cohort=one,
        stem=stem,
        order=name,
        orders=list(ORDERS),
        first=at * PER_PAGE + 1,
        last=at * PER_PAGE + len(part),
        pages=list(enumerate(names, start=1)),
        here=at + 1,
    )


def _worklists(one: Cohort, stem: str, link: Callable[[str], str]) -> dict[str, str]:
    orders = one.orders
    parts = [orders[at : at + ORDERS_PER_PAGE] for at in range(0, len(orders), ORDERS_PER_PAGE)]
    names = [f"{stem}worklist{f'-{at + 1}' if at else ''}.html" for at in range(len(parts) or 1)]
    return {
        name: render(
            "worklist.html.j2",
            cohort=one,
            orders=part,
            link=link,
            stem=stem,
            pages=list(enumerate(names, start=1)),
            here=names.index(name) + 1,
        )
        for name, part in zip(names, parts or [()], strict=True)
    }


def _work(one: Cohort) -> list[tuple[str, int]]:
    held: dict[str, int] = {}
    for order in one.orders:
        held[order.what] = held.get(order.what, 0) + 1
    return sorted(held.items(), key=_often)


def _often(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


class _Lines(list[str]):
    """What a writer of CSV takes for a file."""

    def write(self, text: str) -> None:
        """Keep one line."""
        self.append(text)


def _csv(one: Cohort) -> list[str]:
    lines = _Lines()
    rows = csv.writer(lines, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for person in one.people:
        now = {**person.now, "criteria": person.now["criteria"]["id"]}
        rows.writerow([_cell(now.get(name, "")) for name in COLUMNS])
    return lines


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(one) for one in value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
